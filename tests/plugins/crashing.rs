//! A plugin that goes wrong in the middle of a run, in every way there is: that run fails with the
//! plugin named and the cause, and the next one is good.

use crate::support::program::{Outcome, quick};
use crate::workshop::{Workshop, request};
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_engine::worker::{Engine, RunFailure};
use std::fs;
use std::time::Duration;

fn faulty(workshop: &Workshop, fault: &str) -> SamplerRef {
    let plugins = workshop.list(sigmalab_sampler::plugin::Effort::Cached).plugins;
    let plugin = plugins.iter().find(|plugin| plugin.info.id == "test.faults").unwrap();
    let param = plugin.info.params.iter().find(|param| param.key == "fault").unwrap();
    let value = param.parse(fault).unwrap();
    let params = [("fault".to_owned(), value), ("at".to_owned(), 2.0)].into();
    SamplerRef { params, ..SamplerRef::named("test.faults") }
}

/// How a run fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    /// The worker stays.
    Run,
    /// The worker goes too.
    Worker,
}

/// Runs well, fails, and runs well again; the words of the failure.
fn fails_once(engine: &mut Engine, workshop: &Workshop, fault: &str, ends: Ends) -> String {
    let good = request(faulty(workshop, "none"));
    let before = engine.run(&good, &mut |_| true).expect("the run before is good");
    let worker = engine.worker_id();
    let failure = engine.run(&request(faulty(workshop, fault)), &mut |_| true).unwrap_err();
    assert_eq!(failure.took_the_worker(), ends == Ends::Worker, "{fault}: {failure}");
    let after = engine.run(&good, &mut |_| true).expect("the run after is good");
    assert_eq!(after.latents, before.latents);
    assert_eq!(engine.worker_id() == worker, ends == Ends::Run, "{fault}");
    let words = failure.to_string();
    assert!(
        words.contains("sampler `test.faults`") && words.contains("step 2"),
        "{fault}: {words}"
    );
    words
}

#[test]
fn every_fault_is_one_failed_run_with_its_cause_and_the_next_run_is_good() {
    let workshop = Workshop::with("faults.c", "faults");
    let mut engine = workshop.engine(Some(Duration::from_secs(3)));
    for (fault, ends, cause) in [
        ("segfault", Ends::Worker, "it died of signal 11 (SIGSEGV, a wrong memory access)"),
        ("abort", Ends::Worker, "it died of signal 6 (SIGABRT, it aborted)"),
        ("exit", Ends::Worker, "it exited with code 3"),
        ("loop", Ends::Worker, "it did not return within 3 s"),
        ("past-end", Ends::Worker, "it wrote past the end of its output"),
        ("before", Ends::Worker, "it wrote before the beginning of its output"),
        ("message", Ends::Worker, "it wrote past the end of its message"),
        ("input", Ends::Worker, "it wrote to its input `x`, which it may only read"),
        ("history", Ends::Worker, "it died of signal 11 (SIGSEGV"),
        ("nan", Ends::Run, "it wrote 1 of 32768 values that are not finite"),
        ("unwritten", Ends::Run, "it left 32768 of 32768 values unwritten"),
        ("error-code", Ends::Run, "it failed with code -77: the moon is in the wrong place"),
        ("evaluations", Ends::Run, "more often than the 2 times a step it declares"),
        ("noise", Ends::Run, "it draws noise and does not declare it"),
        ("split", Ends::Run, "it evaluates the networks separately and does not declare it"),
        ("at-zero", Ends::Run, "it asked for a velocity at σ = 0"),
        ("cancelled", Ends::Run, "it says that the run was cancelled, and it was not"),
        ("flush", Ends::Worker, "it changed how floating-point numbers are computed"),
    ] {
        if fault == "flush" && !cfg!(target_arch = "x86_64") {
            continue;
        }
        let words = fails_once(&mut engine, &workshop, fault, ends);
        assert!(words.contains(cause), "{fault}: {words}");
    }
}

#[test]
fn a_plugin_that_does_not_return_is_ended_soon_after_a_cancellation() {
    let workshop = Workshop::with("faults.c", "faults");
    let mut engine = workshop.engine(Some(Duration::from_secs(600)));
    engine.run(&request(faulty(&workshop, "none")), &mut |_| true).unwrap();
    let asked = request(faulty(&workshop, "loop"));
    // What the plugin logs is in the worker's log.
    let loops = || fs::read_to_string(workshop.path("worker.log")).unwrap().contains("looping");
    let failure = engine.run(&asked, &mut |_| !loops()).unwrap_err();
    assert!(matches!(failure, RunFailure::SamplerDied { .. }), "{failure}");
    assert!(failure.to_string().contains("within 3 s of being cancelled"), "{failure}");
}

/// A run of the command line with the plugin of the faults.
fn generate(workshop: &Workshop, more: &[&str]) -> Outcome {
    let arguments = ["--sampler", "test.faults", "--output", "out.png"];
    workshop.run(&quick(&[&arguments[..], more].concat()))
}

#[test]
fn the_command_line_names_the_plugin_that_crashed_and_writes_nothing() {
    let workshop = Workshop::with("faults.c", "faults");
    let outcome = generate(&workshop, &["--sampler-param", "fault=segfault", "--quiet"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let told =
        "error: the worker process died in sampler `test.faults` (step 2): it died of signal 11";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    assert!(!workshop.path("out.png").exists());
}

#[test]
fn what_a_plugin_prints_is_kept_from_the_terminal() {
    let workshop = Workshop::with("faults.c", "faults");
    let outcome = generate(&workshop, &["--sampler-param", "fault=prints"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 1, "{}", outcome.stdout);
    assert!(!outcome.stderr.contains('\x1b'), "{}", outcome.stderr);
    assert!(outcome.stderr.lines().count() < 60, "{}", outcome.stderr);
    for words in ["worker: \\u{1b}[31mline 0\n", "line 59999\n", "lines left out)", "title"] {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
}

#[test]
fn a_plugin_that_crashes_when_the_worker_opens_it_is_named_by_its_file() {
    let workshop = Workshop::with("euler.c", "euler");
    let mut engine = workshop.engine(None);
    // Listed as it was, and another one when it is run.
    workshop.compile("table.c", "euler", &["WRONG=CRASHES"]);
    let failure = engine.run(&request(SamplerRef::named("test.euler")), &mut |_| true).unwrap_err();
    assert!(failure.took_the_worker());
    assert!(failure.to_string().contains("libeuler.so"), "{failure}");
    workshop.compile("table.c", "euler", &["WRONG=BAD_PARAM"]);
    let failure = engine.run(&request(SamplerRef::named("test.euler")), &mut |_| true).unwrap_err();
    assert!(matches!(failure, RunFailure::BadInput(_)), "{failure}");
    assert!(failure.to_string().contains("parameter `eta`"), "{failure}");
    workshop.compile("faults.c", "euler", &[]);
    let failure = engine.run(&request(SamplerRef::named("test.euler")), &mut |_| true).unwrap_err();
    assert!(failure.to_string().contains("it holds sampler `test.faults` now"), "{failure}");
    engine.run(&request(SamplerRef::named("euler")), &mut |_| true).unwrap();
}

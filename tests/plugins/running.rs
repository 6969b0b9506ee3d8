//! Plugins in runs: the same bits as the built-in sampler, and recipes that know their file.

use crate::support::program::quick;
use crate::support::text::AssertHas as _;
use crate::workshop::{Workshop, request};
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_engine::worker::RunFailure;
use sigmalab_sampler::Samplers;
use sigmalab_sampler::plugin::Effort;
use sigmalab_schedule::terminal::Terminal;

#[test]
fn euler_as_a_plugin_gives_the_bits_of_the_built_in_one() {
    let workshop = Workshop::with("euler.c", "euler");
    let mut engine = workshop.engine(None);
    let built_in = engine.run(&request(SamplerRef::named("euler")), &mut |_| true).unwrap();
    let plugin = engine.run(&request(SamplerRef::named("test.euler")), &mut |_| true).unwrap();
    assert_eq!(plugin.latents, built_in.latents);
    assert_eq!(plugin.image, built_in.image);
    // The evaluation at the noise is every sampler's.
    assert_eq!((plugin.nfe.cond_done, plugin.nfe.cond_saved), (3, 1));
    let listed = workshop.list(Effort::Normal).plugins.remove(0);
    assert_eq!(plugin.recipe.sampler.version.as_deref(), Some("1"));
    assert_eq!(plugin.recipe.sampler.file_hash.as_deref(), Some(listed.file.hash.as_str()));
    assert_eq!(built_in.recipe.sampler.file_hash, None);
    assert_ne!(plugin.recipe.identity().unwrap(), built_in.recipe.identity().unwrap());
}

#[test]
fn a_second_run_with_a_plugin_reuses_the_steps_of_the_first() {
    let workshop = Workshop::with("euler.c", "euler");
    let mut engine = workshop.engine(None);
    let asked = request(SamplerRef::named("test.euler"));
    engine.run(&asked, &mut |_| true).unwrap();
    let again = engine.run(&asked, &mut |_| true).unwrap();
    assert_eq!((again.nfe.cond_done, again.nfe.cond_saved), (0, 4));
}

#[test]
fn a_plugin_that_was_built_again_is_taken_up_by_the_next_run() {
    let workshop = Workshop::with("euler.c", "euler");
    let mut engine = workshop.engine(None);
    let asked = request(SamplerRef::named("test.euler"));
    let first = engine.run(&asked, &mut |_| true).unwrap();
    // The engine still has the old list.
    workshop.compile("euler.c", "euler", &["VERSION_=\"2\""]);
    let second = engine.run(&asked, &mut |_| true).unwrap();
    assert_eq!(second.recipe.sampler.version.as_deref(), Some("2"));
    assert_ne!(second.recipe.sampler.file_hash, first.recipe.sampler.file_hash);
    // The evaluation at the noise is every sampler's; no step of the old plugin is taken.
    assert_eq!(second.nfe.cond_saved, 1);
    // Its whole recipe names what is no longer there.
    let mut stale = asked.clone();
    stale.recipe = first.recipe.clone();
    engine.set_samplers(Samplers::with(workshop.list(Effort::Normal)));
    let failure = engine.run(&stale, &mut |_| true).unwrap_err();
    assert!(
        matches!(&failure, RunFailure::BadInput(words) if words.contains("version 1 of sampler `test.euler`")),
        "{failure}"
    );
}

#[test]
fn a_recipe_whose_plugin_is_missing_or_different_says_so() {
    let workshop = Workshop::with("euler.c", "euler");
    let generate = quick(&["--sampler", "test.euler", "--output", "out.png"]);
    workshop.done(&generate);
    let again = ["generate", "--recipe", "out.png", "--output", "again.png"];
    workshop.done(&again);
    let bytes = |name| std::fs::read(workshop.path(name)).unwrap();
    assert_eq!(bytes("out.png"), bytes("again.png"));

    // The same version in another file.
    let library = workshop.plugins().join("libeuler.so");
    let mut other = std::fs::read(&library).unwrap();
    other.extend_from_slice(b"another build");
    std::fs::remove_file(&library).unwrap();
    std::fs::write(&library, other).unwrap();
    let different = workshop.run(&again);
    assert_eq!(different.code, Some(2), "{different:?}");
    different.stderr.assert_has([
        "plugin `test.euler` whose file has hash",
        "libeuler.so",
        "--sampler test.euler",
    ]);
    let as_today = [&again[..], &["--sampler", "test.euler"]].concat();
    workshop.done(&as_today);

    workshop.compile("euler.c", "euler", &["VERSION_=\"2\""]);
    let later = workshop.run(&again);
    assert_eq!(later.code, Some(2), "{later:?}");
    assert!(later.stderr.contains("version 1 of sampler `test.euler`"), "{}", later.stderr);

    std::fs::remove_file(library).unwrap();
    let missing = workshop.run(&again);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    missing.stderr.assert_has([
        "there is no sampler `test.euler`",
        "`euler`",
        "sigmalab plugins list",
    ]);
}

#[test]
fn a_name_that_is_almost_right_is_answered_with_the_plugin_that_was_meant() {
    let workshop = Workshop::with("euler.c", "euler");
    let outcome = workshop.run(&["generate", "--prompt", "x", "--sampler", "test.eulr"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("did you mean `test.euler`?"), "{}", outcome.stderr);
}

#[test]
fn parameters_are_given_by_name_number_and_choice_and_wrong_ones_refused() {
    let workshop = Workshop::with("faults.c", "faults");
    let with = |parameters: &[&str]| {
        let mut arguments = quick(&["--sampler", "test.faults", "--output", "out.png", "--json"]);
        for parameter in parameters {
            arguments.extend(["--sampler-param", parameter]);
        }
        workshop.run(&arguments)
    };
    let done = with(&["fault=none", "at=0"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let printed: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        printed["recipe"]["sampler"]["params"],
        serde_json::json!({"fault": 0.0, "at": 0.0})
    );
    for (parameter, words) in [
        ("fault=melt", "`fault` of sampler `test.faults` must be `none`, `segfault`"),
        ("fault=99", "must be between 0 and 19, not 99"),
        ("at=1.5", "must be a whole number, not 1.5"),
        ("eta=1", "has no parameter `eta`; it has `fault`, `at`"),
    ] {
        let refused = with(&[parameter]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(words), "{parameter}: {}", refused.stderr);
    }
}

#[test]
fn a_sampler_that_does_not_reach_sigma_zero_refuses_schedules_that_do() {
    let workshop = Workshop::new();
    workshop.compile("evaluations.c", "heun", &["DECLARED=2"]);
    let mut engine = workshop.engine(None);
    let mut asked = request(SamplerRef::named("test.heun"));
    engine.run(&asked, &mut |_| true).unwrap();
    asked.recipe.terminal = Terminal::Zero;
    let failure = engine.run(&asked, &mut |_| true).unwrap_err();
    assert!(
        matches!(&failure, RunFailure::BadInput(words) if words.contains("`test.heun` cannot step to σ = 0")),
        "{failure}"
    );
}

#[test]
fn a_played_file_uses_plugins() {
    let workshop = Workshop::with("faults.c", "faults");
    let file = workshop.path("a.play");
    std::fs::write(
        &file,
        "load-preset V4_TURBO_12\nsampler test.faults fault=none at=3\nrun\nprint-run\n",
    )
    .unwrap();
    let printed = workshop.done(&["--play", file.to_str().unwrap()]);
    let run: serde_json::Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    assert_eq!(run["steps"], 12);
    std::fs::write(&file, "sampler test.faults fault=segfault at=1\nrun\n").unwrap();
    let outcome = workshop.run(&["--play", file.to_str().unwrap()]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("sampler `test.faults` (step 1)"), "{}", outcome.stderr);
}

//! The worker process on the demo checkpoint: what a caller sees when all goes well, and when
//! the worker is cancelled, killed, or no worker at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use sigmalab_engine::event::{Event, NfeCount};
use sigmalab_engine::noise::{NoiseSource, Rng};
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_engine::request::{RunOutput, RunRequest};
use sigmalab_engine::worker::{Engine, EngineOptions, RunFailure, RunUpdate};
use sigmalab_image::RgbImage;
use sigmalab_metrics::comparison::psnr;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use support::checkpoints::{copy, demo, tiny};

fn engine() -> Engine {
    engine_with(EngineOptions::default())
}

fn engine_with(options: EngineOptions) -> Engine {
    let program = options.program.or(Some(PathBuf::from(env!("CARGO_BIN_EXE_sigmalab"))));
    Engine::new(EngineOptions { program, ..options })
}

/// `steps` steps at gw 7 whose last three are at `polish`.
fn request(steps: usize, polish: f64) -> RunRequest {
    let gw = |index| if index + 3 >= steps { polish } else { 7.0 };
    let steps = (0..steps).map(|index| Step { gw: gw(index), mu: 0.0, std: 1.75 });
    support::request::request(steps.collect(), SamplerRef::named("euler"))
}

fn run(engine: &mut Engine, request: &RunRequest) -> RunOutput {
    engine.run(request, &mut |_| true).expect("the run ends well")
}

/// Runs until the first step is done, calls `then` once, and goes on to the end.
fn run_with_interruption(
    engine: &mut Engine,
    request: &RunRequest,
    mut then: impl FnMut() -> bool,
) -> (Result<RunOutput, RunFailure>, usize) {
    let mut steps = 0;
    let mut go_on = true;
    let result = engine.run(request, &mut |event| {
        if let Some(Event::Step(_)) = event {
            steps += 1;
            if steps == 1 {
                go_on = then();
            }
        }
        go_on
    });
    (result, steps)
}

fn kill(process: u32) {
    assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
}

fn is_alive(process: u32) -> bool {
    Command::new("kill").args(["-0", &process.to_string()]).output().unwrap().status.success()
}

#[test]
fn a_run_reports_every_stage_and_fills_in_the_recipe() {
    let mut events = Vec::new();
    let output = engine()
        .run(&request(4, 7.0), &mut |event| {
            events.extend(event.cloned());
            true
        })
        .unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Loading(_))));
    let order: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Loading(_) => None,
            Event::Loaded { .. } => Some("loaded"),
            Event::Encoded { .. } => Some("encoded"),
            Event::Step(_) => Some("step"),
            Event::Preview { .. } => Some("preview"),
            Event::Decoded { .. } => Some("decoded"),
        })
        .collect();
    assert_eq!(order, ["loaded", "encoded", "step", "step", "step", "step", "decoded"]);
    assert!(output.recipe.model.fingerprint.is_some());
    assert_eq!(output.recipe.sampler.version.as_deref(), Some("1"));
    assert_eq!((output.image.width, output.image.height), (256, 256));
    assert_eq!(output.latents.len(), 256 * 128);
    assert_eq!(output.nfe.cond_done, 4);
    assert!((0.0..1.0).contains(&output.clip_fraction), "{}", output.clip_fraction);
    if cfg!(target_os = "linux") {
        // The demo's weights alone take more than that.
        assert!(output.peak_memory.unwrap() > 1 << 20);
    }
}

#[test]
fn a_warm_cache_a_fresh_worker_and_any_number_of_threads_give_the_same_bytes() {
    let mut warm = engine_with(EngineOptions { threads: Some(2), ..Default::default() });
    run(&mut warm, &request(6, 3.0));
    let edited = run(&mut warm, &request(6, 2.0));
    assert_eq!(
        edited.nfe,
        NfeCount { cond_done: 2, uncond_done: 2, cond_saved: 4, uncond_saved: 4, first_block: 0 }
    );
    for threads in [1, 2] {
        let mut cold = engine_with(EngineOptions {
            threads: Some(threads),
            cache_bytes: Some(0),
            ..Default::default()
        });
        let alone = run(&mut cold, &request(6, 2.0));
        assert_eq!(alone.nfe.cond_saved, 0);
        assert_eq!(alone.latents, edited.latents, "{threads} threads");
        assert_eq!(alone.image, edited.image, "{threads} threads");
    }
}

/// The demo's 20 steps at a threshold at which some evaluations end after the first block.
fn cached(threshold: f64) -> RunRequest {
    let mut request = request(20, 3.0);
    request.recipe.first_block_cache = Some(threshold);
    request
}

#[test]
fn a_first_block_cache_gives_the_same_bytes_after_any_run_by_any_threads_and_none_to_others() {
    let mut engine = engine_with(EngineOptions { threads: Some(2), ..Default::default() });
    let plain = run(&mut engine, &request(20, 3.0));
    assert_eq!(plain.nfe.first_block, 0);
    let first = run(&mut engine, &cached(0.2));
    assert!((1..38).contains(&first.nfe.first_block), "{:?}", first.nfe);
    // Nothing of the run before it, though all of its steps are known, and nothing of itself.
    let alone = NfeCount { first_block: first.nfe.first_block, ..plain.nfe };
    assert_eq!(first.nfe, alone);
    let again = run(&mut engine, &cached(0.2));
    assert_eq!((again.nfe, &again.latents), (alone, &first.latents));
    assert_ne!(first.latents, plain.latents);
    let after = run(&mut engine, &request(20, 3.0));
    assert_eq!((after.nfe.cond_done, &after.latents), (0, &plain.latents));
    // A worker that is killed on the way, and one thread.
    let mut other = engine_with(EngineOptions { threads: Some(1), ..Default::default() });
    let (interrupted, _) = run_with_interruption(&mut other, &cached(0.2), || false);
    assert!(matches!(interrupted, Err(RunFailure::Cancelled)), "{interrupted:?}");
    let resumed = run(&mut other, &cached(0.2));
    assert_eq!((resumed.nfe, &resumed.latents), (alone, &first.latents));
    assert_eq!(resumed.image, first.image);
    let process = other.worker_id().expect("there is a worker");
    let (killed, _) = run_with_interruption(&mut other, &cached(0.2), || {
        kill(process);
        true
    });
    assert!(killed.is_err(), "it was killed");
    assert_eq!(run(&mut other, &cached(0.2)).latents, first.latents);
}

#[test]
fn the_noise_levels_of_another_size_are_another_trajectory_and_the_own_size_is_none() {
    let mut engine = engine();
    let plain = run(&mut engine, &request(4, 3.0));
    let mut proxy = request(4, 3.0);
    proxy.recipe.sigma_size = Some(Size::new(1024, 1024).unwrap());
    let shifted = run(&mut engine, &proxy);
    // Step 0 starts at the clamp at any size: its evaluations are shared, and no others.
    assert_eq!((shifted.nfe.cond_saved, shifted.nfe.cond_done), (1, 3));
    assert_ne!(shifted.latents, plain.latents);
    assert_eq!(shifted.recipe.sigma_size, proxy.recipe.sigma_size);
    proxy.recipe.sigma_size = Some(proxy.recipe.size);
    let own = run(&mut engine, &proxy);
    assert_eq!(own.nfe.cond_done, 0);
    assert_eq!(own.image, plain.image);
}

/// The run's result and its drafts with their steps.
fn run_with_previews(
    engine: &mut Engine,
    request: &RunRequest,
) -> (RunOutput, Vec<(usize, RgbImage)>) {
    let mut drafts = Vec::new();
    let request = RunRequest { previews: true, ..request.clone() };
    let output = engine.run(&request, &mut |event| {
        if let Some(Event::Preview { step, image }) = event {
            drafts.push((*step, image.clone()));
        }
        true
    });
    (output.expect("the run ends well"), drafts)
}

#[test]
fn drafts_come_from_the_first_step_to_the_last_and_change_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let with_cache = || {
        let cache_folder = Some(folder.path().to_owned());
        engine_with(EngineOptions { cache_folder, ..Default::default() })
    };
    // A checkpoint that brings no map of its own.
    let tiny = tiny("reference-fp8").display().to_string();
    let request = |steps: usize, polish: f64| {
        let mut request = request(steps, polish);
        request.recipe.model.name = tiny.clone();
        request
    };
    let plain = run(&mut with_cache(), &request(6, 3.0));
    assert!(!folder.path().join("latent-rgb").exists(), "nobody asked for drafts");
    // The second worker finds what the first learnt.
    for _ in 0..2 {
        let mut engine = with_cache();
        let (output, drafts) = run_with_previews(&mut engine, &request(6, 3.0));
        assert_eq!(output.image, plain.image);
        assert_eq!(output.latents, plain.latents);
        assert_eq!(output.nfe, plain.nfe);
        assert_eq!(output.recipe, plain.recipe);
        let steps: Vec<usize> = drafts.iter().map(|(step, _)| *step).collect();
        assert_eq!((steps.first(), steps.last()), (Some(&0), Some(&5)));
        assert!(steps.is_sorted());
        // An edit of the end shows at once what it starts from.
        let (_, drafts) = run_with_previews(&mut engine, &request(6, 2.0));
        assert_eq!(drafts.first().map(|(step, _)| *step), Some(2));
    }
    assert_eq!(std::fs::read_dir(folder.path().join("latent-rgb")).unwrap().count(), 1);
}

#[test]
fn the_first_draft_of_the_demo_looks_like_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let cache_folder = Some(folder.path().to_owned());
    let mut engine = engine_with(EngineOptions { cache_folder, ..Default::default() });
    let mut first = request(6, 3.0);
    first.recipe.prompt = "a green square on a yellow background".to_owned();
    first.recipe.noise = NoiseSource::Seed { seed: 11, rng: Rng::TorchCpu };
    let (output, drafts) = run_with_previews(&mut engine, &first);
    let (_, draft) = drafts.last().unwrap();
    assert_eq!((draft.width, draft.height), (32, 32));
    let likeness = psnr(draft, &pooled(&output.image)).unwrap();
    assert!(likeness > 14.0, "{likeness:.1} dB");
    // The demo's own map was fitted to many images: there is nothing to learn.
    assert!(!folder.path().join("latent-rgb").exists());
}

/// An eighth of the image along each side: the mean of 8×8 pixels.
fn pooled(image: &RgbImage) -> RgbImage {
    let (width, height) = (image.width / 8, image.height / 8);
    let mean = |x: u32, y: u32, channel: u32| {
        let values = (0..64).map(|place| {
            let (x, y) = (8 * x + place % 8, 8 * y + place / 8);
            u32::from(image.pixels[((y * image.width + x) * 3 + channel) as usize])
        });
        u8::try_from(values.sum::<u32>() / 64).unwrap()
    };
    let pixels = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| mean(x, y, c))))
        .collect();
    RgbImage { width, height, pixels }
}

#[test]
fn a_worker_killed_in_the_middle_is_one_failed_run_and_a_new_worker() {
    let mut engine = engine();
    let expected = run(&mut engine, &request(6, 3.0));
    let process = engine.worker_id().expect("a worker is kept");
    let (result, _) = run_with_interruption(&mut engine, &request(48, 3.0), || {
        kill(process);
        true
    });
    match result {
        Err(failure @ RunFailure::WorkerDied { .. }) => {
            let cause = failure.to_string();
            assert!(failure.was_killed());
            assert!(cause.contains("SIGKILL") && cause.contains("memory"), "{cause}");
        }
        other => panic!("the run should have failed: {other:?}"),
    }
    let again = run(&mut engine, &request(6, 3.0));
    assert_ne!(engine.worker_id(), Some(process));
    assert_eq!(again.image, expected.image);
}

#[test]
fn a_checkpoint_that_is_cut_short_while_it_is_read_is_one_failed_run_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    copy(&demo(), folder.path());
    let on_copy = |steps: usize| {
        let mut request = request(steps, 3.0);
        request.recipe.model.name = folder.path().display().to_string();
        request
    };
    let mut engine = engine();
    run(&mut engine, &on_copy(2));
    let weights: Vec<PathBuf> = ["transformer", "unconditional_transformer"]
        .iter()
        .flat_map(|part| std::fs::read_dir(folder.path().join(part)).into_iter().flatten())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"))
        .collect();
    assert!(!weights.is_empty());
    let (result, _) = run_with_interruption(&mut engine, &on_copy(400), || {
        weights.iter().for_each(|file| {
            std::fs::File::options().write(true).open(file).unwrap().set_len(4096).unwrap();
        });
        true
    });
    match result {
        Err(failure @ RunFailure::WorkerDied { .. }) => {
            let cause = failure.to_string();
            assert!(cause.contains("SIGBUS") && cause.contains("checkpoint file"), "{cause}");
        }
        other => panic!("the run should have failed: {other:?}"),
    }
    // The next run has another worker, on another checkpoint.
    run(&mut engine, &request(2, 3.0));
}

#[test]
fn a_worker_that_hangs_is_given_up_and_the_next_run_has_another() {
    let mut engine = engine();
    run(&mut engine, &request(2, 7.0));
    let hangs = engine.worker_id().unwrap();
    let stopped = Command::new("kill").args(["-STOP", &hangs.to_string()]).status().unwrap();
    assert!(stopped.success());
    let id = engine.submit(&request(4, 7.0)).unwrap();
    assert_eq!(engine.silence(), None, "a moment is no silence");
    engine.cancel(id);
    engine.replace_worker();
    assert!(!is_alive(hangs));
    let finished = engine.updates().iter().find_map(|update| match update {
        RunUpdate::Finished(run, result) if run == id => Some(result),
        _ => None,
    });
    assert!(matches!(finished, Some(Err(RunFailure::Cancelled))), "{finished:?}");
    run(&mut engine, &request(2, 7.0));
    assert_ne!(engine.worker_id().unwrap(), hangs);
}

#[test]
fn a_cancelled_run_stops_within_a_step_and_its_work_is_kept() {
    let mut engine = engine();
    let (result, steps) = run_with_interruption(&mut engine, &request(48, 3.0), || false);
    assert_eq!(result.unwrap_err(), RunFailure::Cancelled);
    assert!(steps < 20, "{steps} of 48 steps were done after the cancellation");
    let output = run(&mut engine, &request(48, 3.0));
    assert!(output.nfe.cond_saved >= 1);
    assert_eq!(output.nfe.cond_done + output.nfe.cond_saved, 48);
}

#[test]
fn the_worker_ends_with_its_caller() {
    let mut engine = engine();
    run(&mut engine, &request(2, 7.0));
    let process = engine.worker_id().unwrap();
    assert!(is_alive(process));
    let started = Instant::now();
    drop(engine);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(!is_alive(process));
}

#[test]
fn a_recipe_that_cannot_be_run_is_bad_input() {
    let refused = |request: &RunRequest| match engine().run(request, &mut |_| true) {
        Err(RunFailure::BadInput(message)) => message,
        Err(RunFailure::OfMachine { message, bad_input: true }) => message,
        other => panic!("this should be refused: {other:?}"),
    };
    let mut broken = request(4, 7.0);
    broken.recipe.steps[2].gw = f64::NAN;
    assert!(refused(&broken).contains("gw"));
    broken = request(4, 7.0);
    broken.recipe.sampler.id = "eulr".to_owned();
    assert!(refused(&broken).contains("eulr"));
    broken = request(4, 7.0);
    broken.recipe.model.name = "no/such/checkpoint".to_owned();
    assert!(refused(&broken).contains("no/such/checkpoint"));
    broken = request(4, 7.0);
    broken.recipe.model.fingerprint = Some("another".to_owned());
    assert!(refused(&broken).contains("another"));
    broken = request(4, 7.0);
    broken.recipe.prompt = "word ".repeat(3000);
    assert!(refused(&broken).contains("2048"));
    broken = request(4, 7.0);
    broken.recipe.noise = NoiseSource::File { blake3: "0".repeat(64) };
    broken.noise = Some(vec![0.0; 128]);
    assert!(refused(&broken).contains("128 values"));
}

#[test]
fn a_program_that_is_no_worker_is_told_apart() {
    let failure = |program: &str| {
        let program = Some(PathBuf::from(program));
        let mut engine = Engine::new(EngineOptions { program, ..Default::default() });
        engine.run(&request(2, 7.0), &mut |_| true).unwrap_err()
    };
    assert!(matches!(failure("/no/such/program"), RunFailure::NoWorker(_)));
    assert!(matches!(failure("/bin/true"), RunFailure::WorkerDied { .. }));
}

#[test]
fn what_the_worker_prints_goes_to_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("worker.log");
    // As a library does that greets whoever loads it.
    let program = folder.path().join("noisy");
    let worker = env!("CARGO_BIN_EXE_sigmalab");
    let text = format!("#!/bin/sh\necho greeting\necho complaint >&2\nexec '{worker}' \"$@\"\n");
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .unwrap();
    let (program, log_file) = (Some(program), Some(log.clone()));
    let mut engine = engine_with(EngineOptions { program, log: log_file, ..Default::default() });
    run(&mut engine, &request(2, 7.0));
    kill(engine.worker_id().unwrap());
    let printed = std::fs::read_to_string(&log).unwrap();
    assert_eq!(printed.lines().collect::<Vec<_>>(), ["greeting", "complaint"]);
}

//! Sweeps that are started, paused and followed from the screens.

use super::{Bench, PROGRAM, finished, folder, has_ended, small, view};
use sigmalab::tui::app::App;
use sigmalab::tui::screens::sweeps::{DirectoryStatus, SweepEvent, TrialStatus};
use sigmalab_experiment::control::Control;
use std::fs;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_sweep_started_here_is_a_process_of_its_own_and_followed_to_its_end() {
    let mut bench = Bench::listed(folder());
    bench.press("r");
    bench.shows(&["starting"]);
    bench.until("it is done", |app| has_ended(app, 4));
    bench.shows(&["4 of 4 trials · all done", "✓    3"]);
    assert!(bench.path("runs/small/run.log").exists());
    assert!(bench.workbench.records().iter().any(|call| call.starts_with("run-sweep ")));
    // A changed experiment is refused with its difference, and a way to take it.
    let text = small().replace("[2, 3]", "[2, 3, 4]");
    fs::write(bench.path("experiments/small.toml"), text).unwrap();
    bench.press("esc g r");
    bench.until("it is refused", |app| !app.sweeps().is_busy());
    bench.shows(&["not started", "+   15 | \"gw[-2..]\" = [2, 3, 4]", "extend-sweep adds"]);
    bench.press("esc : \"extend-sweep\" enter");
    bench.until("the new trials are made", |app| has_ended(app, 6));
}

#[test]
fn pause_order_and_skipping_are_written_for_whoever_runs_it() {
    let folder = finished();
    // As if nothing had been recorded yet.
    fs::remove_dir_all(folder.path().join("runs/small/journal")).unwrap();
    let mut bench = Bench::attached(folder);
    bench.shows(&["0 of 4 trials · not running", "·    0"]);
    bench.press("p");
    bench.until("it is paused", |app| view(app).is_some_and(|view| view.status.paused));
    bench.shows(&["0 of 4 trials · paused"]);
    bench.press("G f");
    bench.until("it comes first", |app| view(app).is_some_and(|view| view.trials[3].is_first));
    bench.shows(&["↑    3"]);
    bench.press("g D");
    let skipped =
        |app: &App| view(app).is_some_and(|view| view.trials[0].status == TrialStatus::Skipped);
    bench.until("it is skipped", skipped);
    bench.shows(&["–    0", "1 skipped"]);
    let control = Control::read(&bench.directory()).unwrap();
    let trials = &view(bench.app()).unwrap().trials;
    assert!(control.paused);
    assert_eq!(control.first, [trials[3].id.clone()]);
    assert!(control.skipped.iter().eq([&trials[0].id]));
    bench.press("D p");
    bench.until("all is taken back", |app| !skipped(app) && !view(app).unwrap().status.paused);
    bench.press("C");
    bench.workbench.says("no process is running it");
}

#[test]
fn a_finished_sweep_is_neither_paused_nor_run_again() {
    let mut bench = Bench::attached(finished());
    bench.press("p");
    bench.workbench.says("nothing is left to run");
    bench.press("r");
    bench.workbench.says("all 4 trials of");
    assert!(!bench.app().sweeps().is_busy());
    assert!(!Control::read(&bench.directory()).unwrap().paused);
}

#[test]
fn a_paused_sweep_goes_on_when_it_is_started() {
    let folder = finished();
    fs::remove_dir_all(folder.path().join("runs/small/journal")).unwrap();
    let mut bench = Bench::attached(folder);
    bench.press("p");
    bench.until("it is paused", |app| view(app).is_some_and(|view| view.status.paused));
    bench.press("r");
    bench.until("it is done", |app| {
        view(app).is_some_and(|view| view.status.done == 4 && !view.status.paused)
    });
}

#[test]
fn a_run_directory_that_is_being_run_is_not_run_twice() {
    let mut bench = Bench::listed(finished());
    let directory = bench.path("runs/small");
    let status = DirectoryStatus {
        trials: 4,
        done: 1,
        failed: 0,
        pending: 3,
        paused: false,
        workers: 1,
        waiting: false,
    };
    bench.workbench.app.sweep_event(SweepEvent::DirectoryStatus(directory, Ok(status)));
    bench.press("G r");
    bench.workbench.says("is being run already");
    assert!(!bench.app().sweeps().is_busy());
}

#[test]
fn a_run_directory_that_another_process_works_on_is_followed_while_it_grows() {
    let folder = folder();
    let text = small().replace("[2, 3]", "{ min = 1, max = 4, steps = 16 }");
    fs::write(folder.path().join("experiments/small.toml"), text).unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["sweep", "run", "experiments/small.toml", "--no-report", "--quiet"])
        .current_dir(folder.path())
        .env("SIGMALAB_PRESETS", folder.path().join("presets.toml"))
        .spawn()
        .unwrap();
    while !folder.path().join("runs/small/frozen.json").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut bench = Bench::attached(folder);
    bench.until("it ends", |app| has_ended(app, 32));
    assert!(child.wait().unwrap().success());
    bench.shows(&["32 of 32 trials · all done"]);
}

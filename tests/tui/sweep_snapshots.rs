//! The sweep screens with their styles, on a sweep that is made up so that its numbers are the same
//! everywhere. See `snapshots`.

use crate::engine::picture;
use crate::keys::Workbench;
use crate::screens::screen;
use crate::snapshots::{LARGE, SMALL, drawn};
use crate::support::text::AssertHas as _;
use sigmalab::tui::screens::sweeps::{
    Cell, ColumnInfo, DirectoryStatus, ExperimentCard, PlanCard, PlannedCard, RunCard, SweepEvent,
    SweepView, TrialRow, TrialStatus,
};
use sigmalab_engine::event::NfeCount;
use sigmalab_experiment::report::{Better, METRICS};
use sigmalab_experiment::status::{Status, Worker};
use std::path::PathBuf;
use std::sync::Arc;

const NEEDED: NfeCount = NfeCount {
    cond_done: 132,
    uncond_done: 120,
    cond_saved: 108,
    uncond_saved: 108,
    first_block: 0,
};

fn column(name: &str, better: Better, given: bool) -> ColumnInfo {
    ColumnInfo { name: name.to_owned(), better, given }
}

/// A sweep of gw over two prompts of which half is done.
fn view(workbench: &Workbench) -> SweepView {
    let given = ["gw[-3..]", "prompt"].map(|name| column(name, Better::Neither, true));
    let metrics = METRICS.map(|metric| column(metric.name, metric.better, false));
    let seconds = column("seconds", Better::Lower, false);
    let columns: Vec<ColumnInfo> = given.into_iter().chain(metrics).chain([seconds]).collect();
    let recipe = Arc::new(workbench.app.document().recipe());
    let trials = (0..12_usize).map(|number| {
        let gw = 1.0 + (number / 2) as f64 * 0.5;
        let prompt = ["circle", "cross"][number % 2];
        let status = match number {
            0..6 => TrialStatus::Done,
            6 => TrialStatus::Failed,
            7 => TrialStatus::Running,
            9 => TrialStatus::Skipped,
            _ => TrialStatus::Pending,
        };
        let done = status == TrialStatus::Done;
        let metrics = (0..METRICS.len() + 1).map(|at| match (done, at) {
            (false, _) => Cell::Empty,
            (true, 3) => Cell::Number(24.0),
            (true, at) => Cell::Number((at + 1) as f64 * 0.03 + (number % 5) as f64 * 0.011),
        });
        let cells = [Cell::Number(gw), Cell::Text(prompt.to_owned())].into_iter().chain(metrics);
        TrialRow {
            id: format!("{number:016x}"),
            number,
            status,
            error: (number == 6).then(|| "the worker process died: killed by signal 9".to_owned()),
            is_first: number == 11,
            cells: cells.collect(),
            setting: format!("gw[-3..] {gw}"),
            instance: format!("{prompt} · seed 4 · 256×256"),
            recipe: Arc::clone(&recipe),
            measured: None,
            picture: done.then(|| PathBuf::from(format!("runs/polish/images/{number}.png"))),
        }
    });
    SweepView {
        search: None,
        waiting: false,
        directory: "runs/polish".into(),
        description: Some("gw of the last three of twelve steps, on two prompts".to_owned()),
        status: Status {
            name: "polish".to_owned(),
            trials: 12,
            done: 6,
            failed: 1,
            pending: 4,
            skipped: 1,
            paused: false,
            references: 2,
            references_done: 2,
            former: 0,
            nfe: NEEDED,
            remaining: NEEDED,
            remaining_seconds: Some(95.0),
            workers: vec![Worker {
                silent_seconds: None,
                unit: "0".to_owned(),
                attempt: 1,
                process: None,
            }],
            failures: Vec::new(),
            damaged: 0,
        },
        planned: NEEDED,
        columns,
        trials: trials.collect(),
        stopped: None,
    }
}

/// A workbench that follows it, its pictures at hand.
fn attached(size: (u16, u16), keys: &str) -> Workbench {
    let mut workbench = Workbench::at("presets.toml".as_ref(), size);
    workbench.app.play(&"attach-sweep runs/polish".parse().unwrap()).1.unwrap();
    let view = Arc::new(view(&workbench));
    let pictures: Vec<PathBuf> =
        view.trials.iter().filter_map(|trial| trial.picture.clone()).collect();
    workbench.app.sweep_event(SweepEvent::Followed("runs/polish".into(), Ok(view)));
    for path in pictures {
        let image = Arc::new(picture(64, [200, 60, 40]));
        workbench.app.sweep_event(SweepEvent::Thumbnail(path, Ok(image)));
    }
    workbench.press(keys);
    workbench
}

fn listed(size: (u16, u16), keys: &str) -> Workbench {
    let mut workbench = Workbench::at("presets.toml".as_ref(), size);
    workbench.press("X");
    let card = |name: &str, about: Result<(&str, &str), &str>| ExperimentCard {
        file: format!("experiments/{name}.toml").into(),
        about: about
            .map(|(name, description)| (name.to_owned(), Some(description.to_owned())))
            .map_err(str::to_owned),
    };
    let problem = "bad.toml:5:1: there is no key `seed`: did you mean `seeds`?\n    \
                   5 | seed = [1, 2]\n      | ^";
    let experiments = vec![
        card("polish", Ok(("polish", "gw of the last three of twelve steps, on two prompts"))),
        card("bad", Err(problem)),
    ];
    let runs = vec![RunCard { directory: "runs/polish".into(), changed: None }];
    workbench.app.sweep_event(SweepEvent::Listed { experiments, runs });
    workbench.press(keys);
    workbench
}

fn planned(size: (u16, u16)) -> Workbench {
    let mut workbench = listed(size, "enter");
    let run = |number: Option<usize>| PlannedCard {
        number,
        point: number.map_or_else(String::new, |number| format!("gw[-3..] {}", number + 1)),
        prompt_id: "circle".to_owned(),
        seed: 4,
        nfe: NfeCount {
            cond_done: 3,
            uncond_done: 3,
            cond_saved: 9,
            uncond_saved: 9,
            first_block: 0,
        },
    };
    let plan = PlanCard {
        name: "polish".to_owned(),
        trials: 12,
        duplicates: 0,
        references: 2,
        units: 2,
        nfe: NEEDED,
        reference_nfe: NEEDED,
        cache_bytes: 11 << 20,
        seconds: Some(95.0),
        measured_on: Some("one step".to_owned()),
        runs: std::iter::once(None).chain((0..12).map(Some)).map(run).collect(),
    };
    let file = PathBuf::from("experiments/polish.toml");
    workbench.app.sweep_event(SweepEvent::Planned(file, Ok(Box::new(plan))));
    workbench
}

macro_rules! holds {
    ($name:literal, $workbench:expr) => {
        insta::assert_snapshot!($name, drawn(&$workbench))
    };
}

#[test]
fn experiments_and_their_plan() {
    holds!("sweeps_planned_80x24", planned(SMALL));
    holds!("sweeps_planned_120x40", planned(LARGE));
    holds!("sweeps_bad_80x24", listed(SMALL, "j"));
}

#[test]
fn a_sweep_as_a_table() {
    holds!("sweep_table_80x24", attached(SMALL, "j"));
    holds!("sweep_table_120x40", attached(LARGE, "s j"));
    holds!("sweep_failed_120x40", attached(LARGE, "j j j j j j"));
}

#[test]
fn a_sweep_as_settings() {
    holds!("sweep_settings_80x24", attached(SMALL, "v v v"));
    holds!("sweep_settings_120x40", attached(LARGE, "v v v j"));
}

#[test]
fn the_list_says_where_run_directories_stand() {
    let status = DirectoryStatus {
        trials: 20,
        done: 5,
        failed: 1,
        pending: 14,
        paused: false,
        workers: 1,
        waiting: false,
    };
    for (status, row, about, resumes) in [
        (status, "running 6/20", "5 of 20 trials, 1 failed · running", false),
        (DirectoryStatus { workers: 0, ..status }, "stopped 6/20", "1 failed · stopped", true),
        (DirectoryStatus { workers: 0, paused: true, ..status }, "paused 6/20", "· paused", true),
        (
            DirectoryStatus { workers: 0, pending: 0, ..status },
            "finished, 1 failed",
            "· finished",
            false,
        ),
    ] {
        let mut workbench = listed(SMALL, "G");
        workbench.app.sweep_event(SweepEvent::DirectoryStatus("runs/polish".into(), Ok(status)));
        let text = screen(&workbench, SMALL.0, SMALL.1);
        text.assert_has([row, about]);
        assert_eq!(text.contains(", r continues"), resumes, "{text}");
    }
}

#[test]
fn a_sweep_as_pictures() {
    holds!("sweep_sheet_80x24", attached(SMALL, "v l"));
    holds!("sweep_sheet_120x40", attached(LARGE, "v j"));
}

#[test]
fn a_sweep_as_points() {
    holds!("sweep_scatter_80x24", attached(SMALL, "v v"));
    holds!("sweep_scatter_120x40", attached(LARGE, "v v y y"));
}

#[test]
fn a_worker_that_says_nothing_and_a_process_that_waits_are_told() {
    let mut workbench = attached((120, 40), "");
    let mut silent = view(&workbench);
    silent.status.workers[0].silent_seconds = Some(130);
    let waiting = |paused: bool| {
        let mut view = view(&attached((120, 40), ""));
        view.status.workers.clear();
        (view.status.paused, view.waiting) = (paused, true);
        view
    };
    for (view, told, untold) in [
        (silent, "no word from a worker for 2 min", "left"),
        (waiting(false), "starting", "not running"),
        (waiting(true), "paused", "not running"),
    ] {
        workbench.app.sweep_event(SweepEvent::Followed("runs/polish".into(), Ok(Arc::new(view))));
        let text = crate::screens::screen(&workbench, 120, 40);
        let head = text.lines().nth(1).unwrap_or_default();
        assert!(head.contains(told) && !head.contains(untold), "{head}");
    }
}

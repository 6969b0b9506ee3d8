//! The sweep screens on real run directories of a tiny checkpoint: keys in, screens and files out.

use crate::keys::Workbench;
use crate::screens::screen;
use crate::session::FOUR;
use crate::support::checkpoints::{copy, tiny};
use ratatui::layout::Rect;
use sigmalab::tui::app::{App, Effect};
use sigmalab::tui::screens::sweeps::SweepEvent;
use sigmalab::tui::screens::sweeps::TrialStatus;
use sigmalab::tui::screens::sweeps::folders::SweepFolders;
use sigmalab::tui::screens::sweeps::program::Program;
use sigmalab::tui::screens::sweeps::threads::SweepThreads;
use sigmalab_experiment::built_in::EXPERIMENTS;
use sigmalab_experiment::control::Control;
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::spec::Spec;
use sigmalab_sampler::Samplers;
use sigmalab_terminal::input::Input;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use tempfile::{TempDir, tempdir};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sigmalab");

/// Four trials and a reference run.
fn small() -> String {
    format!(
        "name = \"small\"\ndescription = \"the last two steps\"\nmodel = {:?}\n\
         prompts = [{{ id = \"circle\", text = \"a red circle\" }}]\nseeds = [1, 2]\n\
         sizes = [\"256x256\"]\n\n[base]\npreset = \"FOUR\"\n\n[reference]\npreset = \"FOUR\"\n\n\
         [parameters]\n\"gw[-2..]\" = [2, 3]\n",
        tiny("reference-fp8").display().to_string()
    )
}

/// A folder with the experiment, and with its presets.
fn folder() -> TempDir {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("experiments")).unwrap();
    fs::write(folder.path().join("experiments/small.toml"), small()).unwrap();
    fs::write(folder.path().join("presets.toml"), FOUR).unwrap();
    folder
}

/// The same with the finished sweep.
fn finished() -> TempDir {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = folder();
        let output = Command::new(PROGRAM)
            .args(["sweep", "run", "experiments/small.toml", "--no-report"])
            .current_dir(folder.path())
            .env("SIGMALAB_PRESETS", folder.path().join("presets.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        folder
    });
    let folder = tempdir().unwrap();
    copy(made.path(), folder.path());
    folder
}

/// A workbench in a folder, beside its threads.
struct Bench {
    workbench: Workbench,
    sweep_threads: SweepThreads,
    events: Receiver<SweepEvent>,
    folder: PathBuf,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let (sender, events) = mpsc::channel();
        let folders = SweepFolders {
            here: folder.to_owned(),
            experiments: vec![folder.join("experiments")],
            runs: folder.join("runs"),
            memory_limit: None,
        };
        let program = Program::new(Some(PROGRAM.into())).within(folder);
        let sweep_threads =
            SweepThreads::start(folders, program, Samplers::built_in(), move |event| {
                drop(sender.send(event));
            });
        let workbench = Workbench::at(&folder.join("presets.toml"), (120, 40));
        Bench {
            workbench,
            sweep_threads: sweep_threads.unwrap(),
            events,
            folder: folder.to_owned(),
        }
    }

    fn app(&self) -> &App {
        &self.workbench.app
    }

    fn press(&mut self, keys: &str) {
        self.workbench.press(keys);
        self.carry_out();
    }

    /// Takes news until something holds.
    #[track_caller]
    fn until(&mut self, what: &str, holds: impl Fn(&App) -> bool) {
        while !holds(&self.workbench.app) {
            let event = self.events.recv_timeout(Duration::from_secs(60));
            let event = event.unwrap_or_else(|_| panic!("never: {what}\n{}", self.text()));
            let effects = self.workbench.app.sweep_event(event);
            self.workbench.effects.extend(effects);
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        for effect in &self.workbench.effects {
            if let Effect::Sweeps(work) = effect {
                self.sweep_threads.take(work.clone());
            }
        }
        self.workbench.effects.retain(|effect| !matches!(effect, Effect::Sweeps(_)));
    }

    fn text(&self) -> String {
        let area = self.app().area();
        screen(&self.workbench, area.width, area.height)
    }

    #[track_caller]
    fn shows(&self, parts: &[&str]) {
        let text = self.text();
        for part in parts {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    fn message(&self) -> String {
        self.app().message().map_or_else(String::new, |message| message.text.clone())
    }

    fn records(&self) -> Vec<String> {
        let calls = self.workbench.effects.iter().filter_map(|effect| match effect {
            Effect::Record(call) => Some(call.to_string()),
            _ => None,
        });
        calls.collect()
    }

    /// The list, read.
    fn listed(folder: &Path) -> Self {
        let mut bench = Bench::new(folder);
        bench.press("X");
        bench.until("the list is read", |app| app.sweeps().is_listed());
        bench
    }

    /// The finished sweep, read.
    fn attached(folder: &Path) -> Self {
        let mut bench = Bench::listed(folder);
        bench.press("G enter");
        bench.until("the sweep is read", |app| view(app).is_some());
        // Where it is finished, what came of it is shown first.
        if bench.text().contains("means by setting") {
            bench.press("v g");
        }
        bench
    }

    fn directory(&self) -> RunDirectory {
        RunDirectory::at(&self.folder.join("runs/small"))
    }
}

fn view(app: &App) -> Option<&sigmalab::tui::screens::sweeps::SweepView> {
    app.sweeps().attached.as_ref()?.view.as_deref()
}

fn selected(app: &App) -> Option<usize> {
    app.sweeps().attached.as_ref()?.selected().map(|trial| trial.number)
}

fn order(app: &App) -> Vec<usize> {
    app.sweeps().attached.as_ref().unwrap().table.order().to_vec()
}

#[test]
fn the_list_has_experiments_and_run_directories_and_says_what_is_wrong_with_a_file() {
    let folder = finished();
    let broken = small().replace("seeds = [1, 2]", "seed = [1, 2]");
    fs::write(folder.path().join("experiments/broken.toml"), broken).unwrap();
    let bench = Bench::listed(folder.path());
    bench.shows(&["broken.toml", "  small", "run directories", "enter open"]);
    // The cursor is on the broken one.
    bench.shows(&["broken.toml:5:1", "did you mean `seeds`?", "    5 | seed = [1, 2]"]);
}

#[test]
fn the_list_has_what_lies_in_the_folder_itself_and_the_built_in_experiments_too() {
    let folder = folder();
    let mine = small().replace("name = \"small\"", "name = \"mine\"");
    fs::write(folder.path().join("mine.toml"), &mine).unwrap();
    // One with a mistake in it must not go missing.
    fs::write(folder.path().join("torn.toml"), mine.replace("seeds = [", "seeds = ")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"x\"\n").unwrap();
    fs::write(folder.path().join("experiments/quickstart.toml"), small()).unwrap();
    let bench = Bench::listed(folder.path());
    bench.shows(&["  mine", "  torn.toml", "  mu-std", "built in"]);
    let shown = bench.text();
    assert!(!shown.contains("Cargo"), "{shown}");
    assert_eq!(shown.matches("quickstart").count(), 0, "the file stands for it: {shown}");
}

#[test]
fn a_plan_says_what_would_be_run_and_what_sharing_saves() {
    let folder = folder();
    let mut bench = Bench::listed(folder.path());
    bench.shows(&["the last two steps", "p plans it, r runs it"]);
    bench.press("enter");
    bench.shows(&["planning"]);
    bench.until("the plan is there", |app| !app.sweeps().is_busy());
    bench.shows(&[
        "4 trials and 2 reference runs",
        "needed   12 + 12 evaluations",
        "saved    12 + 12",
        "time     not measured",
        "  ref  4+4      0+0      reference · circle · seed 1",
        "gw[-2..] 2",
    ]);
    assert!(bench.records().iter().any(|call| call.starts_with("plan-sweep ")));
    assert!(!folder.path().join("runs").exists(), "a plan writes nothing");
}

#[test]
fn what_only_the_plan_finds_out_is_told_with_its_trial() {
    let folder = folder();
    let text = small().replace("gw[-2..]", "gw[-9..]");
    fs::write(folder.path().join("experiments/small.toml"), text).unwrap();
    let mut bench = Bench::listed(folder.path());
    bench.press("p");
    bench.until("the plan is refused", |app| !app.sweeps().is_busy());
    bench.shows(&["trial 0", "names no step of a schedule of 4"]);
}

#[test]
fn the_table_of_a_finished_sweep_is_sorted_and_filtered_and_the_cursor_stays_on_its_trial() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    bench.shows(&[
        "4 of 4 trials · all done",
        "12 + 12 evaluations, 12 + 12 saved",
        "small · 4 trials",
        " trial  gw[-2..] ",
        "✓    0",
        "latent_rmse against gw[-2..]",
    ]);
    assert_eq!(order(bench.app()), [0, 1, 2, 3]);
    bench.press("j s");
    assert!(bench.message().contains("sorted by latent_rmse, least first"), "{}", bench.message());
    let sorted = order(bench.app());
    let rmse = |place: &usize| {
        let view = view(bench.app()).unwrap();
        view.trials[*place].cells[view.column("latent_rmse").unwrap()].clone()
    };
    let values: Vec<f64> = sorted
        .iter()
        .map(|place| match rmse(place) {
            sigmalab::tui::screens::sweeps::Cell::Number(number) => number,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(values.is_sorted(), "{values:?}");
    assert_eq!(selected(bench.app()), Some(1));
    bench.press("s");
    assert_eq!(order(bench.app()), sorted.iter().rev().copied().collect::<Vec<_>>());
    // As it is typed; what is no column yet is no condition that hides everything.
    bench.press("/ \"seed\" \"=\" \"2\"");
    assert_eq!(order(bench.app()).len(), 2);
    bench.shows(&["small · 2 of 4 trials with seed=2"]);
    bench.press("enter / \"lat\" \"<\" \"1\" enter / \"none\" \"<\" \"1\" enter");
    bench.shows(&["there is no column `none`"]);
    bench.press("esc");
    assert_eq!(order(bench.app()).len(), 4);
    assert_eq!(selected(bench.app()), Some(1));
    bench.press("o \"ssim\" space \"nfe\" enter");
    let text = bench.text();
    assert!(text.contains("ssim nfe"), "{text}");
    assert!(!text.contains(" trial  gw[-2..]"), "{text}");
}

#[test]
fn a_trial_is_loaded_into_the_grid_with_its_picture_as_one_step_of_undo() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    let (seed, prompt) = (bench.app().document().seed, bench.app().document().prompt.clone());
    let before = (seed, prompt.as_str());
    bench.press("G enter");
    assert_eq!(bench.workbench.grid(), "[7] 0 1.5\n7 0 1.5\n3 0 1.5\n3 0 1.5");
    assert_eq!(bench.app().document().seed, 2);
    assert_eq!(bench.app().document().prompt, "a red circle");
    assert!(bench.message().contains("trial 3 of small is in the grid"), "{}", bench.message());
    bench.until("its picture is there", |app| app.runs().last.is_some());
    let last = bench.app().runs().last.clone().unwrap();
    assert_eq!((last.image.width, last.reports.len()), (256, 4));
    let id = view(bench.app()).unwrap().trials[3].id.clone();
    assert!(bench.records().contains(&format!("load-trial {id}")), "{:?}", bench.records());
    bench.press("u");
    assert_eq!(bench.workbench.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5");
    let (seed, prompt) = (bench.app().document().seed, bench.app().document().prompt.clone());
    assert_eq!((seed, prompt.as_str()), before, "what came with the steps goes with them");
    bench.press("U t end \"!\" enter u");
    // What somebody wrote since stays.
    assert_eq!(bench.app().document().prompt, "a red circle!");
    assert_eq!(bench.app().document().seed, before.0);
}

#[test]
fn a_trial_becomes_a_preset() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    bench.press("w \"FOUR\" enter");
    bench.shows(&["there is a preset `FOUR` already"]);
    bench.press("esc w \"SOFT\" enter");
    assert!(bench.message().contains("trial 0 of small is preset SOFT"), "{}", bench.message());
    let text = fs::read_to_string(folder.path().join("presets.toml")).unwrap();
    assert!(text.contains("[SOFT]") && text.contains("trial 0 of small: gw[-2..] 2"), "{text}");
    assert!(text.starts_with(FOUR), "what was there stays: {text}");
    let id = view(bench.app()).unwrap().trials[0].id.clone();
    assert!(bench.records().contains(&format!("trial-preset SOFT of {id}")));
    // What it is for may be said, and is said in a record before the trial.
    bench.press("w \"SOFTER:\" space \"the\" space \"end\" space \"of\" space \"it\" enter");
    let record = format!("trial-preset SOFTER: the end of it of {id}");
    assert!(bench.records().contains(&record), "{:?}", bench.records());
    bench.press("g j");
    bench.workbench.app.play(&record.replace("SOFTER", "REPLAYED").parse().unwrap()).1.unwrap();
    let text = fs::read_to_string(folder.path().join("presets.toml")).unwrap();
    assert_eq!(text.matches("\"the end of it\"").count(), 2, "{text}");
    assert!(bench.message().contains("trial 0 of small is preset REPLAYED"), "{}", bench.message());
}

#[test]
fn two_trials_are_compared() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    bench.press("c");
    assert!(bench.message().contains("nothing is pinned yet"), "{}", bench.message());
    bench.press("A");
    bench.until("A is pinned", |app| app.runs().pinned.is_some());
    bench.shows(&["A    0", "A · trial 0"]);
    bench.press("j j c");
    bench.until("they are compared", |app| app.runs().last.is_some());
    bench.shows(&["A · gw 7x2 2x2", "B · gw 7x2 3x2"]);
    assert!(bench.message().contains("B is trial 2 of small"), "{}", bench.message());
}

#[test]
fn the_contact_sheet_shows_every_picture_and_one_of_them_zooms() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    let pictures = |app: &App| app.pictures(Rect::new(0, 0, 120, 40));
    bench.press("v");
    bench.until("every picture is read", |app| pictures(app).len() == 4);
    bench.shows(&["contact sheet", "0 gw[-2..] 2", "rmse ", "seed 2"]);
    let tile = pictures(bench.app())[0].area;
    bench.press("l l h");
    assert_eq!(selected(bench.app()), Some(1));
    bench.press("space");
    bench.until("the whole picture is read", |app| {
        pictures(app).first().is_some_and(|placement| placement.image.width == 256)
    });
    let placements = pictures(bench.app());
    assert_eq!(placements.len(), 1);
    assert!(placements[0].area.height > tile.height);
    bench.press("j");
    assert_eq!(selected(bench.app()), Some(2), "leafing through");
    bench.press("esc");
    bench.until("the sheet is back", |app| pictures(app).len() == 4);
}

#[test]
fn points_of_any_two_columns_and_the_trial_under_the_cursor() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    bench.press("v v");
    bench.shows(&["latent_rmse against gw[-2..]", "◆"]);
    bench.press("y");
    bench.shows(&["psnr against gw[-2..]"]);
    bench.press(": \"scatter-x\" space \"seed\" enter");
    bench.shows(&["psnr against seed"]);
    bench.press(": \"scatter-x\" space \"sede\" enter");
    assert!(bench.message().contains("did you mean `seed`?"), "{}", bench.message());
    let before = selected(bench.app());
    bench.press("l");
    assert_ne!(selected(bench.app()), before, "to the next point");
}

#[test]
fn a_sweep_started_here_is_a_process_of_its_own_and_followed_to_its_end() {
    let folder = folder();
    let mut bench = Bench::listed(folder.path());
    bench.press("r");
    bench.shows(&["starting"]);
    bench.until("it is done", |app| {
        view(app).is_some_and(|view| view.status.done == 4 && view.status.workers.is_empty())
    });
    bench.shows(&["4 of 4 trials · all done", "✓    3"]);
    assert!(folder.path().join("runs/small/run.log").exists());
    assert!(bench.records().iter().any(|call| call.starts_with("run-sweep ")));
    // A changed experiment is refused with its difference, and a way to take it.
    let text = small().replace("[2, 3]", "[2, 3, 4]");
    fs::write(folder.path().join("experiments/small.toml"), text).unwrap();
    bench.press("esc g r");
    bench.until("it is refused", |app| !app.sweeps().is_busy());
    bench.shows(&["not started", "+   15 | \"gw[-2..]\" = [2, 3, 4]", "extend-sweep adds"]);
    bench.press("esc : \"extend-sweep\" enter");
    bench.until("the new trials are made", |app| {
        view(app).is_some_and(|view| view.status.done == 6 && view.status.workers.is_empty())
    });
}

#[test]
fn pause_order_and_skipping_are_written_for_whoever_runs_it() {
    let folder = finished();
    // As if nothing had been recorded yet.
    fs::remove_dir_all(folder.path().join("runs/small/journal")).unwrap();
    let mut bench = Bench::attached(folder.path());
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
    assert!(bench.message().contains("no process is running it"), "{}", bench.message());
}

#[test]
fn a_finished_sweep_is_neither_paused_nor_run_again() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    bench.press("p");
    assert!(bench.message().contains("nothing is left to run"), "{}", bench.message());
    bench.press("r");
    assert!(bench.message().contains("all 4 trials of"), "{}", bench.message());
    assert!(!bench.app().sweeps().is_busy());
    assert!(!Control::read(&bench.directory()).unwrap().paused);
}

#[test]
fn a_paused_sweep_goes_on_when_it_is_started() {
    let folder = finished();
    fs::remove_dir_all(folder.path().join("runs/small/journal")).unwrap();
    let mut bench = Bench::attached(folder.path());
    bench.press("p");
    bench.until("it is paused", |app| view(app).is_some_and(|view| view.status.paused));
    bench.press("r");
    bench.until("it is done", |app| {
        view(app).is_some_and(|view| view.status.done == 4 && !view.status.paused)
    });
}

#[test]
fn a_run_directory_that_is_being_run_is_not_run_twice() {
    use sigmalab::tui::screens::sweeps::{DirectoryStatus, SweepEvent};
    let folder = finished();
    let mut bench = Bench::listed(folder.path());
    let directory = folder.path().join("runs/small");
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
    assert!(bench.message().contains("is being run already"), "{}", bench.message());
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
    let mut bench = Bench::attached(folder.path());
    bench.until("it ends", |app| {
        view(app).is_some_and(|view| view.status.done == 32 && view.status.workers.is_empty())
    });
    assert!(child.wait().unwrap().success());
    bench.shows(&["32 of 32 trials · all done"]);
}

/// Rows of the list that are no built-in experiments.
fn files(app: &App) -> usize {
    app.sweeps().len() - EXPERIMENTS.len()
}

#[test]
fn an_experiment_over_the_selection_is_written_planned_and_opened() {
    let folder = folder();
    let mut bench = Bench::new(folder.path());
    bench.press("G K : \"write-experiment\" enter");
    bench.shows(&["gw[-2..]: values for the selected steps"]);
    bench.press("\"1..3/3\" space \"softer\" enter");
    bench.until("it is planned", |app| {
        app.sweeps().is_listed() && !app.sweeps().is_busy() && files(app) == 2
    });
    let file = folder.path().join("experiments/softer.toml");
    let text = fs::read_to_string(&file).unwrap();
    let spec = Spec::parse(&text, "softer.toml").unwrap();
    assert_eq!((spec.name.as_str(), spec.seeds.as_slice()), ("softer", &[42][..]));
    assert!(text.contains("\"gw[-2..]\" = [1.0, 2.0, 3.0]"), "{text}");
    assert!(text.contains("[base]\npreset = \"FOUR\"\n"), "an unedited preset by name: {text}");
    assert!(bench.workbench.effects.contains(&Effect::Edit(file.clone())));
    bench.shows(&["softer", "3 trials"]);
    // Edited steps stand in it as they are; a name that is taken gets a number.
    bench.press("F2 g 9 enter G 1 enter G K L");
    bench.press("esc G K : \"write-experiment\" space \"2\" space \"softer\" enter");
    bench.until("the second one is there", |app| files(app) == 3);
    let text = fs::read_to_string(folder.path().join("experiments/softer-2.toml")).unwrap();
    assert!(text.contains("name = \"softer-2\""), "{text}");
    assert!(text.contains("gw = [9.0, 7.0, 7.0, 1.0]"), "{text}");
    Spec::parse(&text, "softer-2.toml").unwrap();
    // Without an editor it says where the file lies.
    bench.workbench.app.edited(&file, Err("name an editor in $VISUAL".to_owned()));
    assert!(bench.message().contains("softer.toml is there"), "{}", bench.message());
}

#[test]
fn a_file_of_actions_prints_where_a_sweep_stands() {
    let folder = finished();
    let printed = crate::playing::played(
        folder.path(),
        "attach-sweep runs/small\nsort-trials latent_rmse\nload-trial 3\npin-trial 0\n\
         print-sweep\nprint-schedule\n",
    );
    let status: serde_json::Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    assert_eq!((&status["name"], &status["done"]), (&"small".into(), &4.into()));
    assert!(printed.contains("3\t0\t3\t0\t1.5"), "{printed}");
}

#[test]
fn a_folder_that_is_no_run_directory_says_so_in_its_place() {
    let folder = folder();
    let mut bench = Bench::new(folder.path());
    let nowhere = folder.path().join("nowhere");
    let call = format!("attach-sweep {}", nowhere.display()).parse().unwrap();
    let (effects, done) = bench.workbench.app.play(&call);
    done.unwrap();
    bench.workbench.effects.extend(effects);
    bench.carry_out();
    bench.until("it is known", |app| {
        app.sweeps().attached.as_ref().is_some_and(|attached| attached.problem.is_some())
    });
    bench.shows(&["is not a run directory"]);
}

#[test]
fn no_screen_of_a_sweep_is_too_small_or_too_large_to_draw() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    for (columns, rows) in [(1, 1), (40, 10), (41, 11), (80, 24), (99, 16), (300, 100)] {
        bench.workbench.app.handle(Input::Resize(columns, rows));
        for keys in ["v", "v", "v", "space", "esc", "l", "G", "esc", "G enter", "? esc"] {
            bench.press(keys);
            bench.text();
        }
        bench.press("F2 X G enter");
    }
}

#[test]
fn means_by_setting_come_first_and_stand_for_their_best_trial() {
    let folder = finished();
    let mut bench = Bench::listed(folder.path());
    bench.press("G enter");
    bench.until("the sweep is read", |app| view(app).is_some());
    bench.shows(&["small · means by setting, best rmse first · 4 trials", "  2/2 "]);
    let view = view(bench.app()).unwrap().clone();
    let attached = bench.app().sweeps().attached.as_ref().unwrap();
    let (settings, at) = attached.settings(&view);
    assert_eq!((settings.len(), at), (2, 0));
    let rmse = view.column("latent_rmse").unwrap();
    let number = |cell: &sigmalab::tui::screens::sweeps::Cell| match cell {
        sigmalab::tui::screens::sweeps::Cell::Number(number) => *number,
        other => panic!("{other:?}"),
    };
    let means: Vec<f64> = settings.iter().map(|setting| number(&setting.means[rmse])).collect();
    assert!(means.is_sorted(), "{means:?}");
    for setting in &settings {
        let values: Vec<f64> =
            setting.trials.iter().map(|at| number(&view.trials[*at].cells[rmse])).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean - number(&setting.means[rmse])).abs() < 1e-12);
        let best = number(&view.trials[setting.best].cells[rmse]);
        assert!(values.iter().all(|value| best <= *value));
    }
    // Down goes from setting to setting.
    bench.press("j");
    assert_eq!(selected(bench.app()), Some(view.trials[settings[1].best].number));
}

#[test]
fn the_column_under_the_cursor_sorts_and_so_does_a_click_on_its_heading() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    bench.press("l s");
    assert!(bench.message().contains("sorted by psnr, greatest first"), "{}", bench.message());
    assert!(bench.records().contains(&"sort-trials psnr".to_owned()), "{:?}", bench.records());
    let text = bench.text();
    let row = text.lines().position(|line| line.contains("rmse") && line.contains("psnr")).unwrap();
    let line: Vec<char> = text.lines().nth(row).unwrap().chars().collect();
    let at = line.windows(4).position(|part| part == ['s', 's', 'i', 'm']).unwrap();
    let mouse = sigmalab_terminal::input::Mouse {
        action: sigmalab_terminal::input::MouseAction::Press(
            sigmalab_terminal::input::MouseButton::Left,
        ),
        column: at as u16,
        row: row as u16,
        modifiers: Default::default(),
    };
    bench.workbench.app.handle(Input::Mouse(mouse));
    assert!(bench.message().contains("sorted by ssim, greatest first"), "{}", bench.message());
}

#[test]
fn the_name_of_a_column_is_completed() {
    let folder = finished();
    let mut bench = Bench::attached(folder.path());
    bench.press("o \"cl\"");
    bench.shows(&["tab completes: clip_fraction"]);
    bench.press("tab");
    bench.shows(&["trial-columns clip_fraction"]);
    bench.press("enter");
    bench.shows(&["clipped"]);
}

#[test]
fn the_list_says_where_run_directories_stand_also_after_a_restart() {
    let folder = finished();
    let mut bench = Bench::listed(folder.path());
    bench.until("where it stands is read", |app| {
        app.sweeps().status(&folder.path().join("runs/small")).is_some()
    });
    bench.press("G");
    bench.shows(&["finished", "4 of 4 trials · finished"]);
    assert!(!bench.text().contains("continues it"), "{}", bench.text());
}

#[test]
fn run_directories_are_looked_at_while_the_list_is_near_and_no_longer() {
    use sigmalab::tui::screens::sweeps::SweepWork;
    let folder = finished();
    let mut bench = Bench::listed(folder.path());
    let mut leaves = |keys: &str| {
        bench.workbench.press(keys);
        let left = bench.workbench.effects.contains(&Effect::Sweeps(SweepWork::Unlist));
        bench.carry_out();
        left
    };
    assert!(!leaves("P"), "the list is one step back");
    assert!(!leaves("esc"));
    assert!(leaves("esc"), "nobody sees it any more");
    assert!(!leaves("P esc"), "it is said once");
}

#[test]
fn what_could_not_be_read_is_tried_again_with_other_samplers() {
    let folder = finished();
    let directory = folder.path().join("runs/small");
    let frozen = fs::read(directory.join("frozen.json")).unwrap();
    fs::write(directory.join("frozen.json"), "{").unwrap();
    let mut bench = Bench::listed(folder.path());
    let status = |app: &App| app.sweeps().status(&directory).cloned();
    bench.until("it cannot be read", |app| matches!(status(app), Some(Err(_))));
    // As a sampler that it names may come, here with nothing else that would wake the list.
    fs::write(directory.join("frozen.json"), frozen).unwrap();
    bench.sweep_threads.set_samplers(Samplers::built_in());
    bench.until("it can be read", |app| matches!(status(app), Some(Ok(_))));
}

//! The sweep screens on real run directories of a tiny checkpoint: keys in, screens and files out.
//! Here is what the tests of all of them begin with.

mod list;
mod running;
mod trials;

use crate::keys::Workbench;
use crate::screens::screen;
use crate::session::FOUR;
use crate::support::checkpoints::{copy, tiny};
use crate::support::text::AssertHas as _;
use sigmalab::tui::app::{App, Effect};
use sigmalab::tui::screens::sweeps::folders::SweepFolders;
use sigmalab::tui::screens::sweeps::program::Program;
use sigmalab::tui::screens::sweeps::threads::SweepThreads;
use sigmalab::tui::screens::sweeps::{SweepEvent, SweepView};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_sampler::Samplers;
use std::fs;
use std::path::PathBuf;
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
    folder: TempDir,
}

impl Bench {
    fn new(folder: TempDir) -> Self {
        let (sender, events) = mpsc::channel();
        let here = folder.path();
        let folders = SweepFolders {
            here: here.to_owned(),
            experiments: vec![here.join("experiments")],
            runs: here.join("runs"),
            memory_limit: None,
        };
        let program = Program::new(Some(PROGRAM.into())).within(here);
        let sweep_threads =
            SweepThreads::start(folders, program, Samplers::built_in(), move |event| {
                drop(sender.send(event));
            });
        let sweep_threads = sweep_threads.unwrap();
        let workbench = Workbench::at(&here.join("presets.toml"), (120, 40));
        Bench { workbench, sweep_threads, events, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
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
        text.assert_has(parts);
    }

    /// The list, read.
    fn listed(folder: TempDir) -> Self {
        let mut bench = Bench::new(folder);
        bench.press("X");
        bench.until("the list is read", |app| app.sweeps().is_listed());
        bench
    }

    /// The finished sweep, read.
    fn attached(folder: TempDir) -> Self {
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
        RunDirectory::at(&self.path("runs/small"))
    }
}

fn view(app: &App) -> Option<&SweepView> {
    app.sweeps().attached.as_ref()?.view.as_deref()
}

/// Whether the sweep is at its end, with so many trials done.
fn has_ended(app: &App, done: usize) -> bool {
    view(app).is_some_and(|view| view.status.done == done && view.status.workers.is_empty())
}

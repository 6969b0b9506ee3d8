//! Builds plugins from the fixtures, and runs the program in a folder of its own with them.

use crate::support::program::{Outcome, Place, outcome};
use crate::support::request;
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_engine::request::RunRequest;
use sigmalab_engine::worker::{Engine, EngineOptions};
use sigmalab_sampler::Samplers;
use sigmalab_sampler::plugin::{Discovery, Effort, Listing, SearchPath, Trust, discover};
use sigmalab_schedule::preset::Step;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sigmalab"))
}

/// A folder for plugins, and the places that the program keeps things in.
pub(crate) struct Workshop {
    place: Place,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        fs::create_dir(place.path("plugins")).unwrap();
        Workshop { place }
    }

    /// With the fixture `source` as `lib{name}.so`.
    pub(crate) fn with(source: &str, name: &str) -> Self {
        let workshop = Workshop::new();
        workshop.compile(source, name, &[]);
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// Where plugins are looked for.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.path("plugins")
    }

    /// Compiles the fixture `source` with the macros `defined` to `lib{name}.so` among the
    /// plugins.
    pub(crate) fn compile(&self, source: &str, name: &str, defined: &[&str]) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let library = self.plugins().join(format!("lib{name}.so"));
        // As linkers do: a file that is in use is replaced and not written to.
        let draft = self.path(&format!("{name}.draft"));
        let done = Command::new("cc")
            .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"])
            .args(["-fPIC", "-shared", "-o"])
            .arg(&draft)
            .args(defined.iter().map(|defined| format!("-D{defined}")))
            .arg("-I")
            .arg(root.join("plugins/sdk/include"))
            .arg(root.join("tests/plugins/c").join(source))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        fs::rename(draft, &library).unwrap();
        library
    }

    fn discovery(&self) -> Discovery {
        Discovery {
            search_path: SearchPath::default().named(self.plugins().as_os_str()),
            trust: Trust::default(),
            program: program(),
            cache: Some(self.path("cache")),
            limit: Duration::from_secs(20),
        }
    }

    /// What there is among the plugins.
    pub(crate) fn list(&self, effort: Effort) -> Listing {
        discover(&self.discovery(), effort)
    }

    /// The same with less patience.
    pub(crate) fn list_within(&self, limit: Duration) -> Listing {
        discover(&Discovery { limit, ..self.discovery() }, Effort::Normal)
    }

    /// An engine that knows the plugins.
    pub(crate) fn engine(&self, plugin_limit: Option<Duration>) -> Engine {
        Engine::new(EngineOptions {
            program: Some(program()),
            cache_folder: Some(self.path("cache")),
            log: Some(self.path("worker.log")),
            samplers: Samplers::with(self.list(Effort::Normal)),
            plugin_limit,
            ..EngineOptions::default()
        })
    }

    /// The program with `arguments`, ready to start here.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("SIGMALAB_CACHE", self.path("cache"))
            .env("SIGMALAB_DATA", self.path("data"))
            .env("SIGMALAB_PLUGIN_PATH", self.plugins());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        outcome(self.command(arguments))
    }

    /// Runs the program and expects it to end well.
    pub(crate) fn done<S: AsRef<OsStr> + std::fmt::Debug>(&self, arguments: &[S]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
        outcome.stdout
    }
}

/// Four steps on the demo checkpoint with that sampler.
pub(crate) fn request(sampler: SamplerRef) -> RunRequest {
    let steps = [7.0, 7.0, 7.0, 3.0].map(|gw| Step { gw, mu: 0.0, std: 1.75 });
    request::request(steps.to_vec(), sampler)
}

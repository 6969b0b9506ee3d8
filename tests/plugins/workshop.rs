//! Builds plugins from the fixtures, and runs the program in a folder of its own with them.

use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_engine::noise::{NoiseSource, Rng};
use sigmalab_engine::recipe::{self, ModelRef, Recipe, SamplerRef};
use sigmalab_engine::request::RunRequest;
use sigmalab_engine::worker::{Engine, EngineOptions};
use sigmalab_sampler::Samplers;
use sigmalab_sampler::plugin::{Discovery, Effort, Listing, SearchPath, Trust, discover};
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The program.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sigmalab"))
}

/// A folder for plugins, and the places that the program keeps things in.
pub(crate) struct Workshop {
    folder: TempDir,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        Workshop { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
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
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.path("home"))
            .env("SIGMALAB_CACHE", self.path("cache"))
            .env("SIGMALAB_DATA", self.path("data"))
            .env("SIGMALAB_PLUGIN_PATH", self.plugins())
            .env("HF_HUB_OFFLINE", "1")
            .stdin(Stdio::null());
        for variable in ["SIGMALAB_MODEL", "SIGMALAB_PRESETS", "XDG_CONFIG_HOME", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        outcome(&mut self.command(arguments))
    }

    /// Runs the program and expects it to end well.
    pub(crate) fn done<S: AsRef<OsStr> + std::fmt::Debug>(&self, arguments: &[S]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
        outcome.stdout
    }
}

pub(crate) fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Four steps on the demo checkpoint with that sampler.
pub(crate) fn request(sampler: SamplerRef) -> RunRequest {
    let recipe = Recipe {
        version: recipe::VERSION,
        model: ModelRef { name: "demo".to_owned(), fingerprint: None },
        prompt: "a red circle on a blue background".to_owned(),
        size: Size::new(256, 256).unwrap(),
        sigma_size: None,
        noise: NoiseSource::Seed { seed: 7, rng: Rng::TorchCpu },
        preset: None,
        steps: [7.0, 7.0, 7.0, 3.0].map(|gw| Step { gw, mu: 0.0, std: 1.75 }).to_vec(),
        terminal: Terminal::Reference,
        sampler,
        dtype: ComputeDtype::F32,
        device: DeviceChoice::Cpu,
        first_block_cache: None,
        card: None,
    };
    RunRequest {
        recipe,
        noise: None,
        previews: false,
        wanted: sigmalab_engine::request::Wanted::default(),
    }
}

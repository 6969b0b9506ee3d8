//! The program itself, started for what it does better in a process of its own: planning an
//! experiment, and leaving a sweep to a process that outlives the workbench.

use crate::tui::screens::sweeps::work::{PlanCard, Start};
use serde::de::DeserializeOwned;
use sigmalab_engine::memory_size::MemorySize;
use sigmalab_experiment::launch::{ANSWERS, Launched, Refusal, own_program};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the program is, and what its commands are to know.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// Where it is started; where this process is when `None`.
    folder: Option<PathBuf>,
    memory_limit: Option<MemorySize>,
}

impl Program {
    /// The program that is running, or another one.
    pub fn new(path: Option<PathBuf>) -> Self {
        let running = || own_program().unwrap_or_default();
        Program { path: path.unwrap_or_else(running), folder: None, memory_limit: None }
    }

    /// The same, started in a folder: what it names by relative paths is there.
    #[must_use]
    pub fn within(self, folder: &Path) -> Self {
        Program { folder: Some(folder.to_owned()), ..self }
    }

    /// The same, whose workers may take so much memory.
    #[must_use]
    pub fn limited(self, memory_limit: Option<MemorySize>) -> Self {
        Program { memory_limit, ..self }
    }

    /// What an experiment file would run.
    ///
    /// # Errors
    /// What is wrong with it, with line and column.
    pub fn plan(
        &self,
        file: &Path,
        measure: bool,
        model: &str,
        presets: &Path,
    ) -> Result<PlanCard, Refusal> {
        let mut arguments: Vec<&OsStr> =
            ["sweep", "plan", "--json", "--list"].map(OsStr::new).into();
        if !measure {
            arguments.push("--no-time".as_ref());
        }
        arguments.extend([OsStr::new("--"), file.as_os_str()]);
        let text = self.run(&arguments, model, presets)?;
        answer(&text)
    }

    /// Starts a process that runs a sweep.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start(&self, start: &Start, model: &str, presets: &Path) -> Result<Launched, Refusal> {
        let on = |command: &'static str, flags: &'static [&'static str], what: &'static str| {
            [&["sweep", command], flags, &[what]].concat()
        };
        let (words, what): (Vec<&str>, &[&OsStr]) = match start {
            Start::Run(what) => (on("run", &["--detach"], "--"), &[what.as_os_str()]),
            Start::Extend(what) => {
                (on("run", &["--detach", "--extend"], "--"), &[what.as_os_str()])
            }
            Start::Retry(what) => {
                (on("retry", &["--detach", "--failed"], "--"), &[what.as_os_str()])
            }
            Start::Tune(flags) => {
                let flags = flags.iter().map(String::as_str);
                (["tune", "--detach", "--quiet"].into_iter().chain(flags).collect(), &[])
            }
        };
        let arguments: Vec<&OsStr> =
            words.into_iter().map(OsStr::new).chain(what.iter().copied()).collect();
        let launched: Launched = answer(&self.run(&arguments, model, presets)?)?;
        Ok(match &self.folder {
            Some(folder) => Launched { directory: folder.join(&launched.directory), ..launched },
            None => launched,
        })
    }

    fn run(&self, arguments: &[&OsStr], model: &str, presets: &Path) -> Result<String, Refusal> {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .env("SIGMALAB_MODEL", model)
            .env(ANSWERS, "json");
        if let Some(limit) = self.memory_limit {
            command.env("SIGMALAB_MEMORY_LIMIT", limit.exact());
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        // The file of the workbench and no other, there or not: where it is not there yet, the
        // built-in presets count for both.
        command.env("SIGMALAB_PRESETS", presets);
        let output = command
            .output()
            .map_err(|error| refused(format!("no process can be started: {error}")))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(said.into_owned());
        }
        // A usage error, or a program that broke, has words for people alone.
        Err(serde_json::from_str(&said).unwrap_or_else(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            match said.trim() {
                "" => refused(format!("it ended with {}", output.status)),
                said => refused(said.to_owned()),
            }
        }))
    }
}

fn answer<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text)
        .map_err(|error| refused(format!("its answer cannot be read: {error}")))
}

fn refused(message: String) -> Refusal {
    Refusal { message, ..Refusal::default() }
}

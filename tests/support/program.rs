//! Runs the program in a folder of its own, away from the user's settings.

use super::checkpoints::{copy, demo};
use std::borrow::BorrowMut;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder to run the program in.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// The names of the files in the folder, sorted, but for the user's own folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "home");
        names.sort();
        names
    }

    /// The program with `arguments`, ready to start here.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmalab"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.path("home"))
            .env("HF_HUB_OFFLINE", "1")
            .env("HF_HOME", self.path("hub"))
            .stdin(Stdio::null());
        for variable in ["SIGMALAB_MODEL", "SIGMALAB_PRESETS", "XDG_CONFIG_HOME", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
    }

    /// Makes a pipe that nobody writes to.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Outcome {
        outcome(self.command(arguments))
    }

    /// Runs the program and expects it to end well.
    pub(crate) fn done<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.stdout
    }

    /// The same where it prints JSON.
    pub(crate) fn json<S: AsRef<OsStr>>(&self, arguments: &[S]) -> serde_json::Value {
        serde_json::from_str(&self.done(arguments)).unwrap()
    }

    /// Runs the program and expects it to refuse its input, to say so with every one of `words`,
    /// and to touch no file.
    pub(crate) fn refused<S: AsRef<OsStr> + std::fmt::Debug>(
        &self,
        arguments: &[S],
        words: &[&str],
    ) -> String {
        let before = self.files();
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        let told = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(told, 1, "{arguments:?}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("panicked"), "{arguments:?}: {}", outcome.stderr);
        for word in words {
            assert!(
                outcome.stderr.contains(word),
                "{arguments:?}: no `{word}` in: {}",
                outcome.stderr
            );
        }
        assert_eq!(self.files(), before, "{arguments:?} left files");
        outcome.stderr
    }
}

/// Runs a command with text on its standard input, through a pipe; fails where it does not end.
pub(crate) fn outcome_in_time(mut command: Command, input: Option<&str>) -> Outcome {
    use std::io::{Read as _, Write as _};
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let (Some(input), Some(mut to)) = (input, child.stdin.take()) {
        // It may end without reading.
        let _ = to.write_all(input.as_bytes());
    }
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = std::thread::spawn(move || {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        out.read_to_string(&mut stdout).unwrap();
        err.read_to_string(&mut stderr).unwrap();
        (stdout, stderr)
    });
    let began = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > std::time::Duration::from_secs(60) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it does not end: {command:?}");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let (stdout, stderr) = read.join().unwrap();
    Outcome { code: status.code(), stdout, stderr }
}

/// Runs a command to its end.
pub(crate) fn outcome(mut command: impl BorrowMut<Command>) -> Outcome {
    outcome_of(command.borrow_mut().output().unwrap())
}

/// Waits for a process that was started.
pub(crate) fn ended(child: Child) -> Outcome {
    outcome_of(child.wait_with_output().unwrap())
}

fn outcome_of(output: Output) -> Outcome {
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A small and quick run of the demo checkpoint, more arguments to follow.
pub(crate) const QUICK: [&str; 7] = [
    "generate",
    "--prompt",
    "a red circle on a blue background",
    "--num-steps",
    "3",
    "--mu",
    "0.5",
];

/// [`QUICK`] with `more`.
pub(crate) fn quick<'a>(more: &[&'a str]) -> Vec<&'a str> {
    QUICK.iter().chain(more).copied().collect()
}

/// A copy of the demo checkpoint in a folder `model`.
pub(crate) fn demo_checkpoint(place: &Place) -> PathBuf {
    let target = place.path("model");
    copy(&demo(), &target);
    target
}

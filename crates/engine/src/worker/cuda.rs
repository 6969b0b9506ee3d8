//! The worker that was built with CUDA: where it is, what it says of itself, and in a sentence what
//! is missing where it cannot be used. It is a program of its own because CUDA's libraries are
//! linked when it is built: one that has them does not start on a machine without.

use sigmalab_compute::{Device, DeviceReport};
use sigmalab_files::token;
use sigmalab_sampler::plugin::{TRUST_VARIABLE, Trust};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub const CUDA_WORKER: &str = "sigmalab-worker-cuda";
/// The environment variable that names another one.
pub const VARIABLE: &str = "SIGMALAB_WORKER_CUDA";
/// The argument that asks it for its devices.
pub const DEVICES_ARGUMENT: &str = "devices";

/// How long it may take to answer: a driver that starts up takes some seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// The oldest driver for this CUDA.
const DRIVER: &str = "an NVIDIA driver of version 580 or later";

/// Why there is no such worker to be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error(
        "there is no {CUDA_WORKER}, which GPUs need, beside sigmalab or on the path: \
         `scripts/cuda-toolkit` builds it, and {VARIABLE} may name it"
    )]
    Worker,
    /// Somebody else could have put it there.
    #[error("`{}`: {problem}", program.display())]
    Distrusted { program: PathBuf, problem: String },
    #[error("`{}` cannot be started: {problem}", program.display())]
    Start { program: PathBuf, problem: String },
    #[error("no NVIDIA driver is installed ({library} is missing): GPUs need {DRIVER}")]
    Driver { library: String },
    #[error(
        "a library of CUDA 13 is missing, {library}: install CUDA 13, name its folder in \
         LD_LIBRARY_PATH, or let `scripts/cuda-toolkit` fetch it"
    )]
    Library { library: String },
    #[error(
        "`{}` is of version {found} and this is {}: build it again with `scripts/cuda-toolkit`",
        program.display(), env!("CARGO_PKG_VERSION")
    )]
    Version { program: PathBuf, found: String },
    #[error("`{}` does not say what it can do: {problem}", program.display())]
    Answer { program: PathBuf, problem: String },
    #[error("the NVIDIA driver gives no device: {problem}; GPUs need {DRIVER}")]
    Refused { problem: String },
    #[error("there is no device cuda:{asked}: there {found}")]
    Number { asked: usize, found: String },
}

/// A worker that can be used, and its devices.
#[derive(Debug, Clone)]
pub struct CudaWorker {
    pub program: PathBuf,
    pub report: DeviceReport,
}

impl CudaWorker {
    /// Looks for it and asks it what it can do.
    pub fn find() -> Result<Self, Missing> {
        ask(&program()?)
    }

    pub fn device(&self, number: usize) -> Result<&Device, Missing> {
        let devices = &self.report.devices;
        devices.iter().find(|device| device.number == number).ok_or_else(|| {
            let names: Vec<String> =
                devices.iter().map(|device| format!("cuda:{}", device.number)).collect();
            let found = match names.as_slice() {
                [] => "is none".to_owned(),
                [one] => format!("is {one}"),
                many => format!("are {}", many.join(", ")),
            };
            Missing::Number { asked: number, found }
        })
    }
}

/// The program: the one that the environment names, else one beside this program, else on the path.
fn program() -> Result<PathBuf, Missing> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        return Ok(named.into());
    }
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = beside.into_iter().chain(std::env::split_paths(&path));
    let found = folders.map(|folder| folder.join(CUDA_WORKER)).find(|file| file.is_file());
    let program = found.and_then(|file| std::path::absolute(file).ok()).ok_or(Missing::Worker)?;
    // It is found where it is looked for, and runs in the user's name: as with plugins, nobody
    // else may have put it there.
    let meant = std::env::var_os(TRUST_VARIABLE).unwrap_or_default();
    match Trust::default().meaning(&meant).check(&program) {
        Ok(()) => Ok(program),
        Err(distrust) => Err(Missing::Distrusted { program, problem: distrust.to_string() }),
    }
}

/// Asks a program what it can do.
fn ask(program: &Path) -> Result<CudaWorker, Missing> {
    let start = |error: io::Error| Missing::Start {
        program: program.to_owned(),
        problem: error.to_string(),
    };
    let mut command = Command::new(program);
    command.arg(DEVICES_ARGUMENT).stdin(Stdio::null());
    token::withhold(&mut command);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(start)?;
    let output = finished(child, PATIENCE).map_err(start)?;
    understand(program, output)
}

/// What a process printed; an error where it takes longer than `patience`, after which it is gone.
fn finished(mut child: Child, patience: Duration) -> io::Result<Output> {
    let reading = |from: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut from) = from {
                // What came until then is what there is.
                let _ = from.read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let stdout = reading(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = reading(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
        }
        thread::sleep(Duration::from_millis(5));
    };
    let of = |thread: thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    Ok(Output { status, stdout: of(stdout), stderr: of(stderr) })
}

fn understand(program: &Path, output: Output) -> Result<CudaWorker, Missing> {
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    if let Some(library) = missing_library(&printed).filter(|_| !output.status.success()) {
        return Err(match library.starts_with("libcuda.so") {
            true => Missing::Driver { library },
            false => Missing::Library { library },
        });
    }
    let answer = |problem: String| Missing::Answer { program: program.to_owned(), problem };
    if !output.status.success() {
        let words = printed.lines().next().unwrap_or_default();
        return Err(answer(format!("it ended with {}: {words}", output.status)));
    }
    let report: DeviceReport =
        serde_json::from_slice(&output.stdout).map_err(|error| answer(error.to_string()))?;
    if report.version != env!("CARGO_PKG_VERSION") {
        return Err(Missing::Version { program: program.to_owned(), found: report.version });
    }
    match report.problem {
        Some(problem) => Err(Missing::Refused { problem }),
        None => Ok(CudaWorker { program: program.to_owned(), report }),
    }
}

/// The library that a loader did not find, from its message.
fn missing_library(printed: &str) -> Option<String> {
    let (_, rest) = printed.split_once("error while loading shared libraries: ")?;
    let (library, _) = rest.split_once(':')?;
    Some(library.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// What is said of a worker that is this script.
    fn said_of(script: &str) -> Result<CudaWorker, Missing> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        ask(&program)
    }

    fn report(version: &str) -> DeviceReport {
        DeviceReport {
            version: version.to_owned(),
            kernels: "0".to_owned(),
            driver: Some("13.0".to_owned()),
            devices: vec![Device {
                number: 0,
                name: "A card".to_owned(),
                memory_bytes: 24 << 30,
                free_bytes: 20 << 30,
                compute_capability: [8, 9],
                multiprocessors: 128,
                threads_per_multiprocessor: 1536,
            }],
            problem: None,
        }
    }

    fn printing(report: &DeviceReport) -> String {
        format!("echo '{}'", serde_json::to_string(report).unwrap())
    }

    #[test]
    fn a_worker_that_answers_has_its_devices() {
        let worker = said_of(&printing(&report(env!("CARGO_PKG_VERSION")))).unwrap();
        let text = worker.device(0).unwrap().to_string();
        assert!(text.starts_with("cuda:0  A card, 20.0 GiB of 24.0 free"), "{text}");
        let message = worker.device(3).unwrap_err().to_string();
        assert_eq!(message, "there is no device cuda:3: there is cuda:0");
    }

    #[test]
    fn a_loaders_message_becomes_a_sentence_with_the_way_out() {
        let loader = |library: &str| {
            let said = "error while loading shared libraries";
            let why = "cannot open shared object file: No such file or directory";
            said_of(&format!("echo 'w: {said}: {library}: {why}' >&2; exit 127"))
        };
        let message = loader("libcuda.so.1").unwrap_err().to_string();
        assert!(message.contains("driver") && message.contains("580"), "{message}");
        let message = loader("libcublas.so.13").unwrap_err().to_string();
        assert!(message.contains("libcublas.so.13") && message.contains("CUDA 13"), "{message}");
    }

    #[test]
    fn one_of_another_version_one_without_a_device_and_one_that_fails_say_so() {
        let message = said_of(&printing(&report("0.0.1"))).unwrap_err().to_string();
        assert!(message.contains("0.0.1") && message.contains("build it again"), "{message}");
        let problem = Some("CUDA driver version is insufficient".to_owned());
        let report = DeviceReport { problem, ..report(env!("CARGO_PKG_VERSION")) };
        let message = said_of(&printing(&report)).unwrap_err().to_string();
        assert!(message.contains("insufficient") && message.contains("580"), "{message}");
        let message = said_of("echo hm >&2; exit 3").unwrap_err().to_string();
        assert!(message.contains("hm"), "{message}");
        assert!(said_of("echo no JSON").is_err());
    }

    #[test]
    fn one_that_does_not_answer_is_ended() {
        let mut command = Command::new("sleep");
        let child = command.arg("60").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let error = finished(child.unwrap(), Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

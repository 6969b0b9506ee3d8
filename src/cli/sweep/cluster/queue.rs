//! What a queue says of the jobs of a run directory: asked for a moment, and left out where it does
//! not answer. A run directory may be anybody's: of a job that it names only those tasks count whose
//! script is the run directory's own.

use super::settings::Engine;
use super::{FOLDER, Submission, submissions};
use serde::Serialize;
use sigmalab_experiment::directory::RunDirectory;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a queue may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A worker as the queue knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Task {
    /// The submission's number in the run directory.
    pub(in super::super) submission: u64,
    /// What the queue calls it.
    pub(in super::super) task: String,
    /// Its state in the queue's words.
    pub(in super::super) state: String,
    /// Where it runs.
    pub(in super::super) node: String,
    /// For how long.
    pub(in super::super) time: String,
    /// Why it waits.
    pub(in super::super) reason: String,
}

/// The tasks of a run directory that its queues know. These forms of squeue's lines are the same in
/// all versions of Slurm, which those of its JSON are not.
pub(in super::super) fn stands(directory: &RunDirectory) -> Vec<Task> {
    let asked = submissions(directory).into_iter().filter(|(_, known)| is_slurm(known));
    let tasks = asked.flat_map(|(number, submission)| {
        let job = submission.job.unwrap_or_default();
        let form = "--format=%i|%T|%N|%M|%r|%o";
        let arguments = ["--noheader", "--array", "--states=all", "--jobs", &job, form];
        let said = said("squeue", &arguments).unwrap_or_default();
        of_lines(&said, number, &script(directory, number))
    });
    tasks.collect()
}

fn is_slurm(submission: &Submission) -> bool {
    let job = submission.job.as_deref().unwrap_or_default();
    submission.engine == Engine::Slurm
        && !job.is_empty()
        && job.bytes().all(|byte| byte.is_ascii_digit())
}

/// The script that the tasks of a submission run.
fn script(directory: &RunDirectory, number: u64) -> PathBuf {
    let absolute = std::fs::canonicalize(directory.path());
    let absolute = absolute.unwrap_or_else(|_| directory.path().to_owned());
    absolute.join(FOLDER).join(number.to_string()).join("submit.sh")
}

fn of_lines(said: &str, submission: u64, script: &Path) -> Vec<Task> {
    let task = |line: &str| {
        let mut parts = line.splitn(6, '|').map(|part| part.trim().to_owned());
        let task = Task {
            submission,
            task: parts.next()?,
            state: parts.next()?,
            node: parts.next()?,
            time: parts.next()?,
            reason: parts.next().filter(|reason| reason != "None").unwrap_or_default(),
        };
        (Path::new(&parts.next()?) == script).then_some(task)
    };
    said.lines().filter_map(task).collect()
}

/// Takes back the tasks that have not begun; what was done in a line, where something was.
pub(in super::super) fn cancel_pending(directory: &RunDirectory) -> String {
    let tasks = stands(directory);
    let mut lines = String::new();
    for (number, submission) in submissions(directory) {
        let of_this = |task: &&Task| task.submission == number && task.state == "PENDING";
        let waiting = tasks.iter().filter(of_this).count();
        let Some(job) = submission.job.filter(|_| waiting > 0) else { continue };
        lines.push_str(&match said("scancel", &["--state=PENDING", &job]) {
            Some(_) => {
                format!("cluster/{number}: {waiting} waiting in the queue were taken back\n")
            }
            None => {
                format!("cluster/{number}: scancel did not answer: scancel --state=PENDING {job}\n")
            }
        });
    }
    lines
}

/// What a program prints; `None` where there is none, it fails or takes too long.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut out = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).ok().map(|_| text)
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break status,
            None if began.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let text = reader.join().ok()??;
    status.success().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tasks_of_the_run_directorys_own_script_count() {
        let said = "7_0|RUNNING|n1|1:02|None|/r/cluster/1/submit.sh\n\
                    7_1|PENDING||0:00|Resources|/r/cluster/1/submit.sh\n\
                    7_2|RUNNING|n2|1:02|None|/home/me/precious.sh\nnonsense\n";
        let tasks = of_lines(said, 1, Path::new("/r/cluster/1/submit.sh"));
        let told: Vec<_> =
            tasks.iter().map(|task| (&*task.task, &*task.node, &*task.reason)).collect();
        assert_eq!(told, [("7_0", "n1", ""), ("7_1", "", "Resources")]);
    }

    #[test]
    fn a_queue_that_does_not_answer_is_left_out() {
        assert_eq!(said("/no/such/program", &[]), None);
        assert_eq!(said("false", &[]), None);
        assert_eq!(said("echo", &["a"]), Some("a\n".to_owned()));
    }
}

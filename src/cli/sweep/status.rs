//! `sigmalab sweep status`: where a sweep stands, at any time.

use super::cluster::{self, Task};
use super::progress::in_words;
use super::run_directory;
use crate::cli::failure::Failure;
use crate::cli::print::{self, counted, one_line};
use clap::Args;
use sigmalab_experiment::control::Control;
use sigmalab_experiment::status::Status;
use sigmalab_experiment::workers::{self, Worker};
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep status runs/quickstart
  sigmalab sweep status quickstart --json")]
pub(super) struct StatusCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Most failures that are told; the table has them all.
const MOST_FAILURES: usize = 10;

/// Most tasks of a queue that are told one by one.
const MOST_TASKS: usize = 40;

/// Prints the status.
pub(super) fn run(arguments: &StatusCommand) -> Result<(), Failure> {
    let directory = run_directory::named(&arguments.dir)?;
    let status = match Status::at_once(&directory).map_err(Failure::failed)? {
        Some(status) => status,
        None => Status::of(&run_directory::open(&arguments.dir)?).map_err(Failure::failed)?,
    };
    let tasks = cluster::stands(&directory);
    let workers = workers::all(&directory);
    let control = Control::read(&directory).map_err(Failure::failed)?;
    let troubles = workers::troubles(&workers, &control);
    if arguments.json {
        let troubles = troubles.into_iter().map(|(process, end)| {
            serde_json::json!({ "host": process.host, "exit": end.exit, "cause": end.cause })
        });
        let mut whole = serde_json::to_value(&status).map_err(Failure::failed)?;
        if let Some(object) = whole.as_object_mut() {
            object.insert("tasks".to_owned(), serde_json::json!(tasks));
            object.insert("troubles".to_owned(), troubles.collect());
        }
        return print::json(&whole);
    }
    let mut text = text(&status, &workers);
    text.push_str(&in_the_queue(&tasks, &workers));
    for (process, end) in troubles.iter().rev().take(MOST_FAILURES) {
        let (host, cause) = (one_line(&process.host), one_line(&end.cause));
        let _ =
            writeln!(text, "a worker on {host} could not work (exit code {}): {cause}", end.exit);
    }
    print::result(&text)
}

/// What a queue knows of workers, each with what it said itself. Those that ended are counted.
fn in_the_queue(tasks: &[Task], workers: &[Worker]) -> String {
    let mut text = String::new();
    let lasting = |task: &&Task| !matches!(task.state.as_str(), "COMPLETED" | "CANCELLED");
    for task in tasks.iter().filter(lasting).take(MOST_TASKS) {
        let _ = write!(text, "cluster/{} task {} {}", task.submission, task.task, task.state);
        for (word, value) in [("on", &task.node), ("for", &task.time), ("because of", &task.reason)]
        {
            if !value.is_empty() && value != "0:00" {
                let _ = write!(text, " {word} {}", one_line(value));
            }
        }
        let name = format!("slurm {}", task.task);
        let own = workers.iter().rev().find(|worker| worker.task.as_ref() == Some(&name));
        match own.map(|worker| (&worker.process, &worker.end)) {
            Some((process, None)) if task.state == "RUNNING" => {
                let _ = write!(text, ", process {}", process.id);
            }
            Some((_, Some(end))) => {
                let _ = write!(text, ", exit code {}: {}", end.exit, one_line(&end.cause));
            }
            _ => {}
        }
        text.push('\n');
    }
    let more = tasks.iter().filter(lasting).count().saturating_sub(MOST_TASKS);
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    let ended = tasks.len() - tasks.iter().filter(lasting).count();
    if ended > 0 {
        let _ = writeln!(text, "{} of the queue ended", counted(ended, "task"));
    }
    text
}

fn text(status: &Status, processes: &[Worker]) -> String {
    let mut text = format!(
        "{}: {} of {} done, {} failed, {} to do",
        status.name,
        status.done,
        counted(status.trials, "trial"),
        status.failed,
        status.pending
    );
    if status.skipped > 0 {
        let _ = write!(text, ", {} skipped", status.skipped);
    }
    if status.references > 0 {
        let _ = write!(
            text,
            "; {} of {}",
            status.references_done,
            counted(status.references, "reference run")
        );
    }
    text.push('\n');
    if status.paused && status.pending > 0 {
        text.push_str("paused; `sigmalab sweep resume` continues\n");
    }
    let nfe = status.nfe;
    let _ = writeln!(
        text,
        "made   {} + {} evaluations, {} + {} saved",
        nfe.cond_done, nfe.uncond_done, nfe.cond_saved, nfe.uncond_saved
    );
    if status.pending > 0 {
        let _ = write!(
            text,
            "to do  {} + {} evaluations",
            status.remaining.cond_done, status.remaining.uncond_done
        );
        if let Some(seconds) = status.remaining_seconds {
            let _ = write!(text, ", about {} in one process", in_words(seconds));
        }
        text.push('\n');
    }
    for worker in &status.workers {
        let who = match &worker.process {
            Some(process) => format!("process {} on {}", process.id, one_line(&process.host)),
            None => "a process".to_owned(),
        };
        let own = processes.iter().rev().find(|own| Some(&own.process) == worker.process.as_ref());
        let on =
            own.and_then(|own| own.task.as_deref()).map(|task| format!(" ({})", one_line(task)));
        let _ = write!(
            text,
            "part {} is worked on by {who}{}",
            one_line(&worker.unit),
            on.unwrap_or_default()
        );
        if let Some(seconds) = worker.silent_seconds {
            let _ = write!(
                text,
                ", whose worker has been silent for {}: a long step, or it hangs; `sigmalab \
                 sweep cancel` gives up on it",
                in_words(seconds as f64)
            );
        }
        text.push('\n');
    }
    if status.former > 0 {
        let _ = writeln!(
            text,
            "{} of the table {} from an earlier version of the experiment",
            counted(status.former, "row"),
            if status.former == 1 { "is" } else { "are" }
        );
    }
    if status.damaged > 0 {
        let are = if status.damaged == 1 { "is" } else { "are" };
        let lines = counted(status.damaged, "line");
        let _ = writeln!(text, "{lines} of the journals {are} damaged and passed over");
    }
    for failure in status.failures.iter().take(MOST_FAILURES) {
        let _ = writeln!(
            text,
            "failed {} (number {}, {}): {}",
            failure.trial,
            failure.number,
            counted(failure.attempts as usize, "time"),
            one_line(&failure.error)
        );
    }
    if status.failures.len() > MOST_FAILURES {
        let _ = writeln!(text, "and {} more", status.failures.len() - MOST_FAILURES);
    }
    text
}

//! The job file that HyperQueue takes: a task a worker, and one that writes the report. Text from
//! values; it starts nothing.

use super::Job;
use super::quantities::{megabytes, seconds};
use super::settings::Settings;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

/// The job file. A task of a later round waits for the one that it follows, so that no more than
/// `workers` run at once.
pub(super) fn file(job: &Job) -> String {
    let settings = &job.settings;
    let (workers, tasks) = (settings.workers(), settings.workers() * settings.rounds());
    let mut document = DocumentMut::new();
    document["name"] = value(job.title());
    let mut all = ArrayOfTables::new();
    for number in 0..tasks {
        let mut task = task(job, number, &timed(settings, job.command()));
        if let Some(limit) = settings.time.as_deref().and_then(seconds) {
            task["time_limit"] = value(format!("{limit}s"));
        }
        if let Some(before) = number.checked_sub(workers) {
            task["deps"] = value([integer(before)].into_iter().collect::<Array>());
        }
        let resources = resources(settings);
        if !resources.is_empty() {
            let mut request = Table::new();
            request["resources"] = value(resources);
            let mut requests = ArrayOfTables::new();
            requests.push(request);
            task.insert("request", Item::ArrayOfTables(requests));
        }
        all.push(task);
    }
    let mut last = task(job, tasks, &job.last_command());
    last["deps"] = value((0..tasks).map(integer).collect::<Array>());
    all.push(last);
    document.insert("task", Item::ArrayOfTables(all));
    document.to_string()
}

/// What a worker needs, by HyperQueue's names for what it finds on a machine.
fn resources(settings: &Settings) -> InlineTable {
    let mut resources = InlineTable::new();
    if let Some(cpus) = settings.cpus {
        resources.insert("cpus", Value::from(integer(cpus)));
    }
    if let Some(gpus) = settings.gpu_count() {
        resources.insert("gpus/nvidia", Value::from(gpus));
    }
    if let Some(mem) = settings.mem.as_deref().and_then(megabytes) {
        resources.insert("mem", Value::from(mem.to_string()));
    }
    resources
}

/// The worker, told to stop before its time limit: HyperQueue sends no signal ahead of one, and a
/// task that it stops itself counts as failed, with all that waits for it.
fn timed(settings: &Settings, command: Vec<String>) -> Vec<String> {
    let Some(limit) = settings.time.as_deref().and_then(seconds) else { return command };
    let run = limit.saturating_sub(settings.grace().into());
    // In the foreground the signal goes to the worker alone, not to what it started.
    let timeout = ["timeout", "--foreground", "--preserve-status", "--signal=USR1"];
    let timeout = timeout.map(str::to_owned);
    timeout.into_iter().chain([format!("{run}s")]).chain(command).collect()
}

/// What of the settings cannot be told to HyperQueue, by its key.
pub(super) fn problem(settings: &Settings) -> Option<(&'static str, String)> {
    if let Some(time) = &settings.time {
        let Some(limit) = seconds(time) else {
            let forms = "minutes, h:mm:ss or days-h:mm:ss";
            return Some(("time", format!("`{time}` is not a time limit; expected {forms}")));
        };
        if limit <= settings.grace().into() {
            let grace = settings.grace();
            return Some((
                "time",
                format!("`{time}` is not longer than the {grace} seconds of `grace`"),
            ));
        }
    }
    let mem = settings.mem.as_ref().filter(|mem| megabytes(mem).is_none())?;
    Some(("mem", format!("`{mem}` is not a size; expected a number with K, M, G or T")))
}

fn task(job: &Job, number: usize, command: &[String]) -> Table {
    let mut task = Table::new();
    task["id"] = value(integer(number));
    let setup = &job.settings.setup;
    let command: Vec<String> = match setup.is_empty() {
        true => command.to_vec(),
        false => {
            let lines = setup.join("\n");
            let line = super::line(command);
            vec!["/bin/bash".into(), "-c".into(), format!("{lines}\nexec {line}")]
        }
    };
    task["command"] = value(command.iter().map(String::as_str).collect::<Array>());
    let log = format!("logs/{number}.log");
    task["stdout"] = value(&log);
    // Both in one file would write over each other.
    task["stderr"] = value(format!("logs/{number}.err"));
    task
}

fn integer(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The command that submits the file.
pub(super) fn submit(job: &Job) -> Vec<String> {
    let command = ["hq", "job", "submit-file"].map(str::to_owned).into_iter();
    command.chain(job.own.iter().cloned()).chain(["job.toml".to_owned()]).collect()
}

/// The number of the job in what that prints.
pub(super) fn number(printed: &str) -> Option<String> {
    let after = printed.split("job ID:").nth(1)?;
    let number: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::settings::Settings;
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    /// The keys of a job file as HyperQueue's documentation has them, of those that are used.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct JobFile {
        name: String,
        task: Vec<Task>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Task {
        id: u32,
        command: Vec<String>,
        stdout: String,
        stderr: String,
        #[serde(default)]
        request: Vec<Request>,
        #[serde(default)]
        deps: Vec<u32>,
        time_limit: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        resources: BTreeMap<String, toml::Value>,
    }

    #[test]
    fn a_job_file_holds_a_task_a_worker_and_the_report_after_them() {
        let mut job = Job {
            name: "small".to_owned(),
            directory: "/data/my runs/small".into(),
            program: "/opt/sigmalab".into(),
            flags: Vec::new(),
            settings: Settings {
                workers: Some(2),
                gpus: Some("a100:1".to_owned()),
                cpus: Some(8),
                ..Settings::default()
            },
            own: Vec::new(),
        };
        let read: JobFile = toml::from_str(&file(&job)).unwrap();
        assert_eq!((read.name.as_str(), read.task.len()), ("sigmalab-small", 3));
        let first = &read.task[0];
        let words = ["/opt/sigmalab", "sweep", "run", "/data/my runs/small", "--worker"];
        assert_eq!((first.id, first.command.as_slice()), (0, &words.map(str::to_owned)[..]));
        assert_eq!((first.stdout.as_str(), first.stderr.as_str()), ("logs/0.log", "logs/0.err"));
        let resources = &first.request[0].resources;
        assert_eq!(resources["cpus"].as_integer(), Some(8));
        assert_eq!(resources["gpus/nvidia"].as_str(), Some("1"));
        assert_eq!(read.task[2].deps, [0, 1]);
        job.settings.setup = vec!["module load cuda".to_owned()];
        let read: JobFile = toml::from_str(&file(&job)).unwrap();
        assert!(read.task[0].command[2].starts_with("module load cuda\nexec /opt/sigmalab"));
        assert_eq!(read.task[0].time_limit, None);
        assert_eq!(number("Job submitted successfully, job ID: 7\n"), Some("7".to_owned()));
    }
    #[test]
    fn limits_and_rounds_are_told_as_hyperqueue_understands_them() {
        let settings = Settings {
            workers: Some(2),
            rounds: Some(2),
            time: Some("4:00:00".to_owned()),
            mem: Some("64G".to_owned()),
            ..Settings::default()
        };
        assert_eq!(problem(&settings), None);
        let job = Job {
            name: "small".to_owned(),
            directory: "/data/small".into(),
            program: "/opt/sigmalab".into(),
            flags: Vec::new(),
            settings,
            own: Vec::new(),
        };
        let read: JobFile = toml::from_str(&file(&job)).unwrap();
        let first = &read.task[0];
        assert_eq!(first.time_limit.as_deref(), Some("14400s"));
        // Three minutes before, the worker gives back what it holds and succeeds.
        let timeout = ["timeout", "--foreground", "--preserve-status", "--signal=USR1", "14220s"];
        assert_eq!(&first.command[..5], timeout);
        assert_eq!(first.command[5], "/opt/sigmalab");
        assert_eq!(first.request[0].resources["mem"].as_str(), Some("65536"));
        let deps: Vec<&[u32]> = read.task.iter().map(|task| task.deps.as_slice()).collect();
        assert_eq!(deps, [&[][..], &[], &[0], &[1], &[0, 1, 2, 3]]);
        assert_eq!(read.task[4].time_limit, None);
    }

    #[test]
    fn what_hyperqueue_could_not_be_told_is_refused() {
        let of = |time: &str, mem: &str| Settings {
            time: Some(time.to_owned()),
            mem: Some(mem.to_owned()),
            ..Settings::default()
        };
        assert_eq!(problem(&of("1h", "1G")).unwrap().0, "time");
        assert_eq!(problem(&of("3", "1G")).unwrap().0, "time");
        assert_eq!(problem(&of("4", "1GB")).unwrap().0, "mem");
    }
}

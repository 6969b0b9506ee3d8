//! The job file that HyperQueue takes: a task a worker, and one that writes the report. Text from
//! values; it starts nothing.

use super::Job;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

/// The job file.
pub(super) fn file(job: &Job) -> String {
    let settings = &job.settings;
    let tasks = settings.workers() * settings.rounds();
    let mut document = DocumentMut::new();
    document["name"] = value(job.title());
    let mut all = ArrayOfTables::new();
    for number in 0..tasks {
        let mut task = task(job, number, &job.command());
        let mut resources = InlineTable::new();
        if let Some(cpus) = settings.cpus {
            resources.insert("cpus", Value::from(whole(cpus)));
        }
        if let Some(gpus) = settings.gpu_count() {
            resources.insert("gpus/nvidia", Value::from(gpus));
        }
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
    last["deps"] = value((0..tasks).map(whole).collect::<Array>());
    all.push(last);
    document.insert("task", Item::ArrayOfTables(all));
    document.to_string()
}

fn task(job: &Job, number: usize, command: &[String]) -> Table {
    let mut task = Table::new();
    task["id"] = value(whole(number));
    let setup = &job.settings.setup;
    let words: Vec<String> = match setup.is_empty() {
        true => command.to_vec(),
        false => {
            let lines = setup.join("\n");
            let line = super::line(command);
            vec!["/bin/bash".into(), "-c".into(), format!("{lines}\nexec {line}")]
        }
    };
    task["command"] = value(words.iter().map(String::as_str).collect::<Array>());
    let log = format!("logs/{number}.log");
    task["stdout"] = value(&log);
    // Both in one file would write over each other.
    task["stderr"] = value(format!("logs/{number}.err"));
    task
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The words that submit the file.
pub(super) fn submit(job: &Job) -> Vec<String> {
    let words = ["hq", "job", "submit-file"].map(str::to_owned).into_iter();
    words.chain(job.own.iter().cloned()).chain(["job.toml".to_owned()]).collect()
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
        assert_eq!(number("Job submitted successfully, job ID: 7\n"), Some("7".to_owned()));
    }
}

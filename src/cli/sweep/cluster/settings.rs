//! What a cluster is asked for: flags, then the experiment file's `[cluster]`, then that of the
//! user's config.toml. It knows names and values and no queue.

use crate::cli::failure::Failure;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// What takes the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Engine {
    /// Slurm: a job array of workers, and a job that writes the report after them
    Slurm,
    /// HyperQueue: a job file, submitted where `hq` is there
    Hq,
    /// Hosts that share the folder: a worker on each, started by your own ssh
    Ssh,
}

/// The same settings as flags and as keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// What takes it
    #[arg(long, value_name = "ENGINE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Engine>,

    /// Workers at the same time, one a task [default: 1]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workers: Option<usize>,

    /// Let each worker be followed by others, R in all, for sweeps that take longer than --time;
    /// those that find nothing to do end at once [default: 1]
    #[arg(long, value_name = "R")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rounds: Option<usize>,

    /// Time limit of a worker, as the queue writes it: 4:00:00
    #[arg(long, value_name = "TIME", value_parser = word)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<String>,

    /// GPUs of a worker: a number, or a type and a number as in a100:1
    #[arg(long, value_name = "N", value_parser = word)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gpus: Option<String>,

    /// Processor cores of a worker
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpus: Option<usize>,

    /// Memory of a worker, such as 64G
    #[arg(long, value_name = "SIZE", value_parser = word)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mem: Option<String>,

    /// Partition
    #[arg(long, short = 'p', value_name = "NAME", value_parser = word)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<String>,

    /// Account that is charged
    #[arg(long, short = 'A', value_name = "NAME", value_parser = word)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,

    /// Seconds before the time limit at which a worker is told to stop [default: 180]
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grace: Option<u32>,

    /// Shell lines before the worker starts, such as "module load cuda"; may be given again
    #[arg(long, value_name = "LINE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) setup: Vec<String>,

    /// Hosts for --to ssh, separated by commas
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', value_parser = word)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hosts: Vec<String>,
}

/// Most workers of one submission, rounds taken together.
const MOST_TASKS: usize = 100_000;

/// A value of one word: it stands in a line of a script.
fn word(text: &str) -> Result<String, String> {
    problem_of(text).map_or_else(|| Ok(text.to_owned()), Err)
}

fn problem_of(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.starts_with('-') {
        return Some("it begins with a dash".to_owned());
    }
    let strange = text.chars().find(|c| !c.is_ascii_alphanumeric() && !"._:+,=@/-[]".contains(*c));
    strange.map(|c| format!("`{}` cannot be in it", c.escape_debug()))
}

/// A file with a table `[cluster]`; the rest is for others.
#[derive(Debug, Default, Deserialize)]
struct File {
    cluster: Option<Settings>,
}

impl Settings {
    /// The table `[cluster]` of a file.
    fn read(text: &str, name: &str) -> Result<Self, Failure> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|at| text.get(..at.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            Failure::bad_input(format_args!("{name}:{line}: [cluster]: {}", error.message()))
        })?;
        let settings = file.cluster.unwrap_or_default();
        settings.check(&format!("`{name}`: [cluster]"))?;
        Ok(settings)
    }

    /// What the user's own file says.
    pub(super) fn of_user(text: &str, name: &str) -> Result<Self, Failure> {
        Settings::read(text, name)
    }

    /// What an experiment file says. It may be anybody's: what a shell would run, and where, is not
    /// taken from it.
    pub(super) fn of_experiment(text: &str, name: &str) -> Result<Self, Failure> {
        let settings = Settings::read(text, name)?;
        if !settings.setup.is_empty() || !settings.hosts.is_empty() {
            return Err(Failure::bad_input(format_args!(
                "`{name}`: [cluster]: `setup` and `hosts` are not taken from experiment files, which \
                 may be anybody's"
            ))
            .way_out("[cluster] in config.toml, or --setup and --hosts"));
        }
        Ok(settings)
    }

    /// These, and for what they leave out those of `other`.
    pub(super) fn or(self, other: Settings) -> Settings {
        let list = |own: Vec<String>, other: Vec<String>| if own.is_empty() { other } else { own };
        Settings {
            to: self.to.or(other.to),
            workers: self.workers.or(other.workers),
            rounds: self.rounds.or(other.rounds),
            time: self.time.or(other.time),
            gpus: self.gpus.or(other.gpus),
            cpus: self.cpus.or(other.cpus),
            mem: self.mem.or(other.mem),
            partition: self.partition.or(other.partition),
            account: self.account.or(other.account),
            grace: self.grace.or(other.grace),
            setup: list(self.setup, other.setup),
            hosts: list(self.hosts, other.hosts),
        }
    }

    /// Refuses what no queue would take.
    pub(super) fn check(&self, place: &str) -> Result<(), Failure> {
        let refuse = |key: &str, problem: &dyn Display| {
            Err(Failure::bad_input(format_args!("{place}: `{key}`: {problem}")))
        };
        let texts = [
            ("time", &self.time),
            ("gpus", &self.gpus),
            ("mem", &self.mem),
            ("partition", &self.partition),
            ("account", &self.account),
        ];
        let texts = texts.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
        let hosts = self.hosts.iter().map(|host| ("hosts", host.as_str()));
        for (key, value) in texts.chain(hosts) {
            if let Some(problem) = problem_of(value) {
                return refuse(key, &format_args!("`{}`: {problem}", value.escape_debug()));
            }
        }
        for (key, value) in
            [("workers", self.workers), ("rounds", self.rounds), ("cpus", self.cpus)]
        {
            if value == Some(0) {
                return refuse(key, &"it is at least 1");
            }
        }
        if self.workers().saturating_mul(self.rounds()) > MOST_TASKS {
            return refuse("workers", &format_args!("more than {MOST_TASKS} tasks in all rounds"));
        }
        if self.setup.iter().any(|line| line.contains('\0')) {
            return refuse("setup", &"a line holds a byte 0");
        }
        Ok(())
    }

    pub(super) fn workers(&self) -> usize {
        self.workers.unwrap_or(1)
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(1)
    }

    pub(super) fn grace(&self) -> u32 {
        self.grace.unwrap_or(180)
    }

    /// The number of GPUs, whatever they are.
    pub(super) fn gpu_count(&self) -> Option<&str> {
        let gpus = self.gpus.as_deref()?;
        Some(gpus.rsplit_once(':').map_or(gpus, |(_, number)| number))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn flags_come_before_the_experiment_and_that_before_the_user() {
        let user = "colours = \"256\"\n[cluster]\nto = \"slurm\"\nworkers = 2\nsetup = [\"a\"]\n";
        let user = Settings::of_user(user, "config.toml").unwrap();
        let file = "name = \"x\"\n[cluster]\nworkers = 3\ntime = \"1:00:00\"\n";
        let file = Settings::of_experiment(file, "x.toml").unwrap();
        let flags = Settings { time: Some("2:00:00".to_owned()), ..Settings::default() };
        let all = flags.or(file).or(user);
        assert_eq!((all.workers(), all.rounds(), all.grace()), (3, 1, 180));
        assert_eq!((all.to, all.time.as_deref()), (Some(Engine::Slurm), Some("2:00:00")));
        assert_eq!(all.setup, ["a"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let told = |text: &str| Settings::of_user(text, "config.toml").unwrap_err().message;
        for (text, words) in [
            ("[cluster]\nworker = 2\n", "worker"),
            ("[cluster]\nworkers = 0\n", "`workers`: it is at least 1"),
            ("[cluster]\ntime = \"1h\\n#SBATCH --x\"\n", "`time`"),
            ("[cluster]\nhosts = [\"-oProxyCommand=x\"]\n", "begins with a dash"),
            ("[cluster]\nworkers = 100000\nrounds = 2\n", "more than 100000 tasks"),
            ("cluster = 1\n", "cluster"),
        ] {
            let told = told(text);
            assert!(told.contains(words) && told.contains("config.toml"), "{told}");
        }
        let stranger = Settings::of_experiment("[cluster]\nsetup = [\"rm x\"]\n", "x.toml");
        assert!(stranger.unwrap_err().message.contains("anybody's"));
        assert!(word("a b").is_err() && word("").is_err() && word("a100:1").is_ok());
    }
}

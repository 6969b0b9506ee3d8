//! `sigmalab sweep submit`: checks everything, writes the folder of the submission, and hands it to
//! the queue.

use super::settings::{Engine, Settings};
use super::{FOLDER, Job, Submission, VERSION, hq, line, slurm, ssh};
use crate::cli::failure::Failure;
use crate::cli::print::quoted;
use crate::cli::print::{self, counted};
use crate::cli::sweep::load::{self, LoadFlags};
use crate::cli::sweep::run::begin;
use crate::cli::sweep::run_directory;
use crate::cli::sweep::worker::refuse_fixed_device;
use crate::cli::values::threads;
use crate::cli::workbench::own_configuration;
use clap::Args;
use sigmalab_experiment::control::{Request, ask};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_files::target::OnCollision;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, Args)]
#[command(
    after_help = "Every worker is `sigmalab sweep run DIR --worker`: it takes what is free and leaves when nothing
is. Before its time limit it gives back what it has not finished. The folder DIR/cluster/N holds the
script, what was asked for and the logs. Settings come from flags, else from [cluster] in the
experiment file, else from [cluster] in config.toml; keys are called as flags. What stands after --
goes to sbatch, hq or ssh itself.

Examples:
  sigmalab sweep submit mine.toml --to slurm --workers 8 --gpus 1 --time 4:00:00
  sigmalab sweep submit mine.toml --to slurm --workers 8 --rounds 4 --dry-run
  sigmalab sweep submit runs/mine --to slurm --setup \"module load cuda\" -- --qos=long
  sigmalab sweep submit mine.toml --to hq --workers 16 --gpus 1
  sigmalab sweep submit mine.toml --to ssh --hosts gpu1,gpu2
  sigmalab sweep status runs/mine
  sigmalab sweep cancel runs/mine"
)]
pub(in super::super) struct SubmitCommand {
    /// Experiment file, or the name of a built-in experiment; or a run directory, to go on with
    #[arg(value_name = "FILE.toml|DIR")]
    what: PathBuf,

    /// Run directory, on a disk that every machine has [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,

    /// The program as every machine sees it [default: this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Compute threads of a worker [default: --cpus, else every core it is given]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,

    /// Print what would be submitted, and write nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    load: LoadFlags,

    /// Arguments of sbatch, hq or ssh
    #[arg(last = true, value_name = "ARGUMENT")]
    own: Vec<String>,
}

/// Hands a sweep over.
pub(in super::super) fn submit(arguments: &SubmitCommand) -> Result<(), Failure> {
    let (name, directory, of_file) = match run_directory::begun_at(&arguments.what) {
        Some(_) if arguments.dir.is_some() => {
            return Err(Failure::bad_input(
                "--dir needs an experiment file, and this is a run directory",
            ));
        }
        Some(begun) => {
            let sweep = run_directory::open(&begun)?;
            refuse_fixed_device(&sweep.experiment)?;
            (sweep.experiment.spec.name.clone(), sweep.directory, Settings::default())
        }
        None => {
            let loaded =
                load::load(&arguments.what, arguments.dir.as_ref(), &arguments.load, None)?;
            loaded.experiment.trials().map_err(Failure::bad_input_in_lines)?;
            refuse_fixed_device(&loaded.experiment)?;
            let file = arguments.what.display().to_string();
            let of_file = Settings::of_experiment(&loaded.text, &file)?;
            let name = loaded.experiment.spec.name.clone();
            // Everything else is checked before anything is written.
            settled(arguments, of_file.clone())?;
            if !arguments.dry_run {
                begin(&loaded, false)?;
            }
            (name, loaded.directory, of_file)
        }
    };
    let (engine, settings) = settled(arguments, of_file)?;
    let threads = arguments.threads.or(settings.cpus);
    let job = Job {
        name,
        directory: absolute(directory.path())?,
        program: program(arguments.program.as_deref())?,
        flags: threads.map(|threads| format!("--threads={threads}")).into_iter().collect(),
        settings,
        own: arguments.own.clone(),
    };
    if arguments.dry_run {
        return print::result(&shown(&job, engine));
    }
    // Whoever submits again has seen to what machines were at fault for.
    ask(&directory, Request::Mended {}).map_err(Failure::failed)?;
    let folder = new_folder(&directory)?;
    match engine {
        Engine::Slurm => to_slurm(&job, &folder),
        Engine::Hq => to_hq(&job, &folder),
        Engine::Ssh => to_hosts(&job, &folder),
    }
}

/// What is asked of whom: flags, then the file's, then the user's.
fn settled(arguments: &SubmitCommand, of_file: Settings) -> Result<(Engine, Settings), Failure> {
    let of_user = match own_configuration()? {
        Some((text, name)) => Settings::of_user(&text, &name)?,
        None => Settings::default(),
    };
    let settings = arguments.settings.clone().or(of_file).or(of_user);
    settings.check("sweep submit")?;
    let Some(engine) = settings.to else {
        return Err(Failure::bad_input("it is not said where to submit the sweep")
            .way_out("--to slurm, --to hq or --to ssh")
            .way_out("to = \"slurm\" below [cluster] in config.toml"));
    };
    if engine == Engine::Ssh && settings.hosts.is_empty() {
        return Err(Failure::bad_input("--to ssh needs hosts").way_out("--hosts gpu1,gpu2"));
    }
    if let Some((key, problem)) = hq::problem(&settings).filter(|_| engine == Engine::Hq) {
        return Err(Failure::bad_input(format_args!("sweep submit: `{key}`: {problem}")));
    }
    Ok((engine, settings))
}

/// The folder `cluster/N` of one submission.
struct SubmissionFolder<'a> {
    directory: &'a RunDirectory,
    number: u64,
    path: PathBuf,
}

impl SubmissionFolder<'_> {
    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let name = format!("{FOLDER}/{}/{name}", self.number);
        let written =
            self.directory.put(&name, OnCollision::Replace, |out| out.write_all(text.as_bytes()));
        written.map_err(Failure::failed)
    }

    fn note(
        &self,
        job: &Job,
        engine: Engine,
        tasks: usize,
        ids: (Option<String>, Option<String>),
    ) -> Result<(), Failure> {
        let settings = job.settings.clone();
        let (job, report) = ids;
        let submission = Submission { version: VERSION, engine, job, report, tasks, settings };
        let text = serde_json::to_string_pretty(&submission).map_err(Failure::failed)?;
        self.write("job.json", &(text + "\n"))
    }

    /// How to look at it, as the last line.
    fn report(&self, text: &str) -> Result<(), Failure> {
        let directory = quoted(self.directory.path());
        print::result(&format!("{text}sigmalab sweep status {directory} tells where it stands\n"))
    }
}

fn to_slurm(job: &Job, folder: &SubmissionFolder<'_>) -> Result<(), Failure> {
    folder.write("submit.sh", &slurm::workers(job))?;
    folder.write("report.sh", &slurm::report(job))?;
    let tasks = job.settings.workers() * job.settings.rounds();
    // The whole path: by it the queue's tasks are known again.
    let script = |name: &str| folder.path.join(name).display().to_string();
    let command = slurm::sbatch(job, &script("submit.sh"), None);
    let id = answer(folder, &command, slurm::number)?;
    folder.note(job, Engine::Slurm, tasks, (Some(id.clone()), None))?;
    let command = slurm::sbatch(job, &script("report.sh"), Some(&id));
    let report = match answer(folder, &command, slurm::number) {
        Ok(report) => Some(report),
        Err(unanswered) => {
            let (failure, directory) = (Failure::from(unanswered), quoted(folder.directory.path()));
            print::warning(format_args!(
                "the workers are submitted and the report after them is not: {}; `sigmalab sweep \
                 report {directory}` writes it",
                failure.message
            ));
            None
        }
    };
    folder.note(job, Engine::Slurm, tasks, (Some(id.clone()), report))?;
    folder.report(&format!(
        "{}  job {id}, {} ({} at a time)\n",
        folder.path.display(),
        counted(tasks, "task"),
        job.settings.workers()
    ))
}

fn to_hq(job: &Job, folder: &SubmissionFolder<'_>) -> Result<(), Failure> {
    folder.write("job.toml", &hq::file(job))?;
    let command = hq::submit(job);
    let tasks = job.settings.workers() * job.settings.rounds();
    folder.note(job, Engine::Hq, tasks, (None, None))?;
    let text = match answer(folder, &command, hq::number) {
        Ok(id) => {
            folder.note(job, Engine::Hq, tasks, (Some(id.clone()), None))?;
            format!(
                "{}  HyperQueue's job {id}, {}\n",
                folder.path.display(),
                counted(tasks, "task")
            )
        }
        // The queue's programs may be on another machine, which sees the same folder.
        Err(Unanswered::NoProgram(program)) => {
            format!(
                "{}  there is no `{program}` here; where it is:\ncd {} && {}\n",
                folder.path.display(),
                quoted(&folder.path),
                line(&command)
            )
        }
        Err(Unanswered::Failed(failure)) => return Err(failure),
    };
    folder.report(&text)
}

fn to_hosts(job: &Job, folder: &SubmissionFolder<'_>) -> Result<(), Failure> {
    let lines = ssh::lines(job);
    let script: String = lines.iter().map(|(_, command)| line(command) + "\n").collect();
    folder.write("submit.sh", &format!("#!/bin/sh\n{script}"))?;
    folder.note(job, Engine::Ssh, lines.len(), (None, None))?;
    let mut text = String::new();
    let mut failed = 0;
    for (host, command) in &lines {
        match answer(folder, command, |said| Some(said.trim().to_owned())) {
            Ok(said) => text.push_str(&format!("{host}  {}\n", print::one_line(&said))),
            Err(unanswered) => {
                failed += 1;
                print::warning(format_args!("{host}: {}", Failure::from(unanswered).message));
            }
        }
    }
    if failed == lines.len() {
        return Err(Failure::failed("no host could be reached")
            .way_out(format_args!("sh {} once they can", quoted(&folder.path.join("submit.sh")))));
    }
    folder.report(&text)
}

/// Why a queue's command gave no answer.
enum Unanswered {
    /// There is no such program on this machine.
    NoProgram(String),
    /// It refused, or could not be run.
    Failed(Failure),
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoProgram(program) => {
                Failure::failed(format_args!("there is no `{program}` here"))
            }
            Unanswered::Failed(failure) => failure,
        }
    }
}

/// What a queue's command answers.
fn answer(
    folder: &SubmissionFolder<'_>,
    command: &[String],
    read: impl FnOnce(&str) -> Option<String>,
) -> Result<String, Unanswered> {
    let failed = |failure: Failure| Err(Unanswered::Failed(failure));
    let Some((program, arguments)) = command.split_first() else {
        return failed(Failure::failed("there is no command"));
    };
    let output = Command::new(program)
        .args(arguments)
        .current_dir(&folder.path)
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Unanswered::NoProgram(program.clone()));
        }
        Err(error) => return failed(Failure::failed(format_args!("`{program}`: {error}"))),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    match read(&said).filter(|_| output.status.success()) {
        Some(answer) => Ok(answer),
        None => {
            let error = String::from_utf8_lossy(&output.stderr);
            let error = if error.trim().is_empty() { said } else { error };
            failed(
                Failure::failed(format_args!("`{program}` refused: {}", error.trim()))
                    .way_out(format_args!("cd {} && {}", quoted(&folder.path), line(command))),
            )
        }
    }
}

/// A folder that nobody has, with one for logs.
fn new_folder(directory: &RunDirectory) -> Result<SubmissionFolder<'_>, Failure> {
    let failed = |error: std::io::Error| {
        let folder = directory.path().join(FOLDER);
        Failure::failed(format_args!("`{}`: {error}", folder.display()))
    };
    let all = directory.shared().and_then(|shared| shared.make_folder(FOLDER)).map_err(failed)?;
    let absolute = absolute(directory.path())?.join(FOLDER);
    for number in 1_u64.. {
        let path = absolute.join(number.to_string());
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
            Ok(()) => {
                let own: SharedFolder = all.folder(number.to_string()).map_err(failed)?;
                own.make_folder("logs").map_err(failed)?;
                return Ok(SubmissionFolder { directory, number, path });
            }
        }
    }
    Err(Failure::failed("there are too many submissions"))
}

/// A path from the root, as other machines need it.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    match std::fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => std::path::absolute(path),
        found => found,
    }
    .map_err(|error| Failure::failed(format_args!("`{}`: {error}", path.display())))
}

fn program(given: Option<&Path>) -> Result<PathBuf, Failure> {
    match given {
        Some(program) if program.is_absolute() => Ok(program.to_owned()),
        Some(program) => Err(Failure::bad_input(format_args!(
            "--program {}: give its whole path, as every machine sees it",
            program.display()
        ))),
        None => std::env::current_exe().map_err(|error| {
            Failure::failed(format_args!("this program's own path is not known: {error}"))
        }),
    }
}

/// What would be submitted.
fn shown(job: &Job, engine: Engine) -> String {
    match engine {
        Engine::Slurm => format!(
            "# {}\n{}\n# {}\n{}",
            line(&slurm::sbatch(job, "submit.sh", None)),
            slurm::workers(job),
            line(&slurm::sbatch(job, "report.sh", Some("JOB"))),
            slurm::report(job)
        ),
        Engine::Hq => format!("# {}\n{}", line(&hq::submit(job)), hq::file(job)),
        Engine::Ssh => ssh::lines(job).iter().map(|(_, command)| line(command) + "\n").collect(),
    }
}

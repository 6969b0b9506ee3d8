//! The scripts that Slurm takes: an array of workers, and the report after them. Text from values;
//! it starts nothing.

use super::{Job, line};
use std::fmt::Write as _;

/// The script of the workers.
pub(super) fn workers(job: &Job) -> String {
    let settings = &job.settings;
    let mut script = head(job, &job.title());
    let mut option = |text: String| {
        let _ = writeln!(script, "#SBATCH {text}");
    };
    // Rather a longer array than tasks that requeue themselves: what is left over ends at once, and
    // it suits sites that allow no requeue.
    let (workers, tasks) = (settings.workers(), settings.workers() * settings.rounds());
    option(match settings.rounds() {
        1 => format!("--array=0-{}", tasks - 1),
        _ => format!("--array=0-{}%{workers}", tasks - 1),
    });
    option("--output=logs/%A_%a.log".to_owned());
    // A task that the queue starts again goes on in its log.
    option("--open-mode=append".to_owned());
    option("--requeue".to_owned());
    option(format!("--signal=B:USR1@{}", settings.grace()));
    option("--ntasks=1".to_owned());
    let values = [
        ("time", settings.time.clone()),
        ("gres", settings.gpus.as_ref().map(|gpus| format!("gpu:{gpus}"))),
        ("cpus-per-task", settings.cpus.map(|cpus| cpus.to_string())),
        ("mem", settings.mem.clone()),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            option(format!("--{name}={value}"));
        }
    }
    body(&mut script, job);
    // Signals reach the worker and not a shell around it.
    let _ = writeln!(script, "exec {}", line(&job.command()));
    script
}

/// The script of the report.
pub(super) fn report(job: &Job) -> String {
    let mut script = head(job, &format!("{}-report", job.title()));
    script.push_str("#SBATCH --output=logs/report.log\n#SBATCH --open-mode=append\n");
    script.push_str("#SBATCH --ntasks=1\n");
    body(&mut script, job);
    let _ = writeln!(script, "exec {}", line(&job.last_command()));
    script
}

fn head(job: &Job, title: &str) -> String {
    let mut script = format!("#!/bin/bash\n#SBATCH --job-name={title}\n");
    for (name, value) in
        [("partition", &job.settings.partition), ("account", &job.settings.account)]
    {
        if let Some(value) = value {
            let _ = writeln!(script, "#SBATCH --{name}={value}");
        }
    }
    script
}

fn body(script: &mut String, job: &Job) {
    script.push('\n');
    for line in &job.settings.setup {
        let _ = writeln!(script, "{line}");
    }
}

/// The command line of `sbatch` for a script, after the one that has to end first.
pub(super) fn sbatch(job: &Job, script: &str, after: Option<&str>) -> Vec<String> {
    let mut command = vec!["sbatch".to_owned(), "--parsable".to_owned()];
    if let Some(after) = after {
        command.push(format!("--dependency=afterany:{after}"));
        command.push("--kill-on-invalid-dep=yes".to_owned());
    }
    command.extend(job.own.iter().cloned());
    command.push(script.to_owned());
    command
}

/// The number of the job in what `sbatch --parsable` prints.
pub(super) fn number(printed: &str) -> Option<String> {
    let number = printed.lines().last()?.split(';').next()?.trim();
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::settings::Settings;
    use super::*;

    fn job(settings: Settings) -> Job {
        Job {
            name: "small".to_owned(),
            directory: "/data/my runs/small".into(),
            program: "/opt/sigmalab".into(),
            flags: vec!["--threads=8".to_owned()],
            settings,
            own: vec!["--qos=long".to_owned()],
        }
    }

    #[test]
    fn a_script_says_what_was_asked_for() {
        let script = workers(&job(Settings {
            workers: Some(8),
            rounds: Some(4),
            time: Some("4:00:00".to_owned()),
            gpus: Some("1".to_owned()),
            cpus: Some(8),
            mem: Some("64G".to_owned()),
            partition: Some("gpu".to_owned()),
            account: Some("me".to_owned()),
            setup: vec!["module load cuda".to_owned()],
            ..Settings::default()
        }));
        let expected = "#!/bin/bash
#SBATCH --job-name=sigmalab-small
#SBATCH --partition=gpu
#SBATCH --account=me
#SBATCH --array=0-31%8
#SBATCH --output=logs/%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@180
#SBATCH --ntasks=1
#SBATCH --time=4:00:00
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G

module load cuda
exec /opt/sigmalab sweep run '/data/my runs/small' --worker --threads=8
";
        assert_eq!(script, expected);
        let one = job(Settings::default());
        assert!(workers(&one).contains("#SBATCH --array=0-0\n"));
        assert!(report(&one).ends_with("exec /opt/sigmalab sweep report '/data/my runs/small'\n"));
        assert!(!report(&one).contains("array"));
        assert_eq!(
            line(&sbatch(&one, "report.sh", Some("12"))),
            "sbatch --parsable --dependency=afterany:12 --kill-on-invalid-dep=yes --qos=long report.sh"
        );
    }

    #[test]
    fn the_number_of_a_job_is_read_with_and_without_its_cluster() {
        assert_eq!(number("123\n"), Some("123".to_owned()));
        assert_eq!(number("lua: note\n123;west\n"), Some("123".to_owned()));
        assert_eq!((number(""), number("sbatch: error")), (None, None));
    }
}

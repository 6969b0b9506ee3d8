//! Workers as a queue starts and ends them, and what is handed to a queue.

use crate::place::{assert_whole, place, records, rows, small, until};
use crate::support::checkpoints::{copy, tiny};
use crate::support::program::{Place, ended, outcome};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A run directory in which nothing is done yet.
pub(crate) fn frozen() -> Place {
    let place = place();
    freeze(&place, "small.toml");
    place
}

/// Freezes an experiment, and runs none of it.
fn freeze(place: &Place, file: &str) {
    let fake = place.path("queue");
    fs::create_dir_all(&fake).unwrap();
    let sbatch = fake.join("sbatch");
    fs::write(&sbatch, "#!/bin/sh\necho 7\n").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&sbatch, fs::Permissions::from_mode(0o755)).unwrap();
    let mut submit = place.command(&["sweep", "submit", file, "--to", "slurm"]);
    let path = std::env::var("PATH").unwrap_or_default();
    submit.env("PATH", format!("{}:{path}", fake.display()));
    let done = outcome(submit);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("job 7, 1 task"), "{done:?}");
}

fn worker(place: &Place, directory: &Path) -> Command {
    let words = ["sweep", "run", directory.to_str().unwrap(), "--worker"];
    let mut command = place.command(&words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), signal).unwrap();
}

fn report(place: &Place) {
    place.done(&["sweep", "report", "runs/small"]);
    assert_whole(place);
}

#[test]
fn what_would_be_submitted_is_printed_and_nothing_written() {
    let place = place();
    let before = place.files();
    let script = place.done(&[
        "sweep",
        "submit",
        "small.toml",
        "--to",
        "slurm",
        "--workers",
        "3",
        "--rounds",
        "2",
        "--gpus",
        "1",
        "--cpus",
        "2",
        "--time",
        "1:00:00",
        "--setup",
        "module load x",
        "--dry-run",
        "--",
        "--qos=long",
    ]);
    for line in [
        "# sbatch --parsable --qos=long submit.sh",
        "#SBATCH --job-name=sigmalab-small",
        "#SBATCH --array=0-5%3",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --signal=B:USR1@180",
        "module load x",
    ] {
        assert!(script.lines().any(|found| found == line), "{line}: {script}");
    }
    assert!(script.contains("runs/small --worker --threads=2"), "{script}");
    assert_eq!(place.files(), before);
    let hosts = ["sweep", "submit", "small.toml", "--to", "ssh", "--hosts", "a,b", "--dry-run"];
    assert_eq!(place.done(&hosts).lines().count(), 2);
    let file = ["sweep", "submit", "small.toml", "--to", "hq", "--workers", "2", "--dry-run"];
    assert_eq!(place.done(&file).matches("[[task]]").count(), 3);
    assert_eq!(place.files(), before);
    place.refused(&["sweep", "submit", "small.toml"], &["--to slurm"]);
    place.refused(&["sweep", "submit", "small.toml", "--to", "ssh"], &["--hosts"]);
    place.refused(&["sweep", "submit", "small.toml", "--to", "slurm", "--time", "1 h"], &["time"]);
    place
        .refused(&["sweep", "submit", "small.toml", "--to", "slurm", "--workers", "0"], &["least"]);
}

#[test]
fn settings_come_from_the_experiment_and_the_user_and_are_no_part_of_the_sweep() {
    let place = frozen();
    let folder = place.path("home/.config/sigmalab");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), "[cluster]\nto = \"slurm\"\npartition = \"p\"\n")
        .unwrap();
    place.write("small.toml", small() + "\n[cluster]\nworkers = 5\n");
    let script = place.done(&["sweep", "submit", "small.toml", "--dry-run"]);
    assert!(script.contains("--array=0-4\n") && script.contains("--partition=p\n"), "{script}");
    // It is the sweep that was begun without that table.
    let done = outcome(place.command(&["sweep", "run", "small.toml", "--no-report"]));
    assert_eq!(done.code, Some(0), "{done:?}");
    place.write("small.toml", small() + "\n[cluster]\nsetup = [\"rm -r x\"]\n");
    let told = place.run(&["sweep", "submit", "small.toml", "--dry-run"]);
    assert!(told.code == Some(2) && told.stderr.contains("anybody's"), "{told:?}");
    fs::write(folder.join("config.toml"), "[cluster]\nworker = 1\n").unwrap();
    place.write("small.toml", small());
    let told = place.run(&["sweep", "submit", "small.toml", "--dry-run"]);
    assert!(told.code == Some(2) && told.stderr.contains("config.toml"), "{told:?}");
}

#[test]
fn workers_share_a_sweep_and_leave_when_nothing_is_left() {
    let place = frozen();
    let directory = place.path("runs/small");
    let workers = [(); 3].map(|()| worker(&place, &directory).spawn().unwrap());
    for worker in workers {
        let outcome = ended(worker);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stdout.contains("left  "), "{outcome:?}");
    }
    // One that comes late finds nothing to do, and is no failure.
    let late = ended(worker(&place, &directory).spawn().unwrap());
    assert!(late.code == Some(0) && late.stdout.contains("0 trials done here"), "{late:?}");
    report(&place);
    let says = fs::read_dir(directory.join("workers")).unwrap().map(|entry| entry.unwrap().path());
    let says: Vec<PathBuf> = says.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    assert_eq!(says.len(), 4);
    for path in says {
        let text = fs::read_to_string(path).unwrap();
        let worker: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(worker["end"]["exit"], 0, "{text}");
    }
}

#[test]
fn a_worker_whose_time_is_up_gives_its_part_back_and_ends_well() {
    let place = frozen();
    let directory = place.path("runs/small");
    let first = worker(&place, &directory).spawn().unwrap();
    until("something is recorded", || records(&directory) >= 2);
    signal(&first, Signal::USR1);
    let first = ended(first);
    assert_eq!(first.code, Some(0), "{first:?}");
    let held = fs::read_dir(directory.join("leases")).unwrap().map(|entry| entry.unwrap().path());
    for lease in held {
        assert!(fs::read_to_string(&lease).unwrap().contains("\nleft "), "{lease:?}");
    }
    let second = worker(&place, &directory).spawn().unwrap();
    until("something more is recorded", || records(&directory) >= 5);
    signal(&second, Signal::TERM);
    let second = ended(second);
    if second.code != Some(0) {
        assert_eq!(second.code, Some(130), "{second:?}");
        assert!(second.stderr.contains("interrupted"), "{second:?}");
    }
    let last = ended(worker(&place, &directory).spawn().unwrap());
    assert_eq!(last.code, Some(0), "{last:?}");
    report(&place);
}

#[test]
fn a_machine_without_the_model_records_no_failure_and_three_stop_the_sweep() {
    let place = Place::new();
    let model = place.path("model");
    copy(&tiny("reference-fp8"), &model);
    let text = small().replace(&format!("{:?}", tiny("reference-fp8")), &format!("{model:?}"));
    assert!(text.contains(&format!("{model:?}")));
    place.write("small.toml", text);
    freeze(&place, "small.toml");
    let directory = place.path("runs/small");
    // Once none of it, then a part: the one is seen at once, the other when it is loaded.
    fs::rename(&model, place.path("elsewhere")).unwrap();
    let first = ended(worker(&place, &directory).spawn().unwrap());
    assert_eq!(first.code, Some(78), "{first:?}");
    fs::rename(place.path("elsewhere"), &model).unwrap();
    fs::rename(model.join("vae"), place.path("elsewhere")).unwrap();
    for number in 2..=3 {
        let outcome = ended(worker(&place, &directory).spawn().unwrap());
        assert_eq!(outcome.code, Some(78), "{number}: {outcome:?}");
        assert!(outcome.stderr.contains("model"), "{outcome:?}");
    }
    assert_eq!(records(&directory), 0, "no trial failed");
    let status = place.json(&["sweep", "status", "runs/small", "--json"]);
    assert_eq!(status["troubles"].as_array().unwrap().len(), 3);
    assert_eq!(status["failed"], 0);
    // With the model back, it is still stopped until somebody says that all is well.
    fs::rename(place.path("elsewhere"), model.join("vae")).unwrap();
    let refused = ended(worker(&place, &directory).spawn().unwrap());
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(refused.stderr.contains("3 workers could not work"), "{refused:?}");
    assert!(refused.stderr.contains("sweep resume"), "{refused:?}");
    place.done(&["sweep", "resume", "runs/small"]);
    let outcome = ended(worker(&place, &directory).spawn().unwrap());
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(rows(&directory.join("trials.csv")).len(), 8);
    // A folder that is not there on this machine is its fault, too.
    let nowhere = ended(worker(&place, &place.path("runs/none")).spawn().unwrap());
    assert_eq!(nowhere.code, Some(78), "{nowhere:?}");
}

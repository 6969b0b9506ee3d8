//! Run directories that somebody else may write to: nothing is written through a link, nothing is
//! waited for, and no record brings in what this program would not write.

use crate::place::{left, place, run, undisturbed};
use crate::support::program::{Outcome, Place, outcome};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A finished sweep.
fn finished() -> Place {
    let place = place();
    let done = run(&place, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    place
}

/// A file that no sweep is about.
fn precious(place: &Place, name: &str) -> PathBuf {
    place.write(name, "precious")
}

/// Runs the program, and fails where it does not end.
fn within_seconds(place: &Place, arguments: &[&str]) -> Outcome {
    let mut command = place.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{arguments:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Once more for what it says: it ends.
    outcome(place.command(arguments))
}

#[test]
fn nothing_is_written_through_a_link_in_a_run_directory() {
    let place = finished();
    let at = |name: &str| place.path("runs/small").join(name);
    let picture = fs::read_dir(at("images")).unwrap().next().unwrap().unwrap().file_name();
    let picture = format!("images/{}", picture.to_str().unwrap());
    fs::remove_dir_all(at("journal")).unwrap();

    // What is replaced as a whole is replaced, and logs are refused by name.
    let replaced = ["trials.csv", "steps.csv", "report.html", "contact-sheet.png", &picture];
    let refused = ["worker.log"];
    let mut kept = Vec::new();
    for (number, name) in replaced.iter().chain(&refused).enumerate() {
        let own = precious(&place, &format!("own-{number}"));
        let _ = fs::remove_file(at(name));
        symlink(&own, at(name)).unwrap();
        kept.push(own);
    }
    for name in refused {
        let outcome = outcome(place.command(&["sweep", "run", "runs/small"]));
        assert!(matches!(outcome.code, Some(1 | 2)), "{outcome:?}");
        assert!(outcome.stderr.contains(name) && outcome.stderr.contains("a link"), "{outcome:?}");
        fs::remove_file(at(name)).unwrap();
    }
    let done = outcome(place.command(&["sweep", "run", "runs/small"]));
    assert_eq!(done.code, Some(0), "{done:?}");
    for own in kept {
        assert_eq!(fs::read_to_string(&own).unwrap(), "precious", "{own:?}");
    }
    for name in replaced {
        assert!(fs::symlink_metadata(at(name)).unwrap().is_file(), "{name}");
    }
    assert_eq!(left(&place.path("runs/small")), *undisturbed());
}

#[test]
fn a_folder_of_a_run_directory_that_is_a_link_is_refused() {
    let place = finished();
    let elsewhere = place.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in ["images", "journal", "leases", "references"] {
        let folder = place.path("runs/small").join(name);
        fs::rename(&folder, place.path("kept")).unwrap();
        symlink(&elsewhere, &folder).unwrap();
        let outcome = outcome(place.command(&["sweep", "run", "runs/small"]));
        assert!(matches!(outcome.code, Some(1 | 2)), "{name}: {outcome:?}");
        assert!(outcome.stderr.contains("a link"), "{name}: {outcome:?}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{name}");
        fs::remove_file(&folder).unwrap();
        fs::rename(place.path("kept"), &folder).unwrap();
    }
    assert_eq!(run(&place, &[]).code, Some(0));
}

#[test]
fn no_pipe_is_waited_for_and_no_device_read_to_its_end() {
    let place = finished();
    let at = |name: &str| place.path("runs/small").join(name);
    for name in ["control.json", "frozen.json", "journal/z.jsonl"] {
        let kept = fs::read(at(name)).ok();
        let _ = fs::remove_file(at(name));
        assert!(Command::new("mkfifo").arg(at(name)).status().unwrap().success());
        let outcome = within_seconds(&place, &["sweep", "status", "runs/small"]);
        assert!(matches!(outcome.code, Some(1 | 2)), "{name}: {outcome:?}");
        fs::remove_file(at(name)).unwrap();
        symlink("/dev/zero", at(name)).unwrap();
        let outcome = within_seconds(&place, &["sweep", "status", "runs/small"]);
        assert!(matches!(outcome.code, Some(1 | 2)), "{name}: {outcome:?}");
        assert!(outcome.stderr.contains("a link"), "{name}: {outcome:?}");
        fs::remove_file(at(name)).unwrap();
        kept.iter().for_each(|bytes| fs::write(at(name), bytes).unwrap());
    }
    // A file that is all hole is no journal either.
    fs::File::create(at("journal/z.jsonl")).unwrap().set_len(1 << 40).unwrap();
    let outcome = within_seconds(&place, &["sweep", "status", "runs/small"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("z.jsonl") && outcome.stderr.contains("too long"));
    fs::remove_file(at("journal/z.jsonl")).unwrap();
    assert_eq!(within_seconds(&place, &["sweep", "status", "runs/small"]).code, Some(0));
}

#[test]
fn a_record_brings_neither_script_nor_other_peoples_files_into_the_report() {
    let place = finished();
    let journal = fs::read_dir(place.path("runs/small/journal")).unwrap().next().unwrap();
    let journal = journal.unwrap().path();
    let text = fs::read_to_string(&journal).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let records = lines.map(|(_, json)| serde_json::from_str::<serde_json::Value>(json).unwrap());
    let trial = records
        .into_iter()
        .find(|record| record["kind"] == "trial" && record["image"].is_string())
        .unwrap();
    // A picture of somebody's that is none of the sweep's, and one that a link leads to.
    let own_picture = place.path("runs/small").join(trial["image"].as_str().unwrap());
    let secret = place.path("secret.png");
    fs::copy(&own_picture, &secret).unwrap();
    let linked = "0".repeat(64);
    symlink(&secret, place.path(&format!("runs/small/images/{}.png", "0".repeat(16)))).unwrap();
    let mut forged = String::new();
    let mut forge = |id: String, key: &str, value: serde_json::Value| {
        let mut record = trial.clone();
        record["id"] = id.into();
        record[key] = value;
        let json = record.to_string();
        let sum: String = blake3::hash(json.as_bytes()).to_hex().chars().take(16).collect();
        forged.push_str(&format!("{sum} {json}\n"));
    };
    forge("f".repeat(64), "image", "javascript:alert(1)//".into());
    forge("e".repeat(64), "image", secret.to_str().unwrap().into());
    forge("c".repeat(64), "image", format!("images/../images/{}.png", "c".repeat(16)).into());
    forge("../../../../secret".to_owned(), "image", "images/../../../../secre.png".into());
    forge("b".repeat(64), "latents", "/etc/passwd".into());
    forge("a".repeat(64), "number", u64::MAX.into());
    let huge = serde_json::json!({
        "cond_done": u64::MAX, "uncond_done": 1, "cond_saved": 0, "uncond_saved": 0,
    });
    forge("9".repeat(64), "nfe", huge);
    // Sound in itself: its picture is reached through a link, and is left out.
    forge(linked, "image", format!("images/{}.png", "0".repeat(16)).into());
    fs::write(place.path("runs/small/journal/z.jsonl"), forged).unwrap();

    let status = place.done(&["sweep", "status", "runs/small"]);
    assert!(status.contains("7 lines of the journals are damaged"), "{status}");
    place.done(&["sweep", "report", "runs/small"]);
    let page = fs::read_to_string(place.path("runs/small/report.html")).unwrap();
    assert!(!page.contains("javascript:") && !page.contains("secret"), "a stranger's link");
    // Its id comes first, so that the matrix shows it in place of the trial that it copies.
    let cells = page.split("<td").filter(|cell| cell.contains(&"0".repeat(16)));
    let cells: Vec<&str> = cells.collect();
    assert!(!cells.is_empty());
    assert!(cells.iter().all(|cell| !cell.contains("data:image")), "a picture through a link");
    assert_eq!(page.matches("<tr title").count(), 9);
}

#[test]
fn nothing_is_run_through_a_link_that_another_user_planted() {
    use std::os::unix::fs::{PermissionsExt as _, lchown};
    let place = place();
    let (common, own) = (place.path("common"), place.path("own"));
    fs::create_dir(&own).unwrap();
    fs::create_dir(&common).unwrap();
    fs::set_permissions(&common, fs::Permissions::from_mode(0o1777)).unwrap();
    symlink(&own, common.join("run")).unwrap();
    if lchown(common.join("run"), Some(65534), None).is_err() {
        eprintln!("skipped: only root can make a link of another user");
        return;
    }
    for directory in ["common/run", "common/run/below"] {
        place.refused(
            &["sweep", "run", "small.toml", "--dir", directory],
            &["common/run` belongs to another user"],
        );
    }
    assert_eq!(fs::read_dir(own).unwrap().count(), 0);
}

#[test]
fn a_report_says_what_it_waits_for() {
    let place = finished();
    place.write("runs/small/leases/tables.1", "");
    let mut command = place.command(&["sweep", "report", "runs/small"]);
    command.env("SIGMALAB_LEASE_SECONDS", "6");
    let told = outcome(command);
    assert_eq!(told.code, Some(0), "{told:?}");
    for words in ["waiting for the process that writes the tables", "leases/tables.N", "after 6 s"]
    {
        assert!(told.stderr.contains(words), "{words}: {told:?}");
    }
}

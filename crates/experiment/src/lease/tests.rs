//! How processes share the parts of a sweep, however they end.

#![allow(clippy::unwrap_used)]
use super::holding::signs;
use super::*;
use std::fs;
use std::io::Write as _;
use std::time::Instant;

#[test]
fn a_lease_of_a_huge_number_hangs_nobody_and_one_of_no_number_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Process { id: u32::MAX, ..Process::this() };
    let text = serde_json::to_string(&gone).unwrap();
    for name in ["a.4294967294", "a.4294967295", "b.1000000", "c.9999", "a.+5", "a.07"] {
        fs::write(folder.path().join(name), &text).unwrap();
    }
    let mut leases = Leases::new(folder.path());
    let began = Instant::now();
    let lease = leases.take("a").unwrap().unwrap();
    assert_eq!((leases.held().unwrap().len(), lease.attempt()), (1, 1));
    assert!(lease.is_mine().unwrap());
    drop(lease);
    assert!(leases.take("b").unwrap().is_some() && leases.take("c").unwrap().is_some());
    (1..=MOST_ATTEMPTS).for_each(|n| fs::write(folder.path().join(file_name("d", n)), "").unwrap());
    let told = leases.take("d").unwrap_err().to_string();
    assert!(told.contains("d.10000") && told.contains("delete"), "{told}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn leases_that_are_links_or_pipes_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("a.1");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("b.1")).unwrap();
    let mut leases = Leases::new(folder.path());
    let held = leases.held().unwrap();
    assert!(held.iter().all(|held| held.process.is_none()), "{held:?}");
    assert!(leases.take("a").unwrap().is_none() && leases.take("b").unwrap().is_none());
    // They give no sign of life, and are lost like others.
    leases.looks.age();
    assert!(leases.take("a").unwrap().is_some() && leases.take("b").unwrap().is_some());
}

#[test]
fn a_part_is_held_by_one_and_free_again_after() {
    let folder = tempfile::tempdir().unwrap();
    let written = Written::default();
    let mut one = Leases::of(folder.path(), Arc::clone(&written));
    let mut other = Leases::new(folder.path());
    let lease = one.take("a").unwrap().unwrap();
    assert!(other.take("a").unwrap().is_none());
    assert!(other.is_seen_to_live("a"), "it is of this machine");
    drop(other.take("b").unwrap().unwrap());
    assert_eq!(other.held().unwrap().len(), 1);
    assert!(lease.is_mine().unwrap() && lease.after().is_empty());
    let journal = Left { journal: "one.jsonl".to_owned(), length: 9 };
    written.lock().unwrap().push(journal.clone());
    drop(lease);
    assert_eq!(other.held().unwrap(), []);
    // Whoever takes it then knows what to read first, and so does the next.
    let lease = other.take("a").unwrap().unwrap();
    assert_eq!((lease.attempt(), lease.after()), (2, &[journal.clone()][..]));
    drop(lease);
    assert_eq!(one.take("a").unwrap().unwrap().after(), [journal]);
}

#[test]
fn a_lease_in_whose_place_another_lies_is_no_longer_mine_and_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.1");
    let lease = Leases::new(folder.path()).take("a").unwrap().unwrap();
    let foreign = text::head(&Process::this(), "foreign");
    fs::write(&path, &foreign).unwrap();
    assert!(!lease.is_mine().unwrap());
    drop(lease);
    assert_eq!(fs::read_to_string(&path).unwrap(), foreign);

    let lease = Leases::new(folder.path()).take("b").unwrap().unwrap();
    let path = folder.path().join("b.1");
    SharedFolder::open(folder.path()).unwrap().grow("b.1", b"\ntaken x\n").unwrap();
    assert!(!lease.is_mine().unwrap(), "whoever took it said so in the file itself");
    let before = fs::read(&path).unwrap();
    drop(lease);
    assert_eq!(fs::read(&path).unwrap(), before);

    let lease = Leases::new(folder.path()).take_briefly("c").unwrap().unwrap();
    assert!(folder.path().join("c.1").exists());
    drop(lease);
    assert!(!folder.path().join("c.1").exists());
}

#[test]
fn beats_tell_how_long_a_worker_has_said_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let process = serde_json::to_string(&Process::this()).unwrap();
    let silent = |beats: &str| {
        fs::write(folder.path().join("a.1"), format!("{process}\n{beats}")).unwrap();
        let held = Leases::new(folder.path()).held().unwrap();
        assert_eq!(held[0].process, Some(Process::this()));
        held[0].silent.map(|silent| silent.as_secs())
    };
    assert_eq!(
        ["", "..", "..?", ".?.", "..???"].map(silent),
        [None, None, Some(60), None, Some(70)]
    );
    // Silence becomes remarkable late where steps are long, and speech ends it.
    let mut told = 0;
    let mut beats = String::new();
    let steps = [(0, None), (210, Some(210)), (215, Some(215)), (231, Some(230)), (0, None)];
    for (seconds, read) in steps.into_iter().chain([(61, Some(60))]) {
        beats.push_str(std::str::from_utf8(&signs(seconds, &mut told)).unwrap());
        assert_eq!(silent(&beats), read, "{seconds}: {beats}");
    }
}

#[test]
fn the_part_of_a_process_that_ended_is_taken_with_the_next_number() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Process { id: u32::MAX, ..Process::this() };
    fs::write(folder.path().join("a.1"), serde_json::to_string(&gone).unwrap()).unwrap();
    let mut leases = Leases::new(folder.path());
    assert_eq!(leases.held().unwrap(), []);
    let lease = leases.take("a").unwrap().unwrap();
    assert_eq!(leases.held().unwrap()[0].attempt, 2);
    assert!(leases.take("a").unwrap().is_none());
    drop(lease);
    assert_eq!(leases.held().unwrap(), []);
    leases.tidy().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_lost_processes_left_is_removed_and_what_others_hold_stays() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Process { id: u32::MAX, ..Process::this() };
    let text = serde_json::to_string(&gone).unwrap();
    for name in ["a.1", "a.2", "b.3", "c.7", ".sigmalab-0.tmp"] {
        fs::write(folder.path().join(name), &text).unwrap();
    }
    let held = Leases::new(folder.path()).take("c").unwrap().unwrap();
    Leases::new(folder.path()).tidy().unwrap();
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["c.1", "c.7"]);
    assert!(held.is_mine().unwrap());
    // Where another machine took part nothing goes: it may see the folder as it was.
    let there = Process { host: "elsewhere".to_owned(), ..gone.clone() };
    fs::write(folder.path().join("a.1"), serde_json::to_string(&gone).unwrap()).unwrap();
    let ended = text::head(&there, "n") + &text::left(&[]);
    fs::write(folder.path().join("d.1"), ended).unwrap();
    Leases::new(folder.path()).tidy().unwrap();
    assert!(folder.path().join("a.1").exists() && folder.path().join("d.1").exists());
}

#[test]
fn a_lease_that_was_taken_over_is_no_longer_mine() {
    let folder = tempfile::tempdir().unwrap();
    let lease = Leases::new(folder.path()).take("a").unwrap().unwrap();
    fs::write(folder.path().join("a.2"), "").unwrap();
    assert!(!lease.is_mine().unwrap());
}

#[test]
fn a_process_of_another_machine_is_lost_only_once_it_gave_no_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let there = Process { host: "elsewhere".to_owned(), ..Process::this() };
    let path = folder.path().join("a.1");
    fs::write(&path, serde_json::to_string(&there).unwrap()).unwrap();
    let mut leases = Leases::new(folder.path());
    assert!(leases.take("a").unwrap().is_none());
    assert!(!leases.is_seen_to_live("a"));
    leases.looks.age();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b".").unwrap();
    assert!(leases.take("a").unwrap().is_none(), "it grew");
    assert!(leases.is_seen_to_live("a"));
    leases.looks.age();
    assert!(leases.take("a").unwrap().is_some());
    // Its holder is told in its own file, whatever it sees of new names.
    assert!(fs::read_to_string(&path).unwrap().contains("taken "));
}

#[test]
fn of_many_that_want_a_part_at_once_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let got: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let lease = Leases::new(folder.path()).take("a").unwrap();
                    std::thread::sleep(Duration::from_millis(50));
                    lease.is_some()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(got.iter().filter(|got| **got).count(), 1, "{got:?}");
}

//! Workers that cannot tell each other apart: equal host names, equal numbers of processes, clocks an
//! hour apart, each with its own view of the folder that is some seconds old. What the system does not
//! allow is left out, and said.

use crate::cluster::frozen;
use crate::place::{assert_whole, until};
use crate::support::program::Place;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How often it is tried: `SIGMALAB_TEST_REPEATS`.
fn repeats() -> usize {
    std::env::var("SIGMALAB_TEST_REPEATS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Seconds for which a view of the folder is old: `SIGMALAB_TEST_CACHE`.
fn cache_seconds() -> u64 {
    std::env::var("SIGMALAB_TEST_CACHE").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Words that start a program in spaces of its own for names and numbers of processes.
const APART: [&str; 6] = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--"];

fn can_be_apart() -> bool {
    let [program, arguments @ ..] = APART;
    let tried = Command::new(program).args(arguments).arg("true").stderr(Stdio::null()).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        println!("skipped: this system gives no namespaces");
    }
    can
}

/// The library that shifts clocks, where somebody named it or Debian's package has it.
fn faketime() -> Option<PathBuf> {
    let named = std::env::var_os("SIGMALAB_FAKETIME").map(PathBuf::from);
    let usual = PathBuf::from("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1");
    let found = named.into_iter().chain([usual]).find(|path| path.exists());
    if found.is_none() {
        println!("clocks are not shifted: there is no libfaketime");
    }
    found
}

/// A worker on the run directory `directory`, apart from all others.
fn start(place: &Place, directory: &Path, hours: i32) -> Child {
    let inside = place.command(&["sweep", "run", directory.to_str().unwrap(), "--worker"]);
    let mut command = Command::new(APART[0]);
    command.args(&APART[1..]).args(["sh", "-c", "hostname same && exec \"$0\" \"$@\""]);
    command.arg(inside.get_program()).args(inside.get_args());
    command.current_dir(inside.get_current_dir().unwrap());
    for (name, value) in inside.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let shown_late = cache_seconds();
    command.env("SIGMALAB_LEASE_SECONDS", (shown_late * 2).max(12).to_string());
    if let Some(library) = faketime().filter(|_| hours != 0) {
        command.env("LD_PRELOAD", library).env("FAKETIME", format!("{hours:+}h"));
        command.env("DONT_FAKE_MONOTONIC", "1");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn ends(worker: Child) {
    let output = worker.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{:?} {} {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Nothing lost, doubled or left over.
fn check(place: &Place) {
    place.done(&["sweep", "report", "runs/small"]);
    assert_whole(place);
}

#[test]
fn workers_that_look_the_same_lose_and_double_nothing() {
    if !can_be_apart() {
        return;
    }
    for _ in 0..repeats() {
        let place = frozen();
        let directory = place.path("runs/small");
        let workers = [start(&place, &directory, 0), start(&place, &directory, 1)];
        workers.into_iter().for_each(ends);
        check(&place);
    }
}

#[test]
fn what_a_lost_machine_held_is_taken_by_one_that_comes_later() {
    if !can_be_apart() {
        return;
    }
    let place = frozen();
    let directory = place.path("runs/small");
    let mut lost = start(&place, &directory, 0);
    until("it holds something", || fs::read_dir(directory.join("leases")).unwrap().count() > 0);
    // All in its space of processes end with the first one.
    let inside = fs::read_to_string(format!("/proc/{0}/task/{0}/children", lost.id())).unwrap();
    let inside: i32 = inside.split_whitespace().next().unwrap().parse().unwrap();
    let inside = rustix::process::Pid::from_raw(inside).unwrap();
    rustix::process::kill_process(inside, rustix::process::Signal::KILL).unwrap();
    lost.wait().unwrap();
    ends(start(&place, &directory, 1));
    check(&place);
}

/// A view of a folder that is some seconds old, as a network file system gives it.
struct View(PathBuf);

impl View {
    fn of(folder: &Path, at: &Path) -> Option<Self> {
        let bindfs = std::env::var_os("SIGMALAB_BINDFS").unwrap_or_else(|| "bindfs".into());
        fs::create_dir_all(at).unwrap();
        let seconds = cache_seconds();
        let options = format!(
            "kernel_cache,attr_timeout={seconds},entry_timeout={seconds},negative_timeout={seconds}"
        );
        let mounted = Command::new(bindfs).args(["-o", &options]).arg(folder).arg(at).status();
        if !mounted.is_ok_and(|status| status.success()) {
            println!("skipped: there is no bindfs, or it may not mount");
            return None;
        }
        Some(View(at.to_owned()))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l".as_ref(), self.0.as_os_str()]).status();
    }
}

#[test]
fn workers_that_see_the_folder_as_it_was_lose_and_double_nothing() {
    if !can_be_apart() {
        return;
    }
    for _ in 0..repeats() {
        let place = frozen();
        let runs = place.path("runs");
        let Some(one) = View::of(&runs, &place.path("one")) else { return };
        let Some(other) = View::of(&runs, &place.path("other")) else { return };
        let workers =
            [start(&place, &one.0.join("small"), 0), start(&place, &other.0.join("small"), 1)];
        workers.into_iter().for_each(ends);
        drop((one, other));
        check(&place);
    }
}

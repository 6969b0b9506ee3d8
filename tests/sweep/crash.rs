//! A sweep is killed again and again, and so are its workers: what is left in the end is what an
//! undisturbed sweep leaves.

use crate::place::{left, place, recorded, run, start, undisturbed};
use crate::support::program::{Place, outcome};
use crate::support::text::AssertHas as _;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// Kills in each of the two tests.
const KILLS: usize = 100;

/// Random numbers that are the same in every run of the test.
struct Dice(u64);

impl Dice {
    /// Milliseconds below `most`.
    fn pause(&mut self, most: u64) -> Duration {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % most)
    }
}

/// The pictures there are, by name.
fn pictures(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(directory.join("images")) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let png = paths.filter(|path| path.extension().is_some_and(|extension| extension == "png"));
    png.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

/// Everything that holds of a finished sweep.
fn check(place: &Place) {
    let directory = place.path("runs/small");
    assert_eq!(left(&directory), *undisturbed());
    for (run, times) in recorded(&directory) {
        assert_eq!(times, 1, "{run} was recorded {times} times");
    }
    let leases = fs::read_dir(directory.join("leases")).unwrap().map(|entry| entry.unwrap());
    // A kill between making a lease and naming its holder leaves an empty file.
    let held = leases.filter(|lease| lease.metadata().unwrap().len() > 0).count();
    assert_eq!(held, 0, "a finished sweep holds no lease");
}

/// Waits at most so long for a process to end by itself.
fn ends_within(child: &mut Child, time: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < time {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

#[test]
fn a_sweep_killed_a_hundred_times_leaves_what_an_undisturbed_one_leaves() {
    let most = ((undisturbed_seconds() * 700.0) as u64).clamp(50, 800);
    let mut dice = Dice(20_261_125);
    let (mut kills, mut finished) = (0, 0);
    let mut sweep = place();
    while kills < KILLS || finished == 0 {
        let before = pictures(&sweep.path("runs/small"));
        let mut child = start(&sweep, &[]);
        if ends_within(&mut child, dice.pause(most)) {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            check(&sweep);
            finished += 1;
            sweep = place();
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        let after = pictures(&sweep.path("runs/small"));
        for (name, bytes) in before {
            assert_eq!(after.get(&name), Some(&bytes), "{name} changed");
        }
    }
    let last = run(&sweep, &[]);
    assert_eq!(last.code, Some(0), "{last:?}");
    check(&sweep);
    println!("{kills} kills over {} sweeps", finished + 1);
}

/// How long an undisturbed sweep takes here.
fn undisturbed_seconds() -> f64 {
    undisturbed();
    let place = place();
    let started = Instant::now();
    assert_eq!(run(&place, &[]).code, Some(0));
    started.elapsed().as_secs_f64()
}

/// The process's worker, if it has one.
fn worker(child: &Child) -> Option<Pid> {
    let id = child.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
}

#[test]
fn workers_killed_a_hundred_times_are_failed_trials_that_a_retry_mends() {
    if !Path::new("/proc/self/task").exists() {
        println!("skipped: this system does not tell the children of a process");
        return;
    }
    undisturbed();
    let mut dice = Dice(4);
    let (mut kills, mut causes) = (0, 0);
    let mut sweep = place();
    while kills < KILLS {
        let mut child = start(&sweep, &[]);
        kills += kill_workers(&mut child, &mut dice);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{:?} {stderr}", output.status);
        if output.status.code() == Some(1) {
            stderr.assert_has(["the worker process died", "sigmalab sweep retry"]);
            causes += 1;
        }
        let mut retry = sweep.command(&["sweep", "retry", "runs/small", "--failed", "--no-report"]);
        retry.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        let mut child = retry.spawn().unwrap();
        kills += kill_workers(&mut child, &mut dice);
        child.wait().unwrap();
        let arguments = ["sweep", "retry", "runs/small", "--failed", "--no-report", "--quiet"];
        let mended = outcome(sweep.command(&arguments));
        assert_eq!(mended.code, Some(0), "{mended:?}");
        let directory = sweep.path("runs/small");
        assert_eq!(left(&directory), *undisturbed());
        sweep = place();
    }
    assert!(causes > 0, "no kill hit a run");
    println!("{kills} workers killed");
}

/// Kills the workers of a sweep at random moments until it ends.
fn kill_workers(child: &mut Child, dice: &mut Dice) -> usize {
    let mut kills = 0;
    let mut last = None;
    loop {
        if ends_within(child, dice.pause(400)) {
            return kills;
        }
        if let Some(worker) = worker(child).filter(|worker| Some(*worker) != last)
            && kill_process(worker, Signal::KILL).is_ok()
        {
            last = Some(worker);
            kills += 1;
        }
    }
}

//! A sweep on Slurm itself: two nodes on this machine, made of Debian's packages where
//! `SIGMALAB_SLURM` names the folder they were unpacked in, see `.ci/slurm`.

use crate::place::{left, place, recorded, records, run, small};
use crate::support::program::{Outcome, Place, outcome};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Slurm's daemons and what they need.
struct Slurm {
    root: PathBuf,
    folder: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Slurm {
    /// Starts two nodes of one core each; `None` where there is no Slurm.
    fn start() -> Option<Self> {
        let Some(root) = std::env::var_os("SIGMALAB_SLURM").map(PathBuf::from) else {
            println!("skipped: SIGMALAB_SLURM names no folder with Slurm's packages");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut slurm = Slurm { root, folder, daemons: Vec::new() };
        slurm.configure();
        let (conf, own) = (slurm.conf(), |name: &str| slurm.root.join("usr/sbin").join(name));
        let (master, node) = (own("slurmctld-wlm"), own("slurmd-wlm"));
        let step = own("slurmstepd-wlm");
        slurm.daemon(Command::new(master).args(["-D", "-i", "-f"]).arg(&conf));
        std::thread::sleep(Duration::from_secs(2));
        for name in ["n1", "n2"] {
            let mut command = Command::new(&node);
            slurm.daemon(command.args(["-D", "-N", name, "-f"]).arg(&conf).arg("-d").arg(&step));
        }
        let began = Instant::now();
        while !slurm.says(&["sinfo", "--noheader", "--format=%T %D"]).contains("idle 2") {
            assert!(began.elapsed() < Duration::from_secs(60), "Slurm does not start");
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(slurm)
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    fn configure(&self) {
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = rustix::system::uname().nodename().to_str().unwrap().to_owned();
        let host = host.split('.').next().unwrap();
        let here = self.folder.path().display();
        let plugins = self.root.join("usr/lib/x86_64-linux-gnu/slurm-wlm");
        fs::create_dir(self.folder.path().join("state")).unwrap();
        let conf = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\n\
             AuthType=auth/none\nCredType=cred/none\nProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_Core\nSlurmUser=root\nSlurmdUser=root\nMpiDefault=none\n\
             SwitchType=switch/none\nReturnToService=2\nKillWait=5\nMinJobAge=600\n\
             SchedulerParameters=sched_interval=1,batch_sched_delay=0\n\
             SlurmctldPidFile={here}/ctld.pid\nSlurmdPidFile={here}/%n.pid\n\
             SlurmctldLogFile={here}/ctld.log\nSlurmdLogFile={here}/%n.log\n\
             StateSaveLocation={here}/state\nSlurmdSpoolDir={here}/spool_%n\nPluginDir={}\n\
             NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={} CPUs=1 RealMemory=1000\n\
             NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={} CPUs=1 RealMemory=1000\n\
             PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n",
            port(),
            plugins.display(),
            port(),
            port()
        );
        fs::write(self.conf(), conf).unwrap();
    }

    fn daemon(&mut self, command: &mut Command) {
        self.prepare(command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(command.spawn().unwrap());
    }

    /// So that a program finds Slurm's commands, and those their libraries.
    fn prepare(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.root.join("usr/bin").display()));
        let usual = "usr/lib/x86_64-linux-gnu";
        let libraries = [usual, "usr/lib/x86_64-linux-gnu/slurm-wlm", "lib/x86_64-linux-gnu"];
        let libraries = libraries.map(|folder| self.root.join(folder).display().to_string());
        command.env("LD_LIBRARY_PATH", libraries.join(":")).env("SLURM_CONF", self.conf());
    }

    fn says(&self, words: &[&str]) -> String {
        let mut command = Command::new(self.root.join("usr/bin").join(words[0]));
        self.prepare(command.args(&words[1..]));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    fn sweep(&self, place: &Place, words: &[&str]) -> Outcome {
        let mut command = place.command(&[&["sweep"], words].concat());
        self.prepare(&mut command);
        outcome(command)
    }

    /// Waits until the queue is empty.
    fn settle(&self) {
        let began = Instant::now();
        while !self.says(&["squeue", "--noheader"]).trim().is_empty() {
            let says = || self.says(&["squeue"]);
            assert!(began.elapsed() < Duration::from_secs(300), "{}", says());
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn until(slurm: &Slurm, what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        let says = || slurm.says(&["squeue", "--states=all"]);
        assert!(began.elapsed() < Duration::from_secs(120), "never: {what}\n{}", says());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_sweep_on_slurm_ends_as_an_undisturbed_one_whatever_happens_to_its_workers() {
    let Some(slurm) = Slurm::start() else { return };
    // Long enough that no machine is done with it before something happens to it.
    let long = || {
        let place = place();
        place.write("small.toml", small().replace("steps = 4", "steps = 80").replace("256", "512"));
        place
    };
    let expected = {
        let place = long();
        let done = run(&place, &[]);
        assert_eq!(done.code, Some(0), "{done:?}");
        left(&place.path("runs/small"))
    };
    let place = long();
    let directory = place.path("runs/small");
    let submit = ["submit", "small.toml", "--to", "slurm", "--workers", "2", "--cpus", "1"];
    let dry = slurm.sweep(&place, &[&submit[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, Some(0), "{dry:?}");

    // Two workers; one is killed in the middle, and the other goes on.
    let done = slurm.sweep(&place, &submit);
    assert_eq!(done.code, Some(0), "{done:?}");
    until(&slurm, "a record", || records(&directory) >= 1);
    let status = slurm.sweep(&place, &["status", "runs/small"]);
    assert!(status.stdout.contains("cluster/1 task "), "{status:?}");
    let job = fs::read_to_string(directory.join("cluster/1/job.json")).unwrap();
    let job: serde_json::Value = serde_json::from_str(&job).unwrap();
    let id = job["job"].as_str().unwrap().to_owned();
    slurm.says(&["scancel", "--signal=KILL", &format!("{id}_0")]);
    slurm.settle();

    // What was left in the air is taken by the next, and a sweep that is cancelled goes on when it is
    // submitted again.
    let more = ["submit", "runs/small", "--to", "slurm", "--workers", "2", "--rounds", "2"];
    let done = slurm.sweep(&place, &more);
    assert_eq!(done.code, Some(0), "{done:?}");
    let cancelled = slurm.sweep(&place, &["cancel", "runs/small"]);
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
    slurm.settle();
    let done = slurm.sweep(&place, &more);
    assert_eq!(done.code, Some(0), "{done:?}");
    slurm.settle();
    // The job after the workers has written tables and report.
    assert_eq!(left(&directory), expected);
    assert!(directory.join("report.html").exists());
    assert!(recorded(&directory).values().all(|times| *times == 1));
}

#[test]
fn a_worker_that_reaches_its_time_limit_stops_before_it() {
    let Some(slurm) = Slurm::start() else { return };
    let place = place();
    // A minute is the least that Slurm knows, and the signal comes a minute before: at once.
    // Trials of minutes, so that no machine is done with all of them before that.
    let long = small().replace("steps = 4", "steps = 400").replace("256x256", "1024x1024");
    place.write("small.toml", long);
    let directory = place.path("runs/small");
    let submit =
        ["submit", "small.toml", "--to", "slurm", "--time", "1", "--grace", "50", "--cpus", "1"];
    let done = slurm.sweep(&place, &submit);
    assert_eq!(done.code, Some(0), "{done:?}");
    until(&slurm, "a worker", || directory.join("workers").exists());
    slurm.settle();
    let says = fs::read_dir(directory.join("workers")).unwrap().map(|entry| entry.unwrap().path());
    let says = says.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let says: Vec<String> = says.map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(says.iter().any(|text| text.contains("time was up")), "{says:?}");
    let states = slurm.says(&["squeue", "--states=all", "--noheader", "--array", "--format=%T"]);
    assert!(states.lines().any(|state| state.trim() == "COMPLETED"), "{states}");
    assert!(!states.contains("TIMEOUT"), "{states}");
}

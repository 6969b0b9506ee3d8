//! Libraries that somebody else put where they are looked for: none of their code runs.

use crate::support::program::outcome;
use crate::workshop::{Workshop, program};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

/// A program in a personal folder of a common disk, and a library of a stranger's.
struct CommonDisk {
    workshop: Workshop,
    library: PathBuf,
    program: PathBuf,
}

impl CommonDisk {
    fn new() -> Self {
        let workshop = Workshop::new();
        let library = workshop.compile("marks.c", "marks", &[]);
        let folder = workshop.path("ada");
        fs::create_dir(&folder).unwrap();
        let own = folder.join("sigmalab");
        fs::copy(program(), &own).unwrap();
        CommonDisk { library, program: own, workshop }
    }

    /// Puts the library into a folder, which gets a mode.
    fn plant(&self, folder: &str, mode: u32) -> PathBuf {
        let folder = self.workshop.path(folder);
        fs::create_dir_all(&folder).unwrap();
        let planted = folder.join("libplanted.so");
        fs::copy(&self.library, &planted).unwrap();
        fs::set_permissions(&planted, Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        planted
    }

    fn mark(&self) -> PathBuf {
        self.workshop.path("mark")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.workshop.path(""))
            .env("HOME", self.workshop.path("home"))
            .env("SIGMALAB_CACHE", self.workshop.path("cache"))
            .env("SIGMALAB_DATA", self.workshop.path("data"))
            .env("HF_HUB_OFFLINE", "1")
            .env("HF_TOKEN", "hf_secret")
            .env("HUGGING_FACE_HUB_TOKEN", "hf_secret")
            .env("MARK", self.mark());
        for variable in ["SIGMALAB_MODEL", "SIGMALAB_PLUGIN_PATH", "SIGMALAB_PLUGIN_TRUST"] {
            command.env_remove(variable);
        }
        command
    }
}

const DRAW: [&str; 9] = [
    "generate",
    "--prompt",
    "x",
    "--size",
    "256x256",
    "--num-steps",
    "1",
    "--sampler",
    "test.marks",
];

#[test]
fn a_folder_beside_the_programs_is_not_searched_unless_that_is_called_bin() {
    let disk = CommonDisk::new();
    disk.plant("lib/sigmalab/plugins", 0o755);
    let listed = outcome(&mut disk.command(&["plugins", "list"]));
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let drawn = outcome(&mut disk.command(&DRAW));
    assert_eq!(drawn.code, Some(2), "{drawn:?}");
    assert!(!disk.mark().exists(), "{listed:?}");
}

#[test]
fn a_library_where_others_may_write_is_refused_by_name_and_opened_for_those_who_mean_it() {
    let disk = CommonDisk::new();
    let planted = disk.plant("ada/plugins", 0o777);
    let listed = outcome(&mut disk.command(&["plugins", "list"]));
    assert_eq!(listed.code, Some(0), "{listed:?}");
    for words in ["libplanted.so", "everybody may write to", "SIGMALAB_PLUGIN_TRUST"] {
        assert!(listed.stderr.contains(words), "{words}: {listed:?}");
    }
    let drawn = outcome(&mut disk.command(&DRAW));
    assert_eq!(drawn.code, Some(2), "{drawn:?}");
    assert!(!disk.mark().exists());

    let folder = planted.parent().unwrap();
    let meant =
        |arguments: &[&str]| outcome(disk.command(arguments).env("SIGMALAB_PLUGIN_TRUST", folder));
    let listed = meant(&["plugins", "list"]);
    assert!(listed.stdout.contains("test.marks"), "{listed:?}");
    assert_eq!(fs::read_to_string(disk.mark()).unwrap(), "no token\n");

    // Nor does the worker, in which it draws, give it the token.
    let drawn = meant(&DRAW);
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    let marks = fs::read_to_string(disk.mark()).unwrap();
    assert!(marks.lines().count() > 1 && !marks.contains("hf_secret"), "{marks}");
}

#[test]
fn a_library_of_another_user_is_refused_whatever_its_mode() {
    let disk = CommonDisk::new();
    let planted = disk.plant("ada/plugins", 0o755);
    if std::os::unix::fs::chown(&planted, Some(65534), None).is_err() {
        eprintln!("skipped: giving a file to another user needs root");
        return;
    }
    let listed = outcome(&mut disk.command(&["plugins", "list"]));
    assert!(listed.stderr.contains("belongs to user 65534"), "{listed:?}");
    assert!(!disk.mark().exists());
}

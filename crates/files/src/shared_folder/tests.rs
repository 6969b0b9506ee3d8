#![allow(clippy::unwrap_used)]

use super::*;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Command;

/// A folder that others write to, and one that they should not reach.
struct Scene {
    _root: tempfile::TempDir,
    common: PathBuf,
    own: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (common, own) = (root.path().join("common"), root.path().join("own"));
        fs::create_dir(&common).unwrap();
        fs::create_dir(&own).unwrap();
        fs::write(own.join("notes"), "precious").unwrap();
        symlink(own.join("notes"), common.join("link")).unwrap();
        symlink(&own, common.join("folder")).unwrap();
        symlink(own.join("new"), common.join("dangling")).unwrap();
        assert!(Command::new("mkfifo").arg(common.join("pipe")).status().unwrap().success());
        Scene { _root: root, common, own }
    }

    fn folder(&self) -> SharedFolder {
        SharedFolder::open(&self.common).unwrap()
    }

    fn assert_untouched(&self) {
        assert_eq!(fs::read_to_string(self.own.join("notes")).unwrap(), "precious");
        assert_eq!(fs::read_dir(&self.own).unwrap().count(), 1);
    }
}

#[test]
fn nothing_is_read_through_a_link_and_no_pipe_is_waited_for() {
    let scene = Scene::new();
    let folder = scene.folder();
    for name in ["link", "folder", "dangling"] {
        let told = folder.file(name).unwrap_err().to_string();
        assert!(told.contains("a link"), "{name}: {told}");
    }
    assert!(folder.folder("folder").unwrap_err().to_string().contains("a link"));
    let told = folder.way_to("folder/notes").unwrap_err().to_string();
    assert!(told.starts_with("the folder `folder`: it is a link"), "{told}");
    assert!(folder.make_way_to("folder/deep/notes").is_err());
    assert!(folder.file("pipe").unwrap_err().to_string().contains("a pipe"));
    assert!(folder.append("pipe").unwrap_err().to_string().contains("a pipe"));
    assert!(SharedFolder::open_last(&scene.common.join("folder")).is_err());
    assert_eq!(folder.length_of("link"), None);
    let missing = folder.file("missing").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    scene.assert_untouched();
}

#[test]
fn nothing_is_written_through_a_link() {
    let scene = Scene::new();
    let folder = scene.folder();
    for name in ["link", "dangling"] {
        assert!(folder.append(name).is_err(), "{name}");
        assert!(folder.lock_file(name).is_err(), "{name}");
        assert!(folder.create_new(name).is_err(), "{name}");
        assert!(folder.write_new(name, |out| out.write_all(b"x")).is_err(), "{name}");
        // A link in the way of a file is replaced.
        folder.write(name, |out| out.write_all(b"mine")).unwrap();
        assert_eq!(folder.read(name, 10).unwrap(), b"mine");
    }
    symlink(scene.own.join("notes"), scene.common.join("again")).unwrap();
    let mut own = folder.own_file("again").unwrap();
    own.write_all(b"mine").unwrap();
    assert_eq!(folder.read("again", 10).unwrap(), b"mine");
    assert!(append_to(&scene.common.join("folder")).is_err());
    scene.assert_untouched();
}

#[test]
fn a_second_name_of_a_file_elsewhere_is_not_appended_to() {
    let scene = Scene::new();
    fs::hard_link(scene.own.join("notes"), scene.common.join("second")).unwrap();
    let told = scene.folder().append("second").unwrap_err().to_string();
    assert!(told.contains("second name"), "{told}");
    let mut own = scene.folder().own_file("second").unwrap();
    own.write_all(b"mine").unwrap();
    scene.assert_untouched();
}

#[test]
fn files_are_read_to_a_limit_and_written_whole() {
    let scene = Scene::new();
    let folder = scene.folder();
    folder.write("a", |out| out.write_all(b"12345")).unwrap();
    assert_eq!(folder.read("a", 5).unwrap(), b"12345");
    assert_eq!(folder.read("a", 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
    let failed = folder.write("a", |_| Err(Error::other("full")));
    assert!(failed.is_err());
    let exists = folder.write_new("a", |out| out.write_all(b"x")).unwrap_err();
    assert_eq!(exists.kind(), ErrorKind::AlreadyExists);
    assert_eq!(folder.read("a", 5).unwrap(), b"12345");
    folder.write_new("b", |out| out.write_all(b"x")).unwrap();
    folder.append("b").unwrap().write_all(b"y").unwrap();
    assert_eq!(folder.read_text("b", 5).unwrap(), "xy");
    let mut names = folder.names().unwrap();
    names.sort();
    assert_eq!(names, ["a", "b", "dangling", "folder", "link", "pipe"]);
}

#[test]
fn a_file_that_was_begun_is_gone_on_with_and_one_of_somebody_else_is_not() {
    let scene = Scene::new();
    let folder = scene.folder();
    fs::write(scene.common.join("begun"), "abc").unwrap();
    assert_eq!(folder.own_file("begun").unwrap().metadata().unwrap().len(), 3);
    // Another user's: only root can give a file away.
    if std::os::unix::fs::chown(scene.common.join("begun"), Some(65534), None).is_err() {
        eprintln!("skipped: giving a file to another user needs root");
        return;
    }
    assert_eq!(folder.own_file("begun").unwrap().metadata().unwrap().len(), 0);
}

#[test]
fn what_is_being_written_is_left_to_its_writer_until_it_has_its_name() {
    use crate::unfinished::clear_within;
    use std::time::{Duration, SystemTime};
    let root = tempfile::tempdir().unwrap();
    let folder = SharedFolder::open(root.path()).unwrap();
    // As another process does that begins meanwhile: its own opening is another hold.
    let tidy = || {
        for name in folder.names().unwrap() {
            let file = fs::File::open(root.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
        }
        clear_within(&SharedFolder::open(root.path()).unwrap());
    };
    fs::write(root.path().join(".sigmalab-dead.tmp"), "x").unwrap();
    let name = OsStr::new("whole");
    let fill = |out: &mut dyn std::io::Write| {
        out.write_all(b"slow")?;
        out.flush()?;
        tidy();
        Ok(())
    };
    let put = |draft: &str, name: &OsStr| {
        tidy();
        folder.rename(draft, name)
    };
    folder.write_then(name, fill, put).unwrap();
    assert_eq!(folder.names().unwrap(), ["whole"]);
    assert_eq!(folder.read("whole", 10).unwrap(), b"slow");
}

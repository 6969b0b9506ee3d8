#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use std::fs;
use std::io::Error;

fn text(text: &'static str) -> impl FnOnce(&mut dyn Write) -> Result<(), Error> {
    move |out| out.write_all(text.as_bytes())
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Target::check(&folder.path().join("no/out.png")).unwrap_err();
    assert!(matches!(&error, TargetError::NoFolder { folder, .. } if folder.ends_with("no")));
}

#[test]
fn folders_devices_and_files_in_place_of_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let check = |path: &Path| Target::check(path).unwrap_err();
    assert!(matches!(check(folder.path()), TargetError::NotAFile { what: "a folder", .. }));
    assert!(matches!(check(Path::new("/dev/null")), TargetError::NotAFile { .. }));
    assert!(matches!(check(Path::new("..")), TargetError::NotAFile { .. }));
    let inside = check(&folder.path().join("file/out.png"));
    assert!(matches!(inside, TargetError::NotAFolder { .. } | TargetError::Io { .. }));
}

#[test]
fn names_that_no_file_can_have_are_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str| Target::check(&folder.path().join(name)).unwrap_err();
    assert!(matches!(check(&"a".repeat(300)), TargetError::Io { .. }));
    assert!(matches!(check("out.png/"), TargetError::NotAFile { .. }));
    std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    for name in ["link", "loop"] {
        let message = check(name).to_string();
        assert!(message.contains("a link that leads nowhere"), "{message}");
    }
}

#[test]
fn one_file_is_known_by_all_its_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
    let target = |name: &str| Target::check(&folder.path().join(name)).unwrap();
    let out = target("real/out");
    for name in ["link/out", "real/../link/out", "./real/./out"] {
        assert!(out.is_same_file(&target(name)), "{name}");
    }
    assert!(!out.is_same_file(&target("real/other")));
    assert!(!out.is_same_file(&target("out")));
    fs::write(out.path(), "there").unwrap();
    fs::hard_link(out.path(), folder.path().join("linked")).unwrap();
    assert!(out.is_same_file(&target("linked")));
}

#[test]
fn a_draft_leaves_nothing_behind_unless_committed() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::check(&folder.path().join("out")).unwrap();
    drop(target.draft(text("whole")).unwrap());
    let failed = target.draft(|_| Err(Error::other("disk full")));
    assert!(failed.unwrap_err().to_string().contains("disk full"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    target.draft(text("whole")).unwrap().commit(OnCollision::Replace).unwrap();
    assert_eq!(fs::read_to_string(target.path()).unwrap(), "whole");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn collisions_replace_refuse_or_take_the_next_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "first").unwrap();
    let target = Target::check(&path).unwrap();
    let path = target.path().to_owned();

    let refused = target.draft(text("second")).unwrap().commit(OnCollision::Refuse);
    assert!(matches!(refused, Err(TargetError::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");

    let next = path.with_file_name("out-2");
    let names = [path.clone(), next.clone()].into_iter();
    let draft = target.draft(text("second")).unwrap();
    assert_eq!(draft.commit_to_first_free(names).unwrap(), next);

    target.draft(text("third")).unwrap().commit(OnCollision::Replace).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "third");
    assert_eq!(fs::read_to_string(&next).unwrap(), "second");
}

#[test]
fn what_takes_a_files_place_has_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    for mode in [0o600, 0o640, 0o664, 0o400] {
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let target = Target::check(&path).unwrap();
        target.draft(text("new")).unwrap().commit(OnCollision::Replace).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_file_with_other_names_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("out"), folder.path().join("other"));
    fs::write(&path, "what was there before").unwrap();
    fs::hard_link(&path, &other).unwrap();
    let target = Target::check(&path).unwrap();
    target.draft(text("new")).unwrap().commit(OnCollision::Replace).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "new");
    assert_eq!(fs::metadata(&path).unwrap().nlink(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_file_with_an_access_list_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "old").unwrap();
    // acl(5): the version; then owner, user 12345, group, mask and others.
    let mut list = 2_u32.to_le_bytes().to_vec();
    let entries = [(1, 6, u32::MAX), (2, 4, 12345), (4, 4, u32::MAX), (16, 4, u32::MAX)];
    for (tag, rights, id) in entries.into_iter().chain([(32, 4, u32::MAX)]) {
        list.extend(u16::to_le_bytes(tag));
        list.extend(u16::to_le_bytes(rights));
        list.extend(u32::to_le_bytes(id));
    }
    let flags = rustix::fs::XattrFlags::empty();
    if rustix::fs::setxattr(&path, access_list::ATTRIBUTE, &list, flags).is_err() {
        eprintln!("not run: this file system has no access lists");
        return;
    }
    let target = Target::check(&path).unwrap();
    target.draft(text("new")).unwrap().commit(OnCollision::Replace).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    let mut kept = vec![0_u8; list.len()];
    assert_eq!(rustix::fs::getxattr(&path, access_list::ATTRIBUTE, &mut kept[..]), Ok(list.len()));
    assert_eq!(kept, list);
}

#[test]
fn another_users_file_stays_theirs() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root can make a file of another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "old").unwrap();
    std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let target = Target::check(&path).unwrap();
    target.draft(text("new")).unwrap().commit(OnCollision::Replace).unwrap();
    let meta = fs::metadata(&path).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (65534, 65534, 0o640));
}

#[test]
fn what_is_private_is_for_its_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let target = Target::check(&path).unwrap().private();
    target.draft(text("x")).unwrap().commit(OnCollision::Replace).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn a_link_that_another_user_planted_is_not_followed() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root can make a link of another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (own, common) = (folder.path().join("own"), folder.path().join("common"));
    for (folder, mode) in [(&own, 0o755), (&common, 0o1777)] {
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    }
    let victim = own.join("victim");
    fs::write(&victim, "precious").unwrap();
    let links = [("common/a", "own/victim"), ("common/b", "own"), ("own/c", "common/a")];
    for (link, target) in links {
        std::os::unix::fs::symlink(folder.path().join(target), folder.path().join(link)).unwrap();
    }
    for name in ["common/a", "common/b/victim", "common/b/new", "own/c"] {
        assert!(Target::check(&folder.path().join(name)).is_ok(), "{name}: they are one's own");
    }
    for link in ["common/a", "common/b"] {
        std::os::unix::fs::lchown(folder.path().join(link), Some(65534), None).unwrap();
    }
    for name in ["common/a", "common/b/victim", "common/b/new", "own/c"] {
        let refused = Target::check(&folder.path().join(name));
        assert!(matches!(refused, Err(TargetError::PlantedLink { .. })), "{name}: {refused:?}");
    }
    // In a folder of one's own nobody plants any.
    std::os::unix::fs::lchown(own.join("c"), Some(65534), None).unwrap();
    std::os::unix::fs::lchown(folder.path().join("common/a"), Some(0), None).unwrap();
    assert!(Target::check(&own.join("c")).is_ok());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::write(&real, "old").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let target = Target::check(&link).unwrap();
    target.draft(text("new")).unwrap().commit(OnCollision::Replace).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "new");
}

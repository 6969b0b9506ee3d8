//! Whose libraries are opened: the user's own and the system's. Opening one runs its code, so a
//! library that somebody else could have put there, or could change, is refused by name. It looks
//! at owners and modes and reads no library.

use super::private_group::PrivateGroups;
use sigmalab_files::access_list;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Names folders and files, with `:` between them, whose libraries are opened whoever owns them.
pub const TRUST_VARIABLE: &str = "SIGMALAB_PLUGIN_TRUST";

/// Links that are followed for one path, as many as the system follows.
const MOST_LINKS: usize = 40;

const STICKY: u32 = 0o1000;

/// Whose libraries are opened.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// What is opened whoever owns it.
    meant: Vec<PathBuf>,
    groups: PrivateGroups,
}

/// Why a library or a program is not opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Distrust {
    /// The library or a folder above it.
    culprit: PathBuf,
    cause: Cause,
}

#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// It belongs to somebody else.
    Owner(u32),
    /// Everybody may write to it.
    All,
    /// A group may.
    Group(u32),
    /// An access list may let others.
    List,
    /// It cannot be looked at.
    Unknown(String),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let culprit = self.culprit.display();
        match &self.cause {
            Cause::Owner(owner) => write!(
                f,
                "it is not opened, because `{culprit}` belongs to user {owner}, who is neither \
                 you nor root"
            )?,
            Cause::All => write!(
                f,
                "it is not opened, because everybody may write to `{culprit}`: chmod o-w,g-w"
            )?,
            Cause::Group(group) => write!(
                f,
                "it is not opened, because group {group} may write to `{culprit}`: chmod g-w"
            )?,
            Cause::List => write!(
                f,
                "it is not opened, because an access list lets others write to `{culprit}`: \
                 setfacl -b"
            )?,
            Cause::Unknown(problem) => {
                write!(f, "it is not opened, because `{culprit}` cannot be looked at: {problem}")?;
            }
        }
        write!(f, "; {TRUST_VARIABLE} names what is opened all the same")
    }
}

impl Trust {
    /// What [`TRUST_VARIABLE`] says: folders and files.
    #[must_use]
    pub fn meaning(mut self, variable: &OsString) -> Self {
        let named = std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty());
        self.meant.extend(named.filter_map(|path| fs::canonicalize(path).ok()));
        self
    }

    /// Whether the library at `path`, an absolute one, is opened: nobody but the user and root may
    /// have put it there, and nobody else may change it or put another one in its place.
    ///
    /// # Errors
    /// Who else could have, and at which of the folders above it.
    pub fn check(&self, path: &Path) -> Result<(), Distrust> {
        let real = fs::canonicalize(path);
        if real.is_ok_and(|real| self.meant.iter().any(|meant| real.starts_with(meant))) {
            return Ok(());
        }
        self.walk(path).map_err(|(culprit, cause)| Distrust { culprit, cause })
    }

    /// Looks at every folder and link on the way, as the system goes it.
    fn walk(&self, path: &Path) -> Result<(), (PathBuf, Cause)> {
        let mut here = PathBuf::from("/");
        let mut rest: VecDeque<OsString> = parts(path);
        let mut links = 0;
        self.look(&here)?;
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            if !self.look(&next)?.is_symlink() {
                here = next;
                continue;
            }
            links += 1;
            let unknown = |error: io::Error| (next.clone(), Cause::Unknown(error.to_string()));
            if links > MOST_LINKS {
                return Err(unknown(io::Error::other("it leads through too many links")));
            }
            let target = fs::read_link(&next).map_err(unknown)?;
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            for part in parts(&target).into_iter().rev() {
                rest.push_front(part);
            }
        }
        Ok(())
    }

    /// Whether nobody but the user and root decides what is at `path`.
    fn look(&self, path: &Path) -> Result<Metadata, (PathBuf, Cause)> {
        let blame = |cause| Err((path.to_owned(), cause));
        let meta = match fs::symlink_metadata(path) {
            Ok(meta) => meta,
            Err(error) => return blame(Cause::Unknown(error.to_string())),
        };
        let user = rustix::process::geteuid().as_raw();
        if meta.uid() != 0 && meta.uid() != user {
            return blame(Cause::Owner(meta.uid()));
        }
        // Everybody may write to a link's mode, and nobody to the link. In a folder such as /tmp
        // each may replace only what is his own, which is looked at next.
        if meta.is_symlink() || meta.is_dir() && meta.mode() & STICKY != 0 {
            return Ok(meta);
        }
        if meta.mode() & 0o002 != 0 {
            return blame(Cause::All);
        }
        if meta.mode() & 0o020 == 0 {
            return Ok(meta);
        }
        if !self.groups.is_private(meta.gid(), meta.uid()) {
            return blame(Cause::Group(meta.gid()));
        }
        // Where there is a list, the mode's group stands for all whom it names.
        if access_list::has_one(path) { blame(Cause::List) } else { Ok(meta) }
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    /// A folder of the user's own with a library in it.
    fn library() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), Permissions::from_mode(0o700)).unwrap();
        let folder = root.path().join("plugins");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let file = folder.join("liba.so");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        (root, file)
    }

    fn told(path: &Path) -> String {
        Trust::default().check(path).unwrap_err().to_string()
    }

    #[test]
    fn a_library_that_others_may_write_or_replace_is_refused_by_name() {
        let (_root, file) = library();
        let folder = file.parent().unwrap();
        assert_eq!(Trust::default().check(&file), Ok(()));
        fs::set_permissions(&file, Permissions::from_mode(0o646)).unwrap();
        let words = told(&file);
        assert!(words.contains("everybody may write") && words.contains("liba.so"), "{words}");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        let words = told(&file);
        assert!(words.contains(&format!("`{}`", folder.display())), "{words}");
        assert!(words.contains(TRUST_VARIABLE), "{words}");
        let meaning = |path: &Path| Trust::default().meaning(&path.as_os_str().to_owned());
        assert_eq!(meaning(folder).check(&file), Ok(()));
        assert_eq!(meaning(&file).check(&file), Ok(()));
        assert!(meaning(Path::new("/nowhere")).check(&file).is_err());
        // In such a folder nobody can replace what is not his own.
        fs::set_permissions(folder, Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(Trust::default().check(&file), Ok(()));
    }

    #[test]
    fn a_link_is_as_good_as_the_way_it_goes() {
        let (root, file) = library();
        let open = root.path().join("open");
        fs::create_dir(&open).unwrap();
        symlink(&file, open.join("libb.so")).unwrap();
        symlink("../open/libb.so", root.path().join("libc.so")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let relative = root.path().join("plugins/../libc.so");
        let _ = fs::remove_file(root.path().join("libc.so"));
        symlink("open/libb.so", root.path().join("libc.so")).unwrap();
        assert_eq!(Trust::default().check(&relative), Ok(()));
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        assert!(told(&relative).contains("open`"));
        assert!(told(&root.path().join("loop")).contains("too many links"));
        assert!(told(&root.path().join("gone")).contains("cannot be looked at"));
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let (_root, file) = library();
        if chown(&file, Some(65534), None).is_err() {
            eprintln!("skipped: giving a file to another user needs root");
            return;
        }
        assert!(told(&file).contains("belongs to user 65534"), "{}", told(&file));
        chown(&file, Some(0), None).unwrap();
        chown(file.parent().unwrap(), Some(65534), None).unwrap();
        assert!(told(&file).contains("plugins` belongs to user 65534"), "{}", told(&file));
    }

    #[test]
    fn an_access_list_that_lets_others_write_is_refused() {
        let (_root, file) = library();
        // acl(5): the version; then owner, user 12345, group, mask and others.
        let mut list = 2_u32.to_le_bytes().to_vec();
        let entries = [(1, 6, u32::MAX), (2, 6, 12345), (4, 4, u32::MAX), (16, 6, u32::MAX)];
        for (tag, rights, id) in entries.into_iter().chain([(32, 4, u32::MAX)]) {
            list.extend(u16::to_le_bytes(tag));
            list.extend(u16::to_le_bytes(rights));
            list.extend(u32::to_le_bytes(id));
        }
        // A group of the user's own may write, and those of a list may not.
        fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        let is_private = Trust::default().check(&file).is_ok();
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::setxattr(&file, access_list::ATTRIBUTE, &list, flags).is_err() {
            eprintln!("skipped: this file system has no access lists");
            return;
        }
        let words = told(&file);
        let cause = if is_private { "an access list lets others" } else { "group" };
        assert!(words.contains(cause), "{words}");
    }

    #[test]
    fn a_group_of_others_is_refused() {
        let (_root, file) = library();
        if chown(&file, None, Some(65534)).is_err() {
            eprintln!("skipped: giving a file to another group needs root");
            return;
        }
        fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        assert!(told(&file).contains("group 65534 may write"), "{}", told(&file));
    }
}

//! Links that somebody else put where everybody may put something, such as `/tmp`: whoever writes
//! through one writes where its owner wants. Linux refuses to follow them where `protected_symlinks` is
//! set; this holds where it is not. Knows nothing of what is written.

use std::fs::{Metadata, symlink_metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Most links on one way, as the system has it.
const MOST: usize = 40;

/// The first link on the way to `path`, its last part among it, that belongs neither to this user nor
/// to root nor to whoever owns the folder, in a folder that everybody may write to.
pub fn planted_link(path: &Path) -> Option<PathBuf> {
    let mut rest = std::path::absolute(path).ok()?;
    for _ in 0..MOST {
        let (link, below) = first_link(&rest)?;
        if is_planted(&link) {
            return Some(link);
        }
        let target = std::fs::read_link(&link).ok()?;
        // An absolute one takes the place of the folder.
        rest = link.parent().unwrap_or(Path::new("/")).join(target).join(below);
    }
    None
}

/// The first part of an absolute path that is a link, and what comes after it.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut way = PathBuf::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        match part {
            // No part before it is a link: above it is its parent.
            Component::ParentDir => drop(way.pop()),
            part => way.push(part),
        }
        if symlink_metadata(&way).is_ok_and(|meta| meta.is_symlink()) {
            return Some((way, parts.as_path().to_owned()));
        }
    }
    None
}

fn is_planted(link: &Path) -> bool {
    let (Ok(own), Some(folder)) = (symlink_metadata(link), link.parent()) else { return false };
    let everybodys = |meta: &Metadata| meta.mode() & 0o002 != 0;
    let Some(folder) = symlink_metadata(folder).ok().filter(everybodys) else { return false };
    let me = rustix::process::geteuid().as_raw();
    ![me, 0, folder.uid()].contains(&own.uid())
}

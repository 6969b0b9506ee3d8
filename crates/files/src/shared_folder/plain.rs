//! Plain files: no links, no pipes that are waited for, no devices that never end. Knows folders
//! only as parts of a path.

use super::SharedFolder;
use rustix::fs::{FileType, Mode, OFlags, Stat};
use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Opens the plain file that somebody named: their links are followed. A pipe could only be read
/// once, and opening one waits for its writer, which may never come; a device may never end.
pub fn open_plain(path: &Path) -> Result<File> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !meta.is_file() {
        return Err(no_file());
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    checked(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// What such a file holds, at most `most` bytes.
pub fn read_plain(path: &Path, most: u64) -> Result<Vec<u8>> {
    read(open_plain(path)?, most)
}

/// Opens a file to append to, made if it is not there. It may not be a link, nor another name of a
/// file elsewhere: what is written would go there.
pub fn append_to(path: &Path) -> Result<File> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    SharedFolder::open(path.parent().unwrap_or(Path::new("")))?.append(name)
}

/// The same in a folder of this user's own: a new file is for them alone.
pub fn append_to_private(path: &Path) -> Result<File> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    SharedFolder::open(path.parent().unwrap_or(Path::new("")))?.private().append(name)
}

pub(super) fn read(file: File, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let problem = format!("it has more than {most} bytes, which is too much for such a file");
        return Err(Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// The file, once it is known to be a plain one: between a look at its name and this another may
/// have taken its place.
pub(super) fn checked(file: File) -> Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

/// Why something that is no plain file is not opened.
pub(super) fn in_words(stat: &Stat) -> Error {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => {
            let problem = "it is a link, and links are not followed here: remove it";
            Error::new(ErrorKind::InvalidInput, problem)
        }
        FileType::Directory => ErrorKind::IsADirectory.into(),
        _ => {
            let problem = "it is a device or a pipe, not a plain file: remove it";
            Error::new(ErrorKind::InvalidInput, problem)
        }
    }
}

fn no_file() -> Error {
    let problem = "it is a device or a pipe, not a regular file: save its contents in a file \
                   first";
    Error::new(ErrorKind::InvalidInput, problem)
}

/// Makes a folder that only this user can look into, and those around it that are missing. One
/// that is there already stays as it is: what is new in it is to be private by itself.
pub fn make_private_folder(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

//! The journal that a process writes.

use super::{JournalError, line};
use crate::lease::{Left, Written};
use crate::record::Record;
use sigmalab_files::nonce::nonce;
use sigmalab_files::patience::{passes, patiently};
use sigmalab_files::shared_folder::SharedFolder;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// The journal that this process writes. The file comes to be with its first record.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    /// How the names of its files begin.
    name: String,
    open: Option<OpenFile>,
    /// How far each file went.
    written: Written,
}

#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    /// A journal in `folder` whose name begins so.
    pub fn new(folder: &Path, name: &str) -> Self {
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Journal { folder, name, open: None, written: Written::default() }
    }

    /// How far it went, as it goes on.
    pub fn written(&self) -> Written {
        Written::clone(&self.written)
    }

    /// Appends a record; it is on disk when this returns. Where that fails, what was written of
    /// it is taken back.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let line = line(&serde_json::to_string(record)?);
        let io = |path: &Path, source| JournalError::Io { path: path.to_owned(), source };
        let mut tries = 0;
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                empty => empty.insert(begin(&self.folder, &self.name)?),
            };
            match open.append(line.as_bytes()) {
                Ok(()) => {
                    note(&self.written, open);
                    return Ok(());
                }
                // What became of a file that was stale for a moment is not known: on in another.
                // A record that lies in both is one.
                Err(error) if passes(&error) && tries < 3 => {
                    tries += 1;
                    self.open = None;
                }
                Err(error) => return Err(io(&open.path, error)),
            }
        }
    }
}

/// Makes a file that no other process has, whatever its name and number are.
fn begin(folder: &Path, name: &str) -> Result<OpenFile, JournalError> {
    let file = format!("{name}-{}.jsonl", nonce().get(..8).unwrap_or_default());
    let path = folder.join(&file);
    let made = patiently(|| {
        let folder = SharedFolder::open_last(folder)?;
        let made = folder.create_new(&file)?;
        // The name is to survive a crash too.
        folder.sync()?;
        Ok(made)
    });
    match made {
        Ok(file) => Ok(OpenFile { path, file, length: 0 }),
        Err(source) => Err(JournalError::Io { path, source }),
    }
}

fn note(written: &Written, open: &OpenFile) {
    let journal = open.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    match written.iter_mut().find(|left| left.journal == journal) {
        Some(left) => left.length = open.length,
        None => written.push(Left { journal, length: open.length }),
    }
}

impl OpenFile {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        match self.file.write_all(line).and_then(|()| self.file.sync_data()) {
            Ok(()) => self.length += line.len() as u64,
            Err(error) => {
                let _ = self.file.set_len(self.length);
                return Err(error);
            }
        }
        Ok(())
    }
}

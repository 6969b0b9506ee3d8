//! Single records read again, of which it is known where they lie: what is large about them need
//! not be held meanwhile. Knows nothing of what they hold.

use super::{JournalError, Journals, Parsed, parse};
use crate::record::Record;
use sigmalab_files::patience::{passes, patiently};
use sigmalab_files::shared_folder::SharedFolder;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// Most files that are held open: a sweep of a cluster has thousands.
const MOST_OPEN: usize = 64;

/// Looks at a record that is not as it was, and the time between two: a network file system may
/// show something else for a moment.
const LOOKS: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where a record lies, in the journals that read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the file.
    pub(super) journal: u32,
    /// Where its line begins.
    pub(super) start: u64,
    /// The line's length without its end.
    pub(super) length: u32,
}

/// Reads records again.
#[derive(Debug)]
pub struct Again<'a> {
    journals: &'a Journals,
    open: HashMap<u32, File>,
}

impl Journals {
    /// What reads records again that came from these journals.
    pub fn again(&self) -> Again<'_> {
        Again { journals: self, open: HashMap::new() }
    }
}

impl Again<'_> {
    /// The record at a place.
    ///
    /// # Errors
    /// The file cannot be read, or the record is not there any more.
    pub fn record(&mut self, place: Place) -> Result<Record, JournalError> {
        let path = self.path(place);
        for look in 1..=LOOKS {
            let line = patiently(|| self.line(place));
            match line {
                Ok(line) => {
                    if let Parsed::Record(record) = parse(&line) {
                        return Ok(*record);
                    }
                }
                // It was cut short.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(source) => return Err(JournalError::Io { path, source }),
            }
            self.open.remove(&place.journal);
            if look < LOOKS {
                std::thread::sleep(LOOK_EVERY);
            }
        }
        Err(JournalError::Changed(path))
    }

    fn path(&self, place: Place) -> PathBuf {
        let name = self.journals.names.get(place.journal as usize);
        self.journals.folder.join(name.map(PathBuf::from).unwrap_or_default())
    }

    fn line(&mut self, place: Place) -> io::Result<Vec<u8>> {
        let file = match self.open.get(&place.journal) {
            Some(file) => file,
            None => {
                let name = self.journals.names.get(place.journal as usize);
                let name = name.ok_or(io::ErrorKind::NotFound)?;
                let file = SharedFolder::open_last(&self.journals.folder)?.file(name)?;
                if self.open.len() >= MOST_OPEN {
                    self.open.clear();
                }
                self.open.entry(place.journal).or_insert(file)
            }
        };
        let mut line = vec![0; place.length as usize];
        let read = file.read_exact_at(&mut line, place.start);
        if read.as_ref().is_err_and(passes) {
            // A file that is stale has to be opened again.
            self.open.remove(&place.journal);
        }
        read.map(|()| line)
    }
}

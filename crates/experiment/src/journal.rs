//! Journals: one append-only file a process, a record a line, each line with its checksum and on
//! disk before it counts. A line that a crash cut short is passed over. Knows nothing of what
//! records mean.

use super::record::Record;
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_text::text_file::bytes_without_mark;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Hexadecimal digits of a line's checksum.
const DIGITS: usize = 16;

/// Most bytes of a line: a record of a thousand steps has half a megabyte.
const LONGEST_LINE: u64 = 32 << 20;

/// Most bytes of a journal: fifty times a hundred thousand records of 48 steps.
const LONGEST: u64 = 64 << 30;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file or its folder.
    #[error("journal `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record that has no text form.
    #[error("a record cannot be put in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Longer than any that this program writes.
    #[error(
        "`{}` is not the journal of a sweep: it is too long, or has a line that is",
        .0.display()
    )]
    TooLong(PathBuf),
    /// Written by a later build.
    #[error(
        "journal `{}` holds a record of version {found} and this build reads up to {}: update \
         sigmalab", path.display(), super::record::VERSION
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version.
        found: u64,
    },
}

/// The journal that this process writes. The file comes to be with its first record.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Journal {
    /// A journal of that name in `folder`; the name is this process's own.
    pub fn new(folder: &Path, name: &str) -> Self {
        Journal { path: folder.join(format!("{name}.jsonl")), file: None, length: 0 }
    }

    /// Appends a record; it is on disk when this returns. Where that fails, what was written of
    /// it is taken back.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let line = line(&serde_json::to_string(record)?);
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let folder = SharedFolder::open_last(self.path.parent().unwrap_or(Path::new("")));
                let folder = folder.map_err(io)?;
                let file = folder.create_new(self.path.file_name().unwrap_or_default());
                let file = self.file.insert(file.map_err(io)?);
                // The name is to survive a crash too.
                folder.sync().map_err(io)?;
                file
            }
        };
        match file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                let _ = file.set_len(self.length);
                Err(io(error))
            }
        }
    }
}

fn checksum(json: &str) -> String {
    let hash = blake3::hash(json.as_bytes()).to_hex();
    hash.chars().take(DIGITS).collect()
}

fn line(json: &str) -> String {
    format!("{} {json}\n", checksum(json))
}

/// Every journal of a folder, read as far as it goes and again where it grew.
#[derive(Debug)]
pub struct Journals {
    folder: PathBuf,
    /// Bytes read of each file.
    read: HashMap<PathBuf, u64>,
    /// Whole lines that are no records, of which only a damaged disk or an editor is the cause.
    damaged: usize,
}

impl Journals {
    /// The journals in `folder`, none of them read yet.
    pub fn new(folder: &Path) -> Self {
        Journals { folder: folder.to_owned(), read: HashMap::new(), damaged: 0 }
    }

    /// Lines that were passed over because they are damaged.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// The records that came since the last call, file by file in the order of their names.
    pub fn refresh(&mut self) -> Result<Vec<Record>, JournalError> {
        let folder = match SharedFolder::open_last(&self.folder) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(JournalError::Io { path: self.folder.clone(), source }),
        };
        let names = folder.names();
        let mut names = names
            .map_err(|source| JournalError::Io { path: self.folder.clone(), source })?
            .into_iter()
            .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "jsonl"))
            .collect::<Vec<_>>();
        names.sort();
        let mut records = Vec::new();
        for name in names {
            let path = folder.path_of(&name);
            let file = folder.file(&name);
            let file = file.map_err(|source| JournalError::Io { path: path.clone(), source })?;
            self.read_on(file, &path, &mut records)?;
        }
        Ok(records)
    }

    fn read_on(
        &mut self,
        mut file: File,
        path: &Path,
        records: &mut Vec<Record>,
    ) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let read = self.read.entry(path.to_owned()).or_default();
        let length = file.metadata().map_err(io)?.len();
        if length > LONGEST {
            return Err(JournalError::TooLong(path.to_owned()));
        }
        if length <= *read {
            return Ok(());
        }
        file.seek(SeekFrom::Start(*read)).map_err(io)?;
        // What comes while this reads is for the next time.
        let mut lines = BufReader::new(file.take(length - *read));
        loop {
            let mut line = Vec::new();
            lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(io)?;
            // What has no line end yet is being written, or was when its process died.
            let Some((b'\n', text)) = line.split_last() else {
                if line.len() as u64 == LONGEST_LINE {
                    return Err(JournalError::TooLong(path.to_owned()));
                }
                return Ok(());
            };
            // A tool that the file went through may have begun it with a mark, and ended its lines
            // as Windows does: the checksum tells whether the record itself is whole.
            let text = bytes_without_mark(text);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            match parse(text) {
                _ if text.is_empty() => {}
                Parsed::Record(record) => records.push(*record),
                Parsed::Later(found) => {
                    return Err(JournalError::Version { path: path.to_owned(), found });
                }
                Parsed::Damaged => self.damaged += 1,
            }
            *read += line.len() as u64;
        }
    }
}

enum Parsed {
    Record(Box<Record>),
    Later(u64),
    Damaged,
}

fn parse(line: &[u8]) -> Parsed {
    let Ok(line) = std::str::from_utf8(line) else { return Parsed::Damaged };
    let Some((sum, json)) = line.split_once(' ') else { return Parsed::Damaged };
    if sum != checksum(json) {
        return Parsed::Damaged;
    }
    match serde_json::from_str::<Record>(json) {
        // A record that this program would not write is somebody else's, whatever its checksum.
        Ok(record) if record.is_sound() => Parsed::Record(Box::new(record)),
        Ok(_) => Parsed::Damaged,
        Err(_) => {
            let value: Option<serde_json::Value> = serde_json::from_str(json).ok();
            let version = value.and_then(|value| value.get("version")?.as_u64());
            match version {
                Some(version) if version > u64::from(super::record::VERSION) => {
                    Parsed::Later(version)
                }
                _ => Parsed::Damaged,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::Outcome;
    use crate::trial::tests::experiment;
    use std::fs;

    fn record(number: usize) -> Record {
        let trial = experiment("[parameters]\nmu = [0, 1]").trial(number).unwrap();
        let outcome = Outcome::Failed { error: "a test".to_owned() };
        Record::of_trial(&trial, None).ended(1, 5, outcome)
    }

    #[test]
    fn records_come_back_as_they_were_written_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut journals = Journals::new(folder.path());
        assert_eq!(journals.refresh().unwrap(), []);
        let mut journal = Journal::new(folder.path(), "a");
        journal.append(&record(0)).unwrap();
        let mut other = Journal::new(folder.path(), "b");
        other.append(&record(1)).unwrap();
        assert_eq!(journals.refresh().unwrap(), [record(0), record(1)]);
        assert_eq!(journals.refresh().unwrap(), []);
        journal.append(&record(2)).unwrap();
        assert_eq!(journals.refresh().unwrap(), [record(2)]);
    }

    #[test]
    fn line_ends_and_marks_of_other_programs_damage_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(folder.path(), "a");
        journal.append(&record(0)).unwrap();
        journal.append(&record(1)).unwrap();
        let path = folder.path().join("a.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
        let mut journals = Journals::new(folder.path());
        assert_eq!(journals.refresh().unwrap(), [record(0), record(1)]);
        assert_eq!(journals.damaged(), 0);
    }

    #[test]
    fn a_line_cut_at_any_byte_is_passed_over_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(folder.path(), "a");
        journal.append(&record(0)).unwrap();
        journal.append(&record(1)).unwrap();
        let path = folder.path().join("a.jsonl");
        let whole = fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in [first, first + 1, first + 20, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut journals = Journals::new(folder.path());
            assert_eq!(journals.refresh().unwrap(), [record(0)], "cut at {cut}");
            assert_eq!(journals.damaged(), 0);
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_own_record_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(folder.path(), "a");
        journal.append(&record(0)).unwrap();
        journal.append(&record(1)).unwrap();
        let path = folder.path().join("a.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        bytes[40] ^= 1;
        fs::write(&path, bytes).unwrap();
        let mut journals = Journals::new(folder.path());
        assert_eq!(journals.refresh().unwrap(), [record(1)]);
        assert_eq!(journals.damaged(), 1);
    }

    #[test]
    fn no_damaged_record_panics_or_names_a_file_that_is_not_its_runs_own() {
        let mut done = record(0);
        done.outcome = crate::record::tests::done(&done.id);
        let json = serde_json::to_string(&done).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut sound = 0;
        for damaged in sigmalab_mutations::Mutations::of(json.as_bytes(), 20).take(4000) {
            // With its right checksum, as a stranger would write it.
            let text = String::from_utf8_lossy(&damaged).replace('\n', " ");
            fs::write(&path, line(&text)).unwrap();
            let mut journals = Journals::new(folder.path());
            let Ok(records) = journals.refresh() else { continue };
            for record in records {
                sound += 1;
                let Some(measured) = record.measured() else { continue };
                let image = measured.image.as_deref().unwrap_or_default();
                assert!(image.is_empty() || image == format!("images/{}.png", record.id.short()));
                // What is made of records survives them.
                let _ = crate::tables::row(&record, &[]);
                let mut ledger = crate::ledger::Ledger::default();
                ledger.take([record.clone(), record]);
            }
        }
        // Many of the damaged ones are records all the same.
        assert!(sound > 100, "{sound}");
    }

    #[test]
    fn a_hole_in_a_file_is_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("a.jsonl")).unwrap();
        file.set_len(LONGEST_LINE + 5).unwrap();
        let told = Journals::new(folder.path()).refresh().unwrap_err().to_string();
        assert!(told.contains("too long") && told.contains("a.jsonl"), "{told}");
        file.set_len(LONGEST + 1).unwrap();
        assert!(Journals::new(folder.path()).refresh().is_err());
    }

    #[test]
    fn records_of_a_later_build_are_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.jsonl"), line("{\"version\":9,\"x\":1}")).unwrap();
        let told = Journals::new(folder.path()).refresh().unwrap_err().to_string();
        assert!(told.contains("version 9"), "{told}");
    }
}

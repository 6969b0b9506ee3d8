//! Journals: one append-only file a process, a record a line, each line with its checksum and on
//! disk before it counts. A line that a crash cut short is passed over; one that is whole but for its
//! end counts. Knows nothing of what records mean.

mod again;
mod append;

pub use again::{Again, Place};
pub use append::Journal;

use super::lease::Left;
use super::record::Record;
use sigmalab_files::patience::patiently;
use sigmalab_files::shared_folder::SharedFolder;
use sigmalab_text::text_file::bytes_without_mark;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    Io { path: PathBuf, source: io::Error },
    #[error("a record cannot be put in JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "`{}` is not the journal of a sweep: it is too long, or has a line that is",
        .0.display()
    )]
    TooLong(PathBuf),
    #[error(
        "journal `{}` is not what it was a while ago: a record in it was changed or taken away",
        .0.display()
    )]
    Changed(PathBuf),
    #[error(
        "journal `{}` holds a record of version {found} and this build reads up to {}: update \
         sigmalab", path.display(), super::record::VERSION
    )]
    Version { path: PathBuf, found: u64 },
}

fn checksum(json: &str) -> String {
    let hash = blake3::hash(json.as_bytes()).to_hex();
    hash.chars().take(DIGITS).collect()
}

pub(super) fn line(json: &str) -> String {
    format!("{} {json}\n", checksum(json))
}

/// Every journal of a folder, read as far as it goes and again where it grew.
#[derive(Debug)]
pub struct Journals {
    folder: PathBuf,
    /// What was read of each file, by its name.
    read: HashMap<OsString, Reading>,
    /// Their names, by the numbers by which places name them.
    names: Vec<OsString>,
}

/// How far a file was read.
#[derive(Debug, Default)]
struct Reading {
    number: u32,
    bytes: u64,
    /// Whole lines that are no records. A network file system may show a line before all of it is
    /// there: they are looked at again for a while, and then a damaged disk or an editor is the
    /// cause.
    damaged: Vec<DamagedLine>,
}

#[derive(Debug)]
struct DamagedLine {
    start: u64,
    end: u64,
    looks: u32,
    last: Instant,
}

/// Looks at a damaged line, and the least time between two of them.
const LOOKS: u32 = 150;
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Journals {
    /// The journals in `folder`, none of them read yet.
    pub fn new(folder: &Path) -> Self {
        Journals { folder: folder.to_owned(), read: HashMap::new(), names: Vec::new() }
    }

    /// The same, but for what somebody has read of them already.
    pub(super) fn after(folder: &Path, read: &[Left]) -> Self {
        let mut journals = Journals::new(folder);
        for left in read {
            journals.reading(OsStr::new(&left.journal)).bytes = left.length;
        }
        journals
    }

    /// How far a file was read.
    fn reading(&mut self, name: &OsStr) -> &mut Reading {
        let names = &mut self.names;
        self.read.entry(name.to_owned()).or_insert_with(|| {
            names.push(name.to_owned());
            let number = u32::try_from(names.len() - 1).unwrap_or(u32::MAX);
            Reading { number, ..Reading::default() }
        })
    }

    /// How far each file was read.
    pub(super) fn read_so_far(&self) -> Vec<Left> {
        let names = self.read.iter().filter_map(|(name, reading)| Some((name.to_str()?, reading)));
        let mut all: Vec<Left> = names
            .map(|(name, reading)| Left { journal: name.to_owned(), length: reading.bytes })
            .collect();
        all.sort_by(|a, b| a.journal.cmp(&b.journal));
        all
    }

    /// Lines that were passed over because they are damaged.
    pub fn damaged(&self) -> usize {
        self.read.values().map(|reading| reading.damaged.len()).sum()
    }

    /// Whether journals were read as far as they went when a part was given back.
    pub fn reach(&self, left: &[Left]) -> bool {
        left.iter().all(|left| {
            let reading = self.read.get(OsStr::new(&left.journal));
            reading.is_some_and(|reading| reading.bytes >= left.length)
        })
    }

    /// The records that came since the last call, file by file in the order of their names.
    pub fn refresh(&mut self) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        self.read_on(&mut |record, _| records.push(record))?;
        Ok(records)
    }

    /// The same, one after the other and with where each lies: all of them at once may be
    /// gigabytes.
    pub fn read_on(&mut self, take: &mut dyn FnMut(Record, Place)) -> Result<(), JournalError> {
        let io = |path: &Path, source| JournalError::Io { path: path.to_owned(), source };
        let folder = match patiently(|| SharedFolder::open_last(&self.folder)) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(io(&self.folder, source)),
        };
        let mut names = patiently(|| folder.names())
            .map_err(|source| io(&self.folder, source))?
            .into_iter()
            .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "jsonl"))
            .collect::<Vec<_>>();
        names.sort();
        for name in names {
            let path = folder.path_of(&name);
            let reading = self.reading(&name);
            // What was read before something passing came up is not read twice.
            let mut failed = None;
            let done = patiently(|| match reading.read_on(&folder, &name, &path, take) {
                Ok(()) => Ok(()),
                Err(JournalError::Io { source, .. }) => Err(source),
                Err(other) => {
                    failed = Some(other);
                    Ok(())
                }
            });
            match (done, failed) {
                (_, Some(error)) => return Err(error),
                (Err(source), None) => return Err(JournalError::Io { path, source }),
                (Ok(()), None) => {}
            }
        }
        Ok(())
    }
}

impl Reading {
    fn read_on(
        &mut self,
        folder: &SharedFolder,
        name: &OsStr,
        path: &Path,
        take: &mut dyn FnMut(Record, Place),
    ) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        // Opened each time, which is when a network file system asks for what is new.
        let mut file = folder.file(name).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length > LONGEST {
            return Err(JournalError::TooLong(path.to_owned()));
        }
        self.look_again(&mut file, path, take)?;
        if length <= self.bytes {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.bytes)).map_err(io)?;
        // What comes while this reads is for the next time.
        let mut lines = BufReader::with_capacity(1 << 16, file.take(length - self.bytes));
        let mut line = Vec::new();
        loop {
            line.clear();
            lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(io)?;
            // What has no line end yet is being written, or was when its process died; or an editor
            // took it away, and the checksum says that nothing else is missing.
            let Some((b'\n', text)) = line.split_last() else {
                if line.len() as u64 == LONGEST_LINE {
                    return Err(JournalError::TooLong(path.to_owned()));
                }
                if let Parsed::Record(record) = parse(&line) {
                    let place = self.place(self.bytes, &line);
                    self.bytes += line.len() as u64;
                    take(*record, place);
                }
                return Ok(());
            };
            let end = self.bytes + line.len() as u64;
            match parse(text) {
                Parsed::Empty => {}
                Parsed::Record(record) => take(*record, self.place(self.bytes, text)),
                Parsed::Later(found) => {
                    return Err(JournalError::Version { path: path.to_owned(), found });
                }
                Parsed::Damaged => {
                    let (start, last) = (self.bytes, Instant::now());
                    self.damaged.push(DamagedLine { start, end, looks: 0, last });
                }
            }
            self.bytes = end;
        }
    }

    /// Where a line is.
    fn place(&self, start: u64, text: &[u8]) -> Place {
        // No line is longer than `LONGEST_LINE`.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Place { journal: self.number, start, length }
    }

    /// Looks at the damaged lines once more: where they are whole by now, they count.
    fn look_again(
        &mut self,
        file: &mut File,
        path: &Path,
        take: &mut dyn FnMut(Record, Place),
    ) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let mut still = Vec::new();
        for mut line in std::mem::take(&mut self.damaged) {
            let due = line.looks < LOOKS && line.last.elapsed() >= LOOK_EVERY;
            if !due {
                still.push(line);
                continue;
            }
            (line.looks, line.last) = (line.looks + 1, Instant::now());
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(line.start)).map_err(io)?;
            Read::by_ref(file).take(line.end - line.start).read_to_end(&mut bytes).map_err(io)?;
            // Where zeros stood there may be the end of one line and the beginning of another.
            let (mut found, mut start) = (Vec::new(), line.start);
            let whole = bytes.split(|byte| *byte == b'\n').all(|text| {
                let place = self.place(start, text);
                start += text.len() as u64 + 1;
                match parse(text) {
                    Parsed::Record(record) => {
                        found.push((*record, place));
                        true
                    }
                    Parsed::Empty => true,
                    Parsed::Later(_) | Parsed::Damaged => false,
                }
            });
            match whole {
                true => found.into_iter().for_each(|(record, place)| take(record, place)),
                false => still.push(line),
            }
        }
        self.damaged = still;
        Ok(())
    }
}

enum Parsed {
    Empty,
    Record(Box<Record>),
    Later(u64),
    Damaged,
}

fn parse(line: &[u8]) -> Parsed {
    // A tool that the file went through may have begun it with a mark, and ended its lines as
    // Windows does: the checksum tells whether the record itself is whole.
    let line = bytes_without_mark(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Parsed::Empty;
    }
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
mod tests;

//! The folder of the history: appending, listing, loading, removing, and staying under a quota.
//! Safe beside other processes on the same folder, which may add and remove runs at any time.

use super::entry::{Entry, EntryId, FinishedRun, VERSION};
use etcetera::BaseStrategy as _;
use sigmalab_engine::image_file::{PictureError, read_picture, write_picture};
use sigmalab_files::shared_folder::{make_private_folder, open_plain};
use sigmalab_files::target::{OnCollision, Target, TargetError};
use sigmalab_image::{RgbImage, thumbnail};
use sigmalab_metrics::image::ImageMetrics;
use sigmalab_text::text_file::bytes_without_mark;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names the data folder.
pub const DATA_VARIABLE: &str = "SIGMALAB_DATA";

/// Bytes that a history takes at most unless told otherwise: about a thousand pictures of
/// 1024×1024.
pub const DEFAULT_QUOTA: u64 = 2 << 30;

/// The longer side of a thumbnail in pixels.
const THUMBNAIL_SIDE: u32 = 128;

/// Longest entry read, in bytes: 1000 steps take under 1 MiB.
const ENTRY_LIMIT: u64 = 8 << 20;

/// Most runs of one recipe that may end in one millisecond.
const MOST_NAMES: usize = 1000;

/// A picture without an entry is being written by somebody, unless it is as old as this.
const ABANDONED: Duration = Duration::from_secs(3600);

const ENTRY: &str = ".json";
const THUMBNAIL: &str = ".thumb.png";
const PICTURE: &str = ".png";

/// Why something could not be put into the history or taken out.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file could not be written.
    #[error("history: {0}")]
    Target(#[from] TargetError),
    /// A folder or file could not be used.
    #[error("history: cannot {what} `{}`: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("history: cannot read `{}`: {source}", path.display())]
    Picture { path: PathBuf, source: PictureError },
    #[error("history: cannot read `{}`: {problem}", path.display())]
    Entry { path: PathBuf, problem: String },
    /// The recipe or the entry is no JSON.
    #[error("history: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Debug, Default)]
pub struct Listing {
    /// The runs, newest first.
    pub entries: Vec<Entry>,
    /// Entries that could not be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// A folder of finished runs.
#[derive(Debug, Clone)]
pub struct History {
    folder: PathBuf,
    quota: u64,
}

/// What is to be kept: `SIGMALAB_DATA`, else `sigmalab` in the user's data folder; `None` where
/// no home folder is known.
pub fn data_folder() -> Option<PathBuf> {
    let named = std::env::var_os(DATA_VARIABLE).filter(|path| !path.is_empty());
    named
        .map(PathBuf::from)
        .or_else(|| Some(etcetera::choose_base_strategy().ok()?.data_dir().join("sigmalab")))
}

impl History {
    /// The history under the data folder `data`, in at most `quota` bytes. Touches nothing.
    pub fn under(data: &Path, quota: u64) -> Self {
        History { folder: data.join("history"), quota }
    }

    /// Puts a finished run into the history, and removes the oldest ones beyond the quota; the
    /// new one stays, however large.
    pub fn append(&self, run: &FinishedRun<'_>) -> Result<Entry, HistoryError> {
        make_private_folder(&self.folder)
            .map_err(|source| io_error("create", &self.folder, source))?;
        let finished = run.finished.duration_since(UNIX_EPOCH).unwrap_or_default();
        let finished_ms = u64::try_from(finished.as_millis()).unwrap_or(u64::MAX);
        let identity = run.recipe.identity()?;
        let id = self.claim(finished_ms, &identity, run)?;
        let entry = Entry {
            version: VERSION,
            id: id.clone(),
            finished_ms,
            recipe: run.recipe.clone(),
            nfe: run.nfe,
            timings: run.timings,
            metrics: ImageMetrics::of(run.image),
            steps: run.steps.to_vec(),
        };
        let small = thumbnail(run.image, THUMBNAIL_SIDE);
        Target::check(&self.path(&id, THUMBNAIL))?
            .private()
            .draft(|out| write_picture(&small, run.recipe, out))?
            .commit(OnCollision::Replace)?;
        let text = serde_json::to_vec(&entry)?;
        Target::check(&self.path(&id, ENTRY))?
            .private()
            .draft(|out| out.write_all(&text))?
            .commit(OnCollision::Replace)?;
        self.make_room(&id)?;
        Ok(entry)
    }

    /// Writes the picture under the first free name, which is the run's from then on.
    fn claim(
        &self,
        finished_ms: u64,
        identity: &str,
        run: &FinishedRun<'_>,
    ) -> Result<EntryId, HistoryError> {
        let id = |number| EntryId::new(finished_ms, identity, number);
        let draft = Target::check(&self.path(&id(1), PICTURE))?
            .private()
            .draft(|out| write_picture(run.image, run.recipe, out))?;
        let names = (1..=MOST_NAMES).map(|number| self.path(&id(number), PICTURE));
        let path = draft.commit_to_first_free(names)?;
        let number = (1..=MOST_NAMES).find(|number| self.path(&id(*number), PICTURE) == path);
        Ok(id(number.unwrap_or(1)))
    }

    /// The names of the runs there are, newest first. A folder that does not exist is an empty
    /// history. It reads no entry: thousands of names take milliseconds.
    pub fn ids(&self) -> Result<Vec<EntryId>, HistoryError> {
        let mut ids: Vec<EntryId> = self
            .files()?
            .into_iter()
            .filter(|(_, kind, _)| *kind == ENTRY)
            .map(|(id, _, _)| id)
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// What the history says of one run; `None` where it is gone.
    pub fn entry(&self, id: &EntryId) -> Result<Option<Entry>, HistoryError> {
        self.read_entry(id)
            .map_err(|problem| HistoryError::Entry { path: self.path(id, ENTRY), problem })
    }

    pub fn list(&self) -> Result<Listing, HistoryError> {
        let mut listing = Listing::default();
        for id in self.ids()? {
            match self.read_entry(&id) {
                Ok(Some(entry)) => listing.entries.push(entry),
                // Another process removed it meanwhile.
                Ok(None) => {}
                Err(problem) => {
                    listing.unreadable.push((self.path(&id, ENTRY), problem));
                }
            }
        }
        Ok(listing)
    }

    /// The picture of a run.
    pub fn picture(&self, id: &EntryId) -> Result<RgbImage, HistoryError> {
        self.read(&self.path(id, PICTURE))
    }

    /// The small picture of a run, at most 128 pixels along its longer side.
    pub fn thumbnail(&self, id: &EntryId) -> Result<RgbImage, HistoryError> {
        self.read(&self.path(id, THUMBNAIL))
    }

    /// Where the picture of a run is.
    pub fn picture_path(&self, id: &EntryId) -> PathBuf {
        self.path(id, PICTURE)
    }

    /// Takes a run out. One that is out already is no error.
    pub fn remove(&self, id: &EntryId) -> Result<(), HistoryError> {
        // The entry first: what has none is no run of the history.
        for kind in [ENTRY, THUMBNAIL, PICTURE] {
            let path = self.path(id, kind);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("remove", &path, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, id: &EntryId, kind: &str) -> PathBuf {
        self.folder.join(format!("{id}{kind}"))
    }

    fn read(&self, path: &Path) -> Result<RgbImage, HistoryError> {
        let file = open_plain(path).map_err(|source| io_error("open", path, source))?;
        read_picture(BufReader::new(file))
            .map_err(|source| HistoryError::Picture { path: path.to_owned(), source })
    }

    fn read_entry(&self, id: &EntryId) -> Result<Option<Entry>, String> {
        let mut text = Vec::new();
        let file = match open_plain(&self.path(id, ENTRY)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| error.to_string())?,
        };
        file.take(ENTRY_LIMIT).read_to_end(&mut text).map_err(|error| error.to_string())?;
        let entry: Entry =
            serde_json::from_slice(bytes_without_mark(&text)).map_err(|error| error.to_string())?;
        if entry.version > VERSION {
            return Err(format!("it has version {}: update sigmalab", entry.version));
        }
        // The file's name is what leads back to its pictures.
        Ok(Some(Entry { id: id.clone(), ..entry }))
    }

    /// The files of runs in the folder: whose they are, and which of the three.
    fn files(&self) -> Result<Vec<(EntryId, &'static str, fs::DirEntry)>, HistoryError> {
        let listed = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|source| io_error("list", &self.folder, source))?,
        };
        let of_run = |file: fs::DirEntry| {
            let name = file.file_name().into_string().ok()?;
            let kind = [THUMBNAIL, PICTURE, ENTRY].into_iter().find(|kind| name.ends_with(kind))?;
            // Files of other programs, and drafts, are left alone.
            let id = name.strip_suffix(kind)?.parse().ok()?;
            Some((id, kind, file))
        };
        Ok(listed.flatten().filter_map(of_run).collect())
    }

    /// The files of the folder by run, oldest run first.
    fn runs(&self) -> Result<BTreeMap<EntryId, Files>, HistoryError> {
        let mut runs: BTreeMap<EntryId, Files> = BTreeMap::new();
        for (id, kind, file) in self.files()? {
            let Ok(meta) = file.metadata() else { continue };
            let files = runs.entry(id).or_insert_with(|| Files {
                has_entry: false,
                bytes: 0,
                newest: UNIX_EPOCH,
            });
            files.has_entry |= kind == ENTRY;
            files.bytes += meta.len();
            files.newest = files.newest.max(meta.modified().unwrap_or(UNIX_EPOCH));
        }
        Ok(runs)
    }

    fn make_room(&self, newest: &EntryId) -> Result<(), HistoryError> {
        let mut runs = self.runs()?;
        let now = SystemTime::now();
        runs.retain(|id, files| {
            let age = now.duration_since(files.newest).unwrap_or_default();
            let abandoned = !files.has_entry && age > ABANDONED;
            // What cannot be removed now is counted below and tried again the next time.
            !(abandoned && self.remove(id).is_ok())
        });
        let mut bytes: u64 = runs.values().map(|files| files.bytes).sum();
        for (id, files) in runs.iter().filter(|(id, files)| *id != newest && files.has_entry) {
            if bytes <= self.quota {
                break;
            }
            self.remove(id)?;
            bytes -= files.bytes;
        }
        Ok(())
    }
}

/// The files of one run.
struct Files {
    has_entry: bool,
    bytes: u64,
    newest: SystemTime,
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> HistoryError {
    HistoryError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

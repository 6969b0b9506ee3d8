//! The folder of the history: appending, listing, loading, removing, and staying under a quota.
//! Safe beside other processes on the same folder, which may add and remove runs at any time.

use super::entry::{Entry, EntryId, VERSION};
use super::thumbnail::thumbnail;
use crate::engine::event::StepReport;
use crate::engine::request::RunOutput;
use crate::image_file::{
    OnCollision, PictureError, Target, TargetError, read_picture, write_picture,
};
use crate::metrics::image::ImageMetrics;
use crate::model::RgbImage;
use etcetera::BaseStrategy as _;
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
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A picture could not be read.
    #[error("history: cannot read `{}`: {source}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PictureError,
    },
    /// The recipe or the entry is no JSON.
    #[error("history: {0}")]
    Json(#[from] serde_json::Error),
}

/// What is in a history.
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
    /// new one stays, however large. `steps` are its reports, sampling order.
    pub fn append(&self, output: &RunOutput, steps: &[StepReport]) -> Result<Entry, HistoryError> {
        self.append_at(SystemTime::now(), output, steps)
    }

    fn append_at(
        &self,
        finished: SystemTime,
        output: &RunOutput,
        steps: &[StepReport],
    ) -> Result<Entry, HistoryError> {
        fs::create_dir_all(&self.folder)
            .map_err(|source| io_error("create", &self.folder, source))?;
        let finished = finished.duration_since(UNIX_EPOCH).unwrap_or_default();
        let finished_ms = u64::try_from(finished.as_millis()).unwrap_or(u64::MAX);
        let identity = output.recipe.identity()?;
        let id = self.claim(finished_ms, &identity, output)?;
        let entry = Entry {
            version: VERSION,
            id: id.clone(),
            finished_ms,
            recipe: output.recipe.clone(),
            nfe: output.nfe,
            timings: output.timings,
            metrics: ImageMetrics::of(&output.image),
            steps: steps.to_vec(),
        };
        let small = thumbnail(&output.image, THUMBNAIL_SIDE);
        Target::check(&self.path(&id, THUMBNAIL))?
            .draft(|out| write_picture(&small, &output.recipe, out))?
            .commit(OnCollision::Replace)?;
        let text = serde_json::to_vec(&entry)?;
        Target::check(&self.path(&id, ENTRY))?
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
        output: &RunOutput,
    ) -> Result<EntryId, HistoryError> {
        let id = |number| EntryId::new(finished_ms, identity, number);
        let draft = Target::check(&self.path(&id(1), PICTURE))?
            .draft(|out| write_picture(&output.image, &output.recipe, out))?;
        let names = (1..=MOST_NAMES).map(|number| self.path(&id(number), PICTURE));
        let path = draft.commit_to_first_free(names)?;
        let number = (1..=MOST_NAMES).find(|number| self.path(&id(*number), PICTURE) == path);
        Ok(id(number.unwrap_or(1)))
    }

    /// Everything in the history. A folder that does not exist is an empty history.
    pub fn list(&self) -> Result<Listing, HistoryError> {
        let mut listing = Listing::default();
        for (id, _) in self.runs()?.iter().rev().filter(|(_, files)| files.has_entry) {
            match self.read_entry(id) {
                Ok(Some(entry)) => listing.entries.push(entry),
                // Another process removed it meanwhile.
                Ok(None) => {}
                Err(problem) => {
                    listing.unreadable.push((self.path(id, ENTRY), problem));
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
        let file = fs::File::open(path).map_err(|source| io_error("open", path, source))?;
        read_picture(BufReader::new(file))
            .map_err(|source| HistoryError::Picture { path: path.to_owned(), source })
    }

    fn read_entry(&self, id: &EntryId) -> Result<Option<Entry>, String> {
        let mut text = Vec::new();
        let file = match fs::File::open(self.path(id, ENTRY)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| error.to_string())?,
        };
        file.take(ENTRY_LIMIT).read_to_end(&mut text).map_err(|error| error.to_string())?;
        let entry: Entry = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if entry.version > VERSION {
            return Err(format!("it is of version {}: update sigmalab", entry.version));
        }
        // The file's name is what leads back to its pictures.
        Ok(Some(Entry { id: id.clone(), ..entry }))
    }

    /// The files of the folder by run, oldest run first.
    fn runs(&self) -> Result<BTreeMap<EntryId, Files>, HistoryError> {
        let mut runs: BTreeMap<EntryId, Files> = BTreeMap::new();
        let listed = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(runs),
            listed => listed.map_err(|source| io_error("list", &self.folder, source))?,
        };
        for file in listed.flatten() {
            let Ok(name) = file.file_name().into_string() else { continue };
            let kind = [THUMBNAIL, PICTURE, ENTRY].into_iter().find(|kind| name.ends_with(kind));
            // Files of other programs, and drafts, are left alone.
            let Some(kind) = kind.filter(|_| name.starts_with(|c: char| c.is_ascii_digit())) else {
                continue;
            };
            let Ok(meta) = file.metadata() else { continue };
            let id = EntryId(name.trim_end_matches(kind).to_owned());
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image_file::{parse_recipe, read_recipe};
    use std::thread;

    fn output(seed: u64) -> RunOutput {
        let recipe = parse_recipe(&format!(
            r#"{{"version":1,"model":{{"name":"demo","fingerprint":"abc"}},"prompt":"a circle",
            "size":{{"width":256,"height":256}},
            "noise":{{"source":"seed","seed":{seed},"rng":"torch-cpu"}},
            "steps":[{{"gw":7.0,"mu":0.5,"std":1.75}}],"terminal":"reference",
            "sampler":{{"id":"euler","version":"1"}},"dtype":"f32","device":"cpu"}}"#
        ));
        let pixels = (0..256 * 256 * 3_u64).map(|i| (i * (seed + 3) / 7) as u8).collect();
        RunOutput {
            recipe: recipe.unwrap(),
            image: RgbImage { width: 256, height: 256, pixels },
            noise: Vec::new(),
            latents: Vec::new(),
            nfe: Default::default(),
            timings: Default::default(),
            clip_fraction: 0.0,
            peak_memory: None,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn history(folder: &tempfile::TempDir) -> History {
        History::under(folder.path(), DEFAULT_QUOTA)
    }

    #[test]
    fn runs_are_listed_newest_first_and_load_whole() {
        let folder = tempfile::tempdir().unwrap();
        let history = history(&folder);
        assert!(history.list().unwrap().entries.is_empty());
        let old = history.append_at(at(100), &output(1), &[]).unwrap();
        let new = history.append_at(at(200), &output(2), &[]).unwrap();
        let listing = history.list().unwrap();
        assert_eq!(listing.entries, [new.clone(), old]);
        assert!(listing.unreadable.is_empty());
        assert_eq!(history.picture(&new.id).unwrap(), output(2).image);
        assert_eq!(new.metrics, ImageMetrics::of(&output(2).image));
        assert_eq!(new.finished(), at(200));
        let small = history.thumbnail(&new.id).unwrap();
        assert_eq!((small.width, small.height), (128, 128));
        assert_eq!(read_recipe(&history.picture_path(&new.id)).unwrap(), output(2).recipe);
    }

    #[test]
    fn runs_that_end_in_one_millisecond_in_many_threads_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let history = history(&folder);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| history.append_at(at(100), &output(1), &[]).unwrap());
            }
        });
        let entries = history.list().unwrap().entries;
        assert_eq!(entries.len(), 6);
        assert!(entries.iter().all(|entry| history.picture(&entry.id).is_ok()));
    }

    #[test]
    fn the_oldest_runs_go_first_and_the_newest_stays_whatever_the_quota() {
        let folder = tempfile::tempdir().unwrap();
        let all = history(&folder);
        let ids: Vec<EntryId> =
            (1..4).map(|n| all.append_at(at(n), &output(n), &[]).unwrap().id).collect();
        let total: u64 = all.runs().unwrap().values().map(|files| files.bytes).sum();
        // Room for three of the four.
        let tight = History::under(folder.path(), total + 1000);
        let newest = tight.append_at(at(9), &output(9), &[]).unwrap().id;
        let left: Vec<EntryId> =
            tight.list().unwrap().entries.into_iter().map(|entry| entry.id).collect();
        assert_eq!(left[0], newest);
        assert!(!left.contains(&ids[0]) && left.contains(&ids[2]), "{left:?}");
        let nothing = History::under(folder.path(), 0);
        let last = nothing.append_at(at(10), &output(10), &[]).unwrap();
        assert_eq!(nothing.list().unwrap().entries, [last]);
        assert_eq!(fs::read_dir(folder.path().join("history")).unwrap().count(), 3);
    }

    #[test]
    fn a_removed_run_is_gone_and_removing_it_twice_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let history = history(&folder);
        let id = history.append(&output(1), &[]).unwrap().id;
        history.remove(&id).unwrap();
        history.remove(&id).unwrap();
        assert!(history.list().unwrap().entries.is_empty());
        assert!(history.picture(&id).unwrap_err().to_string().contains("cannot open"));
    }

    #[test]
    fn a_damaged_entry_and_one_of_a_later_version_are_named_and_the_others_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let history = history(&folder);
        let good = history.append_at(at(1), &output(1), &[]).unwrap();
        let damaged = history.append_at(at(2), &output(2), &[]).unwrap();
        let later = history.append_at(at(3), &output(3), &[]).unwrap();
        fs::write(history.path(&damaged.id, ENTRY), "{\"version\":1").unwrap();
        let text = serde_json::to_string(&Entry { version: 9, ..later.clone() }).unwrap();
        fs::write(history.path(&later.id, ENTRY), text).unwrap();
        fs::write(history.folder.join("notes.json"), "mine").unwrap();
        let listing = history.list().unwrap();
        assert_eq!(listing.entries, [good]);
        assert_eq!(listing.unreadable.len(), 2);
        assert!(listing.unreadable[0].1.contains("version 9"), "{:?}", listing.unreadable);
    }

    #[test]
    fn a_picture_without_an_entry_is_left_alone_while_it_may_be_somebodys() {
        let folder = tempfile::tempdir().unwrap();
        let history = history(&folder);
        history.append_at(at(1), &output(1), &[]).unwrap();
        let (young, old) = (EntryId::new(2, "aa", 1), EntryId::new(3, "bb", 1));
        for id in [&young, &old] {
            fs::write(history.path(id, PICTURE), "x").unwrap();
        }
        let file = fs::File::options().write(true).open(history.path(&old, PICTURE)).unwrap();
        file.set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        history.append_at(at(4), &output(4), &[]).unwrap();
        assert_eq!(history.list().unwrap().entries.len(), 2);
        assert!(history.path(&young, PICTURE).exists());
        assert!(!history.path(&old, PICTURE).exists());
    }
}

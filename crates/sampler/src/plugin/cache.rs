//! What was found out about files, kept in the cache folder, so that a list of plugins costs no
//! process when nothing changed. A file is known by its place, size, times and inode. Losing it
//! costs some milliseconds; it is never an error.

use super::file::FileHash;
use crate::SamplerInfo;
use serde::{Deserialize, Serialize};
use sigmalab_files::shared_folder::{SharedFolder, make_private_folder, read_plain};
use sigmalab_files::unfinished;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Its name in the cache folder.
const FILE: &str = "plugins.json";

/// Version of the file's form.
const FORM: u32 = 2;

/// Most bytes of the file that are read.
const LIMIT: u64 = 64 << 20;

/// Variables of the environment that decide what a library is linked to.
const LOADER_VARIABLES: [&str; 4] =
    ["LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"];

/// What there is to know of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Knowledge {
    /// It is a plugin that can be used.
    Plugin {
        info: SamplerInfo,
        hash: FileHash,
    },
    NoPlugin,
    /// It is one that cannot be used.
    Problem(String),
    /// It did not say what it is in time: asking again costs that time again.
    Hangs(String),
}

/// Which contents a file has, without reading them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stored {
    form: u32,
    /// The program that found it out: another build may judge otherwise.
    program: Option<Stamp>,
    loader: Vec<Option<String>>,
    files: BTreeMap<PathBuf, (Stamp, Knowledge)>,
}

/// What is known of files.
pub(super) struct DescriptionCache {
    path: Option<PathBuf>,
    stored: Stored,
    changed: bool,
}

impl DescriptionCache {
    /// What `program` found out before, under the cache folder `cache`.
    pub(super) fn load(cache: Option<&Path>, program: &Path) -> Self {
        let path = cache.map(|cache| cache.join(FILE));
        let fresh = Stored {
            form: FORM,
            program: Stamp::of(program),
            loader: LOADER_VARIABLES.iter().map(|name| std::env::var(name).ok()).collect(),
            files: BTreeMap::new(),
        };
        let stored = path
            .as_ref()
            .and_then(|path| serde_json::from_slice::<Stored>(&read_plain(path, LIMIT).ok()?).ok())
            .filter(|stored| {
                (stored.form, &stored.program, &stored.loader)
                    == (fresh.form, &fresh.program, &fresh.loader)
            })
            .unwrap_or(fresh);
        DescriptionCache { path, stored, changed: false }
    }

    pub(super) fn get(&self, path: &Path, stamp: &Stamp) -> Option<&Knowledge> {
        let (known, knowledge) = self.stored.files.get(path)?;
        (known == stamp).then_some(knowledge)
    }

    pub(super) fn put(&mut self, path: PathBuf, stamp: Stamp, knowledge: Knowledge) {
        self.stored.files.insert(path, (stamp, knowledge));
        self.changed = true;
    }

    /// Keeps what was put. Files that are gone are forgotten.
    pub(super) fn save(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        self.stored.files.retain(|path, _| path.exists());
        // Without it the next list takes longer.
        let _ = self.write();
    }

    fn write(&self) -> std::io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        make_private_folder(folder)?;
        unfinished::clear_once(folder);
        let text = serde_json::to_vec(&self.stored)?;
        SharedFolder::open(folder)?.private().write(FILE, |out| out.write_all(&text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn problem() -> Knowledge {
        Knowledge::Problem("it crashed".to_owned())
    }

    #[test]
    fn a_file_is_known_again_until_it_or_the_program_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, program) = (folder.path().join("a.so"), folder.path().join("sigmalab"));
        fs::write(&file, "a").unwrap();
        fs::write(&program, "p").unwrap();
        let cache = folder.path().join("cache");
        let stamp = Stamp::of(&file).unwrap();
        let mut first = DescriptionCache::load(Some(&cache), &program);
        assert_eq!(first.get(&file, &stamp), None);
        first.put(file.clone(), stamp.clone(), problem());
        first.save();
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&cache).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700, "what is cached is the user's own");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(cache.join(FILE)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600, "in a folder that was there before, too");
        let again = DescriptionCache::load(Some(&cache), &program);
        assert_eq!(again.get(&file, &stamp), Some(&problem()));
        fs::write(&file, "another").unwrap();
        assert_eq!(again.get(&file, &Stamp::of(&file).unwrap()), None);
        fs::write(&program, "another").unwrap();
        assert_eq!(DescriptionCache::load(Some(&cache), &program).get(&file, &stamp), None);
    }

    #[test]
    fn a_damaged_or_missing_store_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plugins.json"), "{").unwrap();
        let stamp = Stamp::of(folder.path()).unwrap();
        for cache in [Some(folder.path()), None] {
            let mut store = DescriptionCache::load(cache, folder.path());
            assert_eq!(store.get(folder.path(), &stamp), None);
            store.put(folder.path().to_owned(), stamp.clone(), problem());
            store.save();
        }
    }
}

//! Fits on disk, one file a checkpoint, so that later runs have drafts from their first step. A
//! file that cannot be read or written only costs drafts; it is never an error of a run.

use super::fit::Fit;
use sigmalab_files::shared_folder::{SharedFolder, make_private_folder, read_plain};
use sigmalab_files::unfinished;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// Most bytes of a file that are read.
const LIMIT: u64 = 16 << 20;

/// Most files kept; the oldest go first. One takes about 100 KB.
const MOST_FILES: usize = 64;

/// The folder of fits; `None` where there is none, and nothing is kept.
#[derive(Debug, Clone)]
pub struct FitStore(Option<PathBuf>);

impl FitStore {
    /// Fits under the cache folder `cache`.
    pub fn under(cache: Option<PathBuf>) -> Self {
        FitStore(cache.map(|cache| cache.join("latent-rgb")))
    }

    /// The fit of a checkpoint; `None` where none is kept.
    pub fn load(&self, fingerprint: &str) -> Option<Fit> {
        let path =
            self.0.as_ref().zip(name_of(fingerprint)).map(|(folder, name)| folder.join(name));
        path.and_then(|path| read_plain(&path, LIMIT).ok()).and_then(|text| Fit::parse(&text))
    }

    /// Keeps the fit of a checkpoint. The file is replaced as a whole, so that another process
    /// reads one or the other.
    pub fn save(&self, fingerprint: &str, fit: &Fit) -> std::io::Result<()> {
        let (Some(folder), Some(name)) = (&self.0, name_of(fingerprint)) else { return Ok(()) };
        if !fit.is_whole() {
            return Ok(());
        }
        make_private_folder(folder)?;
        unfinished::clear_once(folder);
        let text = serde_json::to_vec(fit)?;
        SharedFolder::open(folder)?.private().write(name, |out| out.write_all(&text))?;
        self.make_room()
    }

    fn make_room(&self) -> std::io::Result<()> {
        let Some(folder) = &self.0 else { return Ok(()) };
        let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        files.sort();
        for (_, path) in files.iter().rev().skip(MOST_FILES) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// The file of a checkpoint's fit, where the fingerprint is one.
fn name_of(fingerprint: &str) -> Option<String> {
    let plain = !fingerprint.is_empty() && fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| format!("{fingerprint}.json"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sigmalab_image::RgbImage;
    use sigmalab_schedule::size::Size;

    fn fit() -> Fit {
        let size = Size::new(256, 256).unwrap();
        let mut fit = Fit::default();
        let image = RgbImage { width: 256, height: 256, pixels: vec![9; 256 * 256 * 3] };
        fit.add(&vec![0.5; size.tokens() * 128], size, &image);
        fit
    }

    #[test]
    fn a_fit_is_found_again_under_its_checkpoint_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = FitStore::under(Some(folder.path().to_owned()));
        store.save("abc123", &fit()).unwrap();
        assert_eq!(store.load("abc123"), Some(fit()));
        assert_eq!(store.load("abc124"), None);
        assert_eq!(store.load("../abc123"), None);
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = FitStore::under(Some(folder.path().to_owned()));
        store.save("ab", &fit()).unwrap();
        let path = folder.path().join("latent-rgb/ab.json");
        for text in ["", "{\"images\":3,\"sums\":[1.0]}", "{\"images\":-1"] {
            fs::write(&path, text).unwrap();
            assert_eq!(store.load("ab"), None, "{text}");
        }
    }

    #[test]
    fn the_folder_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = FitStore::under(Some(folder.path().to_owned()));
        for number in 0..MOST_FILES + 3 {
            store.save(&format!("{number:x}"), &Fit::default()).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path().join("latent-rgb")).unwrap().count(), MOST_FILES);
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let store = FitStore::under(None);
        store.save("ab", &fit()).unwrap();
        assert_eq!(store.load("ab"), None);
    }
}

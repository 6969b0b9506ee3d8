//! Where plugins are looked for: next to the program, in the folders that the user names, and in
//! the user's data folder. It lists files and reads none.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Names folders of plugins, or single files, with `:` between them.
pub const PATH_VARIABLE: &str = "SIGMALAB_PLUGIN_PATH";

/// Most files of one folder that are looked at.
const MOST_FILES: usize = 1000;

/// One place to look in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    path: PathBuf,
    kind: SpotKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SpotKind {
    /// The program's folder, where other libraries may lie too.
    Program,
    /// A folder for plugins that need not be there.
    Usual,
    /// Named by the user.
    Named,
}

/// The files and folders to look in, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchPath {
    spots: Vec<Spot>,
}

/// A file that may be a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// Whether it lies where only plugins are expected: it is told of then, if it is none.
    pub(super) expected: bool,
}

/// A place that cannot be looked into, and why.
pub(super) type Unlisted = (PathBuf, String);

impl SearchPath {
    /// The folder of the program, `plugins` in it, and, beside a folder called `bin`,
    /// `../lib/sigmalab/plugins`: beside any other, what is there is not the program's.
    #[must_use]
    pub fn beside(mut self, program: &Path) -> Self {
        if let Some(folder) = program.parent() {
            self.push(folder.to_owned(), SpotKind::Program);
            self.push(folder.join("plugins"), SpotKind::Usual);
            if folder.file_name() == Some(OsStr::new("bin"))
                && let Some(prefix) = folder.parent()
            {
                self.push(prefix.join("lib/sigmalab/plugins"), SpotKind::Usual);
            }
        }
        self
    }

    /// What [`PATH_VARIABLE`] says: folders and files.
    #[must_use]
    pub fn named(mut self, variable: &OsStr) -> Self {
        for path in std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()) {
            self.push(path, SpotKind::Named);
        }
        self
    }

    /// `plugins` in the user's data folder.
    #[must_use]
    pub fn in_data_folder(mut self, data: &Path) -> Self {
        self.push(data.join("plugins"), SpotKind::Usual);
        self
    }

    fn push(&mut self, path: PathBuf, kind: SpotKind) {
        self.spots.push(Spot { path, kind });
    }

    /// The folders and files, as people may want to see them.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.spots.iter().map(|spot| spot.path.as_path())
    }

    /// The files that may be plugins, each once, and the places that cannot be looked into.
    pub(super) fn candidates(&self) -> (Vec<Candidate>, Vec<Unlisted>) {
        let mut candidates = Vec::new();
        let mut unlisted = Vec::new();
        let mut seen = BTreeSet::new();
        for spot in &self.spots {
            let expected = spot.kind != SpotKind::Program;
            match files(spot) {
                Ok(files) => {
                    for path in files {
                        let path = std::path::absolute(&path).unwrap_or(path);
                        // One file by two names is one file.
                        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                        if seen.insert(real) {
                            candidates.push(Candidate { path, expected });
                        }
                    }
                }
                Err(problem) => unlisted.push((spot.path.clone(), problem)),
            }
        }
        (candidates, unlisted)
    }
}

fn files(spot: &Spot) -> Result<Vec<PathBuf>, String> {
    let named = spot.kind == SpotKind::Named;
    if named && spot.path.is_file() {
        return Ok(vec![spot.path.clone()]);
    }
    let entries = match fs::read_dir(&spot.path) {
        Ok(entries) => entries,
        Err(error) if named => return Err(format!("{PATH_VARIABLE} names it: {error}")),
        Err(_) => return Ok(Vec::new()),
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_library(path) && path.is_file())
        .take(MOST_FILES)
        .collect();
    files.sort();
    Ok(files)
}

/// Whether the file's name is that of a shared library.
fn is_library(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && (extension == Some("so") || cfg!(target_os = "macos") && extension == Some("dylib"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(candidates: &[Candidate]) -> Vec<&str> {
        candidates.iter().map(|c| c.path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn libraries_are_found_beside_the_program_where_named_and_in_the_data_folder() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["bin/plugins", "lib/sigmalab/plugins", "mine", "data/plugins"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in [
            "bin/sigmalab",
            "bin/liba.so",
            "bin/plugins/libb.so",
            "lib/sigmalab/plugins/libc.so",
            "mine/libd.so",
            "mine/notes.txt",
            "mine/.hidden.so",
            "single.plugin",
            "data/plugins/libe.so",
        ] {
            fs::write(at(file), "").unwrap();
        }
        let variable = std::env::join_paths([at("mine"), at("single.plugin"), at("gone")]).unwrap();
        let search_path = SearchPath::default()
            .beside(&at("bin/sigmalab"))
            .named(&variable)
            .in_data_folder(&at("data"));
        let (candidates, unlisted) = search_path.candidates();
        assert_eq!(
            names(&candidates),
            ["liba.so", "libb.so", "libc.so", "libd.so", "single.plugin", "libe.so"]
        );
        let expected: Vec<bool> = candidates.iter().map(|c| c.expected).collect();
        assert_eq!(expected, [false, true, true, true, true, true]);
        assert_eq!(unlisted.len(), 1);
        assert!(unlisted[0].0.ends_with("gone") && unlisted[0].1.contains(PATH_VARIABLE));
    }

    #[test]
    fn the_folder_beside_the_programs_counts_only_where_that_is_called_bin() {
        let root = tempfile::tempdir().unwrap();
        let planted = root.path().join("lib/sigmalab/plugins");
        fs::create_dir_all(&planted).unwrap();
        fs::write(planted.join("liba.so"), "").unwrap();
        let found = |program: &str| {
            SearchPath::default().beside(&root.path().join(program)).candidates().0.len()
        };
        assert_eq!((found("bin/sigmalab"), found("ada/sigmalab")), (1, 0));
    }

    #[test]
    fn one_file_by_two_names_is_looked_at_once() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("liba.so"), "").unwrap();
        std::os::unix::fs::symlink(root.path().join("liba.so"), root.path().join("libb.so"))
            .unwrap();
        let (candidates, _) = SearchPath::default().named(root.path().as_os_str()).candidates();
        assert_eq!(names(&candidates), ["liba.so"]);
    }
}

//! What the files of a run are called in the run directory: by its identity, and where there are
//! very many runs in folders by how it begins, since folders of a hundred thousand files are slow to
//! list and to copy. Knows nothing of what they hold.

use super::directory::DIGITS;
use super::record::Kind;

/// Runs of a kind from which on their files are spread. Records name their files, so that those of
/// a sweep that was smaller stay where they are.
const MANY: usize = 5_000;

/// The folders of a run directory in which pictures and latents of such a run lie.
fn folders(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Trial => ("images", "latents"),
        Kind::Reference => ("references", "references"),
    }
}

/// How the files of a kind of runs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// In one folder.
    Flat,
    /// In folders by how their names begin.
    Spread,
}

impl Layout {
    /// That of so many runs of a kind.
    pub(super) fn of(runs: usize) -> Self {
        if runs < MANY { Layout::Flat } else { Layout::Spread }
    }

    /// The picture of the run `name` in the run directory.
    pub(super) fn picture(self, kind: Kind, name: &str) -> String {
        self.file(folders(kind).0, name, "png")
    }

    /// Its latents there.
    pub(super) fn latents(self, kind: Kind, name: &str) -> String {
        self.file(folders(kind).1, name, "safetensors")
    }

    fn file(self, folder: &str, name: &str, ending: &str) -> String {
        match (self, name.get(..DIGITS)) {
            (Layout::Spread, Some(beginning)) => format!("{folder}/{beginning}/{name}.{ending}"),
            _ => format!("{folder}/{name}.{ending}"),
        }
    }
}

/// Whether `file` is what this program calls the picture of a run.
pub(super) fn is_picture(file: &str, kind: Kind, name: &str) -> bool {
    [Layout::Flat, Layout::Spread].iter().any(|layout| layout.picture(kind, name) == file)
}

/// The same of its latents.
pub(super) fn is_latents(file: &str, kind: Kind, name: &str) -> bool {
    [Layout::Flat, Layout::Spread].iter().any(|layout| layout.latents(kind, name) == file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::is_part;
    use std::path::Path;

    #[test]
    fn files_of_many_runs_are_spread_and_both_layouts_are_known() {
        let name = "0123456789abcdef";
        let few = Layout::of(MANY - 1);
        assert_eq!(few.picture(Kind::Trial, name), "images/0123456789abcdef.png");
        assert_eq!(few.latents(Kind::Reference, name), "references/0123456789abcdef.safetensors");
        let many = Layout::of(MANY);
        assert_eq!(many.picture(Kind::Trial, name), "images/01/0123456789abcdef.png");
        assert_eq!(many.latents(Kind::Trial, name), "latents/01/0123456789abcdef.safetensors");
        for layout in [few, many] {
            assert!(is_picture(&layout.picture(Kind::Trial, name), Kind::Trial, name));
            assert!(is_latents(&layout.latents(Kind::Trial, name), Kind::Trial, name));
            assert!(is_part(Path::new("x/images/01")) && !is_part(Path::new("x/images")));
        }
        for other in ["images/02/0123456789abcdef.png", "images/01/../0123456789abcdef.png"] {
            assert!(!is_picture(other, Kind::Trial, name));
        }
    }
}

//! Recipes as JSON text, and reading one from a PNG or a JSON file. Text comes from strangers:
//! sizes are limited, versions are looked at first, nothing panics.

use super::open::open_file;
use super::picture::{self, PictureError};
use crate::engine::recipe::{Recipe, VERSION};
use serde::Deserialize;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// Most bytes of recipe text that are read: a long prompt and a thousand steps need a tenth.
pub(super) const LIMIT: u64 = 4 << 20;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Why a text is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeTextError {
    /// Written by a later build.
    #[error(
        "its recipe has version {found}; this build reads version {VERSION} at most: update sigmalab"
    )]
    NewerVersion {
        /// The version it has.
        found: u64,
    },
    /// Not the JSON of a recipe.
    #[error("its recipe cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Reads a recipe from its JSON text.
pub fn parse_recipe(text: &str) -> Result<Recipe, RecipeTextError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let Versioned { version } = serde_json::from_str(text)?;
    if version > u64::from(VERSION) {
        return Err(RecipeTextError::NewerVersion { found: version });
    }
    Ok(serde_json::from_str(text)?)
}

/// Why a file gives no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeFileError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A PNG without a recipe.
    #[error(
        "`{}` holds no recipe: it was not made by sigmalab, or another program dropped its text",
        path.display()
    )]
    NoRecipe {
        /// The file.
        path: PathBuf,
    },
    /// A broken PNG.
    #[error("`{}` is not a readable PNG: {source}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PictureError,
    },
    /// Far more text than a recipe has.
    #[error("`{}` is too large for a recipe (more than {} MiB)", path.display(), LIMIT >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is no recipe.
    #[error("`{}`: {source}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecipeTextError,
    },
}

/// The recipe of a PNG written by [`write_picture`](super::write_picture), or of a JSON file;
/// told apart by their first bytes.
pub fn read_recipe(path: &Path) -> Result<Recipe, RecipeFileError> {
    let owned = || path.to_owned();
    let io = |source| RecipeFileError::Io { path: owned(), source };
    let file = open_file(path).map_err(io)?;
    let mut reader = BufReader::new(file);
    let mut start = Vec::new();
    reader.by_ref().take(PNG_SIGNATURE.len() as u64).read_to_end(&mut start).map_err(io)?;
    reader.rewind().map_err(io)?;
    let text = if start == PNG_SIGNATURE {
        picture::recipe_text(reader)
            .map_err(|source| RecipeFileError::Picture { path: owned(), source })?
            .ok_or_else(|| RecipeFileError::NoRecipe { path: owned() })?
    } else {
        let mut text = String::new();
        reader.take(LIMIT + 1).read_to_string(&mut text).map_err(io)?;
        if text.len() as u64 > LIMIT {
            return Err(RecipeFileError::TooLarge { path: owned() });
        }
        text
    };
    parse_recipe(&text).map_err(|source| RecipeFileError::Text { path: owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    pub(crate) const EXAMPLE: &str = r#"{"version":1,"model":{"name":"demo"},"prompt":"a red circle","size":{"width":256,"height":256},"noise":{"source":"seed","seed":7,"rng":"torch-cpu"},"preset":"V4_TURBO_12","steps":[{"gw":7.0,"mu":0.5,"std":1.75}],"terminal":"reference","sampler":{"id":"euler"},"dtype":"f32","device":"cpu"}"#;

    #[test]
    fn a_recipe_reads_back_as_it_was_written() {
        let recipe = parse_recipe(EXAMPLE).unwrap();
        let again = parse_recipe(&serde_json::to_string(&recipe).unwrap()).unwrap();
        assert_eq!(recipe, again);
    }

    #[test]
    fn a_later_version_is_told_apart_from_a_broken_recipe() {
        let later = r#"{"version": 99, "quantum": true}"#;
        let error = parse_recipe(later).unwrap_err();
        assert!(matches!(error, RecipeTextError::NewerVersion { found: 99 }));
        let unknown_key = EXAMPLE.replace("\"prompt\"", "\"promt\"");
        let error = parse_recipe(&unknown_key).unwrap_err();
        assert!(matches!(error, RecipeTextError::Malformed(_)));
    }

    #[test]
    fn json_files_are_read_and_huge_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.json");
        std::fs::write(&path, EXAMPLE).unwrap();
        assert_eq!(read_recipe(&path).unwrap().prompt, "a red circle");
        std::fs::write(&path, " ".repeat(LIMIT as usize + 2)).unwrap();
        assert!(matches!(read_recipe(&path), Err(RecipeFileError::TooLarge { .. })));
        assert!(matches!(read_recipe(folder.path()), Err(RecipeFileError::Io { .. })));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,300}") {
            let _ = parse_recipe(&text);
        }

        #[test]
        fn no_damaged_recipe_makes_the_parser_panic(
            at in 0..EXAMPLE.len(), replacement in "[-0-9a-z{}\\[\\]\",:.]{0,6}", cut in 0..20usize,
        ) {
            let end = (at + cut).min(EXAMPLE.len());
            let _ = parse_recipe(&format!("{}{replacement}{}", &EXAMPLE[..at], &EXAMPLE[end..]));
        }
    }
}

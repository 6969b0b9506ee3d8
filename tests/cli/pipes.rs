//! Pipes in place of files: those that somebody names are read, and those that only lie there are not
//! waited for.

use crate::support::program::{Place, outcome_in_time, quick};

#[test]
fn a_pipe_that_nobody_named_is_not_waited_for() {
    let place = Place::new();
    place.pipe("presets.toml");
    for arguments in [
        vec!["presets", "list"],
        vec!["presets", "set-default", "V4_TURBO_12"],
        vec!["schedule"],
        vec!["sweep", "new", "mine"],
        vec!["--play", "/dev/null"],
        quick(&["--seed", "1"]),
    ] {
        let told = outcome_in_time(place.command(&arguments), None);
        assert_eq!(told.code, Some(2), "{arguments:?}: {told:?}");
        assert!(told.stderr.contains("`presets.toml`: it is a device or a pipe"), "{told:?}");
    }
    // What is built in is there whatever lies around.
    let told = outcome_in_time(place.command(&["schedule", "V4_TURBO_12"]), None);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.starts_with("warning: `presets.toml` cannot be read"), "{told:?}");
    let told = outcome_in_time(place.command(&["doctor"]), None);
    assert!(told.stdout.contains("it is a device or a pipe"), "{told:?}");
}

#[test]
fn settings_and_keys_that_are_pipes_are_not_waited_for() {
    for name in ["config.toml", "keymap.toml", "presets.toml"] {
        let place = Place::new();
        std::fs::create_dir_all(place.path("home/.config/sigmalab")).unwrap();
        place.pipe(&format!("home/.config/sigmalab/{name}"));
        let told = outcome_in_time(place.command(&["--play", "/dev/null"]), None);
        assert_eq!(told.code, Some(2), "{name}: {told:?}");
        assert!(told.stderr.contains(name) && told.stderr.contains("a pipe"), "{told:?}");
        let told = outcome_in_time(place.command(&["doctor"]), None);
        assert!(told.stdout.contains("a pipe"), "{name}: {told:?}");
    }
}

#[test]
fn a_file_that_is_named_may_be_a_pipe() {
    let place = Place::new();
    let presets = place.done(&["presets", "show", "V4_TURBO_12"]);
    let call = place.done(&["presets", "export", "V4_TURBO_12", "--to", "sd.cpp"]);
    let caption = place.done(&["caption", "wrap", "a cat on a wall"]);
    let drawn = place.done(&quick(&["--seed", "1", "--json", "--output", "a.png"]));
    let common = ["--num-steps", "3", "--mu", "0.5", "--seed", "1", "--json", "--output", "b.png"];
    let piped = "/dev/stdin";
    let from_prompt = [&["generate", "--prompt-file", piped], &common[..]].concat();
    for (arguments, input) in [
        (vec!["presets", "check", piped], &presets),
        (vec!["presets", "check", "-"], &presets),
        (vec!["presets", "list", "--presets", piped], &presets),
        (vec!["presets", "import", piped, "--from", "sd.cpp"], &call),
        (vec!["caption", "check", piped], &caption),
        (vec!["generate", "--recipe", piped, "--json", "--output", "b.png"], &drawn),
        (from_prompt, &"a red circle on a blue background\n".to_owned()),
    ] {
        let told = outcome_in_time(place.command(&arguments), Some(input));
        assert_eq!(told.code, Some(0), "{arguments:?}: {told:?}");
        if arguments.contains(&"--json") {
            let of = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(of(&told.stdout)["identity"], of(&drawn)["identity"], "{arguments:?}");
        }
    }
    let told = outcome_in_time(place.command(&["presets", "check", "-"]), Some("x ="));
    assert!(told.code == Some(2) && told.stderr.contains("standard input:1:"), "{told:?}");
    // A device that never ends has too much.
    for arguments in [
        ["presets", "check", "/dev/zero"],
        ["generate", "--prompt-file", "/dev/zero"],
        ["generate", "--recipe", "/dev/zero"],
        ["plugins", "check", "/dev/zero"],
        ["sweep", "plan", "/dev/zero"],
    ] {
        let told = outcome_in_time(place.command(&arguments), None);
        assert_eq!(told.code, Some(2), "{arguments:?}: {told:?}");
    }
}

#[test]
fn what_comes_by_a_pipe_is_called_what_it_is() {
    let place = Place::new();
    for (input, words) in [
        ("", "`standard input` is empty"),
        (" \n", "`standard input` is empty"),
        ("\u{feff}", "`standard input` is empty"),
        ("GIF89a", "`standard input` is a GIF picture, and what comes by a pipe is"),
    ] {
        let told = outcome_in_time(place.command(&["generate", "--recipe", "-"]), Some(input));
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(told.stderr.contains(words), "{input:?}: {told:?}");
    }
}

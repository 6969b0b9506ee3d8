//! Help, completions, and standard output that goes nowhere.

use crate::support::program::{Place, outcome, quick};
use crate::support::text::AssertHas as _;
use std::fs::File;

#[test]
fn help_names_the_commands_for_people() {
    let text = Place::new().done(&["--help"]);
    text.assert_has([
        "Usage: sigmalab",
        "generate",
        "schedule",
        "presets",
        "caption",
        "Exit codes",
    ]);
    assert!(!text.contains("worker "), "the worker is not for people");
}

#[test]
fn without_a_terminal_the_workbench_says_what_it_needs() {
    let place = Place::new();
    place.refused::<&str>(&[], &["needs a terminal", "--help", "--play"]);
}

#[test]
fn every_command_teaches_with_examples() {
    let place = Place::new();
    // Groups of commands teach with the commands in them; sweeps are long enough to need both.
    for command in [
        "generate",
        "schedule",
        "presets",
        "sweep",
        "sweep new",
        "sweep plan",
        "sweep run",
        "sweep status",
        "sweep retry",
        "sweep pause",
        "sweep resume",
        "sweep cancel",
        "sweep report",
        "sweep plot",
        "tune",
        "plugins",
        "model",
        "caption",
        "doctor",
        "completions",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let text = place.done(&words);
        let example = format!("Examples:\n  sigmalab {command}");
        assert!(text.contains(&example), "{command}: {text}");
    }
}

#[test]
fn the_doctor_tells_what_it_finds_and_what_is_not_well() {
    let place = Place::new();
    let told = place.done(&["doctor"]);
    told.assert_has([
        "sigmalab  ",
        "standard output is not a terminal",
        "10 built in, 0 plugins",
        "built-in, 3 presets",
    ]);
    assert!(!told.contains('\x1b'), "a report is text: {told}");
    // A checkpoint that is not there is not well.
    let told = place.done(&["doctor", "--model", "nope"]);
    assert!(told.contains("→ ") && !told.contains("all is well"), "{told}");
    let mut broken = place.command(&["doctor"]);
    broken.env("SIGMALAB_PRESETS", "gone.toml").env("SIGMALAB_CACHE", "/dev/null/cache");
    let told = crate::support::program::outcome(broken);
    assert_eq!(told.code, Some(0), "{told:?}");
    told.stdout.assert_has([
        "→ `gone.toml`, which SIGMALAB_PRESETS",
        "→ it cannot be written",
        "marked →",
    ]);
}

#[test]
fn the_doctor_reads_the_users_own_files_and_says_what_is_wrong_in_them() {
    let place = Place::new();
    std::fs::create_dir(place.path("own")).unwrap();
    let told = |settings: &str, keys: &str| {
        place.write("own/config.toml", settings);
        place.write("own/keymap.toml", keys);
        let mut doctor = place.command(&["doctor"]);
        // Relative folders can be written where the current one can.
        doctor.env("SIGMALAB_CONFIG", "own").env("SIGMALAB_DATA", "data");
        let told = crate::support::program::outcome(doctor);
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(!told.stdout.contains("cannot be written"), "{}", told.stdout);
        told.stdout
    };
    let well = told("background = \"light\"\n", "[grid]\n\"f\" = \"fill 3\"\n");
    assert!(well.contains("own/config.toml") && well.contains("own/keymap.toml"), "{well}");
    assert!(!well.contains('→'), "{well}");
    let ill = told("\nbackground = \"dim\"\n", "[grid]\nu = \"undoo\"\nx = 3\n");
    ill.assert_has([
        "→ own/config.toml:2:14: `background`: must be auto, dark or light, not `dim`",
        "→ own/keymap.toml:2:5: `grid.u`: ",
        "→ own/keymap.toml:3:5: `grid.x`: expected a text in quotes",
        "3 things to look at",
    ]);
}

#[test]
fn a_picture_is_shown_on_a_terminal_only() {
    let place = Place::new();
    let drawn = place.run(&crate::support::program::quick(&[
        "--output",
        "out.png",
        "--show",
        "half-blocks",
    ]));
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    assert!(!drawn.stdout.contains('▀'), "{}", drawn.stdout);
    place
        .refused(&crate::support::program::quick(&["--show", "film"]), &["film", "kitty", "never"]);
}

#[test]
fn completions_name_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.done(&["completions", shell]);
        assert!(script.contains("generate"), "{shell}");
        // The samplers that there are, where one is asked for.
        assert!(script.contains("euler"), "{shell}");
    }
    assert_eq!(place.run(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn unknown_commands_and_flags_are_bad_usage() {
    let place = Place::new();
    place.refused(&["generat"], &["generate"]);
    place.refused(&["generate", "--prompt", "x", "--sed", "1"], &["--sed", "--seed"]);
}

#[test]
fn the_worker_is_not_started_by_hand() {
    Place::new().refused(&["worker"], &["sigmalab itself"]);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    for arguments in
        [&["schedule"][..], &["--help"], &["completions", "bash"], &["presets", "list"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(arguments).stdout(writer).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure_in_words() {
    let place = Place::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = place.command(&["schedule"]).stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("standard output"), "{stderr}");
}

#[test]
fn messages_have_no_colour_codes_where_there_is_no_terminal() {
    let outcome = Place::new().run(&["presets", "show", "NONE"]);
    assert!(!outcome.stderr.contains('\x1b') && outcome.stderr.starts_with("error: "));
}

#[test]
fn a_limit_on_file_sizes_is_an_error_as_a_full_disk_is() {
    let place = Place::new();
    place.write("out.png", "old");
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -f 1 && exec \"$0\" generate --prompt x --num-steps 1 -o out.png"])
        .arg(env!("CARGO_BIN_EXE_sigmalab"))
        .current_dir(place.path(""))
        .env("HOME", place.path("home"));
    let outcome = outcome(command);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("cannot write") && outcome.stderr.contains("out.png"));
    assert_eq!(place.files(), ["out.png"]);
    assert_eq!(std::fs::read(place.path("out.png")).unwrap(), b"old");
}

#[test]
fn a_result_that_cannot_be_printed_is_a_failure_that_names_the_image() {
    let place = Place::new();
    let mut command = place.command(&quick(&["-o", "out.png", "--json"]));
    let full = File::options().write(true).open("/dev/full").unwrap();
    command.stdout(full).stderr(std::process::Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("standard output") && stderr.contains("`out.png`"), "{stderr}");
    assert_eq!(place.files(), ["out.png"]);
}

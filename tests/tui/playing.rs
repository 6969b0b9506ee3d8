//! Files of actions played by the real program with its real worker.

use sigmalab::history::{DEFAULT_QUOTA, History};
use std::path::Path;
use std::process::Command;

/// Plays `text` in `folder` and gives what was printed.
pub(crate) fn played(folder: &Path, text: &str) -> String {
    let file = folder.join("story.play");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sigmalab"))
        .args(["--play", "story.play"])
        .current_dir(folder)
        .env("HOME", folder.join("home"))
        .env("SIGMALAB_DATA", folder.join("data"))
        .env_remove("SIGMALAB_MODEL")
        .env_remove("SIGMALAB_PRESETS")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_tuning_story_costs_three_steps_for_the_second_run_and_its_preset_is_there_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let printed = played(
        folder.path(),
        "# the last three steps, first at 2, then at 4\n\
         load-preset V4_DEFAULT_20\n\
         select gw[-3..]\n\
         fill 2\n\
         run\n\
         print-run\n\
         pin\n\
         undo\n\
         fill 4\n\
         run\n\
         print-run\n\
         save-as MY_20\n\
         quit\n",
    );
    let runs: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second] = runs.as_slice() else { panic!("{printed}") };
    assert_eq!((&first["nfe"]["cond_done"], &first["nfe"]["cond_saved"]), (&20.into(), &0.into()));
    let done = |network: &str| second["nfe"][network].as_u64().unwrap();
    assert!(done("cond_done") <= 3 && done("uncond_done") <= 3, "{second}");
    assert!(second["steps_reused"].as_u64().unwrap() >= 17, "{second}");

    let printed = played(folder.path(), "load-preset MY_20\nprint-schedule\nprint-presets\n");
    let gw: Vec<&str> =
        printed.lines().skip(1).take(20).map(|line| line.split('\t').nth(2).unwrap()).collect();
    assert_eq!(gw, [["7"; 17].as_slice(), &["4"; 3]].concat());
    assert!(printed.ends_with("V4_TURBO_12\nMY_20\n"), "{printed}");
    // The comments of the file it began as are still there.
    let file = std::fs::read_to_string(folder.path().join("presets.toml")).unwrap();
    assert!(file.starts_with("# The named presets of the Ideogram 4"), "{file}");
}

#[test]
fn a_wrong_line_ends_it_with_its_number_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrong.play"), "undo\n\nfil 2\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sigmalab"))
        .args(["--play", "wrong.play"])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("wrong.play:3:") && stderr.contains("`fill`"), "{stderr}");
}

#[test]
fn finished_runs_are_in_the_history_and_any_of_them_goes_back_into_the_grid() {
    let folder = tempfile::tempdir().unwrap();
    let printed = played(
        folder.path(),
        "load-preset V4_TURBO_12\nresample 2\nselect gw\nfill 5\nrun\nfill 4\nrun\nload-run 1\n\
         print-schedule\npin 2\n",
    );
    let gw = |printed: &str| -> Vec<String> {
        let rows = printed.lines().skip(1);
        rows.map(|line| line.split('\t').nth(2).unwrap().to_owned()).collect()
    };
    assert_eq!(gw(&printed), ["5", "5"]);
    let history = History::under(&folder.path().join("data"), DEFAULT_QUOTA);
    let entries = history.list().unwrap().entries;
    let weights: Vec<f64> = entries.iter().map(|entry| entry.recipe.steps[0].gw).collect();
    assert_eq!(weights, [4.0, 5.0]);
    // Another session, which knows it by its name alone.
    let story = format!("load-run {}\nprint-schedule\n", entries[0].id);
    assert_eq!(gw(&played(folder.path(), &story)), ["4", "4"]);
}

//! `sweep plan`, `run`, `status` and `retry` as their help promises them.

use crate::place::{left, place, rows, run, small, start, undisturbed};
use crate::support::program::{Place, outcome};
use crate::support::text::AssertHas as _;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_plan_tells_trials_and_evaluations_and_writes_nothing() {
    let place = place();
    let text = place.done(&["sweep", "plan", "small.toml", "--no-time"]);
    assert!(text.starts_with("small: 8 trials and 2 reference runs\n"), "{text}");
    let plan = place.json(&["sweep", "plan", "small.toml", "--json", "--list"]);
    assert_eq!(plan["runs"].as_array().unwrap().len(), 10);
    // A prompt's reference takes 6 steps; its trials take 4, then 1, twice, and share the first
    // evaluation with the reference. Without a prompt that one is the second prompt's too.
    let expected = serde_json::json!({
        "cond_done": 28, "uncond_done": 27, "cond_saved": 16, "uncond_saved": 17,
    });
    assert_eq!(plan["nfe"], expected);
    assert!(plan["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(place.files(), ["small.toml"]);
}

#[test]
fn the_evaluations_made_are_those_planned_and_pictures_are_those_of_single_runs() {
    let place = place();
    let plan = place.json(&["sweep", "plan", "small.toml", "--json", "--no-time"]);
    let done = run(&place, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let table = |name: &str| rows(&place.path(&format!("runs/small/{name}")));
    let (trials, references) = (table("trials.csv"), table("references.csv"));
    for column in ["cond_done", "uncond_done", "cond_saved", "uncond_saved"] {
        let cells = trials.iter().chain(&references).map(|row| &row[&format!("nfe_{column}")]);
        let sum: u64 = cells.map(|cell| cell.parse::<u64>().unwrap()).sum();
        assert_eq!(sum, plan["nfe"][column].as_u64().unwrap(), "{column}");
    }
    // Alone, from its own recipe: the same bytes.
    for row in trials.iter().skip(1).step_by(3) {
        let picture = place.path("runs/small").join(&row["image"]);
        place.done(&["generate", "--recipe", picture.to_str().unwrap(), "-o", "alone.png", "-q"]);
        assert_eq!(fs::read(place.path("alone.png")).unwrap(), fs::read(&picture).unwrap());
    }
}

#[test]
fn rows_have_their_values_and_metrics_and_steps_theirs() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    let trials = rows(&place.path("runs/small/trials.csv"));
    let row = &trials[3];
    assert_eq!((row["number"].as_str(), row["status"].as_str()), ("3", "done"));
    assert_eq!((row["param.mu"].as_str(), row["param.gw[-2..]"].as_str()), ("0.4", "3"));
    assert_eq!((row["gw"].as_str(), row["prompt_id"].as_str()), ("7x2 3x2", "<b>"));
    assert_eq!((row["mu"].as_str(), row["std"].as_str()), ("0.4x4", "1.75x4"));
    for metric in [
        "latent_rmse",
        "psnr",
        "ssim",
        "clip_fraction",
        "saturation",
        "contrast",
        "sharpness",
        "colourfulness",
        "straightness",
        "peak_memory_bytes",
    ] {
        let value: f64 = row[metric].parse().unwrap_or_else(|_| panic!("{metric}"));
        assert!(value.is_finite() && value >= 0.0, "{metric} {value}");
    }
    assert!(row["straightness"].parse::<f64>().unwrap() <= 1.0);
    let steps = rows(&place.path("runs/small/steps.csv"));
    assert_eq!(steps.len(), 8 * 4);
    let own: Vec<_> = steps.iter().filter(|step| step["trial"] == row["trial"]).collect();
    assert_eq!(
        own.iter().map(|step| step["step"].as_str()).collect::<Vec<_>>(),
        ["0", "1", "2", "3"]
    );
    assert_eq!((own[0]["loop_index"].as_str(), own[0]["local_error"].as_str()), ("3", ""));
    assert!(own[3]["local_error"].parse::<f64>().unwrap() > 0.0);
    for step in &steps {
        assert_eq!(step["reused"] == "true", step["ms"].is_empty(), "{step:?}");
    }
    assert!(steps.iter().any(|step| step["reused"] == "true"));
}

#[test]
fn a_finished_sweep_run_again_computes_and_changes_nothing() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    let before = fs::read(place.path("runs/small/trials.csv")).unwrap();
    let again = run(&place, &[]);
    assert_eq!(again.code, Some(0));
    assert!(again.stdout.contains("8 of 8 trials done  0 + 0 evaluations"), "{}", again.stdout);
    assert_eq!(fs::read(place.path("runs/small/trials.csv")).unwrap(), before);
}

/// The same command behind another, which ends in starting it.
fn behind(before: &[&str], command: &Command) -> Command {
    let mut behind = Command::new(before[0]);
    behind.args(&before[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => behind.env(name, value),
            None => behind.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        behind.current_dir(folder);
    }
    behind
}

/// The same command where no file may grow beyond 24 KiB, as on a disk that is full.
fn limited(command: &Command) -> Command {
    // The signal is ignored, so that writing fails with an error.
    behind(&["sh", "-c", "trap '' XFSZ; ulimit -f 48; exec \"$@\"", "sh"], command)
}

#[test]
fn a_run_directory_that_cannot_be_written_is_told_with_a_files_name() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    let read_only = "mount --bind runs runs && mount -o remount,ro,bind runs runs && exec \"$@\"";
    let before = ["unshare", "--mount", "sh", "-c", read_only, "sh"];
    let tried = behind(&before, &Command::new("true")).current_dir(place.path("")).status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("not run: only who may mount can make a file system read-only");
        return;
    }
    let report = place.command(&["sweep", "run", "small.toml"]);
    let told = outcome(behind(&before, &report));
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stderr.contains("Read-only file system"), "{told:?}");
    assert!(
        told.stderr.contains("`runs/small/") || told.stderr.contains("/runs/small/"),
        "{told:?}"
    );
}

#[test]
fn a_disk_that_is_full_stops_the_sweep_cleanly_and_the_same_command_goes_on() {
    let place = place();
    let refused = outcome(limited(&place.command(&["sweep", "run", "small.toml", "--no-report"])));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for words in
        ["cannot write `runs/small/", "what has been recorded is safe", "sweep run runs/small"]
    {
        assert!(refused.stderr.contains(words), "no `{words}` in {refused:?}");
    }
    for folder in ["images", "references"] {
        let half = fs::read_dir(place.path(&format!("runs/small/{folder}"))).unwrap().count();
        assert_eq!(half, 0, "a file that is not whole lies in {folder}");
    }
    assert_eq!(run(&place, &[]).code, Some(0));
    assert_eq!(left(&place.path("runs/small")), *undisturbed());
}

#[test]
fn an_interrupt_ends_with_130_says_how_to_go_on_and_loses_nothing() {
    let place = place();
    let child = start(&place, &[]);
    // Once the first trial is recorded.
    while !place.path("runs/small/trials.csv").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted; ") && stderr.contains("of 8 trials"), "{stderr}");
    assert!(stderr.contains("try: sigmalab sweep run runs/small to continue"), "{stderr}");
    let before = rows(&place.path("runs/small/trials.csv"));
    assert!(!before.is_empty());
    place.done(&["sweep", "run", "runs/small", "--no-report"]);
    assert_eq!(left(&place.path("runs/small")), *undisturbed());
    let after = rows(&place.path("runs/small/trials.csv"));
    for row in before {
        assert!(after.contains(&row), "a finished row changed: {row:?}");
    }
}

#[test]
fn a_changed_experiment_is_refused_with_its_difference_and_extend_takes_it() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    place.write("small.toml", small().replace("mu = [0.4, 0.5]", "mu = [0.4, 0.5, 0.6]"));
    let refused = run(&place, &[]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    refused.stderr.assert_has([
        "-   16 | mu = [0.4, 0.5]",
        "+   16 | mu = [0.4, 0.5, 0.6]",
        "--extend",
    ]);
    let extended = run(&place, &["--extend"]);
    assert_eq!(extended.code, Some(0), "{extended:?}");
    let rows = rows(&place.path("runs/small/trials.csv"));
    assert_eq!(rows.len(), 12);
    let status = place.json(&["sweep", "status", "runs/small", "--json"]);
    assert_eq!((&status["done"], &status["pending"]), (&12.into(), &0.into()));
}

#[test]
fn a_status_tells_what_is_done_and_what_is_left() {
    let place = place();
    run(&place, &["--shard", "1/2"]);
    let text = place.done(&["sweep", "status", "runs/small"]);
    assert!(text.starts_with("small: 4 of 8 trials done, 0 failed, 4 to do"), "{text}");
    assert!(text.contains("to do  14 + 14 evaluations, about"), "{text}");
}

#[test]
fn bad_experiments_are_refused_before_anything_is_written() {
    let place = Place::new();
    place.write("e.toml", small().replace("mu = [", "muu = ["));
    let plan = ["sweep", "plan", "e.toml", "--no-time"];
    place.refused(&plan, &["e.toml:16:1", "did you mean `mu`?"]);
    place.refused(&["sweep", "run", "e.toml"], &["e.toml:16:1"]);
    place.write("e.toml", small().replace("V4_TURBO_12", "V4_TURBO_13"));
    place.refused(&plan, &["e.toml:8:10: `base.preset`", "did you mean `V4_TURBO_12`?"]);
    let samplers = "sampler = [\"euler\", \"eulr\"]";
    place.write("e.toml", small().replace("mu = [0.4, 0.5]", samplers));
    let told =
        place.refused(&plan, &["e.toml:16:21: `parameters.sampler[1]`", "did you mean `euler`?"]);
    assert_eq!(told.matches("eulr`;").count() + told.matches("eulr`:").count(), 1, "{told}");
    let long = format!("name = \"{}\"", "n".repeat(300));
    place.write("e.toml", small().replace("name = \"small\"", &long));
    place.refused(&plan, &["e.toml:1:8: `name`", "too long"]);
    place.refused(&["sweep", "run", "e.toml"], &["e.toml:1:8: `name`"]);
    place.write("e.toml", small().replace("\"gw[-2..]\"", "\"gw[-9..]\""));
    place.refused(&plan, &["trial 0", "gw[-9..]"]);
    place.write("e.toml", small().replace("mu = [0.4", "mu = [40"));
    place.refused(&plan, &["trial 0 (mu 40"]);
    // What is wrong with all of them is said once, and of several each has its line.
    place.write("e.toml", format!("dtype = \"fp8\"\n{}", small()));
    place.refused(&plan, &["trial 0 (mu 0.4, gw[-2..] 2) and 7 more: ", "on NVIDIA's GPUs"]);
    place.write("e.toml", small().replace("mu = [0.4, 0.5]", "mu = [40, -40]"));
    let told = place.refused(&plan, &["trial 0 (mu 40", "(mu -40"]);
    assert!(told.lines().filter(|line| line.contains("trial ")).count() > 1, "{told}");
    place.refused(&["sweep", "status", "runs/none"], &["not a run directory"]);
    place.refused(&["sweep", "run", "missing.toml"], &["missing.toml"]);
    place.refused(&["sweep", "run", "e.toml", "--shard", "3/2"], &["I/N"]);
}

#[test]
fn a_folder_that_is_something_else_is_left_alone() {
    let place = place();
    fs::create_dir_all(place.path("runs/small")).unwrap();
    fs::write(place.path("runs/small/thesis.tex"), "x").unwrap();
    place.refused(&["sweep", "run", "small.toml"], &["is neither empty nor a run directory"]);
    // Nor is a file one, or what would lie below it.
    let file = ["sweep", "run", "small.toml", "--dir", "small.toml"];
    place.refused(&file, &["is neither empty nor a run directory"]);
    place.refused(&["sweep", "run", "small.toml", "--dir", "small.toml/x"], &["small.toml/x"]);
}

#[test]
fn prompts_come_from_a_file_beside_the_experiment() {
    let place = Place::new();
    fs::create_dir(place.path("deep")).unwrap();
    fs::write(place.path("deep/p.jsonl"), "{\"id\":\"x\",\"prompt\":\"a circle\"}\n\"plain\"\n")
        .unwrap();
    let prompts = small().lines().nth(2).unwrap().to_owned();
    let text = small().replace(&prompts, "prompts = { file = \"p.jsonl\" }");
    fs::write(place.path("deep/e.toml"), text).unwrap();
    let plan = place.json(&["sweep", "plan", "deep/e.toml", "--json", "--list", "--no-time"]);
    assert_eq!((&plan["trials"], &plan["runs"][0]["prompt_id"]), (&8.into(), &"x".into()));
}

#[test]
fn a_run_directory_is_found_by_the_name_that_it_was_run_under() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    let told = place.done(&["sweep", "status", "small"]);
    assert!(told.starts_with("small: 8 of 8 trials done"), "{told}");
    place.refused(&["sweep", "status", "smal"], &["`smal`", "sigmalab sweep run FILE.toml"]);
}

#[test]
fn a_built_in_experiment_runs_from_an_empty_folder_and_a_new_one_is_written_with_comments() {
    let place = Place::new();
    let plan = place.done(&["sweep", "plan", "quickstart", "--no-time"]);
    assert!(plan.starts_with("quickstart: 20 trials and 4 reference runs"), "{plan}");
    assert!(place.files().is_empty(), "{:?}", place.files());
    place.refused(&["sweep", "plan", "quickstrat"], &["quickstrat", "sweep run quickstart"]);
    let told = place.done(&["sweep", "new", "mine", "--sampler-preset", "V4_TURBO_12"]);
    assert!(told.contains("sigmalab sweep run mine.toml"), "{told}");
    let plan = place.done(&["sweep", "plan", "mine.toml", "--no-time"]);
    assert!(plan.starts_with("mine: 4 trials and 1 reference run"), "{plan}");
    place.refused(&["sweep", "new", "mine"], &["mine.toml` exists already"]);
    place.refused(&["sweep", "plan", "mine"], &["try: sigmalab sweep run mine.toml"]);
    place.refused(&["sweep", "new", "../evil"], &["no `/`"]);
    place.refused(&["sweep", "new", &"n".repeat(300)], &["too long"]);
}

#[test]
fn a_file_in_place_of_a_run_directory_is_bad_input_or_clear() {
    let place = place();
    place.write("notes.txt", "x");
    let commands: [&[&str]; 7] = [
        &["sweep", "status"],
        &["sweep", "pause"],
        &["sweep", "resume"],
        &["sweep", "cancel"],
        &["sweep", "report"],
        &["sweep", "retry", "--failed"],
        &["sweep", "plot", "--across", "mu", "--up", "nfe"],
    ];
    for command in commands {
        place.refused(
            &[command, &["notes.txt"]].concat(),
            &["`notes.txt` is a file, and a run directory is needed", "try: "],
        );
        place.refused(
            &[command, &["small.toml"]].concat(),
            &["`runs/small`", "has no sweep", "sigmalab sweep run small.toml"],
        );
    }
    assert_eq!(run(&place, &[]).code, Some(0));
    for file in ["small.toml", "runs/small/frozen.json", "runs/small/trials.csv"] {
        let told = place.done(&["sweep", "status", file]);
        assert!(told.starts_with("small: 8 of 8 trials done"), "{told}");
    }
    let told = place.run(&["sweep", "resume", "small.toml", "0"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("has ended already and keeps its record"), "{told:?}");
}

#[test]
fn a_run_folder_that_is_a_link_to_nowhere_is_named() {
    let place = place();
    std::os::unix::fs::symlink("/no/such/place", place.path("away")).unwrap();
    place.refused(
        &["sweep", "run", "small.toml", "--dir", "away"],
        &["`away` is a link to `/no/such/place`, which is not there"],
    );
}

#[test]
fn a_link_to_nowhere_in_place_of_a_run_directory_is_named() {
    let place = place();
    std::os::unix::fs::symlink("/no/such/place", place.path("away")).unwrap();
    for command in ["status", "report", "pause"] {
        place.refused(
            &["sweep", command, "away"],
            &["`away` is a link to `/no/such/place`, which is not there"],
        );
    }
}

#[test]
fn any_file_of_a_run_directory_stands_for_it_where_it_is_run_and_a_plan_says_what_to_do() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    let again = place.done(&["sweep", "run", "runs/small/frozen.json"]);
    assert!(again.contains("8 of 8 trials done") && again.contains("0 + 0 evaluations"), "{again}");
    for named in ["runs/small", "runs/small/frozen.json"] {
        place.refused(
            &["sweep", "plan", named],
            &["this is a run directory", "sweep status runs/small", "runs/small/experiment.toml"],
        );
    }
    place.done(&["sweep", "plan", "runs/small/experiment.toml", "--no-time"]);
    place.refused(&["sweep", "run", "quickstar"], &["sigmalab sweep run quickstart,"]);
    place.refused(&["sweep", "run", "step-lader"], &["sigmalab sweep run step-ladder,"]);
}

#[test]
fn an_experiments_prompts_come_from_where_prompts_lie_and_a_line_says_where_from() {
    let place = place();
    let text = small();
    let line = text.lines().find(|line| line.starts_with("prompts")).unwrap();
    let names = |file: &str| text.replace(line, &format!("prompts = {{ file = {file:?} }}"));
    for folder in ["project/experiments", "project/prompts", "project/.keys", "elsewhere"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for file in ["project/prompts/p.txt", "project/.keys/key", "project/.key", "elsewhere/p.txt"] {
        place.write(file, "a red circle\n");
    }
    std::os::unix::fs::symlink("../../elsewhere/p.txt", place.path("project/experiments/link.txt"))
        .unwrap();
    let plan = |file: &str| {
        place.write("project/experiments/e.toml", names(file));
        let mut command = place.command(&["sweep", "plan", "experiments/e.toml", "--no-time"]);
        command.current_dir(place.path("project"));
        outcome(command)
    };
    let whole = place.path("project/prompts/p.txt").display().to_string();
    for file in ["../prompts/p.txt", &whole] {
        let told = plan(file);
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.stderr.contains("1 prompt from `"), "{told:?}");
        assert!(told.stderr.contains("prompts/p.txt`"), "{told:?}");
    }
    let hidden = ["../.keys/key", "../.key"];
    for file in ["/etc/passwd", "../../elsewhere/p.txt", "link.txt"].iter().chain(&hidden) {
        let told = plan(file);
        assert_eq!(told.code, Some(2), "{file}: {told:?}");
        for words in ["an experiment file may be anybody's", "try: cp /"] {
            assert!(told.stderr.contains(words), "{file}: {told:?}");
        }
    }
    assert!(!place.path("project/runs").exists());
    // A pipe is not waited for.
    let pipe = place.path("project/experiments/pipe.txt");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let told = plan("pipe.txt");
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("it is a device or a pipe"), "{told:?}");
}

#[test]
fn a_zero_with_a_sign_is_the_same_trial() {
    let place = place();
    place.write("zeros.toml", small().replace("mu = [0.4, 0.5]", "mu = [0.0, -0.0]"));
    let told = place.run(&["sweep", "plan", "zeros.toml", "--no-time"]);
    assert!(told.stdout.contains("4 trials"), "{told:?}");
}

#[test]
fn a_journal_with_other_line_ends_is_whole() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    for entry in fs::read_dir(place.path("runs/small/journal")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    }
    let again = run(&place, &[]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(!again.stderr.contains("damaged"), "{again:?}");
    assert!(again.stdout.contains("0 + 0 evaluations"), "{again:?}");
}

#[test]
fn a_list_with_a_file_in_it_is_told_the_right_form() {
    let place = place();
    let text = small();
    let (head, rest) = text.split_once("prompts = ").unwrap();
    let (_, rest) = rest.split_once("]\n").unwrap();
    place.write("file.toml", format!("{head}prompts = [{{ file = \"p.txt\" }}]\n{rest}"));
    place.refused(
        &["sweep", "plan", "file.toml"],
        &["prompts = { file = \"…\" }, without brackets"],
    );
}

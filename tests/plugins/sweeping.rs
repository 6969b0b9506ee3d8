//! Plugins in sweeps: one that goes wrong in the middle is exactly one failed trial, named, and the
//! others are done.

use crate::support::program::outcome;
use crate::workshop::Workshop;
use std::fs;

/// The rows of a CSV file by column, for files without quoted commas in the columns asked for.
fn column(csv: &str, name: &str) -> Vec<String> {
    let mut rows = csv.lines().map(cells);
    let heads = rows.next().unwrap();
    let place = heads.iter().position(|head| head == name).unwrap();
    rows.map(|row| row[place].clone()).collect()
}

/// The cells of a line, quotes taken off.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

#[test]
fn a_plugin_that_goes_wrong_in_a_sweep_is_exactly_one_failed_trial() {
    let workshop = Workshop::with("faults.c", "faults");
    let faults = [
        "segfault",
        "abort",
        "exit",
        "loop",
        "past-end",
        "before",
        "nan",
        "error-code",
        "evaluations",
        "history",
    ];
    // Good trials before, between and behind them.
    let rows: String = faults
        .iter()
        .flat_map(|fault| [("none", 900), (*fault, 1)])
        .chain([("none", 901)])
        .enumerate()
        .map(|(row, (fault, at))| {
            let at = at + if fault == "none" { row } else { 0 };
            format!("[[trials]]\n\"sampler.fault\" = \"{fault}\"\n\"sampler.at\" = {at}\n")
        })
        .collect();
    let file = workshop.path("faults.toml");
    let head = "name = \"faults\"\nprompts = [\"a red circle\"]\nseeds = [1]\n\
        [base]\npreset = \"V4_TURBO_12\"\nsteps = 2\nsampler = \"test.faults\"\n\
        [output]\nimages = false\n";
    fs::write(&file, format!("{head}{rows}")).unwrap();
    let arguments =
        ["sweep", "run", file.to_str().unwrap(), "--dir", "out", "--quiet", "--no-report"];
    let mut sweep = workshop.command(&arguments);
    let ended = outcome(sweep.env("SIGMALAB_PLUGIN_SECONDS", "3"));
    assert_eq!(ended.code, Some(1), "{ended:?}");

    let csv = fs::read_to_string(workshop.path("out/trials.csv")).unwrap();
    let (status, params, errors, hashes) = (
        column(&csv, "status"),
        column(&csv, "sampler_params"),
        column(&csv, "error"),
        column(&csv, "sampler_hash"),
    );
    assert_eq!(status.len(), 2 * faults.len() + 1);
    assert!(hashes.iter().all(|hash| hash.len() == 64), "{hashes:?}");
    let good = status.iter().filter(|status| *status == "done").count();
    assert_eq!(good, faults.len() + 1, "{csv}");
    for ((status, params), error) in status.iter().zip(&params).zip(&errors) {
        let is_good = params.contains("fault=0");
        assert_eq!(status == "done", is_good, "{params}: {error}");
        let named = error.contains("sampler `test.faults`") && error.contains("step 1");
        assert_eq!(named, !is_good, "{params}: {error}");
    }
}

#[test]
fn samplers_and_their_parameters_are_swept_by_name() {
    let workshop = Workshop::with("faults.c", "faults");
    workshop.compile("euler.c", "euler", &[]);
    let file = workshop.path("samplers.toml");
    let text = "name = \"samplers\"\nprompts = [\"a red circle\"]\nseeds = [1]\n\
        [base]\npreset = \"V4_TURBO_12\"\nsteps = 2\n[output]\nimages = false\n\
        [parameters]\nsampler = [\"euler\", \"test.euler\"]\n";
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    workshop.done(&["sweep", "run", file, "--dir", "out", "--quiet", "--no-report"]);
    let csv = fs::read_to_string(workshop.path("out/trials.csv")).unwrap();
    assert_eq!(column(&csv, "sampler"), ["euler", "test.euler"]);
    assert_eq!(column(&csv, "sampler_hash").iter().filter(|hash| hash.is_empty()).count(), 1);

    let wrong =
        text.replace("\"test.euler\"", "\"test.faults\"") + "\"sampler.fault\" = [\"melt\"]\n";
    fs::write(workshop.path("wrong.toml"), wrong).unwrap();
    let refused = workshop.run(&["sweep", "plan", "wrong.toml", "--no-time"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("`fault` of sampler `test.faults` must be `none`"),
        "{refused:?}"
    );
}

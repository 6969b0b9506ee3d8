//! What is found and listed: every file that cannot be used is one clear line, and nothing else
//! breaks.

use crate::support::text::AssertHas as _;
use crate::workshop::Workshop;
use sigmalab_sampler::plugin::{Effort, Listing};
use std::fs;
use std::time::{Duration, Instant};

fn ids(listing: &Listing) -> Vec<&str> {
    listing.plugins.iter().map(|plugin| plugin.info.id.as_ref()).collect()
}

fn lines(listing: &Listing) -> Vec<String> {
    listing.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_wrong_table_is_one_clear_line_and_the_right_plugin_beside_it_works() {
    let workshop = Workshop::with("euler.c", "right");
    let wrong = [
        ("MAJOR", "it was built for version 7.0 of the interface, and this build has 1.0"),
        ("SMALL", "its table says that it has 40 bytes, and 80 are needed"),
        ("NO_STEP", "its function `step` is a null pointer"),
        ("NO_ID", "its id is a null pointer"),
        ("BAD_ID", "its id `Not An Id` is not made of"),
        ("NOT_UTF8", "its name is not UTF-8"),
        ("LONG_NAME", "its name is longer than 64 bytes"),
        ("NO_EVALUATIONS", "its number of evaluations a step is 0, and 1 to 16 are allowed"),
        ("BAD_PARAM", "its parameter `eta` has the default 2, which is not in 0 to 1"),
        ("NO_PARAM", "its parameter 0 is a null pointer"),
        ("REFUSES", "it says that it cannot work with version 1.0"),
        ("CRASHES", "when it was opened, it crashed: signal 11 (SIGSEGV"),
        ("BUILT_IN", "its id `euler` is that of the built-in sampler"),
    ];
    for (name, _) in wrong {
        workshop.compile("table.c", &name.to_lowercase(), &[&format!("WRONG={name}")]);
    }
    workshop.compile("no_symbol.c", "no_symbol", &[]);
    fs::write(workshop.plugins().join("notes.txt"), "no plugin").unwrap();
    fs::write(workshop.plugins().join("script.so"), "#!/bin/sh\n").unwrap();
    fs::write(workshop.plugins().join("empty.so"), "").unwrap();

    let listing = workshop.list(Effort::Normal);
    assert_eq!(ids(&listing), ["test.euler"]);
    let lines = lines(&listing);
    for (name, words) in wrong {
        let file = format!("lib{}.so`: ", name.to_lowercase());
        let of_file: Vec<_> = lines.iter().filter(|line| line.contains(&file)).collect();
        assert_eq!(of_file.len(), 1, "{name}: {lines:#?}");
        assert!(of_file[0].contains(words) && !of_file[0].contains('\n'), "{}", of_file[0]);
    }
    for file in ["libno_symbol.so", "script.so", "empty.so"] {
        let line = lines.iter().find(|line| line.contains(file)).unwrap();
        assert!(line.ends_with("it is not a plugin: it does not export `sigmalab_plugin_entry`"));
    }
    assert_eq!(lines.len(), wrong.len() + 3, "{lines:#?}");
}

#[test]
fn a_plugin_that_hangs_when_it_is_opened_is_one_line_too() {
    let workshop = Workshop::with("euler.c", "right");
    workshop.compile("table.c", "hangs", &["WRONG=HANGS"]);
    let listing = workshop.list_within(Duration::from_secs(5));
    assert_eq!(ids(&listing), ["test.euler"]);
    let lines = lines(&listing);
    assert!(lines[0].contains("when it was opened, it did not return within 5 s"), "{lines:?}");
    // It is not waited for again, whatever is asked, until its file changes.
    for effort in [Effort::Cached, Effort::Normal, Effort::Afresh] {
        let started = Instant::now();
        assert_eq!(workshop.list(effort), listing);
        assert!(started.elapsed() < Duration::from_secs(4), "{effort:?}: {:?}", started.elapsed());
    }
    workshop.compile("table.c", "hangs", &["WRONG=PRINTS"]);
    assert_eq!(ids(&workshop.list(Effort::Normal)), ["test.euler", "test.table"]);
}

#[test]
fn tables_of_later_versions_and_plugins_that_print_are_taken() {
    let workshop = Workshop::new();
    workshop.compile("table.c", "larger", &["WRONG=LARGER"]);
    assert_eq!(ids(&workshop.list(Effort::Normal)), ["test.table"]);
    workshop.compile("table.c", "larger", &["WRONG=PRINTS"]);
    assert_eq!(ids(&workshop.list(Effort::Normal)), ["test.table"]);
}

#[test]
fn of_two_plugins_with_one_id_none_is_used_and_runs_say_why() {
    let workshop = Workshop::new();
    workshop.compile("euler.c", "a", &["ID=\"test.same\""]);
    workshop.compile("euler.c", "b", &["ID=\"test.same\"", "VERSION_=\"2\""]);
    let listing = workshop.list(Effort::Normal);
    assert!(listing.plugins.is_empty());
    assert_eq!(listing.problems.len(), 2);
    let arguments = ["generate", "--prompt", "x", "--num-steps", "2", "--sampler", "test.same"];
    let outcome = workshop.run(&arguments);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    outcome.stderr.assert_has([
        "`test.same` cannot be used",
        "liba.so",
        "libb.so",
        "none of them is used",
    ]);
}

#[test]
fn what_is_known_of_a_file_is_remembered_until_it_changes() {
    let workshop = Workshop::with("euler.c", "a");
    let unknown = workshop.list(Effort::Cached);
    assert_eq!((unknown.plugins.len(), unknown.pending), (0, 1));
    let known = workshop.list(Effort::Normal);
    assert_eq!(workshop.list(Effort::Cached), known);
    workshop.compile("euler.c", "a", &["VERSION_=\"2\""]);
    assert_eq!(workshop.list(Effort::Cached).pending, 1);
    let changed = workshop.list(Effort::Normal);
    assert_eq!(changed.plugins[0].info.version, "2");
    assert_ne!(changed.plugins[0].file.hash, known.plugins[0].file.hash);
    fs::remove_file(workshop.plugins().join("liba.so")).unwrap();
    assert_eq!(workshop.list(Effort::Normal), Listing::default());
}

#[test]
fn a_list_that_is_remembered_starts_no_process() {
    let workshop = Workshop::new();
    for number in 0..9 {
        let id = format!("ID=\"test.{number}\"");
        workshop.compile("euler.c", &format!("p{number}"), &[&id]);
    }
    workshop.compile("table.c", "crashes", &["WRONG=CRASHES"]);
    let started = Instant::now();
    assert_eq!(workshop.list(Effort::Normal).plugins.len(), 9);
    let first = started.elapsed();
    let started = Instant::now();
    assert_eq!(workshop.list(Effort::Normal).plugins.len(), 9);
    let second = started.elapsed();
    // Ten processes against a small file, side by side.
    assert!(second < first / 4, "{second:?} after {first:?}");
}

#[test]
fn the_list_names_plugins_with_version_order_evaluations_hash_and_file() {
    let workshop = Workshop::with("faults.c", "faults");
    workshop.compile("table.c", "crashes", &["WRONG=CRASHES"]);
    let outcome = workshop.run(&["plugins", "list"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let row = outcome.stdout.lines().find(|line| line.starts_with("test.faults")).unwrap();
    assert!(row.contains("libfaults.so"), "{row}");
    assert!(
        outcome.stdout.lines().any(|line| line.starts_with("euler") && line.contains("built in"))
    );
    assert!(outcome.stdout.contains("fault = none: What goes wrong; "), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("warning: `") && outcome.stderr.contains("SIGSEGV"));

    let json = workshop.done(&["plugins", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&json).unwrap();
    let samplers = list["samplers"].as_array().unwrap();
    let faults = samplers.iter().find(|sampler| sampler["id"] == "test.faults").unwrap();
    assert_eq!(faults["evaluations_per_step"], 2);
    assert_eq!(faults["file"]["hash"].as_str().unwrap().len(), 64);
    assert_eq!(faults["params"][1]["key"], "at");
    assert!(samplers.iter().any(|sampler| sampler["id"] == "euler" && sampler["file"].is_null()));
    let problems = list["problems"].as_array().unwrap();
    let crash = problems
        .iter()
        .find(|problem| problem["path"].as_str().unwrap().ends_with("libcrashes.so"));
    assert!(crash.unwrap()["problem"].as_str().unwrap().contains("SIGSEGV"));
}

#[test]
fn plugins_are_found_in_the_data_folder_too() {
    let workshop = Workshop::new();
    let library = workshop.compile("euler.c", "a", &[]);
    fs::create_dir_all(workshop.path("data/plugins")).unwrap();
    fs::rename(library, workshop.path("data/plugins/liba.so")).unwrap();
    let list = workshop.done(&["plugins", "list"]);
    assert!(list.lines().any(|line| line.starts_with("test.euler")), "{list}");
}

#[test]
fn a_folder_of_the_search_path_that_is_not_there_is_a_line() {
    let workshop = Workshop::new();
    let mut command = workshop.command(&["plugins", "list"]);
    command.env("SIGMALAB_PLUGIN_PATH", workshop.path("nowhere"));
    let outcome = crate::support::program::outcome(&mut command);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("nowhere`: SIGMALAB_PLUGIN_PATH names it"), "{outcome:?}");
}

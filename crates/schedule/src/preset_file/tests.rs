//! Preset files that are right, and what is said of those that are not.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::fault::MAX_STEPS;
use crate::preset::Step;
use crate::runs::gw_runs;
use crate::size::NAMED_SIZES;
use crate::terminal::Terminal;
use proptest::prelude::*;

fn read(text: &str) -> Preset {
    PresetFile::parse(text, "p.toml").unwrap_or_else(|e| panic!("{e}")).default_preset().clone()
}

fn refusal(text: &str) -> String {
    match PresetFile::parse(text, "p.toml") {
        Ok(file) => panic!("{text} is read as {file:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_built_in_file_holds_the_references_three_presets() {
    let file = PresetFile::builtin().unwrap();
    assert_eq!(file.default_preset().name, "V4_QUALITY_48");
    let rows: Vec<_> = file
        .presets()
        .iter()
        .map(|preset| {
            let steps = preset.steps.as_slice();
            assert!(steps.iter().all(|s| (s.mu, s.std) == (steps[0].mu, steps[0].std)));
            assert!(preset.description.is_some());
            (preset.name.as_str(), steps.len(), gw_runs(steps), steps[0].mu, steps[0].std)
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("V4_QUALITY_48", 48, "7x45 3x3".to_owned(), 0.0, 1.5),
            ("V4_DEFAULT_20", 20, "7x18 3x2".to_owned(), 0.0, 1.75),
            ("V4_TURBO_12", 12, "7x11 3x1".to_owned(), 0.5, 1.75),
        ]
    );
}

#[test]
fn every_built_in_preset_runs_at_every_named_size() {
    for preset in PresetFile::builtin().unwrap().presets() {
        for named in NAMED_SIZES {
            assert_eq!(preset.schedule(named.size).check(), Ok(()), "{} {named:?}", preset.name);
        }
    }
}

#[test]
fn runs_rows_and_a_pasted_guidance_schedule_say_the_same() {
    let runs =
        read("[A]\nmu = 0\nstd = 1.5\nruns = [{ steps = 2, gw = 7 }, { steps = 1, gw = 3.5 }]");
    let rows = read(
        "[A]\nsteps = [{ gw = 7.0, mu = 0.0, std = 1.5 }, { gw = 7.0, mu = 0, std = 1.5 },\n\
         { gw = 3.5, mu = 0.0, std = 1.5 }]",
    );
    let pasted = read("[A]\nmu = 0.0\nstd = 1.5\nguidance_schedule = [3.5, 7.0, 7]");
    assert_eq!(runs, rows);
    assert_eq!(runs, pasted);
    assert_eq!(gw_runs(runs.steps.as_slice()), "7x2 3.5x1");
    assert_eq!(pasted.guidance_schedule().0, [3.5, 7.0, 7.0]);
    assert_eq!(runs.terminal, Terminal::Reference);
}

#[test]
fn array_tables_and_dotted_keys_are_as_good_as_inline_ones() {
    let preset = read("A.mu = 0.0\nA.std = 1.0\n[[A.steps]]\ngw = 2\n[[A.steps]]\ngw = 1");
    assert_eq!(gw_runs(preset.steps.as_slice()), "2x1 1x1");
}

#[test]
fn a_row_beats_the_preset_in_mu_and_std() {
    let preset = read(
        "[A]\nmu = 0.0\nstd = 1.5\nterminal = \"zero\"\n\
         runs = [{ steps = 1, gw = 7.0 }, { steps = 1, gw = 7.0, mu = -1.0 }, { steps = 1, gw = 7.0, std = 0.5 }]",
    );
    let step = Step { gw: 7.0, mu: 0.0, std: 1.5 };
    assert_eq!(preset.steps.0, [step, Step { mu: -1.0, ..step }, Step { std: 0.5, ..step }]);
    assert_eq!(preset.terminal, Terminal::Zero);
}

#[test]
fn presets_keep_the_files_order_and_the_first_is_the_default_unless_the_file_says() {
    let tables =
        "[Z]\nmu=0\nstd=1\nruns=[{steps=1,gw=1}]\n[A]\nmu=0\nstd=1\nruns=[{steps=2,gw=1}]\n";
    let file = PresetFile::parse(tables, "p.toml").unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["Z", "A"]);
    assert_eq!(file.default_preset().name, "Z");
    assert_eq!(read(&format!("default = \"A\"\n{tables}")).name, "A");
    assert_eq!(file.get("A").unwrap().steps.len(), 2);
}

#[test]
fn an_unknown_preset_is_answered_with_the_nearest_names_and_the_list() {
    let message = PresetFile::builtin().unwrap().get("v4_qualty_48").unwrap_err().to_string();
    assert_eq!(
        message,
        "there is no preset `v4_qualty_48`: did you mean `V4_QUALITY_48`?; the presets are \
         `V4_QUALITY_48`, `V4_DEFAULT_20`, `V4_TURBO_12`"
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place_its_key_and_the_way_out() {
    let with = |line: &str| format!("[A]\nmu = 0.0\nstd = 1.5\n{line}\n");
    let runs = "runs = [{ steps = 1, gw = 1.0 }]";
    for (text, expected) in [
        (String::new(), "p.toml:1:1: there is no preset"),
        ("[A".to_owned(), "p.toml:1:3: not valid TOML"),
        (
            "default = 3\n".to_owned() + &with(runs),
            "p.toml:1:11: `default`: expected a preset's name",
        ),
        (
            "default = \"B\"\n".to_owned() + &with(runs),
            "p.toml:1:11: `default`: there is no preset `B` in this file: name one of `A`",
        ),
        (
            "defualt = \"A\"\n".to_owned() + &with(runs),
            "p.toml:1:1: `defualt`: unknown key: did you mean `default`?",
        ),
        ("mu = 0.0\n".to_owned() + &with(runs), "p.toml:1:1: `mu`: `mu` belongs to a preset"),
        (
            "Z = 1\n".to_owned() + &with(runs),
            "p.toml:1:1: `Z`: expected a table of a preset, found integer",
        ),
        (
            with("terminl = \"zero\"\n").clone() + runs,
            "p.toml:4:1: `A.terminl`: unknown key: did you mean `terminal`?; the keys here are `description`",
        ),
        (
            with("terminal = \"nought\"\n") + runs,
            "p.toml:4:12: `A.terminal`: `nought` is not a terminal σ",
        ),
        (
            with("terminal = 0\n") + runs,
            "p.toml:4:12: `A.terminal`: expected a text in quotes, found integer",
        ),
        (with("description = 1\n") + runs, "p.toml:4:15: `A.description`: expected a text"),
        (
            with(""),
            "p.toml:1:2: `A`: it has no steps: add one of `runs`, `steps`, `guidance_schedule`",
        ),
        (
            with("guidance_schedule = [1.0]\n") + runs,
            "p.toml:4:21: `A`: `runs` and `guidance_schedule` both give the steps",
        ),
        (with("runs = 4"), "p.toml:4:8: `A.runs`: expected a list of tables, found integer"),
        (with("runs = []"), "p.toml:4:8: `A.runs`: it is empty"),
        (with("runs = [4]"), "p.toml:4:9: `A.runs[0]`: expected a table"),
        (with("runs = [{ gw = 1.0 }]"), "p.toml:4:9: `A.runs[0]`: `steps` is missing"),
        (with("runs = [{ steps = 1 }]"), "p.toml:4:9: `A.runs[0]`: `gw` is missing: add it here"),
        (
            with("runs = [{ steps = 0, gw = 1.0 }]"),
            "p.toml:4:19: `A.runs[0].steps`: a run of 0 steps",
        ),
        (
            with("runs = [{ steps = -3, gw = 1.0 }]"),
            "p.toml:4:19: `A.runs[0].steps`: a run of -3 steps",
        ),
        (
            with("runs = [{ steps = 2.0, gw = 1.0 }]"),
            "p.toml:4:19: `A.runs[0].steps`: expected a whole number, found float",
        ),
        (
            with("runs = [{ steps = 4_000_000_000, gw = 1.0 }]"),
            "p.toml:4:19: `A.runs[0].steps`: 4000000000 steps are more than 1000",
        ),
        (
            with(&format!("runs = [{{ steps = 1{}, gw = 1.0 }}]", "0".repeat(200))),
            "are more than 1000",
        ),
        (
            with("runs = [{ steps = 600, gw = 1.0 }, { steps = 600, gw = 1.0 }]"),
            "p.toml:4:36: `A.runs[1]`: 1200 steps are more than 1000",
        ),
        (
            with("runs = [{ steps = 1, gw = nan }]"),
            "p.toml:4:27: `A.runs[0].gw`: nan is not a finite number",
        ),
        (
            with("runs = [{ steps = 1, gw = -inf }]"),
            "p.toml:4:27: `A.runs[0].gw`: -inf is not a finite number",
        ),
        (
            with("runs = [{ steps = 1, gw = 1e999 }]"),
            "p.toml:4:27: `A.runs[0].gw`: 1e999 is not a finite number",
        ),
        (
            with("runs = [{ steps = 1, gw = \"7\" }]"),
            "p.toml:4:27: `A.runs[0].gw`: expected a number, found string",
        ),
        (
            with("runs = [{ steps = 1, gw = 1.0, std = -1 }]"),
            "p.toml:4:38: `A.runs[0].std`: std is -1: it must be above 0",
        ),
        (
            with("runs = [{ step = 1, gw = 1.0 }]"),
            "p.toml:4:11: `A.runs[0].step`: unknown key: did you mean `steps`?",
        ),
        (
            with("steps = [{ gw = 1.0, steps = 3 }]"),
            "p.toml:4:22: `A.steps[0].steps`: unknown key; the keys here are `gw`, `mu`, `std`",
        ),
        (
            with("guidance_schedule = [1.0, true]"),
            "p.toml:4:27: `A.guidance_schedule[1]`: expected a number, found boolean",
        ),
        (
            with(&format!("guidance_schedule = [{}]", "1,".repeat(MAX_STEPS + 1))),
            "p.toml:4:21: `A.guidance_schedule`: 1001 steps are more than 1000",
        ),
        (
            format!("[A]\nstd = 1.0\n{runs}"),
            "p.toml:3:9: `A.runs[0]`: `mu` is missing: add it here or to the preset",
        ),
        (format!("[A]\nmu = 1.0\n{runs}"), "p.toml:3:9: `A.runs[0]`: `std` is missing"),
        (
            format!("[A]\nmu = 1.0\nstd = 0.0\n{runs}"),
            "p.toml:3:7: `A.std`: std is 0: it must be above 0",
        ),
        (
            "[A]\nstd = 1.0\nguidance_schedule = [1.0]".to_owned(),
            "p.toml:3:21: `A.guidance_schedule`: it needs `mu` beside it",
        ),
        (
            format!("[none]\nmu = 0\nstd = 1\n{runs}"),
            "p.toml:1:2: `none`: `none` has another meaning",
        ),
        (format!("[\" \"]\nmu = 0\nstd = 1\n{runs}"), "p.toml:1:2: ` `: a preset's name"),
        (format!("[A]\nmu = 0\nstd = 1\n{runs}\n[A]\n"), "p.toml:5:"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(expected), "{text}\ngives  {message}\nnot    {expected}");
    }
}

#[test]
fn the_column_counts_characters() {
    let message = refusal("\"ä€🎨\" = 1");
    assert!(message.starts_with("p.toml:1:1: `ä€🎨`"), "{message}");
    let message = refusal("[A]\nruns = [{ \"ä€🎨\" = 1, gw = nan }]");
    assert!(message.contains("p.toml:2:27: `A.runs[0].gw`"), "{message}");
}

#[test]
fn all_problems_are_listed_in_the_order_of_the_text_and_a_flood_is_cut() {
    let message = refusal("[B]\nmu = nan\nstd = 1\nruns = [{ steps = 0, gw = 1 }]\n[A]\nmuu = 3\n");
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 4, "{message}");
    for (line, start) in
        lines.iter().zip(["p.toml:2:6:", "p.toml:4:19:", "p.toml:5:2:", "p.toml:6:1:"])
    {
        assert!(line.starts_with(start), "{message}");
    }
    let flood = format!("[A]\nmu = 0\nstd = 1\nguidance_schedule = [{}]", "true,".repeat(900));
    assert!(refusal(&flood).ends_with("p.toml: and 880 more problems"));
}

/// Pieces of preset files, right and wrong, to put together at random.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "[A]",
            "[B]",
            "[A.runs]",
            "[[A.steps]]",
            "[none]",
            "default = ",
            "mu = ",
            "std = ",
            "steps = ",
            "runs = ",
            "guidance_schedule = ",
            "terminal = ",
            "description = ",
            "gw = ",
            "\"zero\"",
            "\"A\"",
            "{",
            "}",
            "[",
            "]",
            "=",
            ",",
            "1",
            "0",
            "-7",
            "1.5",
            "nan",
            "-inf",
            "1e400",
            "0xFF",
            "99999999999999999999",
            "2026-01-01",
            "true",
            "'''",
            "\"\"\"",
            "#",
            ".",
            "{ steps = 2, gw = 7.0 }",
            "runs = [{ steps = 1, gw = 1 }]",
            "mu = 0\nstd = 1",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    let space = prop::sample::select(vec!["", " ", "\n"]);
    prop::collection::vec((piece, space), 0..24)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, space)| piece + space).collect())
}

/// What every reading must hold: presets that can be used, or a message with a place.
fn check_reading(text: &str) -> Result<(), TestCaseError> {
    match PresetFile::parse(text, "p.toml") {
        Ok(file) => {
            prop_assert!(file.names().any(|name| name == file.default_preset().name));
            for preset in file.presets() {
                prop_assert!((1..=MAX_STEPS).contains(&preset.steps.len()));
                for step in &preset.steps {
                    prop_assert!(step.gw.is_finite() && step.mu.is_finite());
                    prop_assert!(step.std.is_finite() && step.std > 0.0);
                }
            }
        }
        Err(error) => {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.to_string().starts_with("p.toml:"));
            for problem in &error.problems {
                prop_assert!((1..=text.split('\n').count()).contains(&problem.line));
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        check_reading(&text)?;
    }

    #[test]
    fn no_heap_of_toml_makes_the_reader_panic(text in pieces()) {
        check_reading(&text)?;
    }

    #[test]
    fn no_broken_copy_of_the_built_in_file_makes_the_reader_panic(
        from in 0.0f64..1.0, cut in 0usize..40, instead in "[\\PC\\n]{0,6}",
    ) {
        let text = include_str!("../../../../presets.toml");
        let from = text.floor_char_boundary((from * text.len() as f64) as usize);
        let to = text.floor_char_boundary((from + cut).min(text.len()));
        check_reading(&format!("{}{instead}{}", &text[..from], &text[to..]))?;
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack(depth in 1usize..20_000) {
        for bracket in ["[", "{a="] {
            let text = format!("a = {}", bracket.repeat(depth));
            let refused = PresetFile::parse(&text, "p.toml").is_err();
            prop_assert!(refused);
        }
    }
}

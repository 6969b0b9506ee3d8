//! What is saved reads back, and whatever else is in the file stays as it was written.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::order::SamplingOrder;
use crate::terminal::Terminal;
use proptest::prelude::*;

const BUILT_IN: &str = include_str!("../../../../presets.toml");

fn read_all(text: &str) -> Vec<Preset> {
    PresetFile::parse(text, "p.toml").unwrap().presets().to_vec()
}

fn preset(name: &str, steps: &[(f64, f64, f64)]) -> Preset {
    Preset {
        name: name.to_owned(),
        description: None,
        steps: steps.iter().map(|&(gw, mu, std)| Step { gw, mu, std }).collect(),
        terminal: Terminal::Reference,
    }
}

#[test]
fn an_unchanged_preset_changes_no_byte() {
    for preset in read_all(BUILT_IN) {
        assert_eq!(save(BUILT_IN, &preset).unwrap(), BUILT_IN);
    }
}

#[test]
fn an_edit_of_the_last_steps_touches_that_line_only() {
    let mut preset = read_all(BUILT_IN).remove(1);
    for step in &mut preset.steps.0[18..] {
        step.gw = 2.5;
    }
    let expected = BUILT_IN.replace(
        "{ steps = 18, gw = 7.0 }, { steps = 2, gw = 3.0 }",
        "{ steps = 18, gw = 7.0 }, { steps = 2, gw = 2.5 }",
    );
    assert_eq!(save(BUILT_IN, &preset).unwrap(), expected);
    preset.steps.0[0].gw = 1.0;
    preset.steps.0[19].mu = 0.25;
    let expected = BUILT_IN.replace(
        "{ steps = 18, gw = 7.0 }, { steps = 2, gw = 3.0 }",
        "{ steps = 1, gw = 1.0 }, { steps = 17, gw = 7.0 }, { steps = 1, gw = 2.5 }, \
         { steps = 1, gw = 2.5, mu = 0.25 }",
    );
    assert_eq!(save(BUILT_IN, &preset).unwrap(), expected);
}

#[test]
fn a_new_preset_goes_to_the_end_and_into_an_empty_file() {
    let new = preset("MINE too", &[(7.0, 0.0, 1.5), (7.0, 0.0, 1.5), (3.0, 0.5, 1.5)]);
    let saved = save(BUILT_IN, &new).unwrap();
    assert!(saved.starts_with(BUILT_IN) && saved.contains("\n\n[\"MINE too\"]\n"), "{saved}");
    assert_eq!(read_all(&saved)[3], new);
    for text in ["", "# mine\n", "# mine"] {
        let saved = save(text, &new).unwrap();
        assert!(saved.starts_with(text));
        assert_eq!(read_all(&saved), std::slice::from_ref(&new));
    }
}

#[test]
fn comments_beside_values_and_steps_stay() {
    let text = "\
# head
[A] # a
mu = 0 # whole
std = 1.50 # digits
# before
runs = [ # open
  { steps = 2, gw = 7 }, # first
  # between
  { steps = 1, gw = 3 }, # second
  # last
]
terminal = 'zero' # quoted

# b
[B]
mu = 1
std = 1
guidance_schedule = [
  3, # final
  7,
  7, # first
]
# end
";
    let a = preset("A", &[(7.0, 0.0, 1.5), (7.0, 0.0, 1.5), (2.0, 0.0, 1.5)]);
    let a = Preset { terminal: Terminal::Zero, ..a };
    assert_eq!(save(text, &a).unwrap(), text.replace("gw = 3 }", "gw = 2.0 }"));
    // One run is left; what was said of the other one stays.
    let shorter = Preset { steps: SamplingOrder(a.steps.0[..1].to_vec()), ..a };
    let saved = save(text, &shorter).unwrap();
    for comment in text.match_indices('#').map(|(at, _)| text[at..].lines().next().unwrap()) {
        assert_eq!(saved.matches(comment).count(), text.matches(comment).count(), "{saved}");
    }
    assert!(saved.contains("mu = 0 # whole\nstd = 1.50 # digits\n"), "{saved}");

    let b = preset("B", &[(7.0, 1.0, 1.0), (6.0, 1.0, 1.0), (3.0, 1.0, 1.0), (2.5, 1.0, 1.0)]);
    let saved = save(text, &b).unwrap();
    assert_eq!(read_all(&saved)[1], b);
    assert!(saved.contains("  2.5, # final\n") && saved.contains("  7, # first\n]"), "{saved}");
    let uneven = preset("B", &[(7.0, 1.0, 1.0), (7.0, 1.0, 1.5)]);
    let saved = save(text, &uneven).unwrap();
    assert_eq!(read_all(&saved)[1], uneven);
    assert!(saved.contains("# final") && saved.contains("# first"), "{saved}");
}

#[test]
fn every_way_to_write_a_table_can_be_saved_over() {
    let new = preset("A", &[(7.0, 0.0, 1.0), (7.0, 0.5, 1.0), (3.0, 0.5, 2.0)]);
    for text in [
        "[A]\nmu = 0\nstd = 1\n[[A.runs]]\nsteps = 2\ngw = 7\n# two\n[[A.runs]]\nsteps = 1\ngw = 3\n",
        "[[A.steps]]\ngw = 7\nmu = 0\nstd = 1\n",
        "A = { mu = 0, std = 1, runs = [{ steps = 2, gw = 7 }] }\n",
        "A.mu = 0\nA.std = 1\nA.runs = [{ steps = 2, gw = 7 }]\n",
        "[A]\nsteps = [{ gw = 7, mu = 0, std = 1 }, { gw = 7, mu = 0, std = 1 }]\n[B]\nmu = 0\nstd = 1\nruns = [{ steps = 1, gw = 1 }]\n",
    ] {
        let saved = save(text, &new).unwrap();
        assert_eq!(read_all(&saved)[0], new, "{saved}");
        assert_eq!(saved.matches('#').count(), text.matches('#').count(), "{saved}");
    }
}

#[test]
fn what_cannot_be_in_a_file_is_not_saved() {
    let refusal = |text: &str, preset: &Preset| save(text, preset).unwrap_err().to_string();
    let good = preset("A", &[(7.0, 0.0, 1.0)]);
    let named = |name: &str| Preset { name: name.to_owned(), ..good.clone() };
    assert!(refusal("", &named("none")).contains("neither `none` nor `default`"));
    assert!(refusal("", &preset("A", &[])).contains("no steps"));
    assert!(refusal("", &preset("A", &[(7.0, 0.0, 0.0)])).contains("step 0"));
    assert!(refusal("", &preset("A", &[(f64::NAN, 0.0, 1.0)])).contains("step 0"));
    let broken = "[A]\nmu = x\n";
    assert!(refusal(broken, &good).contains("presets:2:6"));
    // At work on it: steps may be saved that cannot be run yet.
    assert!(save("", &preset("A", &[(7.0, 0.0, 1.0), (7.0, -3.0, 1.0), (7.0, 3.0, 1.0)])).is_ok());
}

#[test]
fn a_preset_is_removed_with_the_comments_above_it_and_no_others() {
    let text = "\
# the file's head

# about a
[A]
mu = 0
std = 1
runs = [{ steps = 1, gw = 1 }] # a's

# chapter

# about b
[B]
mu = 0
std = 1
runs = [{ steps = 1, gw = 2 }] # b's

# end
";
    let without = |name: &str| remove(text, name).unwrap();
    assert_eq!(read_all(&without("A"))[0].name, "B");
    assert!(without("A").starts_with("# the file's head\n\n# chapter\n\n# about b\n[B]"));
    assert!(without("B").ends_with("# a's\n\n# chapter\n\n# end\n"), "{}", without("B"));
    assert!(matches!(remove(&without("A"), "B"), Err(WriteError::Last(_))));
    assert!(matches!(remove(text, "C"), Err(WriteError::Unknown(_))));
    let error = remove(BUILT_IN, "V4_QUALITY_48").unwrap_err().to_string();
    assert!(error.contains("default"), "{error}");
    let without = remove(BUILT_IN, "V4_DEFAULT_20").unwrap();
    assert!(without.starts_with(&BUILT_IN[..BUILT_IN.find("[V4_DEFAULT_20]").unwrap()]));
    assert!(without.ends_with(&BUILT_IN[BUILT_IN.find("[V4_TURBO_12]").unwrap()..]));
}

#[test]
fn a_preset_is_renamed_in_its_place_and_stays_the_default() {
    let renamed = rename(BUILT_IN, "V4_QUALITY_48", "BEST of all").unwrap();
    let expected = BUILT_IN
        .replace("default = \"V4_QUALITY_48\"", "default = \"BEST of all\"")
        .replace("[V4_QUALITY_48]", "[\"BEST of all\"]");
    assert_eq!(renamed, expected);
    let error = rename(BUILT_IN, "V4_TURBO_12", "V4_DEFAULT_20").unwrap_err();
    assert_eq!(error, WriteError::Exists("V4_DEFAULT_20".to_owned()));
    assert!(matches!(rename(BUILT_IN, "V4_TURBO_12", "none"), Err(WriteError::Invalid { .. })));
    assert_eq!(rename(BUILT_IN, "V4_TURBO_12", "V4_TURBO_12").unwrap(), BUILT_IN);
    let inline = "A = { mu = 0, std = 1, runs = [{ steps = 1, gw = 1 }] } # a\n\
                  B = { mu = 0, std = 1, runs = [{ steps = 1, gw = 1 }] } # b\n";
    assert_eq!(rename(inline, "A", "C").unwrap(), inline.replace("A =", "C ="));
}

#[test]
fn a_copy_has_all_but_the_name() {
    let copied = duplicate(BUILT_IN, "V4_DEFAULT_20", "MINE").unwrap();
    let (presets, before) = (read_all(&copied), read_all(BUILT_IN));
    assert_eq!(presets[..3], before[..]);
    assert_eq!(presets[3], Preset { name: "MINE".to_owned(), ..before[1].clone() });
    assert!(matches!(
        duplicate(BUILT_IN, "V4_DEFAULT_20", "V4_TURBO_12"),
        Err(WriteError::Exists(_))
    ));
}

#[test]
fn the_default_is_named_in_its_line_or_in_a_new_one_below_the_files_head() {
    let named = set_default(BUILT_IN, "V4_TURBO_12").unwrap();
    assert_eq!(named, BUILT_IN.replace("default = \"V4_QUALITY_48\"", "default = \"V4_TURBO_12\""));
    assert_eq!(set_default(BUILT_IN, "V4_QUALITY_48").unwrap(), BUILT_IN);
    assert!(matches!(set_default(BUILT_IN, "V4"), Err(WriteError::Unknown(_))));

    let table =
        |name: &str| format!("[{name}]\nmu = 0\nstd = 1\nruns = [{{ steps = 1, gw = 1 }}]\n");
    let headed = format!("# head\n\n# about A\n{}# about B\n{}", table("A"), table("B"));
    let expected =
        format!("# head\n\ndefault = \"B\"\n\n# about A\n{}# about B\n{}", table("A"), table("B"));
    assert_eq!(set_default(&headed, "B").unwrap(), expected);
    assert_eq!(set_default(&headed, "A").unwrap(), headed, "the first one is it anyway");
    let bare = format!("{}{}", table("A"), table("B"));
    assert_eq!(set_default(&bare, "B").unwrap(), format!("default = \"B\"\n\n{bare}"));
    let inline = "A = { mu = 0, std = 1, runs = [{ steps = 1, gw = 1 }] } # a\n\
                  B = { mu = 0, std = 1, runs = [{ steps = 1, gw = 1 }] } # b\n";
    assert_eq!(set_default(inline, "B").unwrap(), format!("{inline}default = \"B\"\n"));
}

fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![prop::sample::select(vec![0.0, 1.0, 7.0, -0.0]), -9.0f64..9.0]
}

prop_compose! {
    fn presets(name: &'static str)(
        rows in prop::collection::vec(
            (numbers(), prop_oneof![Just(0.5), numbers()], prop_oneof![Just(1.5), 0.1f64..3.0]), 1..9,
        ),
        alike: bool,
        zero: bool,
        description in prop::option::of("[a-z#\"\\\\é]{0,6}"),
    ) -> Preset {
        let (_, mu, std) = rows[0];
        let rows: Vec<_> =
            rows.into_iter().map(|row| if alike { (row.0, mu, std) } else { row }).collect();
        let terminal = if zero { Terminal::Zero } else { Terminal::Reference };
        Preset { terminal, description, ..preset(name, &rows) }
    }
}

/// A preset as somebody may have written it, comments at every place, numbered from `from`.
fn written(preset: &Preset, form: usize, from: usize) -> String {
    let mut number = from;
    let mut comment = || {
        number += 1;
        format!("#<{number}>\n")
    };
    let mut text = format!("{}[{}] {}", comment(), preset.name, comment());
    let terminal = preset.terminal;
    text += &format!("{}terminal = '{terminal}' {}", comment(), comment());
    if let Some(description) = &preset.description {
        text += &format!("description = {} {}", Value::from(description), comment());
    }
    let first = preset.steps.0[0];
    let alike = preset.steps.iter().all(|s| (s.mu, s.std) == (first.mu, first.std));
    if form == 0 && alike {
        text += &format!("mu = {:?} {}std = {:?} {}", first.mu, comment(), first.std, comment());
        text += &format!("guidance_schedule = [ {}", comment());
        for step in preset.steps.iter().rev() {
            text += &format!("  {:?}, {}", step.gw, comment());
        }
    } else {
        let (key, count) = if form == 1 { ("steps", "") } else { ("runs", "steps = 1, ") };
        text += &format!("{key} = [{}", comment());
        for Step { gw, mu, std } in &preset.steps {
            text +=
                &format!("  {{ {count}gw = {gw:?}, mu = {mu:?}, std = {std:?} }}, {}", comment());
        }
    }
    text + &format!("{}]{}", comment(), comment())
}

proptest! {
    #[test]
    fn what_is_saved_reads_back_with_all_others_and_every_comment_stays(
        a in presets("A"), b in presets("B"), new in presets("A"), forms in (0usize..3, 0usize..3),
        new_name in prop::sample::select(vec!["A", "B", "C"]),
    ) {
        let new = Preset { name: new_name.to_owned(), ..new };
        let text = written(&a, forms.0, 0) + &written(&b, forms.1, 100) + "#<999>\n";
        prop_assert_eq!(read_all(&text), [a.clone(), b.clone()]);
        let saved = save(&text, &new).unwrap();
        let mut expected = vec![a, b];
        match expected.iter_mut().find(|preset| preset.name == new.name) {
            Some(there) => *there = new.clone(),
            None => expected.push(new.clone()),
        }
        prop_assert_eq!(read_all(&saved), expected, "{}", saved);
        for (at, _) in text.match_indices("#<") {
            let comment = text[at..].lines().next().unwrap();
            // The description goes with what is said beside it.
            let beside = text[..at].lines().last().is_some_and(|line| line.starts_with("description"));
            if !(beside && new.description.is_none()) {
                prop_assert_eq!(saved.matches(comment).count(), 1, "{} in\n{}", comment, saved);
            }
        }
        prop_assert_eq!(save(&saved, &new).unwrap(), saved);
        // Comments stay where they are however the file is written.
        for name in ["A", "B"] {
            let named = set_default(&text, name).unwrap();
            let default = PresetFile::parse(&named, NAME).unwrap().default_preset().name.clone();
            prop_assert_eq!(&default, name);
            for (at, _) in text.match_indices("#<") {
                let comment = text[at..].lines().next().unwrap();
                prop_assert_eq!(named.matches(comment).count(), 1, "{} in\n{}", comment, named);
            }
        }
    }
}

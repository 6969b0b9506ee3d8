//! The documented keys are the keys.

use sigmalab::tui::action::{Action, Call};
use sigmalab::tui::context::Context;
use sigmalab::tui::help;
use sigmalab::tui::keymap::Keymap;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- keys: generated from the keymap -->\n";
const END: &str = "<!-- end of keys -->\n";

/// What a first hour needs, for the README.
const OFTEN: [Action; 20] = [
    Action::ExtendDown,
    Action::SelectColumn,
    Action::NudgeUp,
    Action::NudgeDown,
    Action::Series,
    Action::Expression,
    Action::Resample,
    Action::Undo,
    Action::Redo,
    Action::Run,
    Action::RunOnEdit,
    Action::Cancel,
    Action::Pin,
    Action::Compare,
    Action::Save,
    Action::ShowPresets,
    Action::ShowGallery,
    Action::ShowSamplers,
    Action::Palette,
    Action::Help,
];

/// Compares what stands between the markers of a page, or writes it.
fn hold(page: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, end, after) = match rest.split_once(END) {
        Some((written, after)) => (written, END, after),
        None => (rest, "", ""),
    };
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{generated}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(written, generated, "{page}: run this test with UPDATE_DOCS=1 to write it");
}

#[test]
fn the_keys_in_the_documentation_are_those_of_the_keymap() {
    hold("docs/workbench.md", &help::markdown(&Keymap::defaults()));
}

#[test]
fn the_keys_in_the_readme_are_those_of_the_keymap() {
    let keymap = Keymap::defaults();
    let mut text = "\n| key | what it does |\n| --- | --- |\n".to_owned();
    for action in OFTEN {
        let keys = keymap.keys(Context::Grid, &Call::from(action));
        let keys: Vec<String> =
            keys.iter().map(|key| format!("`{}`", key.to_string().replace('|', "\\|"))).collect();
        assert!(!keys.is_empty(), "{action} has no key");
        let _ = writeln!(text, "| {} | {} |", keys.join(" "), action.sentence());
    }
    hold("README.md", &format!("{text}\n"));
}

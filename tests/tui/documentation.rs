//! The documented keys are the keys.

use sigmalab::tui::help;
use sigmalab::tui::keymap::Keymap;
use std::path::Path;

const BEGIN: &str = "<!-- keys: generated from the keymap -->\n";

#[test]
fn the_keys_in_the_documentation_are_those_of_the_keymap() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/workbench.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, written) = text.split_once(BEGIN).unwrap();
    let generated = help::markdown(&Keymap::defaults());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{generated}")).unwrap();
        return;
    }
    assert_eq!(written, generated, "run this test with UPDATE_DOCS=1 to write it");
}

//! The screens of the documentation, drawn by the real program. `UPDATE_DOCS=1 cargo test --test
//! pty readme` writes them; those without timings are held by this test, the others are only
//! written.

use crate::place::Place;
use crate::svg::{Shown, svg};
use crate::workbench::{Drive, Kind, opened, terminal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};
use termlens::{Screen, Terminal};

/// A picture takes most of it.
const MOST_BYTES: usize = 100 * 1024;

fn workbench(size: (u16, u16), place: &Place) -> Terminal {
    let builder = terminal(place, Kind::Kitty, size).env("COLORTERM", "truecolor");
    let mut workbench = opened(builder);
    workbench.press(": \"load-preset\" space \"V4_DEFAULT_20\" enter");
    workbench.see("20 steps");
    workbench
}

/// Waits for whole pictures and for so many of them on the screen.
fn with_pictures(workbench: &mut Terminal, text: &str, count: usize) -> (Screen, Vec<Shown>) {
    let mut found = Vec::new();
    workbench
        .wait_until(|screen| {
            found = crate::kitty::all_shown(screen);
            screen.contains(text) && found.len() == count
        })
        .unwrap();
    let screen = workbench.snapshot_after(|screen| crate::kitty::all_shown(screen).len() == count);
    let shown = found.into_iter().map(|(cells, sent)| Shown {
        png: STANDARD.decode(sent.data().unwrap()).unwrap(),
        cells: (cells.column, cells.row, cells.columns, cells.rows),
    });
    (screen.unwrap(), shown.collect())
}

/// Writes a screen of the documentation, or compares it where that can be.
fn hold(name: &str, svg: &str, same_everywhere: bool) {
    assert!(svg.len() <= MOST_BYTES, "{name} has {} bytes", svg.len());
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, svg).unwrap();
    } else if same_everywhere {
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written == svg, "{name} is not what is drawn: UPDATE_DOCS=1 writes it");
    } else {
        assert!(path.exists(), "{name} is missing: UPDATE_DOCS=1 writes it");
    }
}

#[test]
fn readme_screens() {
    let place = Place::with_built_in_presets();
    let mut workbench = workbench((120, 36), &place);
    workbench.press("G K K 4 enter");
    workbench.see("mean 4.00");
    let screen = workbench.snapshot_after(|screen| screen.contains("mean 4.00")).unwrap();
    let title = "The workbench: the gw of the last three of 20 steps is set to 4";
    hold("edit.svg", &svg(&screen, &[], title), true);

    workbench.press(": \"ser\"");
    let screen = workbench.snapshot_after(|screen| screen.contains("series …")).unwrap();
    hold("palette.svg", &svg(&screen, &[], "The workbench: the palette finds an action"), true);
    workbench.press("esc");
    workbench.miss("series …");

    if std::env::var_os("UPDATE_DOCS").is_none() {
        // The others show how long something took.
        for name in ["run.svg", "compare.svg"] {
            hold(name, "", false);
        }
        return;
    }
    workbench.press("r");
    let (screen, pictures) = with_pictures(&mut workbench, "NFE 20+20", 1);
    let title = "The workbench: the image beside the schedule it was drawn with";
    hold("run.svg", &svg(&screen, &pictures, title), false);

    workbench.press("A 2 enter r");
    with_pictures(&mut workbench, "17 from cache", 1);
    workbench.press("c");
    let (screen, pictures) = with_pictures(&mut workbench, "what differs", 2);
    let title = "The workbench: two runs side by side, and what differs";
    hold("compare.svg", &svg(&screen, &pictures, title), false);
}

//! The screens of the documentation, drawn by the real program. `UPDATE_DOCS=1 cargo test --test
//! pty readme` writes them; those without timings are held by this test, the others are only
//! written.

use crate::pixels::of_kitty;
use crate::place::Place;
use crate::svg::{Shown, svg};
use crate::workbench::{Drive, Kind, opened, terminal};
use std::path::{Path, PathBuf};
use std::time::Duration;
use termlens::{Screen, Terminal};

/// A picture takes most of it.
const MOST_BYTES: usize = 100 * 1024;

/// What is drawn: the demo checkpoint knows it.
const PROMPT: &str = "a large white cross in the center on a red background";

/// V4_DEFAULT_20 at a lower guidance weight, and still lower in the last three steps.
fn workbench(place: &Place) -> Terminal {
    let builder = terminal(place, Kind::Kitty, (120, 36)).env("COLORTERM", "truecolor");
    let mut workbench = opened(builder);
    workbench.press(": \"load-preset\" space \"V4_DEFAULT_20\" enter");
    workbench.see("20 steps");
    workbench.press("t");
    workbench.see("prompt a red circle");
    // ctrl-u clears the line.
    workbench.send_str(&format!("\u{15}{PROMPT}\r")).unwrap();
    workbench.press("S 4 enter");
    workbench.see("seed 4 ");
    workbench.press("| 3 enter");
    workbench.see("mean 3.00");
    workbench.press("esc");
    workbench.miss("mean 3.00");
    workbench.press("G K K 1 . 5 enter");
    workbench.see("mean 1.50");
    workbench
}

/// Waits for a text and for so many whole pictures on the screen.
fn with_pictures(workbench: &mut Terminal, text: &str, count: usize) -> (Screen, Vec<Shown>) {
    let mut found = Vec::new();
    workbench
        .wait_until(|screen| {
            found = crate::kitty::all_shown(screen);
            screen.contains(text) && found.len() >= count
        })
        .unwrap();
    let screen = workbench.snapshot_after(|screen| crate::kitty::all_shown(screen).len() >= count);
    let shown = found.into_iter().map(|(cells, sent)| Shown { image: of_kitty(&sent), cells });
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
    let mut workbench = workbench(&place);
    let screen = workbench.snapshot_after(|screen| screen.contains("mean 1.50")).unwrap();
    let title = "The workbench: the guidance weight of the last three of 20 steps is set to 1.5";
    hold("edit.svg", &svg(&screen, &[], title), true);

    workbench.press(": \"ser\"");
    let screen = workbench.snapshot_after(|screen| screen.contains("series …")).unwrap();
    hold("palette.svg", &svg(&screen, &[], "The workbench: the palette finds an action"), true);
    workbench.press("esc");
    workbench.miss("series …");

    if std::env::var_os("UPDATE_DOCS").is_none() {
        // The others show how long something took.
        for name in ["run.svg", "compare.svg", "sweep.svg"] {
            hold(name, "", false);
        }
        return;
    }
    workbench.press("r");
    let (screen, pictures) = with_pictures(&mut workbench, "NFE 20+20", 1);
    let title = "The workbench: the image beside the schedule it was drawn with";
    hold("run.svg", &svg(&screen, &pictures, title), false);

    // The same with the preset's own weight.
    workbench.press("A");
    workbench.see("is pinned as A");
    workbench.press("| 7 enter");
    workbench.see("mean 7.00");
    workbench.press("esc");
    workbench.miss("mean 7.00");
    workbench.press("r");
    workbench.see("x cancel");
    workbench.miss("x cancel");
    workbench.press("c");
    let (screen, pictures) = with_pictures(&mut workbench, "PSNR", 2);
    let title = "The workbench: two runs side by side, and what differs";
    hold("compare.svg", &svg(&screen, &pictures, title), false);
    sweep_screen();
}

/// The experiment of the README, run from the workbench to its end.
fn sweep_screen() {
    let place = Place::with_built_in_presets();
    let file = "experiments/quickstart.toml";
    std::fs::create_dir(place.path("experiments")).unwrap();
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), place.path(file)).unwrap();
    let builder = terminal(&place, Kind::Kitty, (120, 36)).env("COLORTERM", "truecolor");
    let mut workbench = opened(builder.timeout(Duration::from_secs(300)));
    workbench.press("X");
    workbench.see("quickstart");
    workbench.press("r");
    workbench.see("all done");
    workbench.press("G");
    let (screen, pictures) = with_pictures(&mut workbench, "trial 19", 1);
    let title = "The workbench: a sweep of 20 trials, the picture of one, and distance against gw";
    hold("sweep.svg", &svg(&screen, &pictures, title), false);
}

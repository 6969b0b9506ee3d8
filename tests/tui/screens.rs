//! Screens as text, read by a person once and held since.

use crate::keys::Workbench;
use crate::support::text::AssertHas as _;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use sigmalab_compute::DeviceChoice;
use sigmalab_terminal::input::Input;

pub(crate) fn screen(workbench: &Workbench, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| workbench.app.draw(frame, &mut |_, _| {})).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..rows).map(|y| line(y).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_selection_of_the_last_steps_shows_its_numbers() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press(": \"load-preset\" enter \"V4_DEFAULT_20\" enter G K");
    let text = screen(&workbench, 80, 24);
    text.assert_has([
        "V4_DEFAULT_20",
        "schedule · 20 steps · sampling order",
        "2 cells · 3.00 … 3.00 · mean 3.00",
        " ? help",
        "   18   3.00  0.000 1.750 0.0504 -0.0231  +5.9",
    ]);
}

#[test]
fn a_wide_screen_shows_every_column() {
    let workbench = Workbench::with(None, (120, 40));
    let text = screen(&workbench, 120, 40);
    text.assert_has([
        " step loop      gw      mu    std         σ    σ next        Δσ  logSNR",
        "    0   47    7.00   0.000  1.500  0.999877  0.913892 -0.085985  -18.00",
        "r draws the image",
    ]);
}

#[test]
fn a_narrow_screen_shows_every_column_when_asked() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("#");
    let text = screen(&workbench, 80, 24);
    assert!(text.contains(" step loop      gw      mu    std         σ    σ next"), "{text}");
    workbench.press("#");
    assert!(!screen(&workbench, 80, 24).contains("σ next"));
}

#[test]
fn broken_rows_are_marked_and_the_reason_is_told() {
    let mut workbench = Workbench::with(None, (120, 40));
    workbench.press("2 j l 9 enter k x");
    let text = screen(&workbench, 120, 40);
    assert!(text.contains('✗') && text.contains("broken: σ must fall at every step"), "{text}");
    workbench.press("h");
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("σ does not fall"), "{text}");
}

#[test]
fn help_and_palette_are_made_of_the_actions() {
    let mut workbench = Workbench::with(None, (120, 40));
    workbench.press("?");
    assert!(screen(&workbench, 120, 40).contains("On this screen · grid"));
    workbench.press("esc : \"resam\"");
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("resample …") && text.contains('%'), "{text}");
}

#[test]
fn no_screen_is_too_small_or_too_large_to_draw() {
    for (columns, rows) in [(1, 1), (2, 2), (40, 10), (41, 11), (80, 24), (300, 100)] {
        let mut workbench = Workbench::with(None, (columns, rows));
        workbench.app.handle(Input::Resize(columns, rows));
        let keys = ["", "?", "esc :", "esc P", "e", "enter", "esc =", "esc /", "esc F6", "esc t"];
        for keys in keys.into_iter().chain(["esc E", "space", "B", "F7"]) {
            workbench.press(keys);
            screen(&workbench, columns, rows);
        }
    }
}

#[test]
fn the_status_line_names_the_device_beside_what_happens() {
    let line = |workbench: &Workbench, columns: u16, rows: u16| {
        let text = screen(workbench, columns, rows);
        text.lines().nth(usize::from(rows) - 2).unwrap().to_owned()
    };
    let mut workbench = Workbench::with(None, (80, 24));
    assert!(!line(&workbench, 80, 24).contains("cpu"), "the processor goes without saying");
    let on = |workbench: &mut Workbench, card: Option<&str>| {
        workbench.app.use_device(DeviceChoice::Cuda(1), card.map(str::to_owned));
    };
    on(&mut workbench, Some("NVIDIA H200"));
    let found = line(&workbench, 80, 24);
    assert!(found.starts_with(" prompt  a red circle on a blue background  "), "{found}");
    assert!(found.ends_with("  cuda:1 NVIDIA H200"), "{found}");
    on(&mut workbench, Some("NVIDIA RTX 6000 Ada Generation"));
    assert!(line(&workbench, 80, 24).ends_with("  cuda:1 RTX 6000 Ada Generation"));
    assert!(line(&workbench, 120, 40).ends_with("  cuda:1 NVIDIA RTX 6000 Ada Generation"));
    // What happens keeps most of the line, and is cut where it would run into the device.
    workbench.app.handle(Input::Resize(40, 10));
    let found = line(&workbench, 40, 10);
    assert!(
        found.starts_with(" prompt  a red circle on a") && found.ends_with(" …  cuda:1"),
        "{found}"
    );
    on(&mut workbench, None);
    workbench.press(": \"seed\" enter \"7\" enter");
    let found = line(&workbench, 80, 24);
    assert!(!found.starts_with(" prompt") && found.ends_with("  cuda:1"), "{found}");
}

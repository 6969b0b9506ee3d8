//! Bytes on the wire, which are what a user over SSH waits for. Times are measured by
//! `cargo bench --bench workbench`.

use crate::parts::Parts;
use crate::place::Place;
use crate::tty::{Answers, FRAME_END, Tty};
use crate::workbench::{keys, long_run, tty};
use std::time::Duration;

const KIB: usize = 1024;

/// Long enough for everything that follows a key to have been written.
const QUIET: Duration = Duration::from_millis(150);

/// The workbench at 120×40 with everything written that is to be written.
fn settled(place: &Place) -> Tty {
    let mut tty = tty(place, Answers::KITTY, (120, 40));
    tty.settle(2 * QUIET);
    tty
}

/// The bytes that keys cause.
#[track_caller]
fn bytes_of(tty: &mut Tty, text: &str) -> Vec<u8> {
    let mark = tty.mark();
    tty.send(keys(text));
    tty.wait("frame", |tty| tty.since(mark).ends_with(FRAME_END));
    tty.settle(QUIET);
    tty.since(mark).to_vec()
}

fn frames(bytes: &[u8]) -> usize {
    bytes.windows(FRAME_END.len()).filter(|window| *window == FRAME_END).count()
}

/// Writes that a process has made.
fn writes(process: u32) -> Option<u64> {
    let io = std::fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("syscw: "))?.parse().ok()
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let place = Place::new();
    let mut tty = settled(&place);
    let mark = tty.mark();
    tty.watch(Duration::from_secs(2));
    assert_eq!(String::from_utf8_lossy(tty.since(mark)), "");

    // Nor beside a picture.
    tty.send("r");
    tty.wait_text("NFE 4+4");
    tty.settle(Duration::from_millis(500));
    let mark = tty.mark();
    tty.watch(Duration::from_secs(2));
    assert_eq!(String::from_utf8_lossy(tty.since(mark)), "");
}

/// Presses keys one by one; none may cost more than so many bytes.
#[track_caller]
fn assert_each(tty: &mut Tty, text: &str, most: usize) {
    let cost: Vec<(&str, usize)> =
        text.split(' ').map(|key| (key, bytes_of(tty, key).len())).collect();
    assert!(cost.iter().all(|(_, bytes)| *bytes <= most), "{cost:?}");
}

#[test]
fn a_motion_costs_256_bytes_at_most() {
    let place = Place::new();
    let mut tty = settled(&place);
    assert_each(&mut tty, "j l l k h G g", 256);
    // Where a selection begins, the hints become those of a selection.
    bytes_of(&mut tty, "J");
    assert_each(&mut tty, "J K J", 256);
}

#[test]
fn an_edited_cell_costs_512_bytes_at_most() {
    let place = Place::new();
    let mut tty = settled(&place);
    assert_each(&mut tty, "+ - > < l + + u U", 512);
    // Typed: the line opens, each character is shown, the value is set.
    assert_each(&mut tty, "2 . 5 enter", 512);
}

#[test]
fn a_whole_screen_is_one_write_of_16_kib_at_most() {
    let place = Place::new();
    let mut tty = settled(&place);
    let before = writes(tty.process());
    let bytes = bytes_of(&mut tty, "ctrl-l");
    assert!(bytes.starts_with(b"\x1b[?2026h"), "{:?}", String::from_utf8_lossy(&bytes));
    assert_eq!(frames(&bytes), 1);
    assert!((KIB..16 * KIB).contains(&bytes.len()), "{} bytes", bytes.len());
    if let (Some(before), Some(after)) = (before, writes(tty.process())) {
        assert_eq!(after - before, 1, "writes");
    }
}

#[test]
fn a_run_costs_1_kib_a_second_at_most_beside_its_drafts() {
    let place = Place::new();
    let mut tty = settled(&place);
    let (bytes, seconds) = long_run(&mut tty, Duration::from_secs(4));
    let parts = Parts::of(&bytes);
    assert!(parts.text > 0, "nothing moves");
    let rate = parts.text as f64 / seconds;
    assert!(rate <= KIB as f64, "{rate:.0} bytes a second of {parts:?}");
}

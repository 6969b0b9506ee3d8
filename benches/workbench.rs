//! The budgets of the workbench, measured from the real program in a PTY: how soon it shows
//! something and how many bytes that costs. Prints a table, and ends with exit code 1 where a
//! budget of bytes is broken; times depend on the machine and are only told.
//!
//! `cargo bench --bench workbench`, with `-- --write` also into `docs/budgets.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/pty/parts.rs"]
mod parts;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/pty/place.rs"]
mod place;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/pty/tty.rs"]
mod tty;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/pty/workbench.rs"]
mod workbench;

use parts::{Parts, pictures};
use place::Place;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tty::{Answers, FRAME_END, Tty};
use workbench::{keys, long_run, tty as opened};

const KIB: usize = 1024;
/// Long enough for everything that follows a key to have been written.
const QUIET: Duration = Duration::from_millis(150);
/// Between two keys; SSH sends them on ticks of this length.
const TICK: Duration = Duration::from_millis(20);

const STARTS: usize = 20;
const KEYS: usize = 600;

const BEGIN: &str = "<!-- measured: written by cargo bench --bench workbench -- --write -->\n";
const END: &str = "<!-- end -->\n";

fn main() -> ExitCode {
    let mut table = Table::default();
    first_frame(&mut table);
    keys_answered(&mut table, false);
    keys_answered(&mut table, true);
    bytes_of_keys(&mut table);
    progress(&mut table);
    for (name, answers) in [
        ("kitty", Answers::KITTY),
        ("sixel", Answers::SIXEL),
        ("iTerm2", Answers::ITERM2),
        ("half-blocks", Answers::PLAIN),
    ] {
        run(&mut table, name, answers);
    }
    print!("{}", table.text);
    if std::env::args().any(|argument| argument == "--write") {
        write(&table.text);
    }
    if table.broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nbroken: {}", table.broken.join(", "));
    ExitCode::FAILURE
}

/// The table as far as it is measured.
struct Table {
    text: String,
    broken: Vec<String>,
}

impl Default for Table {
    fn default() -> Self {
        let text = "| what | budget | measured |\n| --- | --- | --- |\n".to_owned();
        Table { text, broken: Vec::new() }
    }
}

impl Table {
    fn row(&mut self, what: &str, budget: &str, measured: &str) {
        eprintln!("{what}: {measured}");
        self.text.push_str(&format!("| {what} | {budget} | {measured} |\n"));
    }

    /// Times, against the budgets of the middle one and of the one that 99 of 100 stay below.
    fn times(&mut self, what: &str, budget: &str, mut times: Vec<Duration>) {
        times.sort_unstable();
        let at = |part: f64| {
            let index = ((times.len() - 1) as f64 * part).round() as usize;
            format!("{:.1} ms", times[index].as_secs_f64() * 1e3)
        };
        let measured =
            format!("p50 {}, p99 {}, most {} of {}", at(0.5), at(0.99), at(1.0), times.len());
        self.row(what, budget, &measured);
    }

    fn bytes(&mut self, what: &str, budget: usize, bytes: usize) {
        if bytes > budget {
            self.broken.push(what.to_owned());
        }
        self.row(what, &format!("≤ {}", in_kib(budget)), &in_kib(bytes));
    }
}

fn in_kib(bytes: usize) -> String {
    if bytes < 2 * KIB && !bytes.is_multiple_of(KIB) || bytes == 0 {
        return format!("{bytes} B");
    }
    let kib = bytes as f64 / KIB as f64;
    if bytes.is_multiple_of(KIB) { format!("{kib} KiB") } else { format!("{kib:.1} KiB") }
}

/// From before the program is started until its first frame has come.
fn first_frame(table: &mut Table) {
    let place = Place::with_built_in_presets();
    // The first start reads the program from the disk.
    drop(opened(&place, Answers::KITTY, (120, 40)));
    for (what, answers) in [
        ("first frame at 120×40", Answers::KITTY),
        ("first frame, terminal that never answers", Answers::MUTE),
    ] {
        let start = |_| {
            let tty = opened(&place, answers, (120, 40));
            tty.chunks().last().unwrap().at - tty.started()
        };
        table.times(what, "≤ 100 ms warm", (0..STARTS).map(start).collect());
    }
}

/// From before a key is typed until the frame that shows it has come, at 160×50.
fn keys_answered(table: &mut Table, running: bool) {
    let place = Place::new();
    let mut tty = opened(&place, Answers::KITTY, (160, 50));
    tty.send(keys(": \"load-preset\" space \"LONG\" enter"));
    tty.wait_text("400 steps");
    if running {
        tty.send("r");
        tty.wait_text("/400 ·");
    }
    tty.settle(TICK);
    let column = 16;
    let row_of = |tty: &Tty| {
        let screen = tty.screen();
        (0..50).find(|row| screen.cell(*row, column).is_some_and(vt100::Cell::inverse))
    };
    let value = |tty: &Tty, row: u16| -> String {
        let cell = |column| tty.screen().cell(row, column).map(vt100::Cell::contents);
        (12..20).filter_map(cell).collect()
    };
    let mut times = Vec::new();
    for number in 0..KEYS {
        tty.watch(TICK);
        let before = row_of(&tty).unwrap();
        let value_before = value(&tty, before);
        let key = ["j", "+", "k", "_"][number % 4];
        let typed = Instant::now();
        tty.send(key);
        tty.wait("frame with the key's effect", |tty| match key {
            "j" | "k" => row_of(tty).is_some_and(|row| row != before),
            _ => value(tty, before) != value_before,
        });
        times.push(tty.chunks().last().unwrap().at - typed);
    }
    let what = match running {
        true => "key to frame at 160×50, while a run goes on",
        false => "key to frame at 160×50",
    };
    if running && !tty.text().contains("/400 ·") {
        panic!("the run ended before the keys did");
    }
    table.times(what, "p50 ≤ 3 ms, p99 ≤ 16 ms", times);
}

/// The bytes that keys cause.
fn bytes_of(tty: &mut Tty, text: &str) -> usize {
    let mark = tty.mark();
    tty.send(keys(text));
    tty.wait("frame", |tty| tty.since(mark).ends_with(FRAME_END));
    tty.settle(QUIET);
    tty.since(mark).len()
}

fn bytes_of_keys(table: &mut Table) {
    let place = Place::with_built_in_presets();
    let mut tty = opened(&place, Answers::KITTY, (120, 40));
    tty.settle(2 * QUIET);
    let mark = tty.mark();
    tty.watch(Duration::from_secs(2));
    table.bytes("idle for 2 s", 0, tty.since(mark).len());
    // The first key takes away what was said at the start.
    bytes_of(&mut tty, "j");
    let mut most = |keys: &str| keys.split(' ').map(|key| bytes_of(&mut tty, key)).max().unwrap();
    table.bytes("cursor moved", 256, most("j j l l k h h"));
    table.bytes("cell nudged", 512, most("+ + _ j + _"));
    table.bytes("value typed and accepted", 512, most("2 . 5 enter"));
    let mark = tty.mark();
    table.bytes("screen drawn whole at 120×40", 16 * KIB, bytes_of(&mut tty, "ctrl-l"));
    assert!(String::from_utf8_lossy(tty.since(mark)).contains("\x1b[2J"), "it is not drawn whole");
}

/// What a run writes in a second, beside its drafts and with them.
fn progress(table: &mut Table) {
    let parts = written_by_a_run(Answers::KITTY);
    table.bytes("progress of a run, a second", KIB, parts.text);
    table.row("drafts of a run in kitty, a second", "", &in_kib(parts.pictures + parts.cells));
    let parts = written_by_a_run(Answers::PLAIN);
    table.row("drafts of a run as half-blocks, a second", "", &in_kib(parts.text));
}

/// Bytes a second while a run of the demo checkpoint goes on.
fn written_by_a_run(answers: Answers) -> Parts {
    let place = Place::new();
    let mut tty = opened(&place, answers, (120, 40));
    let (bytes, seconds) = long_run(&mut tty, Duration::from_secs(8));
    let a_second = |bytes: usize| (bytes as f64 / seconds).round() as usize;
    let Parts { pictures, cells, text } = Parts::of(&bytes);
    Parts { pictures: a_second(pictures), cells: a_second(cells), text: a_second(text) }
}

/// A whole run at 120×40 in one protocol.
fn run(table: &mut Table, name: &str, answers: Answers) {
    let place = Place::new();
    let mut tty = opened(&place, answers, (120, 40));
    tty.settle(2 * QUIET);
    let mark = tty.mark();
    tty.send("r");
    tty.wait_text("NFE 4+4");
    tty.settle(Duration::from_millis(500));
    let bytes = tty.since(mark);
    let sizes = pictures(bytes);
    let (full, draft) = match sizes.split_last() {
        Some((full, drafts)) => (*full, drafts.iter().copied().max().unwrap_or(0)),
        // Half-blocks come as frames: those before the run's numbers are of drafts.
        None => {
            let done = bytes.windows(3).position(|window| window == b"NFE").unwrap();
            let most = |bytes: &[u8]| frames(bytes).into_iter().max().unwrap_or(0);
            (most(&bytes[done..]), most(&bytes[..done]))
        }
    };
    table.bytes(&format!("draft, {name}"), 16 * KIB, draft);
    table.bytes(&format!("image of 256×256, {name}"), 150 * KIB, full);
}

fn frames(bytes: &[u8]) -> Vec<usize> {
    let ends: Vec<usize> = bytes
        .windows(FRAME_END.len())
        .enumerate()
        .filter(|(_, window)| *window == FRAME_END)
        .map(|(at, _)| at + FRAME_END.len())
        .collect();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, end)| end - start).collect()
}

/// Puts the table into the documentation.
fn write(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/budgets.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let cores = std::thread::available_parallelism().unwrap();
    let build = if cfg!(debug_assertions) { "a development build" } else { "the release build" };
    let machine = format!("On a machine with {cores} cores, with {build}:");
    std::fs::write(&path, format!("{before}{BEGIN}\n{machine}\n\n{table}\n{END}{after}")).unwrap();
}

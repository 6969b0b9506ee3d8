//! The workbench in a terminal whose screen, pictures and modes can be asked for.

use crate::place::{PROGRAM, Place};
use crate::tty::{Answers, FRAME_END, PATIENCE, Tty};
use portable_pty::CommandBuilder;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use termlens::{Graphics, Screen, Terminal, TerminalBuilder};

/// Shown on the last row of the editor, which is drawn last.
pub(crate) const EDITOR: &str = "? help";

/// The kinds of terminal that termlens can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Kitty,
    Sixel,
    Plain,
}

/// A terminal that the workbench is to be started in.
pub(crate) fn terminal(place: &Place, kind: Kind, size: (u16, u16)) -> TerminalBuilder {
    let mut builder = Terminal::builder()
        .size(size.0, size.1)
        .timeout(PATIENCE)
        .env_clear()
        .current_dir(place.folder());
    for (name, value) in place.environment() {
        builder = builder.env(name, value);
    }
    match kind {
        Kind::Kitty => builder.graphics(Graphics::Kitty).cell_size(10, 20),
        Kind::Sixel => builder.graphics(Graphics::Sixel).cell_size(10, 20),
        Kind::Plain => builder,
    }
}

/// The workbench with the editor drawn.
pub(crate) fn opened(builder: TerminalBuilder) -> Terminal {
    let mut terminal = builder.spawn(PROGRAM).unwrap();
    terminal.wait_until(|screen| screen.contains(EDITOR)).unwrap();
    terminal
}

/// A command in a place.
pub(crate) fn command(place: &Place, program: &str, arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    command.cwd(place.folder());
    command.env_clear();
    for (name, value) in place.environment() {
        command.env(name, value);
    }
    command
}

/// The workbench in a terminal whose bytes are kept, with the editor drawn and the questions
/// answered.
pub(crate) fn tty(place: &Place, answers: Answers, size: (u16, u16)) -> Tty {
    let mut tty = Tty::start(command(place, PROGRAM, &[]), size, answers);
    tty.wait_text(EDITOR);
    tty
}

/// Starts a run that takes longer than `time`; what is written in that time of it, and the seconds
/// it was.
pub(crate) fn long_run(tty: &mut Tty, time: Duration) -> (Vec<u8>, f64) {
    tty.send(keys(": \"load-preset\" space \"LONG\" enter"));
    tty.wait_text("400 steps");
    tty.send("r");
    tty.wait_text("/400 ·");
    tty.wait("whole frame", |tty| tty.bytes().ends_with(FRAME_END));
    let (mark, start) = (tty.mark(), Instant::now());
    tty.watch(time);
    tty.wait("whole frame", |tty| tty.bytes().ends_with(FRAME_END));
    (tty.since(mark).to_vec(), start.elapsed().as_secs_f64())
}

/// The terminal goes away, and the program ends.
pub(crate) fn close(mut tty: Tty) {
    // In the list of keys, where a line feed and ctrl-d do nothing.
    tty.send("?");
    tty.wait_text("On this screen");
    tty.close();
    let closed = Instant::now();
    while tty.runs() {
        assert!(closed.elapsed() < PATIENCE, "it runs on without a terminal");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Keys as bytes: characters as they are, others by name, with a space between; `"text"` is
/// typed letter by letter. What follows an `esc` at once would be read as one key with it.
pub(crate) fn keys(text: &str) -> String {
    let key = |name: &str| match name.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => text.to_owned(),
        None => match name {
            "enter" => "\r".to_owned(),
            "tab" => "\t".to_owned(),
            "esc" => "\x1b".to_owned(),
            "space" => " ".to_owned(),
            "backspace" => "\x7f".to_owned(),
            "down" => "\x1b[B".to_owned(),
            "up" => "\x1b[A".to_owned(),
            "pagedown" => "\x1b[6~".to_owned(),
            "F2" => "\x1bOQ".to_owned(),
            "F6" => "\x1b[17~".to_owned(),
            "ctrl-l" => "\x0c".to_owned(),
            name => {
                assert_eq!(name.chars().count(), 1, "no key {name:?}");
                name.to_owned()
            }
        },
    };
    text.split_whitespace().map(key).collect()
}

/// What the test does to a terminal and waits for.
pub(crate) trait Drive {
    /// Presses keys, see [`keys`].
    fn press(&mut self, text: &str);
    /// Waits for a text on the screen.
    fn see(&mut self, text: &str) -> Screen;
    /// Waits until a text is gone.
    fn miss(&mut self, text: &str);
}

impl Drive for Terminal {
    #[track_caller]
    fn press(&mut self, text: &str) {
        self.send_str(&keys(text)).unwrap();
    }

    #[track_caller]
    fn see(&mut self, text: &str) -> Screen {
        self.wait_until(|screen| screen.contains(text)).unwrap();
        // A text may be seen before the end of its frame; while a run goes on there may be no rest.
        let _ = self.wait_idle(Duration::from_millis(20));
        self.screen()
    }

    #[track_caller]
    fn miss(&mut self, text: &str) {
        self.wait_until(|screen| !screen.contains(text)).unwrap();
    }
}

/// The picture that the command line draws in the same place, as a file.
pub(crate) fn generated(place: &Place, arguments: &[&str]) -> PathBuf {
    let output = place.path("generated.png");
    let result = Command::new(PROGRAM)
        .arg("generate")
        .args(arguments)
        .arg("--output")
        .arg(&output)
        .current_dir(place.folder())
        .env_clear()
        .envs(place.environment())
        .output()
        .unwrap();
    assert!(result.status.success(), "{result:?}");
    output
}

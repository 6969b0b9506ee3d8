//! What the application says, and the log of it.

use super::App;
use sigmalab_terminal::meter::ByteMeter;

/// A line about what was done last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub text: String,
    pub is_problem: bool,
}

impl App {
    /// Says what was done, and remembers it.
    pub(in crate::tui) fn say(&mut self, text: impl Into<String>) {
        self.tell(Message { text: text.into(), is_problem: false });
    }

    /// Says what went wrong, and remembers it.
    pub(in crate::tui) fn complain(&mut self, text: impl Into<String>) {
        self.tell(Message { text: text.into(), is_problem: true });
    }

    fn tell(&mut self, message: Message) {
        self.write_down(message.clone());
        self.message = Some(message);
    }

    /// Into the log alone.
    pub(in crate::tui) fn write_down(&mut self, message: Message) {
        const MOST: usize = 1000;
        if self.log.len() >= MOST {
            self.log.remove(0);
        }
        self.log.push(message);
    }

    /// Something went wrong beside the application.
    pub fn trouble(&mut self, report: &str) {
        report.lines().for_each(|line| self.complain(line));
    }

    /// Says how many bytes were written to the terminal.
    pub fn say_bytes(&mut self, meter: &ByteMeter) {
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        self.say(format!(
            "written to the terminal: {:.1} KiB of frames, {:.1} KiB of pictures, {:.1} KiB of \
             modes and questions, in {} writes",
            kib(meter.frames),
            kib(meter.pictures),
            kib(meter.control),
            meter.writes
        ));
    }

    /// What would be printed, into the log, line by line.
    pub fn note(&mut self, text: &str) {
        text.lines().for_each(|line| self.say(line));
    }
}

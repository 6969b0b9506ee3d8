//! How a command ends badly: an exit code, one message, and ways out. Knows nothing of what
//! went wrong.

use sigmalab_experiment::launch::RefusalKind;
use std::fmt::Display;
use std::process::ExitCode;

/// Exit codes, as documented in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something failed while it ran.
    Failed = 1,
    /// Bad usage or bad input.
    BadInput = 2,
    /// A worker: the disk or the quota is at fault, and the same may go well later.
    Storage = 75,
    /// A worker: its machine is at fault, and another may do better.
    Machine = 78,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ended badly.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What happened; empty where everything was said already. It is told on one line, whatever the
    /// names in it hold.
    pub(crate) message: String,
    /// Further lines of it.
    pub(crate) below: Vec<String>,
    /// Ways out, one a line.
    pub(crate) ways_out: Vec<String>,
    /// What kind it is, where that matters to a program that asked.
    pub(crate) kind: Option<RefusalKind>,
}

impl Failure {
    /// A failure of an exit code.
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        let (below, ways_out) = (Vec::new(), Vec::new());
        Failure { exit, message: message.to_string(), below, ways_out, kind: None }
    }

    /// Bad usage or bad input.
    pub(crate) fn bad_input(message: impl Display) -> Self {
        Failure::new(Exit::BadInput, message)
    }

    /// Bad input whose message has several lines by its own layout: what it quotes ends none of them.
    pub(crate) fn bad_input_in_lines(message: impl Display) -> Self {
        let message = message.to_string();
        let mut lines = message.trim_end().split('\n');
        let first = lines.next().unwrap_or_default();
        lines.fold(Failure::bad_input(first), Failure::line)
    }

    /// A failure while running.
    pub(crate) fn failed(message: impl Display) -> Self {
        Failure::new(Exit::Failed, message)
    }

    /// The user stopped it.
    pub(crate) fn interrupted() -> Self {
        Failure::new(Exit::Interrupted, "interrupted; nothing was written")
    }

    /// Bad input whose report is the command's own output.
    pub(crate) fn reported() -> Self {
        Failure::bad_input("")
    }

    /// The same of a kind.
    pub(crate) fn of_kind(self, kind: RefusalKind) -> Self {
        Failure { kind: Some(kind), ..self }
    }

    /// Adds a line below the message.
    pub(crate) fn line(mut self, line: impl Display) -> Self {
        self.below.push(line.to_string());
        self
    }

    /// The message and the lines below it.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.message).chain(&self.below).map(String::as_str)
    }

    pub(crate) fn way_out(mut self, way: impl Display) -> Self {
        self.ways_out.push(way.to_string());
        self
    }
}

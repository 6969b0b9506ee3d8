//! What takes the keys for itself until it is answered: input lines, the palette, questions. Plain
//! data; how they are opened and answered is told in `asking.rs`.

use crate::tui::action::{Action, Call};
use crate::tui::line::Line;

/// Something that takes the keys for itself until it is answered.
#[derive(Debug, Clone)]
pub(in crate::tui) enum Asking {
    /// An input line for an action's argument.
    Line(LineAsk),
    Palette {
        line: Line,
        chosen: usize,
    },
    /// The keys, narrowed by what is typed.
    Help(Line),
    /// A question before something that cannot be undone.
    Question {
        text: String,
        call: Call,
    },
    /// One of several ways to go on.
    Choice(Choice),
    /// Something to read.
    Text(Reading),
}

impl Asking {
    /// Whether it is a value for the grid, and nothing is wrong with it.
    pub(in crate::tui) fn is_value(&self) -> bool {
        matches!(self, Asking::Line(ask) if ask.is_value())
    }
}

/// Several ways to go on.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Choice {
    pub(in crate::tui) title: String,
    pub(in crate::tui) text: String,
    /// In words, and what each does.
    pub(in crate::tui) ways: Vec<(String, Call)>,
    pub(in crate::tui) chosen: usize,
}

/// Something to read, in lines.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Reading {
    pub(in crate::tui) title: String,
    pub(in crate::tui) lines: Vec<(Tone, String)>,
}

/// How a line to read is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Tone {
    Plain,
    Head,
    Aside,
    Warning,
}

/// An input line for an action's argument.
#[derive(Debug, Clone)]
pub(in crate::tui) struct LineAsk {
    pub(in crate::tui) action: Action,
    pub(in crate::tui) line: Line,
    /// Whether the first character replaces the text.
    pub(in crate::tui) fresh: bool,
    /// What stands before the text in the argument, such as a parameter's `eta=`; an input line
    /// that is written out with a `=` of its own says it itself.
    pub(in crate::tui) before: String,
    /// What it takes, where that is more than the action says.
    pub(in crate::tui) hint: Option<String>,
    /// The preset that it is about, which keeps the list from meaning another one meanwhile.
    pub(in crate::tui) preset: Option<String>,
    /// What went wrong with it.
    pub(in crate::tui) problem: Option<String>,
}

impl LineAsk {
    /// A line that begins with a text, which typing replaces.
    pub(in crate::tui) fn new(action: Action, text: &str) -> Self {
        let (line, fresh) = (Line::new(text), !text.is_empty());
        let (before, hint, preset, problem) = (String::new(), None, None, None);
        LineAsk { action, line, fresh, before, hint, preset, problem }
    }

    /// The argument that it makes.
    pub(in crate::tui) fn argument(&self) -> String {
        let text = self.line.text();
        match text.contains('=') {
            true => text,
            false => format!("{}{text}", self.before),
        }
    }

    /// Whether it is a value for the grid, and nothing is wrong with it.
    pub(in crate::tui) fn is_value(&self) -> bool {
        self.action == Action::Set && self.problem.is_none()
    }
}

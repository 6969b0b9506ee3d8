//! Where keys are pressed, by the names that keymap files use. It knows no key.

use std::fmt;

/// Where a key is pressed. A key is looked up in the context, then in [`Context::Global`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Everywhere but in input lines and lists that filter.
    Global,
    /// The schedule grid.
    Grid,
    Presets,
    /// The comparison of A and B.
    Compare,
    /// The gallery of finished runs.
    Gallery,
    Samplers,
    Revisions,
    /// The experiments and run directories.
    Sweeps,
    /// The sweep that is followed.
    Sweep,
    /// Text that scrolls: log and help.
    Reading,
    /// An input line.
    Line,
    Palette,
    /// Several ways to go on.
    Choice,
    Question,
}

impl Context {
    /// Every context, in the order of help.
    pub const ALL: [Context; 14] = [
        Context::Grid,
        Context::Presets,
        Context::Compare,
        Context::Gallery,
        Context::Samplers,
        Context::Revisions,
        Context::Sweeps,
        Context::Sweep,
        Context::Reading,
        Context::Global,
        Context::Line,
        Context::Palette,
        Context::Choice,
        Context::Question,
    ];

    /// Its name in a keymap file.
    pub fn name(self) -> &'static str {
        match self {
            Context::Global => "global",
            Context::Grid => "grid",
            Context::Presets => "presets",
            Context::Compare => "compare",
            Context::Gallery => "gallery",
            Context::Samplers => "samplers",
            Context::Revisions => "revisions",
            Context::Sweeps => "sweeps",
            Context::Sweep => "sweep",
            Context::Reading => "reading",
            Context::Line => "line",
            Context::Palette => "palette",
            Context::Choice => "choice",
            Context::Question => "question",
        }
    }

    /// Whether keys of [`Context::Global`] count here too: not where letters are typed.
    pub fn inherits(self) -> bool {
        !matches!(
            self,
            Context::Global
                | Context::Line
                | Context::Palette
                | Context::Choice
                | Context::Question
        )
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

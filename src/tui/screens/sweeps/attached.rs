//! The run directory that is followed, as the screens show it: which of its faces, and which trial is
//! under the cursor. It reads nothing.

use super::{Cell, Setting, SweepView, Table, TrialRow, settings};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// What of a sweep takes the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Face {
    /// The settings with their means.
    Settings,
    /// The table, with the picture of the trial under the cursor.
    #[default]
    Table,
    /// The pictures of many trials.
    Sheet,
    /// Two columns as points.
    Scatter,
}

impl Face {
    /// Every face, in their order.
    pub const ALL: [Face; 4] = [Face::Settings, Face::Table, Face::Sheet, Face::Scatter];

    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Face::Table => Face::Sheet,
            Face::Sheet => Face::Scatter,
            Face::Scatter => Face::Settings,
            Face::Settings => Face::Table,
        }
    }
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Face::Settings => "settings",
            Face::Table => "table",
            Face::Sheet => "sheet",
            Face::Scatter => "scatter",
        })
    }
}

impl FromStr for Face {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Face::ALL.into_iter().find(|face| face.to_string() == text.trim()).ok_or_else(|| {
            format!("there is no view `{text}`: write settings, table, sheet or scatter")
        })
    }
}

/// What is to be done with a trial once its picture is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialIntent {
    /// Load it into the grid and show its picture.
    Load,
    Pin,
    /// Compare it as B with the pinned run A.
    Compare,
}

/// A run directory that is followed.
#[derive(Debug)]
pub struct Attached {
    pub directory: PathBuf,
    /// What it holds, once it was read.
    pub view: Option<Arc<SweepView>>,
    /// Why it cannot be read.
    pub problem: Option<String>,
    /// The trials in their order.
    pub table: Table,
    /// What takes the screen.
    pub face: Face,
    pub face_chosen: bool,
    /// Columns of the scatter that somebody chose.
    pub axes: [Option<String>; 2],
    /// Whether the picture takes the whole screen.
    pub zoomed: bool,
    /// What waits for a picture.
    pub(super) pending: Option<(String, TrialIntent)>,
}

impl Attached {
    pub(super) fn new(directory: PathBuf) -> Self {
        Attached {
            directory,
            view: None,
            problem: None,
            table: Table::default(),
            face: Face::default(),
            face_chosen: false,
            axes: [None, None],
            zoomed: false,
            pending: None,
        }
    }

    /// What it holds, or why that is not known.
    pub fn known(&self) -> Result<&Arc<SweepView>, String> {
        self.view.as_ref().ok_or_else(|| match &self.problem {
            Some(problem) => problem.clone(),
            None => format!("{} is still being read", self.directory.display()),
        })
    }

    /// The trial under the cursor.
    pub fn selected(&self) -> Option<&TrialRow> {
        self.table.selected(self.view.as_ref()?)
    }

    /// The settings of the trials that are shown, and which of them the cursor's trial has.
    pub fn settings(&self, view: &SweepView) -> (Vec<Setting>, usize) {
        let by =
            self.table.sort().and_then(|sort| Some((view.column(&sort.column)?, sort.descending)));
        let settings = settings::settings(view, self.table.order(), by);
        let here = self.table.selected(view).map(|trial| trial.setting.as_str());
        let at = settings.iter().position(|setting| Some(setting.name.as_str()) == here);
        (settings, at.unwrap_or(0))
    }

    /// Puts the cursor on the trial that stands for a setting.
    pub fn go_to_setting(&mut self, index: usize, view: &SweepView) {
        let (settings, _) = self.settings(view);
        let there = settings.get(index.min(settings.len().saturating_sub(1)));
        let row = there
            .and_then(|setting| self.table.order().iter().position(|trial| *trial == setting.best));
        if let Some(row) = row {
            self.table.go_to(row, view);
        }
    }

    /// Puts trials in their order again, after something changed about it.
    pub fn arrange(&mut self) {
        let Some(view) = self.view.clone() else { return };
        self.table.arrange(&view);
    }

    /// The columns of the scatter: the first swept value against the first metric that is known,
    /// where nobody chose others.
    pub fn scatter_columns(&self, view: &SweepView) -> Option<(usize, usize)> {
        let chosen = |at: usize| self.axes.get(at)?.as_ref().and_then(|name| view.column(name));
        let shown: Vec<usize> = view
            .columns
            .iter()
            .enumerate()
            .filter(|(at, _)| view.trials.iter().any(|t| t.cells.get(*at) != Some(&Cell::Empty)))
            .map(|(at, _)| at)
            .collect();
        let given = |wanted: bool| {
            let is = |at: &&usize| view.columns.get(**at).is_some_and(|c| c.given == wanted);
            shown.iter().find(is).copied()
        };
        Some((chosen(0).or(given(true))?, chosen(1).or(given(false))?))
    }

    /// The column after one, in a circle, among those that some trial has.
    pub fn column_after(&self, view: &SweepView, column: usize) -> Option<String> {
        let has =
            |at: &usize| view.trials.iter().any(|trial| trial.cells.get(*at) != Some(&Cell::Empty));
        let count = view.columns.len().max(1);
        let next = (1..=count).map(|by| (column + by) % count).find(has)?;
        view.columns.get(next).map(|column| column.name.clone())
    }
}

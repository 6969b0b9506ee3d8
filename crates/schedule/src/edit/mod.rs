//! Editing a preset's steps: what the grid changes, as invertible transactions and a tree of
//! undo. Knows nothing of keys or screens; every command is a function from a draft to a
//! transaction, and nothing changes before that transaction is applied.

pub mod cells;
mod change;
pub mod commands;
mod error;
pub mod expression;
mod history;
pub mod search;
pub mod stats;

pub use cells::Cells;
pub use change::{Change, Transaction};
pub use error::EditError;
pub use expression::Expression;
pub use history::{History, Revision, RevisionPath};
pub use stats::Stats;

use super::order::SamplingOrder;
use super::preset::{Preset, Step};
use super::sigmas::Schedule;
use super::size::Size;
use super::terminal::Terminal;
use std::fmt;
use std::ops::RangeInclusive;

/// A preset while it is edited.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its key in `presets.toml`.
    pub name: String,
    /// A sentence on what it is for.
    pub description: Option<String>,
    pub steps: SamplingOrder<Step>,
    /// Where the last step ends.
    pub terminal: Terminal,
}

impl Draft {
    /// The preset as it stands.
    pub fn preset(&self) -> Preset {
        Preset {
            name: self.name.clone(),
            description: self.description.clone(),
            steps: self.steps.clone(),
            terminal: self.terminal,
        }
    }

    /// Its schedule at a size. It may be broken: see [`Schedule::check`].
    pub fn schedule(&self, size: Size) -> Schedule {
        Schedule::new(self.steps.clone(), size, self.terminal)
    }

    /// A cell's value; `None` where there is no such step, counted from 0 in sampling order.
    pub fn value(&self, step: usize, column: Column) -> Option<f64> {
        self.steps.get(step).map(|step| column.of(step))
    }
}

impl From<Preset> for Draft {
    fn from(preset: Preset) -> Self {
        let Preset { name, description, steps, terminal } = preset;
        Draft { name, description, steps, terminal }
    }
}

impl From<&Preset> for Draft {
    fn from(preset: &Preset) -> Self {
        preset.clone().into()
    }
}

/// A column of the grid whose cells are edited. σ is no such column: it is solved for mu.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Column {
    /// Guidance weight.
    Gw,
    /// Mean of the step's noise schedule.
    Mu,
    /// Its standard deviation, above 0.
    Std,
}

impl Column {
    /// The columns, from left to right.
    pub const ALL: [Column; 3] = [Column::Gw, Column::Mu, Column::Std];

    /// Its name, as in `presets.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Column::Gw => "gw",
            Column::Mu => "mu",
            Column::Std => "std",
        }
    }

    /// Its place from the left, counted from 0.
    pub fn index(self) -> usize {
        match self {
            Column::Gw => 0,
            Column::Mu => 1,
            Column::Std => 2,
        }
    }

    /// This column's value of a step.
    pub fn of(self, step: &Step) -> f64 {
        match self {
            Column::Gw => step.gw,
            Column::Mu => step.mu,
            Column::Std => step.std,
        }
    }

    /// This column's value of a step, to change.
    pub fn of_mut(self, step: &mut Step) -> &mut f64 {
        match self {
            Column::Gw => &mut step.gw,
            Column::Mu => &mut step.mu,
            Column::Std => &mut step.std,
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A rectangle of cells; both ends of both ranges belong to it. Steps are counted from 0 in
/// sampling order.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Block {
    pub first_step: usize,
    /// Its last step, not before the first.
    pub last_step: usize,
    /// Its leftmost column.
    pub first_column: Column,
    /// Its rightmost column, not left of the first.
    pub last_column: Column,
}

impl Block {
    /// The block between two opposite corners, whichever they are.
    pub fn between(a: (usize, Column), b: (usize, Column)) -> Self {
        Block {
            first_step: a.0.min(b.0),
            last_step: a.0.max(b.0),
            first_column: a.1.min(b.1),
            last_column: a.1.max(b.1),
        }
    }

    pub fn cell(step: usize, column: Column) -> Self {
        Block::between((step, column), (step, column))
    }

    pub fn rows(steps: RangeInclusive<usize>) -> Self {
        Block::between((*steps.start(), Column::Gw), (*steps.end(), Column::Std))
    }

    /// A whole column of a draft.
    pub fn column(draft: &Draft, column: Column) -> Self {
        Block::between((0, column), (draft.steps.len().saturating_sub(1), column))
    }

    pub fn steps(&self) -> RangeInclusive<usize> {
        self.first_step..=self.last_step
    }

    /// Its columns, from left to right.
    pub fn columns(&self) -> impl Iterator<Item = Column> + Clone + use<> {
        let columns = self.first_column..=self.last_column;
        Column::ALL.into_iter().filter(move |column| columns.contains(column))
    }

    /// Its cells, row by row.
    pub fn cells(&self) -> impl Iterator<Item = (usize, Column)> + use<> {
        let columns = self.columns();
        self.steps().flat_map(move |step| columns.clone().map(move |column| (step, column)))
    }

    /// How many steps it spans.
    pub fn height(&self) -> usize {
        (self.last_step + 1).saturating_sub(self.first_step)
    }

    /// How many columns it spans.
    pub fn width(&self) -> usize {
        (self.last_column.index() + 1).saturating_sub(self.first_column.index())
    }

    /// Whether a cell belongs to it.
    pub fn contains(&self, step: usize, column: Column) -> bool {
        self.steps().contains(&step) && (self.first_column..=self.last_column).contains(&column)
    }

    /// What of it lies in a draft of that many steps; `None` where nothing does.
    pub fn within(&self, steps: usize) -> Option<Self> {
        let last_step = self.last_step.min(steps.checked_sub(1)?);
        (self.first_step <= last_step).then_some(Block { last_step, ..*self })
    }
}

#[cfg(test)]
mod tests;

//! Cells of a schedule as people point at them: a step and a column, and the numbers of a row. It
//! knows nothing of cursors and of drawing.

use sigmalab_schedule::edit::Column;

/// A column the cursor can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GridColumn {
    /// Guidance weight.
    Gw,
    Mu,
    Std,
    /// σ at the start of the step: typing into it solves mu.
    Sigma,
}

impl GridColumn {
    /// Every column, from left to right.
    pub const ALL: [GridColumn; 4] =
        [GridColumn::Gw, GridColumn::Mu, GridColumn::Std, GridColumn::Sigma];

    pub fn name(self) -> &'static str {
        match self {
            GridColumn::Gw => "gw",
            GridColumn::Mu => "mu",
            GridColumn::Std => "std",
            GridColumn::Sigma => "σ",
        }
    }

    /// The column of that name; σ is also `sigma`.
    pub fn named(name: &str) -> Option<Self> {
        GridColumn::ALL
            .into_iter()
            .find(|c| c.name() == name || (name == "sigma" && *c == GridColumn::Sigma))
    }

    /// The draft's column, where it is one.
    pub fn column(self) -> Option<Column> {
        match self {
            GridColumn::Gw => Some(Column::Gw),
            GridColumn::Mu => Some(Column::Mu),
            GridColumn::Std => Some(Column::Std),
            GridColumn::Sigma => None,
        }
    }

    pub(super) fn moved(self, by: isize) -> Self {
        let at = GridColumn::ALL.iter().position(|c| *c == self).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(GridColumn::ALL.len() - 1);
        GridColumn::ALL.get(to).copied().unwrap_or(self)
    }
}

impl From<Column> for GridColumn {
    fn from(column: Column) -> Self {
        match column {
            Column::Gw => GridColumn::Gw,
            Column::Mu => GridColumn::Mu,
            Column::Std => GridColumn::Std,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Step, counted from 0 in sampling order.
    pub step: usize,
    pub column: GridColumn,
}

/// Numbers of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Step, from 0.
    pub step: usize,
    /// The reference's number of it.
    pub loop_index: usize,
    pub gw: f64,
    pub mu: f64,
    pub std: f64,
    /// σ it starts at.
    pub sigma: f64,
    /// σ it ends at.
    pub sigma_next: f64,
    /// log SNR at its start.
    pub log_snr: f64,
}

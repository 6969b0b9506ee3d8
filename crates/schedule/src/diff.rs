//! What two presets say differently, cell by cell. Knows nothing of how it is shown.

use super::edit::{Column, Draft};
use super::preset::{Preset, Step};
use super::terminal::Terminal;

/// One cell that differs. Where a preset has no such step, it has no value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The step, counted from 0 in sampling order.
    pub step: usize,
    pub column: Column,
    /// The first preset's value.
    pub a: Option<f64>,
    /// The second one's.
    pub b: Option<f64>,
}

/// How two presets differ, names and descriptions aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The cells that differ, step by step in sampling order. Step k is compared with step k.
    pub cells: Vec<Cell>,
    pub steps: (usize, usize),
    /// Where each ends.
    pub terminals: (Terminal, Terminal),
}

impl Difference {
    pub fn of(a: &Preset, b: &Preset) -> Self {
        Difference::between((a.steps.as_slice(), a.terminal), (b.steps.as_slice(), b.terminal))
    }

    pub fn of_drafts(a: &Draft, b: &Draft) -> Self {
        Difference::between((a.steps.as_slice(), a.terminal), (b.steps.as_slice(), b.terminal))
    }

    /// Of steps in sampling order, each with where they end.
    pub fn between((a, end_a): (&[Step], Terminal), (b, end_b): (&[Step], Terminal)) -> Self {
        let rows = (0..a.len().max(b.len())).map(|step| (step, a.get(step), b.get(step)));
        let cells = rows.flat_map(|(step, a, b)| {
            Column::ALL.into_iter().filter_map(move |column| {
                let (a, b) = (a.map(|a| column.of(a)), b.map(|b| column.of(b)));
                (a != b).then_some(Cell { step, column, a, b })
            })
        });
        let (steps, terminals) = ((a.len(), b.len()), (end_a, end_b));
        Difference { cells: cells.collect(), steps, terminals }
    }

    /// Whether both make the same schedule at every size.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.terminals.0 == self.terminals.1
    }

    /// Whether a cell differs.
    pub fn contains(&self, step: usize, column: Column) -> bool {
        let place = self.cells.binary_search_by_key(&(step, column), |c| (c.step, c.column));
        place.is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn preset(gws: &[i8]) -> Preset {
        let steps = gws.iter().map(|&gw| Step { gw: f64::from(gw), mu: 0.0, std: 1.0 }).collect();
        Preset { name: "P".to_owned(), description: None, steps, terminal: Terminal::Zero }
    }

    #[test]
    fn changed_and_missing_cells_are_named() {
        let difference = Difference::of(&preset(&[7, 7]), &preset(&[7, 3, 3]));
        let cells: Vec<_> = difference.cells.iter().map(|c| (c.step, c.column, c.a, c.b)).collect();
        use Column::{Gw, Mu, Std};
        assert_eq!(
            cells,
            [
                (1, Gw, Some(7.0), Some(3.0)),
                (2, Gw, None, Some(3.0)),
                (2, Mu, None, Some(0.0)),
                (2, Std, None, Some(1.0)),
            ]
        );
        assert!(difference.contains(1, Gw) && !difference.contains(1, Mu));
        let ends = Preset { terminal: Terminal::Reference, ..preset(&[7]) };
        assert!(!Difference::of(&ends, &preset(&[7])).is_empty());
    }

    proptest! {
        #[test]
        fn there_is_no_difference_exactly_where_the_steps_are_the_same(
            a in prop::collection::vec(0i8..3, 1..5), b in prop::collection::vec(0i8..3, 1..5),
        ) {
            prop_assert_eq!(Difference::of(&preset(&a), &preset(&b)).is_empty(), a == b);
        }
    }
}

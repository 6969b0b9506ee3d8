//! How a product is dealt to tasks: which panels of which weights, and in what order.

use crate::formats::stored::Matrix;
use crate::tile::{COLUMNS, ROWS};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most panels in a task. The rows of a block come from afar once a task, and then from the second-level
/// cache once a panel, beside which the task's incomplete sums have to fit.
pub(super) const PANELS: usize = 4;
/// Most lanes of packed rows at a time; more rows are multiplied in turns (64 MiB).
pub(super) const PACKED_LANES: usize = 16 << 20;

/// Up to [`COLUMNS`] rows of a weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) matrix: Matrix<'a>,
    /// The first row of `matrix`.
    pub(super) row: usize,
    pub(super) count: usize,
    /// The column of the result that it gives.
    pub(super) column: usize,
    /// The first row's place among the outputs of all parts.
    pub(super) output: usize,
}

/// Panels, and which of them each task takes.
pub(super) struct Plan<'a> {
    pub(super) panels: Vec<Panel<'a>>,
    pub(super) tasks: Vec<Range<usize>>,
}

impl<'a> Plan<'a> {
    /// The outputs of `parts` one after the other, for `strips` strips of rows.
    pub(super) fn of_parts(parts: &[Matrix<'a>], strips: usize) -> Self {
        let mut panels = Vec::new();
        let mut first = 0;
        for matrix in parts {
            panels.extend(panels_of(*matrix, first, first));
            first += matrix.outputs;
        }
        let tasks = tasks_of(panels.len(), 1, strips);
        Self { panels, tasks }
    }

    /// The outputs of two weights, a panel of the one and the same of the other by turns.
    pub(super) fn of_both([first, second]: [Matrix<'a>; 2], strips: usize) -> Self {
        let both = panels_of(first, 0, 0).zip(panels_of(second, 0, first.outputs));
        let panels: Vec<_> = both.flat_map(|(first, second)| [first, second]).collect();
        let tasks = tasks_of(panels.len(), 2, strips);
        Self { panels, tasks }
    }
}

/// Deals panels, of which always `together` belong to each other. The last tasks are small, so that
/// threads end together. With few rows packing a panel is much of the work, and all are small.
fn tasks_of(panels: usize, together: usize, strips: usize) -> Vec<Range<usize>> {
    let spare = 4 * together * rayon::current_num_threads();
    let small = if strips < PANELS { panels } else { spare.min(panels) };
    let large = (panels - small) / PANELS * PANELS;
    let mut tasks: Vec<_> = (0..large).step_by(PANELS).map(|p| p..p + PANELS).collect();
    tasks.extend((large..panels).step_by(together).map(|p| p..p + together));
    tasks
}

fn panels_of<'a>(
    matrix: Matrix<'a>,
    column: usize,
    output: usize,
) -> impl Iterator<Item = Panel<'a>> {
    (0..matrix.outputs).step_by(COLUMNS).map(move |row| Panel {
        matrix,
        row,
        count: COLUMNS.min(matrix.outputs - row),
        column: column + row,
        output: output + row,
    })
}

/// Rows that are multiplied at a time: all if their packed lanes are few enough, else shares of equal
/// length.
pub(super) fn rows_at_a_time(rows: usize, depth: usize) -> usize {
    let most = (PACKED_LANES / (ROWS * depth).max(1)).max(1) * ROWS;
    let turns = rows.div_ceil(most).max(1);
    rows.div_ceil(turns).next_multiple_of(ROWS).max(ROWS)
}

/// Does the tasks 0…`tasks`, the next one whenever a thread is free: in the order of their numbers, so
/// that those at the end fill the gaps.
pub(super) fn deal(tasks: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = rayon::current_num_threads().min(tasks);
    (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= tasks {
                break;
            }
            work(task);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::stored::Stored;

    #[test]
    fn every_output_is_dealt_once_and_the_last_tasks_are_small() {
        let matrix = |outputs| Matrix { outputs, inputs: 4, values: Stored::F32(&[]), scale: None };
        for strips in [1, 30] {
            let plan = Plan::of_parts(&[matrix(1000), matrix(3), matrix(64)], strips);
            let mut outputs = vec![0; 1067];
            for task in plan.tasks.clone() {
                for panel in &plan.panels[task] {
                    outputs[panel.output..][..panel.count].iter_mut().for_each(|of| *of += 1);
                }
            }
            assert!(outputs.iter().all(|times| *times == 1));
            let last = plan.tasks.last().map(ExactSizeIterator::len);
            assert_eq!(last, Some(1));
        }
    }

    #[test]
    fn rows_that_need_turns_are_shared_evenly() {
        assert_eq!(rows_at_a_time(1324, 4608), 1332);
        let most = PACKED_LANES / 4608;
        let rows = rows_at_a_time(most + 1, 4608);
        assert!(rows >= most / 2 && rows < most / 2 + 2 * ROWS, "{rows}");
        assert_eq!(rows_at_a_time(1, usize::MAX / ROWS), ROWS);
    }

    #[test]
    fn all_tasks_are_done_once() {
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        deal(100, |task| {
            done[task].fetch_add(1, Ordering::Relaxed);
        });
        assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1));
        deal(0, |_| unreachable!());
    }
}

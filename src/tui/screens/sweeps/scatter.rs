//! Two columns of a sweep as points. It knows numbers and names, not cells of a screen.

use crate::tui::screens::sweeps::view::{Cell, SweepView};

/// Points of two columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// Place of the trial in the view, and its two values.
    pub points: Vec<(usize, f64, f64)>,
    /// How the values of x are written.
    pub x: Axis,
    /// How the values of y are written.
    pub y: Axis,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its column.
    pub name: String,
    /// Least and greatest value; a little apart where there is one value.
    pub bounds: [f64; 2],
    /// Names of values 0, 1, 2 …, where they are no numbers.
    pub names: Vec<String>,
}

impl Axis {
    /// A value as it is written beside the axis.
    pub fn label(&self, value: f64) -> String {
        if self.names.is_empty() {
            return sigmalab_experiment::report::digits(value);
        }
        self.names.get(value.round().max(0.0) as usize).cloned().unwrap_or_default()
    }
}

impl Scatter {
    /// The points of these trials that have both values. Texts stand in the order in which they
    /// come.
    pub fn of(view: &SweepView, order: &[usize], x: usize, y: usize) -> Self {
        let (mut x_axis, mut y_axis) = (axis(view, x), axis(view, y));
        let mut trials: Vec<usize> = order.to_vec();
        // Names come in the order of the experiment, however the table is sorted.
        trials.sort_unstable();
        let points: Vec<(usize, f64, f64)> = trials
            .iter()
            .filter_map(|index| {
                let trial = view.trials.get(*index)?;
                let x = value(trial.cells.get(x)?, &mut x_axis.names)?;
                Some((*index, x, value(trial.cells.get(y)?, &mut y_axis.names)?))
            })
            .collect();
        x_axis.bounds = bounds(points.iter().map(|point| point.1));
        y_axis.bounds = bounds(points.iter().map(|point| point.2));
        Scatter { points, x: x_axis, y: y_axis }
    }
}

fn axis(view: &SweepView, column: usize) -> Axis {
    let name = view.columns.get(column).map(|column| column.name.clone()).unwrap_or_default();
    Axis { name, bounds: [0.0, 1.0], names: Vec::new() }
}

fn value(cell: &Cell, names: &mut Vec<String>) -> Option<f64> {
    match cell {
        Cell::Empty => None,
        Cell::Number(number) => number.is_finite().then_some(*number),
        Cell::Text(text) => {
            let index = names.iter().position(|name| name == text).unwrap_or_else(|| {
                names.push(text.clone());
                names.len() - 1
            });
            Some(index as f64)
        }
    }
}

fn bounds(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (value.min(least), value.max(most))
    });
    if least > most {
        return [0.0, 1.0];
    }
    if least < most {
        return [least, most];
    }
    let apart = if least == 0.0 { 1.0 } else { least.abs() * 0.1 };
    [least - apart, least + apart]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_still_has_a_scale_and_none_has_the_usual_one() {
        assert_eq!(bounds([1.0, 3.0].into_iter()), [1.0, 3.0]);
        assert_eq!(bounds([0.0].into_iter()), [-1.0, 1.0]);
        assert_eq!(bounds([10.0].into_iter()), [9.0, 11.0]);
        assert_eq!(bounds([].into_iter()), [0.0, 1.0]);
    }
}

//! Orders of accuracy: how the error at the end of a run falls with the number of steps.

use super::finding::Seen;
use super::flow;
use super::grids::Grid;
use super::subject::Subject;
use super::trajectory::{Trajectory, spread};

/// Numbers of steps that are run. Orders are read off pairs of which one is the double.
const STEPS: [usize; 14] = [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384];

/// Below it, errors are those of f32 and no longer those of the method: some tens of roundings of
/// values of size 1.
const FLOOR: f64 = 4e-6;

/// How much lower than declared an observed order may be.
pub(super) const SLACK: f64 = 0.3;

/// Values that are followed.
const VALUES: usize = 64;

/// The order on a grid must be the declared one.
pub(super) fn order(subject: &Subject, grid: Grid) -> Seen {
    judge(subject, grid, &Guidance::Off, subject.info().order)
}

/// The order must not fall below 2, or below the declared one where that is lower, when the last
/// step reaches σ = 0.
pub(super) fn order_to_zero(subject: &Subject) -> Seen {
    if !subject.info().sigma_zero {
        return Seen::skipped("it cannot step to σ = 0");
    }
    judge(subject, Grid::ToZero, &Guidance::Off, subject.info().order.min(2))
}

/// The same when gw changes halfway: history must not be blended with weights of other steps.
pub(super) fn order_over_gw(subject: &Subject) -> Seen {
    judge(subject, Grid::Uneven, &Guidance::Changes, subject.info().order.min(2))
}

/// Guidance weights of a run.
enum Guidance {
    /// 1 throughout.
    Off,
    /// One weight in the first half and another in the second.
    Changes,
}

impl Guidance {
    fn of(&self, step: usize, steps: usize) -> f64 {
        match self {
            Guidance::Off => 1.0,
            Guidance::Changes if step < steps / 2 => 2.5,
            Guidance::Changes => 1.5,
        }
    }
}

fn judge(subject: &Subject, grid: Grid, guidance: &Guidance, wanted: u32) -> Seen {
    if wanted == 0 {
        return Seen::skipped("it declares no order");
    }
    let errors = match errors(subject, grid, guidance) {
        Ok(errors) => errors,
        Err(failure) => return Seen::failed(failure),
    };
    let Some(Observed { order, steps, error }) = observed(&errors) else {
        let smallest = errors.iter().map(|(_, error)| *error).fold(f64::INFINITY, f64::min);
        return Seen::passed(format!("errors are those of f32 at once ({smallest:.1e})"));
    };
    let detail = format!(
        "order {order:.2} from {} to {steps} steps (error {error:.1e}), {wanted} wanted",
        steps / 2
    );
    // NaN is no order.
    if order >= f64::from(wanted) - SLACK {
        Seen::passed(detail).of_order(order)
    } else {
        Seen::failed(detail).of_order(order)
    }
}

/// Root mean square errors at the end of runs, by their number of steps.
fn errors(subject: &Subject, grid: Grid, guidance: &Guidance) -> Result<Vec<(usize, f64)>, String> {
    let start = spread(VALUES);
    let mut errors = Vec::new();
    for steps in STEPS {
        let sigmas = grid.sigmas(steps);
        let gw: Vec<f64> = (0..steps).map(|step| guidance.of(step, steps)).collect();
        let run = Trajectory::run(subject, &sigmas, &gw, &subject.defaults(), start.clone())
            .map_err(|failure| format!("of {steps} steps, {failure}"))?;
        let exact = |x: f32| {
            // Stretches of equal gw, each followed exactly.
            let turn = if matches!(guidance, Guidance::Off) { 0 } else { steps / 2 };
            let ends = [0, turn, steps].map(|at| sigmas.get(at).copied().unwrap_or_default());
            let [first, middle, last] = ends;
            let half = match turn {
                0 => f64::from(x),
                _ => flow::exact(f64::from(x), first, middle, guidance.of(0, steps)),
            };
            flow::exact(half, middle, last, guidance.of(steps - 1, steps))
        };
        let squares = run.end().iter().zip(&start).map(|(&x, &from)| {
            let error = f64::from(x) - exact(from);
            error * error
        });
        errors.push((steps, (squares.sum::<f64>() / VALUES as f64).sqrt()));
    }
    Ok(errors)
}

/// An order, the larger of the two numbers of steps it was read off at, and the error there.
struct Observed {
    order: f64,
    steps: usize,
    error: f64,
}

/// The order that the errors show where there are most steps and rounding does not count yet.
fn observed(errors: &[(usize, f64)]) -> Option<Observed> {
    let mut pairs = errors.iter().filter_map(|&(steps, coarse)| {
        let (double, error) = *errors.iter().find(|(other, _)| *other == 2 * steps)?;
        let order = (coarse / error).log2();
        // Errors that do not fall are none of f32, whatever their size.
        (error >= FLOOR || error.is_nan()).then_some(Observed { order, steps: double, error })
    });
    pairs.next_back()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_order_is_read_off_above_the_rounding_of_f32() {
        let errors = |order: f64, floor: f64| -> Vec<(usize, f64)> {
            STEPS.iter().map(|&n| (n, (n as f64).powf(-order).max(floor))).collect()
        };
        let seen = observed(&errors(2.0, 1e-7)).unwrap();
        assert!((seen.order - 2.0).abs() < 1e-9 && seen.steps == 384);
        let seen = observed(&errors(5.0, 1e-7)).unwrap();
        assert!((seen.order - 5.0).abs() < 1e-9 && seen.steps == 12);
        assert!(observed(&errors(20.0, 1e-7)).is_none());
    }
}

//! The last step, by itself: from an exact state to the end, where mistakes of a branch that is
//! taken once a run are not hidden by the other steps.

use super::accuracy::SLACK;
use super::finding::Seen;
use super::flow;
use super::subject::Subject;
use super::trajectory::{Trajectory, spread};

/// Where the last step starts. Each is half the one before, so that the order can be read off.
const FROM: [f64; 4] = [0.2, 0.1, 0.05, 0.025];

/// Values that are followed.
const VALUES: usize = 64;

/// The last step to σ = 0 must be consistent: its error falls as the square of its length, or
/// faster.
pub(super) fn last_step_to_zero(subject: &Subject) -> Seen {
    if !subject.info().sigma_zero {
        return Seen::skipped("it takes no step to σ = 0");
    }
    last_step(subject, 0.0)
}

/// The same to a σ above 0.
pub(super) fn last_step_above_zero(subject: &Subject) -> Seen {
    last_step(subject, 0.25)
}

/// The last step of `FROM` to a part of it.
fn last_step(subject: &Subject, part: f64) -> Seen {
    if subject.info().order == 0 {
        return Seen::skipped("it declares no order");
    }
    let errors: Result<Vec<f64>, String> =
        FROM.iter().map(|&from| error(subject, from, from * part)).collect();
    let errors = match errors {
        Ok(errors) => errors,
        Err(failure) => return Seen::failed(failure),
    };
    let [.., coarse, fine] = errors[..] else { return Seen::skipped("there are no steps") };
    let order = (coarse / fine).log2();
    let detail = format!("error of the step falls with order {order:.2} ({fine:.1e} at last)");
    // Errors at the rounding of f32 have no order and need none.
    if order >= 2.0 - SLACK || fine < 1e-6 { Seen::passed(detail) } else { Seen::failed(detail) }
}

/// Root mean square error of one step, behind as many exact ones as the sampler reads.
fn error(subject: &Subject, from: f64, to: f64) -> Result<f64, String> {
    let history_len = subject.info().history_len;
    let length = from - to;
    // States before it lie as far apart as it is long, as long as there is room.
    let earlier = (1..=history_len).rev().map(|back| from + length * back as f64);
    let sigmas: Vec<f64> = earlier.filter(|sigma| *sigma < 1.0).chain([from, to]).collect();
    let steps = sigmas.len() - 1;
    let first = sigmas.first().copied().unwrap_or(from);
    let start = spread(VALUES);
    let states = sigmas
        .iter()
        .take(steps)
        .map(|&sigma| {
            let at = |x: &f32| flow::exact(f64::from(*x), first, sigma, 1.0) as f32;
            start.iter().map(at).collect()
        })
        .collect();
    let gw = vec![1.0; steps];
    let trajectory = Trajectory::through(&sigmas, &gw, &subject.defaults(), history_len, states);
    let (out, result) = trajectory.again(subject, steps - 1).ok_or("the check has no such step")?;
    result.map_err(|error| format!("from σ {from} to {to}: {error}"))?;
    let squares = out.iter().zip(&start).map(|(&x, &from)| {
        let error = f64::from(x) - flow::exact(f64::from(from), first, to, 1.0);
        error * error
    });
    let error = (squares.sum::<f64>() / VALUES as f64).sqrt();
    match error.is_finite() {
        true => Ok(error),
        false => Err(format!("from σ {from} to {to}: its output is not finite")),
    }
}

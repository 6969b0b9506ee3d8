//! The same input must give the same bits: again, in another order, and on several threads.

use super::finding::Seen;
use super::grids::Grid;
use super::subject::Subject;
use super::trajectory::{Trajectory, same_bits, spread};

/// Steps of the run that is repeated.
const STEPS: usize = 8;

/// Values of its tensors: no multiple of what a vector holds.
const VALUES: usize = 1003;

fn run(subject: &Subject) -> Result<Trajectory, String> {
    let sigmas = Grid::Uneven.sigmas(STEPS);
    let gw: Vec<f64> = (0..STEPS).map(|step| if step < STEPS / 2 { 4.0 } else { 1.0 }).collect();
    Trajectory::run(subject, &sigmas, &gw, &subject.defaults(), spread(VALUES))
}

/// Two runs must end at the same bits.
pub(super) fn determinism(subject: &Subject) -> Seen {
    match (run(subject), run(subject)) {
        (Ok(first), Ok(second)) if same_bits(first.end(), second.end()) => {
            Seen::passed("two runs end at the same bits")
        }
        (Ok(_), Ok(_)) => Seen::failed("two runs of the same input end at different bits"),
        (Err(failure), _) | (_, Err(failure)) => Seen::failed(failure),
    }
}

/// Steps taken again, out of order, must give the bits they gave first.
pub(super) fn statelessness(subject: &Subject) -> Seen {
    let first = match run(subject) {
        Ok(first) => first,
        Err(failure) => return Seen::failed(failure),
    };
    // Every step twice in a row, and no step behind the one before it.
    let orders: [&[usize]; 3] =
        [&[7, 6, 5, 4, 3, 2, 1, 0], &[3, 3, 0, 5, 1, 7, 7, 2, 6, 4], &[0, 4, 2, 2, 6, 1, 5, 3, 7]];
    for order in orders {
        for &index in order {
            if let Some(problem) = differs(subject, &first, index) {
                return Seen::failed(format!("{problem}: it keeps something between steps"));
            }
        }
    }
    Seen::passed("steps taken again in any order give the same bits")
}

/// Steps taken on several threads at once must give the bits they gave alone.
pub(super) fn threads(subject: &Subject) -> Seen {
    let first = match run(subject) {
        Ok(first) => first,
        Err(failure) => return Seen::failed(failure),
    };
    let work = |offset: usize| {
        (0..40 * STEPS).find_map(|step| differs(subject, &first, (step + offset) % STEPS))
    };
    let problem = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|offset| scope.spawn(move || work(offset * 3))).collect();
        threads.into_iter().find_map(|thread| thread.join().ok().flatten())
    });
    match problem {
        Some(problem) => Seen::failed(format!("on four threads at once, {problem}")),
        None => Seen::passed("four threads at once give the same bits"),
    }
}

fn differs(subject: &Subject, first: &Trajectory, index: usize) -> Option<String> {
    let (out, result) = first.again(subject, index)?;
    match result {
        Err(error) => Some(format!("step {index} taken again fails: {error}")),
        Ok(()) if same_bits(&out, first.output(index)?) => None,
        Ok(()) => Some(format!("step {index} taken again gives other bits")),
    }
}

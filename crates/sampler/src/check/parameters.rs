//! Parameters: every one at both ends of its range, and nothing beyond.

use super::finding::Seen;
use super::grids::Grid;
use super::subject::Subject;
use super::trajectory::{Trajectory, spread};

/// Each parameter at its least, its greatest and its default value, or at each choice, must give
/// numbers; values beyond must be refused before the sampler sees them.
pub(super) fn bounds(subject: &Subject) -> Seen {
    let info = subject.info();
    if info.params.is_empty() {
        return Seen::skipped("it has no parameters");
    }
    for param in info.params.iter() {
        for value in [param.min - 1.0, param.max + 1.0, f64::NAN] {
            if param.check(value).is_ok() {
                return Seen::failed(format!("{} = {value} is not refused", param.key));
            }
        }
    }
    let settings = subject.settings();
    let (mut tried, mut refused) = (0, 0);
    for (words, params) in &settings {
        if let Err(words_of_its_own) = subject.takes(params) {
            if *params == subject.defaults() {
                return Seen::failed(format!("it refuses its own defaults: {words_of_its_own}"));
            }
            refused += 1;
            continue;
        }
        let mut grids = vec![Grid::Uneven];
        if info.sigma_zero {
            grids.push(Grid::ToZero);
        }
        for grid in grids {
            let sigmas = grid.sigmas(6);
            let run = Trajectory::run(subject, &sigmas, &[2.0; 6], params, spread(17));
            if let Err(failure) = run {
                return Seen::failed(format!("with {words}, {failure}"));
            }
        }
        tried += 1;
    }
    let refused = match refused {
        0 => String::new(),
        number => format!(", {number} refused by itself"),
    };
    Seen::passed(format!("{tried} settings at the ends of the ranges work{refused}"))
}

//! Hosts of other versions than this one: structs with fields behind those that the plugin knows,
//! and without those that version 1.0 can do without.

use super::finding::Seen;
use super::flow::FlowHost;
use super::grids::Grid;
use super::subject::Subject;
use super::trajectory::{Trajectory, same_bits, spread};
use crate::SamplerError;
use crate::plugin::{Shape, Spent};

const NO_BOUNDARY: &str = "it is built in";

/// Larger structs must change nothing.
pub(super) fn newer_host(subject: &Subject) -> Seen {
    same_as(subject, Shape::Newer)
}

/// Nor must a host without what may be absent.
pub(super) fn oldest_host(subject: &Subject) -> Seen {
    same_as(subject, Shape::Oldest)
}

/// A step that lacks what version 1.0 needs must be refused.
pub(super) fn broken_step(subject: &Subject) -> Seen {
    let run = match run(subject) {
        Ok(run) => run,
        Err(failure) => return Seen::failed(failure),
    };
    match step(subject, &run, 0, Shape::Broken) {
        None => Seen::skipped(NO_BOUNDARY),
        Some((_, Ok(()), _)) => {
            Seen::failed("a step smaller than SIGMALAB_STEP_MIN_SIZE is taken as if it were whole")
        }
        Some((_, Err(_), Spent { code, .. })) => {
            Seen::passed(format!("a step that is too small is refused (code {code})"))
        }
    }
}

fn run(subject: &Subject) -> Result<Trajectory, String> {
    let sigmas = Grid::Uneven.sigmas(5);
    Trajectory::run(subject, &sigmas, &[2.0; 5], &subject.defaults(), spread(64))
}

fn same_as(subject: &Subject, shape: Shape) -> Seen {
    let run = match run(subject) {
        Ok(run) => run,
        Err(failure) => return Seen::failed(failure),
    };
    for index in 0..run.len() {
        match step(subject, &run, index, shape) {
            None => return Seen::skipped(NO_BOUNDARY),
            Some((_, Err(error), _)) => return Seen::failed(format!("step {index}: {error}")),
            Some((out, Ok(()), _)) => {
                if !run.output(index).is_some_and(|first| same_bits(first, &out)) {
                    return Seen::failed(format!("step {index} gives other bits"));
                }
            }
        }
    }
    Seen::passed("the same bits")
}

type Stepped = (Vec<f32>, Result<(), SamplerError>, Spent);

fn step(subject: &Subject, run: &Trajectory, index: usize, shape: Shape) -> Option<Stepped> {
    let mut host = FlowHost::of(index);
    run.with_input(index, |input| {
        let mut out = vec![0.0; input.x.len()];
        let (result, spent) = subject.step_as(shape, input, &mut host, &mut out)?;
        Some((out, result, spent))
    })?
}

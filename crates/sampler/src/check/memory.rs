//! Memory: tensors that end where unusable memory begins. A step that goes one value too far ends
//! the process there, which is what the check looks for.

use super::fence::{Fenced, Side};
use super::finding::Seen;
use super::flow::FlowHost;
use super::grids::Grid;
use super::subject::Subject;
use super::trajectory::{Trajectory, same_bits, spread};
use crate::{HistoryEntry, StepInput};
use std::io;

/// Values of the tensors: no multiple of what a vector holds.
const VALUES: usize = 1003;

/// Steps that are tried: the first ones, whose history is short, too.
const STEPS: usize = 5;

/// A step must not write past the end of its output.
pub(super) fn output_end(subject: &Subject) -> Seen {
    output(subject, Side::End)
}

/// Nor before its beginning.
pub(super) fn output_beginning(subject: &Subject) -> Seen {
    output(subject, Side::Beginning)
}

/// It must not read past the end of its tensors, and must not write to them at all.
pub(super) fn inputs(subject: &Subject) -> Seen {
    let run = match run(subject) {
        Ok(run) => run,
        Err(seen) => return seen,
    };
    for index in 0..run.len() {
        for side in [Side::End, Side::Beginning] {
            let out = run.with_input(index, |input| step_on_fenced(subject, input, side));
            match out {
                Some(Ok(Ok(out))) if run.output(index).is_some_and(|o| same_bits(o, &out)) => {}
                Some(Ok(Ok(_))) => {
                    return Seen::failed(format!("step {index} gives other bits than elsewhere"));
                }
                Some(Ok(Err(failure))) => return Seen::failed(format!("step {index}: {failure}")),
                Some(Err(error)) => return Seen::skipped(format!("no memory for it: {error}")),
                None => {}
            }
        }
    }
    Seen::passed("it stays within its tensors and leaves them alone")
}

/// A run of a plugin to take steps of.
fn run(subject: &Subject) -> Result<Trajectory, Seen> {
    if !subject.is_plugin() {
        return Err(Seen::skipped("it is built in"));
    }
    let sigmas = Grid::Uneven.sigmas(STEPS);
    let gw: Vec<f64> = (0..STEPS).map(|step| if step < 2 { 1.0 } else { 3.0 }).collect();
    Trajectory::run(subject, &sigmas, &gw, &subject.defaults(), spread(VALUES))
        .map_err(Seen::failed)
}

fn output(subject: &Subject, side: Side) -> Seen {
    let run = match run(subject) {
        Ok(run) => run,
        Err(seen) => return seen,
    };
    for index in 0..run.len() {
        let fenced = match Fenced::holding(&vec![f32::NAN; VALUES], side) {
            Ok(fenced) => fenced,
            Err(error) => return Seen::skipped(format!("no memory for it: {error}")),
        };
        let mut host = FlowHost::of(index);
        let result =
            run.with_input(index, |input| subject.step_into(input, &mut host, fenced.room()));
        if let Some(Some((Err(error), _))) = result {
            return Seen::failed(format!("step {index}: {error}"));
        }
        if !run.output(index).is_some_and(|first| same_bits(first, fenced.values())) {
            return Seen::failed(format!("step {index} gives other bits than elsewhere"));
        }
    }
    Seen::passed("it stays within its output")
}

type Out = Result<Vec<f32>, String>;

fn step_on_fenced(subject: &Subject, input: &StepInput<'_>, side: Side) -> io::Result<Out> {
    let fence = |values: &[f32]| -> io::Result<Fenced> {
        let fenced = Fenced::holding(values, side)?;
        fenced.make_read_only()?;
        Ok(fenced)
    };
    let optional = |values: Option<&[f32]>| values.map(fence).transpose();
    let history = input
        .history
        .iter()
        .map(|past| {
            let tensors = [fence(past.x)?, fence(past.v)?, fence(past.v_cond)?];
            Ok((past, tensors, optional(past.v_uncond)?))
        })
        .collect::<io::Result<Vec<_>>>()?;
    let history: Vec<HistoryEntry<'_>> = history
        .iter()
        .map(|(past, [x, v, v_cond], v_uncond)| HistoryEntry {
            x: x.values(),
            v: v.values(),
            v_cond: v_cond.values(),
            v_uncond: v_uncond.as_ref().map(Fenced::values),
            ..**past
        })
        .collect();
    let [x, v, v_cond] = [fence(input.x)?, fence(input.v)?, fence(input.v_cond)?];
    let v_uncond = optional(input.v_uncond)?;
    let input = StepInput {
        x: x.values(),
        v: v.values(),
        v_cond: v_cond.values(),
        v_uncond: v_uncond.as_ref().map(Fenced::values),
        history: &history,
        ..*input
    };
    let mut host = FlowHost::of(input.index);
    let mut out = vec![f32::NAN; input.x.len()];
    let (result, _) = subject.step(&input, &mut host, &mut out);
    Ok(result.map(|()| out).map_err(|error| error.to_string()))
}

//! How a sampler takes bad news, and what it leaves behind: a cancelled run, a network that fails,
//! numbers of unusual length, the processor's state.

use super::finding::Seen;
use super::flow::{FlowHost, Mishap};
use super::grids::Grid;
use super::subject::Subject;
use super::trajectory::{Trajectory, same_bits, spread};
use crate::SamplerError;
use crate::plugin::floating_point_is_sound;
use sigmalab_sampler_sdk::abi;
use std::time::{Duration, Instant};

/// Values of the latents of an image of 1024×1024: 64·64 tokens of 128.
const LATENTS: usize = 64 * 64 * 128;

/// How long a step may go on by itself after the run was cancelled.
const SOON: Duration = Duration::from_secs(2);

fn run(subject: &Subject, len: usize) -> Result<Trajectory, String> {
    let sigmas = Grid::Uneven.sigmas(4);
    Trajectory::run(subject, &sigmas, &[2.0; 4], &subject.defaults(), spread(len))
}

/// A run that is cancelled while the network works must end there, with the code for it; one that
/// was cancelled before, soon.
pub(super) fn cancellation(subject: &Subject) -> Seen {
    if let Some(problem) = mishap(subject, Mishap::Cancelled, abi::CANCELLED) {
        return Seen::failed(problem);
    }
    let run = match run(subject, LATENTS) {
        Ok(run) => run,
        Err(failure) => return Seen::failed(failure),
    };
    let mut longest = Duration::ZERO;
    for index in 0..run.len() {
        let mut host = FlowHost::cancelled_before(index);
        let started = Instant::now();
        let result = run
            .with_input(index, |input| subject.step(input, &mut host, &mut vec![0.0; LATENTS]).0);
        longest = longest.max(started.elapsed());
        match result {
            Some(Ok(()) | Err(SamplerError::Cancelled)) | None => {}
            Some(Err(error)) => {
                return Seen::failed(format!("step {index} of a cancelled run: {error}"));
            }
        }
    }
    let detail = format!(
        "a cancelled step at 1024×1024 returns within {:.1} ms",
        longest.as_secs_f64() * 1e3
    );
    if longest <= SOON { Seen::passed(detail) } else { Seen::failed(detail) }
}

/// When the network fails, the step must end at once with the host's own code.
pub(super) fn network_failure(subject: &Subject) -> Seen {
    if subject.info().evaluations_per_step == 1 {
        return Seen::skipped("it makes no evaluation of its own");
    }
    match mishap(subject, Mishap::NetworkFails, abi::E_EVALUATION) {
        Some(problem) => Seen::failed(problem),
        None => Seen::passed("it passes the host's code on at once"),
    }
}

/// What goes wrong when the first evaluation of a step ends in `mishap`, whose code is `code`.
fn mishap(subject: &Subject, mishap: Mishap, code: i32) -> Option<String> {
    let run = match run(subject, 64) {
        Ok(run) => run,
        Err(failure) => return Some(failure),
    };
    for index in 0..run.len() {
        let mut host = FlowHost::with(mishap, index);
        let mut out = [0.0; 64];
        let stepped = run.with_input(index, |input| subject.step(input, &mut host, &mut out))?;
        let (result, spent) = stepped;
        // Steps that evaluate nothing meet no mishap.
        if spent.evaluations == 0 {
            continue;
        }
        if host.after_mishap > 0 || spent.evaluations > 1 {
            return Some(format!("step {index} goes on evaluating after eval returned {code}"));
        }
        if subject.is_plugin() && spent.code != code {
            return Some(format!(
                "step {index} returns {} after eval returned {code}: it must pass that on",
                spent.code
            ));
        }
        if result.is_ok() {
            return Some(format!("step {index} says that all is well after eval returned {code}"));
        }
    }
    None
}

/// Tensors of any length must work.
pub(super) fn lengths(subject: &Subject) -> Seen {
    for len in [1, 2, 3, 17, 100, 1000] {
        if let Err(failure) = run(subject, len) {
            return Seen::failed(format!("with {len} values, {failure}"));
        }
    }
    Seen::passed("tensors of 1 to 1000 values work")
}

/// A step must leave the processor's way of computing as it was.
pub(super) fn floating_point(subject: &Subject) -> Seen {
    match run(subject, 64) {
        Err(failure) => Seen::failed(failure),
        // It was sound when the plugin was opened; a check before this one may have seen its end.
        Ok(_) if !floating_point_is_sound() => {
            Seen::failed("after a step, numbers are rounded or cut off otherwise than before")
        }
        Ok(_) => Seen::passed("rounding and small numbers are as before"),
    }
}

/// The same step over the same memory must not depend on what was in the output.
pub(super) fn scratch(subject: &Subject) -> Seen {
    let run = match run(subject, 64) {
        Ok(run) => run,
        Err(failure) => return Seen::failed(failure),
    };
    for index in 0..run.len() {
        for before in [0.0, -7.5, f32::NAN, f32::INFINITY] {
            let mut out = [before; 64];
            let mut host = FlowHost::of(index);
            let result = run.with_input(index, |input| subject.step(input, &mut host, &mut out).0);
            if let Some(Err(error)) = result {
                return Seen::failed(format!("step {index}: {error}"));
            }
            if !run.output(index).is_some_and(|first| same_bits(first, &out)) {
                return Seen::failed(format!(
                    "step {index} gives other bits when {before} was in its output before"
                ));
            }
        }
    }
    Seen::passed("what was in the output before does not matter")
}

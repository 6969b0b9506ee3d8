//! What a sampler declares to need, against what it uses: evaluations and earlier steps.

use super::finding::Seen;
use super::flow::FlowHost;
use super::grids::Grid;
use super::subject::Subject;
use super::trajectory::{Trajectory, spread};
use crate::StepInput;

/// Steps of the run that is looked at.
const STEPS: usize = 6;

/// Values of its tensors.
const VALUES: usize = 16;

/// Runs with every setting that is worth trying and that the sampler takes.
fn runs(subject: &Subject) -> Result<Vec<Trajectory>, String> {
    let mut runs = Vec::new();
    for (words, params) in subject.settings() {
        if subject.takes(&params).is_err() {
            continue;
        }
        for gw in [1.0, 3.0] {
            let sigmas = Grid::Uneven.sigmas(STEPS);
            let run = Trajectory::run(subject, &sigmas, &[gw; STEPS], &params, spread(VALUES));
            runs.push(run.map_err(|failure| format!("with {words}, {failure}"))?);
        }
    }
    Ok(runs)
}

/// It must make as many evaluations at most as it declares: more are refused, and fewer make
/// every plan wrong.
pub(super) fn evaluations(subject: &Subject) -> Seen {
    let declared = subject.info().evaluations_per_step;
    let runs = match runs(subject) {
        Ok(runs) => runs,
        Err(failure) => return Seen::failed(failure),
    };
    let counts = runs.iter().flat_map(|run| run.spent.iter().map(|spent| spent.evaluations + 1));
    let most = counts.max().unwrap_or(0);
    let detail = format!("{declared} a step declared, {most} counted at most");
    if most == declared { Seen::passed(detail) } else { Seen::failed(detail) }
}

/// It must read as many earlier steps as it declares: those that nobody reads cost memory in
/// every run.
pub(super) fn history(subject: &Subject) -> Seen {
    let declared = subject.info().history_len;
    if declared == 0 {
        return Seen::passed("none declared, and none given");
    }
    let runs = match runs(subject) {
        Ok(runs) => runs,
        Err(failure) => return Seen::failed(failure),
    };
    let mut read = 0;
    for run in &runs {
        for index in 1..run.len() {
            let deepest = (1..=declared.min(index)).rev().find(|&depth| {
                run.with_input(index, |input| reads(subject, input, depth)) == Some(true)
            });
            read = read.max(deepest.unwrap_or(0));
        }
    }
    let steps =
        |number: usize| if number == 1 { "1 step".into() } else { format!("{number} steps") };
    let detail = format!("{} declared, {} read", steps(declared), steps(read));
    if read == declared { Seen::passed(detail) } else { Seen::failed(detail) }
}

/// Whether the output depends on the earlier step `depth` back, 1 being the last, or on whether it
/// is there.
fn reads(subject: &Subject, input: &StepInput<'_>, depth: usize) -> bool {
    let out = |input: &StepInput<'_>| {
        let mut out = vec![0.0; input.x.len()];
        let mut host = FlowHost::of(input.index);
        let (result, _) = subject.step(input, &mut host, &mut out);
        (result, out)
    };
    let other: Vec<f32> = (0..input.x.len()).map(|place| 3.0 + place as f32).collect();
    let mut history = input.history.to_vec();
    let Some(entry) = history.get_mut(depth - 1) else { return false };
    entry.x = &other;
    entry.v = &other;
    entry.v_cond = &other;
    entry.v_uncond = entry.v_uncond.map(|_| &other[..]);
    let own = out(input);
    // Solvers may also look whether there is such a step, and at nothing in it.
    let shorter = input.history.get(..depth - 1).unwrap_or_default();
    own != out(&StepInput { history: &history, ..*input })
        || own != out(&StepInput { history: shorter, ..*input })
}

//! The weights of a linear solver, found out by asking it for steps of unit vectors. It takes the
//! solver as it is: a plugin's arithmetic is written down nowhere else.

use super::guidance::{blend, needs_unconditional};
use sigmalab_sampler::{Choice, HistoryEntry, Host, SamplerError, StepInput, Velocities};
use sigmalab_tune::weights::{Stencil, Weights};

/// Vectors of one step: x, v_cond and v_uncond.
const VECTORS: usize = 3;

/// The weights of the solver's steps at `stencils`; `None` where it is not linear, asks for
/// evaluations of its own or draws noise.
pub(super) fn weigh(
    choice: &Choice,
    stencils: &[Stencil],
) -> Result<Option<Vec<Weights>>, SamplerError> {
    let info = choice.sampler.info();
    if info.evaluations_per_step != 1 || info.stochastic {
        return Ok(None);
    }
    let mut all = Vec::with_capacity(stencils.len());
    for stencil in stencils {
        match one(choice, stencil) {
            Ok(Some(weights)) => all.push(weights),
            // It asked for what only a run has.
            Ok(None) | Err(SamplerError::Evaluation(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(all))
}

fn one(choice: &Choice, stencil: &Stencil) -> Result<Option<Weights>, SamplerError> {
    let looks_back = choice.sampler.info().history_len.min(stencil.past.len());
    let rows = 1 + looks_back;
    // A value for each vector, one that mixes them all, and one where all are 0.
    let (mixed, zero) = (VECTORS * rows, VECTORS * rows + 1);
    let part = |vector: usize| {
        // Numbers that no sum of few others makes.
        let spread = (vector as f32 * 0.618_034).fract() - 0.37;
        if vector.is_multiple_of(2) { 1.0 + spread } else { spread - 1.0 }
    };
    let vector = |row: usize, which: usize| -> Vec<f32> {
        let number = VECTORS * row + which;
        let mut values = vec![0.0; VECTORS * rows + 2];
        values[number] = 1.0;
        values[mixed] = part(number);
        values
    };
    let states: Vec<[Vec<f32>; VECTORS]> =
        (0..rows).map(|row| [vector(row, 0), vector(row, 1), vector(row, 2)]).collect();
    let gw_of = |row: usize| match row {
        0 => stencil.gw,
        row => stencil.past.get(row - 1).map_or(1.0, |(_, gw)| *gw),
    };
    let uncond = |row: usize| needs_unconditional(gw_of(row)).then(|| states[row][2].as_slice());
    // Everything is blended with the present gw, as the engine does.
    let blends: Vec<Vec<f32>> =
        (0..rows).map(|row| blend(stencil.gw, &states[row][1], uncond(row))).collect();
    let history: Vec<HistoryEntry<'_>> = (1..rows)
        .map(|row| HistoryEntry {
            sigma: stencil.past.get(row - 1).map_or(1.0, |(sigma, _)| *sigma),
            gw: gw_of(row),
            x: &states[row][0],
            v: &blends[row],
            v_cond: &states[row][1],
            v_uncond: uncond(row),
        })
        .collect();
    let input = StepInput {
        index: stencil.index,
        sigma: stencil.sigma,
        sigma_next: stencil.sigma_next,
        gw: stencil.gw,
        params: &choice.params,
        x: &states[0][0],
        v: &blends[0],
        v_cond: &states[0][1],
        v_uncond: uncond(0),
        history: &history,
    };
    let mut out = vec![0.0; zero + 1];
    choice.sampler.step(&input, &mut Nobody, &mut out)?;
    let weight = |number: usize| f64::from(out[number]);
    let expected: f64 = (0..mixed).map(|i| weight(i) * f64::from(part(i))).sum();
    let size: f64 = (0..mixed).map(|i| weight(i).abs()).sum();
    let linear =
        (weight(mixed) - expected).abs() <= 1e-4 * size + 1e-6 && weight(zero).abs() <= 1e-6 * size;
    let row = |row: usize| [0, 1, 2].map(|which| weight(VECTORS * row + which));
    Ok(linear.then(|| Weights((0..rows).map(row).collect())))
}

/// A host without a network and without noise.
struct Nobody;

impl Host for Nobody {
    fn evaluate(&mut self, _: &[f32], _: f64, _: f64, _: &mut [f32]) -> Result<(), SamplerError> {
        Err(SamplerError::Evaluation("there is no network here".to_owned()))
    }

    fn evaluate_split(&mut self, _: &[f32], _: f64) -> Result<Velocities, SamplerError> {
        Err(SamplerError::Evaluation("there is no network here".to_owned()))
    }

    fn gaussian(&mut self, _: u64, out: &mut [f32]) {
        out.fill(0.0);
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sigmalab_sampler::{Euler, Sampler, SamplerInfo};
    use sigmalab_tune::weights::euler;
    use std::sync::Arc;

    fn stencils() -> Vec<Stencil> {
        let stencil = |index, gw, past: &[(f64, f64)]| Stencil {
            index,
            sigma: 0.7,
            sigma_next: 0.55,
            gw,
            past: past.to_vec(),
        };
        vec![stencil(0, 7.0, &[]), stencil(3, 1.0, &[(0.9, 7.0)]), stencil(3, 3.0, &[(0.9, 1.0)])]
    }

    fn choice(sampler: impl Sampler + 'static) -> Choice {
        Choice { sampler: Arc::new(sampler), params: Vec::new(), file: None }
    }

    #[test]
    fn eulers_weights_are_its_formula() {
        let found = weigh(&choice(Euler), &stencils()).unwrap().unwrap();
        for (weights, stencil) in found.iter().zip(stencils()) {
            let expected = euler(&stencil);
            for (a, b) in weights.0[0].iter().zip(expected.0[0]) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
            assert_eq!(weights.0.len(), 1);
        }
    }

    /// Euler with a step that is no linear function of its input.
    struct Clipping;

    impl Sampler for Clipping {
        fn info(&self) -> &SamplerInfo {
            Euler.info()
        }

        fn step(
            &self,
            input: &StepInput<'_>,
            host: &mut dyn Host,
            out: &mut [f32],
        ) -> Result<(), SamplerError> {
            Euler.step(input, host, out)?;
            out.iter_mut().for_each(|value| *value = value.clamp(-1.2, 1.2));
            Ok(())
        }
    }

    #[test]
    fn a_step_that_is_not_linear_has_no_weights() {
        assert_eq!(weigh(&choice(Clipping), &stencils()).unwrap(), None);
    }
}

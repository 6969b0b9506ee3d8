//! Samplers that add noise: whether what comes out is distributed as it should be. And the
//! numbers that the checks themselves draw.

use super::finding::Seen;
use super::flow::Mixture;
use super::grids::Grid;
use super::numbers::Numbers;
use super::subject::Subject;
use super::trajectory::Trajectory;

/// Values that are followed: their mean is known to 1/256 of a deviation.
const VALUES: usize = 65_536;

/// Most that mean and deviation may be off, in deviations: four times the chance error, and what
/// the finite number of steps leaves.
const TOLERANCE: f64 = 0.03;

/// Values drawn at the first σ must be distributed at the last one as the data says.
pub(super) fn marginals(subject: &Subject) -> Seen {
    if !subject.info().stochastic {
        return Seen::skipped("it draws no noise");
    }
    let sigmas = Grid::Uniform.sigmas(128);
    let (Some(&from), Some(&to)) = (sigmas.first(), sigmas.last()) else {
        return Seen::skipped("there is no grid");
    };
    let mut numbers = Numbers::of(1, 2);
    let x: Vec<f32> = (0..VALUES)
        .map(|_| {
            let (uniform, normal, noise) = (numbers.uniform(), numbers.normal(), numbers.normal());
            Mixture::CONDITIONAL.draw(from, uniform, normal, noise) as f32
        })
        .collect();
    let gw = vec![1.0; sigmas.len() - 1];
    let trajectory = match Trajectory::run(subject, &sigmas, &gw, &subject.defaults(), x) {
        Ok(trajectory) => trajectory,
        Err(failure) => return Seen::failed(failure),
    };
    let end = trajectory.end();
    let mean = end.iter().map(|&x| f64::from(x)).sum::<f64>() / VALUES as f64;
    let square = end.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / VALUES as f64;
    let (exact_mean, exact_deviation) = Mixture::CONDITIONAL.moments(to);
    let deviation = square.sqrt();
    let detail = format!(
        "mean {mean:.3} and deviation {deviation:.3} of {VALUES} values, exactly {exact_mean:.3} \
         and {exact_deviation:.3}"
    );
    let off = ((mean - exact_mean).abs() / exact_deviation)
        .max((deviation / exact_deviation - 1.0).abs());
    if off <= TOLERANCE { Seen::passed(detail) } else { Seen::failed(detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1_and_depend_on_the_key() {
        let mut numbers = Numbers::of(3, 4);
        let values: Vec<f64> = (0..100_000).map(|_| numbers.normal()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.01 && (square - 1.0).abs() < 0.02, "{mean} {square}");
        assert_ne!(Numbers::of(3, 5).word(), Numbers::of(3, 4).word());
        assert_ne!(Numbers::of(4, 4).word(), Numbers::of(3, 4).word());
    }
}

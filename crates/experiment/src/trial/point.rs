//! From a number to a point: the swept values that a trial has.

use super::Experiment;
use crate::spec::{Method, Path, Value};

impl Experiment {
    /// The swept values at a point.
    pub(super) fn point(&self, point: usize) -> Vec<(Path, Value)> {
        let axes = &self.spec.axes;
        let mut left = point;
        // The last axis runs fastest: its share of the number is taken first.
        let mut indices: Vec<usize> = axes
            .iter()
            .rev()
            .map(|axis| {
                let index = left % axis.len().max(1);
                left /= axis.len().max(1);
                index
            })
            .collect();
        indices.reverse();
        let values = axes.iter().zip(indices).enumerate().map(|(dimension, (axis, index))| {
            let values = match self.spec.method {
                Method::Grid => axis.at(index),
                Method::List | Method::Zip => axis.at(point),
                Method::Random { seed, .. } => {
                    let path = axis.columns.first().map(|column| column.path.to_string());
                    axis.quantile(uniform(seed, point, &path.unwrap_or_default()))
                }
                // These have no points of their own: generations hold them.
                Method::Search(_) | Method::Tune => Vec::new(),
                Method::Sobol { seed, .. } => {
                    let (point, dimension) = (point as u32, dimension as u32);
                    axis.quantile(f64::from(sobol_burley::sample(point, dimension, seed)))
                }
            };
            axis.columns.iter().map(|column| column.path.clone()).zip(values)
        });
        let mut point: Vec<(Path, Value)> = values.flatten().collect();
        point.shrink_to_fit();
        point
    }
}

/// A number in 0…1, below 1, that depends on nothing but its arguments: a parameter's draws do
/// not change when others are added.
pub(crate) fn uniform(seed: u64, point: usize, path: &str) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(point as u64).to_le_bytes());
    hasher.update(path.as_bytes());
    let bytes = hasher.finalize();
    let bits =
        bytes.as_bytes().iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    // The 53 bits that an f64 holds.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

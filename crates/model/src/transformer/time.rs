//! From a time to the vector that every layer's modulation is computed from.

use super::config::TransformerConfig;
use crate::checkpoint::{CheckpointError, Weights};
use crate::linear::Linear;
use candle_core::{DType, Device, Result, Tensor};

/// Times in [0, 1] are multiplied by this before the sinusoids; it is also the ratio of the
/// fastest to the slowest of them.
const SCALE: f32 = 1e4;

/// Sinusoids of the time, two linear layers, and the projection all layers share.
pub(super) struct TimeEmbedding {
    input: Linear,
    output: Linear,
    project: Linear,
    width: usize,
}

/// silu(adaln_proj(time embedding)), [1, conditioning].
pub(super) struct Conditioning(pub(super) Tensor);

impl TimeEmbedding {
    pub(super) fn new(
        weights: &Weights,
        config: &TransformerConfig,
    ) -> std::result::Result<Self, CheckpointError> {
        let width = config.width;
        Ok(Self {
            input: weights.linear("t_embedding.mlp_in", width, width, true)?,
            output: weights.linear("t_embedding.mlp_out", width, width, true)?,
            project: weights.linear("adaln_proj", width, config.conditioning, true)?,
            width,
        })
    }

    /// The conditioning at time `t`, already rounded to the number format of the network.
    pub(super) fn conditioning(
        &self,
        t: f32,
        dtype: DType,
        device: &Device,
    ) -> Result<Conditioning> {
        let sinusoids = Tensor::from_vec(sinusoids(t, self.width), (1, self.width), device)?;
        let hidden = self.input.forward(&sinusoids.to_dtype(dtype)?)?.silu()?;
        let embedding = self.output.forward(&hidden)?;
        Ok(Conditioning(self.project.forward(&embedding)?.silu()?))
    }
}

/// sin(10⁴·t·fᵢ), then cos of the same, with fᵢ falling geometrically from 1 to 10⁻⁴; an odd
/// width ends with 0. In f32 as in the reference; every function is rounded correctly.
fn sinusoids(t: f32, width: usize) -> Vec<f32> {
    let half = width / 2;
    let step = (f64::from(SCALE).ln() / (half as f64 - 1.0)) as f32;
    let angles: Vec<f64> = (0..half)
        .map(|i| {
            let frequency = f64::from(-step * i as f32).exp() as f32;
            f64::from(SCALE * t * frequency)
        })
        .collect();
    let sines = angles.iter().map(|a| a.sin() as f32);
    let cosines = angles.iter().map(|a| a.cos() as f32);
    sines.chain(cosines).chain((width % 2 == 1).then_some(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::sinusoids;

    #[test]
    fn sines_come_first_from_the_fastest_to_the_slowest() {
        let values = sinusoids(0.25, 8);
        let f = |i: i32| 2500.0 * 1e4f64.powf(-f64::from(i) / 3.0);
        for i in 0..4 {
            assert!((f64::from(values[i as usize]) - f(i).sin()).abs() < 1e-3, "sin {i}");
            assert!((f64::from(values[i as usize + 4]) - f(i).cos()).abs() < 1e-3, "cos {i}");
        }
        assert_eq!(sinusoids(0.0, 5), [0.0, 0.0, 1.0, 1.0, 0.0]);
    }
}

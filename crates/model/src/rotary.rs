//! Rotary position embedding: frequencies, tables of cosines and sines, and the rotation of
//! queries and keys. Which position a frequency sees is the caller's business.

use super::ops::storage::{Number, with_values};
use candle_core::{DType, Device, Result, Tensor};

/// 1 / theta^(2i / head_dim) for i in 0…head_dim/2, in f32.
///
/// The exponent and the quotient are rounded to f32 as in PyTorch; the power is rounded
/// correctly, where PyTorch's vector library may be one ulp off. The angle grows to 65536 times
/// this, so every bit counts.
pub(super) fn inverse_frequencies(theta: f64, head_dim: usize) -> Vec<f32> {
    (0..head_dim / 2)
        .map(|i| {
            let exponent = (2 * i) as f32 / head_dim as f32;
            1.0 / theta.powf(f64::from(exponent)) as f32
        })
        .collect()
}

/// Cosines and sines of each position's angles.
pub(super) struct RotaryTable {
    /// [length, head_dim / 2].
    cos: Tensor,
    /// [length, head_dim / 2].
    sin: Tensor,
}

impl RotaryTable {
    /// The table of `angles` (radians), `frequencies` of them for each position in turn. Cosine
    /// and sine are taken with full range reduction, rounded to f32 and then to `dtype`.
    pub(super) fn new(
        angles: &[f32],
        frequencies: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let table = |f: fn(f64) -> f64| -> Result<Tensor> {
            let values: Vec<f32> = angles.iter().map(|&a| f(f64::from(a)) as f32).collect();
            let shape = (values.len() / frequencies.max(1), frequencies);
            Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
        };
        Ok(Self { cos: table(f64::cos)?, sin: table(f64::sin)? })
    }

    /// Cosines and sines, [length, head_dim / 2] each.
    pub(super) fn tables(&self) -> (&Tensor, &Tensor) {
        (&self.cos, &self.sin)
    }

    /// Cosines and sines as plain values of the table's format.
    pub(super) fn values<T: Number>(&self) -> Result<(Vec<T>, Vec<T>)> {
        let values = |table: &Tensor| with_values::<T, _>(table, <[T]>::to_vec);
        Ok((values(&self.cos)?, values(&self.sin)?))
    }

    /// `x` [heads, length, head_dim] turned by its positions' angles: the first half of a head
    /// is paired with the second.
    pub(super) fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::rotary_emb::rope(&x.unsqueeze(0)?, &self.cos, &self.sin)?.squeeze(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const EXPECTED_BITS: &[(usize, u32)] = &[
        (0, 0x3f800000),
        (1, 0x3f62efbc),
        (2, 0x3f492c28),
        (3, 0x3f32555e),
        (17, 0x3e04017c),
        (40, 0x3c042088),
        (59, 0x3a562856),
        (60, 0x3a3dd829),
        (99, 0x36dd1006),
        (127, 0x34724042),
    ];

    #[test]
    fn frequencies_have_the_bits_pytorch_gives() {
        // 1.0 / (5e6 ** (torch.arange(0, 256, 2, dtype=torch.float32) / 256)), PyTorch 2.15.
        let ours = inverse_frequencies(5e6, 256);
        for (i, bits) in EXPECTED_BITS {
            assert_eq!(ours[*i].to_bits(), *bits, "frequency {i}");
        }
    }

    #[test]
    fn a_rotation_pairs_the_two_halves_of_a_head() {
        let table =
            RotaryTable::new(&[0.0, 0.0, 0.3, 65536.5], 2, DType::F32, &Device::Cpu).unwrap();
        let x = Tensor::from_vec(vec![1f32, 2., 3., 4., 1., 2., 3., 4.], (1, 2, 4), &Device::Cpu);
        let y = table.rotate(&x.unwrap()).unwrap().to_vec3::<f32>().unwrap();
        assert_eq!(y[0][0], [1., 2., 3., 4.]);
        let (s, c) = 65536.5f64.sin_cos();
        let (s0, c0) = (f64::from(0.3f32)).sin_cos();
        let expected = [c0 - 3. * s0, 2. * c - 4. * s, s0 + 3. * c0, 2. * s + 4. * c];
        for (a, b) in y[0][1].iter().zip(expected) {
            assert!((f64::from(*a) - b).abs() < 1e-6, "{a} {b}");
        }
    }
}

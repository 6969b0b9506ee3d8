//! Linear combinations of tensors: what nearly every solver is made of. Coefficients and sums are
//! f64, tensors f32; each value is rounded once.

use crate::step::Blend;

/// Values summed at a time, so that the partial sums stay in the first-level cache.
const BLOCK: usize = 512;

/// A linear combination of tensors, written in one pass:
///
/// ```
/// # use sigmalab_sampler_sdk::Sum;
/// let (x, v) = ([1.0, 2.0], [10.0, 20.0]);
/// let mut out = [0.0; 2];
/// Sum::of(1.0, &x).plus(-0.1, &v).write(&mut out);
/// assert_eq!(out, [0.0, 0.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Sum<'a> {
    terms: Vec<(f64, &'a [f32])>,
}

impl<'a> Sum<'a> {
    /// c·t.
    pub fn of(c: f64, t: &'a [f32]) -> Self {
        Self { terms: Vec::with_capacity(8) }.plus(c, t)
    }

    /// + c·t. Where `c` is 0 the tensor is not read.
    pub fn plus(mut self, c: f64, t: &'a [f32]) -> Self {
        if c != 0.0 {
            self.terms.push((c, t));
        }
        self
    }

    /// + c·v.
    pub fn plus_blend(self, c: f64, v: Blend<'a>) -> Self {
        match v {
            Blend::One(v) => self.plus(c, v),
            Blend::Both { gw, cond, uncond } => {
                self.plus(c * gw, cond).plus(c * (1.0 - gw), uncond)
            }
        }
    }

    /// + c·D, where D = x − σ·v is the estimate of the clean latents at (x, σ).
    pub fn plus_clean(self, c: f64, x: &'a [f32], sigma: f64, v: Blend<'a>) -> Self {
        self.plus(c, x).plus_blend(-c * sigma, v)
    }

    /// The whole times `c`.
    pub fn times(mut self, c: f64) -> Self {
        for (coefficient, _) in &mut self.terms {
            *coefficient *= c;
        }
        self
    }

    /// Writes the sum, one rounding a value.
    ///
    /// # Panics
    /// Where a tensor is not as long as `out`; the boundary makes a failed step of it.
    pub fn write(&self, out: &mut [f32]) {
        for (_, tensor) in &self.terms {
            assert_eq!(tensor.len(), out.len(), "tensors of a sum have the length of the output");
        }
        let mut sums = [0.0_f64; BLOCK];
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let sums = &mut sums[..out.len()];
            sums.fill(0.0);
            for (c, tensor) in &self.terms {
                let tensor = &tensor[block * BLOCK..][..out.len()];
                for (sum, value) in sums.iter_mut().zip(tensor) {
                    *sum += c * f64::from(*value);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = *sum as f32;
            }
        }
    }

    /// The sum in a tensor of its own.
    pub fn to_vec(&self, len: usize) -> Vec<f32> {
        let mut out = vec![0.0; len];
        self.write(&mut out);
        out
    }
}

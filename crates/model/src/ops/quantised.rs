//! Rows of activations in e4m3, each with a scale of its own, for products of fp8 with fp8 on a device: by
//! our kernels on CUDA, else here in plain Rust, which is also what tests compare with.

use super::norm::rms_norm;
use candle_core::{D, DType, Device, Result, Tensor};
use sigmalab_kernels::float8::{E4M3, narrow_e4m3};

/// The largest value that e4m3 has.
const LARGEST: f32 = 448.0;

/// Bytes that cuBLASLt may work in beside operands and result.
pub(crate) const E4M3_WORKSPACE: usize = 32 << 20;

/// Rows in e4m3: a value is that of its code times the scale of its row.
#[derive(Debug)]
pub(crate) struct Quantised {
    /// \[rows, width\]. On CUDA, whose products want a multiple of 16 rows, there may be more of them than there
    /// are scales: what those hold is of no meaning.
    pub(crate) codes: Tensor,
    /// \[rows\], f32.
    pub(crate) scale: Tensor,
}

/// Rows that go into a product.
#[derive(Debug)]
pub(crate) enum Rows {
    /// [rows, width] in the compute dtype.
    Plain(Tensor),
    E4m3(Quantised),
}

impl Quantised {
    /// The values of the codes, in f32 and in the host's memory.
    pub(crate) fn wide(&self) -> Result<Tensor> {
        let codes = self.codes.narrow(0, 0, self.scale.dim(0)?)?.to_device(&Device::Cpu)?;
        let bytes = codes.flatten_all()?.to_vec1::<u8>()?;
        let values: Vec<f32> = bytes.iter().map(|code| E4M3[usize::from(*code)]).collect();
        Tensor::from_vec(values, codes.shape(), &Device::Cpu)
    }
}

/// Rounds the rows of `x` [rows, width] to e4m3: the largest magnitude of a row becomes the largest
/// value there is.
pub(crate) fn quantise(x: &Tensor) -> Result<Quantised> {
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return crate::cuda::quantise(x);
    }
    let (rows, width) = x.dims2()?;
    let values: Vec<f32> = x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    let (mut codes, mut scale) = (Vec::with_capacity(values.len()), Vec::with_capacity(rows));
    for row in values.chunks(width.max(1)) {
        let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        // Not less than the smallest normal number, so that rows of zeros need no case of their own.
        let by = (largest / LARGEST).max(f32::MIN_POSITIVE);
        codes.extend(row.iter().map(|value| narrow_e4m3(value / by)));
        scale.push(by);
    }
    let device = x.device();
    Ok(Quantised {
        codes: Tensor::from_vec(codes, (rows, width), device)?,
        scale: Tensor::from_vec(scale, rows, device)?,
    })
}

/// The rows of `x` normalised, and rounded to e4m3 where that is asked for.
pub(crate) fn normalised(x: &Tensor, gain: &Tensor, eps: f64, to_e4m3: bool) -> Result<Rows> {
    if !to_e4m3 {
        return rms_norm(x, gain, eps).map(Rows::Plain);
    }
    let x = x.reshape(((), x.dim(D::Minus1)?))?;
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return crate::cuda::rms_norm_e4m3(&x, gain, eps).map(Rows::E4m3);
    }
    quantise(&rms_norm(&x, gain, eps)?).map(Rows::E4m3)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::testing::numbers;

    #[test]
    fn rows_are_at_most_half_a_step_from_what_they_were() {
        let x = (numbers(&[5, 77]) * 1e3).unwrap();
        let found = quantise(&x).unwrap();
        let (wide, scale) = (found.wide().unwrap(), found.scale.to_vec1::<f32>().unwrap());
        let (wide, x) = (wide.to_vec2::<f32>().unwrap(), x.to_vec2::<f32>().unwrap());
        for ((wide, x), scale) in wide.iter().zip(&x).zip(scale) {
            let largest = x.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            assert!((scale * LARGEST / largest - 1.0).abs() < 1e-6);
            for (code, value) in wide.iter().zip(x) {
                // Three bits behind the first, or steps of 1/512 of the scale.
                let allowed = (value.abs() / 16.0).max(scale / 1024.0) * 1.001;
                assert!((code * scale - value).abs() <= allowed, "{} for {value}", code * scale);
            }
        }
    }

    #[test]
    fn rows_of_zeros_stay_so_and_what_is_no_number_is_none_afterwards() {
        let x = [0.0, -0.0, 0.0, 1.0, f32::NAN, -3.0, f32::INFINITY, 2.0, 0.0];
        let found = quantise(&Tensor::from_slice(&x, (3, 3), &Device::Cpu).unwrap()).unwrap();
        let wide = found.wide().unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(wide[0], [0.0; 3]);
        assert!(wide[1][1].is_nan() && wide[2][0].is_nan());
        assert_eq!([wide[1][2], wide[1][0]], [-448.0, 144.0]);
    }

    #[test]
    fn a_norm_before_it_is_the_usual_norm() {
        let (x, gain) = (numbers(&[4, 48]), numbers(&[48]));
        let Rows::E4m3(found) = normalised(&x, &gain, 1e-5, true).unwrap() else { unreachable!() };
        let Rows::Plain(plain) = normalised(&x, &gain, 1e-5, false).unwrap() else {
            unreachable!()
        };
        let apart = quantise(&plain).unwrap();
        let codes = |of: &Quantised| of.codes.to_vec2::<u8>().unwrap();
        assert_eq!(codes(&found), codes(&apart));
    }
}

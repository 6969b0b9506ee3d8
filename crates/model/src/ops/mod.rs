//! Tensor operations the networks share, each in two forms: on the processor over the arithmetic
//! of [`sigmalab_kernels`], on an accelerator composed of candle's own operations. They know
//! nothing of the networks.

mod attention;
pub(super) mod banded;
mod canvas;
mod convolution;
mod feed_forward;
mod group_norm;
mod norm;
pub(super) mod products;
pub(super) mod quantised;
mod residual;
pub(super) mod storage;
mod swiglu;

pub(super) use attention::{Mask, Unseen, attention};
pub(super) use canvas::Canvas;
pub(super) use convolution::Convolution;
pub(super) use feed_forward::FeedForward;
pub(super) use group_norm::GroupNorm;
pub(super) use norm::{layer_norm, rms_norm};
pub(super) use residual::Residual;
pub(super) use swiglu::swiglu;

/// Numbers to compute with, and whether two results are alike.
#[cfg(test)]
mod testing {
    #![allow(clippy::unwrap_used)]

    use candle_core::{Device, Tensor};

    /// Numbers between −2 and 2.
    pub(super) fn numbers(dims: &[usize]) -> Tensor {
        let n: usize = dims.iter().product();
        let values: Vec<f32> = (0..n).map(|i| ((i * 7919) % 2003) as f32 / 500.0 - 2.0).collect();
        Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
    }

    /// Whether shapes differ, or some number by more than 1e-5.
    pub(super) fn far_apart(a: &Tensor, b: &Tensor) -> bool {
        if a.dims() != b.dims() {
            return true;
        }
        let worst = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        // A NaN is far from everything.
        !matches!(worst.to_scalar::<f32>(), Ok(worst) if worst <= 1e-5)
    }

    /// The largest difference of numbers in the same places, against the largest number of `b`.
    pub(super) fn relative_difference(a: &Tensor, b: &Tensor) -> f32 {
        assert_eq!(a.dims(), b.dims());
        let largest = |x: &Tensor| -> f32 {
            x.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
        };
        largest(&(a - b).unwrap()) / largest(b)
    }
}

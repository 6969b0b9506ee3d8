//! Our own kernels on a CUDA device, for tensors that are there. What a kernel is given and how it
//! is launched is said in `sigmalab_cuda`, whose tests run the very same calls without a device; here
//! tensors become addresses. It knows nothing of the networks.

mod address;
mod copies;
pub(crate) mod failure;
mod image;
mod kernels;
mod ops;
mod product;
mod product_e4m3;
pub(crate) mod timing;
mod weight;

pub(crate) use image::{affine, convolve};
pub(crate) use kernels::{compute_capability, free_memory, open, take_peak_memory};
pub(crate) use ops::{
    add_rms_norm, attention, finish, quantise, rms_norm, rms_norm_e4m3, split_heads, swiglu,
};
pub(crate) use product::product;
pub(crate) use product_e4m3::product_e4m3;
pub(crate) use weight::{stream, upload};

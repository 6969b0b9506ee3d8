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
pub(crate) mod timing;
mod weight;

pub(crate) use image::{affine, convolve};
pub(crate) use kernels::{free_memory, open};
pub(crate) use ops::{add_rms_norm, attention, finish, rms_norm, split_heads, swiglu};
pub(crate) use product::product;
pub(crate) use weight::{stream, upload};

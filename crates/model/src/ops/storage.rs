//! From candle's storage to the slice a kernel works on.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, WithDType, bail};
use sigmalab_kernels::Real;

/// The values of a contiguous tensor.
pub(super) fn contiguous<'a, T>(op: &str, data: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&data[start..end]),
        None => bail!("{op}: the input has to be contiguous, not {layout:?}"),
    }
}

/// The values of a contiguous tensor, to be changed in place.
pub(super) fn contiguous_mut<'a, T>(
    op: &str,
    data: &'a mut [T],
    layout: &Layout,
) -> Result<&'a mut [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&mut data[start..end]),
        None => bail!("{op}: the input has to be contiguous, not {layout:?}"),
    }
}

/// The number formats that the kernels and candle share.
pub(crate) trait Number: Real + WithDType {
    /// The values of a storage that has this format.
    fn of(storage: &CpuStorage) -> Option<&[Self]>;
}

impl Number for f32 {
    fn of(storage: &CpuStorage) -> Option<&[Self]> {
        match storage {
            CpuStorage::F32(values) => Some(values),
            _ => None,
        }
    }
}

impl Number for half::bf16 {
    fn of(storage: &CpuStorage) -> Option<&[Self]> {
        match storage {
            CpuStorage::BF16(values) => Some(values),
            _ => None,
        }
    }
}

/// Lends the values of a contiguous tensor in host memory.
pub(crate) fn with_values<T: Number, R>(
    tensor: &Tensor,
    use_values: impl FnOnce(&[T]) -> R,
) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("a tensor is not in host memory") };
    let Some(values) = T::of(storage) else {
        bail!("a tensor has {:?} values where others belong", tensor.dtype())
    };
    Ok(use_values(contiguous("values", values, layout)?))
}

//! From tensors on a device to the addresses of their values, and from new memory to tensors.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaStorageSlice;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DeviceRepr};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Result, Shape, Storage, Tensor, bail};
use sigmalab_cuda::Number;

/// The address of a contiguous tensor's first value. It is good as long as the tensor lives, and
/// for what is put into the device's stream until then.
pub(super) fn address(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else { bail!("a tensor is not on a CUDA device") };
    let Some((start, _)) = layout.contiguous_offsets() else {
        bail!("a kernel reads contiguous tensors, not {layout:?}")
    };
    let stream = storage.device().cuda_stream();
    let (base, size) = match &storage.slice {
        CudaStorageSlice::U8(slice) => (slice.device_ptr(&stream).0, 1),
        CudaStorageSlice::BF16(slice) => (slice.device_ptr(&stream).0, 2),
        CudaStorageSlice::F32(slice) => (slice.device_ptr(&stream).0, 4),
        CudaStorageSlice::F64(slice) => (slice.device_ptr(&stream).0, 8),
        _ => bail!("no kernel reads {:?}", tensor.dtype()),
    };
    Ok(base + (start * size) as u64)
}

/// Checks that a tensor has a type and a number of values, and gives its address.
pub(super) fn checked(tensor: &Tensor, dtype: DType, count: usize) -> Result<u64> {
    if tensor.dtype() != dtype || tensor.elem_count() != count {
        bail!("{:?} {:?} where {count} values of {dtype:?} belong", tensor.dtype(), tensor.shape())
    }
    address(tensor)
}

/// A tensor whose values a kernel is about to write, all of them.
pub(super) fn room(device: &CudaDevice, dtype: DType, shape: impl Into<Shape>) -> Result<Tensor> {
    let shape = shape.into();
    let count = shape.elem_count();
    let slice = match dtype {
        DType::BF16 => CudaStorageSlice::BF16(memory(device, count)?),
        DType::F32 => CudaStorageSlice::F32(memory(device, count)?),
        DType::F64 => CudaStorageSlice::F64(memory(device, count)?),
        DType::U8 => CudaStorageSlice::U8(memory(device, count)?),
        _ => bail!("no kernel writes {dtype:?}"),
    };
    let storage = Storage::Cuda(CudaStorage { slice, device: device.clone() });
    Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
}

fn memory<T: DeviceRepr>(
    device: &CudaDevice,
    count: usize,
) -> Result<candle_core::cuda_backend::cudarc::driver::CudaSlice<T>> {
    // SAFETY: nobody reads it before the kernel that it is made for has written all of it: both are
    // in the order of one stream.
    #[allow(unsafe_code)]
    unsafe {
        device.alloc::<T>(count)
    }
}

/// What the kernels call a tensor's type.
pub(super) fn number(dtype: DType) -> Result<Number> {
    match dtype {
        DType::BF16 => Ok(Number::Bf16),
        DType::F32 => Ok(Number::F32),
        other => bail!("no kernel computes in {other:?}"),
    }
}

//! The CUDA devices of this machine, for the worker's answer to the question what it can do.

use crate::cuda::failure::of_driver;
use candle_core::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError, sys};
use sigmalab_compute::{Device, DeviceReport};

/// What this program says of itself and of the devices it finds.
pub fn report() -> DeviceReport {
    let (devices, problem) = match devices() {
        Ok(devices) if devices.is_empty() => {
            (devices, Some("it knows of no device that this process may use".to_owned()))
        }
        Ok(devices) => (devices, None),
        Err(error) => (Vec::new(), Some(of_driver(&error))),
    };
    DeviceReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernels: sigmalab_cuda::version(),
        driver: driver(),
        devices,
        problem,
    }
}

fn devices() -> Result<Vec<Device>, DriverError> {
    let count = usize::try_from(CudaContext::device_count()?).unwrap_or(0);
    (0..count).map(device).collect()
}

fn device(number: usize) -> Result<Device, DriverError> {
    let context = CudaContext::new(number)?;
    let (free, total) = context.mem_get_info()?;
    let (major, minor) = context.compute_capability()?;
    let count = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
    let threads = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR;
    let of = |value: i32| u32::try_from(value).unwrap_or(0);
    Ok(Device {
        number,
        name: context.name()?,
        memory_bytes: total as u64,
        free_bytes: free as u64,
        compute_capability: [of(major), of(minor)],
        multiprocessors: of(context.attribute(count)?),
        threads_per_multiprocessor: of(context.attribute(threads)?),
    })
}

/// A device's name, what it can do, and which kernels run on it.
pub(crate) fn card(device: &CudaDevice) -> Option<String> {
    let stream = device.cuda_stream();
    let context = stream.context();
    let (major, minor) = context.compute_capability().ok()?;
    let (name, kernels) = (context.name().ok()?, sigmalab_cuda::version());
    Some(format!("{name}, compute capability {major}.{minor}, kernels {kernels}"))
}

/// The newest CUDA that the driver knows, as `13.0`.
#[allow(unsafe_code)]
fn driver() -> Option<String> {
    let mut version = 0;
    // SAFETY: the driver writes one number where it is pointed to.
    let result = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    result.result().ok()?;
    Some(format!("{}.{}", version / 1000, version % 1000 / 10))
}

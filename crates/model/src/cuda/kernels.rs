//! Opening a device, and the kernels that were loaded on it.

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaStream, DeviceRepr, LaunchConfig, PushKernelArg,
    result, sys,
};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::{CudaDevice, Device, Error, Result};
use sigmalab_cuda::calls::{Argument, Call};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

/// The kernels as they were loaded on one device.
struct Loaded {
    module: Arc<CudaModule>,
    functions: HashMap<&'static str, CudaFunction>,
    /// Shared memory that a block may ask for.
    shared: usize,
}

/// By the device's number: a process opens each once, and modules belong to its one context.
static LOADED: Mutex<Option<HashMap<usize, Loaded>>> = Mutex::new(None);

/// Opens a device for all threads of this process.
pub(crate) fn open(number: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(number)?;
    let cuda = device.as_cuda_device()?;
    // SAFETY: every tensor is made, used and freed on the one stream of this device, in order, so
    // that there is nothing for events to tell.
    #[allow(unsafe_code)]
    unsafe {
        cuda.disable_event_tracking();
    }
    keep_freed_memory(cuda)?;
    Ok(device)
}

/// Memory that was freed stays with this process: else each wait for the device gives it back, and
/// the next step asks for it again.
#[allow(unsafe_code)]
fn keep_freed_memory(device: &CudaDevice) -> Result<()> {
    let stream = device.cuda_stream();
    let mut most = u64::MAX;
    // SAFETY: the pool is the device's own, and the attribute is a number of 64 bits.
    unsafe {
        let pool = result::device::get_default_mem_pool(stream.context().cu_device()).w()?;
        let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, threshold, (&raw mut most).cast()).w()
    }
}

/// Major and minor number of what a device can do.
pub(crate) fn compute_capability(device: &CudaDevice) -> Result<(u32, u32)> {
    let (major, minor) = device.cuda_stream().context().compute_capability().w()?;
    let of = |value: i32| u32::try_from(value).unwrap_or(0);
    Ok((of(major), of(minor)))
}

/// Free bytes of the device's memory, after what this process keeps of freed memory is given back:
/// else a second model would find none.
pub(crate) fn free_memory(device: &CudaDevice) -> Result<u64> {
    let stream = device.cuda_stream();
    stream.synchronize().w()?;
    // SAFETY: the pool is the device's own.
    #[allow(unsafe_code)]
    unsafe {
        let pool = result::device::get_default_mem_pool(stream.context().cu_device()).w()?;
        result::mem_pool::trim_to(pool, 0).w()?;
    }
    let (free, _) = stream.context().mem_get_info().w()?;
    Ok(free as u64)
}

/// The most bytes of the device's memory that this process had in use since this was asked before. `None` from a
/// driver that does not say.
pub(crate) fn take_peak_memory(device: &CudaDevice) -> Option<u64> {
    let stream = device.cuda_stream();
    stream.synchronize().ok()?;
    let high = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
    let (mut most, mut none) = (0_u64, 0_u64);
    // SAFETY: the pool is the device's own, and the attribute is a number of 64 bits, which can be set to 0.
    #[allow(unsafe_code)]
    unsafe {
        let pool = result::device::get_default_mem_pool(stream.context().cu_device()).ok()?;
        result::mem_pool::get_attribute(pool, high, (&raw mut most).cast()).ok()?;
        result::mem_pool::set_attribute(pool, high, (&raw mut none).cast()).ok()?;
    }
    Some(most)
}

impl Loaded {
    fn on(context: &Arc<CudaContext>) -> Result<Self> {
        let module = context.load_module(Ptx::from_binary(sigmalab_cuda::BINARY.to_vec())).w()?;
        let most = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
        let shared = usize::try_from(context.attribute(most).w()?).unwrap_or(0);
        Ok(Self { module, functions: HashMap::new(), shared })
    }

    fn function(&mut self, name: &'static str, shared: u32) -> Result<CudaFunction> {
        if let Some(function) = self.functions.get(name) {
            return Ok(function.clone());
        }
        let function = self.module.load_function(name).w()?;
        if shared > 48 << 10 {
            let attribute =
                sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            function.set_attribute(attribute, shared.cast_signed()).w()?;
        }
        self.functions.insert(name, function.clone());
        Ok(function)
    }
}

/// Lends the kernels of a device, which are loaded at their first use.
fn with_loaded<R>(device: &CudaDevice, lend: impl FnOnce(&mut Loaded) -> Result<R>) -> Result<R> {
    let stream = device.cuda_stream();
    let context = stream.context();
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let devices = loaded.get_or_insert_with(HashMap::new);
    let number = context.ordinal();
    match devices.entry(number) {
        Entry::Occupied(loaded) => lend(loaded.into_mut()),
        Entry::Vacant(place) => lend(place.insert(Loaded::on(context)?)),
    }
}

/// Shared memory that a block of a kernel may ask for.
pub(super) fn shared_memory(device: &CudaDevice) -> Result<usize> {
    with_loaded(device, |loaded| Ok(loaded.shared))
}

/// Launches a kernel on the device's stream. A shape that it does not take is an error.
pub(super) fn launch(device: &CudaDevice, call: Option<Call<u64>>) -> Result<()> {
    let Some(Call { launch, arguments }) = call else {
        return Err(Error::msg("a shape that no kernel takes"));
    };
    let function = with_loaded(device, |loaded| loaded.function(launch.kernel, launch.shared))?;
    let [x, y, z] = launch.grid;
    let config = LaunchConfig {
        grid_dim: (x, y, z),
        block_dim: (launch.block, 1, 1),
        shared_mem_bytes: launch.shared,
    };
    run(&device.cuda_stream(), &function, &arguments, config)
}

fn run(
    stream: &CudaStream,
    function: &CudaFunction,
    arguments: &[Argument<u64>],
    config: LaunchConfig,
) -> Result<()> {
    let mut builder = stream.launch_builder(function);
    let null = 0_u64;
    for argument in arguments {
        match argument {
            Argument::Null => push(&mut builder, &null),
            Argument::Buffer(address) => push(&mut builder, address),
            Argument::I32(value) => push(&mut builder, value),
            Argument::I64(value) => push(&mut builder, value),
            Argument::F32(value) => push(&mut builder, value),
        }
    }
    // SAFETY: the arguments are the kernel's, as the calls of `sigmalab_cuda` make them, and their
    // buffers are as long as those calls say: the callers hold tensors of these shapes until the
    // launch is in the stream, in whose order memory is freed.
    #[allow(unsafe_code)]
    unsafe {
        builder.launch(config).w()?;
    }
    Ok(())
}

fn push<'a, 'b: 'a, T: DeviceRepr>(
    builder: &mut candle_core::cuda_backend::cudarc::driver::LaunchArgs<'a>,
    value: &'b T,
) {
    builder.arg(value);
}

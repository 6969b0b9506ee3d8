//! x·Wᵀ of e4m3 with e4m3 by cuBLASLt, with sums and results in f32. The scales of both operands are left to
//! what follows, which multiplies by them in f32: here they are 1.

use super::address::{checked, room};
use crate::linear::DeviceWeight;
use crate::ops::quantised::{E4M3_WORKSPACE, Quantised};
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::sys::cublasOperation_t;
use candle_core::cuda_backend::cudarc::cublaslt::result::{self, CublasError};
use candle_core::cuda_backend::cudarc::cublaslt::sys;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::{CudaDevice, DType, Error, Result, Tensor, bail};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

/// Addresses are multiples of this at most, as far as an algorithm is chosen by it.
const ALIGNMENT: u64 = 256;
/// What a pointer has to be a multiple of.
const LEAST_ALIGNMENT: u64 = 16;
/// What rows, inputs and outputs have to be multiples of.
pub(super) const E4M3_SIDES: usize = 16;

/// What an algorithm is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    rows: usize,
    inputs: usize,
    /// Outputs of this weight.
    height: usize,
    /// Outputs of the whole product.
    outputs: usize,
    /// Bytes of which the place of the result is a multiple.
    alignment: u64,
}

struct Library {
    handle: Handle,
    workspace: CudaSlice<u8>,
    /// One for each shape, found at its first use and kept: the same work has the same bits.
    algorithms: HashMap<Shape, sys::cublasLtMatmulAlgo_t>,
}

struct Handle(sys::cublasLtHandle_t);

// SAFETY: cuBLASLt's handle may be used by any thread; here by one at a time, under the lock below.
#[allow(unsafe_code)]
unsafe impl Send for Handle {}

/// By the device's number, as kernels are.
static LIBRARIES: Mutex<Option<HashMap<usize, Library>>> = Mutex::new(None);

/// Rows [rows, inputs] times every one of `weights` [its outputs, inputs] transposed, side by side as
/// [rows, all outputs].
pub(crate) fn product_e4m3(
    rows: &Quantised,
    outputs: usize,
    weights: impl IntoIterator<Item = Result<(Arc<dyn DeviceWeight>, usize)>>,
) -> Result<Tensor> {
    let Quantised { codes, scale } = rows;
    let wanted = scale.dim(0)?;
    let (rows, inputs) = codes.dims2()?;
    let device = codes.device().as_cuda_device()?;
    let x = checked(codes, DType::U8, rows * inputs)?;
    let out = room(device, DType::F32, (rows, outputs))?;
    let out_address = checked(&out, DType::F32, rows * outputs)?;
    let mut first = 0;
    for weight in weights {
        let (weight, height) = weight?;
        let Some(weight_address) = weight.e4m3()? else {
            bail!("a weight of an fp8 product is not in e4m3 on the device")
        };
        if first + height > outputs {
            bail!("a weight of {height} rows from {first} on does not fit {outputs} outputs")
        }
        let place = out_address + 4 * first as u64;
        let alignment = [ALIGNMENT, 128, 64, 32, LEAST_ALIGNMENT]
            .into_iter()
            .find(|by| (4 * first as u64).is_multiple_of(*by));
        let fits = [x, weight_address].iter().all(|at| at.is_multiple_of(LEAST_ALIGNMENT))
            && [rows, inputs, height, outputs].iter().all(|n| n.is_multiple_of(E4M3_SIDES));
        let (true, Some(alignment)) = (fits, alignment) else {
            bail!("an fp8 product of {inputs} inputs and {height} outputs does not fit cuBLASLt")
        };
        let shape = Shape { rows, inputs, height, outputs, alignment };
        multiply(device, shape, [weight_address, x, place])?;
        first += height;
    }
    if first != outputs {
        bail!("weights of {first} rows where {outputs} belong")
    }
    out.narrow(0, 0, wanted)
}

fn multiply(device: &CudaDevice, shape: Shape, [weight, x, out]: [u64; 3]) -> Result<()> {
    let stream = device.cuda_stream();
    stream.context().bind_to_thread().w()?;
    let mut libraries = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner);
    let libraries = libraries.get_or_insert_with(HashMap::new);
    let library = match libraries.entry(stream.context().ordinal()) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let handle = Handle(of_library(result::create_handle())?);
            // SAFETY: what works in it writes it before it reads it.
            #[allow(unsafe_code)]
            let workspace = unsafe { stream.alloc::<u8>(E4M3_WORKSPACE).w()? };
            place.insert(Library { handle, workspace, algorithms: HashMap::new() })
        }
    };
    // cuBLASLt counts columns first: to it the weight is [inputs, height] and transposed, x [inputs, rows],
    // and the result [height, rows] in columns of all outputs. No other layout takes e4m3.
    let Shape { rows, inputs, height, outputs, .. } = shape;
    let of_weight = Layout::new(sys::cudaDataType::CUDA_R_8F_E4M3, [inputs, height], inputs)?;
    let of_x = Layout::new(sys::cudaDataType::CUDA_R_8F_E4M3, [inputs, rows], inputs)?;
    let of_out = Layout::new(sys::cudaDataType::CUDA_R_32F, [height, rows], outputs)?;
    let description = Description::new()?;
    let algorithm = match library.algorithms.entry(shape) {
        Entry::Occupied(known) => *known.get(),
        Entry::Vacant(place) => {
            let preference = Preference::new(shape.alignment)?;
            // SAFETY: all of these live until the end of this function.
            #[allow(unsafe_code)]
            let found = unsafe {
                result::get_matmul_algo_heuristic(
                    library.handle.0,
                    description.0,
                    of_weight.0,
                    of_x.0,
                    of_out.0,
                    of_out.0,
                    preference.0,
                )
            };
            let found = found.map_err(|error| {
                Error::msg(format!(
                    "cuBLASLt has no fp8 product of {rows} rows, {inputs} inputs and {height} \
                     outputs ({error}): use `--dtype bf16`"
                ))
            })?;
            *place.insert(found.algo)
        }
    };
    let (one, zero) = (1.0_f32, 0.0_f32);
    let (workspace, _) = library.workspace.device_ptr(&stream);
    // SAFETY: the shapes were checked by the caller, whose buffers live until the product is in the stream, in
    // whose order memory is freed and the workspace is used.
    #[allow(unsafe_code)]
    of_library(unsafe {
        result::matmul(
            library.handle.0,
            description.0,
            (&raw const one).cast(),
            (&raw const zero).cast(),
            weight as *const _,
            of_weight.0,
            x as *const _,
            of_x.0,
            out as *const _,
            of_out.0,
            out as *mut _,
            of_out.0,
            &raw const algorithm,
            workspace as *mut _,
            E4M3_WORKSPACE,
            stream.cu_stream().cast(),
        )
    })
}

fn of_library<T>(result: std::result::Result<T, CublasError>) -> Result<T> {
    result.map_err(|error| Error::msg(format!("CUDA error: cuBLASLt: {error}")))
}

struct Layout(sys::cublasLtMatrixLayout_t);

impl Layout {
    /// `height` × `width` values of a type in columns that are `stride` values apart.
    fn new(of: sys::cudaDataType, [height, width]: [usize; 2], stride: usize) -> Result<Self> {
        let stride = i64::try_from(stride).map_err(Error::wrap)?;
        let layout = result::create_matrix_layout(of, height as u64, width as u64, stride);
        Ok(Self(of_library(layout)?))
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        // SAFETY: it was made with it and goes with it.
        #[allow(unsafe_code)]
        let _ = unsafe { result::destroy_matrix_layout(self.0) };
    }
}

struct Description(sys::cublasLtMatmulDesc_t);

impl Description {
    /// The first operand transposed, the second not, sums in f32 that are kept in full.
    fn new() -> Result<Self> {
        use sys::cublasLtMatmulDescAttributes_t as Attribute;
        let compute = sys::cublasComputeType_t::CUBLAS_COMPUTE_32F;
        let made = result::create_matmul_desc(compute, sys::cudaDataType::CUDA_R_32F);
        let made = Self(of_library(made)?);
        let transposed = cublasOperation_t::CUBLAS_OP_T as i32;
        let plain = cublasOperation_t::CUBLAS_OP_N as i32;
        made.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, &transposed)?;
        made.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSB, &plain)?;
        made.set(Attribute::CUBLASLT_MATMUL_DESC_FAST_ACCUM, &0_i8)?;
        Ok(made)
    }

    fn set<T>(&self, what: sys::cublasLtMatmulDescAttributes_t, value: &T) -> Result<()> {
        // SAFETY: the callers give a number of the attribute's own type.
        #[allow(unsafe_code)]
        of_library(unsafe {
            let place = (&raw const *value).cast();
            result::set_matmul_desc_attribute(self.0, what, place, size_of::<T>())
        })
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        // SAFETY: it was made with it and goes with it.
        #[allow(unsafe_code)]
        let _ = unsafe { result::destroy_matmul_desc(self.0) };
    }
}

struct Preference(sys::cublasLtMatmulPreference_t);

impl Preference {
    /// Within the workspace, for a result at a multiple of `alignment`.
    fn new(alignment: u64) -> Result<Self> {
        use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
        let made = Self(of_library(result::create_matmul_pref())?);
        let alignment = u32::try_from(alignment).map_err(Error::wrap)?;
        let most = E4M3_WORKSPACE as u64;
        made.set(Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most)?;
        made.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &alignment)?;
        made.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &alignment)?;
        Ok(made)
    }

    fn set<T>(&self, what: sys::cublasLtMatmulPreferenceAttributes_t, value: &T) -> Result<()> {
        // SAFETY: the callers give a number of the attribute's own type.
        #[allow(unsafe_code)]
        of_library(unsafe {
            let place = (&raw const *value).cast();
            result::set_matmul_pref_attribute(self.0, what, place, size_of::<T>())
        })
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: it was made with it and goes with it.
        #[allow(unsafe_code)]
        let _ = unsafe { result::destroy_matmul_pref(self.0) };
    }
}

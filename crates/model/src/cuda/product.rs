//! x·Wᵀ by cuBLAS, with sums and results in f32 whatever the operands are: what follows scales and
//! rounds them once.

use super::address::{checked, room};
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::{DType, Result, Tensor, bail};

/// `x` [rows, inputs] times every one of `panels` [outputs, inputs] transposed, side by side as
/// [rows, all outputs] in f32. Operands are both bf16 or both f32, whose products are not rounded to
/// TF32. The next panel is asked for once the one before it is in the stream.
pub(crate) fn product(
    x: &Tensor,
    outputs: usize,
    panels: impl IntoIterator<Item = Result<Tensor>>,
) -> Result<Tensor> {
    let (rows, inputs) = x.dims2()?;
    let device = x.device().as_cuda_device()?;
    let dtype = x.dtype();
    let (operand, compute) = match dtype {
        DType::BF16 => {
            (sys::cudaDataType_t::CUDA_R_16BF, sys::cublasComputeType_t::CUBLAS_COMPUTE_32F)
        }
        DType::F32 => {
            let exact = sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_PEDANTIC;
            (sys::cudaDataType_t::CUDA_R_32F, exact)
        }
        other => bail!("no products of {other:?}"),
    };
    let x_address = checked(x, dtype, rows * inputs)?;
    let out = room(device, DType::F32, (rows, outputs))?;
    let out_address = checked(&out, DType::F32, rows * outputs)?;
    let int = |value: usize| i32::try_from(value).map_err(candle_core::Error::wrap);
    let blas = device.cublas_handle();
    let (one, zero) = (1.0_f32, 0.0_f32);
    let mut first = 0;
    for panel in panels {
        let panel = panel?;
        let height = panel.dim(0)?;
        let panel_address = checked(&panel, dtype, height * inputs)?;
        if first + height > outputs {
            bail!("a panel of {height} rows from {first} on does not fit {outputs} outputs")
        }
        // cuBLAS counts columns first: to it the panel is [inputs, height], x [inputs, rows], and
        // the result [height, rows] in columns of all outputs.
        // SAFETY: the shapes were checked above; the buffers live until the product is in the stream,
        // in whose order memory is freed.
        #[allow(unsafe_code)]
        unsafe {
            result::gemm_ex(
                *blas.handle(),
                sys::cublasOperation_t::CUBLAS_OP_T,
                sys::cublasOperation_t::CUBLAS_OP_N,
                int(height)?,
                int(rows)?,
                int(inputs)?,
                (&raw const one).cast(),
                panel_address as *const _,
                operand,
                int(inputs)?,
                x_address as *const _,
                operand,
                int(inputs)?,
                (&raw const zero).cast(),
                (out_address + 4 * first as u64) as *mut _,
                sys::cudaDataType_t::CUDA_R_32F,
                int(outputs)?,
                compute,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
            .w()?;
        }
        first += height;
    }
    if first != outputs {
        bail!("panels of {first} rows where {outputs} belong")
    }
    Ok(out)
}

/// Adds `weight` [outputs, lines] times `patches` [lines, pixels] to the columns of `out` [outputs,
/// plane] from `first` on, in f32 without TF32.
pub(super) fn multiply_patches(
    weight: &Tensor,
    patches: &Tensor,
    out: &Tensor,
    first: usize,
    plane: usize,
) -> Result<()> {
    let (lines, pixels) = patches.dims2()?;
    let outputs = weight.dim(0)?;
    let device = patches.device().as_cuda_device()?;
    if first + pixels > plane {
        bail!("{pixels} pixels from {first} on do not fit a plane of {plane}")
    }
    let patches_address = checked(patches, DType::F32, lines * pixels)?;
    let weight_address = checked(weight, DType::F32, outputs * lines)?;
    let out_address = checked(out, DType::F32, outputs * plane)? + 4 * first as u64;
    let int = |value: usize| i32::try_from(value).map_err(candle_core::Error::wrap);
    let blas = device.cublas_handle();
    let one = 1.0_f32;
    // cuBLAS counts columns first: to it patches are [pixels, lines], the weight [lines, outputs] and
    // the result [pixels, outputs] in columns of a plane.
    // SAFETY: the shapes were checked above; the buffers live until the product is in the stream, in
    // whose order memory is freed.
    #[allow(unsafe_code)]
    unsafe {
        result::gemm_ex(
            *blas.handle(),
            sys::cublasOperation_t::CUBLAS_OP_N,
            sys::cublasOperation_t::CUBLAS_OP_N,
            int(pixels)?,
            int(outputs)?,
            int(lines)?,
            (&raw const one).cast(),
            patches_address as *const _,
            sys::cudaDataType_t::CUDA_R_32F,
            int(pixels)?,
            weight_address as *const _,
            sys::cudaDataType_t::CUDA_R_32F,
            int(lines)?,
            (&raw const one).cast(),
            out_address as *mut _,
            sys::cudaDataType_t::CUDA_R_32F,
            int(plane)?,
            sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_PEDANTIC,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
        .w()
    }
}

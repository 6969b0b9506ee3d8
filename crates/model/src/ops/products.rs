//! Products on an accelerator and what is done with them: they stay f32 until the scales of the rows of
//! both operands, the bias or a norm has been applied, and are rounded once. Our own kernels on CUDA, the
//! tensor library's operations elsewhere, which are also what tests compare with.

use super::attention::{Mask, attention};
use super::norm::rms_norm;
use super::quantised::Quantised;
use crate::linear::DeviceWeight;
use crate::rotary::RotaryTable;
use candle_core::{D, DType, Result, Tensor};
use std::sync::Arc;

/// A product [rows, outputs] in f32.
pub(crate) struct Product {
    pub(crate) values: Tensor,
    /// What each output is still to be multiplied by.
    pub(crate) scale: Option<Tensor>,
    /// What each row is still to be multiplied by, before that.
    pub(crate) row_scale: Option<Tensor>,
}

impl Product {
    fn scaled(&self) -> Result<Tensor> {
        let values = match &self.row_scale {
            Some(scale) => self.values.broadcast_mul(&scale.unsqueeze(1)?)?,
            None => self.values.clone(),
        };
        match &self.scale {
            Some(scale) => values.broadcast_mul(scale),
            None => Ok(values),
        }
    }
}

/// Heads of a sequence on an accelerator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadShape {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
}

/// `x` [rows, inputs] times panels [some outputs, inputs] transposed, side by side.
pub(crate) fn product(
    x: &Tensor,
    outputs: usize,
    panels: impl Iterator<Item = Result<Tensor>>,
) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return crate::cuda::product(x, outputs, panels);
    }
    let wide = x.to_dtype(DType::F32)?;
    let of_panel = |panel: Result<Tensor>| wide.matmul(&panel?.to_dtype(DType::F32)?.t()?);
    let products: Vec<Tensor> = panels.map(of_panel).collect::<Result<_>>()?;
    debug_assert_eq!(products.iter().filter_map(|p| p.dim(1).ok()).sum::<usize>(), outputs);
    match products.as_slice() {
        [one] => Ok(one.clone()),
        many => Tensor::cat(many, 1),
    }
}

/// Rows in e4m3 times weights in e4m3 transposed, side by side; each comes with its number of outputs.
/// Sums are f32.
pub(crate) fn product_e4m3(
    x: &Quantised,
    outputs: usize,
    weights: impl Iterator<Item = Result<(Arc<dyn DeviceWeight>, usize)>>,
) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if x.codes.device().is_cuda() {
        return crate::cuda::product_e4m3(x, outputs, weights);
    }
    let panels = weights.map(|weight| {
        let (weight, rows) = weight?;
        weight.widen_rows(0..rows)
    });
    product(&x.wide()?, outputs, panels)
}

/// The product with its scales and a bias `[outputs]` in f32, rounded to `dtype`.
pub(crate) fn finish(product: &Product, bias: Option<&Tensor>, dtype: DType) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if product.values.device().is_cuda() {
        return crate::cuda::finish(product, bias, dtype);
    }
    let y = product.scaled()?;
    match bias {
        Some(bias) => y.broadcast_add(bias)?.to_dtype(dtype),
        None => y.to_dtype(dtype),
    }
}

/// silu(gate) · up, rounded to `dtype`.
pub(crate) fn swiglu(gate: &Product, up: &Product, dtype: DType) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if gate.values.device().is_cuda() {
        return crate::cuda::swiglu(gate, up, dtype);
    }
    (gate.scaled()?.silu()? * up.scaled()?)?.to_dtype(dtype)
}

/// hidden + rms_norm(product) · gain, in the format of `hidden`.
pub(crate) fn add_rms_norm(
    hidden: &Tensor,
    product: &Product,
    gain: &Tensor,
    eps: f64,
) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if hidden.device().is_cuda() {
        return crate::cuda::add_rms_norm(hidden, product, gain, eps);
    }
    let branch = rms_norm(&product.scaled()?, &gain.to_dtype(DType::F32)?, eps)?;
    (hidden.to_dtype(DType::F32)? + branch)?.to_dtype(hidden.dtype())
}

/// Queries, keys and values from one product [tokens, heads · head_dim and twice kv_heads ·
/// head_dim]: queries and keys normalised with their gains and turned. Each is [tokens, its heads ·
/// head_dim] in the format of the gains.
pub(crate) fn split_heads(
    product: &Product,
    shape: HeadShape,
    gains: [&Tensor; 2],
    rotary: &RotaryTable,
    eps: f64,
) -> Result<[Tensor; 3]> {
    #[cfg(feature = "cuda")]
    if product.values.device().is_cuda() {
        return crate::cuda::split_heads(product, shape, gains, rotary, eps);
    }
    let HeadShape { heads, kv_heads, head_dim } = shape;
    let dtype = gains[0].dtype();
    let parts = product.scaled()?.reshape(((), heads + 2 * kv_heads, head_dim))?;
    let (cos, sin) = rotary.tables();
    let table = |table: &Tensor| table.to_dtype(DType::F32)?.unsqueeze(1);
    let (cos, sin) = (table(cos)?, table(sin)?);
    let turned = |first: usize, heads: usize, gain: &Tensor| {
        let x = parts.narrow(1, first, heads)?.contiguous()?;
        let x = rms_norm(&x, &gain.to_dtype(DType::F32)?, eps)?;
        let half = head_dim / 2;
        let (a, b) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
        let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
        Tensor::cat(&[first, second], D::Minus1)?.flatten_from(1)?.to_dtype(dtype)
    };
    let value = parts.narrow(1, heads + kv_heads, kv_heads)?.contiguous()?;
    Ok([
        turned(0, heads, gains[0])?,
        turned(heads, kv_heads, gains[1])?,
        value.flatten_from(1)?.to_dtype(dtype)?,
    ])
}

/// Attention of what [`split_heads`] gives, [tokens, heads · head_dim].
pub(crate) fn attend(parts: &[Tensor; 3], shape: HeadShape, mask: Mask<'_>) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if let Some(out) = crate::cuda::attention(parts, shape, mask.is_causal())? {
        return Ok(out);
    }
    let head = |x: &Tensor| {
        x.reshape(((), x.dim(1)? / shape.head_dim, shape.head_dim))?.transpose(0, 1)?.contiguous()
    };
    let [query, key, value] = parts;
    attention(&head(query)?, &head(key)?, &head(value)?, mask)
}

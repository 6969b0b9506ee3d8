//! What the networks do between products, by our kernels. Each function checks what the kernel is
//! told about the tensors, makes room for the result and launches it.

use super::address::{address, checked, number, room};
use super::kernels::{launch, shared_memory};
use super::product_e4m3::E4M3_SIDES;
use crate::ops::products::{HeadShape, Product};
use crate::ops::quantised::Quantised;
use crate::rotary::RotaryTable;
use candle_core::{CudaDevice, D, DType, Result, Tensor};
use sigmalab_cuda::calls;

/// A product as the kernels take it, of `rows` × `width` values.
fn of(product: &Product, [rows, width]: [usize; 2]) -> Result<calls::Product<u64>> {
    let values = checked(&product.values, DType::F32, rows * width)?;
    let optional = |scale: &Option<Tensor>, count| {
        scale.as_ref().map(|scale| checked(scale, DType::F32, count)).transpose()
    };
    let scale = optional(&product.scale, width)?;
    Ok(calls::Product { values, scale, row_scale: optional(&product.row_scale, rows)? })
}

fn shape(product: &Product) -> Result<[usize; 2]> {
    let (rows, width) = product.values.dims2()?;
    Ok([rows, width])
}

pub(crate) fn rms_norm(x: &Tensor, gain: &Tensor, eps: f64) -> Result<Tensor> {
    let x = x.contiguous()?;
    let device = x.device().as_cuda_device()?;
    let (dtype, width) = (x.dtype(), x.dim(D::Minus1)?);
    let rows = x.elem_count() / width.max(1);
    let out = room(device, dtype, x.shape())?;
    let call = calls::rms_norm(
        number(dtype)?,
        address(&x)?,
        checked(gain, dtype, width)?,
        address(&out)?,
        [rows, width],
        eps as f32,
    );
    launch(device, call)?;
    Ok(out)
}

/// Room for `rows` × `width` values in e4m3 and as many rows more as their products want, and how a kernel is
/// told of it.
fn room_in_e4m3(
    device: &CudaDevice,
    [rows, width]: [usize; 2],
) -> Result<(Quantised, calls::Quantised<u64>)> {
    let codes = room(device, DType::U8, (rows.next_multiple_of(E4M3_SIDES), width))?;
    let scale = room(device, DType::F32, rows)?;
    let out = calls::Quantised { codes: address(&codes)?, scales: address(&scale)? };
    Ok((Quantised { codes, scale }, out))
}

pub(crate) fn quantise(x: &Tensor) -> Result<Quantised> {
    let x = x.contiguous()?;
    let device = x.device().as_cuda_device()?;
    let (rows, width) = x.dims2()?;
    let (quantised, out) = room_in_e4m3(device, [rows, width])?;
    launch(device, calls::quantise(number(x.dtype())?, address(&x)?, out, [rows, width]))?;
    Ok(quantised)
}

/// The rows of `x` [rows, width] normalised and rounded to e4m3.
pub(crate) fn rms_norm_e4m3(x: &Tensor, gain: &Tensor, eps: f64) -> Result<Quantised> {
    let x = x.contiguous()?;
    let device = x.device().as_cuda_device()?;
    let (dtype, (rows, width)) = (x.dtype(), x.dims2()?);
    let (quantised, out) = room_in_e4m3(device, [rows, width])?;
    let (from, gain) = (address(&x)?, checked(gain, dtype, width)?);
    let call = calls::rms_norm_e4m3(number(dtype)?, from, gain, out, [rows, width], eps as f32);
    launch(device, call)?;
    Ok(quantised)
}

pub(crate) fn add_rms_norm(
    hidden: &Tensor,
    product: &Product,
    gain: &Tensor,
    eps: f64,
) -> Result<Tensor> {
    let hidden = hidden.contiguous()?;
    let device = hidden.device().as_cuda_device()?;
    let (dtype, [rows, width]) = (hidden.dtype(), shape(product)?);
    let out = room(device, dtype, hidden.shape())?;
    let call = calls::add_rms_norm(
        number(dtype)?,
        of(product, [rows, width])?,
        checked(gain, dtype, width)?,
        checked(&hidden, dtype, rows * width)?,
        address(&out)?,
        [rows, width],
        eps as f32,
    );
    launch(device, call)?;
    Ok(out)
}

pub(crate) fn swiglu(gate: &Product, up: &Product, dtype: DType) -> Result<Tensor> {
    let device = gate.values.device().as_cuda_device()?;
    let shape = shape(gate)?;
    let out = room(device, dtype, gate.values.shape())?;
    let (gate, up) = (of(gate, shape)?, of(up, shape)?);
    launch(device, calls::swiglu(number(dtype)?, gate, up, address(&out)?, shape))?;
    Ok(out)
}

pub(crate) fn finish(product: &Product, bias: Option<&Tensor>, dtype: DType) -> Result<Tensor> {
    let device = product.values.device().as_cuda_device()?;
    let shape = shape(product)?;
    let out = room(device, dtype, product.values.shape())?;
    let bias = bias.map(|bias| checked(bias, DType::F32, shape[1])).transpose()?;
    launch(
        device,
        calls::finish(number(dtype)?, of(product, shape)?, bias, address(&out)?, shape),
    )?;
    Ok(out)
}

pub(crate) fn split_heads(
    product: &Product,
    heads: HeadShape,
    gains: [&Tensor; 2],
    rotary: &RotaryTable,
    eps: f64,
) -> Result<[Tensor; 3]> {
    let device = product.values.device().as_cuda_device()?;
    let shape = shape(product)?;
    let HeadShape { heads, kv_heads, head_dim } = heads;
    let (tokens, dtype) = (shape[0], gains[0].dtype());
    let angles = tokens * head_dim / 2;
    let (cosines, sines) = rotary.tables();
    let part = |heads: usize| room(device, dtype, (tokens, heads * head_dim));
    let parts = [part(heads)?, part(kv_heads)?, part(kv_heads)?];
    let values = calls::Heads {
        product: of(product, [tokens, (heads + 2 * kv_heads) * head_dim])?,
        query_gain: checked(gains[0], dtype, head_dim)?,
        key_gain: checked(gains[1], dtype, head_dim)?,
        cosines: checked(cosines, dtype, angles)?,
        sines: checked(sines, dtype, angles)?,
        query: address(&parts[0])?,
        key: address(&parts[1])?,
        value: address(&parts[2])?,
    };
    let shape = calls::HeadShape { tokens, heads, kv_heads, head_dim };
    launch(device, calls::split_heads(number(dtype)?, shape, values, eps as f32))?;
    Ok(parts)
}

/// `None` where it is no work for the kernel: not on such a device, not in bf16, or heads that it
/// does not take.
pub(crate) fn attention(
    parts: &[Tensor; 3],
    heads: HeadShape,
    causal: bool,
) -> Result<Option<Tensor>> {
    let [query, key, value] = parts;
    if !query.device().is_cuda() || query.dtype() != DType::BF16 {
        return Ok(None);
    }
    let device = query.device().as_cuda_device()?;
    let HeadShape { heads, kv_heads, head_dim } = heads;
    let tokens = query.dim(0)?;
    let out = room(device, DType::BF16, query.shape())?;
    let count = tokens * kv_heads * head_dim;
    let values = calls::Attended {
        query: checked(query, DType::BF16, tokens * heads * head_dim)?,
        key: checked(key, DType::BF16, count)?,
        value: checked(value, DType::BF16, count)?,
        out: address(&out)?,
    };
    let shape = calls::HeadShape { tokens, heads, kv_heads, head_dim };
    let call = calls::attention(values, shape, causal, shared_memory(device)?);
    if call.is_none() {
        return Ok(None);
    }
    launch(device, call)?;
    Ok(Some(out))
}

//! Softmax attention over a whole sequence, block by block of queries so that the scores of a
//! long sequence never stand in memory at once.

use super::storage::{contiguous, contiguous_mut};
use crate::profile::{Operation, timed};
use candle_core::{
    CpuStorage, CustomOp3, DType, Device, InplaceOp1, Layout, Result, Shape, Tensor, bail,
};
use sigmalab_kernels::attention as kernels;
use sigmalab_kernels::softmax::{Causal, Softmax};
use std::sync::OnceLock;

/// Most bytes of scores held at a time on the processor: small enough to stay near the caches.
const CPU_SCORE_BYTES: usize = 32 << 20;
/// The same on an accelerator, where more queries at a time fill the device.
const DEVICE_SCORE_BYTES: usize = 256 << 20;

/// Which keys a query may see.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mask<'a> {
    /// All of them.
    None,
    /// Those up to its own place.
    Causal(&'a Unseen),
}

impl Mask<'_> {
    pub(crate) fn is_causal(self) -> bool {
        matches!(self, Self::Causal(_))
    }
}

/// What is added to the scores of a sequence where no query may see the keys behind it. All layers of a run
/// share one: it is made where the first of them needs it, which is where no kernel of ours attends.
#[derive(Debug, Default)]
pub(crate) struct Unseen(OnceLock<Tensor>);

impl Unseen {
    /// [length, keys]: minus infinity for keys behind a query, else 0.
    fn of(&self, length: usize, keys: usize, device: &Device) -> Result<Tensor> {
        if let Some(made) = self.0.get().filter(|made| made.dims() == [length, keys]) {
            return Ok(made.clone());
        }
        let places = |count: usize| Tensor::arange(0_u32, count as u32, device);
        let behind = places(keys)?.unsqueeze(0)?.broadcast_gt(&places(length)?.unsqueeze(1)?)?;
        let nothing = Tensor::new(f32::NEG_INFINITY, device)?.broadcast_as(behind.shape())?;
        let made = behind.where_cond(&nothing, &nothing.zeros_like()?)?;
        let _ = self.0.set(made.clone());
        Ok(made)
    }
}

/// softmax(q·kᵀ / √head_dim)·v, side by side for every head.
///
/// `q` is [heads, length, head_dim]; `k` and `v` are [kv_heads, length, head_dim] with
/// `kv_heads` dividing `heads` (consecutive query heads share one). The result is
/// [length, heads · head_dim]. Scores and weights are f32: inputs in bf16 are widened.
///
/// The split into blocks follows from the shapes alone, so the bits of the result do not depend
/// on the number of threads.
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask<'_>) -> Result<Tensor> {
    let (heads, length, head_dim) = q.dims3()?;
    // A single head stands token by token, as the kernel reads it.
    if q.device().is_cpu() && q.dtype() == DType::F32 && heads == 1 && k.dim(0)? == 1 {
        let kernel = kernels::Attention {
            heads,
            kv_heads: 1,
            head_dim,
            length,
            keys: k.dim(1)?,
            causal: mask.is_causal(),
        };
        let whole = |x: &Tensor| x.contiguous();
        return whole(q)?.apply_op3_no_bwd(&whole(k)?, &whole(v)?, &SingleHead(kernel));
    }
    #[cfg(feature = "cuda")]
    if let Some(out) = on_cuda(q, k, v, mask)? {
        return Ok(out);
    }
    let budget = if q.device().is_cpu() { CPU_SCORE_BYTES } else { DEVICE_SCORE_BYTES };
    blocked(q, k, v, mask, budget)
}

/// By our kernel, which reads heads token by token; `None` where it is no work for it.
#[cfg(feature = "cuda")]
fn on_cuda(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask<'_>) -> Result<Option<Tensor>> {
    if !q.device().is_cuda() || q.dtype() != DType::BF16 || q.dim(1)? != k.dim(1)? {
        return Ok(None);
    }
    let (heads, _, head_dim) = q.dims3()?;
    let shape = super::products::HeadShape { heads, kv_heads: k.dim(0)?, head_dim };
    let by_token = |x: &Tensor| x.transpose(0, 1)?.contiguous()?.flatten_from(1);
    crate::cuda::attention(&[by_token(q)?, by_token(k)?, by_token(v)?], shape, mask.is_causal())
}

/// Attention of one head, whose tokens stand one after the other.
struct SingleHead(kernels::Attention);

impl CustomOp3 for SingleHead {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(q), CpuStorage::F32(k), CpuStorage::F32(v)) = (q, k, v) else {
            bail!("attention: only f32")
        };
        let kernels::Attention { head_dim, length, keys, .. } = self.0;
        if v_layout.shape().dims() != [1, keys, head_dim] {
            bail!("attention: {:?} values do not fit {keys} keys", v_layout.shape());
        }
        let mut out = vec![0f32; length * head_dim];
        let q = contiguous(self.name(), q, q_layout)?;
        let k = contiguous(self.name(), k, k_layout)?;
        let v = contiguous(self.name(), v, v_layout)?;
        let heads = |values| kernels::Heads { values, token: head_dim, head: head_dim };
        timed(Operation::Attention, || self.0.apply(heads(q), heads(k), heads(v), &mut out));
        Ok((CpuStorage::F32(out), (length, head_dim).into()))
    }
}

fn blocked(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Mask<'_>,
    score_bytes: usize,
) -> Result<Tensor> {
    let (heads, length, head_dim) = q.dims3()?;
    let (kv_heads, keys, _) = k.dims3()?;
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) || length == 0 || keys == 0 {
        bail!("attention: {:?} queries do not fit {:?} keys", q.shape(), k.shape());
    }
    let dtype = q.dtype();
    let wide = |x: &Tensor| x.to_dtype(DType::F32);
    let (q, k, v) = (wide(q)?, wide(k)?, wide(v)?);
    let k = k.t()?;
    let scale = 1.0 / (head_dim as f64).sqrt();
    let rows = (score_bytes / (4 * heads * keys)).clamp(1, length);

    let mut blocks = Vec::with_capacity(length.div_ceil(rows));
    for first in (0..length).step_by(rows) {
        let rows = rows.min(length - first);
        let block = q.narrow(1, first, rows)?;
        // The query heads that share a key head stand under each other as one matrix.
        let stacked = block.reshape((kv_heads, heads / kv_heads * rows, head_dim))?;
        let scores = stacked.matmul(&k)?.reshape((heads, rows, keys))?;
        let weights = softmax(scores, scale, mask, first, length)?;
        let weights = weights.reshape((kv_heads, heads / kv_heads * rows, keys))?;
        let out = weights.matmul(&v)?.reshape((heads, rows, head_dim))?;
        blocks.push(out.transpose(0, 1)?.reshape((rows, heads * head_dim))?.to_dtype(dtype)?);
    }
    match blocks.as_slice() {
        [one] => Ok(one.clone()),
        many => Tensor::cat(many, 0),
    }
}

/// Weights of a block of scores [heads, rows, keys] whose first row is the query at `first`.
fn softmax(
    scores: Tensor,
    scale: f64,
    mask: Mask<'_>,
    first: usize,
    length: usize,
) -> Result<Tensor> {
    let (_, rows, keys) = scores.dims3()?;
    if scores.device().is_cpu() {
        let causal = mask.is_causal().then_some(Causal { first, rows });
        scores.inplace_op1(&Op(Softmax { keys, scale: scale as f32, causal }))?;
        return Ok(scores);
    }
    composed_softmax(&scores, scale, mask, first, length)
}

fn composed_softmax(
    scores: &Tensor,
    scale: f64,
    mask: Mask<'_>,
    first: usize,
    length: usize,
) -> Result<Tensor> {
    let (_, rows, keys) = scores.dims3()?;
    let mut scores = (scores * scale)?;
    if let Mask::Causal(unseen) = mask {
        let unseen = unseen.of(length, keys, scores.device())?.narrow(0, first, rows)?;
        scores = scores.broadcast_add(&unseen.unsqueeze(0)?)?;
    }
    candle_nn::ops::softmax_last_dim(&scores)
}

struct Op(Softmax);

impl InplaceOp1 for Op {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(scores) = storage else { bail!("softmax: only f32") };
        self.0.apply(contiguous_mut(self.name(), scores, layout)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::testing::far_apart;
    use candle_core::Device;

    #[test]
    fn the_processor_s_softmax_equals_that_of_an_accelerator() {
        for mask in [Mask::None, Mask::Causal(&Unseen::default())] {
            let scores = tensor((3, 4, 9), 5);
            let theirs = composed_softmax(&scores, 0.7, mask, 5, 9).unwrap();
            let ours = softmax(scores.copy().unwrap(), 0.7, mask, 5, 9).unwrap();
            assert!(!far_apart(&ours, &theirs));
        }
    }

    #[test]
    fn what_no_query_sees_is_made_once_for_all_layers() {
        let unseen = Unseen::default();
        let made = |length, keys| unseen.of(length, keys, &Device::Cpu).unwrap();
        let first = made(3, 4);
        let none = f32::NEG_INFINITY;
        let expected = [[0.0, none, none, none], [0.0, 0.0, none, none], [0.0, 0.0, 0.0, none]];
        assert_eq!(first.to_vec2::<f32>().unwrap(), expected);
        assert_eq!(first.id(), made(3, 4).id());
        // Another shape gets its own.
        assert_eq!(made(2, 2).to_vec2::<f32>().unwrap(), [[0.0, none], [0.0, 0.0]]);
        assert_eq!(first.id(), made(3, 4).id());
    }

    fn tensor(dims: (usize, usize, usize), seed: usize) -> Tensor {
        let n = dims.0 * dims.1 * dims.2;
        let values: Vec<f32> =
            (0..n).map(|i| (((i + seed) * 7919) % 2003) as f32 / 500.0 - 2.0).collect();
        Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
    }

    /// The definition, in f64 and without blocks.
    fn by_definition(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask<'_>) -> Vec<f64> {
        let (heads, length, dim) = q.dims3().unwrap();
        let shared = heads / k.dim(0).unwrap();
        let [q, k, v] =
            [q, k, v].map(|t| t.to_dtype(DType::F64).unwrap().to_vec3::<f64>().unwrap());
        let mut out = vec![0.0; length * heads * dim];
        for h in 0..heads {
            for i in 0..length {
                let seen = if mask.is_causal() { i + 1 } else { length };
                let dot = |j: usize| -> f64 {
                    (0..dim).map(|d| q[h][i][d] * k[h / shared][j][d]).sum::<f64>()
                };
                let weights: Vec<f64> =
                    (0..seen).map(|j| (dot(j) / (dim as f64).sqrt()).exp()).collect();
                let total: f64 = weights.iter().sum();
                for d in 0..dim {
                    out[(i * heads + h) * dim + d] =
                        (0..seen).map(|j| weights[j] / total * v[h / shared][j][d]).sum();
                }
            }
        }
        out
    }

    #[test]
    fn it_follows_the_definition_whatever_the_blocks_and_shared_heads() {
        for (heads, kv_heads) in [(4, 4), (6, 2), (3, 1)] {
            for mask in [Mask::None, Mask::Causal(&Unseen::default())] {
                let q = tensor((heads, 29, 8), 1);
                let (k, v) = (tensor((kv_heads, 29, 8), 2), tensor((kv_heads, 29, 8), 3));
                let expected = by_definition(&q, &k, &v, mask);
                for budget in [1, 4 * heads * 29 * 5, 1 << 20] {
                    let out = blocked(&q, &k, &v, mask, budget).unwrap();
                    assert_eq!(out.dims(), [29, heads * 8]);
                    let out = out.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    for (a, b) in out.iter().zip(&expected) {
                        assert!((f64::from(*a) - b).abs() < 1e-5, "{a} {b}");
                    }
                }
            }
        }
    }
}

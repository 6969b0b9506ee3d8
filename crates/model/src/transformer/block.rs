//! One transformer block: attention over the whole sequence and a SwiGLU feed-forward layer,
//! each normalised before and after and modulated by the time.

use super::config::TransformerConfig;
use super::modulation::Gains;
use crate::checkpoint::{CheckpointError, Weights};
use crate::linear::{Linear, StoredBytes};
use crate::ops::products::{self, HeadShape, Product};
use crate::ops::quantised::{Rows, normalised};
use crate::ops::storage::{Number, with_values};
use crate::ops::{FeedForward, Mask};
use crate::profile::{Operation, timed, timed_on};
use crate::rotary::RotaryTable;
use candle_core::{Result, Tensor};
use sigmalab_kernels::attention::{Attention, Heads};
use sigmalab_kernels::heads::{Angles, HeadRun, normalise_and_turn};
use sigmalab_kernels::norm;

/// Normalises queries and keys, whatever `norm_eps` is.
const QUERY_KEY_NORM_EPS: f64 = 1e-5;

/// A block computes
/// `x += tanh(gate_msa) · norm2(attention(norm1(x) · (1 + scale_msa)))` and
/// `x += tanh(gate_mlp) · ffn_norm2(feed_forward(ffn_norm1(x) · (1 + scale_mlp)))`.
pub(super) struct Block {
    qkv: Linear,
    output: Linear,
    query_norm: Tensor,
    key_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
    head_dim: usize,
    eps: f64,
}

impl Block {
    pub(super) fn new(
        weights: &Weights,
        config: &TransformerConfig,
        index: usize,
    ) -> std::result::Result<Self, CheckpointError> {
        let TransformerConfig { width, head_dim, intermediate, .. } = *config;
        let name = |name: &str| format!("layers.{index}.{name}");
        let coarse =
            |module: &str, inputs, outputs| weights.linear_in_bytes(&name(module), inputs, outputs);
        Ok(Self {
            qkv: coarse("attention.qkv", width, 3 * width)?,
            output: coarse("attention.o", width, width)?,
            query_norm: weights.tensor(&name("attention.norm_q.weight"), &[head_dim])?,
            key_norm: weights.tensor(&name("attention.norm_k.weight"), &[head_dim])?,
            gate: coarse("feed_forward.w1", width, intermediate)?,
            up: coarse("feed_forward.w3", width, intermediate)?,
            // Its inputs have outliers (arXiv 2606.12280 found its loss to be most of what bytes cost).
            down: weights.linear_beside_outliers(&name("feed_forward.w2"), intermediate, width)?,
            heads: config.heads,
            head_dim,
            eps: config.norm_eps,
        })
    }

    /// Where the weights of its products are.
    pub(super) fn stored(&self) -> Vec<StoredBytes> {
        let products = [&self.qkv, &self.output, &self.gate, &self.up, &self.down];
        products.into_iter().flat_map(Linear::stored).collect()
    }

    /// The block on the processor: `hidden` [tokens, width] is changed in place. `angles` are
    /// [`RotaryTable::values`].
    pub(super) fn run<T: Number>(
        &self,
        hidden: &mut [T],
        angles: Angles<'_, T>,
        gains: &Gains,
    ) -> Result<()> {
        let eps = self.eps as f32;
        let of = |tensor: &Tensor| with_values::<T, _>(tensor, <[T]>::to_vec);
        let (before, after) = (of(&gains.attention_in)?, of(&gains.attention_out)?);
        let (query_norm, key_norm) = (of(&self.query_norm)?, of(&self.key_norm)?);

        let width = self.heads * self.head_dim;
        let tokens = hidden.len() / width.max(1);
        let zero = T::from_f32(0.0);
        let mut rows = vec![zero; tokens * width];
        let mut qkv = vec![zero; tokens * 3 * width];
        timed(Operation::Norms, || norm::rms_norm(hidden, &before, eps, &mut rows));
        timed(Operation::Projections, || self.qkv.multiply(&rows, &mut qkv));
        let runs = [(0, &query_norm), (width, &key_norm)];
        let runs = runs.map(|(first, gain)| HeadRun { first, heads: self.heads, gain });
        timed(Operation::Heads, || {
            normalise_and_turn(&mut qkv, 3 * width, &runs, QUERY_KEY_NORM_EPS as f32, angles);
        });
        let attention = Attention {
            heads: self.heads,
            kv_heads: self.heads,
            head_dim: self.head_dim,
            length: tokens,
            keys: tokens,
            causal: false,
        };
        let part = |first: usize| Heads {
            values: qkv.get(first * width..).unwrap_or_default(),
            token: 3 * width,
            head: self.head_dim,
        };
        timed(Operation::Attention, || attention.apply(part(0), part(1), part(2), &mut rows));
        let mixed = &mut qkv[..tokens * width];
        timed(Operation::Projections, || self.output.multiply(&rows, mixed));
        timed(Operation::Norms, || norm::add_rms_norm(mixed, &after, eps, hidden));
        drop((rows, qkv));

        let (before, after) = (of(&gains.feed_forward_in)?, of(&gains.feed_forward_out)?);
        let layer = FeedForward { gate: &self.gate, up: &self.up, down: &self.down };
        layer.run(
            hidden,
            |hidden, rows| norm::rms_norm(hidden, &before, eps, rows),
            |rows, hidden| norm::add_rms_norm(rows, &after, eps, hidden),
        );
        Ok(())
    }

    /// `hidden` [tokens, width] → the same shape, by the device's operations.
    pub(super) fn forward(
        &self,
        hidden: &Tensor,
        rotary: &RotaryTable,
        gains: &Gains,
    ) -> Result<Tensor> {
        let (eps, dtype) = (self.eps, hidden.dtype());
        let shape = HeadShape { heads: self.heads, kv_heads: self.heads, head_dim: self.head_dim };
        let device = hidden.device();
        let norm = |x: &Tensor, gain, to_e4m3| {
            timed_on(device, Operation::Norms, || normalised(x, gain, eps, to_e4m3))
        };
        let projected = |layer: &Linear, x: &Rows| {
            timed_on(device, Operation::Projections, || layer.product(x))
        };
        let fed = |layer: &Linear, x: &Rows| {
            timed_on(device, Operation::FeedForward, || layer.product(x))
        };
        let added = |hidden: &Tensor, branch: &Product, gain| {
            timed_on(device, Operation::Norms, || products::add_rms_norm(hidden, branch, gain, eps))
        };

        let rows = norm(hidden, &gains.attention_in, self.qkv.takes_e4m3())?;
        let qkv = projected(&self.qkv, &rows)?;
        drop(rows);
        let norms = [&self.query_norm, &self.key_norm];
        let parts = timed_on(device, Operation::Heads, || {
            products::split_heads(&qkv, shape, norms, rotary, QUERY_KEY_NORM_EPS)
        })?;
        drop(qkv);
        let attend = || products::attend(&parts, shape, Mask::None);
        let mixed = timed_on(device, Operation::Attention, attend)?;
        let branch = projected(&self.output, &Rows::Plain(mixed))?;
        let hidden = added(hidden, &branch, &gains.attention_out)?;

        let to_e4m3 = self.gate.takes_e4m3() && self.up.takes_e4m3();
        let rows = norm(&hidden, &gains.feed_forward_in, to_e4m3)?;
        let (gate, up) = (fed(&self.gate, &rows)?, fed(&self.up, &rows)?);
        let swiglu = || products::swiglu(&gate, &up, dtype);
        let gated = timed_on(device, Operation::Gates, swiglu)?;
        drop((gate, up));
        added(&hidden, &fed(&self.down, &Rows::Plain(gated))?, &gains.feed_forward_out)
    }
}

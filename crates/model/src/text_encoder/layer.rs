//! One decoder layer of Qwen3: grouped-query attention with normalised queries and keys, and a
//! SwiGLU feed-forward layer, both pre-normalised and without biases.

use super::config::TextEncoderConfig;
use crate::checkpoint::{CheckpointError, Weights};
use crate::linear::{Linear, StoredBytes};
use crate::ops::storage::{Number, with_values};
use crate::ops::{FeedForward, Mask, Unseen, attention, rms_norm, swiglu};
use crate::profile::{Operation, timed};
use crate::rotary::RotaryTable;
use candle_core::{Result, Tensor};
use sigmalab_kernels::attention::{Attention, Heads};
use sigmalab_kernels::heads::{Angles, HeadRun, normalise_and_turn};
use sigmalab_kernels::norm;

pub(super) struct Layer {
    input_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Tensor,
    key_norm: Tensor,
    feed_forward_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    eps: f64,
}

impl Layer {
    pub(super) fn new(
        weights: &Weights,
        config: &TextEncoderConfig,
        index: usize,
    ) -> std::result::Result<Self, CheckpointError> {
        let TextEncoderConfig { hidden, heads, kv_heads, head_dim, intermediate, .. } = *config;
        let norm =
            |name: &str, width| weights.tensor(&format!("layers.{index}.{name}.weight"), &[width]);
        let linear = |name: &str, inputs, outputs| {
            weights.linear(&format!("layers.{index}.{name}"), inputs, outputs, false)
        };
        Ok(Self {
            input_norm: norm("input_layernorm", hidden)?,
            query: linear("self_attn.q_proj", hidden, heads * head_dim)?,
            key: linear("self_attn.k_proj", hidden, kv_heads * head_dim)?,
            value: linear("self_attn.v_proj", hidden, kv_heads * head_dim)?,
            output: linear("self_attn.o_proj", heads * head_dim, hidden)?,
            query_norm: norm("self_attn.q_norm", head_dim)?,
            key_norm: norm("self_attn.k_norm", head_dim)?,
            feed_forward_norm: norm("post_attention_layernorm", hidden)?,
            gate: linear("mlp.gate_proj", hidden, intermediate)?,
            up: linear("mlp.up_proj", hidden, intermediate)?,
            down: linear("mlp.down_proj", intermediate, hidden)?,
            heads,
            kv_heads,
            head_dim,
            eps: config.norm_eps,
        })
    }

    /// Where the weights of its products are.
    pub(super) fn stored(&self) -> Vec<StoredBytes> {
        let attention = [&self.query, &self.key, &self.value, &self.output];
        let feed_forward = [&self.gate, &self.up, &self.down];
        attention.into_iter().chain(feed_forward).flat_map(Linear::stored).collect()
    }

    /// The layer on the processor: `hidden` [tokens, hidden size] is changed in place.
    pub(super) fn run<T: Number>(&self, hidden: &mut [T], angles: Angles<'_, T>) -> Result<()> {
        let eps = self.eps as f32;
        let of = |tensor: &Tensor| with_values::<T, _>(tensor, <[T]>::to_vec);
        let (input_norm, query_norm) = (of(&self.input_norm)?, of(&self.query_norm)?);
        let (key_norm, feed_forward_norm) = (of(&self.key_norm)?, of(&self.feed_forward_norm)?);

        let width = self.query.inputs();
        let tokens = hidden.len() / width.max(1);
        let (wide, narrow) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let zeros = |width: usize| vec![T::from_f32(0.0); tokens * width];
        let (mut rows, mut mixed) = (zeros(width), zeros(wide));
        let (mut query, mut key, mut value) = (zeros(wide), zeros(narrow), zeros(narrow));
        timed(Operation::Norms, || norm::rms_norm(hidden, &input_norm, eps, &mut rows));
        timed(Operation::Projections, || {
            self.query.multiply(&rows, &mut query);
            self.key.multiply(&rows, &mut key);
            self.value.multiply(&rows, &mut value);
        });
        timed(Operation::Heads, || {
            let run = |heads, gain| [HeadRun { first: 0, heads, gain }];
            normalise_and_turn(&mut query, wide, &run(self.heads, &query_norm), eps, angles);
            normalise_and_turn(&mut key, narrow, &run(self.kv_heads, &key_norm), eps, angles);
        });
        let attention = Attention {
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            length: tokens,
            keys: tokens,
            causal: true,
        };
        let head = self.head_dim;
        timed(Operation::Attention, || {
            attention.apply(
                Heads { values: &query, token: wide, head },
                Heads { values: &key, token: narrow, head },
                Heads { values: &value, token: narrow, head },
                &mut mixed,
            );
        });
        timed(Operation::Projections, || self.output.multiply(&mixed, &mut rows));
        timed(Operation::Norms, || norm::add(&rows, hidden));

        let layer = FeedForward { gate: &self.gate, up: &self.up, down: &self.down };
        layer.run(
            hidden,
            |hidden, rows| norm::rms_norm(hidden, &feed_forward_norm, eps, rows),
            |rows, hidden| norm::add(rows, hidden),
        );
        Ok(())
    }

    /// `hidden` [tokens, hidden size] → the same shape, by candle's operations. `unseen` is that of all
    /// layers.
    pub(super) fn forward(
        &self,
        hidden: &Tensor,
        rotary: &RotaryTable,
        unseen: &Unseen,
    ) -> Result<Tensor> {
        let x = rms_norm(hidden, &self.input_norm, self.eps)?;
        let query = self.split(&self.query.forward(&x)?, self.heads)?;
        let key = self.split(&self.key.forward(&x)?, self.kv_heads)?;
        let value = self.split(&self.value.forward(&x)?, self.kv_heads)?;
        let query = rotary.rotate(&rms_norm(&query, &self.query_norm, self.eps)?)?;
        let key = rotary.rotate(&rms_norm(&key, &self.key_norm, self.eps)?)?;
        let mixed = attention(&query, &key, &value, Mask::Causal(unseen))?;
        let hidden = (hidden + self.output.forward(&mixed)?)?;

        let x = rms_norm(&hidden, &self.feed_forward_norm, self.eps)?;
        let x = swiglu(&self.gate.forward(&x)?, &self.up.forward(&x)?)?;
        hidden + self.down.forward(&x)?
    }

    /// [tokens, heads · head_dim] → [heads, tokens, head_dim].
    fn split(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        x.reshape(((), heads, self.head_dim))?.transpose(0, 1)?.contiguous()
    }
}

//! The text encoder's dimensions, from its tensors, held against its `config.json`.

use crate::config::Part;
use crate::error::ModelError;
use serde_json::{Value, json};

/// Dimensions and constants of the text encoder.
#[derive(Debug, Clone)]
pub(super) struct TextEncoderConfig {
    pub(super) vocabulary: usize,
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) intermediate: usize,
    pub(super) norm_eps: f64,
    pub(super) rope_theta: f64,
}

impl TextEncoderConfig {
    /// Reads the dimensions of an encoder of which `needed` layers are run; each one in the
    /// config must be the one the tensors have. Keys are looked up under `text_config` and, for a
    /// text-only config, at the top.
    pub(super) fn read(part: &Part<'_>, needed: usize) -> Result<Self, ModelError> {
        let layers = part.count(|i| format!("layers.{i}.input_layernorm.weight"));
        if layers < needed {
            let tensor = format!("layers.{layers}.input_layernorm.weight");
            let problem = format!("is missing; {needed} layers are needed, {layers} are there");
            return Err(part.bad_tensor(&tensor, problem));
        }
        const QUERY: &str = "layers.0.self_attn.q_proj.weight";
        const KEY: &str = "layers.0.self_attn.k_proj.weight";
        const HEAD: &str = "layers.0.self_attn.q_norm.weight";
        const GATE: &str = "layers.0.mlp.gate_proj.weight";
        const TABLE: &str = "embed_tokens.weight";
        let [vocabulary, hidden] = part.shape(TABLE)?;
        let [head_dim] = part.shape(HEAD)?;
        let [query_rows, _] = part.shape(QUERY)?;
        let [key_rows, _] = part.shape(KEY)?;
        let [intermediate, _] = part.shape(GATE)?;
        part.divide(HEAD, head_dim, 2)?;
        let heads = part.divide(QUERY, query_rows, head_dim)?;
        let kv_heads = part.divide(KEY, key_rows, head_dim)?;
        part.divide(QUERY, heads, kv_heads)?;

        let agree = |key: &str, tensor: &str, stored: usize| {
            part.agree(&[&format!("text_config.{key}"), key], tensor, stored)
        };
        agree("vocab_size", TABLE, vocabulary)?;
        agree("hidden_size", TABLE, hidden)?;
        agree("num_attention_heads", QUERY, heads)?;
        agree("num_key_value_heads", KEY, kv_heads)?;
        agree("head_dim", HEAD, head_dim)?;
        agree("intermediate_size", GATE, intermediate)?;
        agree("num_hidden_layers", &format!("layers.{}", layers - 1), layers)?;

        let require =
            |key: &str, only: Value| part.require(&[&format!("text_config.{key}"), key], &only);
        require("hidden_act", json!("silu"))?;
        require("attention_bias", json!(false))?;
        require("rope_parameters.rope_type", json!("default"))?;
        require("rope_scaling.rope_type", json!("default"))?;
        let norm_eps = part.positive(&["text_config.rms_norm_eps", "rms_norm_eps"], 1e-6)?;
        let rope_theta = part.positive(
            &[
                "text_config.rope_parameters.rope_theta",
                "text_config.rope_theta",
                "rope_parameters.rope_theta",
                "rope_theta",
            ],
            5e6,
        )?;
        Ok(Self {
            vocabulary,
            hidden,
            heads,
            kv_heads,
            head_dim,
            intermediate,
            norm_eps,
            rope_theta,
        })
    }
}

//! The sizes of a random checkpoint, and the tensors that they ask for.

use super::tensors::{Kind, Tensor};
use serde_json::{Value, json};

/// Layers whose outputs are text features.
const TAPS: usize = 13;
const TOKEN_CHANNELS: usize = 128;
const LATENT_CHANNELS: usize = 32;

/// Sizes of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynthShape {
    /// Width of the transformers.
    pub width: usize,
    /// Layers of each transformer.
    pub layers: usize,
    /// Values of an attention head; divides `width`.
    pub head_dim: usize,
    /// Width of the feed-forward layers.
    pub intermediate: usize,
    /// Values of the vector that modulations are made from.
    pub conditioning: usize,
    /// Layers of the text encoder; a whole model has 36, up to the last one that is tapped.
    pub text_layers: usize,
    /// Width of the text encoder; a token has 13 times as many features.
    pub text_width: usize,
    /// Query heads, key heads and values of a head of the text encoder.
    pub text_heads: (usize, usize, usize),
    /// Width of the text encoder's feed-forward layers.
    pub text_intermediate: usize,
    /// Rows of the embedding table.
    pub vocabulary: usize,
    /// Channels of the decoder from the largest image to the smallest.
    pub decoder: [usize; 4],
    /// Residual blocks of each of the decoder's sizes, less one.
    pub decoder_layers: usize,
    /// Runs of channels in the decoder's norms.
    pub groups: usize,
}

impl SynthShape {
    /// Ideogram 4.
    pub fn real() -> Self {
        Self {
            width: 4608,
            layers: 34,
            head_dim: 256,
            intermediate: 12288,
            conditioning: 512,
            text_layers: 36,
            text_width: 4096,
            text_heads: (32, 8, 128),
            text_intermediate: 12288,
            vocabulary: 151_936,
            decoder: [128, 256, 512, 512],
            decoder_layers: 2,
            groups: 32,
        }
    }

    /// Transformers of the real width with `layers` layers, and the real decoder; of the text
    /// encoder only what the features' width needs.
    pub fn slice(layers: usize) -> Self {
        Self {
            layers,
            text_heads: (1, 1, 32),
            text_intermediate: 32,
            vocabulary: 512,
            ..Self::real()
        }
    }

    /// Small enough for a test.
    pub fn tiny() -> Self {
        Self {
            width: 128,
            layers: 1,
            head_dim: 64,
            intermediate: 192,
            conditioning: 64,
            text_layers: 36,
            text_width: 64,
            text_heads: (2, 1, 32),
            text_intermediate: 64,
            vocabulary: 512,
            decoder: [16, 16, 32, 32],
            decoder_layers: 1,
            groups: 8,
        }
    }

    pub(super) fn transformer_config(&self) -> Value {
        // As many of the frequencies as in the real model, for each axis.
        let half = self.head_dim / 2;
        json!({
            "emb_dim": self.width,
            "num_layers": self.layers,
            "num_heads": self.width / self.head_dim,
            "intermediate_size": self.intermediate,
            "adanln_dim": self.conditioning,
            "in_channels": TOKEN_CHANNELS,
            "llm_features_dim": TAPS * self.text_width,
            "rope_theta": 5_000_000,
            "mrope_section": [half * 24 / 128, half * 20 / 128, half * 20 / 128],
            "norm_eps": 1e-5,
        })
    }

    pub(super) fn text_encoder_config(&self) -> Value {
        let (heads, kv_heads, head_dim) = self.text_heads;
        json!({
            "model_type": "qwen3_vl",
            "text_config": {
                "vocab_size": self.vocabulary,
                "hidden_size": self.text_width,
                "intermediate_size": self.text_intermediate,
                "num_hidden_layers": self.text_layers,
                "num_attention_heads": heads,
                "num_key_value_heads": kv_heads,
                "head_dim": head_dim,
                "hidden_act": "silu",
                "rms_norm_eps": 1e-6,
                "rope_theta": 5_000_000,
                "attention_bias": false,
            },
        })
    }

    pub(super) fn decoder_config(&self) -> Value {
        json!({
            "_class_name": "AutoencoderKLFlux2",
            "block_out_channels": self.decoder,
            "layers_per_block": self.decoder_layers,
            "act_fn": "silu",
            "latent_channels": LATENT_CHANNELS,
            "norm_num_groups": self.groups,
            "latent_statistics": "reference",
        })
    }

    /// The tensors of a transformer; only the conditional one reads text.
    pub(super) fn transformer(&self, conditional: bool) -> Vec<Tensor> {
        let Self { width, head_dim, intermediate, conditioning, .. } = *self;
        let features = TAPS * self.text_width;
        let mut tensors = vec![
            Tensor::new("embed_image_indicator.weight", [2, width], Kind::Small),
            Tensor::linear("input_proj", TOKEN_CHANNELS, width),
            Tensor::bias("input_proj", width),
            Tensor::linear("t_embedding.mlp_in", width, width),
            Tensor::bias("t_embedding.mlp_in", width),
            Tensor::linear("t_embedding.mlp_out", width, width),
            Tensor::bias("t_embedding.mlp_out", width),
            Tensor::linear("adaln_proj", width, conditioning),
            Tensor::bias("adaln_proj", conditioning),
            Tensor::linear("final_layer.adaln_modulation", conditioning, width),
            Tensor::bias("final_layer.adaln_modulation", width),
            Tensor::linear("final_layer.linear", width, TOKEN_CHANNELS),
            Tensor::bias("final_layer.linear", TOKEN_CHANNELS),
        ];
        if conditional {
            tensors.push(Tensor::ones("llm_cond_norm", features));
            tensors.push(Tensor::linear("llm_cond_proj", features, width));
            tensors.push(Tensor::bias("llm_cond_proj", width));
        }
        for i in 0..self.layers {
            let name = |name: &str| format!("layers.{i}.{name}");
            for norm in ["attention_norm1", "attention_norm2", "ffn_norm1", "ffn_norm2"] {
                tensors.push(Tensor::ones(&name(norm), width));
            }
            for norm in ["attention.norm_q", "attention.norm_k"] {
                tensors.push(Tensor::ones(&name(norm), head_dim));
            }
            tensors.push(Tensor::linear(&name("attention.qkv"), width, 3 * width));
            tensors.push(Tensor::linear(&name("attention.o"), width, width));
            tensors.push(Tensor::linear(&name("feed_forward.w1"), width, intermediate));
            tensors.push(Tensor::linear(&name("feed_forward.w2"), intermediate, width));
            tensors.push(Tensor::linear(&name("feed_forward.w3"), width, intermediate));
            tensors.push(Tensor::linear(&name("adaln_modulation"), conditioning, 4 * width));
            tensors.push(Tensor::bias(&name("adaln_modulation"), 4 * width));
        }
        tensors
    }

    pub(super) fn text_encoder(&self) -> Vec<Tensor> {
        let (heads, kv_heads, head_dim) = self.text_heads;
        let (width, inner) = (self.text_width, self.text_intermediate);
        const PREFIX: &str = "language_model.";
        let table = format!("{PREFIX}embed_tokens.weight");
        let mut tensors = vec![Tensor::new(&table, [self.vocabulary, width], Kind::Table)];
        for i in 0..self.text_layers {
            let name = |name: &str| format!("{PREFIX}layers.{i}.{name}");
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                tensors.push(Tensor::ones(&name(norm), width));
            }
            for norm in ["self_attn.q_norm", "self_attn.k_norm"] {
                tensors.push(Tensor::ones(&name(norm), head_dim));
            }
            tensors.push(Tensor::linear(&name("self_attn.q_proj"), width, heads * head_dim));
            tensors.push(Tensor::linear(&name("self_attn.k_proj"), width, kv_heads * head_dim));
            tensors.push(Tensor::linear(&name("self_attn.v_proj"), width, kv_heads * head_dim));
            tensors.push(Tensor::linear(&name("self_attn.o_proj"), heads * head_dim, width));
            tensors.push(Tensor::linear(&name("mlp.gate_proj"), width, inner));
            tensors.push(Tensor::linear(&name("mlp.up_proj"), width, inner));
            tensors.push(Tensor::linear(&name("mlp.down_proj"), inner, width));
        }
        tensors
    }

    pub(super) fn decoder(&self) -> Vec<Tensor> {
        let widths = self.decoder;
        let top = widths[3];
        let mut tensors = Vec::new();
        let mut convolution = |name: &str, inputs: usize, outputs: usize, side: usize| {
            let shape = [outputs, inputs, side, side];
            tensors.push(Tensor::new(&format!("{name}.weight"), shape, Kind::Small));
            tensors.push(Tensor::bias(name, outputs));
        };
        convolution("post_quant_conv", LATENT_CHANNELS, LATENT_CHANNELS, 1);
        convolution("decoder.conv_in", LATENT_CHANNELS, top, 3);
        convolution("decoder.conv_out", widths[0], 3, 3);
        let mut norms = vec![("decoder.conv_norm_out".to_owned(), widths[0])];
        let mut resnet = |module: String, inputs: usize, outputs: usize| {
            convolution(&format!("{module}.conv1"), inputs, outputs, 3);
            convolution(&format!("{module}.conv2"), outputs, outputs, 3);
            if inputs != outputs {
                convolution(&format!("{module}.conv_shortcut"), inputs, outputs, 1);
            }
            norms.push((format!("{module}.norm1"), inputs));
            norms.push((format!("{module}.norm2"), outputs));
        };
        resnet("decoder.mid_block.resnets.0".to_owned(), top, top);
        resnet("decoder.mid_block.resnets.1".to_owned(), top, top);
        let mut inputs = top;
        for (i, outputs) in widths.into_iter().rev().enumerate() {
            for j in 0..=self.decoder_layers {
                resnet(format!("decoder.up_blocks.{i}.resnets.{j}"), inputs, outputs);
                inputs = outputs;
            }
        }
        for (i, width) in widths.into_iter().rev().enumerate().take(3) {
            convolution(&format!("decoder.up_blocks.{i}.upsamplers.0.conv"), width, width, 3);
        }
        const ATTENTION: &str = "decoder.mid_block.attentions.0";
        norms.push((format!("{ATTENTION}.group_norm"), top));
        for (module, width) in norms {
            tensors.push(Tensor::ones(&module, width));
            tensors.push(Tensor::bias(&module, width));
        }
        for module in ["to_q", "to_k", "to_v", "to_out.0"] {
            let module = format!("{ATTENTION}.{module}");
            tensors.push(Tensor::new(&format!("{module}.weight"), [top, top], Kind::Small));
            tensors.push(Tensor::bias(&module, top));
        }
        tensors
    }
}

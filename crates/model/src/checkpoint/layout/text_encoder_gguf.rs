//! The text encoder by llama.cpp's names, which its GGUF files have.

use super::Layout;
use crate::checkpoint::shards::StoredPart;

/// `blk.0.attn_q` and the like.
#[derive(Debug)]
pub(super) struct TextEncoderGguf;

const TABLE: &str = "token_embd";

impl TextEncoderGguf {
    /// Whether the part's names are of this layout.
    pub(super) fn names(part: &StoredPart) -> bool {
        part.get(&format!("{TABLE}.weight")).is_some()
    }
}

impl Layout for TextEncoderGguf {
    fn name(&self) -> String {
        "llama.cpp's names".to_owned()
    }

    fn stored_modules(&self, module: &str) -> Vec<String> {
        let renamed = module.strip_prefix("layers.").and_then(|rest| {
            let (layer, name) = rest.split_once('.')?;
            let name = match name {
                "input_layernorm" => "attn_norm",
                "post_attention_layernorm" => "ffn_norm",
                "self_attn.q_proj" => "attn_q",
                "self_attn.k_proj" => "attn_k",
                "self_attn.v_proj" => "attn_v",
                "self_attn.o_proj" => "attn_output",
                "self_attn.q_norm" => "attn_q_norm",
                "self_attn.k_norm" => "attn_k_norm",
                "mlp.gate_proj" => "ffn_gate",
                "mlp.up_proj" => "ffn_up",
                "mlp.down_proj" => "ffn_down",
                _ => return None,
            };
            Some(format!("blk.{layer}.{name}"))
        });
        let table = (module == "embed_tokens").then(|| TABLE.to_owned());
        vec![renamed.or(table).unwrap_or_else(|| module.to_owned())]
    }

    fn uses(&self, name: &str) -> bool {
        name.starts_with("blk.") || name.starts_with("token_embd.")
    }
}

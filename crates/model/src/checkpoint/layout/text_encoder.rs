//! The text encoder: Qwen3-VL's names after a prefix that depends on which of its classes the
//! file was saved from.

use super::Layout;
use crate::checkpoint::shards::StoredPart;

/// Prefixes, the longest first: the generating model, the bare model, ComfyUI's, none.
const PREFIXES: [&str; 4] = ["model.language_model.", "language_model.", "model.", ""];

/// Names after a prefix.
#[derive(Debug)]
pub(super) struct TextEncoder {
    prefix: &'static str,
}

impl TextEncoder {
    /// Finds the prefix by the embedding table or the first layer.
    pub(super) fn detect(part: &StoredPart) -> Self {
        let starts = |prefix: &&str| {
            part.get(&format!("{prefix}embed_tokens.weight")).is_some()
                || part.get(&format!("{prefix}layers.0.input_layernorm.weight")).is_some()
        };
        Self { prefix: PREFIXES.into_iter().find(starts).unwrap_or_default() }
    }
}

impl Layout for TextEncoder {
    fn name(&self) -> String {
        if self.prefix.is_empty() {
            "names without prefix".to_owned()
        } else {
            format!("names after {}", self.prefix)
        }
    }

    fn stored_modules(&self, module: &str) -> Vec<String> {
        vec![format!("{}{module}", self.prefix)]
    }

    fn uses(&self, name: &str) -> bool {
        name.strip_prefix(self.prefix)
            .is_some_and(|name| name.starts_with("layers.") || name.starts_with("embed_tokens."))
    }
}

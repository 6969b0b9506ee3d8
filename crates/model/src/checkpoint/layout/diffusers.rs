//! diffusers' names for the transformer: `attention.to_q`, `to_k`, `to_v` and `to_out.0`; all
//! other names are the reference's.

use super::Layout;
use crate::checkpoint::shards::StoredPart;

/// Split query, key and value projections.
#[derive(Debug)]
pub(super) struct Diffusers;

impl Diffusers {
    /// Whether the part's names are of this layout.
    pub(super) fn names(part: &StoredPart) -> bool {
        part.iter().any(|(name, _)| name.contains(".attention.to_q."))
    }
}

impl Layout for Diffusers {
    fn name(&self) -> String {
        "diffusers".to_owned()
    }

    fn stored_modules(&self, module: &str) -> Vec<String> {
        if let Some(block) = module.strip_suffix("attention.qkv") {
            return ["q", "k", "v"].map(|which| format!("{block}attention.to_{which}")).to_vec();
        }
        match module.strip_suffix("attention.o") {
            Some(block) => vec![format!("{block}attention.to_out.0")],
            None => vec![module.to_owned()],
        }
    }
}

//! The reference's names for the transformer: fused `attention.qkv`, output `attention.o`.

use super::Layout;

/// Names as the networks ask for them.
#[derive(Debug)]
pub(super) struct Reference;

impl Layout for Reference {
    fn name(&self) -> String {
        "reference".to_owned()
    }

    fn stored_modules(&self, module: &str) -> Vec<String> {
        vec![module.to_owned()]
    }
}

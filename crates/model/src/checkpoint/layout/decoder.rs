//! The image decoder: diffusers' names.

use super::Layout;

/// Names as the decoder asks for them.
#[derive(Debug)]
pub(super) struct Decoder;

impl Layout for Decoder {
    fn name(&self) -> String {
        "diffusers".to_owned()
    }

    fn stored_modules(&self, module: &str) -> Vec<String> {
        vec![module.to_owned()]
    }
}

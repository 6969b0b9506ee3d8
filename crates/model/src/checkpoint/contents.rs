//! What a file of tensors holds, whatever its format.

use crate::linear::StoredTensor;
use std::collections::BTreeMap;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Contents {
    /// The tensors by name, in the order of the file.
    pub(super) tensors: Vec<(String, StoredTensor)>,
    /// What the file says about itself; numbers as text, lists left out.
    pub(super) metadata: BTreeMap<String, String>,
}

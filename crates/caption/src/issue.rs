//! One thing that a caption gets wrong.

use serde::Serialize;
use std::fmt;

/// One thing that a caption gets wrong: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The place in the JSON, such as `compositional_deconstruction.elements[1].bbox`, or in the
    /// text, such as `line 1, column 7`. Empty where it is the caption as a whole.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

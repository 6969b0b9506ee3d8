//! The decoder's group norms.

use crate::config::Part;
use crate::error::ModelError;
use crate::ops::GroupNorm;

/// Added to the variance in every group norm of the decoder.
const NORM_EPS: f64 = 1e-6;

/// The group norm `module` over `channels` channels.
pub(super) fn norm(
    part: &Part<'_>,
    module: &str,
    channels: usize,
    groups: usize,
) -> Result<GroupNorm, ModelError> {
    let tensor = |name: &str| part.weights.tensor_f32(&format!("{module}.{name}"), &[channels]);
    Ok(GroupNorm::new(tensor("weight")?, tensor("bias")?, groups, NORM_EPS)?)
}

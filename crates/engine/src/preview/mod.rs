//! Drafts of the picture while a run goes: the estimate of the clean latents through a linear
//! map to colours, at a pace that costs next to nothing. Only reads what the loop computes, so
//! no bit of the result depends on it. It knows nothing of networks.

mod fit;
mod pace;
mod store;

pub use fit::{Fit, LatentRgb, noise};
pub use pace::Pace;
pub use store::FitStore;

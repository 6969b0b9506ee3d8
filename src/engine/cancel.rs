//! A flag that asks a run to stop. The flag itself is the model's, whose downloads listen to it
//! too.

pub use crate::model::CancelToken;

//! Prompt → latents → image: the denoising loop, the trajectory cache, cancellation, events and
//! the worker process. This room knows nothing of terminals and TOML.

pub mod denoise;
pub mod event;
mod first_block;
pub mod folders;
pub mod guidance;
pub mod image_file;
pub mod memory;
pub mod memory_size;
pub mod network;
pub mod noise;
pub mod preview;
pub mod recipe;
pub mod request;
pub mod session;
pub mod solver;
pub mod state_key;
pub mod trajectory;
mod weigh;
pub mod worker;

//! Files on machines that are shared: folders in which others may put files, files that have no name
//! yet, and the variables that other processes have no business with.
//!
//! Knows nothing of what the files hold.

pub mod nonce;
pub mod patience;
pub mod shared_folder;
pub mod token;
pub mod unfinished;

//! Files on machines that are shared: folders in which others may put files, files that are written
//! whole or not at all and by one writer at a time, files that have no name yet, access lists, and the
//! variables that other processes have no business with.
//!
//! Knows nothing of what the files hold.

pub mod access_list;
pub mod lock;
pub mod nonce;
pub mod patience;
pub mod planted;
pub mod shared_folder;
pub mod target;
pub mod token;
pub mod unfinished;

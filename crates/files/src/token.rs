//! Which variables of the environment hold a hub's token: whoever starts a process that has no need
//! of it takes them away.

/// Their names.
pub const TOKEN_VARIABLES: [&str; 2] = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];

//! Which variables of the environment hold a hub's token: whoever starts a process that has no need
//! of it takes them away.

use std::process::Command;

/// Their names.
const VARIABLES: [&str; 2] = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];

/// Starts the command without a token in its environment.
pub fn withhold(command: &mut Command) {
    for variable in VARIABLES {
        command.env_remove(variable);
    }
}

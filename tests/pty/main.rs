//! The real program in a terminal of its own: what it draws, what it sends, and how it leaves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod budgets;
mod dumb;
mod editing;
mod escapes;
mod first_start;
mod half_blocks;
mod iterm2;
mod kitty;
mod leaving;
mod mute;
#[allow(dead_code, reason = "the measurements use more of it")]
mod parts;
mod pixels;
mod place;
mod printing;
mod readme;
mod resizing;
mod sixel;
mod story;
mod svg;
mod sweeps;
mod tmux;
#[allow(dead_code, reason = "the measurements use more of it")]
mod tty;
mod workbench;
mod worker_death;

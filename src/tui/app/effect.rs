//! What the application asks of the world outside, which its loop carries out.

use crate::tui::action::Call;
use crate::tui::screens::compare::ComparisonJob;
use crate::tui::screens::gallery::GalleryWork;
use crate::tui::screens::sweeps::SweepWork;
use sigmalab_engine::recipe::Recipe;
use sigmalab_terminal::picture::ProtocolType;
use std::path::PathBuf;

/// Something the application asks of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Make this image.
    Run(Box<Recipe>),
    /// Stop the run that is going.
    Cancel,
    /// Give up the worker, which does not stop it.
    ReplaceWorker,
    /// Compute what lies between two runs, on another thread, and tell [`App::compared`](super::App::compared).
    Compare(Box<ComparisonJob>),
    /// Work for the gallery's thread.
    Gallery(GalleryWork),
    /// Work for the threads of sweeps.
    Sweeps(SweepWork),
    /// Let somebody edit a file, and tell [`App::edited`](super::App::edited).
    Edit(PathBuf),
    /// Put text into the terminal's clipboard.
    Clipboard(String),
    /// Print a line on standard output, in `--play`.
    Print(String),
    /// Remember what was done, in `--record`.
    Record(Call),
    /// Show pictures in this way; `None` as the terminal can.
    PictureProtocol(Option<ProtocolType>),
    /// Say how many bytes were written to the terminal.
    CountBytes,
    /// Draw everything again, images too.
    Redraw,
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Go back to the shell.
    Suspend,
    Quit,
}

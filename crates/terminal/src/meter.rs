//! Counts the bytes written to the terminal, by what they are for: over SSH they are what a user
//! waits for.

/// What bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Cells of a frame.
    Frame,
    Picture,
    /// Modes, questions, clipboard.
    Control,
}

/// Bytes written so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteMeter {
    pub frames: u64,
    /// Bytes of pictures, without their cells.
    pub pictures: u64,
    /// Bytes of modes, questions and the clipboard.
    pub control: u64,
    pub writes: u64,
}

impl ByteMeter {
    pub(super) fn count(&mut self, purpose: Purpose, bytes: usize) {
        let total = match purpose {
            Purpose::Frame => &mut self.frames,
            Purpose::Picture => &mut self.pictures,
            Purpose::Control => &mut self.control,
        };
        *total += bytes as u64;
        self.writes += 1;
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.frames + self.pictures + self.control
    }
}

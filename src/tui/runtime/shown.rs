//! The application's pictures on the terminal: from what a screen wants to show to the terminal
//! room's slots. Knows which protocol is used and why; nothing of where pictures come from.

use crate::tui::screens::Placement;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use sigmalab_image::RgbImage;
use sigmalab_terminal::capabilities::Capabilities;
use sigmalab_terminal::picture::{Encoded, Job, Pictures, ProtocolType, Rgb8, Slot, choose};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The pictures that are shown.
#[derive(Debug)]
pub(super) struct Shown {
    pictures: Pictures,
    /// What somebody chose; `None` leaves it to what is known of the terminal.
    choice: Option<ProtocolType>,
    /// What each slot shows, in the application's form and in the terminal's.
    sources: BTreeMap<Slot, (Arc<RgbImage>, Arc<Rgb8>)>,
}

impl Shown {
    pub(super) fn new(choice: Option<ProtocolType>, known: &Capabilities, screen: Size) -> Self {
        let protocol = choose(known, choice);
        let pictures = Pictures::new(protocol, known, screen);
        Shown { pictures, choice, sources: BTreeMap::new() }
    }

    pub(super) fn protocol(&self) -> ProtocolType {
        self.pictures.protocol()
    }

    /// Somebody chose a protocol, or leaves it to the terminal.
    pub(super) fn choose(
        &mut self,
        choice: Option<ProtocolType>,
        known: &Capabilities,
        screen: Size,
    ) {
        self.choice = choice;
        self.adapt(known, screen);
    }

    /// More is known of the terminal, or it has another size.
    pub(super) fn adapt(&mut self, known: &Capabilities, screen: Size) {
        let protocol = choose(known, self.choice);
        self.pictures.adapt(protocol, known, screen);
    }

    /// Puts the pictures of the next frame in their places, and takes away all others.
    pub(super) fn place(&mut self, placements: &[Placement]) {
        let gone: Vec<Slot> = self
            .sources
            .keys()
            .filter(|slot| !placements.iter().any(|placement| slot_of(placement) == **slot))
            .copied()
            .collect();
        for slot in gone {
            self.sources.remove(&slot);
            self.pictures.remove(slot);
        }
        for placement in placements {
            let slot = slot_of(placement);
            let known = self.sources.get(&slot).filter(|(s, _)| Arc::ptr_eq(s, &placement.image));
            let pixels = match known {
                Some((_, pixels)) => Arc::clone(pixels),
                None => {
                    let RgbImage { width, height, pixels } = placement.image.as_ref();
                    let Some(pixels) = Rgb8::new(*width, *height, pixels.clone()) else { continue };
                    let pixels = Arc::new(pixels);
                    let source = (Arc::clone(&placement.image), Arc::clone(&pixels));
                    self.sources.insert(slot, source);
                    pixels
                }
            };
            self.pictures.place(slot, pixels, placement.area);
        }
    }

    /// Draws a picture's cells into a frame.
    pub(super) fn paint(&self, placement: &Placement, buffer: &mut Buffer) {
        self.pictures.draw(slot_of(placement), buffer);
    }

    /// Looks at a finished frame.
    pub(super) fn observe(&mut self, frame: &Buffer) {
        self.pictures.observe(frame);
    }

    /// Whether another frame is needed because of the pictures.
    pub(super) fn take_changed(&mut self) -> bool {
        self.pictures.take_changed()
    }

    /// The next picture to encode.
    pub(super) fn take_job(&mut self) -> Option<Job> {
        self.pictures.take_job()
    }

    pub(super) fn encoded(&mut self, encoded: Encoded) {
        self.pictures.finished(encoded);
    }

    /// The terminal has worked through what was written.
    pub(super) fn ready(&mut self, now: Instant) {
        self.pictures.ready(now);
    }

    /// What to write next, between two frames.
    pub(super) fn next_chunk(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.pictures.next_chunk(now)
    }

    /// When to ask for it again.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.pictures.timeout(now)
    }

    /// The screen was cleared.
    pub(super) fn repaint(&mut self) {
        self.pictures.repaint();
    }

    /// The terminal may have lost them all.
    pub(super) fn forget_all(&mut self) {
        self.pictures.forget_all();
    }

    /// What removes them from the terminal.
    pub(super) fn farewell(&mut self) -> Vec<u8> {
        self.pictures.leave()
    }
}

fn slot_of(placement: &Placement) -> Slot {
    Slot(u16::try_from(placement.slot).unwrap_or(u16::MAX))
}

//! The pictures on the screen: which is where, what of it the terminal has, and what is still to
//! be written. Every method is quick; the slow part is a [`Job`].
//!
//! A picture shows as half-blocks at once, and in its protocol as soon as the terminal has it.
//! The terminal gets each picture once, in pieces between the frames.

mod sending;

use super::encode::{DRAFT, Encoded, Form, Job, Payload, is_draft};
use super::fit::fit;
use super::half_blocks::HalfBlocks;
use super::kitty::{self, MOST_CELLS, Route};
use super::pace::Pace;
use super::{ProtocolType, Rgb8};
use crate::capabilities::{Capabilities, CellPixels};
use crate::colours::ColourDepth;
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Rect, Size};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Instant;

/// Marks the cells of a picture, so that it is seen when something is drawn over them.
const MARK: CellDiffOption = CellDiffOption::ForcedWidth(NonZeroU16::MIN);

/// A place for a picture, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// How much of a picture's cells the last frame showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    Hidden,
    Partly,
    Whole,
}

/// A picture in a place.
#[derive(Debug)]
struct Placed {
    picture: Arc<Rgb8>,
    area: Rect,
    /// The cells it takes.
    cells: Rect,
    draft: HalfBlocks,
    payload: Option<Payload>,
    /// The sixel or iTerm2 picture that is on the screen in exactly these cells, by its digest:
    /// this one, or the one before it.
    painted: Option<[u8; 16]>,
    /// One is waiting to be written.
    queued: bool,
    /// What stays on the screen until the terminal has this picture (kitty).
    held: Option<u8>,
    exposure: Exposure,
}

/// A picture that the terminal keeps (kitty).
#[derive(Debug)]
struct Kept {
    id: u8,
    digest: [u8; 16],
    columns: u16,
    rows: u16,
    /// Small, and worth nothing once a newer one is there.
    draft: bool,
    complete: bool,
    used: u64,
}

/// Something to write, in pieces.
#[derive(Debug)]
struct Sending {
    what: What,
    pieces: VecDeque<Vec<u8>>,
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The kitty picture of an id.
    Kitty(u8),
    /// The picture of a slot, drawn at its place.
    Paint(Slot),
    Command,
}

/// The pictures on the screen.
#[derive(Debug)]
pub struct Pictures {
    protocol: ProtocolType,
    cell: CellPixels,
    colours: ColourDepth,
    screen: Size,
    route: Route,
    slots: BTreeMap<Slot, Placed>,
    kept: Vec<Kept>,
    /// Every id that was ever sent and not deleted since, remembered or not.
    sent: BTreeSet<u8>,
    outbox: VecDeque<Sending>,
    pace: Pace,
    encoding: bool,
    changed: bool,
    /// A draft was left out because the terminal has not worked through the one before.
    left_out: bool,
    clock: u64,
}

impl Pictures {
    /// None yet. `screen` is the size in cells.
    #[must_use]
    pub fn new(protocol: ProtocolType, capabilities: &Capabilities, screen: Size) -> Self {
        Pictures {
            protocol,
            cell: capabilities.cell_pixels.unwrap_or(CellPixels::DEFAULT),
            colours: capabilities.colours,
            screen,
            route: Route::to(capabilities.tmux_passthrough),
            slots: BTreeMap::new(),
            kept: Vec::new(),
            sent: BTreeSet::new(),
            outbox: VecDeque::new(),
            pace: Pace::new(),
            encoding: false,
            changed: false,
            left_out: false,
            clock: 0,
        }
    }

    #[must_use]
    pub fn protocol(&self) -> ProtocolType {
        self.protocol
    }

    /// The terminal turned out to be another, has another size, or somebody chose another
    /// protocol. Every picture is fitted and sent anew where that makes a difference.
    pub fn adapt(&mut self, protocol: ProtocolType, capabilities: &Capabilities, screen: Size) {
        let cell = capabilities.cell_pixels.unwrap_or(CellPixels::DEFAULT);
        let same = (self.protocol, self.cell, self.colours, self.screen, self.route)
            == (
                protocol,
                cell,
                capabilities.colours,
                screen,
                Route::to(capabilities.tmux_passthrough),
            );
        if same {
            return;
        }
        if self.protocol == ProtocolType::Kitty && protocol != ProtocolType::Kitty {
            let farewell = self.leave();
            self.command(farewell);
        }
        self.protocol = protocol;
        self.cell = cell;
        self.colours = capabilities.colours;
        self.screen = screen;
        self.route = Route::to(capabilities.tmux_passthrough);
        self.stop_painting();
        let placed: Vec<(Slot, Arc<Rgb8>, Rect)> =
            self.slots.iter().map(|(slot, p)| (*slot, p.picture.clone(), p.area)).collect();
        self.slots.clear();
        for (slot, picture, area) in placed {
            self.place(slot, picture, area);
        }
        self.changed = true;
    }

    /// Puts a picture in a slot, as large as `area` lets it be. Placing what is there already
    /// costs nothing, so call it before every frame.
    pub fn place(&mut self, slot: Slot, picture: Arc<Rgb8>, area: Rect) {
        let cells = self.cells_for(&picture, area);
        let before = self.slots.get_mut(&slot);
        if let Some(placed) = &before
            && placed.picture.digest() == picture.digest()
            && placed.cells == cells
        {
            return;
        }
        if self.protocol == ProtocolType::Halfblocks && is_draft(&picture) {
            let busy = self.pace.wait(Instant::now()).is_some_and(|wait| !wait.is_zero());
            let instead = before
                .as_ref()
                .is_some_and(|placed| placed.cells == cells && is_draft(&placed.picture));
            if busy && instead {
                self.left_out = true;
                return;
            }
            // It leaves with the next frame, and the question after it.
            self.outbox.push_back(Sending {
                what: What::Command,
                pieces: [Vec::new()].into(),
                begun: false,
            });
        }
        let mut held = None;
        let mut painted = None;
        let mut payload = None;
        if let Some(old) = before {
            let same_size = old.cells.as_size() == cells.as_size();
            if old.picture.digest() == picture.digest() && same_size {
                payload = old.payload.take();
            }
            // A draft needs no draft of its own where another picture is shown: it is there in a
            // moment.
            if is_draft(&picture) && old.cells == cells {
                painted = old.painted;
                let shown = self.kept.iter().find(|kept| {
                    kept.complete
                        && kept.digest == old.picture.digest()
                        && (kept.columns, kept.rows) == (cells.width, cells.height)
                });
                held = shown.map(|kept| kept.id).or(old.held);
            }
        }
        let colours = self.colours.min(ColourDepth::Indexed);
        let draft = HalfBlocks::within(&picture, cells.width, cells.height, colours, DRAFT);
        let exposure = Exposure::Hidden;
        self.unqueue(slot);
        self.slots.insert(
            slot,
            Placed { picture, area, cells, draft, payload, painted, queued: false, held, exposure },
        );
        self.drop_unwanted();
        self.adopt(slot);
        self.changed = true;
    }

    /// Takes a slot off the screen.
    pub fn remove(&mut self, slot: Slot) {
        if self.slots.remove(&slot).is_some() {
            self.unqueue(slot);
            self.drop_unwanted();
            self.changed = true;
        }
    }

    /// The cells that the picture of a slot takes.
    #[must_use]
    pub fn cells(&self, slot: Slot) -> Option<Rect> {
        self.slots.get(&slot).map(|placed| placed.cells)
    }

    /// Draws a slot's cells. What covers a picture must clear its cells first, as
    /// [`ratatui::widgets::Clear`] does.
    pub fn draw(&self, slot: Slot, buffer: &mut Buffer) {
        let Some(placed) = self.slots.get(&slot) else { return };
        let id = self.shown(placed);
        let visible = placed.cells.intersection(buffer.area);
        for position in visible.positions() {
            let (column, row) = (position.x - placed.cells.x, position.y - placed.cells.y);
            let cell = &mut buffer[position];
            cell.reset();
            cell.set_diff_option(MARK);
            match (&placed.payload, id) {
                (_, Some(id)) => kitty::draw(id, column, row, cell),
                _ if placed.painted.is_some() => {
                    cell.set_diff_option(CellDiffOption::Skip);
                }
                (Some(Payload::Blocks(blocks)), None) => blocks.draw(column, row, cell),
                _ => placed.draft.draw(column, row, cell),
            }
        }
    }

    /// Looks at a frame that is drawn, to know which pictures it shows and which it covers. Call
    /// it last in every frame. A covered sixel or iTerm2 picture is sent again when it is free:
    /// what covered it destroyed it.
    pub fn observe(&mut self, frame: &Buffer) {
        self.clock += 1;
        for placed in self.slots.values_mut() {
            let visible = placed.cells.intersection(frame.area);
            let of_picture = |option| option == MARK || option == CellDiffOption::Skip;
            let count = visible
                .positions()
                .filter(|position| of_picture(frame[*position].diff_option))
                .count();
            placed.exposure = match count {
                0 => Exposure::Hidden,
                _ if count
                    == usize::from(placed.cells.width) * usize::from(placed.cells.height) =>
                {
                    Exposure::Whole
                }
                _ => Exposure::Partly,
            };
            if placed.painted.is_some() && placed.exposure != Exposure::Whole {
                placed.painted = None;
                self.changed = true;
            }
        }
        self.used();
        self.schedule();
    }

    /// Whether the cells changed since this was last asked: then draw a frame.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The next picture to encode, one at a time: run it on another thread and give the result
    /// to [`Pictures::finished`].
    pub fn take_job(&mut self) -> Option<Job> {
        if self.encoding {
            return None;
        }
        let (&slot, placed) = self.slots.iter().find(|(_, placed)| {
            placed.payload.is_none()
                && !(self.protocol == ProtocolType::Halfblocks && is_draft(&placed.picture))
                && placed.exposure != Exposure::Hidden
                && !placed.cells.is_empty()
                && self.find_kept(placed).is_none()
        })?;
        self.encoding = true;
        Some(Job { slot, form: self.form(placed), picture: placed.picture.clone() })
    }

    pub fn finished(&mut self, encoded: Encoded) {
        self.encoding = false;
        let Some(placed) = self.slots.get(&encoded.slot) else { return };
        if self.form(placed) != encoded.form {
            // Replaced meanwhile.
            return;
        }
        if let Some(placed) = self.slots.get_mut(&encoded.slot) {
            self.changed |= matches!(encoded.payload, Some(Payload::Blocks(_)));
            placed.payload = encoded.payload;
        }
        self.schedule();
    }

    /// The terminal may have lost everything (another client, a reset, a cleared screen): every
    /// picture is sent again as it is shown.
    pub fn forget_all(&mut self) {
        self.stop_painting();
        self.kept.clear();
        self.pace = Pace::new();
        self.changed = true;
    }

    /// The screen was cleared: what was painted on it is gone, what the terminal keeps is not.
    pub fn repaint(&mut self) {
        for placed in self.slots.values_mut() {
            placed.painted = None;
        }
        self.changed = true;
    }

    /// What removes every picture from the terminal, for [`crate::screen::Screen::leave`].
    pub fn leave(&mut self) -> Vec<u8> {
        self.stop_painting();
        let mut bytes: Vec<u8> =
            self.outbox.drain(..).flat_map(|sending| sending.pieces).flatten().collect();
        self.kept.clear();
        for id in std::mem::take(&mut self.sent) {
            bytes.extend(self.route.delete(id).into_bytes());
        }
        bytes
    }

    /// The cells for a picture in an area.
    fn cells_for(&self, picture: &Rgb8, mut area: Rect) -> Rect {
        area = area.intersection(Rect::from((ratatui::layout::Position::ORIGIN, self.screen)));
        match self.protocol {
            // What is drawn on the last row may scroll the screen.
            ProtocolType::Sixel | ProtocolType::Iterm2 if area.bottom() >= self.screen.height => {
                area.height = area.height.saturating_sub(1);
            }
            ProtocolType::Kitty => {
                area.width = area.width.min(MOST_CELLS);
                area.height = area.height.min(MOST_CELLS);
            }
            _ => {}
        }
        fit(picture.width(), picture.height(), area, self.cell)
    }

    fn form(&self, placed: &Placed) -> Form {
        Form {
            digest: placed.picture.digest(),
            protocol: self.protocol,
            columns: placed.cells.width,
            rows: placed.cells.height,
            cell: self.cell,
            colours: self.colours,
        }
    }

    /// The kept picture of a place, complete or not.
    fn find_kept(&self, placed: &Placed) -> Option<&Kept> {
        let size = (placed.cells.width, placed.cells.height);
        self.kept.iter().find(|kept| {
            kept.digest == placed.picture.digest() && (kept.columns, kept.rows) == size
        })
    }

    /// The id whose cells a place shows.
    fn shown(&self, placed: &Placed) -> Option<u8> {
        let complete = self.find_kept(placed).filter(|kept| kept.complete).map(|kept| kept.id);
        complete.or(placed.held)
    }

    /// A picture that the terminal has in another size, and that nothing shows, is only placed
    /// anew.
    fn adopt(&mut self, slot: Slot) {
        let Some(placed) = self.slots.get(&slot) else { return };
        if self.find_kept(placed).is_some() || placed.cells.is_empty() {
            return;
        }
        let (digest, cells) = (placed.picture.digest(), placed.cells);
        let wanted = self.wanted_ids();
        let kept = self
            .kept
            .iter_mut()
            .find(|kept| kept.complete && kept.digest == digest && !wanted.contains(&kept.id));
        if let Some(kept) = kept {
            (kept.columns, kept.rows) = (cells.width, cells.height);
            let command = self.route.place(kept.id, cells.width, cells.height);
            self.command(command.into_bytes());
        }
    }

    /// Ids that a slot shows or waits for.
    fn wanted_ids(&self) -> Vec<u8> {
        self.slots
            .values()
            .flat_map(|placed| [self.find_kept(placed).map(|kept| kept.id), placed.held])
            .flatten()
            .collect()
    }

    /// Notes which kept pictures are on the screen.
    fn used(&mut self) {
        let wanted = self.wanted_ids();
        for kept in &mut self.kept {
            if wanted.contains(&kept.id) {
                kept.used = self.clock;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
#[path = "pictures_tests.rs"]
mod tests;

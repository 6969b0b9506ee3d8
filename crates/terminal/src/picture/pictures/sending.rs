//! What of the pictures is on its way to the terminal: queued, cut in pieces between the frames, and
//! taken back where something newer is worth more.

use super::{Exposure, Kept, Pictures, Sending, Slot, What};
use crate::picture::Rgb8;
use crate::picture::encode::{Payload, is_draft};
use crate::picture::kitty::{self, POOL};
use crate::picture::pace::QUESTION;
use ratatui::layout::Rect;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

impl Pictures {
    /// What to write now, between two frames: a piece whose size follows how fast the terminal
    /// takes them. Write it as it is, at once.
    pub fn next_chunk(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.outbox.is_empty() {
            return None;
        }
        let allowance = self.pace.allowance(now);
        if allowance == 0 {
            return None;
        }
        let mut bytes = Vec::new();
        while bytes.len() < allowance {
            let Some(sending) = self.outbox.front_mut() else { break };
            sending.begun = true;
            if let Some(piece) = sending.pieces.pop_front() {
                bytes.extend(piece);
            }
            if sending.pieces.is_empty() {
                let what = sending.what;
                self.outbox.pop_front();
                self.sent(what);
            }
        }
        bytes.extend_from_slice(QUESTION);
        self.pace.asked(now);
        Some(bytes)
    }

    /// The terminal said that it is ready ([`crate::input::Reply::Ready`]).
    pub fn ready(&mut self, now: Instant) {
        self.pace.answered(now);
        self.changed |= std::mem::take(&mut self.left_out);
    }

    /// How long to wait at most before asking for the next chunk again; `None` where nothing is
    /// to be written.
    #[must_use]
    pub fn timeout(&self, now: Instant) -> Option<Duration> {
        (!self.outbox.is_empty()).then(|| self.pace.wait(now).unwrap_or(Duration::ZERO))
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outbox.iter().flat_map(|sending| &sending.pieces).map(Vec::len).sum()
    }

    /// Queues what is shown, encoded, and not yet with the terminal.
    pub(super) fn schedule(&mut self) {
        let slots: Vec<Slot> = self.slots.keys().copied().collect();
        for slot in slots {
            let Some(placed) = self.slots.get(&slot) else { continue };
            match (&placed.payload, placed.exposure) {
                (Some(Payload::Png(file)), Exposure::Whole | Exposure::Partly)
                    if self.find_kept(placed).is_none() =>
                {
                    let (file, cells) = (file.clone(), placed.cells);
                    let picture = placed.picture.clone();
                    if let Some(id) = self.draft_to_replace(slot).or_else(|| self.free_id()) {
                        self.keep(id, &picture, &file, cells);
                    }
                }
                (Some(Payload::Sequence(text)), Exposure::Whole)
                    if !placed.queued && placed.painted != Some(placed.picture.digest()) =>
                {
                    let (x, y) = (placed.cells.x + 1, placed.cells.y + 1);
                    let bytes = format!("\x1b7\x1b[{y};{x}H{text}\x1b8").into_bytes();
                    self.queue(What::Paint(slot), [bytes].into());
                    if let Some(placed) = self.slots.get_mut(&slot) {
                        placed.queued = true;
                    }
                }
                _ => {}
            }
        }
    }

    /// The id of the draft that a slot shows, where a newer draft can take its place: sent under
    /// the same id, it costs no cells. It must arrive in one piece, or the terminal would show
    /// nothing meanwhile.
    fn draft_to_replace(&mut self, slot: Slot) -> Option<u8> {
        let placed = self.slots.get(&slot)?;
        let Some(Payload::Png(file)) = &placed.payload else { return None };
        let id = placed.held?;
        let only_here = self.wanted_ids().iter().filter(|wanted| **wanted == id).count() == 1;
        let index = self.kept.iter().position(|kept| {
            kept.id == id
                && kept.draft
                && kept.complete
                && (kept.columns, kept.rows) == (placed.cells.width, placed.cells.height)
        })?;
        let fits = is_draft(&placed.picture) && kitty::is_one_piece(file);
        (fits && only_here).then(|| self.kept.swap_remove(index).id)
    }

    /// Starts to send a picture for the terminal to keep.
    fn keep(&mut self, id: u8, picture: &Rgb8, file: &[u8], cells: Rect) {
        let pieces = self.route.transmit(id, file, cells.width, cells.height);
        self.queue(What::Kitty(id), pieces.into_iter().map(String::into_bytes).collect());
        self.sent.insert(id);
        self.kept.push(Kept {
            id,
            digest: picture.digest(),
            columns: cells.width,
            rows: cells.height,
            draft: is_draft(picture),
            complete: false,
            used: self.clock,
        });
    }

    /// An id of the pool that nothing shows; what it was is deleted.
    fn free_id(&mut self) -> Option<u8> {
        let first = kitty::first_id();
        let taken = |id: &u8| self.kept.iter().any(|kept| kept.id == *id);
        if let Some(id) = (first..first + POOL).find(|id| !taken(id)) {
            return Some(id);
        }
        let wanted = self.wanted_ids();
        let oldest = (0..self.kept.len())
            .filter(|&index| !wanted.contains(&self.kept[index].id))
            .min_by_key(|&index| self.kept[index].used)?;
        let id = self.kept.swap_remove(oldest).id;
        self.command(self.route.delete(id).into_bytes());
        Some(id)
    }

    fn queue(&mut self, what: What, pieces: VecDeque<Vec<u8>>) {
        self.outbox.push_back(Sending { what, pieces, begun: false });
    }

    pub(super) fn command(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.queue(What::Command, [bytes].into());
        }
    }

    /// Something was written to its end.
    fn sent(&mut self, what: What) {
        match what {
            What::Kitty(id) => {
                for kept in self.kept.iter_mut().filter(|kept| kept.id == id) {
                    kept.complete = true;
                }
                self.changed = true;
            }
            What::Paint(slot) => {
                if let Some(placed) = self.slots.get_mut(&slot) {
                    placed.painted = Some(placed.picture.digest());
                    placed.queued = false;
                    self.changed = true;
                }
            }
            What::Command => {}
        }
    }

    /// A slot's painting is no longer wanted.
    pub(super) fn unqueue(&mut self, slot: Slot) {
        self.outbox.retain(|sending| sending.what != What::Paint(slot));
        if let Some(placed) = self.slots.get_mut(&slot) {
            placed.queued = false;
        }
    }

    /// Stops sending kitty pictures that no slot waits for: a newer one is worth more.
    pub(super) fn drop_unwanted(&mut self) {
        let wanted = self.wanted_ids();
        let unwanted: Vec<u8> = self
            .kept
            .iter()
            .filter(|kept| !kept.complete && !wanted.contains(&kept.id))
            .map(|kept| kept.id)
            .collect();
        for id in unwanted {
            self.stop_sending(id);
        }
    }

    /// Takes a kitty picture back that is not complete.
    pub(super) fn stop_sending(&mut self, id: u8) {
        self.kept.retain(|kept| kept.id != id);
        let Some(index) = self.outbox.iter().position(|s| s.what == What::Kitty(id)) else {
            return;
        };
        if let Some(sending) = self.outbox.remove(index)
            && sending.begun
        {
            // It was the one being written, so its end goes before anything else.
            let bytes = self.route.abandon(id).into_bytes();
            let pieces = [bytes].into();
            self.outbox.push_front(Sending { what: What::Command, pieces, begun: false });
        }
    }

    /// Takes everything back that is on its way or painted.
    pub(super) fn stop_painting(&mut self) {
        let sending: Vec<u8> =
            self.kept.iter().filter(|kept| !kept.complete).map(|kept| kept.id).collect();
        for id in sending {
            self.stop_sending(id);
        }
        self.outbox.retain(|sending| sending.what == What::Command);
        for placed in self.slots.values_mut() {
            placed.painted = None;
            placed.queued = false;
            placed.held = None;
        }
    }
}

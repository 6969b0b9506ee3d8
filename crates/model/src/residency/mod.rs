//! Which layers' weights are in memory: layers are read ahead of their turn, and where not all
//! fit a limit, some stay and the others come and go. Knows bytes of files and the order of
//! layers, not what a layer computes.

mod chain;
mod kept;

use super::checkpoint::{drop_pages, page_out};
use super::linear::StoredBytes;
pub(super) use chain::Turns;
use chain::{Chain, Order};
pub(super) use kept::{kept, window};

/// What a process takes beside weights and what a network works with: the program, its threads and
/// their scratch memory.
const PROCESS_BYTES: u64 = 256 << 20;

/// The weights of one layer.
pub(super) type LayerBytes = Vec<StoredBytes>;

/// The layers of a model's networks, and how much memory they may take.
#[derive(Debug)]
pub(super) struct Residency {
    /// The text encoder's layers, and the projection of its features. Nothing of them stays.
    encoder: Chain,
    /// The conditional network's layers, then the unconditional one's: the order of a step.
    networks: Chain,
    /// Number of layers of the conditional network.
    conditional: usize,
    /// Bytes that stay: weights that are used outside their layers, and what is computed once.
    fixed: u64,
    /// Bytes the model may take.
    limit: Option<u64>,
}

impl Residency {
    /// `fixed` are bytes that stay beside the layers. Without a limit everything stays.
    pub(super) fn new(
        encoder: Vec<LayerBytes>,
        conditional: Vec<LayerBytes>,
        unconditional: Vec<LayerBytes>,
        fixed: u64,
    ) -> Self {
        let count = conditional.len();
        let networks = conditional.into_iter().chain(unconditional).collect();
        Self {
            encoder: Chain::new(encoder, Order::Once),
            networks: Chain::new(networks, Order::Again),
            conditional: count,
            fixed,
            limit: None,
        }
    }

    /// Takes at most so many bytes from now on, where what computes beside the weights lets it.
    pub(super) fn set_limit(&mut self, limit: u64) {
        self.limit = Some(limit);
        self.encoder.keep_within(0);
    }

    /// The least limit that can be held while `working` bytes are computed with.
    pub(super) fn least(&self, working: u64) -> u64 {
        let window = self.networks.window().max(self.encoder.window());
        PROCESS_BYTES + self.fixed + window + working
    }

    /// Makes room for a computation that takes `working` bytes beside the weights: some layers
    /// leave, or more may stay than before.
    pub(super) fn make_room(&self, working: u64) {
        if let Some(limit) = self.limit {
            let others = PROCESS_BYTES + self.fixed + working;
            self.networks.keep_within(limit.saturating_sub(others));
            self.encoder.set_short(self.networks.is_short());
        }
    }

    /// Makes room for the text encoder's layers and `working` bytes beside them.
    pub(super) fn make_room_to_encode(&self, working: u64) {
        self.make_room(self.encoder.window() + working);
    }

    /// The turns of the text encoder's layers, and after them of the projection.
    pub(super) fn encoder(&self) -> Turns<'_> {
        Turns::new(&self.encoder, 0)
    }

    /// The prompt is encoded: the text encoder's weights leave.
    pub(super) fn encoded(&self) {
        self.encoder.release();
    }

    /// The turns of the conditional network's layers.
    pub(super) fn conditional(&self) -> Turns<'_> {
        Turns::new(&self.networks, 0)
    }

    /// The turns of the unconditional network's layers.
    pub(super) fn unconditional(&self) -> Turns<'_> {
        Turns::new(&self.networks, self.conditional)
    }

    /// All weights leave: they were copied to an accelerator.
    pub(super) fn release(&self) {
        self.encoder.release();
        self.networks.release();
    }
}

/// Takes the weights of a layer out of this process; out of the system's cache of files too where
/// memory is `short`.
fn leave(layer: &LayerBytes, short: bool) {
    layer.iter().for_each(if short { drop_pages } else { page_out });
}

fn bytes(layer: &LayerBytes) -> u64 {
    layer.iter().map(|bytes| bytes.as_slice().len() as u64).sum()
}

//! Which layers stay in the memory of a device, and whether a model fits there at all: sums of sizes,
//! before anything is copied. It knows no device.

use crate::linear::DEVICE_PANEL_BYTES;
use crate::residency::{kept, window};

/// Bytes that CUDA, cuBLAS and the kernels take for themselves.
const CONTEXT: u64 = 1 << 30;
/// Widened panels of a weight at a time: the one in use, the one after it, and one of slack.
const PANELS: u64 = 3 * DEVICE_PANEL_BYTES as u64;

/// What a model takes of a device's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceNeed {
    /// What is always there: the decoder.
    pub(crate) fixed: u64,
    /// What computing takes at most, beside weights.
    pub(crate) working: u64,
    /// The layers of both transformers, in the order of their use.
    pub(crate) layers: Vec<u64>,
}

impl DeviceNeed {
    fn beside_layers(&self) -> u64 {
        self.fixed.saturating_add(self.working).saturating_add(CONTEXT + PANELS)
    }

    /// The least memory that will do: two layers at a time.
    pub(crate) fn least(&self) -> u64 {
        self.beside_layers().saturating_add(window(&self.layers))
    }

    /// Bytes with which every layer stays.
    pub(crate) fn all(&self) -> u64 {
        self.layers.iter().fold(self.beside_layers(), |sum, layer| sum.saturating_add(*layer))
    }

    /// For each layer whether it is copied for every use; `None` where the memory is less than the
    /// least.
    pub(crate) fn streamed(&self, available: u64) -> Option<Vec<bool>> {
        if available >= self.all() {
            return Some(vec![false; self.layers.len()]);
        }
        if available < self.least() {
            return None;
        }
        let stays = kept(&self.layers, available - self.beside_layers());
        Some(stays.into_iter().map(|stays| !stays).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    /// The real checkpoint in fp8 at 1024²: 34 layers in each network, decoder and images.
    fn real() -> DeviceNeed {
        let layers = vec![9_300_000_000 / 34; 68];
        DeviceNeed { fixed: 200_000_000, working: 3_600_000_000, layers }
    }

    #[test]
    fn the_real_checkpoint_in_fp8_fits_24_gib_and_streams_in_12_and_8() {
        assert_eq!(real().streamed(24 * GIB), Some(vec![false; 68]));
        let streamed = |gib| real().streamed(gib * GIB).unwrap().iter().filter(|s| **s).count();
        assert!((20..60).contains(&streamed(12)), "{}", streamed(12));
        assert!(streamed(8) > streamed(12));
        assert_eq!(real().streamed(4 * GIB), None);
        assert!(real().least() < 7 * GIB, "{}", real().least());
    }

    proptest! {
        #[test]
        fn what_stays_fits_beside_what_computes(
            layers in prop::collection::vec(1_u64..GIB, 0..80),
            fixed in 0..GIB,
            working in 0..4 * GIB,
            available in 0..40 * GIB,
        ) {
            let need = DeviceNeed { fixed, working, layers };
            match need.streamed(available) {
                None => prop_assert!(available < need.least()),
                Some(streamed) => {
                    let stays = need.layers.iter().zip(&streamed).filter(|(_, s)| !**s);
                    let stays: u64 = stays.map(|(bytes, _)| bytes).sum();
                    prop_assert!(stays + need.beside_layers() <= available);
                }
            }
        }
    }
}

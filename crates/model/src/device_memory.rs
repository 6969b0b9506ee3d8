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
    /// What is always there: the decoder, and what is kept of the times before.
    pub(crate) fixed: u64,
    /// What computing takes at most, beside weights.
    pub(crate) working: u64,
    /// The layers of both transformers, in the order of their use.
    pub(crate) layers: Vec<u64>,
    /// All weights of both transformers, where they stay widened.
    pub(crate) widened: u64,
}

/// How a model is kept in a device's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DevicePlan {
    /// Whether weights stay widened.
    pub(crate) widened: bool,
    /// For each layer whether it is copied for every use.
    pub(crate) streamed: Vec<bool>,
    /// Bytes with which more can be computed than was planned for.
    pub(crate) spare: u64,
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

    /// How the model is kept where so much is there; `None` where that is less than the least. Weights
    /// stay widened where all of them fit and it `may_widen` them: nobody set a limit.
    pub(crate) fn plan(&self, available: u64, may_widen: bool) -> Option<DevicePlan> {
        let beside = self.beside_layers();
        let spare = |taken: u64| available.saturating_sub(beside).saturating_sub(taken);
        if may_widen && available >= beside.saturating_add(self.widened) {
            let streamed = vec![false; self.layers.len()];
            return Some(DevicePlan { widened: true, streamed, spare: spare(self.widened) });
        }
        let streamed = self.streamed(available)?;
        let kept = self.layers.iter().zip(&streamed).filter(|(_, streamed)| !**streamed);
        let kept = kept.fold(0_u64, |sum, (layer, _)| sum.saturating_add(*layer));
        let moving = if streamed.contains(&true) { window(&self.layers) } else { 0 };
        Some(DevicePlan { widened: false, streamed, spare: spare(kept.saturating_add(moving)) })
    }

    /// For each layer whether it is copied for every use; `None` where the memory is less than the
    /// least.
    fn streamed(&self, available: u64) -> Option<Vec<bool>> {
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
        let widened = 2 * 18_300_000_000;
        DeviceNeed { fixed: 200_000_000, working: 3_600_000_000, layers, widened }
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

    #[test]
    fn weights_stay_widened_where_all_fit_and_nobody_set_a_limit() {
        let plan = |gib, may_widen| real().plan(gib * GIB, may_widen).unwrap();
        assert!(plan(48, true).widened && plan(80, true).widened);
        assert!(!plan(48, false).widened && !plan(24, true).widened);
        assert_eq!(plan(24, true), plan(24, false));
        // What is spare is what the whole leaves.
        assert_eq!(plan(80, true).spare, 80 * GIB - real().beside_layers() - real().widened);
        assert_eq!(plan(24, true).spare, 24 * GIB - real().all());
        assert!(plan(12, true).spare < 2 * window(&real().layers));
    }

    proptest! {
        #[test]
        fn what_stays_fits_beside_what_computes(
            layers in prop::collection::vec(1_u64..GIB, 0..80),
            fixed in 0..GIB,
            working in 0..4 * GIB,
            available in 0..40 * GIB,
        ) {
            let widened = 2 * layers.iter().sum::<u64>();
            let need = DeviceNeed { fixed, working, layers, widened };
            if let Some(plan) = need.plan(available, true).filter(|plan| plan.widened) {
                prop_assert!(need.beside_layers() + widened + plan.spare == available);
            }
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

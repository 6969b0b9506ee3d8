//! Which arithmetic a product is computed with on this processor.

use super::{Lane, Micro};
use crate::base::isa::InstructionSet;

/// The precision of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Weights are widened to f32.
    F32,
    /// Weights are rounded to bf16 where they do not fit it. Rows must fit bf16.
    Bf16,
}

/// Whether the bf16 products of this processor are faster than its f32 ones. On Intel's cores
/// they take two cycles where an f32 product takes half of one, and a bf16 pair is but two
/// products: f32 does the same sums in half the time. On AMD's they are twice as fast as f32.
fn bf16_pairs_pay(set: InstructionSet) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let vendor = std::arch::x86_64::__cpuid(0);
        let amd =
            [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD";
        set == InstructionSet::Avx512 && amd && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = set;
        false
    }
}

/// How products of floats are computed on this processor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Core {
    pub(crate) set: InstructionSet,
    pub(crate) micro: Micro,
    /// Whether weights are rounded to bf16.
    pub(crate) round: bool,
}

impl Core {
    /// The fastest way to the precision with the chosen instructions.
    pub(crate) fn chosen(precision: Precision) -> Self {
        let set = InstructionSet::chosen();
        let lane = match precision {
            Precision::Bf16 if bf16_pairs_pay(set) => Lane::Bf16Pair,
            _ => Lane::F32,
        };
        Self::new(set, lane, precision)
    }

    pub(crate) fn new(set: InstructionSet, lane: Lane, precision: Precision) -> Self {
        Self { set, micro: Micro::new(lane, set), round: precision == Precision::Bf16 }
    }

    /// Lanes that `values` values take.
    pub(crate) fn lanes(self, values: usize) -> usize {
        values.div_ceil(self.micro.lane().elements())
    }
}

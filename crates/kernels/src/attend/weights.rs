//! From the scores of a block of keys to the weights of its values, for a panel of queries at a time.

use super::Task;
use crate::base::exp::exp_by;
use crate::base::isa::InstructionSet;
use crate::base::number::rounded;
use crate::tile::{COLUMNS, TILE};

/// What is known of a panel of queries after some keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct SoFar {
    /// The largest scores.
    pub(super) largest: [f32; COLUMNS],
    /// The sums of weights relative to them.
    pub(super) total: [f32; COLUMNS],
}

impl Task {
    /// Turns scores into weights relative to the largest score so far, and brings the sums down to the
    /// same. `query` stands in the first column, `first_key` in the first row.
    #[inline(always)]
    pub(super) fn weigh(
        &self,
        (query, first_key): (usize, usize),
        scores: &mut [[f32; COLUMNS]],
        so_far: &mut SoFar,
        sums: &mut [[u32; TILE]],
    ) {
        match self.core.set {
            InstructionSet::Scalar => {
                self.weigh_by::<false>((query, first_key), scores, so_far, sums)
            }
            _ => self.weigh_by::<true>((query, first_key), scores, so_far, sums),
        }
    }

    /// With products and sums fused where the instructions have that.
    #[inline(always)]
    fn weigh_by<const FUSED: bool>(
        &self,
        (query, first_key): (usize, usize),
        scores: &mut [[f32; COLUMNS]],
        so_far: &mut SoFar,
        sums: &mut [[u32; TILE]],
    ) {
        let scale = 1.0 / (self.attention.head_dim as f32).sqrt();
        if self.attention.causal {
            // A key is seen by the queries from its own place on.
            let later = (query + 1).saturating_sub(first_key).min(scores.len());
            for (i, row) in scores.iter_mut().enumerate().skip(later) {
                let unseen = (first_key + i - query).min(COLUMNS);
                row[..unseen].fill(f32::NEG_INFINITY);
            }
        }
        let mut lanes = [[f32::NEG_INFINITY; COLUMNS]; 4];
        lanes[0] = so_far.largest;
        let (fours, rest) = scores.as_chunks::<4>();
        for rows in fours {
            for (lanes, row) in lanes.iter_mut().zip(rows) {
                raise(lanes, row);
            }
        }
        let [mut largest, second, third, fourth] = lanes;
        for row in rest.iter().chain([&second, &third, &fourth]) {
            raise(&mut largest, row);
        }
        let mut factors = [0.0; COLUMNS];
        for i in 0..COLUMNS {
            factors[i] = exp_by::<FUSED>((so_far.largest[i] - largest[i]) * scale);
        }
        let mut total = [0.0; COLUMNS];
        for row in scores.iter_mut() {
            for i in 0..COLUMNS {
                let seen = row[i] != f32::NEG_INFINITY;
                let weight = exp_by::<FUSED>((row[i] - largest[i]) * scale);
                row[i] = if seen { weight } else { 0.0 };
                total[i] += row[i];
            }
        }
        for i in 0..COLUMNS {
            so_far.total[i] = so_far.total[i] * factors[i] + total[i];
        }
        if so_far.largest != largest {
            for row in sums.as_flattened_mut().as_chunks_mut::<COLUMNS>().0 {
                for (bits, factor) in row.iter_mut().zip(&factors) {
                    *bits = (f32::from_bits(*bits) * factor).to_bits();
                }
            }
        }
        so_far.largest = largest;
    }
}

/// The larger of each two. A NaN may or may not be seen; it is by its weight.
#[inline(always)]
fn raise(largest: &mut [f32; COLUMNS], row: &[f32; COLUMNS]) {
    for (largest, value) in largest.iter_mut().zip(row) {
        *largest = if *value > *largest { *value } else { *largest };
    }
}

/// Rows of weights as pairs of bf16, two rows to a lane; an odd last one is paired with 0.
#[inline(always)]
pub(super) fn narrowed(rows: &[[f32; COLUMNS]], out: &mut [u32]) {
    for (out, rows) in out.as_chunks_mut::<COLUMNS>().0.iter_mut().zip(rows.chunks(2)) {
        let second = rows.get(1).unwrap_or(&[0.0; COLUMNS]);
        for i in 0..COLUMNS {
            out[i] = rounded(rows[0][i]).to_bits() >> 16 | rounded(second[i]).to_bits();
        }
    }
}

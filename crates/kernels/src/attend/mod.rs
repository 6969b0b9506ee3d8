//! Softmax attention without a matrix of scores: a block of queries meets the keys block by block,
//! keeping the largest score and the sum of weights of each query so far (Milakov and Gimelshein,
//! "Online normalizer calculation for softmax", arXiv 1805.02867; Dao et al., arXiv 2205.14135).
//! Both products are those of the tile kernels.

use crate::base::exp::exp;
use crate::base::isa::vectorised;
use crate::base::lanes::{max, sum_of};
use crate::base::number::Number;
use crate::base::out::Out;
use crate::base::scratch::{Scratch, SharedScratch, ThreadScratch, with_thread_scratch};
use crate::formats::stored::Matrix;
use crate::pack::interleave::{Interleave, Strip};
use crate::pack::{self, Rows, WIDE_LANES, stored_as};
use crate::tile::{COLUMNS, Core, Lane, Precision, ROWS, TILE};
use rayon::prelude::*;

/// Keys met at a time: 8 panels.
const KEYS: usize = 256;
/// Queries of a task: 8 strips, so that packed queries, scores and sums stay in the second-level
/// cache.
const QUERIES: usize = 96;
/// Most lanes of packed keys and values at a time (64 MiB); more heads are done in turns.
const PACKED_LANES: usize = 16 << 20;

/// Rows of one number format, one a token, in which each head has a run of values.
#[derive(Debug, Clone, Copy)]
pub struct Heads<'a, T> {
    /// The first token's row first. The last row may be cut after the last head's values.
    pub values: &'a [T],
    /// From a token's row to the next.
    pub token: usize,
    /// From a head's first value to the next head's, in the row of the same token.
    pub head: usize,
}

/// softmax(q·kᵀ / √head_dim)·v for every head.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key heads; divides `heads`, and consecutive query heads share one.
    pub kv_heads: usize,
    /// Values of a head.
    pub head_dim: usize,
    /// Queries.
    pub length: usize,
    /// Keys.
    pub keys: usize,
    /// Whether query i sees keys 0…i only.
    pub causal: bool,
}

/// See [`Attention::apply`].
pub(crate) fn attend<T: Number>(
    attention: &Attention,
    q: Heads<'_, T>,
    k: Heads<'_, T>,
    v: Heads<'_, T>,
    out: &mut [T],
) {
    let precision = if T::BF16 { Precision::Bf16 } else { Precision::F32 };
    attention.apply_with(Core::chosen(precision), q, k, v, out);
}

impl Attention {
    fn apply_with<T: Number>(
        &self,
        core: Core,
        q: Heads<'_, T>,
        k: Heads<'_, T>,
        v: Heads<'_, T>,
        out: &mut [T],
    ) {
        let Self { heads, kv_heads, head_dim, length, keys, .. } = *self;
        if heads * head_dim * length == 0 {
            return;
        }
        assert!(kv_heads > 0 && keys > 0 && heads.is_multiple_of(kv_heads));
        let shape = Packed::of(self, core);
        let turn = (PACKED_LANES / (shape.keys + shape.values)).clamp(1, kv_heads);
        let outputs = heads * head_dim;
        assert_eq!(out.len(), length * outputs);
        let out = Out { values: out.as_mut_ptr(), len: out.len(), rows: length, outputs };
        for first in (0..kv_heads).step_by(turn) {
            let count = turn.min(kv_heads - first);
            let lanes = count * (shape.keys + shape.values);
            let mut shared = SharedScratch::take(lanes);
            let packed = shared.lanes(lanes);
            let (packed_keys, packed_values) = packed.split_at_mut(count * shape.keys);
            packed_keys.par_chunks_mut(shape.key_block).enumerate().for_each(|(i, out)| {
                let (head, block) = (first + i / shape.blocks, i % shape.blocks);
                self.pack_keys(core, k, head, block * KEYS, out);
            });
            packed_values.par_chunks_mut(shape.value_block).enumerate().for_each(|(i, out)| {
                let (head, block) = (first + i / shape.blocks, i % shape.blocks);
                vectorised!(self.pack_values(core, v, head, block * KEYS, out));
            });
            let shared_by = heads / kv_heads;
            let blocks = length.div_ceil(QUERIES);
            (0..count * shared_by * blocks).into_par_iter().for_each(|i| {
                let (kv, rest) = (i / (shared_by * blocks), i % (shared_by * blocks));
                // Late queries of a causal head see most keys: they go first.
                let block = blocks - 1 - rest % blocks;
                let head = (first + kv) * shared_by + rest / blocks;
                let keys = &packed_keys[kv * shape.keys..][..shape.keys];
                let values = &packed_values[kv * shape.values..][..shape.values];
                with_thread_scratch(|scratch| {
                    let task = Task { attention: *self, core, shape, head, first: block * QUERIES };
                    task.run(q, keys, values, out, scratch);
                });
            });
        }
    }

    /// A block of keys as panels [head_dim, COLUMNS].
    fn pack_keys<T: Number>(
        &self,
        core: Core,
        k: Heads<'_, T>,
        head: usize,
        first: usize,
        out: &mut [u32],
    ) {
        let values = stored_as(k.values);
        let matrix = Matrix { outputs: self.keys, inputs: k.token, values, scale: None };
        let rows = KEYS.min(self.keys - first);
        let span = head * k.head..head * k.head + self.head_dim;
        assert!(span.end <= k.token);
        with_thread_scratch(|scratch| {
            let wide = scratch.wide.lanes(WIDE_LANES);
            let panel = core.lanes(self.head_dim) * COLUMNS;
            for (p, out) in out.chunks_exact_mut(panel).enumerate() {
                let before = p * COLUMNS;
                let place = (first + before, COLUMNS.min(rows.saturating_sub(before)));
                vectorised!(pack::panel(core, &matrix, place, span.clone(), wide, out));
            }
        });
    }

    /// A block of values as panels [keys of the block, COLUMNS] of `head_dim` columns in all.
    #[inline(always)]
    fn pack_values<T: Number>(
        &self,
        core: Core,
        v: Heads<'_, T>,
        head: usize,
        first: usize,
        out: &mut [u32],
    ) {
        let count = KEYS.min(self.keys - first);
        let depth = core.lanes(count);
        let row =
            |key: usize| &v.values[(first + key) * v.token + head * v.head..][..self.head_dim];
        let panels = out.chunks_exact_mut(depth * COLUMNS).take(self.head_dim.div_ceil(COLUMNS));
        for (panel, out) in panels.enumerate() {
            let columns = panel * COLUMNS..((panel + 1) * COLUMNS).min(self.head_dim);
            for (lane, out) in out.chunks_exact_mut(COLUMNS).enumerate() {
                out.fill(0);
                match core.micro.lane() {
                    Lane::Bf16Pair => {
                        for half in 0..2.min(count - 2 * lane) {
                            let row = &row(2 * lane + half)[columns.clone()];
                            for (out, value) in out.iter_mut().zip(row) {
                                let bits =
                                    crate::base::number::rounded(value.to_f32()).to_bits() >> 16;
                                *out |= bits << (16 * half);
                            }
                        }
                    }
                    _ => {
                        for (out, value) in out.iter_mut().zip(&row(lane)[columns.clone()]) {
                            *out = value.to_f32().to_bits();
                        }
                    }
                }
            }
        }
    }
}

/// Lanes of packed operands.
#[derive(Debug, Clone, Copy)]
struct Packed {
    /// Blocks of keys.
    blocks: usize,
    /// Lanes of a whole block of keys, of a whole block of values.
    key_block: usize,
    value_block: usize,
    /// Lanes of a head's keys, of its values; whole blocks.
    keys: usize,
    values: usize,
}

impl Packed {
    fn of(attention: &Attention, core: Core) -> Self {
        let blocks = attention.keys.div_ceil(KEYS);
        let key_block = core.lanes(attention.head_dim) * KEYS;
        let value_block = attention.head_dim.div_ceil(COLUMNS) * COLUMNS * core.lanes(KEYS);
        Self {
            blocks,
            key_block,
            value_block,
            keys: blocks * key_block,
            values: blocks * value_block,
        }
    }
}

/// A block of queries of one head.
#[derive(Clone, Copy)]
struct Task {
    attention: Attention,
    core: Core,
    shape: Packed,
    head: usize,
    first: usize,
}

impl Task {
    fn run<T: Number>(
        &self,
        q: Heads<'_, T>,
        keys: &[u32],
        values: &[u32],
        out: Out<T>,
        scratch: &mut ThreadScratch,
    ) {
        let Attention { head_dim, length, causal, .. } = self.attention;
        let rows = QUERIES.min(length - self.first);
        let strips = rows.div_ceil(ROWS);
        let depth = self.core.lanes(head_dim);
        let panels = head_dim.div_ceil(COLUMNS);
        let ThreadScratch { panel: queries, sums, wide, more } = scratch;
        let queries = queries.lanes(strips * ROWS * depth);
        self.pack_queries(q, rows, wide, queries);
        let (sums, _) = sums.lanes(strips * panels * TILE).as_chunks_mut::<TILE>();
        sums.as_flattened_mut().fill(0);
        let scores_lanes = KEYS / COLUMNS * strips * TILE;
        let more = more.lanes(scores_lanes + KEYS * ROWS * strips);
        let (scores, weights) = more.split_at_mut(scores_lanes);
        let (scores, _) = scores.as_chunks_mut::<TILE>();
        let mut so_far = [SoFar::default(); QUERIES];

        let seen = if causal { self.first + rows } else { self.attention.keys };
        let seen = seen.min(self.attention.keys);
        for block in 0..seen.div_ceil(KEYS) {
            let first_key = block * KEYS;
            // Packed blocks hold all keys there are; those behind the last one seen are masked.
            let count = KEYS.min(self.attention.keys - first_key);
            let keys = &keys[block * self.shape.key_block..];
            for (p, panel) in
                keys.chunks_exact(depth * COLUMNS).take(count.div_ceil(COLUMNS)).enumerate()
            {
                for (s, strip) in queries.chunks_exact(depth * ROWS).enumerate() {
                    let tile = &mut scores[s * (KEYS / COLUMNS) + p];
                    self.core.micro.run(strip, panel, tile, true);
                }
            }
            let lanes = self.core.lanes(count);
            let strips = weights.chunks_exact_mut(KEYS * ROWS).zip(so_far.chunks_mut(ROWS));
            for (s, (weights, so_far)) in strips.take(rows.div_ceil(ROWS)).enumerate() {
                let scores = &scores[s * (KEYS / COLUMNS)..][..KEYS / COLUMNS];
                let sums = &mut sums[s * panels..][..panels];
                vectorised!({
                    let rows = ROWS.min(rows - s * ROWS);
                    let place = (s * ROWS, rows, first_key, count);
                    self.weigh(place, scores, sums, so_far, wide, &mut weights[..lanes * ROWS]);
                });
            }
            let values = &values[block * self.shape.value_block..][..panels * lanes * COLUMNS];
            for (p, panel) in values.chunks_exact(lanes * COLUMNS).enumerate() {
                for (s, weights) in
                    weights.chunks_exact(KEYS * ROWS).enumerate().take(strips_of(rows))
                {
                    let tile = &mut sums[s * panels + p];
                    self.core.micro.run(&weights[..lanes * ROWS], panel, tile, false);
                }
            }
        }
        vectorised!(self.finish(rows, panels, sums, &so_far, out));
    }

    fn pack_queries<T: Number>(
        &self,
        q: Heads<'_, T>,
        rows: usize,
        wide: &mut Scratch,
        queries: &mut [u32],
    ) {
        let head_dim = self.attention.head_dim;
        let span = self.head * q.head..self.head * q.head + head_dim;
        assert!(span.end <= q.token);
        let strip = ROWS * self.core.lanes(head_dim);
        let wide = wide.lanes(WIDE_LANES);
        for (s, out) in queries.chunks_exact_mut(strip).enumerate() {
            let count = ROWS.min(rows - s * ROWS);
            let x = &q.values[(self.first + s * ROWS) * q.token..];
            let x = Rows { values: x, stride: q.token, count };
            vectorised!(pack::strip(self.core, x, span.clone(), wide, out));
        }
    }

    /// Turns a strip's scores into weights relative to the largest score so far, packs them, and
    /// brings the sums down to the same.
    #[inline(always)]
    fn weigh(
        &self,
        (first_row, rows, first_key, count): (usize, usize, usize, usize),
        scores: &[[u32; TILE]],
        sums: &mut [[u32; TILE]],
        so_far: &mut [SoFar],
        wide: &mut Scratch,
        weights: &mut [u32],
    ) {
        let scale = 1.0 / (self.attention.head_dim as f32).sqrt();
        let wide = wide.lanes(WIDE_LANES);
        for (r, so_far) in so_far.iter_mut().enumerate().take(rows) {
            let row = crate::base::scratch::as_floats(&mut wide[r * KEYS..(r + 1) * KEYS]);
            for (row, tile) in row.chunks_exact_mut(COLUMNS).zip(scores) {
                for (value, bits) in row.iter_mut().zip(&tile[r * COLUMNS..]) {
                    *value = f32::from_bits(*bits);
                }
            }
            let query = self.first + first_row + r;
            let seen = if self.attention.causal {
                (query + 1).saturating_sub(first_key).min(count)
            } else {
                count
            };
            let (seen, unseen) = row[..count].split_at_mut(seen);
            unseen.fill(0.0);
            if seen.is_empty() {
                continue;
            }
            let largest = max(seen);
            let largest = if largest > so_far.largest { largest } else { so_far.largest };
            for value in seen.iter_mut() {
                *value = exp((*value - largest) * scale);
            }
            let factor = exp((so_far.largest - largest) * scale);
            so_far.total = so_far.total * factor + sum_of(seen, |value| value);
            so_far.largest = largest;
            if factor != 1.0 {
                for tile in sums.iter_mut() {
                    for bits in &mut tile[r * COLUMNS..(r + 1) * COLUMNS] {
                        *bits = (f32::from_bits(*bits) * factor).to_bits();
                    }
                }
            }
        }
        if rows < ROWS {
            wide[rows * KEYS..ROWS * KEYS].fill(0);
        }
        let interleave = Interleave { lane: self.core.micro.lane(), set: self.core.set };
        interleave.run(wide, KEYS, ROWS, count, weights, Strip { step: ROWS, first: 0 });
    }

    #[inline(always)]
    fn finish<T: Number>(
        &self,
        rows: usize,
        panels: usize,
        sums: &[[u32; TILE]],
        so_far: &[SoFar],
        out: Out<T>,
    ) {
        let head_dim = self.attention.head_dim;
        for (row, so_far) in so_far.iter().enumerate().take(rows) {
            let inverse = 1.0 / so_far.total;
            let out = out.row(self.first + row, self.head * head_dim, head_dim);
            let tiles = &sums[row / ROWS * panels..][..panels];
            for (out, tile) in out.chunks_mut(COLUMNS).zip(tiles) {
                let sums = &tile[row % ROWS * COLUMNS..];
                for (out, bits) in out.iter_mut().zip(sums) {
                    *out = T::from_f32(f32::from_bits(*bits) * inverse);
                }
            }
        }
    }
}

fn strips_of(rows: usize) -> usize {
    rows.div_ceil(ROWS)
}

/// What is known of a query after some keys.
#[derive(Debug, Clone, Copy)]
struct SoFar {
    /// The largest score.
    largest: f32,
    /// The sum of weights relative to it.
    total: f32,
}

impl Default for SoFar {
    fn default() -> Self {
        Self { largest: f32::NEG_INFINITY, total: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::base::isa::InstructionSet;
    use half::bf16;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 31 + seed) * 7919 % 2003) as f32 / 500.0 - 2.0).collect()
    }

    fn cores(precision: Precision) -> Vec<Core> {
        let sets = InstructionSet::available();
        let lanes: &[Lane] = match precision {
            Precision::F32 => &[Lane::F32],
            Precision::Bf16 => &[Lane::F32, Lane::Bf16Pair],
        };
        sets.iter()
            .flat_map(|set| lanes.iter().map(|lane| Core::new(*set, *lane, precision)))
            .collect()
    }

    /// The definition, in f64.
    fn expected(a: &Attention, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f64> {
        let Attention { heads, kv_heads, head_dim, length, keys, causal } = *a;
        let (q_row, k_row) = (heads * head_dim, kv_heads * head_dim);
        let mut out = vec![0.0; length * q_row];
        for h in 0..heads {
            let kv = h / (heads / kv_heads);
            for i in 0..length {
                let seen = if causal { (i + 1).min(keys) } else { keys };
                let weights: Vec<f64> = (0..seen)
                    .map(|j| {
                        let q = &q[i * q_row + h * head_dim..][..head_dim];
                        let k = &k[j * k_row + kv * head_dim..][..head_dim];
                        let dot: f64 =
                            q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                        (dot / (head_dim as f64).sqrt()).exp()
                    })
                    .collect();
                let total: f64 = weights.iter().sum();
                for d in 0..head_dim {
                    out[i * q_row + h * head_dim + d] = (0..seen)
                        .map(|j| weights[j] / total * f64::from(v[j * k_row + kv * head_dim + d]))
                        .sum();
                }
            }
        }
        out
    }

    fn check(a: Attention) {
        let (q_row, k_row) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
        let narrow =
            |values: Vec<f32>| -> Vec<bf16> { values.into_iter().map(bf16::from_f32).collect() };
        let q = narrow(numbers(a.length * q_row, 1));
        let (k, v) = (narrow(numbers(a.keys * k_row, 2)), narrow(numbers(a.keys * k_row, 3)));
        let wide = |values: &[bf16]| -> Vec<f32> { values.iter().map(|v| v.to_f32()).collect() };
        let (qw, kw, vw) = (wide(&q), wide(&k), wide(&v));
        let expected = expected(&a, &qw, &kw, &vw);
        for core in cores(Precision::F32) {
            let heads = |values, token| Heads { values, token, head: a.head_dim };
            let mut out = vec![0f32; expected.len()];
            a.apply_with(core, heads(&qw, q_row), heads(&kw, k_row), heads(&vw, k_row), &mut out);
            for (out, expected) in out.iter().zip(&expected) {
                assert!(
                    (f64::from(*out) - expected).abs() < 1e-5,
                    "{a:?} {core:?} {out} {expected}"
                );
            }
        }
        for core in cores(Precision::Bf16) {
            let heads = |values, token| Heads { values, token, head: a.head_dim };
            let mut out = vec![bf16::ZERO; expected.len()];
            a.apply_with(core, heads(&q, q_row), heads(&k, k_row), heads(&v, k_row), &mut out);
            for (out, expected) in out.iter().zip(&expected) {
                // The result is rounded, and where pairs are multiplied every weight is.
                let error = (out.to_f64() - expected).abs();
                assert!(error < 2.0 * 2f64.powi(-7), "{a:?} {core:?} {out} {expected}");
            }
        }
    }

    #[test]
    fn blocks_of_queries_and_keys_meet_without_a_seam() {
        for causal in [false, true] {
            let (length, keys) = (QUERIES + 17, 2 * KEYS + 33);
            check(Attention { heads: 2, kv_heads: 1, head_dim: 40, length, keys, causal: false });
            let length = keys;
            check(Attention { heads: 1, kv_heads: 1, head_dim: 16, length, keys, causal });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn any_shape_follows_the_definition(
            kv_heads in 1..4usize,
            shared in 1..3usize,
            head_dim in 1..80usize,
            length in 1..60usize,
            causal in any::<bool>(),
        ) {
            let heads = kv_heads * shared;
            check(Attention { heads, kv_heads, head_dim, length, keys: length, causal });
        }
    }

    #[test]
    fn heads_that_stand_one_after_the_other_are_read_where_they_are() {
        // Each head's tokens in one run, as rotary embedding leaves them.
        let a = Attention { heads: 3, kv_heads: 3, head_dim: 8, length: 5, keys: 5, causal: false };
        let q = numbers(5 * 24, 1);
        let fused = Heads { values: &q[..], token: 24, head: 8 };
        let (mut one, mut other) = (vec![0f32; 120], vec![0f32; 120]);
        attend(&a, fused, fused, fused, &mut one);
        // Behind other values of the token, as in a fused projection.
        let padded: Vec<f32> = q.chunks(24).flat_map(|row| [&[9.0; 7], row].concat()).collect();
        let behind = Heads { values: &padded[7..], token: 31, head: 8 };
        attend(&a, behind, behind, behind, &mut other);
        assert_eq!(one, other);
    }
}

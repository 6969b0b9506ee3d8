//! Softmax attention without a matrix of scores: a block of queries meets the keys block by block,
//! keeping the largest score and the sum of weights of each query so far (Milakov and Gimelshein,
//! "Online normalizer calculation for softmax", arXiv 1805.02867; Dao et al., arXiv 2205.14135).
//!
//! Both products are those of the tile kernels, with keys as rows and queries as columns. So what is
//! done to a query's scores is done to a column, 16 queries in a register; and the weights of a block
//! stand as the second product reads them. That gives the result with its values as rows, which is
//! transposed once, at the end.

mod weights;

use crate::base::isa::vectorised;
use crate::base::number::{Number, rounded};
use crate::base::out::Out;
use crate::base::scratch::{
    SharedScratch, ThreadScratch, as_floats, as_lanes, with_thread_scratch,
};
use crate::formats::stored::Matrix;
use crate::pack::BATCH;
use crate::pack::interleave::{Strip, transpose};
use crate::pack::{self, Rows, WIDE_LANES, stored_as};
use crate::tile::{COLUMNS, Core, Lane, Precision, ROWS, TILE};
use rayon::prelude::*;
use weights::{SoFar, narrowed};

/// Strips of keys met at a time.
const STRIPS: usize = 22;
/// Keys met at a time.
const KEYS: usize = STRIPS * ROWS;
/// Most panels of queries in a task, which read a block of keys from the second-level cache.
const PANELS: usize = 3;
/// Queries of a task.
const QUERIES: usize = PANELS * COLUMNS;
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
                self.pack_values(core, v, head, block * KEYS, out);
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

    /// A block of keys as strips [head_dim, ROWS].
    fn pack_keys<T: Number>(
        &self,
        core: Core,
        k: Heads<'_, T>,
        head: usize,
        first: usize,
        out: &mut [u32],
    ) {
        let span = head * k.head..head * k.head + self.head_dim;
        assert!(span.end <= k.token);
        with_thread_scratch(|scratch| {
            let wide = scratch.wide.lanes(WIDE_LANES);
            let strips = out.chunks_exact_mut(ROWS * core.lanes(self.head_dim));
            for (out, first) in strips.zip((first..self.keys).step_by(ROWS)) {
                let count = ROWS.min(self.keys - first);
                let x = Rows { values: &k.values[first * k.token..], stride: k.token, count };
                vectorised!(pack::strip(core, x, span.clone(), wide, out));
            }
        });
    }

    /// A block of values as strips [keys of the block, ROWS], with a head's values as rows: runs of
    /// 12 values, which are moved one by one.
    fn pack_values<T: Number>(
        &self,
        core: Core,
        v: Heads<'_, T>,
        head: usize,
        first: usize,
        out: &mut [u32],
    ) {
        let count = KEYS.min(self.keys - first);
        let strip = ROWS * core.lanes(KEYS);
        let pairs = core.micro.lane() == Lane::Bf16Pair;
        out.fill(0);
        for key in 0..count {
            let values = &v.values[(first + key) * v.token + head * v.head..][..self.head_dim];
            let (lane, half) = if pairs { (key / 2, key % 2) } else { (key, 0) };
            for (values, out) in values.chunks(ROWS).zip(out.chunks_exact_mut(strip)) {
                let out = &mut out[lane * ROWS..][..values.len()];
                for (out, value) in out.iter_mut().zip(values) {
                    let value = value.to_f32();
                    *out |= match (pairs, half) {
                        (false, _) => value.to_bits(),
                        (true, 0) => rounded(value).to_bits() >> 16,
                        (true, _) => rounded(value).to_bits(),
                    };
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
        let value_block = attention.head_dim.next_multiple_of(ROWS) * core.lanes(KEYS);
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
        let panels = rows.div_ceil(COLUMNS);
        let depth = self.core.lanes(head_dim);
        let strips = head_dim.div_ceil(ROWS);
        let ThreadScratch { panel: queries, sums, wide, more } = scratch;
        let queries = queries.lanes(panels * COLUMNS * depth);
        self.pack_queries(q, rows, wide.lanes(WIDE_LANES), queries);
        let (sums, _) = sums.lanes(panels * strips * TILE).as_chunks_mut::<TILE>();
        sums.as_flattened_mut().fill(0);
        // Scores of a block, as tiles or, which is the same, as a panel [keys, COLUMNS]; then what
        // weights are narrowed to, or a result that is transposed.
        let turned = head_dim.next_multiple_of(BATCH).max(KEYS);
        let (scores, narrow) = more.lanes((KEYS + turned) * COLUMNS).split_at_mut(KEYS * COLUMNS);
        let none = SoFar { largest: [f32::NEG_INFINITY; COLUMNS], total: [0.0; COLUMNS] };
        let mut so_far = [none; PANELS];

        let seen = if causal { self.first + rows } else { self.attention.keys };
        let seen = seen.min(self.attention.keys);
        for block in 0..seen.div_ceil(KEYS) {
            let first_key = block * KEYS;
            // Packed blocks hold all keys there are; those that a query does not see get no weight.
            let count = KEYS.min(self.attention.keys - first_key);
            let lanes = self.core.lanes(count);
            let keys = &keys[block * self.shape.key_block..][..self.shape.key_block];
            let values = &values[block * self.shape.value_block..][..self.shape.value_block];
            for (p, panel) in queries.chunks_exact(COLUMNS * depth).enumerate() {
                let (tiles, _) = scores.as_chunks_mut::<TILE>();
                let strip = keys.chunks_exact(ROWS * depth).take(count.div_ceil(ROWS));
                for (strip, tile) in strip.zip(tiles) {
                    self.core.micro.run(strip, panel, tile, true);
                }
                let so_far = &mut so_far[p];
                let sums = &mut sums[p * strips..][..strips];
                let place = (self.first + p * COLUMNS, first_key);
                let (scores, _) = as_floats(scores).as_chunks_mut::<COLUMNS>();
                let scores = &mut scores[..count];
                vectorised!(self.weigh(place, scores, so_far, sums));
                let weights = match self.core.micro.lane() {
                    Lane::Bf16Pair => {
                        vectorised!(narrowed(scores, narrow));
                        &narrow[..lanes * COLUMNS]
                    }
                    _ => as_lanes(scores.as_flattened()),
                };
                let strips = values.chunks_exact(ROWS * self.core.lanes(KEYS));
                for (strip, tile) in strips.zip(sums) {
                    self.core.micro.run(&strip[..ROWS * lanes], weights, tile, false);
                }
            }
        }
        for (p, so_far) in so_far.iter().enumerate().take(panels) {
            let sums = sums[p * strips..][..strips].as_flattened();
            vectorised!(self.finish(p * COLUMNS, rows, sums, so_far, narrow, out));
        }
    }

    fn pack_queries<T: Number>(
        &self,
        q: Heads<'_, T>,
        rows: usize,
        wide: &mut [u32],
        queries: &mut [u32],
    ) {
        let Attention { head_dim, length, .. } = self.attention;
        let span = self.head * q.head..self.head * q.head + head_dim;
        assert!(span.end <= q.token);
        let values = stored_as(q.values);
        let matrix = Matrix { outputs: length, inputs: q.token, values, scale: None };
        let panels = queries.chunks_exact_mut(COLUMNS * self.core.lanes(head_dim));
        for (out, first) in panels.zip((0..rows).step_by(COLUMNS)) {
            let place = (self.first + first, COLUMNS.min(rows - first));
            vectorised!(pack::panel(self.core, &matrix, place, span.clone(), wide, out));
        }
    }

    /// Writes a panel's results.
    #[inline(always)]
    fn finish<T: Number>(
        &self,
        first: usize,
        rows: usize,
        sums: &[u32],
        so_far: &SoFar,
        turned: &mut [u32],
        out: Out<T>,
    ) {
        let head_dim = self.attention.head_dim;
        for (batch, values) in sums[..head_dim * COLUMNS].chunks(BATCH * COLUMNS).enumerate() {
            let strip = Strip { step: head_dim, first: batch * BATCH };
            let count = values.len() / COLUMNS;
            transpose(self.core.set, values, COLUMNS, count, COLUMNS, turned, strip);
        }
        for (i, values) in turned.chunks_exact(head_dim).enumerate().take(rows - first) {
            let Some(total) = so_far.total.get(i) else { break };
            let inverse = 1.0 / total;
            let out = out.row(self.first + first + i, self.head * head_dim, head_dim);
            for (out, bits) in out.iter_mut().zip(values) {
                *out = T::from_f32(f32::from_bits(*bits) * inverse);
            }
        }
    }
}

#[cfg(test)]
mod tests;

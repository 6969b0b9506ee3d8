//! The loops of a product, whatever its numbers are: block of depth → row group → panel → strip.
//!
//! The panels of a task are packed once a block. Then groups of rows go by that fit the second-level
//! cache together with the panels, each group past one panel after the other.

use super::plan::{PANELS, Panel};
use crate::base::isa::{prefetch, vectorised};
use crate::base::number::Number;
use crate::base::out::Out;
use crate::base::scratch::ThreadScratch;
use crate::formats::stored::Matrix;
use crate::pack::WIDE_LANES;
use crate::rows::swiglu::gated;
use crate::tile::{BLOCK, COLUMNS, Micro, ROWS, TILE};
use std::ops::Range;

/// Strips of rows in a group: 384 KiB of a block, beside 128 KiB of panels and 192 KiB of sums.
const GROUP: usize = 32;

/// What one kind of number has of its own.
pub(super) trait Operand: Sync {
    fn micro(&self) -> Micro;

    /// Packs the inputs `span` of a panel. `totals` may be added to.
    fn pack(
        &self,
        panel: &Panel<'_>,
        span: Range<usize>,
        wide: &mut [u32],
        totals: &mut [u32; COLUMNS],
        out: &mut [u32],
    );

    /// What the sums of a panel are multiplied by, and added to them.
    fn constants(&self, panel: &Panel<'_>, totals: &[u32; COLUMNS]) -> Constants;

    /// The values of a row of a tile.
    fn values(&self, sums: &[u32; COLUMNS], constants: &Constants, row: usize) -> [f32; COLUMNS];
}

/// For each column of a panel.
pub(super) struct Constants {
    pub(super) scale: [f32; COLUMNS],
    pub(super) bias: [f32; COLUMNS],
    /// Taken off integer sums.
    pub(super) offset: [i32; COLUMNS],
}

impl Constants {
    pub(super) const NONE: Self =
        Self { scale: [1.0; COLUMNS], bias: [0.0; COLUMNS], offset: [0; COLUMNS] };

    /// The bias of a panel's outputs.
    pub(super) fn with_bias(mut self, bias: Option<&[f32]>, panel: &Panel<'_>) -> Self {
        if let Some(bias) = bias {
            self.bias[..panel.count].copy_from_slice(&bias[panel.output..][..panel.count]);
        }
        self
    }
}

/// What becomes of the values of a task's panels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// Each is a column of its own.
    Columns,
    /// Panels come in twos: silu of the one's times the other's.
    Gated,
}

/// Packed rows: block of depth by block, strip by strip.
#[derive(Clone, Copy)]
pub(super) struct PackedRows<'a> {
    pub(super) lanes: &'a [u32],
    pub(super) strips: usize,
    pub(super) inputs: usize,
}

/// The panels of a task.
pub(super) struct Task<'a, O, T> {
    pub(super) operand: &'a O,
    pub(super) panels: &'a [Panel<'a>],
    pub(super) finish: Finish,
    pub(super) out: Out<T>,
}

impl<O: Operand, T: Number> Task<'_, O, T> {
    pub(super) fn run(&self, rows: PackedRows<'_>, scratch: &mut ThreadScratch) {
        let micro = self.operand.micro();
        let elements = micro.lane().elements();
        let PackedRows { lanes: packed, strips, inputs } = rows;
        let count = self.panels.len();
        let ThreadScratch { panel: room, sums, wide, .. } = scratch;
        let (sums, _) = sums.lanes(strips * count * TILE).as_chunks_mut::<TILE>();
        let wide = wide.lanes(WIDE_LANES);
        let mut totals = [[0; COLUMNS]; PANELS];
        let mut constants = [const { Constants::NONE }; PANELS];
        for (block, packed) in packed.chunks(strips * ROWS * BLOCK).enumerate() {
            let span = |block: usize| {
                (block * BLOCK * elements).min(inputs)..((block + 1) * BLOCK * elements).min(inputs)
            };
            let now = span(block);
            let last = now.end == inputs;
            let lanes = now.len().div_ceil(elements);
            let room = room.lanes(count * COLUMNS * lanes);
            let spaces = room.chunks_exact_mut(COLUMNS * lanes).zip(&mut totals);
            for (panel, (out, totals)) in self.panels.iter().zip(spaces) {
                self.operand.pack(panel, now.clone(), wide, totals, out);
            }
            if last {
                for ((constants, panel), totals) in
                    constants.iter_mut().zip(self.panels).zip(&totals)
                {
                    *constants = self.operand.constants(panel, totals);
                }
            }
            let mut ahead = Ahead::new(self.panels, span(block + 1), strips * count);
            for first in (0..strips).step_by(GROUP) {
                let group = first..(first + GROUP).min(strips);
                for (p, panel) in room.chunks_exact(COLUMNS * lanes).enumerate() {
                    let complete = last && p + 1 == count;
                    for strip in group.clone() {
                        let x = &packed[strip * ROWS * lanes..][..ROWS * lanes];
                        micro.run(x, panel, &mut sums[p * strips + strip], block == 0);
                        ahead.fetch();
                        if complete {
                            vectorised!(self.store(sums, strips, strip, &constants));
                        }
                    }
                }
            }
        }
    }

    /// Writes the values of a strip, whose sums are complete.
    #[inline(always)]
    fn store(
        &self,
        sums: &[[u32; TILE]],
        strips: usize,
        strip: usize,
        constants: &[Constants; PANELS],
    ) {
        let tile = |panel: usize| sums[panel * strips + strip].as_chunks::<COLUMNS>().0;
        let rows = ROWS.min(self.out.rows - strip * ROWS);
        match self.finish {
            Finish::Columns => {
                for (p, (panel, constants)) in self.panels.iter().zip(constants).enumerate() {
                    for (i, sums) in tile(p).iter().enumerate().take(rows) {
                        let row = strip * ROWS + i;
                        let values = self.operand.values(sums, constants, row).map(T::from_f32);
                        let out = self.out.row(row, panel.column, panel.count);
                        out.copy_from_slice(&values[..panel.count]);
                    }
                }
            }
            Finish::Gated => {
                for p in (0..self.panels.len()).step_by(2) {
                    let (panel, gates, ups) = (&self.panels[p], tile(p), tile(p + 1));
                    for (i, (gates, ups)) in gates.iter().zip(ups).enumerate().take(rows) {
                        let row = strip * ROWS + i;
                        let gates = self.operand.values(gates, &constants[p], row);
                        let ups = self.operand.values(ups, &constants[p + 1], row);
                        let mut values = [T::from_f32(0.0); COLUMNS];
                        for ((value, gate), up) in values.iter_mut().zip(gates).zip(ups) {
                            *value = gated(T::from_f32(gate), T::from_f32(up));
                        }
                        let out = self.out.row(row, panel.column, panel.count);
                        out.copy_from_slice(&values[..panel.count]);
                    }
                }
            }
        }
    }
}

/// Bytes of cache lines.
const LINE: usize = 64;

/// The stored bytes of the next block, fetched bit by bit while this one is multiplied.
struct Ahead<'a> {
    panels: &'a [Panel<'a>],
    span: Range<usize>,
    /// Lines to fetch at a time.
    lines: usize,
    panel: usize,
    row: usize,
    rest: &'a [u8],
}

impl<'a> Ahead<'a> {
    fn new(panels: &'a [Panel<'a>], span: Range<usize>, times: usize) -> Self {
        let row = panels.first().map_or(0, |panel| region(panel, 0, &span).len() / LINE + 1);
        let rows: usize = panels.iter().map(|panel| panel.count).sum();
        let lines = if span.is_empty() { 0 } else { (rows * row).div_ceil(times.max(1)) };
        Self { panels, span, lines, panel: 0, row: 0, rest: &[] }
    }

    #[inline]
    fn fetch(&mut self) {
        for _ in 0..self.lines {
            if self.rest.is_empty() {
                let Some(panel) = self.panels.get(self.panel) else { return };
                self.rest = region(panel, self.row, &self.span);
                self.row += 1;
                if self.row == panel.count {
                    (self.panel, self.row) = (self.panel + 1, 0);
                }
            }
            if let Some(byte) = self.rest.first() {
                prefetch(byte);
            }
            self.rest = self.rest.get(LINE..).unwrap_or_default();
        }
    }
}

/// The stored bytes of a row's values.
fn region<'a>(panel: &Panel<'a>, row: usize, span: &Range<usize>) -> &'a [u8] {
    let Matrix { inputs, values, .. } = panel.matrix;
    let first = (panel.row + row) * inputs;
    values.region(first + span.start..first + span.end)
}

//! Products of f32, or of pairs of bf16.

use super::plan::{Panel, Plan, deal, rows_at_a_time};
use super::run::{Constants, Finish, Operand, PackedRows, Task};
use crate::base::isa::vectorised;
use crate::base::number::Number;
use crate::base::out::Out;
use crate::base::scratch::{SharedScratch, with_thread_scratch};
use crate::pack::{self, Rows, WIDE_LANES};
use crate::tile::{BLOCK, COLUMNS, Core, Micro, ROWS};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of x times the weights of a plan, which has `outputs` columns, rounded once to the format of
/// `out`.
pub(super) fn multiply<'w, T: Number, U: Number>(
    core: Core,
    x: &[T],
    inputs: usize,
    plan: impl Fn(usize) -> (Plan<'w>, Finish),
    bias: Option<&[f32]>,
    outputs: usize,
    out: &mut [U],
) {
    let depth = core.lanes(inputs);
    let most = rows_at_a_time(x.len() / inputs, depth);
    let floats = Floats { core, bias };
    for (x, out) in x.chunks(most * inputs).zip(out.chunks_mut(most * outputs)) {
        let rows = x.len() / inputs;
        let strips = rows.div_ceil(ROWS);
        let lanes = strips * ROWS * depth;
        let mut shared = SharedScratch::take(lanes);
        let packed = shared.lanes(lanes);
        pack_rows(core, x, inputs, strips, packed);
        let packed = PackedRows { lanes: packed, strips, inputs };
        let out = Out { values: out.as_mut_ptr(), len: out.len(), rows, outputs };
        let (plan, finish) = plan(strips);
        deal(plan.tasks.len(), |task| {
            let panels = &plan.panels[plan.tasks[task].clone()];
            let task = Task { operand: &floats, panels, finish, out };
            with_thread_scratch(|scratch| task.run(packed, scratch));
        });
    }
}

/// Packs `x` [rows, inputs]: block of depth by block, strip of [`ROWS`] rows by strip, the last
/// filled up with rows of 0. So a panel meets all rows of its block in the order of memory.
fn pack_rows<T: Number>(core: Core, x: &[T], inputs: usize, strips: usize, packed: &mut [u32]) {
    let values = BLOCK * core.micro.lane().elements();
    packed.par_chunks_mut(strips * ROWS * BLOCK).enumerate().for_each(|(block, packed)| {
        let span = block * values..((block + 1) * values).min(inputs);
        let strip = ROWS * core.lanes(span.len());
        packed.par_chunks_mut(strip).zip(x.par_chunks(ROWS * inputs)).for_each(|(out, x)| {
            with_thread_scratch(|scratch| {
                let wide = scratch.wide.lanes(WIDE_LANES);
                let rows = Rows { values: x, stride: inputs, count: x.len() / inputs };
                vectorised!(pack::strip(core, rows, span.clone(), wide, out));
            });
        });
    });
}

struct Floats<'a> {
    core: Core,
    bias: Option<&'a [f32]>,
}

impl Operand for Floats<'_> {
    fn micro(&self) -> Micro {
        self.core.micro
    }

    fn pack(
        &self,
        panel: &Panel<'_>,
        span: Range<usize>,
        wide: &mut [u32],
        _: &mut [u32; COLUMNS],
        out: &mut [u32],
    ) {
        let place = (panel.row, panel.count);
        vectorised!(pack::panel(self.core, &panel.matrix, place, span, wide, out));
    }

    fn constants(&self, panel: &Panel<'_>, _: &[u32; COLUMNS]) -> Constants {
        let mut constants = Constants::NONE.with_bias(self.bias, panel);
        if let Some(scale) = panel.matrix.scale {
            constants.scale[..panel.count].copy_from_slice(&scale[panel.row..][..panel.count]);
        }
        constants
    }

    #[inline(always)]
    fn values(&self, sums: &[u32; COLUMNS], constants: &Constants, _: usize) -> [f32; COLUMNS] {
        let mut values = [0.0; COLUMNS];
        for i in 0..COLUMNS {
            values[i] = f32::from_bits(sums[i]) * constants.scale[i] + constants.bias[i];
        }
        values
    }
}

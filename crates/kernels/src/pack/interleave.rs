//! Rows of numbers into the order the tile kernels read: for every place along the depth, the
//! lanes of all rows side by side.

use super::BATCH;
use crate::base::isa::InstructionSet;
use crate::base::number::rounded;
use crate::base::scratch::as_floats;
use crate::tile::Lane;

/// Turns up to [`BATCH`] rows of f32 into lanes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interleave {
    /// F32 or pairs of bf16.
    pub(crate) lane: Lane,
    pub(crate) set: InstructionSet,
}

/// Where interleaved lanes go: lane (row, place) to `place · step + first + row`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strip {
    pub(crate) step: usize,
    pub(crate) first: usize,
}

impl Interleave {
    /// Interleaves `rows` rows of `count` values (row r at `r · stride` of `wide`). Values are
    /// narrowed in place where lanes are pairs; an odd last one is paired with 0.
    pub(crate) fn run(
        self,
        wide: &mut [u32],
        stride: usize,
        rows: usize,
        count: usize,
        out: &mut [u32],
        strip: Strip,
    ) {
        let depth = match self.lane {
            Lane::Bf16Pair => {
                for row in wide.chunks_mut(stride).take(rows) {
                    narrow(&mut row[..count.next_multiple_of(2)], count);
                }
                count.div_ceil(2)
            }
            _ => count,
        };
        transpose(self.set, wide, stride, rows, depth, out, strip);
    }
}

/// Transposes `rows` rows of `depth` lanes into a strip.
pub(crate) fn transpose(
    set: InstructionSet,
    from: &[u32],
    stride: usize,
    rows: usize,
    depth: usize,
    out: &mut [u32],
    strip: Strip,
) {
    assert!(rows <= BATCH && rows > 0 && stride >= depth);
    assert!(from.len() >= (rows - 1) * stride + depth);
    assert!(depth == 0 || out.len() >= (depth - 1) * strip.step + strip.first + rows);
    #[cfg(target_arch = "x86_64")]
    let done = {
        // SAFETY: the set is one that the processor has; row r is read at r · stride … + depth and
        // written at k · step + first … + rows for k below depth, within the lengths asserted above.
        #[allow(unsafe_code)]
        unsafe {
            let (from, to) = (from.as_ptr(), out.as_mut_ptr().wrapping_add(strip.first));
            match set {
                InstructionSet::Avx512 => {
                    super::avx512::transpose(from, stride, rows, depth, to, strip.step)
                }
                InstructionSet::Avx2 => {
                    super::avx2::transpose(from, stride, rows, depth, to, strip.step)
                }
                InstructionSet::Scalar => 0,
            }
        }
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = {
        let _ = set;
        0
    };
    for place in done..depth {
        let out = &mut out[place * strip.step + strip.first..][..rows];
        for (row, out) in out.iter_mut().enumerate() {
            *out = from[row * stride + place];
        }
    }
}

/// The f32 in `row` as pairs of bf16 in its first half; from `count` on they are 0.
#[inline(always)]
fn narrow(row: &mut [u32], count: usize) {
    if let Some(last) = row.get_mut(count) {
        *last = 0;
    }
    for pair in 0..row.len() / 2 {
        let [low, high] =
            [row[2 * pair], row[2 * pair + 1]].map(|bits| rounded(f32::from_bits(bits)).to_bits());
        row[pair] = low >> 16 | high;
    }
}

/// Sets `count` lanes from `first` to 0 at every place of a strip.
pub(crate) fn clear(out: &mut [u32], step: usize, first: usize, count: usize) {
    for lanes in out.chunks_mut(step) {
        lanes[first..first + count].fill(0);
    }
}

/// The first values of a buffer of lanes as floats.
pub(crate) fn floats(lanes: &mut [u32], first: usize, count: usize) -> &mut [f32] {
    as_floats(&mut lanes[first..first + count])
}

//! The tile kernels in plain code.

use super::{COLUMNS, Lane, ROWS, TILE};

/// As [`super::Micro::run`], adding to the tile.
pub(super) fn run(lane: Lane, rows: &[u32], panel: &[u32], tile: &mut [u32; TILE]) {
    match lane {
        Lane::F32 => sums(rows, panel, tile, add_floats, |sum, a, b| {
            (f32::from_bits(a) * f32::from_bits(b) + f32::from_bits(sum)).to_bits()
        }),
        Lane::Bf16Pair => sums(rows, panel, tile, add_floats, |sum, a, b| {
            let high = f32::from_bits(a & HIGH) * f32::from_bits(b & HIGH);
            let low = f32::from_bits(a << 16) * f32::from_bits(b << 16);
            (f32::from_bits(sum) + low + high).to_bits()
        }),
        Lane::Bytes => sums(rows, panel, tile, u32::wrapping_add, |sum, a, b| {
            let products = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
            let products = products.map(|(a, b)| i32::from(a) * i32::from(b as i8));
            (sum as i32).wrapping_add(products.sum()) as u32
        }),
    }
}

/// The upper bf16 of a pair.
const HIGH: u32 = 0xffff_0000;

fn add_floats(a: u32, b: u32) -> u32 {
    (f32::from_bits(a) + f32::from_bits(b)).to_bits()
}

#[inline]
fn sums(
    rows: &[u32],
    panel: &[u32],
    tile: &mut [u32; TILE],
    add: impl Fn(u32, u32) -> u32,
    step: impl Fn(u32, u32, u32) -> u32,
) {
    let (rows, _) = rows.as_chunks::<ROWS>();
    let (panel, _) = panel.as_chunks::<COLUMNS>();
    let mut sums = [[0; COLUMNS]; ROWS];
    for (rows, panel) in rows.iter().zip(panel) {
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (sum, column) in sums.iter_mut().zip(panel) {
                *sum = step(*sum, *row, *column);
            }
        }
    }
    for (tile, sum) in tile.iter_mut().zip(sums.as_flattened()) {
        *tile = add(*tile, *sum);
    }
}

//! How each kernel is launched for a shape: blocks, threads and shared memory. They follow from the
//! shape alone, so that the same work on the same card has the same bits.

/// The number format of activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 16 bits.
    Bf16,
    /// 32 bits.
    F32,
}

/// How a weight is stored that is widened on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    E4m3,
    Nf4,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
    Iq4Nl,
}

/// One launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// Name of the kernel.
    pub kernel: &'static str,
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub block: u32,
    /// Bytes of shared memory, beside what the kernel declares.
    pub shared: u32,
}

/// Threads of a block where nothing else asks for a number.
const THREADS: u32 = 256;
/// Values that a thread of a widening kernel writes.
const VALUES: u64 = 8;
/// Most blocks along the second axis.
const MOST: u64 = 65_535;
/// Values of a group that one block sums up; the kernel's `SHARE`.
const SHARE: u64 = 1 << 16;
/// Most values of a head that the kernels for heads take.
const LONGEST_HEAD: usize = 256;
/// Keys that attention takes at a time; the kernel's `TILE`.
const TILE: usize = 64;

impl Launch {
    fn new(kernel: &'static str, grid: [u64; 2], block: u32) -> Option<Self> {
        let across = u32::try_from(grid[0]).ok().filter(|blocks| *blocks <= i32::MAX as u32)?;
        let down = u32::try_from(grid[1]).ok().filter(|_| grid[1] <= MOST)?;
        // A grid without blocks is refused by a GPU: there is nothing to do.
        (across > 0 && down > 0).then_some(Self {
            kernel,
            grid: [across, down, 1],
            block,
            shared: 0,
        })
    }
}

fn by(number: Number, bf16: &'static str, f32: &'static str) -> &'static str {
    match number {
        Number::Bf16 => bf16,
        Number::F32 => f32,
    }
}

/// Widening `count` values. `None` where there are none, or more than a launch takes.
pub(crate) fn widen(format: Format, number: Number, count: usize) -> Option<Launch> {
    let kernel = match format {
        Format::E4m3 => by(number, "widen_fp8_bf16", "widen_fp8_f32"),
        Format::Nf4 => by(number, "widen_nf4_bf16", "widen_nf4_f32"),
        Format::Q4_0 => by(number, "widen_q4_0_bf16", "widen_q4_0_f32"),
        Format::Q4_1 => by(number, "widen_q4_1_bf16", "widen_q4_1_f32"),
        Format::Q5_0 => by(number, "widen_q5_0_bf16", "widen_q5_0_f32"),
        Format::Q5_1 => by(number, "widen_q5_1_bf16", "widen_q5_1_f32"),
        Format::Q8_0 => by(number, "widen_q8_0_bf16", "widen_q8_0_f32"),
        Format::Q4K => by(number, "widen_q4_k_bf16", "widen_q4_k_f32"),
        Format::Q5K => by(number, "widen_q5_k_bf16", "widen_q5_k_f32"),
        Format::Q6K => by(number, "widen_q6_k_bf16", "widen_q6_k_f32"),
        Format::Iq4Nl => by(number, "widen_iq4_nl_bf16", "widen_iq4_nl_f32"),
    };
    let blocks = (count as u64).div_ceil(VALUES * u64::from(THREADS));
    Launch::new(kernel, [blocks, 1], THREADS)
}

/// RMS normalisation of rows.
pub(crate) fn rms_norm(number: Number, rows: usize) -> Option<Launch> {
    Launch::new(by(number, "rms_norm_bf16", "rms_norm_f32"), [rows as u64, 1], THREADS)
}

/// Rows rounded to e4m3.
pub(crate) fn quantise(number: Number, rows: usize) -> Option<Launch> {
    Launch::new(by(number, "quantise_bf16", "quantise_f32"), [rows as u64, 1], THREADS)
}

/// RMS normalisation of rows, rounded to e4m3.
pub(crate) fn rms_norm_e4m3(number: Number, rows: usize) -> Option<Launch> {
    Launch::new(by(number, "rms_norm_e4m3_bf16", "rms_norm_e4m3_f32"), [rows as u64, 1], THREADS)
}

/// Adding normalised rows to the hidden state.
pub(crate) fn add_rms_norm(number: Number, rows: usize) -> Option<Launch> {
    Launch::new(by(number, "add_rms_norm_bf16", "add_rms_norm_f32"), [rows as u64, 1], THREADS)
}

/// Queries, keys and values from one product. `None` for heads of an odd number of values, or of
/// more than 256.
pub(crate) fn split_heads(
    number: Number,
    tokens: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
) -> Option<Launch> {
    if head_dim == 0 || !head_dim.is_multiple_of(2) || head_dim > LONGEST_HEAD {
        return None;
    }
    let kernel = by(number, "split_heads_bf16", "split_heads_f32");
    Launch::new(kernel, [tokens as u64, (heads + 2 * kv_heads) as u64], 32)
}

/// The gate of a feed-forward layer.
pub(crate) fn swiglu(number: Number, rows: usize, width: usize) -> Option<Launch> {
    by_column(by(number, "swiglu_bf16", "swiglu_f32"), rows, width)
}

/// Scale, bias and rounding of a product.
pub(crate) fn finish(number: Number, rows: usize, width: usize) -> Option<Launch> {
    by_column(by(number, "finish_bf16", "finish_f32"), rows, width)
}

fn by_column(kernel: &'static str, rows: usize, width: usize) -> Option<Launch> {
    Launch::new(kernel, [rows as u64, (width as u64).div_ceil(u64::from(THREADS))], THREADS)
}

/// Partial sums of a group of `values` values.
pub fn group_shares(values: usize) -> usize {
    (values as u64).div_ceil(SHARE) as usize
}

/// Sums of the shares of groups.
pub(crate) fn group_sums(groups: usize, values: usize) -> Option<Launch> {
    Launch::new("group_sums", [group_shares(values) as u64, groups as u64], THREADS)
}

/// Means of groups from the sums of their shares.
pub(crate) fn group_means(groups: usize) -> Option<Launch> {
    Launch::new("group_means", [(groups as u64).div_ceil(32), 1], 32)
}

/// Factors and terms of channels.
pub(crate) fn group_affine(channels: usize) -> Option<Launch> {
    Launch::new("group_affine", [(channels as u64).div_ceil(u64::from(THREADS)), 1], THREADS)
}

/// Patches of `pixels` pixels, each of `channels` · `side`² values.
pub(crate) fn gather_patches(channels: usize, side: usize, pixels: usize) -> Option<Launch> {
    let lines = channels.checked_mul(side)?.checked_mul(side)?;
    let blocks = (pixels as u64).div_ceil(u64::from(THREADS));
    Launch::new("gather_patches", [blocks, lines as u64], THREADS)
}

/// Attention of `length` queries, on a card whose blocks may have `shared` bytes of shared memory.
/// `None` for heads that are no multiple of 8 or larger than 256, or for a card with too little.
pub(crate) fn attention(
    length: usize,
    heads: usize,
    head_dim: usize,
    shared: usize,
) -> Option<Launch> {
    if head_dim == 0 || !head_dim.is_multiple_of(8) {
        return None;
    }
    let variants = [
        ("attention_64_4", 64, 4),
        ("attention_128_4", 128, 4),
        ("attention_256_8", 256, 8),
        ("attention_256_4", 256, 4),
    ];
    let needs = |head: usize, warps: usize| (16 * warps + 2 * TILE) * head * 2;
    let (kernel, head, warps) = variants
        .into_iter()
        .find(|(_, head, warps)| head_dim <= *head && needs(*head, *warps) <= shared)?;
    let rows = 16 * warps;
    let grid = [length.div_ceil(rows) as u64, heads as u64];
    let launch = Launch::new(kernel, grid, 32 * warps as u32)?;
    Some(Launch { shared: needs(head, warps) as u32, ..launch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_takes_the_tile_that_fits_the_card() {
        let kernel = |head_dim, shared| attention(300, 2, head_dim, shared).map(|l| l.kernel);
        assert_eq!(kernel(256, 227 << 10), Some("attention_256_8"));
        assert_eq!(kernel(256, 99 << 10), Some("attention_256_4"));
        assert_eq!(kernel(256, 48 << 10), None);
        assert_eq!(kernel(48, 99 << 10), Some("attention_64_4"));
        assert_eq!(kernel(100, 99 << 10), None);
        assert_eq!(kernel(264, 227 << 10), None);
    }

    #[test]
    fn what_a_launch_cannot_count_is_no_launch() {
        assert_eq!(rms_norm(Number::F32, 0), None);
        assert_eq!(finish(Number::F32, 4, 65_536 * 256), None);
        // The decoder's widest band at 2048², and the pixels that its attention sees.
        assert!(gather_patches(512, 3, 64 * 2048).is_some());
        assert!(finish(Number::F32, 65_536, 512).is_some());
        assert_eq!(widen(Format::E4m3, Number::Bf16, usize::MAX), None);
    }
}

//! What each kernel is given, in its order: the same for a GPU, whose buffers are addresses, and for
//! the emulator, whose buffers are bytes. Shapes that a kernel does not take are no call.

use crate::launch::{self, Format, Launch, Number};

/// An argument of a kernel; `B` is a buffer.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Argument<B> {
    Null,
    Buffer(B),
    I32(i32),
    I64(i64),
    F32(f32),
}

use Argument::{Buffer, F32};

/// A launch with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<B> {
    /// Name, blocks, threads.
    pub launch: Launch,
    /// In the order of the kernel's own.
    pub arguments: Vec<Argument<B>>,
}

fn optional<B>(buffer: Option<B>) -> Argument<B> {
    buffer.map_or(Argument::Null, Buffer)
}

fn int<B>(value: usize) -> Option<Argument<B>> {
    i32::try_from(value).ok().map(Argument::I32)
}

fn long<B>(value: usize) -> Option<Argument<B>> {
    i64::try_from(value).ok().map(Argument::I64)
}

/// Widens `count` codes of e4m3.
pub fn widen_e4m3<B>(number: Number, codes: B, out: B, count: usize) -> Option<Call<B>> {
    let launch = launch::widen(Format::E4m3, number, count)?;
    Some(Call { launch, arguments: vec![Buffer(codes), Buffer(out), long(count)?] })
}

/// Widens `count` values in blocks of ggml's, which begin with a block.
pub fn widen_blocks<B>(
    format: Format,
    number: Number,
    blocks: B,
    out: B,
    count: usize,
) -> Option<Call<B>> {
    if matches!(format, Format::E4m3 | Format::Nf4) || !count.is_multiple_of(8) {
        return None;
    }
    let launch = launch::widen(format, number, count)?;
    Some(Call { launch, arguments: vec![Buffer(blocks), Buffer(out), long(count)?] })
}

/// A matrix in bitsandbytes' 4-bit codes.
#[derive(Debug, Clone)]
pub struct Nf4<B> {
    /// Two codes a byte.
    pub codes: B,
    /// 16 values, f32.
    pub map: B,
    /// One f32 a block, or one a group of blocks where `nested`.
    pub absmax: B,
    /// Where the scales of blocks are codes themselves.
    pub nested: Option<Nested<B>>,
    /// Elements a block, a power of two.
    pub blocksize: usize,
}

/// Scales of blocks that were quantised a second time.
#[derive(Debug, Clone)]
pub struct Nested<B> {
    /// One code a block.
    pub codes: B,
    /// 256 values, f32.
    pub map: B,
    /// Added to every scale.
    pub offset: f32,
    /// Blocks a group, a power of two.
    pub blocksize: usize,
}

/// Widens the `count` elements from `start` on.
pub fn widen_nf4<B>(
    number: Number,
    weight: Nf4<B>,
    start: usize,
    count: usize,
    out: B,
) -> Option<Call<B>> {
    let shift = |size: usize| size.is_power_of_two().then(|| size.trailing_zeros() as i32);
    let (nested, map, offset, nested_shift) = match weight.nested {
        Some(nested) => {
            let shift = shift(nested.blocksize)?;
            (Some(nested.codes), Some(nested.map), nested.offset, shift)
        }
        None => (None, None, 0.0, 0),
    };
    let arguments = vec![
        Buffer(weight.codes),
        Buffer(weight.map),
        Buffer(weight.absmax),
        optional(nested),
        optional(map),
        F32(offset),
        Argument::I32(nested_shift),
        Argument::I32(shift(weight.blocksize)?),
        long(start)?,
        long(count)?,
        Buffer(out),
    ];
    Some(Call { launch: launch::widen(Format::Nf4, number, count)?, arguments })
}

/// RMS normalisation of `rows` rows of `width` values.
pub fn rms_norm<B>(
    number: Number,
    x: B,
    gain: B,
    out: B,
    [rows, width]: [usize; 2],
    eps: f32,
) -> Option<Call<B>> {
    let arguments = vec![Buffer(x), Buffer(gain), Buffer(out), int(width)?, F32(eps)];
    Some(Call { launch: launch::rms_norm(number, rows)?, arguments })
}

/// Rows in e4m3: codes [rows, width] and an f32 a row that their values are multiplied by.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Quantised<B> {
    pub codes: B,
    pub scales: B,
}

/// `rows` rows of `width` values rounded to e4m3, each by its own scale.
pub fn quantise<B>(
    number: Number,
    x: B,
    out: Quantised<B>,
    [rows, width]: [usize; 2],
) -> Option<Call<B>> {
    let arguments = vec![Buffer(x), Buffer(out.codes), Buffer(out.scales), int(width)?];
    Some(Call { launch: launch::quantise(number, rows)?, arguments })
}

/// The same of what [`rms_norm`] gives.
pub fn rms_norm_e4m3<B>(
    number: Number,
    x: B,
    gain: B,
    out: Quantised<B>,
    [rows, width]: [usize; 2],
    eps: f32,
) -> Option<Call<B>> {
    let Quantised { codes, scales } = out;
    let arguments =
        vec![Buffer(x), Buffer(gain), Buffer(codes), Buffer(scales), int(width)?, F32(eps)];
    Some(Call { launch: launch::rms_norm_e4m3(number, rows)?, arguments })
}

/// A product in f32 whose scales are still to come.
#[derive(Debug, Clone)]
pub struct Product<B> {
    /// [rows, width].
    pub values: B,
    /// One a column.
    pub scale: Option<B>,
    /// One a row.
    pub row_scale: Option<B>,
}

/// The hidden state and a normalised product, `rows` rows of `width` values.
pub fn add_rms_norm<B>(
    number: Number,
    product: Product<B>,
    gain: B,
    hidden: B,
    out: B,
    [rows, width]: [usize; 2],
    eps: f32,
) -> Option<Call<B>> {
    let arguments = vec![
        Buffer(product.values),
        optional(product.scale),
        optional(product.row_scale),
        Buffer(gain),
        Buffer(hidden),
        Buffer(out),
        int(width)?,
        F32(eps),
    ];
    Some(Call { launch: launch::add_rms_norm(number, rows)?, arguments })
}

/// Heads of a sequence.
#[derive(Debug, Clone, Copy)]
pub struct HeadShape {
    /// Tokens.
    pub tokens: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and of values; `heads` is a multiple of it.
    pub kv_heads: usize,
    /// Values of a head.
    pub head_dim: usize,
}

/// What heads are split from and into. `cosines` and `sines` are [tokens, head_dim / 2]; results
/// are [tokens, heads, head_dim].
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Heads<B> {
    pub product: Product<B>,
    pub query_gain: B,
    pub key_gain: B,
    pub cosines: B,
    pub sines: B,
    pub query: B,
    pub key: B,
    pub value: B,
}

/// Normalises, turns and splits the heads of a fused projection.
pub fn split_heads<B>(
    number: Number,
    shape: HeadShape,
    values: Heads<B>,
    eps: f32,
) -> Option<Call<B>> {
    let HeadShape { tokens, heads, kv_heads, head_dim } = shape;
    let arguments = vec![
        Buffer(values.product.values),
        optional(values.product.scale),
        optional(values.product.row_scale),
        int((heads + 2 * kv_heads) * head_dim)?,
        int(heads)?,
        int(kv_heads)?,
        int(head_dim)?,
        F32(eps),
        Buffer(values.query_gain),
        Buffer(values.key_gain),
        Buffer(values.cosines),
        Buffer(values.sines),
        Buffer(values.query),
        Buffer(values.key),
        Buffer(values.value),
    ];
    Some(Call {
        launch: launch::split_heads(number, tokens, heads, kv_heads, head_dim)?,
        arguments,
    })
}

/// silu(gate) · up.
pub fn swiglu<B>(
    number: Number,
    gate: Product<B>,
    up: Product<B>,
    out: B,
    [rows, width]: [usize; 2],
) -> Option<Call<B>> {
    let arguments = vec![
        Buffer(gate.values),
        Buffer(up.values),
        optional(gate.scale),
        optional(up.scale),
        optional(gate.row_scale),
        optional(up.row_scale),
        Buffer(out),
        int(width)?,
    ];
    Some(Call { launch: launch::swiglu(number, rows, width)?, arguments })
}

/// Scale, bias and rounding of a product.
pub fn finish<B>(
    number: Number,
    product: Product<B>,
    bias: Option<B>,
    out: B,
    [rows, width]: [usize; 2],
) -> Option<Call<B>> {
    let arguments = vec![
        Buffer(product.values),
        optional(product.scale),
        optional(product.row_scale),
        optional(bias),
        Buffer(out),
        int(width)?,
    ];
    Some(Call { launch: launch::finish(number, rows, width)?, arguments })
}

/// The sums of shares of `groups` groups of `values` values each, or of their squared differences
/// from the groups' means. `sums` is f64, [groups, [`group_shares`](crate::group_shares)].
pub fn group_sums<B>(
    x: B,
    means: Option<B>,
    sums: B,
    [groups, values]: [usize; 2],
) -> Option<Call<B>> {
    let arguments = vec![Buffer(x), optional(means), Buffer(sums), long(values)?];
    Some(Call { launch: launch::group_sums(groups, values)?, arguments })
}

/// Means of groups from the sums of their shares.
pub fn group_means<B>(sums: B, means: B, [groups, values]: [usize; 2]) -> Option<Call<B>> {
    let shares = launch::group_shares(values);
    let arguments = vec![Buffer(sums), Buffer(means), int(groups)?, int(shares)?, long(values)?];
    Some(Call { launch: launch::group_means(groups)?, arguments })
}

/// What makes a factor and a term for each channel: sums of squares and means of groups, gain and
/// bias of channels. `affine` is [2, channels].
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Affine<B> {
    pub squares: B,
    pub means: B,
    pub gain: B,
    pub bias: B,
    pub affine: B,
}

/// Factors and terms of channels.
pub fn group_affine<B>(
    values: Affine<B>,
    channels: usize,
    [groups, per_group]: [usize; 2],
    eps: f32,
) -> Option<Call<B>> {
    let arguments = vec![
        Buffer(values.squares),
        Buffer(values.means),
        Buffer(values.gain),
        Buffer(values.bias),
        Buffer(values.affine),
        int(channels)?,
        int(groups)?,
        int(launch::group_shares(per_group))?,
        long(per_group)?,
        F32(eps),
    ];
    Some(Call { launch: launch::group_affine(channels)?, arguments })
}

/// The patches of some pixels of an image.
#[derive(Debug, Clone, Copy)]
pub struct Patches {
    /// Channels.
    pub channels: usize,
    /// Rows of the image as it is.
    pub height: usize,
    /// Columns of the image as it is.
    pub width: usize,
    /// Side of the convolution's kernel.
    pub side: usize,
    /// Whether every pixel becomes 2 × 2 before.
    pub doubled: bool,
    /// The first pixel, of the image as it is then.
    pub first: usize,
    /// Pixels.
    pub pixels: usize,
}

/// Gathers patches, [channels · side², pixels].
pub fn gather_patches<B>(x: B, affine: Option<B>, out: B, of: Patches) -> Option<Call<B>> {
    let arguments = vec![
        Buffer(x),
        optional(affine),
        Buffer(out),
        int(of.channels)?,
        int(of.height)?,
        int(of.width)?,
        int(of.side)?,
        Argument::I32(i32::from(of.doubled)),
        long(of.first)?,
        long(of.pixels)?,
    ];
    Some(Call { launch: launch::gather_patches(of.channels, of.side, of.pixels)?, arguments })
}

/// Queries, keys and values [tokens, heads, head_dim] in bf16, and the result like the queries.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Attended<B> {
    pub query: B,
    pub key: B,
    pub value: B,
    pub out: B,
}

/// Attention, on a card whose blocks may have `shared` bytes of shared memory.
pub fn attention<B>(
    values: Attended<B>,
    shape: HeadShape,
    causal: bool,
    shared: usize,
) -> Option<Call<B>> {
    let HeadShape { tokens, heads, kv_heads, head_dim } = shape;
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        return None;
    }
    let scale = std::f32::consts::LOG2_E / (head_dim as f32).sqrt();
    let arguments = vec![
        Buffer(values.query),
        Buffer(values.key),
        Buffer(values.value),
        Buffer(values.out),
        int(tokens)?,
        int(tokens)?,
        int(heads)?,
        int(kv_heads)?,
        int(head_dim)?,
        F32(scale),
        Argument::I32(i32::from(causal)),
    ];
    Some(Call { launch: launch::attention(tokens, heads, head_dim, shared)?, arguments })
}

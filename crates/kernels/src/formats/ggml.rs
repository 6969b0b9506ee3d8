//! ggml's blocks of quantised values to f32, as GGUF files hold them: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0
//! and IQ4_NL in blocks of 32 values, Q4_K, Q5_K and Q6_K in blocks of 256 with scales of their own
//! for every 32 or 16. Layouts: ggml-common.h of ggml-org/llama.cpp. Products and differences are
//! rounded in the order of its plain versions.

use super::dense::half_to_f32;

/// A format of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Block {
    /// 4 bits, one scale.
    Q4_0,
    /// 4 bits, scale and minimum.
    Q4_1,
    /// 5 bits, one scale.
    Q5_0,
    /// 5 bits, scale and minimum.
    Q5_1,
    /// 8 bits, one scale.
    Q8_0,
    /// 4 bits, scales and minima in 6 bits.
    Q4K,
    /// 5 bits, scales and minima in 6 bits.
    Q5K,
    /// 6 bits, scales in 8 bits.
    Q6K,
    /// 4 bits that stand for the values of [`IQ4_NL`], one scale.
    Iq4Nl,
}

/// The values of IQ4_NL's codes: close to each other around 0, as weights are (ggml-common.h,
/// `kvalues_iq4nl`).
pub const IQ4_NL: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Values of the longest block.
const LONGEST: usize = 256;

impl Block {
    /// Every format.
    pub const ALL: [Self; 9] = [
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq4Nl,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Iq4Nl => "IQ4_NL",
        }
    }

    /// Values of a block.
    pub const fn values(self) -> usize {
        match self {
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 | Self::Iq4Nl => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => LONGEST,
        }
    }

    /// Values that share a scale.
    pub const fn group(self) -> usize {
        match self {
            Self::Q6K => 16,
            _ => 32,
        }
    }

    /// Bytes of a block.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Q4_0 | Self::Iq4Nl => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of `values` values; `None` where they do not fill whole blocks.
    pub fn bytes_of(self, values: usize) -> Option<usize> {
        values
            .is_multiple_of(self.values())
            .then(|| (values / self.values()).checked_mul(self.bytes()))?
    }
}

/// Values in blocks.
#[derive(Debug, Clone, Copy)]
pub struct Ggml<'a> {
    /// The format.
    pub block: Block,
    /// The blocks, one after the other.
    pub bytes: &'a [u8],
}

/// Widens the values from `start` on, by plain code.
#[inline(always)]
pub(super) fn plain(weight: Ggml<'_>, start: usize, out: &mut [f32]) {
    match weight.block {
        Block::Q4_0 => blocks(weight.bytes, start, out, q4_0),
        Block::Q4_1 => blocks(weight.bytes, start, out, q4_1),
        Block::Q5_0 => blocks(weight.bytes, start, out, q5_0),
        Block::Q5_1 => blocks(weight.bytes, start, out, q5_1),
        Block::Q8_0 => blocks(weight.bytes, start, out, q8_0),
        Block::Q4K => blocks(weight.bytes, start, out, q4_k),
        Block::Q5K => blocks(weight.bytes, start, out, q5_k),
        Block::Q6K => blocks(weight.bytes, start, out, q6_k),
        Block::Iq4Nl => blocks(weight.bytes, start, out, iq4_nl),
    }
}

/// Widens with `widen`, block by block; blocks that begin or end outside of what is asked for by
/// way of a buffer.
#[inline(always)]
pub(super) fn blocks<const BYTES: usize, const VALUES: usize>(
    bytes: &[u8],
    start: usize,
    out: &mut [f32],
    widen: impl Fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let (stored, _) = bytes.as_chunks::<BYTES>();
    let mut stored = stored.get(start / VALUES..).unwrap_or_default().iter();
    let mut buffer = [0.0; VALUES];
    let skipped = start % VALUES;
    let (head, rest) = match skipped {
        0 => (&mut [][..], out),
        _ => {
            let head = out.len().min(VALUES - skipped);
            out.split_at_mut(head)
        }
    };
    if !head.is_empty()
        && let Some(block) = stored.next()
    {
        widen(block, &mut buffer);
        head.copy_from_slice(&buffer[skipped..][..head.len()]);
    }
    let (whole, tail) = rest.as_chunks_mut::<VALUES>();
    for (out, block) in whole.iter_mut().zip(&mut stored) {
        widen(block, out);
    }
    if !tail.is_empty()
        && let Some(block) = stored.next()
    {
        widen(block, &mut buffer);
        tail.copy_from_slice(&buffer[..tail.len()]);
    }
}

/// The f16 at `at`.
#[inline(always)]
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    half_to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// Codes of 4 bits: of the low halves of 16 bytes first, then of the high ones.
#[inline(always)]
fn nibbles(codes: &[u8], out: &mut [f32; 32], value: impl Fn(usize, u8) -> f32) {
    for (i, code) in codes.iter().enumerate().take(16) {
        out[i] = value(i, code & 0xf);
        out[i + 16] = value(i + 16, code >> 4);
    }
}

#[inline(always)]
fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], out, |_, code| (i32::from(code) - 8) as f32 * scale);
}

#[inline(always)]
fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    nibbles(&block[4..], out, |_, code| f32::from(code) * scale + minimum);
}

#[inline(always)]
fn iq4_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], out, |_, code| f32::from(IQ4_NL[usize::from(code)]) * scale);
}

/// The fifth bits of 32 codes.
#[inline(always)]
fn fifth_bits(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

#[inline(always)]
fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let (scale, high) = (half(block, 0), fifth_bits(block, 2));
    nibbles(&block[6..], out, |i, code| {
        let code = i32::from(code) | ((high >> i & 1) << 4) as i32;
        (code - 16) as f32 * scale
    });
}

#[inline(always)]
fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (scale, minimum, high) = (half(block, 0), half(block, 2), fifth_bits(block, 4));
    nibbles(&block[8..], out, |i, code| {
        let code = i32::from(code) | ((high >> i & 1) << 4) as i32;
        code as f32 * scale + minimum
    });
}

#[inline(always)]
fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let scale = half(block, 0);
    for (out, code) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(code.cast_signed()) * scale;
    }
}

/// Scale and minimum of each of 8 groups, 6 bits each: the first four in the low bits of bytes
/// 0…4 and 4…8; the others' low bits in bytes 8…12, their two high bits above the first ones'.
#[inline(always)]
fn six_bits(packed: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let low = packed[group + 4];
        (low & 0xf | (packed[group - 4] >> 6) << 4, low >> 4 | (packed[group] >> 6) << 4)
    }
}

#[inline(always)]
fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    let (packed, codes) = (&block[4..16], &block[16..]);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = six_bits(packed, group);
        let (scale, minimum) = (scale * f32::from(s), minimum * f32::from(m));
        let shift = 4 * (group % 2);
        for (out, code) in out.iter_mut().zip(&codes[group / 2 * 32..]) {
            *out = scale * f32::from(code >> shift & 0xf) - minimum;
        }
    }
}

#[inline(always)]
fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (scale, minimum) = (half(block, 0), half(block, 2));
    let (packed, high, codes) = (&block[4..16], &block[16..48], &block[48..]);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = six_bits(packed, group);
        let (scale, minimum) = (scale * f32::from(s), minimum * f32::from(m));
        let shift = 4 * (group % 2);
        let codes = codes[group / 2 * 32..].iter().zip(high);
        for (out, (code, high)) in out.iter_mut().zip(codes) {
            let code = code >> shift & 0xf | (high >> group & 1) << 4;
            *out = scale * f32::from(code) - minimum;
        }
    }
}

#[inline(always)]
fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half(block, 208);
    for (quarter, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        // Each half of 128 values: four runs of 32 from 64 bytes of low and 32 of high bits.
        let (side, run) = (quarter / 4, quarter % 4);
        let low = &low[64 * side + 32 * (run % 2)..];
        let codes = low.iter().zip(&high[32 * side..]);
        let mut groups = [0.0; 2];
        for (group, value) in groups.iter_mut().enumerate() {
            *value = scale * f32::from(scales[8 * side + 2 * run + group].cast_signed());
        }
        for (i, (out, (low, high))) in out.iter_mut().zip(codes).enumerate() {
            let code = low >> (4 * (run / 2)) & 0xf | (high >> (2 * run) & 3) << 4;
            *out = groups[i / 16] * (i32::from(code) - 32) as f32;
        }
    }
}

//! Damaged copies of files, the same ones in every run: bits flipped, bytes replaced by ones that
//! matter to parsers, numbers replaced, pieces cut out, doubled and moved, ends cut off. For tests of
//! readers of strangers' files.

/// An endless source of damaged copies of one file.
pub struct Mutations<'f> {
    file: &'f [u8],
    state: u64,
}

/// Numbers at which lengths and counts go wrong.
const EDGES: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX - 8,
    u64::MAX,
];

/// Numbers at which texts go wrong, beside [`EDGES`].
const WRITTEN: [&str; 5] = ["-1", "0.5", "1e999", "999999", "-0"];

/// Bytes that end, open or escape something in texts.
const SIGNS: &[u8] = b"\"\\{}[],:.-+eE09 \n\0\xff\xc3";

impl<'f> Mutations<'f> {
    pub fn of(file: &'f [u8], seed: u64) -> Self {
        Mutations { file, state: seed }
    }

    /// The next number of a generator that is the same everywhere (splitmix64).
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    fn once(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(16)).min(bytes.len());
        match self.below(7) {
            0 => {
                let bit = self.below(8);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            1 => {
                let sign = SIGNS.get(self.below(SIGNS.len())).copied().unwrap_or_default();
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = sign);
            }
            2 => {
                let edge = EDGES.get(self.below(EDGES.len())).copied().unwrap_or_default();
                let width = [1, 2, 4, 8].get(self.below(4)).copied().unwrap_or(8);
                let edge = edge.to_le_bytes();
                bytes.iter_mut().skip(at).zip(edge.iter().take(width)).for_each(|(to, b)| *to = *b);
            }
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece: Vec<u8> = bytes.drain(at..end).collect();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, piece.iter().chain(&piece).copied());
            }
            5 => bytes.truncate(at),
            _ => {
                // The next number of a text becomes another one.
                let chosen = self.below(EDGES.len() + WRITTEN.len());
                let edges = EDGES.iter().map(u64::to_string);
                let number = edges.chain(WRITTEN.map(str::to_owned)).nth(chosen);
                let digit = |at: &usize| bytes.get(*at).is_some_and(u8::is_ascii_digit);
                if let Some(first) = (at..bytes.len()).find(digit) {
                    let end = (first..bytes.len()).find(|at| !digit(at)).unwrap_or(bytes.len());
                    bytes.splice(first..end, number.unwrap_or_default().into_bytes());
                }
            }
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.file.to_vec();
        for _ in 0..=self.below(3) {
            self.once(&mut bytes);
        }
        Some(bytes)
    }
}

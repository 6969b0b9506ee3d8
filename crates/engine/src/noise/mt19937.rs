//! `torch.randn` on the CPU: MT19937, 24-bit uniforms, and Box–Muller over groups of sixteen.
//!
//! Follows PyTorch's `at::mt19937`, `uniform_real_distribution<float>` and `normal_fill`
//! (aten/src/ATen/native/cpu/DistributionTemplates.h). PyTorch rounds its logarithm, sine and
//! cosine to f32 by vectorised approximations; here they are exact f64, so values differ from
//! torch's by a few units in the last place.

const N: usize = 624;
const M: usize = 397;

/// The generator of Matsumoto and Nishimura, seeded by `init_genrand` as torch seeds it.
struct Mt19937 {
    state: [u32; N],
    next: usize,
}

impl Mt19937 {
    /// Torch keeps the low 32 bits of the seed.
    fn new(seed: u64) -> Self {
        let mut state = [0_u32; N];
        state[0] = seed as u32;
        for i in 1..N {
            let previous = state[i - 1];
            state[i] =
                1_812_433_253_u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(i as u32);
        }
        Mt19937 { state, next: N }
    }

    fn twist(&mut self) {
        for i in 0..N {
            let mixed = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (mixed >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn next_u64(&mut self) -> u64 {
        let high = u64::from(self.next_u32());
        (high << 32) | u64::from(self.next_u32())
    }

    /// Uniform in [0, 1) with 24 bits.
    fn uniform(&mut self) -> f32 {
        (self.next_u32() & 0x00ff_ffff) as f32 / 16_777_216.0
    }

    /// Uniform in [0, 1) with 53 bits.
    fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64
    }
}

/// Values Box–Muller pairs with the ones eight places further.
const GROUP: usize = 16;

pub(super) fn randn(seed: u64, len: usize) -> Vec<f32> {
    let mut generator = Mt19937::new(seed);
    if len < GROUP {
        return randn_short(&mut generator, len);
    }
    let mut values: Vec<f32> = (0..len).map(|_| generator.uniform()).collect();
    for group in values.chunks_exact_mut(GROUP) {
        box_muller(group);
    }
    if !len.is_multiple_of(GROUP) {
        // Torch draws the last sixteen values anew, over what the last whole group left.
        let tail = &mut values[len - GROUP..];
        tail.fill_with(|| generator.uniform());
        box_muller(tail);
    }
    values
}

fn box_muller(group: &mut [f32]) {
    let (first, second) = group.split_at_mut(GROUP / 2);
    for (a, b) in first.iter_mut().zip(second) {
        let u1 = f64::from(1.0 - *a);
        let angle = std::f64::consts::TAU * f64::from(*b);
        let radius = (-2.0 * u1.ln()).sqrt();
        *a = (radius * angle.cos()) as f32;
        *b = (radius * angle.sin()) as f32;
    }
}

/// Below sixteen values torch takes them one by one, a pair of f64 draws for two of them.
fn randn_short(generator: &mut Mt19937, len: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(len + 1);
    while values.len() < len {
        let u1 = generator.uniform_f64();
        let u2 = generator.uniform_f64();
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let angle = std::f64::consts::TAU * u1;
        values.push((radius * angle.cos()) as f32);
        values.push((radius * angle.sin()) as f32);
    }
    values.truncate(len);
    values
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_generator_gives_the_authors_first_output() {
        // mt19937ar.c with init_genrand(5489): the 10,000th output, as the C++ standard states.
        let mut generator = Mt19937::new(5489);
        let last = (0..10_000).map(|_| generator.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn noise_equals_torch_randn() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/data/torch-cpu-randn.json"))
                .unwrap();
        for row in golden["rows"].as_array().unwrap() {
            let seed = row["seed"].as_u64().unwrap();
            let len = row["n"].as_u64().unwrap() as usize;
            let values = randn(seed, len);
            let expect = |key: &str| -> Vec<f64> {
                row[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
            };
            let first = expect("first");
            let last = expect("last");
            let found = values.iter().take(first.len()).chain(&values[len - last.len()..]);
            for (found, expected) in found.zip(first.iter().chain(&last)) {
                assert!(
                    (f64::from(*found) - expected).abs() < 5e-6,
                    "seed {seed}, {len} values: {found} is not {expected}"
                );
            }
            let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / len as f64;
            assert!((mean - row["mean"].as_f64().unwrap()).abs() < 1e-6);
        }
    }
}

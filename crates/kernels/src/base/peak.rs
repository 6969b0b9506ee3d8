//! What this processor could do at most: arithmetic in registers, with nothing to wait for.

use super::isa::InstructionSet;
use std::hint::black_box;
use std::time::Instant;

/// The most of one kind of arithmetic that one thread does, in 10⁹ operations a second; a product
/// and its sum count as two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Fused products and sums of f32.
    pub f32: f64,
    /// Products of pairs of bf16, summed in f32; 0 where there is no such instruction.
    pub bf16_pairs: f64,
    /// Products of bytes, summed in i32; 0 where there is no such instruction.
    pub bytes: f64,
}

impl Peak {
    /// Measures for about 10 ms: the best of many short bursts, since other programs run too.
    pub fn measure() -> Self {
        Self { f32: best(Kind::F32), bf16_pairs: best(Kind::Bf16Pairs), bytes: best(Kind::Bytes) }
    }

    /// The fastest that products with f32 sums can be, whatever their operands are stored as.
    pub fn floats(&self) -> f64 {
        self.f32.max(self.bf16_pairs)
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    F32,
    Bf16Pairs,
    Bytes,
}

/// Rounds in a burst: some 50 µs.
const ROUNDS: usize = 5_000;
/// Bursts, of which the fastest counts.
const BURSTS: usize = 60;

fn best(kind: Kind) -> f64 {
    let mut best = 0f64;
    for _ in 0..BURSTS {
        let start = Instant::now();
        let operations = black_box(burst(kind));
        best = best.max(operations / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}

/// Runs a burst and says how many operations it had.
fn burst(kind: Kind) -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        let avx512 = InstructionSet::chosen() == InstructionSet::Avx512;
        let set = InstructionSet::chosen();
        // SAFETY: each is called only where the processor has its features.
        #[allow(unsafe_code)]
        unsafe {
            match kind {
                Kind::F32 if avx512 => return x86::f32_512(ROUNDS),
                Kind::F32 if set == InstructionSet::Avx2 => return x86::f32_256(ROUNDS),
                Kind::Bf16Pairs if avx512 && is_x86_feature_detected!("avx512bf16") => {
                    return x86::bf16_512(ROUNDS);
                }
                Kind::Bytes if avx512 && is_x86_feature_detected!("avx512vnni") => {
                    return x86::bytes_512(ROUNDS);
                }
                _ => {}
            }
        }
    }
    match kind {
        Kind::F32 => plain(),
        Kind::Bf16Pairs | Kind::Bytes => 0.0,
    }
}

fn plain() -> f64 {
    let mut sums = [0f32; 48];
    for _ in 0..ROUNDS {
        let factor = black_box(1.000_1f32);
        for sum in &mut sums {
            *sum = *sum * factor + 1.0;
        }
    }
    black_box(sums);
    (ROUNDS * sums.len() * 2) as f64
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    macro_rules! burst {
        ($name:ident, $features:literal, $sums:literal, $operations:literal, $zero:expr, $operand:expr, $step:expr) => {
            /// Only for a processor with the features.
            #[target_feature(enable = $features)]
            pub(super) fn $name(rounds: usize) -> f64 {
                let operand = black_box($operand);
                let mut sums = [$zero; $sums];
                for _ in 0..rounds {
                    for sum in &mut sums {
                        *sum = $step(*sum, operand);
                    }
                }
                black_box(sums);
                (rounds * $sums * $operations) as f64
            }
        };
    }

    burst!(f32_512, "avx512f", 24, 32, _mm512_setzero_ps(), _mm512_set1_ps(1.0), |sum, x| {
        _mm512_fmadd_ps(x, x, sum)
    });
    burst!(f32_256, "avx2,fma", 12, 16, _mm256_setzero_ps(), _mm256_set1_ps(1.0), |sum, x| {
        _mm256_fmadd_ps(x, x, sum)
    });
    burst!(
        bf16_512,
        "avx512f,avx512bf16,avx512bw,avx512vl",
        24,
        64,
        _mm512_setzero_ps(),
        _mm512_cvtneps_pbh(_mm512_set1_ps(1.0)),
        |sum, x: __m256bh| {
            // SAFETY: both are 16 bf16 and 32 bf16 of plain bits.
            #[allow(unsafe_code)]
            let x = unsafe { std::mem::transmute::<[__m256bh; 2], __m512bh>([x, x]) };
            _mm512_dpbf16_ps(sum, x, x)
        }
    );
    burst!(
        bytes_512,
        "avx512f,avx512vnni,avx512bw,avx512vl",
        24,
        128,
        _mm512_setzero_si512(),
        _mm512_set1_epi8(1),
        |sum, x| _mm512_dpbusd_epi32(sum, x, x)
    );
}

#[cfg(test)]
mod tests {
    use super::Peak;

    #[test]
    fn a_processor_computes_something() {
        let peak = Peak::measure();
        assert!(peak.f32 > 0.01 && peak.floats() >= peak.f32, "{peak:?}");
    }
}

//! Philox 4×32-10, a counter-based generator: `torch.randn` on a GPU, and the noise that
//! samplers draw.
//!
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). How
//! torch spreads a tensor over threads is in its `distribution_nullary_kernel`
//! (aten/src/ATen/native/cuda/DistributionTemplates.h), how a thread turns four words into four
//! normals in CUDA's `curand_normal4`.

use std::fmt;

/// The part of a GPU's shape on which torch's noise depends: how many threads run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CudaGrid {
    multiprocessors: u32,
    threads: u32,
}

const BLOCK: u32 = 256;

impl CudaGrid {
    /// A GPU of so many multiprocessors, each holding so many threads at most; `None` where
    /// the one is 0 or the other no multiple of 256, or both are absurdly large.
    pub fn new(multiprocessors: u32, threads: u32) -> Option<Self> {
        let possible = (1..=65_536).contains(&multiprocessors)
            && (BLOCK..=65_536).contains(&threads)
            && threads.is_multiple_of(BLOCK);
        possible.then_some(CudaGrid { multiprocessors, threads })
    }
}

impl Default for CudaGrid {
    /// An A100.
    fn default() -> Self {
        CudaGrid { multiprocessors: 108, threads: 2048 }
    }
}

impl fmt::Display for CudaGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.multiprocessors, self.threads)
    }
}

fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut c = counter;
    let mut k = key;
    for round in 0..10 {
        if round > 0 {
            k[0] = k[0].wrapping_add(0x9e37_79b9);
            k[1] = k[1].wrapping_add(0xbb67_ae85);
        }
        let a = u64::from(c[0]) * 0xd251_1f53;
        let b = u64::from(c[2]) * 0xcd9e_8d57;
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
    }
    c
}

/// curand's Box–Muller: two words to two normals, sine first.
fn normal_pair(x: u32, y: u32) -> (f32, f32) {
    const UNIT: f64 = 1.0 / 4_294_967_296.0;
    let u = (f64::from(x) + 0.5) * UNIT;
    let angle = (f64::from(y) + 0.5) * UNIT * std::f64::consts::TAU;
    let radius = (-2.0 * u.ln()).sqrt();
    ((radius * angle.sin()) as f32, (radius * angle.cos()) as f32)
}

fn normal_four(words: [u32; 4]) -> [f32; 4] {
    let (a, b) = normal_pair(words[0], words[1]);
    let (c, d) = normal_pair(words[2], words[3]);
    [a, b, c, d]
}

/// Halves of a 64-bit number, low first.
fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

pub(super) fn randn(seed: u64, len: usize, grid: CudaGrid) -> Vec<f32> {
    let blocks_at_once = grid.multiprocessors as usize * (grid.threads / BLOCK) as usize;
    let threads = len.div_ceil(BLOCK as usize).min(blocks_at_once) * BLOCK as usize;
    let mut values = vec![0.0; len];
    // Value i belongs to thread i mod `threads`; each draw of a thread serves four of its values.
    for thread in 0..threads.min(len) {
        let [low, high] = halves(thread as u64);
        for (draw, base) in (thread..len).step_by(4 * threads).enumerate() {
            let normals = normal_four(philox([draw as u32, 0, low, high], halves(seed)));
            for (value, place) in normals.into_iter().zip((base..len).step_by(threads)) {
                values[place] = value;
            }
        }
    }
    values
}

/// Fills `out` with standard normal noise that depends on nothing but the three numbers, so a
/// sampler's step can be replayed anywhere.
pub(crate) fn gaussian_stream(seed: u64, step: u64, stream: u64, out: &mut [f32]) {
    // Its own key, so that it never repeats the initial noise of the same seed.
    let key = halves(seed ^ 0x5349_474d_414c_4142);
    let step = step as u32;
    let [low, high] = halves(stream);
    for (group, out) in out.chunks_mut(4).enumerate() {
        let normals = normal_four(philox([group as u32, step, low, high], key));
        for (out, normal) in out.iter_mut().zip(normals) {
            *out = normal;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_generator_gives_the_authors_known_answers() {
        // kat_vectors of Random123, philox4x32 10.
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([0xffff_ffff; 4], [0xffff_ffff; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn noise_equals_torch_randn_on_a_gpu() {
        // torch.manual_seed(0); torch.randn(3, 4, device="cuda"), as published with the
        // imitation in stable-diffusion-webui's rng_philox.py.
        let expected = [
            -0.924_662_59,
            -0.425_344_15,
            -2.643_845_7,
            0.145_183_88,
            -0.120_866_47,
            -0.579_725_64,
            -0.622_851_22,
            -0.328_387_09,
            -1.074_542_31,
            -0.363_144_07,
            -1.671_050_67,
            2.265_504_97,
        ];
        for (found, expected) in randn(0, 12, CudaGrid::default()).into_iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_small_gpu_reuses_its_threads() {
        // 256 threads: value 256 is the second normal of thread 0, value 1024 its second draw.
        let small = randn(7, 2048, CudaGrid::new(1, 256).unwrap());
        let first = normal_four(philox([0, 0, 0, 0], halves(7)));
        let second = normal_four(philox([1, 0, 0, 0], halves(7)));
        assert_eq!([small[0], small[256], small[512], small[768]], first);
        assert_eq!([small[1024], small[1280]], second[..2]);
        let large = randn(7, 2048, CudaGrid::default());
        assert_eq!(small[..256], large[..256]);
        assert_ne!(small[256], large[256]);
    }

    #[test]
    fn streams_and_steps_do_not_repeat() {
        let draw = |seed, step, stream| {
            let mut out = [0.0; 6];
            gaussian_stream(seed, step, stream, &mut out);
            out
        };
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        assert_ne!(draw(1, 2, 3), draw(1, 3, 3));
        assert_ne!(draw(1, 2, 3), draw(1, 2, 4));
        assert_ne!(draw(1, 2, 3), draw(2, 2, 3));
    }
}

//! Times products of the model's shapes against the peak measured in the same second, on one
//! thread, by the time it had a processor (others may be using it too): `cargo run --example products -p sigmalab-kernels`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use sigmalab_kernels::nf4::{AbsMax, Nf4};
use sigmalab_kernels::product::{Precision, multiply};
use sigmalab_kernels::{Matrix, Peak, Stored};

/// Seconds that this thread has run.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn main() {
    let shapes = [(320, 4608, 4608), (1324, 4608, 2304), (1324, 12288, 1024)];
    for threads in [1] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (m, k, n) in shapes {
            // No subnormal numbers in any of the formats: processors stumble over them.
            let bytes: Vec<u8> = (0..n * k * 4).map(|i| ((i * 7919) >> 3) as u8 | 0x38).collect();
            let bytes: Vec<u8> = bytes.iter().map(|b| b & 0xbf).collect();
            let x: Vec<half::bf16> =
                (0..m * k).map(|i| half::bf16::from_f32((i % 13) as f32 - 6.0)).collect();
            let wide: Vec<f32> = x.iter().map(|x| x.to_f32()).collect();
            let map: [f32; 16] = std::array::from_fn(|i| i as f32 / 8.0 - 1.0);
            let nf4 = Nf4 {
                codes: &bytes[..n * k / 2],
                map: &map,
                absmax: AbsMax::Plain(&bytes[..n * k / 16]),
                blocksize: 64,
            };
            let matrix = |values| Matrix { outputs: n, inputs: k, values, scale: None };
            let mut out = vec![0f32; m * n];
            let mut narrow = vec![half::bf16::ZERO; m * n];
            print!("{threads} threads {m}×{k}×{n}:");
            let formats = [
                ("f32", Stored::F32(&bytes)),
                ("bf16", Stored::Bf16(&bytes[..2 * n * k])),
                ("fp8", Stored::E4m3(&bytes[..n * k])),
                ("nf4", Stored::Nf4(nf4)),
            ];
            for (name, values) in formats.into_iter().filter(|(name, _)| {
                std::env::args().len() == 1 || std::env::args().any(|arg| arg == *name)
            }) {
                let mut best = 0f64;
                for _ in 0..5 {
                    let peak = Peak::measure();
                    let seconds = pool.install(|| {
                        let start = cpu_seconds();
                        match name {
                            "f32" => {
                                multiply(&wide, &[matrix(values)], None, Precision::F32, &mut out)
                            }
                            _ => {
                                multiply(&x, &[matrix(values)], None, Precision::Bf16, &mut narrow)
                            }
                        }
                        cpu_seconds() - start
                    });
                    let rate = 2.0 * (m * n * k) as f64 / seconds / 1e9;
                    best = best.max(rate / peak.floats());
                }
                print!(" {name} {:.0} %", 100.0 * best);
            }
            println!();
        }
    }
    println!("{:?}", Peak::measure());
}

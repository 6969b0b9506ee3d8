//! Single products of the model's shapes against the peak of their arithmetic, and where the rest goes.
//!
//! A product's time is taken to be a part for the weights and a part for every row: the first is found
//! from two numbers of rows. What is lost in filling up tiles follows from the shape; what reading the
//! weights costs from a run whose weights are in no cache; what threads wait from both clocks.

use crate::Dtype;
use crate::clock::Clock;
use serde::Serialize;
use sigmalab_kernels::ggml::Ggml;
use sigmalab_kernels::nf4::{AbsMax, Nf4};
use sigmalab_kernels::product::{self, Gated, Precision};
use sigmalab_kernels::{Bf16, Buffer, Matrix, Peak, Real, Stored};
use std::hint::black_box;

/// Rows of a tile of the kernels.
const TILE_ROWS: usize = 12;
/// More than the caches of most processors hold.
const EVICTED: usize = 384 << 20;

/// A product of the model.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    name: &'static str,
    inputs: usize,
    outputs: usize,
    /// Two weights, and SiLU of the one times the other.
    gated: bool,
}

pub(crate) const SHAPES: [Shape; 7] = [
    Shape { name: "qkv", inputs: 4608, outputs: 13824, gated: false },
    Shape { name: "o", inputs: 4608, outputs: 4608, gated: false },
    Shape { name: "w1+w3", inputs: 4608, outputs: 12288, gated: true },
    Shape { name: "w2", inputs: 12288, outputs: 4608, gated: false },
    Shape { name: "latents", inputs: 128, outputs: 4608, gated: false },
    Shape { name: "velocity", inputs: 4608, outputs: 128, gated: false },
    Shape { name: "text", inputs: 53248, outputs: 4608, gated: false },
];

impl Shape {
    /// Its name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn operations(&self, rows: usize) -> f64 {
        let weights = if self.gated { 2 } else { 1 };
        2.0 * (weights * rows * self.inputs * self.outputs) as f64
    }
}

/// A line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    product: &'static str,
    dtype: String,
    rows: usize,
    /// 10⁹ operations in a second of one processor, weights in the caches that hold them.
    gflops: f64,
    /// Against the peak of its arithmetic.
    share: f64,
    /// Of the time, for packing the weights and whatever else does not grow with the rows.
    weights: f64,
    /// Of the rows that tiles have, those that are only there to fill them.
    filling: f64,
    /// More time with the weights in no cache.
    cold: f64,
    /// Of the threads' time, not on a processor: waiting for each other, or for other programs.
    idle: f64,
}

impl Line {
    pub(crate) const TITLE: &'static str =
        "product   dtype   rows  10⁹/s  of peak  weights  filling  cold  idle";

    pub(crate) fn text(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        format!(
            "{:9} {:6} {:5} {:6.0} {:>8} {:>8} {:>8} {:>6} {:>6}",
            self.product,
            self.dtype,
            self.rows,
            self.gflops,
            percent(self.share),
            percent(self.weights),
            percent(self.filling),
            percent(self.cold),
            percent(self.idle),
        )
    }
}

/// Operands, made once for all shapes.
pub(crate) struct Products {
    /// Bytes that are ordinary numbers in every format.
    stored: Vec<u8>,
    map: [f32; 16],
    evicted: Vec<u8>,
    runs: usize,
}

impl Products {
    /// `runs` of each, of which the fastest counts.
    pub(crate) fn new(runs: usize) -> Self {
        let largest = SHAPES.iter().map(|shape| shape.inputs * shape.outputs).max().unwrap_or(0);
        // Neither subnormal nor very large as f32, bf16, f16, fp8 or a scale.
        let stored = (0..4 * largest).map(|i| ((i.wrapping_mul(40_503) >> 5) as u8 | 0x38) & 0xbf);
        Self {
            stored: stored.collect(),
            map: std::array::from_fn(|i| i as f32 / 8.0 - 1.0),
            evicted: vec![1; EVICTED],
            runs: runs.max(1),
        }
    }

    /// Measures one product.
    pub(crate) fn line(&mut self, shape: Shape, dtype: Dtype, rows: usize) -> Line {
        let peak = Peak::measure();
        let peak = match dtype {
            Dtype::F32 => peak.f32,
            Dtype::Int8 => peak.bytes,
            _ => peak.floats(),
        };
        let half = (rows / 2).max(TILE_ROWS);
        let mut best = [(f64::MAX, f64::MAX); 3];
        for _ in 0..self.runs {
            // By turns, so that a disturbance meets all alike; the first run warms what the next finds.
            for (i, (rows, cold)) in
                [(rows, true), (rows, false), (half, false)].into_iter().enumerate()
            {
                if cold {
                    self.evict();
                }
                let (seconds, processor) = match dtype {
                    Dtype::F32 => self.run::<f32>(shape, dtype, rows),
                    _ => self.run::<Bf16>(shape, dtype, rows),
                };
                if processor < best[i].1 {
                    best[i] = (seconds, processor);
                }
            }
        }
        let [cold, warm, fewer] = best;
        let a_row = (warm.1 - fewer.1) / (rows - half).max(1) as f64;
        let threads = rayon::current_num_threads() as f64;
        let gflops = shape.operations(rows) / warm.1 / 1e9;
        let tiled = rows.next_multiple_of(TILE_ROWS) as f64;
        Line {
            product: shape.name,
            dtype: format!("{dtype:?}").to_lowercase(),
            rows,
            gflops,
            share: gflops / peak,
            weights: (1.0 - a_row * rows as f64 / warm.1).max(0.0),
            filling: 1.0 - rows as f64 / tiled,
            cold: cold.1 / warm.1 - 1.0,
            idle: (1.0 - warm.1 / (warm.0 * threads)).max(0.0),
        }
    }

    fn evict(&mut self) {
        for byte in self.evicted.iter_mut().step_by(64) {
            *byte = byte.wrapping_add(1);
        }
        black_box(&self.evicted);
    }

    fn run<T: Real>(&self, shape: Shape, dtype: Dtype, rows: usize) -> (f64, f64) {
        let Shape { inputs, outputs, gated, .. } = shape;
        let mut x = Buffer::take::<T>(rows * inputs);
        let x = x.values::<T>(rows * inputs);
        for (i, x) in x.iter_mut().enumerate() {
            *x = T::from_f32((i % 13) as f32 / 6.0 - 1.0);
        }
        let mut out = Buffer::take::<T>(rows * outputs);
        let out = out.values::<T>(rows * outputs);
        let weight =
            Matrix { outputs, inputs, values: self.values(dtype, inputs * outputs), scale: None };
        let peaks = (dtype == Dtype::Int8).then(|| vec![1f32; outputs]);
        let precision = if T::BF16 { Precision::Bf16 } else { Precision::F32 };
        let clock = Clock::start();
        match peaks {
            _ if gated => {
                let peaks = peaks.as_ref().map(|peaks| [&peaks[..], &peaks[..]]);
                let both = Gated { gate: weight, up: weight, peaks };
                product::multiply_gated(x, both, precision, out);
            }
            Some(peaks) => product::multiply_in_bytes(x, &[weight], &[&peaks], None, out),
            None => product::multiply(x, &[weight], None, precision, out),
        }
        clock.seconds()
    }

    fn values(&self, dtype: Dtype, count: usize) -> Stored<'_> {
        let bytes = &self.stored[..];
        if let Some(block) = dtype.block() {
            return Stored::Ggml(Ggml { block, bytes });
        }
        match dtype {
            Dtype::F32 => Stored::F32(bytes),
            Dtype::Fp8 | Dtype::Int8 => Stored::E4m3(bytes),
            Dtype::Nf4 => Stored::Nf4(Nf4 {
                codes: &bytes[..count / 2],
                map: &self.map,
                absmax: AbsMax::Plain(bytes),
                blocksize: 64,
            }),
            _ => Stored::Bf16(bytes),
        }
    }
}

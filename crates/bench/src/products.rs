//! Single products of the model's shapes against the peak of their arithmetic, and where the rest goes.
//!
//! A product's time is taken to be a part for the weights, a part for the rows, and a part for both: what the
//! weights take for themselves is found from half of the rows, what the rows take from half of the
//! outputs. What is lost in filling up tiles follows from the shape; what reading the
//! weights costs from a run whose weights are in no cache; what threads wait from both clocks.

use crate::Dtype;
use crate::clock::Clock;
use clap::ValueEnum;
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
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One of a block's, of all tokens.
    Block,
    /// Two weights of a block, and SiLU of the one times the other.
    Gated,
    /// Outside the blocks, of all tokens of a kind.
    End,
    /// Once a noise level, of one row.
    Modulation,
}

pub(crate) const SHAPES: [Shape; 8] = [
    Shape { name: "qkv", inputs: 4608, outputs: 13824, kind: Kind::Block },
    Shape { name: "o", inputs: 4608, outputs: 4608, kind: Kind::Block },
    Shape { name: "w1+w3", inputs: 4608, outputs: 12288, kind: Kind::Gated },
    Shape { name: "w2", inputs: 12288, outputs: 4608, kind: Kind::Block },
    Shape { name: "latents", inputs: 128, outputs: 4608, kind: Kind::End },
    Shape { name: "velocity", inputs: 4608, outputs: 128, kind: Kind::End },
    Shape { name: "text", inputs: 53248, outputs: 4608, kind: Kind::End },
    Shape { name: "modulation", inputs: 512, outputs: 18432, kind: Kind::Modulation },
];

/// Image and text tokens of 256² with 64 text tokens, of 512² with 300, and of 1024² with 300; beside the
/// second, numbers that fill the last tile, have one row in it, and five.
const ROWS: [usize; 6] = [320, 1320, 1321, 1324, 1325, 4396];
/// Those of the short table.
const FEW: [usize; 2] = [320, 1324];

impl Shape {
    /// Its name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its inputs stand out in places.
    pub(crate) fn has_outliers(&self) -> bool {
        self.name == "w2"
    }

    /// Whether it is in the short table: the products that take nearly all the time.
    pub(crate) fn is_large(&self) -> bool {
        matches!(self.kind, Kind::Block | Kind::Gated)
    }

    /// Rows of its lines in the whole table, or in the short one; `asked` instead, where rows are tokens.
    pub(crate) fn rows<'a>(&self, whole: bool, asked: &'a [usize]) -> &'a [usize] {
        match self.kind {
            Kind::Modulation => &[1],
            _ if !asked.is_empty() => asked,
            _ if whole => &ROWS,
            _ => &FEW,
        }
    }

    fn operations(&self, rows: usize) -> f64 {
        let weights = if self.kind == Kind::Gated { 2 } else { 1 };
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
    /// Of the time, for packing x and whatever else does not grow with the outputs.
    x: f64,
    /// Of the rows that tiles have, those that are only there to fill them.
    filling: f64,
    /// More time with the weights in no cache.
    cold: f64,
    /// Of the threads' time, not on a processor: waiting for each other, or for other programs.
    idle: f64,
}

impl Line {
    pub(crate) const TITLE: &'static str =
        "product    dtype     rows  10⁹/s  of peak  weights      x  filling   cold   idle";

    pub(crate) fn text(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        format!(
            "{:10} {:8} {:5} {:6.0} {:>8} {:>8} {:>6} {:>8} {:>6} {:>6}",
            self.product,
            self.dtype,
            self.rows,
            self.gflops,
            percent(self.share),
            percent(self.weights),
            percent(self.x),
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
    /// `runs` of each of `shapes`, of which the fastest counts. Bytes of the largest element.
    pub(crate) fn new(shapes: &[Shape], element: usize, runs: usize) -> Self {
        let largest = shapes.iter().map(|shape| shape.inputs * shape.outputs).max().unwrap_or(0);
        // Neither subnormal nor very large as f32, bf16, f16, fp8 or a scale.
        let stored =
            (0..element * largest).map(|i| ((i.wrapping_mul(40_503) >> 5) as u8 | 0x38) & 0xbf);
        Self {
            stored: stored.collect(),
            map: std::array::from_fn(|i| i as f32 / 8.0 - 1.0),
            evicted: vec![1; EVICTED],
            runs: runs.max(1),
        }
    }

    /// Measures one product.
    pub(crate) fn line(&mut self, shape: Shape, dtype: Dtype, rows: usize) -> Line {
        let mut highest = 0f64;
        // Where the rows are few, there is nothing but weights.
        let half = if rows < 2 * TILE_ROWS { 0 } else { rows / 2 };
        let narrow = Shape { outputs: shape.outputs / 2, ..shape };
        let mut best = [(f64::MAX, f64::MAX); 4];
        for _ in 0..self.runs {
            let peak = Peak::measure();
            highest = highest.max(match dtype {
                Dtype::F32 => peak.f32,
                Dtype::Int8 | Dtype::Int8All => peak.bytes,
                _ => peak.floats(),
            });
            // By turns, so that a disturbance meets all alike; the first run warms what the next finds.
            for (i, (rows, cold)) in
                [(rows, true), (rows, false), (half, false), (rows, false)].into_iter().enumerate()
            {
                if rows == 0 {
                    best[i] = best[i - 1];
                    continue;
                }
                if cold {
                    self.evict();
                }
                let shape = if i == 3 { narrow } else { shape };
                let (seconds, processor) = match dtype {
                    // Activations are f32 beside products of bytes.
                    Dtype::F32 | Dtype::Int8 | Dtype::Int8All => {
                        self.run::<f32>(shape, dtype, rows)
                    }
                    _ => self.run::<Bf16>(shape, dtype, rows),
                };
                if processor < best[i].1 {
                    best[i] = (seconds, processor);
                }
            }
        }
        let [cold, warm, fewer, narrower] = best;
        let a_row = (warm.1 - fewer.1) / (rows - half) as f64;
        let threads = rayon::current_num_threads() as f64;
        let gflops = shape.operations(rows) / warm.1 / 1e9;
        // A handful is not multiplied in tiles.
        let tiled = if rows <= 4 { rows } else { rows.next_multiple_of(TILE_ROWS) } as f64;
        Line {
            product: shape.name,
            dtype: dtype
                .to_possible_value()
                .map_or(String::new(), |value| value.get_name().to_owned()),
            rows,
            gflops,
            share: gflops / highest,
            weights: (1.0 - a_row * rows as f64 / warm.1).max(0.0),
            x: (2.0 * narrower.1 / warm.1 - 1.0).max(0.0),
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
        let Shape { inputs, outputs, kind, .. } = shape;
        let mut x = Buffer::take::<T>(rows * inputs);
        let x = x.values::<T>(rows * inputs);
        for (i, x) in x.iter_mut().enumerate() {
            *x = T::from_f32((i % 13) as f32 / 6.0 - 1.0);
        }
        let mut out = Buffer::take::<T>(rows * outputs);
        let out = out.values::<T>(rows * outputs);
        let weight =
            Matrix { outputs, inputs, values: self.values(dtype, inputs * outputs), scale: None };
        let in_bytes = matches!(dtype, Dtype::Int8 | Dtype::Int8All);
        let peaks = in_bytes.then(|| vec![1f32; outputs]);
        let precision = if T::BF16 { Precision::Bf16 } else { Precision::F32 };
        let clock = Clock::start();
        match peaks {
            _ if kind == Kind::Gated => {
                let peaks = peaks.as_ref().map(|peaks| [&peaks[..], &peaks[..]]);
                let both = Gated { gate: weight, up: weight, peaks };
                product::multiply_gated(x, both, precision, out);
            }
            Some(peaks) if dtype == Dtype::Int8All => {
                product::multiply_in_bytes_beside_outliers(x, &weight, &peaks, out);
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
            Dtype::Fp8 | Dtype::Int8 | Dtype::Int8All => Stored::E4m3(bytes),
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

//! `sigmalab-bench`: times slices of the real width, the text encoder, the decoder and the demo
//! checkpoint, beside the peak that this processor reached in the same second. Not part of the
//! product.
#![allow(clippy::print_stdout)]

mod clock;
mod products;
mod report;
mod subject;

use clap::{Parser, Subcommand, ValueEnum};
use products::{Line, Products, SHAPES, Shape};
use report::Report;
use sigmalab_kernels::ggml::Block;
use std::error::Error;
use std::path::PathBuf;
use subject::Subject;

/// Times the networks against what this processor could do.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// Runs, of which the fastest counts
    #[arg(long, global = true, default_value_t = 3)]
    runs: usize,
    /// Time the first run too, with caches and scratch memory as a new process has them
    #[arg(long, global = true)]
    cold: bool,
    /// Threads [default: every core]
    #[arg(long, global = true)]
    threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The peak alone
    Peak,
    /// The conditional transformer: two layers of the real width with random weights
    Slice {
        /// Side of the image in pixels, a multiple of 16
        #[arg(long, default_value_t = 256)]
        size: usize,
        /// Tokens of the text, roughly
        #[arg(long, default_value_t = 64)]
        text_tokens: usize,
        /// Storage of the weights and arithmetic
        #[arg(long, value_enum, default_value_t = Dtype::Bf16)]
        dtype: Dtype,
    },
    /// The real decoder with random weights
    Decoder {
        /// Side of the image in pixels, a multiple of 16
        #[arg(long, default_value_t = 256)]
        size: usize,
        /// Storage of the weights; the arithmetic is f32
        #[arg(long, value_enum, default_value_t = Dtype::F32)]
        dtype: Dtype,
        /// Write the picture, as PPM, and time nothing
        #[arg(long, value_name = "FILE")]
        picture: Option<PathBuf>,
    },
    /// The text encoder: two layers of the real width with random weights
    TextEncoder {
        /// Tokens of the text
        #[arg(long, default_value_t = 64)]
        text_tokens: usize,
        /// Storage of the weights and arithmetic; int8 is that of fp8 here
        #[arg(long, value_enum, default_value_t = Dtype::Bf16)]
        dtype: Dtype,
    },
    /// Single products of the transformer's shapes, and where their time goes: the large ones at two
    /// sizes, some minutes
    Products {
        /// All of them, at all numbers of rows: a quarter of an hour and more
        #[arg(long)]
        whole: bool,
        /// Rows: image and text tokens
        #[arg(long, value_delimiter = ',')]
        rows: Vec<usize>,
        /// Storage of the weights and arithmetic
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = Dtype::OF_PRODUCTS)]
        dtype: Vec<Dtype>,
        /// Which
        #[arg(long, value_delimiter = ',', value_parser = SHAPES.map(|shape| shape.name()))]
        product: Vec<String>,
    },
    /// A step of the demo checkpoint, both networks, at 256×256
    Demo {
        /// Arithmetic; the weights are fp8
        #[arg(long, value_enum, default_value_t = Dtype::F32)]
        dtype: Dtype,
    },
}

/// How weights are stored, and how they are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dtype {
    /// f32 both.
    F32,
    /// bf16 both.
    Bf16,
    /// e4m3 weights, bf16 activations.
    Fp8,
    /// nf4 weights, bf16 activations.
    Nf4,
    /// e4m3 weights, products of bytes.
    Int8,
    /// The same, the down projection's beside outliers.
    Int8All,
    /// GGUF's weights of this and the following formats, bf16 activations.
    #[value(name = "q4_0")]
    Q4_0,
    #[value(name = "q4_1")]
    Q4_1,
    #[value(name = "q5_0")]
    Q5_0,
    #[value(name = "q5_1")]
    Q5_1,
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q4_k")]
    Q4K,
    #[value(name = "q5_k")]
    Q5K,
    #[value(name = "q6_k")]
    Q6K,
    #[value(name = "iq4_nl")]
    Iq4Nl,
}

impl Dtype {
    /// Those that single products are timed in.
    const OF_PRODUCTS: [Self; 9] = [
        Self::F32,
        Self::Bf16,
        Self::Fp8,
        Self::Nf4,
        Self::Q8_0,
        Self::Q4K,
        Self::Q6K,
        Self::Int8,
        Self::Int8All,
    ];

    /// The blocks that weights are stored in.
    fn block(self) -> Option<Block> {
        Some(match self {
            Self::Q4_0 => Block::Q4_0,
            Self::Q4_1 => Block::Q4_1,
            Self::Q5_0 => Block::Q5_0,
            Self::Q5_1 => Block::Q5_1,
            Self::Q8_0 => Block::Q8_0,
            Self::Q4K => Block::Q4K,
            Self::Q5K => Block::Q5K,
            Self::Q6K => Block::Q6K,
            Self::Iq4Nl => Block::Iq4Nl,
            Self::F32 | Self::Bf16 | Self::Fp8 | Self::Nf4 | Self::Int8 | Self::Int8All => {
                return None;
            }
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    // Random blocks are made for the transformers only.
    match arguments.what {
        What::Decoder { dtype, .. } | What::TextEncoder { dtype, .. } | What::Demo { dtype }
            if dtype.block().is_some() =>
        {
            return Err("only `slice` takes the formats of GGUF".into());
        }
        _ => {}
    }
    let subject = match arguments.what {
        What::Peak => None,
        What::Slice { size, text_tokens, dtype } => Some(Subject::slice(size, text_tokens, dtype)?),
        What::Decoder { size, dtype, picture: None } => Some(Subject::decoder(size, dtype)?),
        What::Decoder { size, dtype, picture: Some(file) } => {
            let picture = Subject::decoder(size, dtype)?.run()?.ok_or("there is no picture")?;
            let mut text = format!("P6 {} {} 255\n", picture.width, picture.height).into_bytes();
            text.extend_from_slice(&picture.pixels);
            return Ok(std::fs::write(file, text)?);
        }
        What::TextEncoder { text_tokens, dtype } => {
            Some(Subject::text_encoder(text_tokens, dtype)?)
        }
        What::Demo { dtype } => Some(Subject::demo(dtype)?),
        What::Products { whole, rows, dtype, product } => {
            let chosen = |shape: &Shape| match product.is_empty() {
                true => whole || shape.is_large(),
                false => product.iter().any(|name| name == shape.name()),
            };
            let shapes: Vec<Shape> = SHAPES.into_iter().filter(chosen).collect();
            let rows = |shape: Shape| shape.rows(whole, &rows).to_vec();
            return table(&shapes, rows, &dtype, (arguments.runs, arguments.json));
        }
    };
    let report = Report::measure(subject.as_ref(), arguments.runs, arguments.cold)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

/// Measures and prints single products.
fn table(
    shapes: &[Shape],
    rows: impl Fn(Shape) -> Vec<usize>,
    dtypes: &[Dtype],
    (runs, json): (usize, bool),
) -> Result<(), Box<dyn Error>> {
    let element = if dtypes.contains(&Dtype::F32) { 4 } else { 2 };
    let mut products = Products::new(shapes, element, runs);
    if !json {
        println!("{}", Line::TITLE);
    }
    for shape in shapes {
        for dtype in dtypes {
            if *dtype == Dtype::Int8All && !shape.has_outliers() {
                continue;
            }
            for rows in rows(*shape) {
                let line = products.line(*shape, *dtype, rows);
                match json {
                    true => println!("{}", serde_json::to_string(&line)?),
                    false => println!("{}", line.text()),
                }
            }
        }
    }
    Ok(())
}

//! `sigmalab-bench`: times slices of the real width, the demo checkpoint and the decoder, beside
//! the peak that this processor reached in the same second. Not part of the product.
#![allow(clippy::print_stdout)]

mod clock;
mod report;
mod subject;

use clap::{Parser, Subcommand, ValueEnum};
use report::Report;
use std::error::Error;
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

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let subject = match arguments.what {
        What::Peak => None,
        What::Slice { size, text_tokens, dtype } => Some(Subject::slice(size, text_tokens, dtype)?),
        What::Decoder { size } => Some(Subject::decoder(size)?),
        What::Demo { dtype } => Some(Subject::demo(dtype)?),
    };
    let report = Report::measure(subject.as_ref(), arguments.runs)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

//! What is timed, and how many operations it takes.

use crate::Dtype;
use sigmalab::kernels::ggml::Block;
use sigmalab::model::checkpoint::Checkpoint;
use sigmalab::model::synth::{self, SynthFormat, SynthShape};
use sigmalab::model::{
    ComputeDtype, LatentGrid, Model, ModelError, ModelOptions, ModelTime, PromptFeatures,
};
use std::error::Error;
use tempfile::TempDir;

/// Layers of a slice.
const LAYERS: usize = 2;

/// A loaded model and what to ask of it.
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Products and sums of one run.
    pub(crate) operations: f64,
    model: Model,
    grid: LatentGrid,
    x: Vec<f32>,
    prompt: PromptFeatures,
    ask: Ask,
    /// Keeps the files that are mapped.
    _folder: Option<TempDir>,
}

#[derive(Clone, Copy)]
enum Ask {
    Conditional,
    BothNetworks,
    Picture,
}

impl Subject {
    /// A velocity of the conditional network, of [`LAYERS`] layers of the real width.
    pub(crate) fn slice(
        size: usize,
        text_tokens: usize,
        dtype: Dtype,
    ) -> Result<Self, Box<dyn Error>> {
        let shape = SynthShape::slice(LAYERS);
        let mut subject = Self::synthetic(&shape, dtype, size, text_tokens, Ask::Conditional)?;
        let tokens = (subject.prompt.tokens() + subject.grid.tokens()) as f64;
        let (width, inner) = (shape.width as f64, shape.intermediate as f64);
        let layer = 2.0 * tokens * (4.0 * width * width + 3.0 * width * inner)
            + 4.0 * tokens * tokens * width;
        let ends = 4.0 * subject.grid.tokens() as f64 * width * 128.0;
        subject.operations = LAYERS as f64 * layer + ends;
        subject.name = format!("slice {size}², {} text tokens, {dtype:?}", subject.prompt.tokens());
        Ok(subject)
    }

    /// A picture of the real decoder.
    pub(crate) fn decoder(size: usize) -> Result<Self, Box<dyn Error>> {
        let shape = SynthShape { layers: 1, width: 256, intermediate: 256, ..SynthShape::slice(1) };
        let mut subject = Self::synthetic(&shape, Dtype::F32, size, 1, Ask::Picture)?;
        let pixels = (size * size) as f64;
        let [w0, w1, w2, w3] = shape.decoder.map(|width| width as f64);
        let conv = |inputs: f64, outputs: f64, pixels: f64| 18.0 * inputs * outputs * pixels;
        let resnet = |i: f64, o: f64, p: f64| {
            let shortcut = if i == o { 0.0 } else { 2.0 * i * o * p };
            conv(i, o, p) + conv(o, o, p) + shortcut
        };
        let (p8, p4, p2) = (pixels / 64.0, pixels / 16.0, pixels / 4.0);
        subject.operations = conv(32.0, w3, p8)
            + 2.0 * resnet(w3, w3, p8)
            + 8.0 * w3 * w3 * p8
            + 4.0 * p8 * p8 * w3
            + 3.0 * resnet(w3, w3, p8)
            + conv(w3, w3, p4)
            + resnet(w3, w2, p4)
            + 2.0 * resnet(w2, w2, p4)
            + conv(w2, w2, p2)
            + resnet(w2, w1, p2)
            + 2.0 * resnet(w1, w1, p2)
            + conv(w1, w1, pixels)
            + resnet(w1, w0, pixels)
            + 2.0 * resnet(w0, w0, pixels)
            + conv(w0, 3.0, pixels);
        subject.name = format!("decoder {size}²");
        Ok(subject)
    }

    /// A step of the demo checkpoint: both networks.
    pub(crate) fn demo(dtype: Dtype) -> Result<Self, Box<dyn Error>> {
        let checkpoint = Checkpoint::embedded(sigmalab_demo::FILES)?;
        let mut subject = Self::load(&checkpoint, dtype, 256, 1, Ask::BothNetworks)?;
        let (image, text) = (subject.grid.tokens() as f64, subject.prompt.tokens() as f64);
        let pass = |tokens: f64| {
            6.0 * (2.0 * tokens * (4.0 * 192.0 * 192.0 + 3.0 * 192.0 * 512.0)
                + 4.0 * tokens * tokens * 192.0)
        };
        subject.operations = pass(image) + pass(image + text);
        subject.name = format!("demo step 256², {dtype:?}");
        Ok(subject)
    }

    fn synthetic(
        shape: &SynthShape,
        dtype: Dtype,
        size: usize,
        text_tokens: usize,
        ask: Ask,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let format = match dtype {
            Dtype::F32 => SynthFormat::F32,
            Dtype::Bf16 => SynthFormat::Bf16,
            Dtype::Fp8 | Dtype::Int8 => SynthFormat::Fp8,
            Dtype::Nf4 => SynthFormat::Nf4,
            Dtype::Q4_0 => SynthFormat::Blocks(Block::Q4_0),
            Dtype::Q4_1 => SynthFormat::Blocks(Block::Q4_1),
            Dtype::Q5_0 => SynthFormat::Blocks(Block::Q5_0),
            Dtype::Q5_1 => SynthFormat::Blocks(Block::Q5_1),
            Dtype::Q8_0 => SynthFormat::Blocks(Block::Q8_0),
            Dtype::Q4K => SynthFormat::Blocks(Block::Q4K),
            Dtype::Q5K => SynthFormat::Blocks(Block::Q5K),
            Dtype::Q6K => SynthFormat::Blocks(Block::Q6K),
            Dtype::Iq4Nl => SynthFormat::Blocks(Block::Iq4Nl),
        };
        synth::write(folder.path(), shape, format, 1, &mut |_, _| true)?;
        let checkpoint = Checkpoint::open(folder.path())?;
        let mut subject = Self::load(&checkpoint, dtype, size, text_tokens, ask)?;
        subject._folder = Some(folder);
        Ok(subject)
    }

    fn load(
        checkpoint: &Checkpoint,
        dtype: Dtype,
        size: usize,
        text_tokens: usize,
        ask: Ask,
    ) -> Result<Self, Box<dyn Error>> {
        let compute = match dtype {
            Dtype::F32 => ComputeDtype::F32,
            Dtype::Int8 => ComputeDtype::Int8,
            _ => ComputeDtype::Bf16,
        };
        let options = ModelOptions { dtype: compute, ..ModelOptions::default() };
        let model = Model::load(checkpoint, options, &mut |_| ())?;
        // Words are added until there are tokens enough.
        let mut text = "red".to_owned();
        while model.token_ids(&text)?.len() < text_tokens {
            text.push_str(" red");
        }
        let prompt = model.encode(&text)?;
        let grid = LatentGrid { rows: size / 16, columns: size / 16 };
        let channels = model.token_channels();
        let x = (0..grid.tokens() * channels).map(|i| (i * 37 % 101) as f32 / 30.0 - 1.7).collect();
        let name = String::new();
        Ok(Self { name, operations: 0.0, model, grid, x, prompt, ask, _folder: None })
    }

    /// Does it once.
    pub(crate) fn run(&self) -> Result<(), ModelError> {
        let t = ModelTime(0.5);
        match self.ask {
            Ask::Conditional => {
                self.model.conditional(&self.x, self.grid, t, &self.prompt)?;
            }
            Ask::BothNetworks => {
                self.model.conditional(&self.x, self.grid, t, &self.prompt)?;
                self.model.unconditional(&self.x, self.grid, t)?;
            }
            Ask::Picture => {
                self.model.decode(&self.x, self.grid)?;
            }
        }
        Ok(())
    }
}

//! What is timed, and how many operations it takes.

use crate::Dtype;
use sigmalab_compute::{ComputeDtype, ModelOptions};
use sigmalab_image::RgbImage;
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_model::synth::{self, SynthFormat, SynthShape};
use sigmalab_model::{LatentGrid, Model, ModelError, ModelTime, PromptFeatures, TextLayers};
use std::error::Error;
use tempfile::TempDir;

/// Layers of a slice.
const LAYERS: usize = 2;

/// Something loaded, to be run.
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Products and sums of one run.
    pub(crate) operations: f64,
    work: Work,
    /// Keeps the files that are mapped.
    _folder: Option<TempDir>,
}

enum Work {
    Network(Box<Network>),
    Text { layers: Box<TextLayers>, ids: Vec<u32> },
}

/// A loaded model and what to ask of it.
struct Network {
    model: Model,
    grid: LatentGrid,
    x: Vec<f32>,
    prompt: PromptFeatures,
    ask: Ask,
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
        let (folder, checkpoint) = synthetic(&shape, dtype)?;
        let network = Network::load(&checkpoint, dtype, size, text_tokens, Ask::Conditional)?;
        let (text, image) = (network.prompt.tokens(), network.grid.tokens());
        let tokens = (text + image) as f64;
        let (width, inner) = (shape.width as f64, shape.intermediate as f64);
        let layer = 2.0 * tokens * (4.0 * width * width + 3.0 * width * inner)
            + 4.0 * tokens * tokens * width;
        let ends = 4.0 * image as f64 * width * 128.0;
        Ok(Self {
            name: format!("slice {size}², {text} text tokens, {dtype:?}"),
            operations: LAYERS as f64 * layer + ends,
            work: Work::Network(Box::new(network)),
            _folder: Some(folder),
        })
    }

    /// [`LAYERS`] layers of the text encoder's real width.
    pub(crate) fn text_encoder(text_tokens: usize, dtype: Dtype) -> Result<Self, Box<dyn Error>> {
        let (real, tiny) = (SynthShape::real(), SynthShape::tiny());
        let shape = SynthShape {
            text_layers: LAYERS,
            text_width: real.text_width,
            text_heads: real.text_heads,
            text_intermediate: real.text_intermediate,
            ..tiny
        };
        let (folder, checkpoint) = synthetic(&shape, dtype)?;
        let layers = Box::new(TextLayers::load(&checkpoint, LAYERS, options(dtype))?);
        let vocabulary = shape.vocabulary as u32;
        let ids = (0..text_tokens as u32).map(|i| i % vocabulary).collect();
        let (heads, kv_heads, head_dim) = shape.text_heads;
        let (width, inner) = (shape.text_width as f64, shape.text_intermediate as f64);
        let heads_width = |heads: usize| (heads * head_dim) as f64;
        let tokens = text_tokens as f64;
        // A token meets those before it only: half of all pairs.
        let layer = 4.0 * tokens * width * (heads_width(heads) + heads_width(kv_heads))
            + 6.0 * tokens * width * inner
            + 2.0 * tokens * tokens * heads_width(heads);
        Ok(Self {
            name: format!("text encoder, {text_tokens} tokens, {dtype:?}"),
            operations: LAYERS as f64 * layer,
            work: Work::Text { layers, ids },
            _folder: Some(folder),
        })
    }

    /// A picture of the real decoder.
    pub(crate) fn decoder(size: usize, dtype: Dtype) -> Result<Self, Box<dyn Error>> {
        // The other networks are loaded too; small, they count little in the most memory.
        let small = SynthShape { width: 256, intermediate: 256, ..SynthShape::slice(1) };
        let shape = SynthShape { text_width: 64, ..small };
        let (folder, checkpoint) = synthetic(&shape, dtype)?;
        let network = Network::load(&checkpoint, dtype, size, 1, Ask::Picture)?;
        let pixels = (size * size) as f64;
        let [w0, w1, w2, w3] = shape.decoder.map(|width| width as f64);
        let conv = |inputs: f64, outputs: f64, pixels: f64| 18.0 * inputs * outputs * pixels;
        let resnet = |i: f64, o: f64, p: f64| {
            let shortcut = if i == o { 0.0 } else { 2.0 * i * o * p };
            conv(i, o, p) + conv(o, o, p) + shortcut
        };
        let (p8, p4, p2) = (pixels / 64.0, pixels / 16.0, pixels / 4.0);
        let operations = conv(32.0, w3, p8)
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
        let name = format!("decoder {size}², {dtype:?}");
        let work = Work::Network(Box::new(network));
        Ok(Self { name, operations, work, _folder: Some(folder) })
    }

    /// A step of the demo checkpoint: both networks.
    pub(crate) fn demo(dtype: Dtype) -> Result<Self, Box<dyn Error>> {
        let checkpoint = Checkpoint::embedded(sigmalab_demo::FILES)?;
        let network = Network::load(&checkpoint, dtype, 256, 1, Ask::BothNetworks)?;
        let (image, text) = (network.grid.tokens() as f64, network.prompt.tokens() as f64);
        let pass = |tokens: f64| {
            6.0 * (2.0 * tokens * (4.0 * 192.0 * 192.0 + 3.0 * 192.0 * 512.0)
                + 4.0 * tokens * tokens * 192.0)
        };
        Ok(Self {
            name: format!("demo step 256², {dtype:?}"),
            operations: pass(image) + pass(image + text),
            work: Work::Network(Box::new(network)),
            _folder: None,
        })
    }

    /// Does it once; gives the picture where it is one.
    pub(crate) fn run(&self) -> Result<Option<RgbImage>, ModelError> {
        match &self.work {
            Work::Network(network) => network.run(),
            Work::Text { layers, ids } => layers.run(ids).map(|()| None),
        }
    }
}

/// A random checkpoint whose linear layers are stored as `dtype` has them.
fn synthetic(shape: &SynthShape, dtype: Dtype) -> Result<(TempDir, Checkpoint), Box<dyn Error>> {
    let place = tempfile::tempdir()?;
    let folder = place.path().join("random");
    let format = match (dtype, dtype.block()) {
        (_, Some(block)) => SynthFormat::Blocks(block),
        (Dtype::F32, _) => SynthFormat::F32,
        (Dtype::Fp8 | Dtype::Int8 | Dtype::Int8All, _) => SynthFormat::Fp8,
        (Dtype::Nf4, _) => SynthFormat::Nf4,
        _ => SynthFormat::Bf16,
    };
    synth::write(&folder, shape, format, 1, &mut |_, _| true)?;
    let checkpoint = Checkpoint::open(&folder)?;
    Ok((place, checkpoint))
}

fn options(dtype: Dtype) -> ModelOptions {
    let dtype = match dtype {
        Dtype::F32 => ComputeDtype::F32,
        Dtype::Int8 => ComputeDtype::Int8,
        Dtype::Int8All => ComputeDtype::Int8All,
        _ => ComputeDtype::Bf16,
    };
    ModelOptions { dtype, ..ModelOptions::default() }
}

impl Network {
    fn load(
        checkpoint: &Checkpoint,
        dtype: Dtype,
        size: usize,
        text_tokens: usize,
        ask: Ask,
    ) -> Result<Self, Box<dyn Error>> {
        let model = Model::load(checkpoint, options(dtype), &mut |_| ())?;
        // Words are added until there are tokens enough.
        let mut text = "red".to_owned();
        while model.token_ids(&text)?.len() < text_tokens {
            text.push_str(" red");
        }
        let prompt = model.encode(&text)?;
        let grid = LatentGrid { rows: size / 16, columns: size / 16 };
        let channels = model.token_channels();
        let x = (0..grid.tokens() * channels).map(|i| (i * 37 % 101) as f32 / 30.0 - 1.7).collect();
        Ok(Self { model, grid, x, prompt, ask })
    }

    fn run(&self) -> Result<Option<RgbImage>, ModelError> {
        let t = ModelTime(0.5);
        match self.ask {
            Ask::Conditional => {
                self.model.conditional(&self.x, self.grid, t, &self.prompt)?;
                Ok(None)
            }
            Ask::BothNetworks => {
                self.model.conditional(&self.x, self.grid, t, &self.prompt)?;
                self.model.unconditional(&self.x, self.grid, t)?;
                Ok(None)
            }
            Ask::Picture => Ok(Some(self.model.decode(&self.x, self.grid)?)),
        }
    }
}

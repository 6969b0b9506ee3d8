//! From a workflow to a preset.

use super::super::super::fault::MAX_STEPS;
use super::super::super::free::{FreeParameters, Guidance};
use super::super::super::order::SamplingOrder;
use super::super::super::preset::Preset;
use super::super::super::sigmas::Schedule;
use super::super::super::size::Size;
use super::super::super::terminal::Terminal;
use super::super::explicit::with_sigmas;
use super::super::{ImportError, Read};
use super::graph::{Graph, Node};
use super::window::Window;
use super::{GUIDER, OVERRIDE, SAMPLER, SCHEDULER, SIGMAS, is_one};

/// Models patched one after the other before it is taken for a circle.
const DEEPEST: usize = 2 * MAX_STEPS;

pub(in super::super) fn import(text: &str, name: &str, size: Size) -> Result<Read, ImportError> {
    let graph = Graph::parse(text)?;
    let sampler = graph.only(SAMPLER)?;
    let source = sampler.link("sigmas")?;
    let mut notes = Vec::new();
    let (steps, mu, std, list) = match source.class {
        SCHEDULER => (source.count("steps")?, source.number("mu")?, source.number("std")?, None),
        SIGMAS => {
            let list = numbers(&source.text("sigmas")?)?;
            (list.len() - 1, 0.0, 1.0, Some(list))
        }
        _ => {
            return Err(ImportError::new(format!(
                "σ comes from {}, which is not read: {SCHEDULER} and {SIGMAS} are",
                source.name()
            )));
        }
    };
    let guidance = Guidance::Scale(1.0);
    let terminal = Terminal::Zero;
    let parameters = FreeParameters { num_steps: steps, guidance, mu, std, terminal };
    let plain = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
    let guider = Guider::of(&sampler, &mut notes)?;
    let mut size_matters = list.is_some() || !guider.windows.is_empty();
    let size = match written_size(&source, &sampler)? {
        Some(written) => {
            size_matters = false;
            written
        }
        None => size,
    };
    if size_matters {
        notes.push(format!("its size is not written in it: σ is taken at {size}"));
    }
    let sigmas: Vec<f64> = match &list {
        Some(list) => list.clone(),
        None => Schedule::new(plain.steps.clone(), size, Terminal::Zero)
            .sigmas()
            .iter()
            .map(|sigma| sigma.0)
            .collect(),
    };
    // As f32, which is how ComfyUI compares them.
    let weights = sigmas.iter().take(steps).map(|&sigma| guider.at(f64::from(sigma as f32)));
    let guidance = Guidance::Sampling(SamplingOrder(weights.collect()));
    let parameters = FreeParameters { guidance, ..parameters };
    let preset = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
    let mut preset = Preset { name: name.to_owned(), ..preset };
    if let Some(list) = list {
        preset = with_sigmas(&preset, &list, size, &mut notes)?;
    }
    match sampler.link("sampler")? {
        select if select.class == "KSamplerSelect" => match select.text("sampler_name")?.as_str() {
            "euler" => {}
            other => notes.push(format!("its sampler, {other}, is not part of a preset")),
        },
        other => notes.push(format!("its sampler, {}, is not part of a preset", other.name())),
    }
    Ok(Read { preset, notes, size })
}

/// gw over σ.
struct Guider {
    most: f64,
    /// The one nearest to the sampler first, which wins.
    windows: Vec<(Window, f64)>,
}

impl Guider {
    fn of(sampler: &Node<'_>, notes: &mut Vec<String>) -> Result<Guider, ImportError> {
        let guider = sampler.link("guider")?;
        if ![GUIDER, "CFGGuider"].contains(&guider.class) {
            return Err(ImportError::new(format!(
                "gw comes from {}, which is not read: {GUIDER} and CFGGuider are",
                guider.name()
            )));
        }
        let most = guider.number("cfg")?;
        let mut windows = Vec::new();
        let mut model = guider.linked("model");
        for _ in 0..DEEPEST {
            let Some(node) = model else { break };
            if node.class == OVERRIDE {
                let (start, end) = (node.number("start_percent")?, node.number("end_percent")?);
                windows.push((Window { start, end }, node.number("cfg")?));
            } else if node.class.starts_with("ModelSampling") {
                notes.push(format!("{} may move the windows of gw: look at them", node.name()));
            }
            model = node.linked("model");
        }
        // Without a second network at hand, no window can ask it.
        if guider.class == GUIDER && guider.linked("model_negative").is_some() && is_one(most) {
            if !windows.is_empty() {
                notes.push(format!(
                    "cfg of {} is 1, so ComfyUI leaves the second network out and gw is 1 at every \
                     step",
                    guider.name()
                ));
            }
            windows.clear();
        }
        Ok(Guider { most, windows })
    }

    /// gw of a step that starts at `sigma`.
    fn at(&self, sigma: f64) -> f64 {
        let window = self.windows.iter().find(|(window, _)| window.contains(sigma));
        window.map_or(self.most, |(_, gw)| *gw)
    }
}

/// The size of the scheduler, else of the latents, where one is written.
fn written_size(source: &Node<'_>, sampler: &Node<'_>) -> Result<Option<Size>, ImportError> {
    let latent = sampler.linked("latent_image");
    for node in [Some(*source), latent].into_iter().flatten() {
        if let (Ok(width), Ok(height)) = (node.count("width"), node.count("height")) {
            let size = format!("{width}x{height}").parse();
            return size.map(Some).map_err(|error| ImportError::new(format!("its size: {error}")));
        }
    }
    Ok(None)
}

/// The numbers of a [`SIGMAS`], which takes them out of any text. An exponent would be read as
/// another number there.
fn numbers(text: &str) -> Result<Vec<f64>, ImportError> {
    let mut list = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')) {
        let word = word.trim_matches(|c| matches!(c, '[' | ']' | '(' | ')'));
        if word.is_empty() {
            continue;
        }
        let plain = word.strip_prefix(['+', '-']).unwrap_or(word);
        let value = word.parse::<f64>().ok().filter(|value| value.is_finite());
        let is_plain = plain.chars().all(|c| c.is_ascii_digit() || c == '.');
        match value {
            Some(value) if is_plain => list.push(value),
            _ => {
                let word: String = word.chars().take(30).collect();
                return Err(ImportError::new(format!(
                    "`{word}` in {SIGMAS} is not a number that ComfyUI reads: write it out, \
                     without an exponent"
                )));
            }
        }
    }
    match list.len() {
        0 | 1 => Err(ImportError::new(format!("{SIGMAS} needs two values or more"))),
        length if length > MAX_STEPS + 1 => {
            Err(ImportError::new(format!("{SIGMAS} has more than {MAX_STEPS} steps")))
        }
        _ => Ok(list),
    }
}

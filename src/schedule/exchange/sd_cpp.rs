//! stable-diffusion.cpp's form: flags of its command line. Its `guidance_schedule`
//! (GUIDANCExSTEPS) names the final steps first; it ends at σ = 0.

use super::super::fault::MAX_STEPS;
use super::super::free::{FreeParameters, Guidance};
use super::super::order::LoopIndexOrder;
use super::super::preset::Preset;
use super::super::runs::runs;
use super::super::sigmas::Schedule;
use super::super::size::Size;
use super::super::terminal::Terminal;
use super::explicit::with_sigmas;
use super::fit::{end_complaint, one_line};
use super::{Export, Import, ImportError, guidance};

pub(super) fn export(preset: &Preset, size: Size) -> Export {
    let curves = runs(preset.steps.iter().map(|step| (step.mu, step.std)));
    let schedule = guidance::sd_cpp(&preset.guidance_schedule().0);
    let first = preset.steps.get(0).map_or(7.0, |step| step.gw);
    let (curve, sigmas) = match curves.as_slice() {
        [only] => (format!("mu={:?},std={:?},", only.value.0, only.value.1), String::new()),
        _ => {
            let ends = Schedule::new(preset.steps.clone(), size, Terminal::Zero);
            let list: Vec<String> =
                ends.sigmas().iter().map(|sigma| format!("{}", sigma.0 as f32)).collect();
            (String::new(), format!(" --sigmas {}", list.join(",")))
        }
    };
    let text = format!(
        "--sampling-method euler --steps {} --cfg-scale {first:?} -W {} -H {}{sigmas} \
         --extra-sample-args \"{curve}guidance_schedule={schedule}\"\n",
        preset.steps.len(),
        size.width(),
        size.height(),
    );
    let cannot_follow = one_line([end_complaint(preset, "stable-diffusion.cpp", Terminal::Zero)]);
    Export { text, cannot_follow }
}

pub(super) fn import(text: &str, name: &str, size: Size) -> Result<Import, ImportError> {
    let words = words(text)?;
    let flag = |names: &[&str]| {
        let at = words.iter().position(|word| names.contains(&word.as_str()))?;
        words.get(at + 1).map(String::as_str)
    };
    let mut notes = Vec::new();
    let extra = flag(&["--extra-sample-args"]).unwrap_or("");
    let argument = |key: &str| {
        let mut pairs = extra.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
    };
    let list = flag(&["--sigmas"]).map(numbers).transpose()?;
    let given =
        [flag(&["--steps"]), argument("mu"), argument("std"), argument("guidance_schedule")];
    if list.is_none() && given.iter().all(Option::is_none) {
        return Err(ImportError::new(
            "there is no --steps, --sigmas or --extra-sample-args with mu, std or \
             guidance_schedule: give the command line of stable-diffusion.cpp",
        ));
    }
    let mut number = |text: Option<&str>, name: &str, default: f64| match text {
        Some(text) => finite(text, name),
        None => {
            notes.push(format!("no {name} is given: stable-diffusion.cpp's default, {default}"));
            Ok(default)
        }
    };
    let steps = match &list {
        Some(list) => list.len().saturating_sub(1),
        None => match flag(&["--steps"]) {
            Some(text) => text.parse().map_err(|_| {
                ImportError::new(format!("`--steps {text}`: expected a whole number"))
            })?,
            None => number(None, "--steps", 20.0)? as usize,
        },
    };
    let scheduled = argument("guidance_schedule").map(guidance::from_sd_cpp).transpose()?;
    let mut weights = scheduled.unwrap_or_default();
    if weights.len() < steps && steps <= MAX_STEPS {
        weights.resize(steps, number(flag(&["--cfg-scale"]), "--cfg-scale", 7.0)?);
    }
    let (mu, std) = match &list {
        Some(_) => (0.0, 1.0),
        None => (number(argument("mu"), "mu", 0.0)?, number(argument("std"), "std", 1.75)?),
    };
    if weights.len() > steps {
        notes.push(format!("guidance_schedule is longer than {steps} steps: the rest is ignored"));
        weights.truncate(steps);
    }
    let guidance = Guidance::LoopIndex(LoopIndexOrder(weights));
    let terminal = Terminal::Zero;
    let parameters = FreeParameters { num_steps: steps, guidance, mu, std, terminal };
    let preset = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
    let mut preset = Preset { name: name.to_owned(), ..preset };
    if let Some(list) = list {
        let size = match (flag(&["-W", "--width"]), flag(&["-H", "--height"])) {
            (Some(width), Some(height)) => format!("{width}x{height}")
                .parse()
                .map_err(|error| ImportError::new(format!("its size: {error}")))?,
            _ => size,
        };
        preset = with_sigmas(&preset, &list, size, &mut notes)?;
    }
    Ok(Import { preset, notes })
}

fn finite(text: &str, name: &str) -> Result<f64, ImportError> {
    let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| ImportError::new(format!("`{name}` is `{text}`: expected a finite number")))
}

fn numbers(text: &str) -> Result<Vec<f64>, ImportError> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let list: Vec<f64> =
        text.split(',').map(|part| finite(part, "--sigmas")).collect::<Result<_, _>>()?;
    match list.len() {
        0 | 1 => Err(ImportError::new("--sigmas needs two values or more")),
        length if length > MAX_STEPS + 1 => {
            Err(ImportError::new(format!("--sigmas has more than {MAX_STEPS} steps")))
        }
        _ => Ok(list),
    }
}

/// The words of a command line: quotes hold spaces together, a backslash at a line's end goes on,
/// `--flag=value` is two words.
fn words(text: &str) -> Result<Vec<String>, ImportError> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut inside = false;
    for c in text.replace("\\\r\n", " ").replace("\\\n", " ").chars() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => word.push(c),
            ('"' | '\'', None) => (quote, inside) = (Some(c), true),
            ('=', None) if !inside && word.starts_with("--") => {
                words.push(std::mem::take(&mut word))
            }
            _ if c.is_whitespace() => {
                if inside || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            _ => word.push(c),
        }
    }
    if quote.is_some() {
        return Err(ImportError::new("a quote in the command line is not closed"));
    }
    if inside || !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

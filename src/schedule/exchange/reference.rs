//! The reference implementation's form: an entry of `PRESETS` in `sampler_configs.py`. Its
//! `guidance_schedule` is in loop-index order, the final step first; it ends at its clamp.

use super::super::free::{FreeParameters, Guidance};
use super::super::order::LoopIndexOrder;
use super::super::preset::Preset;
use super::super::size::Size;
use super::super::terminal::Terminal;
use super::fit::{Fit, end_complaint, one_line};
use super::python::Call;
use super::{Export, Import, ImportError, guidance};

pub(super) fn export(preset: &Preset, size: Size) -> Export {
    let fit = Fit::of(preset, size);
    let text = format!(
        "\"{}\": SamplerParameters(\n  num_steps={},\n  guidance_schedule={},  # loop-index order: \
         the final step first\n  mu={:?},\n  std={:?},\n),\n",
        preset.name.replace('\\', "\\\\").replace('"', "\\\""),
        preset.steps.len(),
        guidance::python(&preset.guidance_schedule().0),
        fit.mu,
        fit.std,
    );
    let end = end_complaint(preset, "the reference", Terminal::Reference);
    Export { text, cannot_follow: one_line([fit.complaint("the reference"), end]) }
}

pub(super) fn import(text: &str, name: &str) -> Result<Import, ImportError> {
    let call = Call::parse(text, "SamplerParameters");
    let Some(list) = call.get("guidance_schedule") else {
        return Err(ImportError::new(
            "there is no `guidance_schedule=`: give an entry of PRESETS in sampler_configs.py",
        ));
    };
    let list = guidance::from_python(list)?;
    let missing = |key: &str| ImportError::new(format!("there is no `{key}=` beside it"));
    let parameters = FreeParameters {
        num_steps: call.count("num_steps")?.unwrap_or(list.len()),
        guidance: Guidance::LoopIndex(LoopIndexOrder(list)),
        mu: call.number("mu")?.ok_or_else(|| missing("mu"))?,
        std: call.number("std")?.ok_or_else(|| missing("std"))?,
        terminal: Terminal::Reference,
    };
    let preset = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
    let name = call.name.unwrap_or_else(|| name.to_owned());
    Ok(Import { preset: Preset { name, ..preset }, notes: Vec::new() })
}

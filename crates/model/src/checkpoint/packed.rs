//! From the stored pieces of a module to a weight: which format they are, and whether they fit
//! together.

use super::error::CheckpointError;
use super::json;
use super::shards::StoredPart;
use crate::linear::{
    BlockScales, Dense, Fp8, Ggml, Nf4, StoredBytes, StoredTensor, StoredType, Weight, widen_all,
};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// What bitsandbytes writes beside the name of a 4-bit weight, before the type of its codes.
const QUANT_STATE: &str = ".quant_state.bitsandbytes__";

/// Names after the weight's, or after the module's, of tensors that belong to a packed weight.
const COMPANIONS: [&str; 10] = [
    ".absmax",
    ".quant_map",
    ".nested_absmax",
    ".nested_quant_map",
    "_scale",
    ".quant_state.bitsandbytes__nf4",
    ".comfy_quant",
    ".input_scale",
    ".scale_weight",
    ".scale_input",
];

/// The JSON in `….quant_state.bitsandbytes__nf4`.
#[derive(Deserialize)]
struct QuantState {
    quant_type: String,
    blocksize: usize,
    shape: Vec<usize>,
    nested_blocksize: Option<usize>,
    nested_offset: Option<f32>,
}

/// The JSON in ComfyUI's `….comfy_quant`.
#[derive(Deserialize)]
struct ComfyQuant {
    format: String,
}

/// The weight that a stored tensor is a companion of (its scales, its quantisation state).
pub(super) fn companion_of(part: &StoredPart, name: &str) -> Option<String> {
    COMPANIONS.iter().find_map(|suffix| {
        let stem = name.strip_suffix(suffix)?;
        [stem.to_owned(), format!("{stem}.weight")]
            .into_iter()
            .find(|weight| weight.ends_with(".weight") && part.get(weight).is_some())
    })
}

/// The shape of a stored tensor, or, where it is packed, the shape it unpacks to.
pub(super) fn shape(part: &StoredPart, name: &str) -> Result<Vec<usize>, CheckpointError> {
    let tensor = part.require(name)?;
    match quant_state(part, name)? {
        Some(state) => Ok(state.shape),
        None => Ok(tensor.shape.clone()),
    }
}

/// The format of a stored tensor in a word, as [`Weight::format`] gives it.
pub(super) fn format(part: &StoredPart, name: &str, tensor: &StoredTensor) -> String {
    match tensor.dtype {
        StoredType::F32 => "f32".to_owned(),
        StoredType::Bf16 => "bf16".to_owned(),
        StoredType::F16 => "f16".to_owned(),
        StoredType::F8E4M3 => "fp8".to_owned(),
        StoredType::Block(block) => block.name().to_owned(),
        _ if part.get(&format!("{name}.nested_absmax")).is_some() => "nf4 nested".to_owned(),
        _ if part.get(&format!("{name}{QUANT_STATE}nf4")).is_some() => "nf4".to_owned(),
        other => format!("{other} (not read)"),
    }
}

/// The matrix `<module>.weight`, left as it is stored.
pub(super) fn weight(part: &StoredPart, module: &str) -> Result<Box<dyn Weight>, CheckpointError> {
    let name = format!("{module}.weight");
    refuse_unknown_siblings(part, module)?;
    let tensor = part.require(&name)?;
    let file = part.place_of(&name);
    match tensor.dtype {
        StoredType::F32 | StoredType::Bf16 | StoredType::F16 => match Dense::new(tensor) {
            Some(weight) => Ok(Box::new(weight)),
            None => Err(bad(
                file,
                &name,
                format!("shape {:?} is not a matrix with rows and columns", tensor.shape),
            )),
        },
        StoredType::F8E4M3 => fp8(part, module, tensor, file),
        StoredType::Block(block) => match Ggml::new(tensor) {
            Some(weight) => Ok(Box::new(weight)),
            None => Err(bad(
                file,
                &name,
                format!(
                    "shape {:?} is not a matrix with rows of whole blocks of {} values ({})",
                    tensor.shape,
                    block.values(),
                    block.name(),
                ),
            )),
        },
        StoredType::U8 => nf4(part, &name, tensor, file),
        other @ (StoredType::Other(_) | StoredType::GgufType(_)) => {
            let format = comfy_format(part, module, &other.to_string());
            Err(unknown(format!("{format} (tensor {name})"), file))
        }
    }
}

fn fp8(
    part: &StoredPart,
    module: &str,
    tensor: &StoredTensor,
    file: &Path,
) -> Result<Box<dyn Weight>, CheckpointError> {
    let name = format!("{module}.weight");
    let comfy = comfy_format(part, module, "float8_e4m3fn");
    if comfy != "float8_e4m3fn" {
        return Err(unknown(format!("{comfy} (tensor {name})"), file));
    }
    // ComfyUI's older tools write the second name.
    let names = ["weight_scale", "scale_weight"].map(|scale| format!("{module}.{scale}"));
    let found = names.iter().find_map(|name| Some((name, part.get(name)?)));
    let Some((scale_name, scale)) = found else {
        return Err(unknown(format!("F8_E4M3 without {module}.weight_scale"), file));
    };
    let outputs = tensor.shape.first().copied().unwrap_or_default();
    // One a matrix or one a row; other shapes are scales of blocks.
    if !matches!(*scale.shape.as_slice(), [] | [1] | [1, 1])
        && scale.shape != [outputs]
        && scale.shape != [outputs, 1]
    {
        let shape = &scale.shape;
        return Err(unknown(format!("F8_E4M3 with {scale_name} of shape {shape:?}"), file));
    }
    widen_all(scale)
        .and_then(|scale| Fp8::new(tensor, scale))
        .map(|weight| Box::new(weight) as Box<dyn Weight>)
        .ok_or_else(|| {
            bad(file, &name, format!("shape {:?} or type of {scale_name} is wrong", tensor.shape))
        })
}

fn nf4(
    part: &StoredPart,
    name: &str,
    tensor: &StoredTensor,
    file: &Path,
) -> Result<Box<dyn Weight>, CheckpointError> {
    let module = name.strip_suffix(".weight").unwrap_or(name);
    let Some(state) = quant_state(part, name)? else {
        return Err(unknown(format!("{} (tensor {name})", comfy_format(part, module, "U8")), file));
    };
    let &[outputs, inputs] = state.shape.as_slice() else {
        return Err(bad(file, name, format!("shape {:?} is not a matrix", state.shape)));
    };
    let map = table::<16>(part, &format!("{name}.quant_map"))?;
    let absmax = part.require(&format!("{name}.absmax"))?;
    let scales = match absmax.dtype {
        StoredType::F32 => BlockScales::Plain(absmax.bytes.clone()),
        StoredType::U8 => {
            let (Some(blocksize), Some(offset)) = (state.nested_blocksize, state.nested_offset)
            else {
                return Err(bad(
                    file,
                    name,
                    "nested scales need nested_blocksize and nested_offset in the quant_state"
                        .to_owned(),
                ));
            };
            BlockScales::Nested {
                codes: absmax.bytes.clone(),
                map: Box::new(table::<256>(part, &format!("{name}.nested_quant_map"))?),
                absmax: f32_bytes(part, &format!("{name}.nested_absmax"))?,
                blocksize,
                offset,
            }
        }
        other => return Err(unknown(format!("nf4 with absmax of type {other} ({name})"), file)),
    };
    let blocksize = state.blocksize;
    match Nf4::new(tensor, [outputs, inputs], map, scales, blocksize) {
        Some(weight) => Ok(Box::new(weight)),
        None => Err(bad(
            file,
            name,
            format!(
                "its codes and scales do not fill {outputs} × {inputs} in blocks of {blocksize}"
            ),
        )),
    }
}

/// The quantisation state of a 4-bit weight, if the tensor is one.
fn quant_state(part: &StoredPart, name: &str) -> Result<Option<QuantState>, CheckpointError> {
    let key = format!("{name}{QUANT_STATE}nf4");
    let Some(tensor) = part.get(&key) else { return Ok(None) };
    let place = part.place_of(&key);
    let inside = place.join(&key);
    let state: QuantState = json::parse(&copied(tensor), &inside)?;
    if state.quant_type != "nf4" {
        return Err(unknown(format!("{} (tensor {name})", state.quant_type), place));
    }
    Ok(Some(state))
}

/// A table of `N` f32 values.
fn table<const N: usize>(part: &StoredPart, name: &str) -> Result<[f32; N], CheckpointError> {
    let tensor = part.require(name)?;
    widen_all(tensor).and_then(|values| values.try_into().ok()).ok_or_else(|| {
        let (dtype, shape) = (tensor.dtype, &tensor.shape);
        bad(part.place_of(name), name, format!("{dtype} {shape:?} is not a table of {N} floats"))
    })
}

fn f32_bytes(part: &StoredPart, name: &str) -> Result<StoredBytes, CheckpointError> {
    let tensor = part.require(name)?;
    if tensor.dtype == StoredType::F32 {
        Ok(tensor.bytes.clone())
    } else {
        Err(bad(part.place_of(name), name, format!("type {} where F32 is expected", tensor.dtype)))
    }
}

/// Most bytes of JSON in a tensor; tools write some hundreds.
const LONGEST_JSON: usize = 1 << 20;

/// JSON in a tensor, copied: others may write to a file that is mapped, and text that was checked
/// must not change after.
fn copied(tensor: &StoredTensor) -> Vec<u8> {
    tensor.bytes.as_slice().iter().take(LONGEST_JSON).copied().collect()
}

/// The format that ComfyUI names beside a weight, else `otherwise`.
fn comfy_format(part: &StoredPart, module: &str, otherwise: &str) -> String {
    part.get(&format!("{module}.comfy_quant"))
        .and_then(|tensor| serde_json::from_slice::<ComfyQuant>(&copied(tensor)).ok())
        .map_or_else(|| otherwise.to_owned(), |quant| quant.format)
}

/// Tensors beside a weight that say it is packed in a way that is not read: silently ignoring
/// one would give a picture of noise.
fn refuse_unknown_siblings(part: &StoredPart, module: &str) -> Result<(), CheckpointError> {
    const UNKNOWN: [(&str, &str); 8] = [
        ("weight_scale_inv", "fp8 in blocks (weight_scale_inv)"),
        ("weight_scale_2", "nvfp4 (weight_scale_2)"),
        ("SCB", "bitsandbytes int8 (SCB)"),
        ("weight.SCB", "bitsandbytes int8 (SCB)"),
        ("qweight", "GPTQ or AWQ (qweight)"),
        ("scales", "affine groups (scales)"),
        ("zero_point", "SDNQ (zero_point)"),
        ("weight.quant_state.bitsandbytes__fp4", "bitsandbytes fp4"),
    ];
    for (suffix, quantisation) in UNKNOWN {
        let name = format!("{module}.{suffix}");
        if part.get(&name).is_some() {
            return Err(unknown(format!("{quantisation} (tensor {name})"), part.place_of(&name)));
        }
    }
    Ok(())
}

/// Refuses a `quantization_config` that is not bitsandbytes nf4.
pub(super) fn check_config(config: &Value, file: &Path) -> Result<(), CheckpointError> {
    let Some(quantisation) = config.get("quantization_config") else { return Ok(()) };
    if quantisation.is_null() {
        return Ok(());
    }
    let text = |key: &str| quantisation.get(key).and_then(Value::as_str);
    let method = text("quant_method").unwrap_or("without quant_method");
    let four_bit = quantisation.get("load_in_4bit").and_then(Value::as_bool).unwrap_or(false);
    match (method, four_bit, text("bnb_4bit_quant_type")) {
        ("bitsandbytes", true, Some("nf4")) => Ok(()),
        ("bitsandbytes", true, kind) => Err(unknown(
            format!("bitsandbytes {} (quantization_config)", kind.unwrap_or("fp4")),
            file,
        )),
        ("bitsandbytes", false, _) => {
            Err(unknown("bitsandbytes int8 (quantization_config)".to_owned(), file))
        }
        (other, ..) => Err(unknown(format!("{other} (quantization_config)"), file)),
    }
}

fn unknown(quantisation: String, file: &Path) -> CheckpointError {
    CheckpointError::UnknownQuantisation { quantisation, file: file.to_owned() }
}

fn bad(file: &Path, tensor: &str, problem: String) -> CheckpointError {
    CheckpointError::BadQuantisation { file: file.to_owned(), tensor: tensor.to_owned(), problem }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;

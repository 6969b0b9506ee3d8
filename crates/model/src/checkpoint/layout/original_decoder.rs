//! The image decoder by the names of FLUX.2's own code, which ComfyUI's file keeps:
//! `decoder.up.3.block.0`, counted from the largest image, and `decoder.mid.attn_1.q`.

use super::Layout;
use crate::checkpoint::shards::StoredPart;

/// Names before diffusers renamed them.
#[derive(Debug)]
pub(super) struct OriginalDecoder {
    /// Image sizes that the decoder goes through.
    sizes: usize,
}

/// Where the names of the attention's 1×1 convolutions begin.
const ATTENTION: &str = "decoder.mid.attn_1.";

impl OriginalDecoder {
    /// The layout, where the part's names are of it.
    pub(super) fn detect(part: &StoredPart) -> Option<Self> {
        let sizes = (0..)
            .take_while(|i| part.get(&format!("decoder.up.{i}.block.0.conv1.weight")).is_some())
            .count();
        (sizes > 0).then_some(Self { sizes })
    }

    /// Stored as 1×1 convolutions, read as matrices.
    pub(super) fn flatten(part: &mut StoredPart) {
        part.drop_trailing_ones(|name| name.starts_with(ATTENTION));
    }

    fn renamed(&self, module: &str) -> Option<String> {
        if module == "post_quant_conv" {
            return Some("decoder.post_quant_conv".to_owned());
        }
        let rest = module.strip_prefix("decoder.")?;
        if rest == "conv_norm_out" {
            return Some("decoder.norm_out".to_owned());
        }
        if let Some(rest) = rest.strip_prefix("mid_block.attentions.0.") {
            let name = match rest {
                "group_norm" => "norm",
                "to_q" => "q",
                "to_k" => "k",
                "to_v" => "v",
                "to_out.0" => "proj_out",
                _ => return None,
            };
            return Some(format!("{ATTENTION}{name}"));
        }
        if let Some(rest) = rest.strip_prefix("mid_block.resnets.") {
            let (block, rest) = rest.split_once('.')?;
            let block: usize = block.parse().ok()?;
            return Some(format!("decoder.mid.block_{}.{}", block + 1, shortcut(rest)));
        }
        let (size, rest) = rest.strip_prefix("up_blocks.")?.split_once('.')?;
        let size = self.sizes.checked_sub(size.parse::<usize>().ok()? + 1)?;
        if rest == "upsamplers.0.conv" {
            return Some(format!("decoder.up.{size}.upsample.conv"));
        }
        let rest = rest.strip_prefix("resnets.")?;
        Some(format!("decoder.up.{size}.block.{}", shortcut(rest)))
    }
}

fn shortcut(name: &str) -> String {
    name.replace("conv_shortcut", "nin_shortcut")
}

impl Layout for OriginalDecoder {
    fn name(&self) -> String {
        "FLUX.2's own names".to_owned()
    }

    fn stored_modules(&self, module: &str) -> Vec<String> {
        // A module of another name (the first and last convolution) is called alike.
        vec![self.renamed(module).unwrap_or_else(|| module.to_owned())]
    }
}

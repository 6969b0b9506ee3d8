//! The transformer's dimensions, from its tensors, held against its `config.json` in the
//! reference's or diffusers' names.

use crate::config::Part;
use crate::error::ModelError;

/// Dimensions and constants of a transformer.
#[derive(Debug, Clone)]
pub(super) struct TransformerConfig {
    /// Numbers a latent token has.
    pub(super) channels: usize,
    /// Numbers a token has inside.
    pub(super) width: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) head_dim: usize,
    pub(super) intermediate: usize,
    /// Numbers in the vector that the modulations are computed from.
    pub(super) conditioning: usize,
    pub(super) norm_eps: f64,
    pub(super) rope_theta: f64,
    /// Frequencies of the time, row and column axes.
    pub(super) mrope_section: [usize; 3],
}

impl TransformerConfig {
    /// Reads the dimensions; each one in the config must be the one the tensors have. What no
    /// tensor shows (eps, theta, sections) has the reference's value where the config is silent.
    pub(super) fn read(part: &Part<'_>) -> Result<Self, ModelError> {
        const INPUT: &str = "input_proj.weight";
        const HEAD: &str = "layers.0.attention.norm_q.weight";
        const GATE: &str = "layers.0.feed_forward.w1.weight";
        const CONDITIONING: &str = "adaln_proj.weight";
        let [width, channels] = part.shape(INPUT)?;
        let [head_dim] = part.shape(HEAD)?;
        let [intermediate, _] = part.shape(GATE)?;
        let [conditioning, _] = part.shape(CONDITIONING)?;
        let layers = part.count(|i| format!("layers.{i}.attention_norm1.weight"));
        let heads = part.divide(INPUT, width, head_dim)?;
        part.divide(HEAD, head_dim, 2)?;

        part.agree(&["emb_dim", "hidden_size"], INPUT, width)?;
        part.agree(&["in_channels"], INPUT, channels)?;
        part.agree(&["attention_head_dim"], HEAD, head_dim)?;
        part.agree(&["num_heads", "num_attention_heads"], INPUT, heads)?;
        part.agree(&["intermediate_size"], GATE, intermediate)?;
        part.agree(&["adanln_dim", "adaln_dim"], CONDITIONING, conditioning)?;
        part.agree(&["num_layers"], &format!("layers.{}", layers.saturating_sub(1)), layers)?;

        Ok(Self {
            channels,
            width,
            layers,
            heads,
            head_dim,
            intermediate,
            conditioning,
            norm_eps: part.positive(&["norm_eps"], 1e-5)?,
            rope_theta: part.positive(&["rope_theta"], 5e6)?,
            mrope_section: sections(part, head_dim / 2)?,
        })
    }
}

/// `mrope_section`, which must not reach past the frequencies a head has.
fn sections(part: &Part<'_>, frequencies: usize) -> Result<[usize; 3], ModelError> {
    const KEY: &str = "mrope_section";
    let section = match part.sizes(&[KEY])? {
        Some(found) => <[usize; 3]>::try_from(found.value.as_slice()).map_err(|_| {
            part.bad_config(KEY, format!("is {:?}; three numbers are needed", found.value))
        })?,
        None => [24, 20, 20],
    };
    // The last row frequency is 3·section − 2, the last column frequency 3·section − 1.
    let [_, rows, columns] = section;
    let reach = rows.saturating_mul(3).saturating_sub(1).max(columns.saturating_mul(3));
    if reach > frequencies {
        let problem =
            format!("is {section:?}, which needs {reach} frequencies; a head has {frequencies}");
        return Err(part.bad_config(KEY, problem));
    }
    Ok(section)
}

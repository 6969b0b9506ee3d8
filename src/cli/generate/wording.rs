//! The prompt as a caption: wrapped, verified, warned about or refused.

use crate::cli::failure::Failure;
use sigmalab_caption::{CaptionKind, PLAIN_PROMPT_COST, verify, wrap};
use sigmalab_model::source::DEMO;

/// The text for the text encoder. Issues go to `warnings`, or with `strict` are an error.
///
/// The demo checkpoint was trained on plain sentences as well as on structured captions, so a
/// plain prompt is worth no word there.
pub(super) fn resolve(
    prompt: String,
    wrap_plain: bool,
    strict: bool,
    model_name: &str,
    warnings: &mut Vec<String>,
) -> Result<String, Failure> {
    let blank = prompt.trim().is_empty();
    if blank {
        warnings.push(
            "the prompt is empty: the picture will be the model's idea of nothing".to_owned(),
        );
    }
    if CaptionKind::of(&prompt) == CaptionKind::Plain {
        if wrap_plain {
            return Ok(wrap(&prompt));
        }
        if strict {
            return Err(Failure::bad_input(
                "--strict-caption: the prompt is plain text, not a structured caption",
            )
            .way_out("--wrap-caption"));
        }
        if model_name != DEMO && !blank {
            warnings.push(format!("{PLAIN_PROMPT_COST} (--wrap-caption)"));
        }
        return Ok(prompt);
    }
    if wrap_plain {
        warnings.push(
            "--wrap-caption: the prompt is already a structured caption and stays as it is"
                .to_owned(),
        );
    }
    let issues = verify(&prompt);
    if strict && !issues.is_empty() {
        let failure = Failure::bad_input("--strict-caption: the caption is not valid:");
        return Err(issues
            .iter()
            .fold(failure, |told, issue| told.line(format_args!("  {issue}"))));
    }
    warnings.extend(issues.iter().map(|issue| format!("caption: {issue}")));
    Ok(prompt)
}

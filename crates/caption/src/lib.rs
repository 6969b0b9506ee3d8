//! Structured captions: what Ideogram 4 was trained to read. This room verifies and wraps
//! caption text; it knows nothing of tokens, models or the command line.

mod escapes;
mod issue;
mod verify;
mod wrap;

pub use issue::Issue;
pub use verify::verify;
pub use wrap::wrap;

/// What a plain prompt costs on the real checkpoint, in one line, with the way out.
///
/// Measured by others on the published weights: Comfy-Org/workflow_templates#953,
/// SceneWorks/SceneWorks#820, noonghunna/club-3090#378.
pub const PLAIN_PROMPT_COST: &str = "the prompt is plain text, but Ideogram 4 was trained on \
    structured JSON captions only: the real checkpoint may draw a placeholder, \"Image blocked by \
    safety filter\", in place of your picture; write a structured caption, or wrap the prompt into \
    the smallest valid one";

/// What a prompt is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptionKind {
    /// It begins like a JSON object; whether it is a valid caption is for [`verify()`] to say.
    Structured,
    /// Anything else: a sentence, or JSON that is no object.
    Plain,
}

impl CaptionKind {
    /// What `text` is meant to be: structured if its first character, white space and a byte
    /// order mark aside, is `{`. A caption that is cut off or mistyped is so still a caption.
    pub fn of(text: &str) -> Self {
        let begins = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if begins.starts_with('{') { CaptionKind::Structured } else { CaptionKind::Plain }
    }
}

#[cfg(test)]
mod tests;

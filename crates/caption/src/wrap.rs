//! A plain prompt as the smallest structured caption that is valid and has no empty list.

use serde_json::Value;

/// Puts a plain prompt into a structured caption, compact and with its letters as they are, as
/// `json.dumps(caption, ensure_ascii=False, separators=(",", ":"))` would write it.
///
/// The prompt stands in for the description, the background and the one element. A caption with
/// an empty `elements` is valid too, but the published weights answer it with the placeholder of
/// [`PLAIN_PROMPT_COST`](super::PLAIN_PROMPT_COST) as they do plain text
/// (noonghunna/club-3090#378). A wrapped prompt is still sparse: a caption that says more draws
/// better.
///
/// The result verifies without an issue, whatever the prompt is. It is about three times as long.
pub fn wrap(prompt: &str) -> String {
    let prompt = json_string(prompt);
    format!(
        "{{\"high_level_description\":{prompt},\"compositional_deconstruction\":\
         {{\"background\":{prompt},\"elements\":[{{\"type\":\"obj\",\"desc\":{prompt}}}]}}}}"
    )
}

/// `text` as a JSON string.
///
/// A backslash before a `u` is written as its own escape: as `\\` it would read to the verifier,
/// which looks at the text alone, like the escape of a letter.
fn json_string(text: &str) -> String {
    let pieces: Vec<String> = text.split("\\u").map(quoted).collect();
    format!("\"{}\"", pieces.join("\\u005cu"))
}

/// `text` escaped for a JSON string, without the quotes around it.
fn quoted(text: &str) -> String {
    let string = Value::from(text).to_string();
    string.strip_prefix('"').and_then(|s| s.strip_suffix('"')).unwrap_or_default().to_owned()
}

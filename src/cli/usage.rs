//! What clap says of a wrong command line, with a way out that it does not know.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The error, with a word on values that begin with a dash where one was taken for a flag.
pub(crate) fn with_hint(mut error: clap::Error) -> clap::Error {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidValue) {
        return error;
    }
    let words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(hint) = hint(&words) {
        let hint = ContextValue::StyledStrs(vec![hint.into()]);
        error.insert(ContextKind::Suggested, hint);
    }
    error
}

/// Where a flag is followed by what looks like a sentence with a dash in front, how to write it.
fn hint(words: &[String]) -> Option<String> {
    let pairs = words.iter().zip(words.iter().skip(1));
    let (flag, value) = pairs.into_iter().find(|(flag, value)| {
        let sentence = value.contains(char::is_whitespace) || value.starts_with("- ");
        flag.starts_with("--") && !flag.contains('=') && value.starts_with('-') && sentence
    })?;
    let beginning: String = value.chars().take(20).collect();
    let more = if beginning.len() < value.len() { "…" } else { "" };
    let quoted = beginning.replace('\'', r"'\''");
    Some(format!("a value that begins with a dash is written {flag}='{quoted}{more}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_with_a_dash_in_front_is_no_flag() {
        let hint = |text: &[&str]| hint(&text.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        let told = hint(&["sigmalab", "generate", "--prompt", "- a list"]);
        assert_eq!(
            told.as_deref(),
            Some("a value that begins with a dash is written --prompt='- a list'")
        );
        assert_eq!(hint(&["sigmalab", "generate", "--prompt", "--json"]), None);
        assert_eq!(hint(&["sigmalab", "generate", "--promt", "a b"]), None);
    }
}

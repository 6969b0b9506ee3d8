//! The keyword arguments of a call in Python text. Not Python: just enough to find numbers and
//! lists that somebody copied.

use super::super::preset::is_preset_name;
use super::ImportError;

/// The arguments of a call, `name=value`, and the name that it is given in a dictionary.
pub(super) struct Call {
    arguments: Vec<(String, String)>,
    pub(super) name: Option<String>,
}

impl Call {
    /// The first call of `function` in the text, else the text itself as arguments.
    pub(super) fn parse(text: &str, function: &str) -> Call {
        let text = without_comments(text);
        let open = text.find(&format!("{function}(")).map(|at| at + function.len());
        let before = open.and_then(|at| text.get(..at - function.len())).unwrap_or("");
        let inner = open.and_then(|at| text.get(at + 1..)).unwrap_or(&text);
        let mut arguments = Vec::new();
        for part in split(inner) {
            if let Some((name, value)) = part.split_once('=') {
                arguments.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Call { arguments, name: dictionary_key(before) }
    }

    /// An argument's text; `None` where it is not given or `None`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.arguments.iter().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.as_str()).filter(|value| *value != "None")
    }

    /// A finite number.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, ImportError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(ImportError::new(format!("`{name}={text}`: expected a finite number"))),
        }
    }

    /// A number of steps.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, ImportError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || ImportError::new(format!("`{name}={text}`: expected a whole number"));
        text.parse().map(Some).map_err(|_| wrong())
    }
}

/// `NAME` of `"NAME": ` at the end of the text.
fn dictionary_key(before: &str) -> Option<String> {
    let before = before.trim_end().strip_suffix(':')?.trim_end();
    let quote = before.chars().next_back().filter(|quote| matches!(quote, '"' | '\''))?;
    let name = before.strip_suffix(quote)?.rsplit_once(quote)?.1;
    is_preset_name(name).then(|| name.to_owned())
}

/// The text without `# …`, outside of strings.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut string = None;
    let mut comment = false;
    for c in text.chars() {
        match (c, string) {
            ('\n', _) => (string, comment) = (None, false),
            _ if comment => {}
            ('#', None) => comment = true,
            ('"' | '\'', None) => string = Some(c),
            (_, Some(quote)) if c == quote => string = None,
            _ => {}
        }
        if !comment {
            kept.push(c);
        }
    }
    kept
}

/// The parts between commas, up to the bracket that closes the call.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    let mut string = None;
    for (at, c) in text.char_indices() {
        match (c, string) {
            ('\n', _) => string = None,
            (_, Some(quote)) if c == quote => string = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => string = Some(c),
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) if depth == 0 => {
                parts.extend(text.get(start..at));
                return parts;
            }
            (')' | ']' | '}', None) => depth -= 1,
            (',', None) if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

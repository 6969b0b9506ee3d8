//! A user's keymap file: a table a context, `"key" = "call"`, an empty call to unbind. Every
//! problem is reported at once, with its line.

use crate::tui::action::Call;
use crate::tui::context::Context;
use crate::tui::keymap::Keymap;
use sigmalab_schedule::nearest::nearest;
use sigmalab_terminal::key::Key;
use std::collections::HashMap;
use std::fmt;
use toml_edit::{Document, Item};

/// What is wrong with a keymap file: every problem, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct KeymapError {
    pub file: String,
    /// The problems, at least one.
    pub problems: Vec<KeymapProblem>,
}

/// One problem of a keymap file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeymapProblem {
    /// Its line, counted from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for KeymapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, KeymapProblem { line, message }) in self.problems.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{line}: {message}", self.file)?;
        }
        Ok(())
    }
}

impl Keymap {
    /// The defaults, changed by the text of a keymap file:
    ///
    /// ```toml
    /// [grid]
    /// "ctrl-u" = "undo"
    /// "f" = "fill 3"
    /// "U" = ""            # no longer bound
    /// ```
    ///
    /// # Errors
    /// Unknown contexts, keys and actions, and a key written in two ways that mean the same one.
    pub fn parse(text: &str, file: &str) -> Result<Self, KeymapError> {
        let mut problems = Vec::new();
        let line_of = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let mut problem = |at: Option<std::ops::Range<usize>>, message: String| {
            problems.push(KeymapProblem { line: line_of(at.map_or(0, |at| at.start)), message });
        };
        let mut keymap = Keymap::defaults();
        match Document::parse(text) {
            Err(error) => problem(error.span(), error.message().to_owned()),
            Ok(document) => {
                for (name, item) in document.iter() {
                    let at = document.key(name).and_then(|key| key.span());
                    let Some(context) = Context::ALL.into_iter().find(|c| c.name() == name) else {
                        problem(at, unknown_context(name));
                        continue;
                    };
                    let Some(table) = item.as_table_like() else {
                        problem(at, format!("`{name}` must be a table: [{name}]"));
                        continue;
                    };
                    let mut written: HashMap<String, String> = HashMap::new();
                    for (key_text, item) in table.iter() {
                        let at = table.key(key_text).and_then(|key| key.span());
                        match binding(key_text, item) {
                            Err(message) => problem(at, format!("[{name}] {message}")),
                            Ok((key, call)) => {
                                if let Some(before) =
                                    written.insert(key.to_string(), key_text.to_owned())
                                {
                                    problem(
                                        at,
                                        format!(
                                            "[{name}] `{key_text}` and `{before}` are the same \
                                             key: keep one of them"
                                        ),
                                    );
                                }
                                match call {
                                    Some(call) => keymap.bind(context, key, call),
                                    None => keymap.unbind(context, &key),
                                }
                            }
                        }
                    }
                }
            }
        }
        if problems.is_empty() {
            Ok(keymap)
        } else {
            Err(KeymapError { file: file.to_owned(), problems })
        }
    }
}

/// One line of a context's table; `None` for a key that is no longer bound.
fn binding(key_text: &str, item: &Item) -> Result<(Key, Option<Call>), String> {
    let key = key_text.parse::<Key>().map_err(|error| error.to_string())?;
    let Some(call) = item.as_str() else {
        return Err(format!("`{key_text}` must name an action in quotes, such as \"undo\""));
    };
    if call.is_empty() {
        return Ok((key, None));
    }
    let call = call.parse().map_err(|error| format!("`{key_text}`: {error}"))?;
    Ok((key, Some(call)))
}

fn unknown_context(name: &str) -> String {
    let names = Context::ALL.map(Context::name);
    match nearest(name, names).first() {
        Some(near) => format!("there is no context `{name}`: did you mean `{near}`?"),
        None => format!("there is no context `{name}`: there are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tui::action::Action;

    #[test]
    fn a_file_changes_only_what_it_names() {
        let text = "[grid]\n\"ctrl-u\" = \"undo\"\nf = \"fill 3\"\nu = \"\"\n";
        let keymap = Keymap::parse(text, "keys.toml").unwrap();
        let call = |key: &str| keymap.call(Context::Grid, &key.parse().unwrap()).cloned();
        assert_eq!(call("ctrl-u"), Some(Call::from(Action::Undo)));
        assert_eq!(call("f"), Some(Call::with(Action::Fill, "3")));
        assert_eq!(call("u"), None);
        assert_eq!(call("j"), Some(Call::from(Action::MoveDown)));
    }

    #[test]
    fn every_problem_is_reported_with_its_line() {
        let text = "[gird]\na = \"undo\"\n[grid]\nu = \"undoo\"\n\"ctrl-\" = \"undo\"\nq = 3\n";
        let error = Keymap::parse(text, "keys.toml").unwrap_err().to_string();
        for part in [
            "keys.toml:1:",
            "did you mean `grid`?",
            "keys.toml:4:",
            "`undo`",
            "keys.toml:5:",
            ":6:",
        ] {
            assert!(error.contains(part), "no {part} in:\n{error}");
        }
        assert_eq!(error.lines().count(), 4, "{error}");
    }

    #[test]
    fn two_spellings_of_one_key_clash() {
        let text = "[global]\n\"ctrl-alt-x\" = \"run\"\n\"alt-ctrl-x\" = \"undo\"\n";
        let error = Keymap::parse(text, "keys.toml").unwrap_err().to_string();
        assert!(error.contains("same key"), "{error}");
    }
}

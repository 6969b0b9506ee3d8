//! A user's keymap file: a table a context, `"key" = "call"`, an empty call to unbind. Every
//! problem is reported at once, with its line.

use crate::tui::action::Call;
use crate::tui::context::Context;
use crate::tui::keymap::Keymap;
use sigmalab_schedule::nearest::nearest;
use sigmalab_schedule::toml_text::{TomlError, TomlText};
use sigmalab_terminal::key::Key;
use std::collections::HashMap;
use toml::de::DeTable;

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
    pub fn parse(text: &str, file: &str) -> Result<Self, TomlError> {
        let mut toml = TomlText::new(text);
        let document = toml.document();
        let read = document.map(|document| read(&mut toml, document.get_ref()));
        toml.finish(file, read)
    }
}

fn read(toml: &mut TomlText<'_>, document: &DeTable<'_>) -> Keymap {
    let mut keymap = Keymap::defaults();
    for (name, table) in TomlText::in_order(document) {
        let (at, name) = (name.span(), name.get_ref().as_ref());
        let Some(context) = Context::ALL.into_iter().find(|context| context.name() == name) else {
            toml.problem(at, "", unknown_context(name));
            continue;
        };
        let Some(table) = toml.table(table, name, &format!("a table: [{name}]")) else { continue };
        let mut written: HashMap<String, &str> = HashMap::new();
        for (key, call) in TomlText::in_order(table) {
            let (at, spelling) = (key.span(), key.get_ref().as_ref());
            let key = match spelling.parse::<Key>() {
                Ok(key) => key,
                Err(error) => {
                    toml.problem(at, name, error.to_string());
                    continue;
                }
            };
            if let Some(before) = written.insert(key.to_string(), spelling) {
                let message =
                    format!("`{spelling}` and `{before}` are the same key: keep one of them");
                toml.problem(at, name, message);
            }
            let path = format!("{name}.{spelling}");
            if call.get_ref().as_str() == Some("") {
                keymap.unbind(context, &key);
            } else if let Some(call) = toml.parsed::<Call>(call, &path) {
                keymap.bind(context, key, call);
            }
        }
    }
    keymap
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

//! Typed access to parsed TOML that collects what is wrong with it, with its place.

use super::super::problem::{MOST_PROBLEMS, SpecError};
use sigmalab_schedule::nearest::{list, nearest};
use sigmalab_schedule::preset_file::Problem;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

pub(super) type Node<'i> = Spanned<DeValue<'i>>;

/// A key of a table, where it stands, and its value.
pub(super) struct Entry<'v, 'i> {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'v Node<'i>,
}

/// The text of an experiment file and the problems found in it so far.
pub(super) struct Text<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    more: usize,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Text { text, problems: Vec::new(), more: 0 }
    }

    /// The problems, if there are any.
    pub(super) fn error(mut self, file: &str) -> Option<SpecError> {
        if self.problems.is_empty() {
            return None;
        }
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        let line = |number: usize| self.text.lines().nth(number - 1).unwrap_or_default();
        let lines = self.problems.iter().map(|problem| problem.line);
        let lines = lines.map(|number| (number, cut(line(number)))).collect();
        Some(SpecError { file: file.to_owned(), problems: self.problems, more: self.more, lines })
    }

    pub(super) fn problem(&mut self, span: Range<usize>, key: &str, message: impl Into<String>) {
        if self.problems.len() == MOST_PROBLEMS {
            self.more += 1;
            return;
        }
        let (line, column) = self.place(span.start);
        let (key, message) = (key.to_owned(), message.into());
        self.problems.push(Problem { line, column, key, message });
    }

    /// Line and column, counted from 1, of a byte of the text.
    fn place(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        (before.matches('\n').count() + 1, column + 1)
    }

    pub(super) fn wrong_type(&mut self, value: &Node<'_>, key: &str, expected: &str) {
        let message = format!("expected {expected}, found {}", value.get_ref().type_str());
        self.problem(value.span(), key, message);
    }

    /// Reports every key of a table that is not one of `known`.
    pub(super) fn known_keys(&mut self, table: &DeTable<'_>, path: &str, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let meant = match nearest(name, known.iter().copied()).first() {
                    Some(near) => format!(": did you mean `{near}`?"),
                    None => String::new(),
                };
                let place =
                    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                let message = format!("unknown key{meant}; the keys here are {}", list(known, 20));
                self.problem(key.span(), &place, message);
            }
        }
    }

    pub(super) fn table<'v, 'i>(
        &mut self,
        value: &'v Node<'i>,
        path: &str,
    ) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(value, path, "a table");
        }
        table
    }

    pub(super) fn array<'v, 'i>(
        &mut self,
        value: &'v Node<'i>,
        path: &str,
        of: &str,
    ) -> Option<&'v DeArray<'i>> {
        let array = value.get_ref().as_array();
        match array {
            None => self.wrong_type(value, path, &format!("a list of {of}")),
            Some(array) if array.is_empty() => {
                self.problem(value.span(), path, "it is empty: give at least one");
                return None;
            }
            Some(_) => {}
        }
        array
    }

    /// The text of a value.
    pub(super) fn string(&mut self, value: &Node<'_>, path: &str) -> Option<String> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(value, path, "a text in quotes");
        }
        text.map(str::to_owned)
    }

    /// A text that something is read from.
    pub(super) fn parsed<T>(&mut self, value: &Node<'_>, path: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.string(value, path)?;
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(value.span(), path, error.to_string());
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, value: &Node<'_>, path: &str) -> Option<bool> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(value, path, "true or false");
        }
        found
    }

    /// A finite number.
    pub(super) fn number(&mut self, value: &Node<'_>, path: &str) -> Option<f64> {
        let number = match value.get_ref() {
            DeValue::Float(written) => written.as_str().parse::<f64>().ok(),
            DeValue::Integer(written) => {
                i128::from_str_radix(written.as_str(), written.radix()).ok().map(|int| int as f64)
            }
            _ => {
                self.wrong_type(value, path, "a number");
                return None;
            }
        };
        let finite = number.filter(|number| number.is_finite());
        if finite.is_none() {
            let written = self.text.get(value.span()).unwrap_or("it").to_owned();
            self.problem(value.span(), path, format!("{written} is not a finite number: give one"));
        }
        finite
    }

    /// A whole number in `min`…`max`.
    pub(super) fn whole(
        &mut self,
        value: &Node<'_>,
        path: &str,
        (min, max): (u64, u64),
    ) -> Option<u64> {
        let DeValue::Integer(written) = value.get_ref() else {
            self.wrong_type(value, path, "a whole number");
            return None;
        };
        let number = i128::from_str_radix(written.as_str(), written.radix()).ok();
        let found = number.and_then(|number| u64::try_from(number).ok());
        let found = found.filter(|number| (min..=max).contains(number));
        if found.is_none() {
            let written = written.as_str().to_owned();
            let message =
                format!("{written} is out of range: give a whole number from {min} to {max}");
            self.problem(value.span(), path, message);
        }
        found
    }
}

/// The keys of a table in the order of the text. `sampler.eta` may be written with quotes or
/// without, which TOML reads as a table `sampler` with a key `eta`.
pub(super) fn entries<'v, 'i>(table: &'v DeTable<'i>) -> Vec<Entry<'v, 'i>> {
    let mut found = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(inner) if name == "sampler" && !super::axes::is_rule(inner) => {
                for (inner_key, inner_value) in inner {
                    let key = format!("sampler.{}", inner_key.get_ref());
                    found.push(Entry { key, span: inner_key.span(), value: inner_value });
                }
            }
            _ => found.push(Entry { key: name.to_owned(), span: key.span(), value }),
        }
    }
    found.sort_by_key(|entry| entry.span.start);
    found
}

/// A line of a file of strangers, short enough for a message.
fn cut(line: &str) -> String {
    const LONGEST: usize = 200;
    line.chars().take(LONGEST).map(|c| if c == '\t' { ' ' } else { c }).collect()
}

//! Typed access to a TOML file that people write, which collects what is wrong with it, with its
//! place. Knows nothing of what the file says.

use super::nearest::{list, nearest};
use sigmalab_text::strange_text::on_one_line;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

/// A value and its place.
pub type Node<'i> = Spanned<DeValue<'i>>;

/// The most problems that are listed of one file.
pub const MOST_PROBLEMS: usize = 20;

/// One problem of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its line, counted from 1.
    pub line: usize,
    /// Its column in characters, counted from 1.
    pub column: usize,
    /// The key it is about, such as `V4_TURBO_12.runs[1].gw`; empty for the text as a whole.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What is wrong with a file: every problem, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TomlError {
    pub file: String,
    /// At most [`MOST_PROBLEMS`].
    pub problems: Vec<Problem>,
    pub more: usize,
    /// Lines that are shown below their problems, by line number from 1.
    lines: Vec<(usize, String)>,
}

impl TomlError {
    /// The same, with the lines of the file's text that the problems are in.
    pub fn with_lines(mut self, text: &str) -> Self {
        const LONGEST: usize = 200;
        // Files may be a stranger's: short enough for a message.
        let cut = |line: &str| line.chars().take(LONGEST).collect::<String>().replace('\t', " ");
        let line = |number: usize| text.lines().nth(number - 1).unwrap_or_default();
        let numbers = self.problems.iter().map(|problem| problem.line);
        self.lines = numbers.map(|number| (number, cut(line(number)))).collect();
        self
    }
}

/// Each problem as `FILE:LINE:COLUMN: KEY: MESSAGE`, its line with a mark below where lines are
/// shown. Nothing that is quoted ends a line.
impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = on_one_line(&self.file);
        for (i, Problem { line, column, key, message }) in self.problems.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{file}:{line}:{column}: ")?;
            if !key.is_empty() {
                write!(f, "`{}`: ", on_one_line(key))?;
            }
            f.write_str(&on_one_line(message))?;
            let text = self.lines.iter().find(|(number, _)| number == line);
            if let Some((_, text)) = text.filter(|(_, text)| !text.trim().is_empty()) {
                let indent = " ".repeat(column.saturating_sub(1));
                write!(f, "\n{line:>5} | {text}\n      | {indent}^")?;
            }
        }
        if self.more > 0 {
            write!(f, "\n{file}: and {} more problems", self.more)?;
        }
        Ok(())
    }
}

/// The text of a file and the problems found in it so far.
#[derive(Debug)]
pub struct TomlText<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    more: usize,
}

impl<'t> TomlText<'t> {
    /// A text in which nothing is wrong so far.
    pub fn new(text: &'t str) -> Self {
        TomlText { text, problems: Vec::new(), more: 0 }
    }

    /// The text's table; `None` where it is no TOML, which is then a problem.
    pub fn document(&mut self) -> Option<Spanned<DeTable<'t>>> {
        match DeTable::parse(self.text) {
            Ok(document) => Some(document),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                self.problem(span, "", format!("not valid TOML: {}", error.message()));
                None
            }
        }
    }

    /// Whether nothing is wrong so far.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// What was read of the text, where nothing is wrong. `file` is its name in messages.
    pub fn finish<T>(mut self, file: &str, read: Option<T>) -> Result<T, TomlError> {
        match read {
            Some(read) if self.is_sound() => Ok(read),
            _ => {
                self.problems.sort_by_key(|problem| (problem.line, problem.column));
                let (file, problems, more) = (file.to_owned(), self.problems, self.more);
                Err(TomlError { file, problems, more, lines: Vec::new() })
            }
        }
    }

    /// Notes what is wrong with `key` at a place.
    pub fn problem(&mut self, span: Range<usize>, key: &str, message: impl Into<String>) {
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

    /// The keys of a table and their values, in the order of the text.
    pub fn in_order<'v, 'i>(
        table: &'v DeTable<'i>,
    ) -> Vec<(&'v Spanned<DeString<'i>>, &'v Node<'i>)> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
    }

    /// Notes that a value is of another type than the one expected.
    pub fn wrong_type(&mut self, value: &Node<'_>, key: &str, expected: &str) {
        let message = format!("expected {expected}, found {}", value.get_ref().type_str());
        self.problem(value.span(), key, message);
    }

    /// Reports every key of a table that is not one of `known`.
    pub fn known_keys(&mut self, table: &DeTable<'_>, path: &str, known: &[&str]) {
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

    /// The table of a value; `expected` says what it should be.
    pub fn table<'v, 'i>(
        &mut self,
        value: &'v Node<'i>,
        path: &str,
        expected: &str,
    ) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(value, path, expected);
        }
        table
    }

    /// The list of a value, with something in it.
    pub fn array<'v, 'i>(
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

    pub fn string(&mut self, value: &Node<'_>, path: &str) -> Option<String> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(value, path, "a text in quotes");
        }
        text.map(str::to_owned)
    }

    /// A text that something is read from.
    pub fn parsed<T>(&mut self, value: &Node<'_>, path: &str) -> Option<T>
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

    pub fn boolean(&mut self, value: &Node<'_>, path: &str) -> Option<bool> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(value, path, "true or false");
        }
        found
    }

    /// A finite number.
    pub fn number(&mut self, value: &Node<'_>, path: &str) -> Option<f64> {
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
    pub fn whole(&mut self, value: &Node<'_>, path: &str, (min, max): (u64, u64)) -> Option<u64> {
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

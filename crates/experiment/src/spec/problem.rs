//! What is wrong with an experiment file, with the place of everything.

use sigmalab_schedule::toml_text::Problem;
use sigmalab_text::strange_text::on_one_line;
use std::fmt;

/// What is wrong with an experiment file: every problem, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SpecError {
    pub file: String,
    /// The problems, at least one.
    pub problems: Vec<Problem>,
    pub more: usize,
    /// The lines of the text that the problems are in, by line number from 1.
    pub(super) lines: Vec<(usize, String)>,
}

/// Each problem as `FILE:LINE:COLUMN: KEY: MESSAGE` with its line and a mark below. Nothing that is
/// quoted ends a line.
impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            let Problem { line, column, key, message } = problem;
            let newline = if number == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{line}:{column}: ", on_one_line(&self.file))?;
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
            write!(f, "\n{}: and {} more problems", self.file, self.more)?;
        }
        Ok(())
    }
}

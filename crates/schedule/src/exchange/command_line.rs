//! Command lines as a shell reads them: the commands of a text, their words and where they begin.
//! Knows no program.

use super::ImportError;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Command {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    pub(super) words: Vec<String>,
}

/// The commands of a text. Quotes hold words together, a backslash takes the next character as it
/// is, `#` begins a comment, and a line goes on where it ends in a backslash. As shells of Windows
/// have it, `rem` and `::` begin lines that are comments, and a line goes on where it ends in a
/// caret or a backtick. `;`, `&` and `|` part commands too.
///
/// # Errors
/// Where a quote is not closed.
pub(super) fn commands(text: &str) -> Result<Vec<Command>, ImportError> {
    let mut reader = Reader { line: 1, ..Reader::default() };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match c {
            '\n' => {
                reader.end_of_command();
                reader.line += 1;
            }
            '\r' if next == Some('\n') => {}
            _ if reader.begins_remark(c, &chars) => {
                while chars.next_if(|c| *c != '\n').is_some() {}
            }
            '#' if !reader.inside => while chars.next_if(|c| *c != '\n').is_some() {},
            ';' | '&' | '|' => reader.end_of_command(),
            '\\' | '^' | '`' if ends_the_line(&chars) => {
                while chars.next_if(|c| matches!(c, '\r' | ' ' | '\t')).is_some() {}
                chars.next();
                reader.end_of_word();
                reader.line += 1;
            }
            '\\' => {
                if let Some(c) = chars.next() {
                    reader.push(c);
                }
            }
            '$' if next == Some('\'') => {
                chars.next();
                reader.quoted('\'', true, &mut chars)?;
            }
            '"' | '\'' => reader.quoted(c, c == '"', &mut chars)?,
            c if c.is_whitespace() => reader.end_of_word(),
            c => reader.push(c),
        }
    }
    reader.end_of_command();
    Ok(reader.found)
}

/// Whether nothing but blanks follows on the line, which then ends.
fn ends_the_line(rest: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let mut rest = rest.clone();
    while rest.next_if(|c| matches!(c, '\r' | ' ' | '\t')).is_some() {}
    rest.peek() == Some(&'\n')
}

#[derive(Default)]
struct Reader {
    line: usize,
    found: Vec<Command>,
    command: Command,
    word: String,
    /// Whether a word has begun, be it an empty one in quotes.
    inside: bool,
}

impl Reader {
    /// Whether a line begins that the command prompt of Windows passes over: `rem …` or `:: …`.
    fn begins_remark(&self, c: char, rest: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
        if self.inside || !self.command.words.is_empty() || !matches!(c, 'r' | 'R' | ':') {
            return false;
        }
        let mut rest = rest.clone();
        let word: String = std::iter::once(c)
            .chain(rest.by_ref().take_while(|c| !c.is_whitespace()).take(8))
            .collect();
        word.eq_ignore_ascii_case("rem") || word.starts_with("::")
    }

    fn push(&mut self, c: char) {
        if self.command.words.is_empty() && !self.inside {
            self.command.line = self.line;
        }
        self.inside = true;
        self.word.push(c);
    }

    fn end_of_word(&mut self) {
        if self.inside {
            self.command.words.push(std::mem::take(&mut self.word));
        }
        self.inside = false;
    }

    fn end_of_command(&mut self) {
        self.end_of_word();
        let command = std::mem::take(&mut self.command);
        if !command.words.is_empty() {
            self.found.push(command);
        }
    }

    /// The rest of what is in quotes; `escapes` says whether a backslash takes a quote as it is.
    fn quoted(
        &mut self,
        close: char,
        escapes: bool,
        chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    ) -> Result<(), ImportError> {
        let begun = self.line;
        if self.command.words.is_empty() && !self.inside {
            self.command.line = begun;
        }
        self.inside = true;
        loop {
            match chars.next() {
                Some(c) if c == close => return Ok(()),
                Some('\\') if escapes => match chars.next() {
                    Some('\n') => self.line += 1,
                    Some(c) if c == close || matches!(c, '\\' | '$' | '`') => self.word.push(c),
                    Some(c) => self.word.extend(['\\', c]),
                    None => {}
                },
                Some(c) => {
                    self.line += usize::from(c == '\n');
                    self.word.push(c);
                }
                None => {
                    return Err(ImportError::new(format!(
                        "a quote in the command line is not closed; it begins in line {begun}"
                    )));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(text: &str) -> Vec<(usize, Vec<String>)> {
        commands(text).unwrap().into_iter().map(|found| (found.line, found.words)).collect()
    }

    #[test]
    fn words_are_those_of_a_shell() {
        for (text, words) in [
            (r#"a "b c" 'd e'f"#, vec!["a", "b c", "d ef"]),
            (r#"a "b \"c\" \n" 'it'\''s'"#, vec!["a", r#"b "c" \n"#, "it's"]),
            (r"a b\ c ''", vec!["a", "b c", ""]),
            (r"a $'it\'s'", vec!["a", "it's"]),
            ("a \\\n  b \\\r\n c ^\n d `\ne", vec!["a", "b", "c", "d", "e"]),
            ("a 'b\n# c' # d\n", vec!["a", "b\n# c"]),
            ("a#b", vec!["a#b"]),
        ] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            assert_eq!(of(text), [(1, words)], "{text}");
        }
        assert!(commands("a 'b").unwrap_err().to_string().contains("begins in line 1"));
    }

    #[test]
    fn commands_end_with_their_line() {
        let found = of("# first\ncd x && a 1\n\nb \\\n 2; c\r\nd");
        let shown: Vec<_> = found.iter().map(|(line, words)| (*line, words.join(" "))).collect();
        let shown: Vec<_> = shown.iter().map(|(line, words)| (*line, words.as_str())).collect();
        assert_eq!(shown, [(2, "cd x"), (2, "a 1"), (4, "b 2"), (5, "c"), (6, "d")]);
        let found = of("REM it's a remark --steps 9\n:: it's one, too\nremove a\n:\n");
        let shown: Vec<_> = found.iter().map(|(line, words)| (*line, words.join(" "))).collect();
        assert_eq!(shown, [(3, "remove a".to_owned()), (4, ":".to_owned())]);
    }
}

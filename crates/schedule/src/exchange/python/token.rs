//! The tokens of Python text: names, numbers, strings with their escapes and prefixes, operators,
//! and the ends of lines outside of brackets. Comments are left out.

use super::super::ImportError;

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Token {
    /// A name or a keyword.
    Name(String),
    /// A number as it is written.
    Number(String),
    /// What a string literal says.
    Text(String),
    /// An operator or a bracket.
    Operator(&'static str),
    /// The end of a line that ends a statement.
    LineEnd,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Placed {
    pub(super) token: Token,
    /// Counted from 1.
    pub(super) line: usize,
    /// Bytes of the text.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Operators, longer ones before those that they begin with.
const OPERATORS: [&str; 44] = [
    "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "==", "!=", "<=", ">=", "->", ":=",
    "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=", "+", "-", "*", "/", "%", "&", "|", "^",
    "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", "=",
];

/// More operators that are single characters.
const MORE: [&str; 5] = [".", ";", "@", "!", "?"];

/// The tokens of a text.
///
/// # Errors
/// Where a string is not closed.
pub(in super::super) fn tokens(text: &str) -> Result<Vec<Placed>, ImportError> {
    let mut reader = Reader { text, at: 0, line: 1, depth: 0, found: Vec::new() };
    reader.prompt();
    while let Some(c) = reader.next_char() {
        reader.token(c)?;
    }
    Ok(reader.found)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    /// Brackets that are open.
    depth: usize,
    found: Vec<Placed>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn next_char(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, token: Token, start: usize, line: usize) {
        self.found.push(Placed { token, line, start, end: self.at });
    }

    /// Passes over the prompt of an interactive session at the beginning of a line.
    fn prompt(&mut self) {
        for prompt in [">>> ", "... "] {
            if self.rest().starts_with(prompt) {
                self.at += prompt.len();
            }
        }
    }

    fn token(&mut self, c: char) -> Result<(), ImportError> {
        let (start, line) = (self.at, self.line);
        if c == '\n' {
            self.at += 1;
            self.line += 1;
            if self.depth == 0 {
                self.push(Token::LineEnd, start, line);
            }
            self.prompt();
        } else if c == '#' {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        } else if c == '\\' && self.rest().starts_with("\\\n") {
            self.at += 2;
            self.line += 1;
        } else if c == '\\' && self.rest().starts_with("\\\r\n") {
            self.at += 3;
            self.line += 1;
        } else if c.is_whitespace() {
            self.at += c.len_utf8();
        } else if let Some(raw) = string_prefix(self.rest()) {
            let text = self.string(raw)?;
            let prefix = self.text.get(start..).unwrap_or("").split(['"', '\'']).next();
            let computed = prefix.is_some_and(|prefix| prefix.contains(['f', 'F', 't', 'T']));
            // What a string with values in it says is known to whoever runs it.
            let token = match computed && text.contains('{') {
                true => Token::Operator("?"),
                false => Token::Text(text),
            };
            self.push(token, start, line);
        } else if c.is_alphabetic() || c == '_' {
            let name = |c: char| c.is_alphanumeric() || c == '_';
            let length = self.rest().find(|c| !name(c)).unwrap_or(self.rest().len());
            let name = self.rest().get(..length).unwrap_or("").to_owned();
            self.at += length;
            self.push(Token::Name(name), start, line);
        } else if starts_a_number(self.rest()) {
            let length = number_length(self.rest());
            let number = self.rest().get(..length).unwrap_or("").to_owned();
            self.at += length;
            self.push(Token::Number(number), start, line);
        } else {
            self.operator(c);
        }
        Ok(())
    }

    fn operator(&mut self, c: char) {
        let (start, line) = (self.at, self.line);
        let known = OPERATORS.into_iter().chain(MORE).find(|known| self.rest().starts_with(known));
        match known {
            Some("(" | "[" | "{") => self.depth += 1,
            Some(")" | "]" | "}") => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.at += known.map_or(c.len_utf8(), str::len);
        // What is no operator of Python makes whatever it stands in unreadable.
        self.push(Token::Operator(known.unwrap_or("?")), start, line);
    }

    /// A string literal from its prefix to its closing quote.
    fn string(&mut self, raw: bool) -> Result<String, ImportError> {
        let begun = self.line;
        let unclosed =
            || ImportError::new(format!("the string that begins in line {begun} is not closed"));
        let quote_at = self.rest().find(['"', '\'']).unwrap_or(0);
        self.at += quote_at;
        let Some(quote) = self.next_char() else { return Err(unclosed()) };
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let close = if self.rest().starts_with(&triple) { triple } else { quote.to_string() };
        self.at += close.len();
        let mut text = String::new();
        loop {
            if self.rest().starts_with(&close) {
                self.at += close.len();
                return Ok(text);
            }
            let Some(c) = self.next_char() else { return Err(unclosed()) };
            self.at += c.len_utf8();
            match c {
                '\n' if close.len() == 1 => return Err(unclosed()),
                '\n' => {
                    self.line += 1;
                    text.push('\n');
                }
                '\\' if raw => {
                    text.push('\\');
                    // Not even a raw string ends at a quote behind a backslash.
                    if let Some(next) = self.next_char() {
                        self.at += next.len_utf8();
                        self.line += usize::from(next == '\n');
                        text.push(next);
                    }
                }
                '\\' => self.escape(&mut text),
                c => text.push(c),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, text: &mut String) {
        let Some(c) = self.next_char() else { return };
        self.at += c.len_utf8();
        let simple = match c {
            '\n' => {
                self.line += 1;
                return;
            }
            '\r' => {
                if self.next_char() == Some('\n') {
                    self.at += 1;
                    self.line += 1;
                }
                return;
            }
            '\\' | '\'' | '"' => Some(c),
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'v' => Some('\u{b}'),
            _ => None,
        };
        let (digits, radix) = match c {
            '0'..='7' => (3, 8),
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            _ => (0, 10),
        };
        if radix == 8 {
            self.at -= 1;
        }
        let length = self.rest().chars().take(digits).take_while(|c| c.is_digit(radix)).count();
        let code = self.rest().get(..length).and_then(|code| u32::from_str_radix(code, radix).ok());
        match (simple, code.and_then(char::from_u32)) {
            (Some(c), _) => text.push(c),
            (None, Some(c)) if radix == 8 || length == digits => {
                self.at += length;
                text.push(c);
            }
            // As Python does with what is no escape.
            _ => {
                if radix == 8 {
                    self.at += 1;
                }
                text.push('\\');
                text.push(c);
            }
        }
    }
}

/// Whether a string begins here, and if so whether its prefix makes it a raw one.
fn string_prefix(rest: &str) -> Option<bool> {
    // Not looked for any farther: this is asked at every token.
    let quote = rest.bytes().take(3).position(|byte| matches!(byte, b'"' | b'\''))?;
    let prefix = rest.get(..quote)?;
    let known = prefix.chars().all(|c| "rRbBuUfFtT".contains(c));
    known.then(|| prefix.contains(['r', 'R']))
}

fn starts_a_number(rest: &str) -> bool {
    let mut chars = rest.chars();
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    match chars.next() {
        Some('.') => digit(chars.next()),
        c => digit(c),
    }
}

fn number_length(rest: &str) -> usize {
    let mut before = ' ';
    let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    for (at, c) in rest.char_indices() {
        let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !hexadecimal;
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign) {
            return at;
        }
        before = c;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        let found = tokens(source).unwrap();
        let text = |placed: Placed| match placed.token {
            Token::Text(text) => Some(text),
            _ => None,
        };
        found.into_iter().filter_map(text).collect()
    }

    #[test]
    fn strings_say_what_python_reads() {
        for (source, said) in [
            (r#"'it\'s'"#, "it's"),
            (r#""a \"b\" \\""#, r#"a "b" \"#),
            (r#"'''one 'two' three'''"#, "one 'two' three"),
            ("\"\"\"{\n\"a\": 1}\"\"\"", "{\n\"a\": 1}"),
            (r#"r'\d\''"#, r"\d\'"),
            (r#"rb"\x""#, r"\x"),
            (r#"'\x41\u00e9\U0001F600\101\n'"#, "A\u{e9}\u{1f600}A\n"),
            (r#"'\d\q'"#, r"\d\q"),
            ("'a\\\nb'", "ab"),
            (r#"f'x'"#, "x"),
        ] {
            assert_eq!(texts(source), [said], "{source}");
        }
        assert!(texts("f'{x}'").is_empty(), "what it says is not known here");
        assert_eq!(texts("# it's\n'a' # 'b\n"), ["a"]);
        let told = tokens("x = 1\ny = 'a\n'").unwrap_err().to_string();
        assert!(told.contains("begins in line 2"), "{told}");
        assert!(tokens("'''a").is_err());
    }

    #[test]
    fn lines_end_outside_of_brackets_only() {
        let ends = |source: &str| {
            tokens(source).unwrap().iter().filter(|placed| placed.token == Token::LineEnd).count()
        };
        assert_eq!((ends("a\nb"), ends("f(\n1,\n2)\n"), ends("a = \\\n 1")), (1, 1, 0));
    }
}

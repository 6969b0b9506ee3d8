//! The calls in Python text, with what each is called and its arguments.

use super::super::ImportError;
use super::token::{Placed, Token};
use super::value::{DEEPEST, NoValue, Room, Value, value};

/// A call, or bare arguments.
#[derive(Debug, Clone)]
pub(in super::super) struct Call {
    /// The last name of the function; empty for bare arguments.
    pub(in super::super) function: String,
    /// The key it has in a dictionary, else the name that it is assigned to.
    pub(in super::super) name: Option<String>,
    /// Where it begins, counted from 1.
    pub(in super::super) line: usize,
    positional: Vec<Argument>,
    named: Vec<(String, Argument)>,
    /// Such as `*list` and `**dictionary`, as they are written.
    unpacked: Vec<String>,
}

/// An argument's value, and how it is written.
#[derive(Debug, Clone)]
pub(in super::super) struct Argument {
    pub(in super::super) written: String,
    pub(in super::super) value: Result<Value, NoValue>,
}

impl Call {
    /// An argument by its name, else by its place; `None` where it is not given or `None`.
    pub(in super::super) fn get(&self, name: &str, place: Option<usize>) -> Option<&Argument> {
        let named = self.named.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value);
        let found = named.or_else(|| self.positional.get(place?));
        found.filter(|argument| argument.value != Ok(Value::None))
    }

    /// Whether an argument of that name is written, be it `None`.
    pub(in super::super) fn names(&self, name: &str) -> bool {
        self.named.iter().any(|(key, _)| key == name)
    }

    /// Arguments that stand for more of them, such as `**dictionary`, as they are written.
    pub(in super::super) fn unpacked(&self) -> &[String] {
        &self.unpacked
    }

    /// How many arguments have no name.
    pub(in super::super) fn positional(&self) -> usize {
        self.positional.len()
    }

    /// A finite number.
    pub(in super::super) fn number(
        &self,
        name: &str,
        place: Option<usize>,
    ) -> Result<Option<f64>, ImportError> {
        let Some(argument) = self.get(name, place) else { return Ok(None) };
        match argument.value {
            Ok(Value::Number(number)) if number.is_finite() => Ok(Some(number)),
            _ => Err(argument.expected(name, "a finite number")),
        }
    }

    /// A number of steps or pixels.
    pub(in super::super) fn count(
        &self,
        name: &str,
        place: Option<usize>,
    ) -> Result<Option<usize>, ImportError> {
        let Some(argument) = self.get(name, place) else { return Ok(None) };
        match argument.value {
            Ok(Value::Number(number)) if number.fract() == 0.0 && (0.0..=1e9).contains(&number) => {
                Ok(Some(number as usize))
            }
            _ => Err(argument.expected(name, "a whole number")),
        }
    }
}

impl Argument {
    fn expected(&self, name: &str, what: &str) -> ImportError {
        ImportError::new(format!("`{name}={}`: expected {what}", self.shown()))
    }

    /// How it is written, as far as a message has room for it.
    pub(in super::super) fn shown(&self) -> String {
        self.written.chars().take(60).collect()
    }
}

/// Every call in the text, in its order; a call inside of another comes after it. One that is deeper
/// in brackets than any schedule is left out: arguments are read once for each call around them.
pub(in super::super) fn calls(text: &str, tokens: &[Placed]) -> Vec<Call> {
    let token = |at: usize| tokens.get(at).map(|placed| &placed.token);
    let mut found = Vec::new();
    let mut room = Room::new();
    let mut depth = 0usize;
    for (at, placed) in tokens.iter().enumerate() {
        match placed.token {
            Token::Operator("(" | "[" | "{") => depth += 1,
            Token::Operator(")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ => {}
        }
        let Token::Name(function) = &placed.token else { continue };
        if depth > DEEPEST || token(at + 1) != Some(&Token::Operator("(")) {
            continue;
        }
        // `a.b.c(` is a call of `c`, and begins at `a`.
        let mut first = at;
        while first >= 2
            && token(first - 1) == Some(&Token::Operator("."))
            && matches!(token(first - 2), Some(Token::Name(_)))
        {
            first -= 2;
        }
        let before = |back: usize| first.checked_sub(back).and_then(token);
        if matches!(before(1), Some(Token::Name(word)) if word == "def" || word == "class") {
            continue;
        }
        let name = match before(1) {
            Some(Token::Operator(":")) => key(tokens.get(..first - 1).unwrap_or_default()),
            Some(Token::Operator("=")) => assigned(tokens.get(..first - 1).unwrap_or_default()),
            _ => None,
        };
        let inner = tokens.get(at + 2..).unwrap_or_default();
        let arguments = bare(text, inner, &mut room);
        let call = Call { function: function.clone(), name, line: placed.line, ..arguments };
        found.push(call);
    }
    found
}

/// What the string literals say that end what stands before a value of a dictionary.
fn key(before: &[Placed]) -> Option<String> {
    let texts = before.iter().rev().map_while(|placed| match &placed.token {
        Token::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let mut texts: Vec<&str> = texts.collect();
    texts.reverse();
    (!texts.is_empty()).then(|| texts.concat())
}

/// The name that a statement assigns to whose part before `=` ends `before`: `NAME`, `NAME: TYPE`,
/// or the key of `NAME["KEY"]`. Of several names it is none.
fn assigned(before: &[Placed]) -> Option<String> {
    let ends = |placed: &Placed| matches!(placed.token, Token::LineEnd | Token::Operator(";"));
    let start = before.iter().rposition(ends).map_or(0, |end| end + 1);
    let parts: Vec<&Token> = before.get(start..)?.iter().map(|placed| &placed.token).collect();
    let count = |brackets: [&str; 3]| {
        let is_one = |part: &&&Token| matches!(part, Token::Operator(o) if brackets.contains(o));
        parts.iter().filter(is_one).count()
    };
    if count(["(", "[", "{"]) > count([")", "]", "}"]) {
        // An argument of a call around it.
        return match parts.last() {
            Some(Token::Name(name)) => Some(name.clone()),
            _ => None,
        };
    }
    match parts.as_slice() {
        [Token::Name(name)] | [Token::Name(name), Token::Operator(":"), ..] => Some(name.clone()),
        [.., Token::Operator("["), Token::Text(key), Token::Operator("]")] => Some(key.clone()),
        _ => None,
    }
}

/// The text itself as arguments.
pub(in super::super) fn arguments(text: &str, tokens: &[Placed]) -> Call {
    // A call's lines do not end inside of it; here they may.
    let tokens: Vec<Placed> =
        tokens.iter().filter(|placed| placed.token != Token::LineEnd).cloned().collect();
    bare(text, &tokens, &mut Room::new())
}

/// The arguments up to the bracket that closes them, or to the end.
fn bare(text: &str, tokens: &[Placed], room: &mut Room) -> Call {
    let mut call = Call {
        function: String::new(),
        name: None,
        line: tokens.first().map_or(1, |placed| placed.line),
        positional: Vec::new(),
        named: Vec::new(),
        unpacked: Vec::new(),
    };
    let mut depth = 0usize;
    let mut rest = tokens;
    let mut at = 0;
    while let Some(placed) = rest.get(at) {
        match placed.token {
            Token::Operator("(" | "[" | "{") => depth += 1,
            Token::Operator(")" | "]" | "}") => match depth.checked_sub(1) {
                Some(left) => depth = left,
                None => break,
            },
            Token::Operator(",") if depth == 0 => {
                let (part, behind) = rest.split_at(at);
                call.take(text, part, room);
                (rest, at) = (behind.get(1..).unwrap_or_default(), 0);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    call.take(text, rest.get(..at).unwrap_or_default(), room);
    call
}

impl Call {
    fn take(&mut self, text: &str, part: &[Placed], room: &mut Room) {
        let (name, rest) = match part {
            [] => return,
            [
                Placed { token: Token::Name(name), .. },
                Placed { token: Token::Operator("="), .. },
                rest @ ..,
            ] => (Some(name.clone()), rest),
            rest => (None, rest),
        };
        let (start, end) = match (rest.first(), rest.last()) {
            (Some(first), Some(last)) => (first.start, last.end),
            _ => (0, 0),
        };
        let written = text.get(start..end).unwrap_or("").to_owned();
        if let (None, Some(Token::Operator("*" | "**"))) = (&name, rest.first().map(|p| &p.token)) {
            return self.unpacked.push(written.chars().take(60).collect());
        }
        let argument = Argument { written, value: value(rest, room) };
        match name {
            Some(name) => self.named.push((name, argument)),
            // Behind `*list` nobody knows the place of an argument.
            None if self.unpacked.is_empty() => self.positional.push(argument),
            None => {}
        }
    }
}

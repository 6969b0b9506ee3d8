//! What an expression of literals is worth: numbers, strings, lists and tuples, and sums and
//! multiples of them. Anything else has no value here.

use super::super::super::fault::MAX_STEPS;
use super::token::{Placed, Token};

/// Brackets inside brackets before an expression, or a call, counts as none.
pub(super) const DEEPEST: usize = 32;

/// How much the multiples of lists in a text may become, in numbers and bytes of strings. Files of
/// presets need some thousand; a line of multiples of multiples can ask for any number.
const MOST: usize = 1 << 20;

/// What is left of [`MOST`].
pub(super) struct Room(usize);

impl Room {
    /// Of a text.
    pub(super) fn new() -> Self {
        Room(MOST)
    }

    fn take(&mut self, weight: usize) -> Result<(), NoValue> {
        self.0 = self.0.checked_sub(weight).ok_or(NoValue::TooLong)?;
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Value {
    None,
    /// A number, whole or not.
    Number(f64),
    Text(String),
    /// A list or a tuple.
    List(Vec<Value>),
}

/// Why an expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum NoValue {
    /// Something that would have to be run, or is no Python.
    Unknown,
    /// A list longer than any schedule, or all of a text's longer than any file's.
    TooLong,
}

/// The value of an expression, which takes of the text's room.
pub(super) fn value(tokens: &[Placed], room: &mut Room) -> Result<Value, NoValue> {
    let mut parser = Parser { tokens, at: 0, depth: 0, room };
    let value = parser.sum()?;
    if parser.at == tokens.len() { Ok(value) } else { Err(NoValue::Unknown) }
}

struct Parser<'t> {
    tokens: &'t [Placed],
    at: usize,
    depth: usize,
    room: &'t mut Room,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|placed| &placed.token)
    }

    fn takes(&mut self, operator: &'static str) -> bool {
        let there = self.peek() == Some(&Token::Operator(operator));
        self.at += usize::from(there);
        there
    }

    fn sum(&mut self) -> Result<Value, NoValue> {
        let mut sum = self.product()?;
        loop {
            if self.takes("+") {
                sum = match (sum, self.product()?) {
                    (Value::Number(a), Value::Number(b)) => Value::Number(a + b),
                    (Value::List(mut a), Value::List(b)) => {
                        a.extend(b);
                        short_enough(a)?
                    }
                    _ => return Err(NoValue::Unknown),
                };
            } else if self.takes("-") {
                sum = match (sum, self.product()?) {
                    (Value::Number(a), Value::Number(b)) => Value::Number(a - b),
                    _ => return Err(NoValue::Unknown),
                };
            } else {
                return Ok(sum);
            }
        }
    }

    fn product(&mut self) -> Result<Value, NoValue> {
        let mut product = self.signed()?;
        while self.takes("*") {
            product = match (product, self.signed()?) {
                (Value::Number(a), Value::Number(b)) => Value::Number(a * b),
                (Value::List(list), Value::Number(times))
                | (Value::Number(times), Value::List(list)) => repeated(&list, times, self.room)?,
                _ => return Err(NoValue::Unknown),
            };
        }
        Ok(product)
    }

    fn signed(&mut self) -> Result<Value, NoValue> {
        let mut negative = false;
        loop {
            if self.takes("-") {
                negative = !negative;
            } else if !self.takes("+") {
                break;
            } else {
                continue;
            }
        }
        match self.atom()? {
            Value::Number(number) if negative => Ok(Value::Number(-number)),
            _ if negative => Err(NoValue::Unknown),
            value => Ok(value),
        }
    }

    fn atom(&mut self) -> Result<Value, NoValue> {
        let token = self.tokens.get(self.at).ok_or(NoValue::Unknown)?;
        self.at += 1;
        match &token.token {
            Token::Number(text) => number(text).map(Value::Number).ok_or(NoValue::Unknown),
            Token::Text(text) => {
                let mut text = text.clone();
                while let Some(Placed { token: Token::Text(more), .. }) = self.tokens.get(self.at) {
                    text.push_str(more);
                    self.at += 1;
                }
                Ok(Value::Text(text))
            }
            Token::Name(name) => match name.as_str() {
                "None" => Ok(Value::None),
                // What makes a tuple of a list or a number of a number changes nothing here.
                "tuple" | "list" | "float" | "int" if self.takes("(") => {
                    match (name.as_str(), self.bracketed(")")?) {
                        ("tuple" | "list", (list @ Value::List(_), _)) => Ok(list),
                        ("float", (Value::Number(number), false)) => Ok(Value::Number(number)),
                        ("int", (Value::Number(number), false)) => {
                            Ok(Value::Number(number.trunc()))
                        }
                        _ => Err(NoValue::Unknown),
                    }
                }
                _ => Err(NoValue::Unknown),
            },
            Token::Operator("(") => self.bracketed(")").map(|(value, _)| value),
            Token::Operator("[") => match self.bracketed("]")? {
                (Value::List(list), true) => Ok(Value::List(list)),
                (one, false) => Ok(Value::List(vec![one])),
                (_, true) => Err(NoValue::Unknown),
            },
            _ => Err(NoValue::Unknown),
        }
    }

    /// What stands before a closing bracket, and whether it is a list: it has a comma or nothing.
    fn bracketed(&mut self, close: &'static str) -> Result<(Value, bool), NoValue> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(NoValue::Unknown);
        }
        let mut list = Vec::new();
        let mut commas = false;
        while !self.takes(close) {
            list.push(self.sum()?);
            if list.len() > MAX_STEPS {
                return Err(NoValue::TooLong);
            }
            if self.takes(",") {
                commas = true;
            } else if self.peek() != Some(&Token::Operator(close)) {
                return Err(NoValue::Unknown);
            }
        }
        self.depth -= 1;
        match list.pop() {
            Some(one) if list.is_empty() && !commas => Ok((one, false)),
            last => {
                list.extend(last);
                Ok((Value::List(list), true))
            }
        }
    }
}

fn repeated(list: &[Value], times: f64, room: &mut Room) -> Result<Value, NoValue> {
    if times.fract() != 0.0 || !times.is_finite() {
        return Err(NoValue::Unknown);
    }
    let times = times.max(0.0);
    if list.len() as f64 * times > MAX_STEPS as f64 {
        return Err(NoValue::TooLong);
    }
    let times = if list.is_empty() { 0 } else { times as usize };
    let weight: usize = list.iter().map(weight).sum();
    room.take(weight.saturating_mul(times))?;
    Ok(Value::List(list.iter().cloned().cycle().take(list.len() * times).collect()))
}

/// Numbers and bytes of strings.
fn weight(value: &Value) -> usize {
    match value {
        Value::None | Value::Number(_) => 1,
        Value::Text(text) => 1 + text.len(),
        Value::List(list) => 1 + list.iter().map(weight).sum::<usize>(),
    }
}

fn short_enough(list: Vec<Value>) -> Result<Value, NoValue> {
    if list.len() > MAX_STEPS { Err(NoValue::TooLong) } else { Ok(Value::List(list)) }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    let whole = |prefix: [&str; 2], radix| {
        let digits = prefix.iter().find_map(|prefix| plain.strip_prefix(prefix))?;
        u64::from_str_radix(digits, radix).ok().map(|number| number as f64)
    };
    whole(["0x", "0X"], 16)
        .or_else(|| whole(["0o", "0O"], 8))
        .or_else(|| whole(["0b", "0B"], 2))
        .or_else(|| plain.parse().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::token::tokens;
    use super::*;

    fn of(text: &str) -> Result<Value, NoValue> {
        value(&tokens(text).unwrap(), &mut Room::new())
    }

    #[test]
    fn literals_and_their_sums_and_multiples_have_a_value() {
        let list =
            |numbers: &[f64]| Ok(Value::List(numbers.iter().copied().map(Value::Number).collect()));
        assert_eq!(of("-1_0.5e0"), Ok(Value::Number(-10.5)));
        assert_eq!(of("0x10 - .5 + 1."), Ok(Value::Number(16.5)));
        assert_eq!(of("'a' \"b\""), Ok(Value::Text("ab".to_owned())));
        assert_eq!(of("(7.0,) * 2 + [3.0]"), list(&[7.0, 7.0, 3.0]));
        assert_eq!(of("2 * [1, -1,]"), list(&[1.0, -1.0, 1.0, -1.0]));
        assert_eq!(of("tuple([5] * (3 - 1))"), list(&[5.0, 5.0]));
        assert_eq!(of("(7.0)"), Ok(Value::Number(7.0)));
        assert_eq!(of("()"), list(&[]));
        assert_eq!(of("None"), Ok(Value::None));
    }

    #[test]
    fn anything_else_has_none() {
        for text in ["steps", "f(1)", "[1", "1 2", "[1 2]", "'a' * 2", "1 / 2", "[x for x in y]"] {
            assert_eq!(of(text), Err(NoValue::Unknown), "{text}");
        }
        assert_eq!(of(&"(".repeat(99)), Err(NoValue::Unknown));
        assert_eq!(of("[1] * 99999999999999"), Err(NoValue::TooLong));
        assert_eq!(of("[1, 2] * 600 + [3]"), Err(NoValue::TooLong));
    }

    #[test]
    fn multiples_of_multiples_fill_no_memory() {
        assert_eq!(of("[[[[0] * 1000] * 1000] * 1000] * 1000"), Err(NoValue::TooLong));
        let long = "a".repeat(1000);
        assert_eq!(of(&format!("[['{long}'] * 1000] * 1000")), Err(NoValue::TooLong));
        // Nor do many of them, one beside the other.
        let tokens = tokens("[0] * 1000").unwrap();
        let mut room = Room::new();
        let read = (0..2000).filter(|_| value(&tokens, &mut room).is_ok()).count();
        assert!((1000..1100).contains(&read), "{read}");
    }
}

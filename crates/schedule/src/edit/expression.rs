//! Small formulas that set the cells of a selection. Knows nothing of drafts.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = sign { ("*" | "/") sign }
//! sign    = { "+" | "-" } power
//! power   = atom [ "^" sign ]
//! atom    = NUMBER | VARIABLE | FUNCTION "(" sum { "," sum } ")" | "(" sum ")"
//! ```
//!
//! So `-2^2` is −4 and `2^3^2` is 512, as in mathematics and Python.

use super::super::nearest::nearest;

/// Deepest nesting: deeper text would only test the stack.
const MAX_DEPTH: usize = 64;

/// Longest text, in bytes.
const MAX_LENGTH: usize = 1000;

/// What a formula may refer to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variables {
    /// `i`: the step's number in sampling order, from 0.
    pub step: f64,
    /// `n`: how many steps the schedule has.
    pub steps: f64,
    /// `t`: how far along the schedule the step is: 0 at the first, 1 at the last.
    pub along: f64,
    /// `x`: the cell's value.
    pub value: f64,
}

/// A formula over `i`, `n`, `t` and `x`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// In the order in which they are computed, on a stack.
    operations: Vec<Operation>,
}

/// What is wrong with the text of a formula.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ExpressionError {
    /// Column of the text in characters, counted from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Number(f64),
    Variable(Variable),
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Call(Function),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Variable {
    Step,
    Steps,
    Along,
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Min,
    Max,
    Sin,
    Cos,
    Exp,
    Ln,
    Sqrt,
    Abs,
    Clamp,
}

/// Functions with their number of arguments.
const FUNCTIONS: [(&str, usize, Function); 9] = [
    ("min", 2, Function::Min),
    ("max", 2, Function::Max),
    ("sin", 1, Function::Sin),
    ("cos", 1, Function::Cos),
    ("exp", 1, Function::Exp),
    ("ln", 1, Function::Ln),
    ("sqrt", 1, Function::Sqrt),
    ("abs", 1, Function::Abs),
    ("clamp", 3, Function::Clamp),
];

const NAMES: [(&str, Operation); 6] = [
    ("i", Operation::Variable(Variable::Step)),
    ("n", Operation::Variable(Variable::Steps)),
    ("t", Operation::Variable(Variable::Along)),
    ("x", Operation::Variable(Variable::Value)),
    ("pi", Operation::Number(std::f64::consts::PI)),
    ("e", Operation::Number(std::f64::consts::E)),
];

impl Expression {
    /// The value for a cell; NaN or infinite where the formula has none there, such as `ln(0)`.
    pub fn value(&self, at: Variables) -> f64 {
        let mut stack: Vec<f64> = Vec::new();
        for operation in &self.operations {
            let mut pop = || stack.pop().unwrap_or(f64::NAN);
            let value = match *operation {
                Operation::Number(number) => number,
                Operation::Variable(Variable::Step) => at.step,
                Operation::Variable(Variable::Steps) => at.steps,
                Operation::Variable(Variable::Along) => at.along,
                Operation::Variable(Variable::Value) => at.value,
                Operation::Negate => -pop(),
                Operation::Call(function) => match function {
                    Function::Sin => pop().sin(),
                    Function::Cos => pop().cos(),
                    Function::Exp => pop().exp(),
                    Function::Ln => pop().ln(),
                    Function::Sqrt => pop().sqrt(),
                    Function::Abs => pop().abs(),
                    Function::Min => lesser(pop(), pop()),
                    Function::Max => -lesser(-pop(), -pop()),
                    Function::Clamp => {
                        let (high, low, value) = (pop(), pop(), pop());
                        lesser(-lesser(-value, -low), high)
                    }
                },
                binary => {
                    let (right, left) = (pop(), pop());
                    match binary {
                        Operation::Add => left + right,
                        Operation::Subtract => left - right,
                        Operation::Multiply => left * right,
                        Operation::Divide => left / right,
                        _ => left.powf(right),
                    }
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(f64::NAN)
    }
}

/// The lesser of two numbers; NaN where one is, so that no mistake is hidden, unlike `f64::min`.
fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

impl std::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let mut parser = Parser { text, at: 0, depth: 0, operations: Vec::new() };
        if text.len() > MAX_LENGTH {
            return Err(parser.wrong(0, format!("it is longer than {MAX_LENGTH} characters")));
        }
        if text.trim().is_empty() {
            return Err(parser.wrong(0, "write a formula such as `x*1.1` or `3 + 4*t`"));
        }
        parser.sum()?;
        match parser.next() {
            None => Ok(Expression { operations: parser.operations }),
            Some(')') => Err(parser.wrong(parser.at, "this `)` closes nothing")),
            Some(found) => {
                let message = format!("expected + - * / ^ or the end, found `{found}`");
                Err(parser.wrong(parser.at, message))
            }
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    /// The byte that is read next.
    at: usize,
    depth: usize,
    operations: Vec<Operation>,
}

impl<'t> Parser<'t> {
    fn wrong(&self, at: usize, message: impl Into<String>) -> ExpressionError {
        let before = self.text.get(..at).unwrap_or(self.text);
        ExpressionError { column: before.chars().count() + 1, message: message.into() }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// The next character after spaces, which are passed.
    fn next(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    /// Takes the next character if it is one of `wanted`.
    fn take(&mut self, wanted: &[char]) -> Option<char> {
        let found = self.next().filter(|found| wanted.contains(found))?;
        self.at += found.len_utf8();
        Some(found)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn sum(&mut self) -> Result<(), ExpressionError> {
        self.product()?;
        while let Some(sign) = self.take(&['+', '-', '−']) {
            self.product()?;
            self.operations.push(if sign == '+' { Operation::Add } else { Operation::Subtract });
        }
        Ok(())
    }

    fn product(&mut self) -> Result<(), ExpressionError> {
        self.sign()?;
        while let Some(sign) = self.take(&['*', '/', '×']) {
            self.sign()?;
            self.operations.push(if sign == '/' { Operation::Divide } else { Operation::Multiply });
        }
        Ok(())
    }

    fn sign(&mut self) -> Result<(), ExpressionError> {
        let mut negative = false;
        while let Some(sign) = self.take(&['+', '-', '−']) {
            negative ^= sign != '+';
        }
        self.power()?;
        if negative {
            self.operations.push(Operation::Negate);
        }
        Ok(())
    }

    fn power(&mut self) -> Result<(), ExpressionError> {
        self.atom()?;
        if self.take(&['^']).is_some() {
            self.nested(Self::sign)?;
            self.operations.push(Operation::Power);
        }
        Ok(())
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<(), ExpressionError>,
    ) -> Result<(), ExpressionError> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong(self.at, format!("it is nested deeper than {MAX_DEPTH}")));
        }
        self.depth += 1;
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn atom(&mut self) -> Result<(), ExpressionError> {
        let first = self.next();
        let start = self.at;
        match first {
            Some('(') => {
                self.at += 1;
                self.nested(Self::sum)?;
                self.close(start)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.name(),
            Some(found) => {
                let message = format!("expected a number, a name or `(`, found `{found}`");
                Err(self.wrong(start, message))
            }
            None => Err(self.wrong(start, "it ends where a number, a name or `(` belongs")),
        }
    }

    fn close(&mut self, opened: usize) -> Result<(), ExpressionError> {
        match self.take(&[')']) {
            Some(_) => Ok(()),
            None => Err(self.wrong(opened, "this `(` is not closed")),
        }
    }

    fn number(&mut self) -> Result<(), ExpressionError> {
        let start = self.at;
        let digit = |c: char| c.is_ascii_digit() || c == '.';
        self.take_while(digit);
        // An exponent, but not the number e.
        let mut rest = self.rest().chars();
        if matches!(rest.next(), Some('e' | 'E')) {
            let sign = rest.next();
            let digits = if matches!(sign, Some('+' | '-')) { rest.next() } else { sign };
            if digits.is_some_and(|c| c.is_ascii_digit()) {
                self.at += if matches!(sign, Some('+' | '-')) { 2 } else { 1 };
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.operations.push(Operation::Number(number));
                Ok(())
            }
            _ => Err(self.wrong(start, format!("`{text}` is not a finite number"))),
        }
    }

    fn name(&mut self) -> Result<(), ExpressionError> {
        let start = self.at;
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if let Some(&(_, arguments, function)) =
            FUNCTIONS.iter().find(|(function, ..)| *function == name)
        {
            return self.call(start, name, arguments, function);
        }
        if let Some(&(_, operation)) = NAMES.iter().find(|(variable, _)| *variable == name) {
            self.operations.push(operation);
            return Ok(());
        }
        let known = FUNCTIONS.iter().map(|(name, ..)| *name);
        let message = match nearest(name, known).first() {
            Some(near) => format!("`{name}` is unknown: did you mean `{near}`?"),
            None => format!(
                "`{name}` is unknown: there are i (step), n (steps), t (0 to 1), x (old value), \
                 pi, e, min, max, sin, cos, exp, ln, sqrt, abs and clamp"
            ),
        };
        Err(self.wrong(start, message))
    }

    fn call(
        &mut self,
        start: usize,
        name: &str,
        arguments: usize,
        function: Function,
    ) -> Result<(), ExpressionError> {
        self.next();
        let opened = self.at;
        if self.take(&['(']).is_none() {
            return Err(self.wrong(start, format!("`{name}` is a function: write {name}(…)")));
        }
        let mut given = 1;
        self.nested(Self::sum)?;
        while self.take(&[',']).is_some() {
            self.nested(Self::sum)?;
            given += 1;
        }
        self.close(opened)?;
        if given != arguments {
            let message = format!("`{name}` takes {arguments} values and was given {given}");
            return Err(self.wrong(start, message));
        }
        self.operations.push(Operation::Call(function));
        Ok(())
    }
}

#[cfg(test)]
mod tests;

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

const AT: Variables = Variables { step: 3.0, steps: 20.0, along: 0.25, value: 7.0 };

fn value(text: &str) -> f64 {
    text.parse::<Expression>().unwrap().value(AT)
}

fn refusal(text: &str) -> String {
    text.parse::<Expression>().unwrap_err().to_string()
}

#[test]
fn formulas_mean_what_they_mean_in_mathematics() {
    for (text, expected) in [
        ("x*1.1 + sin(pi*t)", 7.0 * 1.1 + (std::f64::consts::PI * 0.25).sin()),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("16 / 4 / 2", 2.0),
        ("2^3^2", 512.0),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2*-3", -6.0),
        ("--3", 3.0),
        ("i / (n - 1)", 3.0 / 19.0),
        ("min(x, 5) + max(1, 2)", 7.0),
        ("clamp(x, 0, 5)", 5.0),
        ("clamp(-x, 0, 5)", 0.0),
        ("sqrt(abs(-16))", 4.0),
        ("ln(exp(2))", 2.0),
        ("cos(0)", 1.0),
        ("1e3 + .5 + 2.5e-1", 1000.75),
        ("ln(e)", 1.0),
        ("3 − 1 × 2", 1.0),
    ] {
        assert!((value(text) - expected).abs() < 1e-12, "{text} is {}", value(text));
    }
    assert!(value("ln(-1)").is_nan() && value("1/0").is_infinite());
    assert!(value("max(ln(-1), 3)").is_nan());
}

#[test]
fn what_is_wrong_is_named_by_its_column() {
    for (text, message) in [
        ("x * ", "column 5: it ends where"),
        ("x * $", "column 5: expected a number, a name or `(`, found `$`"),
        ("(x + 1", "column 1: this `(` is not closed"),
        ("x) + 1", "column 2: this `)` closes nothing"),
        ("2 x", "column 3: expected + - * / ^ or the end, found `x`"),
        ("sinn(x)", "column 1: `sinn` is unknown: did you mean `sin`?"),
        ("1 + y", "column 5: `y` is unknown: there are i (step)"),
        ("min(x)", "column 1: `min` takes 2 values and was given 1"),
        ("sin x", "column 1: `sin` is a function: write sin(…)"),
        ("− ü", "column 3: expected"),
        ("1.2.3", "column 1: `1.2.3` is not a finite number"),
        (" ", "column 1: write a formula"),
    ] {
        let error = refusal(text);
        assert!(error.starts_with(message), "{text}: {error}");
    }
    assert!(refusal(&"(".repeat(900)).contains("nested deeper"));
    assert!(refusal(&"-".repeat(2000)).contains("longer than"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-+*/^(),.0-9a-z \\PC]{0,40}") {
        if let Ok(expression) = text.parse::<Expression>() {
            expression.value(AT);
        }
    }

    #[test]
    fn a_number_is_itself(number in -1e6f64..1e6) {
        prop_assert_eq!(value(&number.to_string()), number);
    }
}

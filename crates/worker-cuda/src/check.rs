//! `check parity` and `check times`: what `scripts/device-check` asks for, one JSON object a line, each
//! printed when it is found, so that a crash hides nothing that came before it.

use super::print;
use sigmalab_model::device_check::{Finding, parity, times};
use std::ffi::OsString;

/// The argument that asks for it.
pub(crate) const ARGUMENT: &str = "check";

/// Runs one of the two on a device, the first where no number is given.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let words: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (what, number) = match words.as_slice() {
        [what] => (*what, 0),
        [what, number] => (
            *what,
            number
                .parse()
                .map_err(|_| format!("`{number}`: expected the number of a device, such as 0"))?,
        ),
        _ => ("", 0),
    };
    let mut failed = None;
    let mut tell = |finding: Finding| {
        if let Err(problem) = print(&finding) {
            failed = Some(problem);
        }
    };
    match what {
        "parity" => parity(number, &mut tell),
        "times" => times(number, &mut tell),
        _ => return Err("check takes `parity` or `times`, and the number of a device".to_owned()),
    }
    failed.map_or(Ok(()), Err)
}

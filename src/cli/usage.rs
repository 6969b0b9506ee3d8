//! What clap says of a wrong command line, with a way out that it does not know.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

/// The error, with a word on values that begin with a dash where one was taken for a flag.
pub(crate) fn with_hint(mut error: clap::Error, command: &Command) -> clap::Error {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidValue) {
        return error;
    }
    let words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(hint) = hint(&words, command) {
        let hint = ContextValue::StyledStrs(vec![hint.into()]);
        error.insert(ContextKind::Suggested, hint);
    }
    error
}

/// Where a flag that takes a value is followed by one that looks like a flag and is none, how to write
/// it.
fn hint(words: &[String], command: &Command) -> Option<String> {
    let command = meant(words, command);
    let flag_of = |word: &str| command.get_arguments().find(|flag| is(flag, word));
    let pairs = words.iter().zip(words.iter().skip(1));
    let (flag, value) = pairs.into_iter().find(|(flag, value)| {
        let is_number = value.parse::<f64>().is_ok();
        let takes_it = |flag: &Arg| {
            flag.is_allow_hyphen_values_set() || flag.is_allow_negative_numbers_set() && is_number
        };
        let wants_one =
            flag_of(flag).is_some_and(|flag| flag.get_action().takes_values() && !takes_it(flag));
        wants_one && value.starts_with('-') && value.len() > 1 && flag_of(value).is_none()
    })?;
    let beginning: String = value.chars().take(20).collect();
    let more = if beginning.len() < value.len() { "…" } else { "" };
    let quoted = beginning.replace('\'', r"'\''");
    let long = flag_of(flag)?.get_long()?;
    Some(format!("a value that begins with a dash is written --{long}='{quoted}{more}'"))
}

/// The command that the words name.
fn meant<'c>(words: &[String], command: &'c Command) -> &'c Command {
    let mut meant = command;
    for word in words.iter().skip(1) {
        match meant.find_subcommand(word) {
            Some(below) => meant = below,
            None => break,
        }
    }
    meant
}

/// Whether a word is that flag, perhaps with its value.
fn is(flag: &Arg, word: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        let long = long.split_once('=').map_or(long, |(name, _)| name);
        return flag.get_long() == Some(long);
    }
    let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
    let first = letters.next();
    first.is_some() && letters.next().is_none() && flag.get_short() == first
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn a_value_with_a_dash_in_front_is_no_flag() {
        let mut command = super::super::Cli::command();
        command.build();
        let hint = |words: &[&str]| {
            let words: Vec<_> = [&["sigmalab"], words].concat();
            hint(&words.into_iter().map(str::to_owned).collect::<Vec<_>>(), &command)
        };
        for (value, shown) in [("- a list", "- a list"), ("-x", "-x"), ("--cat", "--cat")] {
            assert_eq!(
                hint(&["generate", "--prompt", value]),
                Some(format!("a value that begins with a dash is written --prompt='{shown}'"))
            );
        }
        let new = hint(&["sweep", "new", "mine", "--prompt", "-5 degrees"]);
        assert!(new.is_some_and(|hint| hint.ends_with("--prompt='-5 degrees'")));
        for words in [
            // A flag whose value was left out.
            &["generate", "--prompt", "--json"][..],
            &["generate", "--prompt", "-o"],
            &["generate", "--promt", "a b"],
            // It has no such flag.
            &["tune", "--prompt", "- a list"],
            &["generate", "--json", "--cat"],
        ] {
            assert_eq!(hint(words), None, "{words:?}");
        }
    }
}

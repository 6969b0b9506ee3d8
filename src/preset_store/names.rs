//! Names that a preset may be saved under here. Files of others hold more of them, which are read as
//! they are.

use sigmalab_schedule::preset::is_preset_name;

/// Most characters of a name: lists have room for as many.
const LONGEST_NAME: usize = 40;

/// Whether a new preset may have that name: one that is typed on a command line as it is.
///
/// # Errors
/// What is against it, in words.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    if name.is_empty() {
        return Err("a preset needs a name".to_owned());
    }
    if let Some(c) = name.chars().find(|c| !is_plain(*c)) {
        let what = if c.is_whitespace() { "a space".to_owned() } else { format!("`{c}`") };
        return Err(format!("`{name}` has {what} in it: letters, digits and _ - . + make a name"));
    }
    if !is_preset_name(name) || !name.starts_with(char::is_alphanumeric) {
        return Err(format!("`{name}` cannot be the name of a preset: choose another"));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(format!("a name has at most {LONGEST_NAME} characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_typed_as_it_is() {
        for name in ["SOFT_20", "a", "größer.2", "a+b-c"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for (name, told) in [
            ("", "needs a name"),
            ("a b", "a space"),
            ("x/y", "`/`"),
            ("none", "cannot be the name"),
            ("-a", "cannot be the name"),
            (&"a".repeat(41), "at most 40"),
        ] {
            assert!(check_name(name).unwrap_err().contains(told), "{name}");
        }
    }
}

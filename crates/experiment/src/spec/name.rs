//! Names that a file or a folder can have, as experiments do. Touches no file.

/// Longest name in bytes. File systems take 255; an ending, a number and a draft's name are to fit.
const LONGEST: usize = 200;

/// What keeps a text from being the name of a file or folder, in words that follow `it`.
pub fn problem(name: &str) -> Option<String> {
    let wild = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if name.is_empty() || name.starts_with('.') || name.contains(wild) || name.trim() != name {
        return Some("names the run directory: no `/`, no dot in front, not empty".to_owned());
    }
    let bytes = name.len();
    (bytes > LONGEST).then(|| {
        format!("names the run directory, and {bytes} bytes are too long: at most {LONGEST}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_files_cannot_have_are_told() {
        for name in ["a", "polish-steps", "é".repeat(100).as_str()] {
            assert_eq!(problem(name), None, "{name}");
        }
        for name in ["", ".", "..", ".a", "a/b", "../evil", "a\\b", "a\nb", " a", "a "] {
            assert!(problem(name).is_some(), "{name}");
        }
        for name in ["a".repeat(201), "é".repeat(101)] {
            assert!(problem(&name).is_some_and(|told| told.contains("too long")), "{name}");
        }
    }
}

//! Names that nobody else makes up: random bytes as text.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// 32 hexadecimal digits that are others each time, on every machine and in every process.
pub fn nonce() -> String {
    // The standard library seeds its hasher from the system's random numbers.
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_equal() {
        let many: std::collections::BTreeSet<String> = (0..1000).map(|_| nonce()).collect();
        assert_eq!(many.len(), 1000);
        assert!(many.iter().all(|nonce| nonce.len() == 32));
    }
}

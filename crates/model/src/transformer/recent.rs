//! The last few values that were made, by key. Knows nothing of what they are.

use crate::error::ModelError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The most recently added values by key.
pub(super) struct Recent<K, V> {
    limit: usize,
    entries: Mutex<VecDeque<(K, Arc<V>)>>,
}

impl<K: Copy + Eq, V> Recent<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, entries: Mutex::new(VecDeque::new()) }
    }

    /// The value of `key`, made by `make` where it is not kept; the oldest makes room.
    pub(super) fn get_or_insert(
        &self,
        key: K,
        make: impl FnOnce() -> candle_core::Result<V>,
    ) -> Result<Arc<V>, ModelError> {
        let kept = {
            let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            entries.iter().find(|(k, _)| *k == key).map(|(_, value)| Arc::clone(value))
        };
        if let Some(value) = kept {
            return Ok(value);
        }
        let value = Arc::new(make()?);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.limit {
            entries.pop_front();
        }
        entries.push_back((key, Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_recent_value_is_made_once_and_the_oldest_makes_room() {
        let recent = Recent::new(2);
        let mut made = Vec::new();
        for key in [1, 2, 1, 2, 3, 2, 1] {
            let value = recent.get_or_insert(key, || {
                made.push(key);
                Ok(key * 10)
            });
            assert_eq!(*value.unwrap(), key * 10);
        }
        assert_eq!(made, [1, 2, 3, 1]);
    }
}

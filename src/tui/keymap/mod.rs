//! Which key does what, by context. Defaults with arrows and vim's keys; a user's TOML file
//! changes them. Knows names of actions, not what they do.

mod defaults;
mod file;

use crate::tui::action::Call;
use crate::tui::context::Context;
use sigmalab_terminal::key::Key;

/// One key with its meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    pub context: Context,
    pub key: Key,
    pub call: Call,
}

/// Every binding, in the order in which help shows them.
#[derive(Debug, Clone, PartialEq)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

impl Keymap {
    /// The keys of somebody who changed none.
    pub fn defaults() -> Self {
        Keymap { bindings: defaults::bindings() }
    }

    /// What `key` does in `context`.
    pub fn call(&self, context: Context, key: &Key) -> Option<&Call> {
        let in_context =
            |context| self.bindings.iter().find(move |b| b.context == context && b.key == *key);
        in_context(context)
            .or_else(|| context.inherits().then(|| in_context(Context::Global)).flatten())
            .map(|binding| &binding.call)
    }

    /// The bindings, in the order of help.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The keys of `call` in `context` or where it inherits from, the first one first.
    pub fn keys(&self, context: Context, call: &Call) -> Vec<&Key> {
        let there = |c: Context| c == context || context.inherits() && c == Context::Global;
        // A key that means something else here is no key for it.
        self.bindings
            .iter()
            .filter(|b| there(b.context) && b.call == *call)
            .filter(|b| self.call(context, &b.key) == Some(call))
            .map(|b| &b.key)
            .collect()
    }

    fn bind(&mut self, context: Context, key: Key, call: Call) {
        self.bindings.retain(|b| !(b.context == context && b.key == key));
        self.bindings.push(Binding { context, key, call });
    }

    fn unbind(&mut self, context: Context, key: &Key) {
        self.bindings.retain(|b| !(b.context == context && b.key == *key));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tui::action::Action;
    use std::collections::HashSet;

    #[test]
    fn no_default_key_means_two_things_in_one_context() {
        let mut seen = HashSet::new();
        for binding in Keymap::defaults().bindings() {
            let place = (binding.context, binding.key.to_string());
            assert!(seen.insert(place.clone()), "{place:?}");
        }
    }

    #[test]
    fn a_context_comes_before_the_keys_that_count_everywhere() {
        let keymap = Keymap::defaults();
        let r: Key = "r".parse().unwrap();
        assert_eq!(keymap.call(Context::Grid, &r), Some(&Call::from(Action::Run)));
        assert_eq!(keymap.call(Context::Sweeps, &r), Some(&Call::from(Action::RunSweep)));
        assert_eq!(keymap.call(Context::Line, &r), None);
    }

    #[test]
    fn the_keys_of_an_action_are_those_that_do_it() {
        let keymap = Keymap::defaults();
        let keys = keymap.keys(Context::Sweeps, &Call::from(Action::Run));
        assert!(keys.iter().all(|key| key.to_string() != "r"), "{keys:?}");
        assert!(!keymap.keys(Context::Grid, &Call::from(Action::Undo)).is_empty());
    }
}

//! Names of another layout after a prefix, as files of several models in one have them.

use super::Layout;

/// A layout whose stored names begin with a prefix.
#[derive(Debug)]
pub(super) struct Prefixed {
    pub(super) prefix: &'static str,
    pub(super) inner: Box<dyn Layout>,
}

impl Layout for Prefixed {
    fn name(&self) -> String {
        format!("{} after {}", self.inner.name(), self.prefix)
    }

    fn stored_modules(&self, module: &str) -> Vec<String> {
        let modules = self.inner.stored_modules(module);
        modules.into_iter().map(|module| format!("{}{module}", self.prefix)).collect()
    }

    fn uses(&self, name: &str) -> bool {
        // The unconditional transformer's names begin with the conditional one's prefix.
        name.strip_prefix(self.prefix)
            .is_some_and(|name| !name.starts_with("uncond.") && self.inner.uses(name))
    }
}

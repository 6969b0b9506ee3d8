//! What a text has to say.

pub(crate) trait AssertHas {
    /// Asserts that every one of `parts` stands in the text.
    #[track_caller]
    fn assert_has(&self, parts: impl IntoIterator<Item = impl AsRef<str>>);
}

impl AssertHas for str {
    #[track_caller]
    fn assert_has(&self, parts: impl IntoIterator<Item = impl AsRef<str>>) {
        for part in parts {
            let part = part.as_ref();
            assert!(self.contains(part), "no `{part}` in:\n{self}");
        }
    }
}

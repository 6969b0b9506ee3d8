//! JSON files and JSON inside tensors, with the place in the message, and maps whose keys may
//! come only once (serde_json keeps the last of two equal keys without a word).

use super::error::CheckpointError;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use sigmalab_text::text_file::bytes_without_mark;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

/// Reads JSON; `place` is the file as the message names it.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], place: &Path) -> Result<T, CheckpointError> {
    serde_json::from_slice(bytes_without_mark(bytes)).map_err(|error| CheckpointError::Json {
        file: place.to_owned(),
        line: error.line(),
        column: error.column(),
        problem: without_place(&error),
    })
}

/// serde_json's message without the "at line … column …" that it ends with.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

/// A JSON object whose keys must differ, in the order of the file.
#[derive(Debug)]
pub(super) struct UniqueKeys<V>(pub(super) Vec<(String, V)>);

impl<'de, V: serde::Deserialize<'de>> serde::Deserialize<'de> for UniqueKeys<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor(PhantomData))
    }
}

struct UniqueVisitor<V>(PhantomData<V>);

impl<'de, V: serde::Deserialize<'de>> Visitor<'de> for UniqueVisitor<V> {
    type Value = UniqueKeys<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Vec<(String, V)> = Vec::new();
        let mut seen: HashMap<String, ()> = HashMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.insert(key.clone(), ()).is_some() {
                return Err(A::Error::custom(format!("the key {key:?} comes twice")));
            }
            entries.push((key, map.next_value()?));
        }
        Ok(UniqueKeys(entries))
    }
}

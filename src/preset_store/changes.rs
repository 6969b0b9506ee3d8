//! What is different between two versions of a presets file, in words.

use sigmalab_schedule::preset_file::PresetFile;
use std::fmt;

/// The presets that differ, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Those that were not there.
    pub new: Vec<String>,
    /// Those that are not what they were.
    pub changed: Vec<String>,
    /// Those that are not there any more.
    pub gone: Vec<String>,
    /// The default, where it is another one.
    pub default: Option<String>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }

    pub(super) fn between(before: &PresetFile, after: &PresetFile) -> Self {
        let missing = |of: &PresetFile, from: &PresetFile| -> Vec<String> {
            of.names().filter(|name| from.get(name).is_err()).map(str::to_owned).collect()
        };
        let differs = |name: &&str| match (before.get(name), after.get(name)) {
            (Ok(before), Ok(after)) => before != after,
            _ => false,
        };
        let default = &after.default_preset().name;
        Changes {
            new: missing(after, before),
            changed: after.names().filter(differs).map(str::to_owned).collect(),
            gone: missing(before, after),
            default: (*default != before.default_preset().name).then(|| default.clone()),
        }
    }
}

/// `MINE is new, V4_TURBO_12 changed`; of many, how many.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (names, one, many) in [
            (&self.new, "is new", "new"),
            (&self.changed, "changed", "changed"),
            (&self.gone, "is gone", "gone"),
        ] {
            match names.as_slice() {
                [] => {}
                [name] => parts.push(format!("{name} {one}")),
                _ => parts.push(format!("{} {many}", names.len())),
            }
        }
        if let Some(default) = &self.default {
            parts.push(format!("{default} is the default"));
        }
        if parts.is_empty() {
            return f.write_str("no preset has changed");
        }
        f.write_str(&parts.join(", "))
    }
}

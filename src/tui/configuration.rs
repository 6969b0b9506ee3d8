//! The user's `config.toml`: what the workbench begins with. Knows keys and values; the folder is
//! the command line's.

use sigmalab_schedule::toml_text::{TomlError, TomlText};
use sigmalab_terminal::capabilities::Background;
use sigmalab_terminal::colours::ColourDepth;
use sigmalab_terminal::picture::{ProtocolType, protocol_named};
use toml::de::DeTable;

/// What the workbench begins with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// `image-protocol`: how pictures are shown; `None` as the terminal can.
    pub image_protocol: Option<ProtocolType>,
    /// `tmux-passthrough`: pass pictures through tmux to the terminal around it.
    pub tmux_passthrough: bool,
    /// `colours`: how many; `None` as many as the terminal has.
    pub colours: Option<ColourDepth>,
    /// `background`: dark or light; `None` as the terminal says.
    pub background: Option<Background>,
}

const KEYS: [&str; 5] = ["image-protocol", "tmux-passthrough", "colours", "background", "cluster"];

impl Configuration {
    /// Reads the text of a configuration file:
    ///
    /// ```toml
    /// image-protocol = "kitty"    # auto, kitty, sixel, iterm2 or half-blocks
    /// tmux-passthrough = true
    /// colours = "256"             # auto, none, 16, 256 or true
    /// background = "light"        # auto, dark or light
    /// ```
    ///
    /// # Errors
    /// Unknown keys, wrong types and unknown values, each with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, TomlError> {
        let mut toml = TomlText::new(text);
        let document = toml.document();
        let read = document.map(|document| read(&mut toml, document.get_ref()));
        toml.finish(file, read)
    }
}

fn read(toml: &mut TomlText<'_>, table: &DeTable<'_>) -> Configuration {
    toml.known_keys(table, "", &KEYS);
    // For `sigmalab sweep submit`, which reads it.
    if let Some(cluster) = table.get("cluster") {
        toml.table(cluster, "cluster", "a table: [cluster]");
    }
    let passthrough = table.get("tmux-passthrough");
    let passthrough = passthrough.and_then(|value| toml.boolean(value, "tmux-passthrough"));
    Configuration {
        image_protocol: chosen(
            toml,
            table,
            "image-protocol",
            "auto, kitty, sixel, iterm2 or half-blocks",
            |name| protocol_named(name).ok(),
        ),
        tmux_passthrough: passthrough.unwrap_or(false),
        colours: chosen(toml, table, "colours", "auto, none, 16, 256 or true", |name| {
            Some(match name {
                "none" => ColourDepth::None,
                "16" => ColourDepth::Sixteen,
                "256" => ColourDepth::Indexed,
                "true" => ColourDepth::True,
                _ => return None,
            })
        }),
        background: chosen(toml, table, "background", "auto, dark or light", |name| match name {
            "dark" => Some(Background::Dark),
            "light" => Some(Background::Light),
            _ => None,
        }),
    }
}

/// What a key chooses by name; `None` where that is `auto`, or left to the terminal.
fn chosen<T>(
    toml: &mut TomlText<'_>,
    table: &DeTable<'_>,
    key: &str,
    names: &str,
    named: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let value = table.get(key)?;
    let name = toml.string(value, key)?;
    let found = named(&name);
    if found.is_none() && name != "auto" {
        toml.problem(value.span(), key, format!("must be {names}, not `{name}`"));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_key_is_read_and_what_is_not_written_is_left_to_the_terminal() {
        let text = "image-protocol = \"sixel\"\ntmux-passthrough = true\ncolours = \"256\"\n\
                    background = \"light\"\n";
        let read = Configuration::parse(text, "config.toml").unwrap();
        let all = Configuration {
            image_protocol: Some(ProtocolType::Sixel),
            tmux_passthrough: true,
            colours: Some(ColourDepth::Indexed),
            background: Some(Background::Light),
        };
        assert_eq!(read, all);
        assert_eq!(Configuration::parse("", "c").unwrap(), Configuration::default());
        let auto = Configuration::parse("image-protocol = \"auto\"", "c").unwrap();
        assert_eq!(auto, Configuration::default());
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_the_way_out() {
        for (text, parts) in [
            ("\nimage_protocol = \"kitty\"", ["c:2:1: ", "did you mean `image-protocol`?"]),
            ("image-protocol = \"kity\"", ["c:1:18: ", "half-blocks, not `kity`"]),
            ("colours = 256", ["c:1:11: `colours`: ", "expected a text in quotes"]),
            ("tmux-passthrough = \"yes\"", ["c:1:20: ", "true or false"]),
            ("colours =", ["c:1:10: ", "not valid TOML"]),
        ] {
            let error = Configuration::parse(text, "c").unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{error}");
            }
        }
    }
}

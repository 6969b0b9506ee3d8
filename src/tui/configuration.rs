//! The user's `config.toml`: what the workbench begins with. Knows keys and values; the folder is
//! the command line's.

use sigmalab_schedule::nearest::{list, nearest};
use sigmalab_terminal::capabilities::Background;
use sigmalab_terminal::colours::ColourDepth;
use sigmalab_terminal::picture::{ProtocolType, protocol_named};
use toml_edit::{Document, Item};

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

/// What is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct ConfigurationError {
    pub file: String,
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
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
    /// The first unknown key, wrong type or unknown value, with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigurationError> {
        let problem = |at: Option<std::ops::Range<usize>>, message: String| {
            let before = text.get(..at.map_or(0, |at| at.start)).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            ConfigurationError { file: file.to_owned(), line, message }
        };
        let document =
            Document::parse(text).map_err(|e| problem(e.span(), e.message().to_owned()))?;
        let mut configuration = Configuration::default();
        for (key, item) in document.iter() {
            let at = document.key(key).and_then(|key| key.span());
            configuration.set(key, item).map_err(|message| problem(at, message))?;
        }
        Ok(configuration)
    }

    fn set(&mut self, key: &str, item: &Item) -> Result<(), String> {
        let word = |values: &str| {
            item.as_str().ok_or_else(|| format!("`{key}` must be a text in quotes: {values}"))
        };
        match key {
            "image-protocol" => {
                let values = "auto, kitty, sixel, iterm2 or half-blocks";
                self.image_protocol = match word(values)? {
                    "auto" => None,
                    name => Some(
                        protocol_named(name)
                            .map_err(|_| format!("`{key}` must be {values}, not `{name}`"))?,
                    ),
                };
            }
            "tmux-passthrough" => {
                self.tmux_passthrough =
                    item.as_bool().ok_or_else(|| format!("`{key}` must be true or false"))?;
            }
            "colours" => {
                let values = "auto, none, 16, 256 or true";
                self.colours = match word(values)? {
                    "auto" => None,
                    "none" => Some(ColourDepth::None),
                    "16" => Some(ColourDepth::Sixteen),
                    "256" => Some(ColourDepth::Indexed),
                    "true" => Some(ColourDepth::True),
                    other => return Err(format!("`{key}` must be {values}, not `{other}`")),
                };
            }
            "background" => {
                let values = "auto, dark or light";
                self.background = match word(values)? {
                    "auto" => None,
                    "dark" => Some(Background::Dark),
                    "light" => Some(Background::Light),
                    other => return Err(format!("`{key}` must be {values}, not `{other}`")),
                };
            }
            // For `sigmalab sweep submit`, which reads it.
            "cluster" if item.is_table_like() => {}
            "cluster" => return Err("`cluster` must be a table: [cluster]".to_owned()),
            _ => {
                let near = nearest(key, KEYS);
                return Err(if near.is_empty() {
                    format!("there is no key `{key}`: there are {}", KEYS.join(", "))
                } else {
                    format!("there is no key `{key}`: did you mean {}?", list(&near, 3))
                });
            }
        }
        Ok(())
    }
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
            ("\nimage_protocol = \"kitty\"", ["c:2: ", "`image-protocol`"]),
            ("image-protocol = \"kity\"", ["c:1: ", "half-blocks, not `kity`"]),
            ("colours = 256", ["c:1: ", "must be a text in quotes"]),
            ("tmux-passthrough = \"yes\"", ["c:1: ", "true or false"]),
            ("colours =", ["c:1: ", ""]),
        ] {
            let error = Configuration::parse(text, "c").unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{error}");
            }
        }
    }
}

//! Which terminal this is, by the name it answers with (XTVERSION) or by the environment. SSH
//! does not pass most variables on, so the answer counts for more.

/// A terminal, or a multiplexer in front of one, that is treated in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Brand {
    Kitty,
    Ghostty,
    WezTerm,
    Konsole,
    Iterm2,
    Foot,
    XTerm,
    Contour,
    Mlterm,
    Mintty,
    Rio,
    Warp,
    VsCode,
    Alacritty,
    Apple,
    Tmux,
    Screen,
}

/// How each begins its answer to XTVERSION, in lower case.
const VERSIONS: [(&str, Brand); 17] = [
    ("kitty", Brand::Kitty),
    ("ghostty", Brand::Ghostty),
    ("wezterm", Brand::WezTerm),
    ("konsole", Brand::Konsole),
    ("iterm2", Brand::Iterm2),
    ("foot", Brand::Foot),
    ("xterm.js", Brand::VsCode),
    ("xterm", Brand::XTerm),
    ("contour", Brand::Contour),
    ("mlterm", Brand::Mlterm),
    ("mintty", Brand::Mintty),
    ("rio", Brand::Rio),
    ("warp", Brand::Warp),
    ("alacritty", Brand::Alacritty),
    ("apple_terminal", Brand::Apple),
    ("tmux", Brand::Tmux),
    ("screen", Brand::Screen),
];

/// `TERM_PROGRAM` or `LC_TERMINAL`, in lower case.
const PROGRAMS: [(&str, Brand); 13] = [
    ("kitty", Brand::Kitty),
    ("ghostty", Brand::Ghostty),
    ("wezterm", Brand::WezTerm),
    ("konsole", Brand::Konsole),
    ("iterm", Brand::Iterm2),
    ("vscode", Brand::VsCode),
    ("mintty", Brand::Mintty),
    ("rio", Brand::Rio),
    ("warpterminal", Brand::Warp),
    ("alacritty", Brand::Alacritty),
    ("apple_terminal", Brand::Apple),
    ("contour", Brand::Contour),
    ("tmux", Brand::Tmux),
];

/// Beginnings of `TERM`.
const TERMS: [(&str, Brand); 9] = [
    ("tmux", Brand::Tmux),
    ("screen", Brand::Screen),
    ("xterm-kitty", Brand::Kitty),
    ("xterm-ghostty", Brand::Ghostty),
    ("foot", Brand::Foot),
    ("contour", Brand::Contour),
    ("mlterm", Brand::Mlterm),
    ("rio", Brand::Rio),
    ("alacritty", Brand::Alacritty),
];

impl Brand {
    /// From the answer to XTVERSION.
    #[must_use]
    pub fn from_version(version: &str) -> Option<Brand> {
        starts(&VERSIONS, version)
    }

    /// From environment variables, by name.
    #[must_use]
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Option<Brand> {
        let value = |name| variable(name).unwrap_or_default();
        // A multiplexer stands between, and keeps the variables of where it was started.
        if !value("TMUX").is_empty() {
            return Some(Brand::Tmux);
        }
        if !value("STY").is_empty() {
            return Some(Brand::Screen);
        }
        let by_term = starts(&TERMS, &value("TERM"));
        if matches!(by_term, Some(Brand::Tmux | Brand::Screen)) {
            return by_term;
        }
        starts(&PROGRAMS, &value("TERM_PROGRAM"))
            // iTerm2 sets this one because SSH passes LC_* on.
            .or_else(|| starts(&PROGRAMS, &value("LC_TERMINAL")))
            .or(by_term)
            .or_else(|| (!value("KITTY_WINDOW_ID").is_empty()).then_some(Brand::Kitty))
            .or_else(|| (!value("WEZTERM_EXECUTABLE").is_empty()).then_some(Brand::WezTerm))
            .or_else(|| (!value("KONSOLE_VERSION").is_empty()).then_some(Brand::Konsole))
    }
}

/// The first entry that `text` begins with, whatever the case.
fn starts(table: &[(&str, Brand)], text: &str) -> Option<Brand> {
    let text = text.to_ascii_lowercase();
    table.iter().find(|(start, _)| text.starts_with(start)).map(|(_, brand)| *brand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_told_by_what_they_answer() {
        for (version, brand) in [
            ("kitty(0.36.4)", Some(Brand::Kitty)),
            ("ghostty 1.2.0", Some(Brand::Ghostty)),
            ("WezTerm 20240203-110809-5046fc22", Some(Brand::WezTerm)),
            ("Konsole 24.12.1", Some(Brand::Konsole)),
            ("iTerm2 3.5.10", Some(Brand::Iterm2)),
            ("XTerm(390)", Some(Brand::XTerm)),
            ("xterm.js(5.5.0)", Some(Brand::VsCode)),
            ("foot(1.20.2)", Some(Brand::Foot)),
            ("tmux 3.5a", Some(Brand::Tmux)),
            ("something new", None),
        ] {
            assert_eq!(Brand::from_version(version), brand, "{version}");
        }
    }

    #[test]
    fn a_multiplexer_hides_the_terminal_it_was_started_in() {
        let inside = |name: &str| match name {
            "TERM" => Some("tmux-256color".to_owned()),
            "KITTY_WINDOW_ID" => Some("1".to_owned()),
            _ => None,
        };
        assert_eq!(Brand::from_environment(&inside), Some(Brand::Tmux));
    }

    #[test]
    fn iterm2_is_known_behind_ssh() {
        let ssh = |name: &str| match name {
            "TERM" => Some("xterm-256color".to_owned()),
            "LC_TERMINAL" => Some("iTerm2".to_owned()),
            _ => None,
        };
        assert_eq!(Brand::from_environment(&ssh), Some(Brand::Iterm2));
    }
}

//! The experiments that are part of the program, so that a first sweep needs no file. Texts as they
//! stand in `experiments/`.

/// Their names and texts, the one for first contact first.
pub const EXPERIMENTS: [(&str, &str); 10] = [
    ("quickstart", include_str!("../../../experiments/quickstart.toml")),
    ("polish-steps", include_str!("../../../experiments/polish-steps.toml")),
    ("guidance-interval", include_str!("../../../experiments/guidance-interval.toml")),
    ("mu-std", include_str!("../../../experiments/mu-std.toml")),
    ("step-ladder", include_str!("../../../experiments/step-ladder.toml")),
    ("samplers", include_str!("../../../experiments/samplers.toml")),
    ("solver-accuracy", include_str!("../../../experiments/solver-accuracy.toml")),
    ("proxy-size", include_str!("../../../experiments/proxy-size.toml")),
    ("search", include_str!("../../../experiments/search.toml")),
    ("tune", include_str!("../../../experiments/tune.toml")),
];

pub fn text(name: &str) -> Option<&'static str> {
    EXPERIMENTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::spec::{PromptSource, Spec};

    #[test]
    fn each_stands_alone_under_its_own_name() {
        for (name, text) in EXPERIMENTS {
            let spec = Spec::parse(text, name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(spec.name, name);
            // A file of prompts would be looked for beside a file that is not there.
            assert!(matches!(spec.prompts, PromptSource::Inline(_)), "{name}");
        }
        assert!(text("quickstart").is_some() && text("quickstrat").is_none());
    }

    #[test]
    fn every_experiment_of_the_folder_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
        let files = std::fs::read_dir(folder).unwrap();
        let files = files.map(|file| file.unwrap().path());
        // Prompts lie there, too.
        for file in files.filter(|file| file.extension().is_some_and(|kind| kind == "toml")) {
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert_eq!(
                text(name),
                Some(std::fs::read_to_string(&file).unwrap().as_str()),
                "{name}"
            );
        }
    }
}

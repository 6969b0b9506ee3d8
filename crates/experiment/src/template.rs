//! The text of a first experiment file: what is asked most, with everything else in comments. It
//! writes no file.

use sigmalab_schedule::preset::Preset;

/// The text of an experiment called `name` on the schedule of `preset`: how low gw may go in its
/// last steps.
pub fn text(name: &str, preset: &Preset, prompt: &str, seed: u64) -> String {
    let gw: Vec<f64> = preset.steps.iter().map(|step| step.gw).collect();
    let last = gw.last().copied().unwrap_or(1.0);
    let polish = gw.iter().rev().take_while(|gw| **gw == last).count();
    // The end of the schedule that has its own gw, else its last quarter.
    let tail = if polish < gw.len() { polish } else { gw.len().div_ceil(4) };
    let (steps, preset) = (gw.len(), quoted(&preset.name));
    format!(
        r#"# An experiment of sigmalab. A line that begins with `#` is a comment: take the `#` away to
# use it. docs/sweeps.md of sigmalab tells all that can stand here.
#
#   sigmalab sweep plan {name}.toml   what it would run, and how long that takes
#   sigmalab sweep run {name}.toml    runs it; the same command goes on where it stopped
name = {quoted_name}
description = "gw of the last {tail} of {steps} steps"

# What is drawn: texts, or {{ id = "circle", text = "a red circle" }} to name them in tables.
prompts = [{prompt}]
# Each setting is tried with every seed. {{ first = 1, count = 8 }} is eight of them.
seeds = [{seed}]
# The checkpoint's own size where none is given.
# sizes = ["256x256", "512x512"]

# What every trial starts from: a preset, and changes to it.
[base]
preset = {preset}
# mu = 0.5
# std = 1.75
# steps = 12
# sampler = "dpmpp-2m"

# What trials are measured against: a run of this preset with Euler, once a prompt and seed.
# Without this table nothing is measured against anything.
[reference]
preset = "V4_QUALITY_48"

# What is tried: every combination. Slices are in sampling order, both ends belong to them, and
# negative steps count from the end.
[parameters]
"gw[-{tail}..]" = [1.0, 2.0, 3.0, 5.0]
# mu = {{ min = 0.0, max = 0.5, steps = 3 }}
# sampler = ["euler", "heun", "dpmpp-2m"]
"#,
        quoted_name = quoted(name),
        prompt = quoted(prompt),
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::spec::Spec;
    use sigmalab_schedule::preset_file::PresetFile;

    #[test]
    fn it_is_an_experiment_as_it_is_and_with_its_comments_taken_up() {
        for preset in PresetFile::builtin().unwrap().presets() {
            let text = text("mine", preset, "a \"red\" circle\nof paint", 7);
            let spec = Spec::parse(&text, "mine.toml").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((spec.name.as_str(), spec.points()), ("mine", 4));
            let taken_up: String = text
                .lines()
                .map(|line| match line.strip_prefix("# ") {
                    // A key and its value, and no sentence.
                    Some(rest)
                        if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) =>
                    {
                        rest
                    }
                    _ => line,
                })
                .fold(String::new(), |text, line| text + line + "\n");
            let spec = Spec::parse(&taken_up, "mine.toml");
            let spec = spec.unwrap_or_else(|error| panic!("{error}\n{taken_up}"));
            assert_eq!((spec.points(), spec.sizes.len()), (4 * 3 * 3, 2), "{taken_up}");
            assert_eq!(spec.base.changes.len(), 4);
        }
    }

    #[test]
    fn the_steps_that_have_their_own_gw_are_what_is_tried() {
        let presets = PresetFile::builtin().unwrap();
        let text = text("x", presets.get("V4_DEFAULT_20").unwrap(), "p", 1);
        assert!(text.contains("\"gw[-2..]\"") && text.contains("last 2 of 20"), "{text}");
    }
}

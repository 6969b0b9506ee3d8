//! Recipes in words: what one says, and what changed from one to the next. Knows nothing of how
//! wide the screen is.

use crate::tui::screens::editor::grid::number;
use sigmalab_engine::noise::{NoiseSource, Rng};
use sigmalab_engine::recipe::{Recipe, SamplerRef};
use sigmalab_metrics::image::ImageMetrics;
use sigmalab_schedule::diff::{Cell, Difference};
use sigmalab_schedule::edit::Column;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::runs;

/// `256×256 · seed 42 · euler · demo · f32 on cpu`.
pub fn drawn(recipe: &Recipe) -> String {
    let size = match recipe.sigma_size.filter(|size| *size != recipe.size) {
        Some(sigma) => format!("{} with the σ of {sigma}", recipe.size),
        None => recipe.size.to_string(),
    };
    let Recipe { dtype, device, .. } = recipe;
    let model = &recipe.model.name;
    let (noise, sampler) = (noise(&recipe.noise), sampler(&recipe.sampler));
    let blocks = match recipe.first_block_cache {
        Some(threshold) => format!(" · first-block cache {threshold}"),
        None => String::new(),
    };
    format!("{size} · {noise} · {sampler} · {model} · {dtype} on {device}{blocks}")
}

/// `seed 42`.
pub fn noise(noise: &NoiseSource) -> String {
    match noise {
        NoiseSource::Seed { seed, rng: Rng::TorchCpu } => format!("seed {seed}"),
        NoiseSource::Seed { seed, rng } => format!("seed {seed} of {rng}"),
        NoiseSource::File { .. } => "noise of a file".to_owned(),
    }
}

/// `heun eta=0.5`.
pub fn sampler(sampler: &SamplerRef) -> String {
    let params = sampler.params.iter().map(|(key, value)| format!(" {key}={value}"));
    sampler.id.clone() + &params.collect::<String>()
}

/// `V4_DEFAULT_20 · 20 steps to terminal reference`.
pub fn steps(recipe: &Recipe) -> String {
    let name = recipe.preset.as_deref().unwrap_or("edited");
    format!("{name} · {} steps · terminal {}", recipe.steps.len(), recipe.terminal)
}

/// `7x18 3x2`, in sampling order.
pub fn column(recipe: &Recipe, column: Column) -> String {
    let runs = runs::runs(recipe.steps.iter().map(|step: &Step| column.of(step)));
    match runs.as_slice() {
        [one] => short(one.value),
        runs => {
            let words = runs.iter().map(|run| format!("{}x{}", short(run.value), run.steps));
            words.collect::<Vec<_>>().join(" ")
        }
    }
}

/// `contrast 0.213 · saturation 0.61 · sharpness 0.0021 · colourfulness 54 · clipped 0.3 %`.
pub fn metrics(metrics: &ImageMetrics) -> String {
    let ImageMetrics { clip_fraction, saturation, contrast, sharpness, colourfulness } = metrics;
    let clipped = clip_fraction * 100.0;
    // It spans decades: smooth pictures have a thousandth of what sharp ones have.
    let sharpness = match *sharpness {
        small if small > 0.0 && small < 1e-3 => format!("{small:.1e}"),
        value => format!("{value:.4}"),
    };
    format!(
        "contrast {contrast:.3} · saturation {saturation:.2} · sharpness {sharpness} · \
         colourfulness {colourfulness:.0} · clipped {clipped:.1} %"
    )
}

/// What the first run of all was of: `V4_DEFAULT_20 · a red circle`.
pub fn first(recipe: &Recipe) -> String {
    match &recipe.preset {
        Some(preset) => format!("{preset} · {}", recipe.prompt),
        None => recipe.prompt.clone(),
    }
}

/// What changed from the run before to the next one, the most telling first: `gw 17–19 7 → 2`.
pub fn change(from: &Recipe, to: &Recipe) -> String {
    let mut parts = Vec::new();
    if from.prompt != to.prompt {
        parts.push(to.prompt.clone());
    }
    let steps = Difference::between(
        (from.steps.as_slice(), from.terminal),
        (to.steps.as_slice(), to.terminal),
    );
    match &to.preset {
        // Another preset: its name says more than how its steps differ.
        Some(preset) if from.preset != to.preset && !steps.is_empty() => parts.push(preset.clone()),
        _ => parts.extend(edits(&steps)),
    }
    if from.size != to.size {
        parts.push(to.size.to_string());
    }
    if from.schedule_size() != to.schedule_size() && from.size == to.size {
        parts.push(format!("σ of {}", to.schedule_size()));
    }
    if from.noise != to.noise {
        parts.push(noise(&to.noise));
    }
    if (&from.sampler.id, &from.sampler.params) != (&to.sampler.id, &to.sampler.params) {
        parts.push(sampler(&to.sampler));
    }
    if from.model != to.model {
        parts.push(to.model.name.clone());
    }
    if from.dtype != to.dtype || from.device != to.device {
        parts.push("another number format or device".to_owned());
    }
    if from.first_block_cache != to.first_block_cache {
        parts.push(match to.first_block_cache {
            Some(threshold) => format!("first-block cache {threshold}"),
            None => "no first-block cache".to_owned(),
        });
    }
    if parts.is_empty() {
        return "the same recipe".to_owned();
    }
    parts.join(" · ")
}

/// What a recipe has that another has not, the most telling first: `mu 0.3`.
pub fn own(recipe: &Recipe, other: &Recipe) -> Vec<String> {
    let columns = Column::ALL.into_iter().filter_map(|of| {
        let own = column(recipe, of);
        (own != column(other, of)).then(|| format!("{of} {own}"))
    });
    let mut parts: Vec<String> = columns.collect();
    let steps = |recipe: &Recipe| format!("{} steps", recipe.steps.len());
    let sampler = |recipe: &Recipe| sampler(&recipe.sampler);
    let noise = |recipe: &Recipe| noise(&recipe.noise);
    let terminal = |recipe: &Recipe| format!("terminal {}", recipe.terminal);
    let size = |recipe: &Recipe| recipe.size.to_string();
    let model = |recipe: &Recipe| recipe.model.name.clone();
    let of: [&dyn Fn(&Recipe) -> String; 6] = [&sampler, &noise, &size, &terminal, &steps, &model];
    for of in of {
        let text = of(recipe);
        if text != of(other) {
            parts.push(text);
        }
    }
    // As long as a page, and seen in the picture.
    if parts.is_empty() && recipe.prompt != other.prompt {
        parts.push(recipe.prompt.clone());
    }
    parts
}

/// How two lists of steps differ, a part for every stretch of cells that changed alike.
pub fn edits(difference: &Difference) -> Vec<String> {
    let (before, after) = difference.steps;
    let mut parts = Vec::new();
    if before != after {
        parts.push(format!("{before} → {after} steps"));
    }
    for column in Column::ALL {
        // Where steps were inserted, removed or resampled, cells have no counterpart.
        let cells = difference.cells.iter().filter(|cell| cell.column == column && before == after);
        let mut stretches: Vec<(Cell, usize)> = Vec::new();
        for cell in cells {
            match stretches.last_mut() {
                Some((first, last))
                    if *last + 1 == cell.step && (first.a, first.b) == (cell.a, cell.b) =>
                {
                    *last = cell.step;
                }
                _ => stretches.push((*cell, cell.step)),
            }
        }
        if let [(first, last)] = stretches.as_slice() {
            parts.push(stretch(first, *last));
        } else if stretches.len() <= 3 {
            parts.extend(stretches.iter().map(|(first, last)| stretch(first, *last)));
        } else if let (Some((first, _)), Some((_, last))) = (stretches.first(), stretches.last()) {
            let cells = difference.cells.iter().filter(|cell| cell.column == column).count();
            parts.push(format!("{column} {}–{last} ({cells} cells)", first.step));
        }
    }
    let (before, after) = difference.terminals;
    if before != after {
        parts.push(format!("terminal {after}"));
    }
    parts
}

/// `gw 17–19 7 → 2`.
fn stretch(first: &Cell, last: usize) -> String {
    let steps = match first.step {
        step if step == last => step.to_string(),
        step => format!("{step}–{last}"),
    };
    let value = |value: Option<f64>| value.map(short).unwrap_or_default();
    format!("{} {steps} {} → {}", first.column, value(first.a), value(first.b))
}

/// A number with at most three digits behind the point, and none too many.
pub fn short(value: f64) -> String {
    let text = number(value, 3);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sigmalab_schedule::size::Size;
    use sigmalab_schedule::terminal::Terminal;

    fn recipe(gws: &[f64]) -> Recipe {
        let steps = gws.iter().map(|&gw| Step { gw, mu: 0.0, std: 1.5 }).collect();
        let text = r#"{"version":1,"model":{"name":"demo"},"prompt":"a red circle",
            "size":{"width":256,"height":256},
            "noise":{"source":"seed","seed":7,"rng":"torch-cpu"},"steps":[],
            "terminal":"reference","sampler":{"id":"euler"},"dtype":"f32","device":"cpu"}"#;
        Recipe { steps, ..serde_json::from_str(text).unwrap() }
    }

    #[test]
    fn a_recipe_reads_like_what_people_say_of_it() {
        let recipe = recipe(&[7.0, 7.0, 3.0]);
        assert_eq!(drawn(&recipe), "256×256 · seed 7 · euler · demo · f32 on cpu");
        assert_eq!(steps(&recipe), "edited · 3 steps · terminal reference");
        assert_eq!(column(&recipe, Column::Gw), "7x2 3x1");
        assert_eq!(column(&recipe, Column::Std), "1.5");
        let proxy = Recipe { sigma_size: Some(Size::SQUARE), ..recipe };
        assert!(drawn(&proxy).starts_with("256×256 with the σ of 1024×1024 · seed 7"));
        let cached = Recipe { first_block_cache: Some(0.1), ..proxy };
        assert!(drawn(&cached).ends_with("f32 on cpu · first-block cache 0.1"));
    }

    #[test]
    fn what_changed_is_told_by_stretches_of_steps() {
        let before = recipe(&[7.0, 7.0, 7.0, 3.0, 3.0]);
        let with = |gws: &[f64]| change(&before, &recipe(gws));
        assert_eq!(with(&[7.0, 7.0, 7.0, 2.0, 2.0]), "gw 3–4 3 → 2");
        assert_eq!(with(&[6.5, 7.0, 7.0, 3.0, 2.0]), "gw 0 7 → 6.5 · gw 4 3 → 2");
        assert_eq!(with(&[1.0, 2.0, 4.0, 5.0, 6.0]), "gw 0–4 (5 cells)");
        assert_eq!(with(&[7.0, 3.0]), "5 → 2 steps");
        assert_eq!(with(&[7.0, 7.0, 7.0, 3.0, 3.0]), "the same recipe");
    }

    #[test]
    fn what_only_one_of_two_has_is_what_its_title_says() {
        let a = recipe(&[7.0, 3.0]);
        let mut b = recipe(&[7.0, 3.0]);
        b.steps.iter_mut().for_each(|step| step.mu = 0.3);
        assert_eq!(
            (own(&a, &b), own(&b, &a)),
            (vec!["mu 0".to_owned()], vec!["mu 0.3".to_owned()])
        );
        b.noise = NoiseSource::Seed { seed: 8, rng: Rng::TorchCpu };
        assert_eq!(own(&b, &a), ["mu 0.3", "seed 8"]);
        assert_eq!(own(&a, &a), Vec::<String>::new());
    }

    #[test]
    fn another_prompt_comes_first_and_another_preset_goes_by_its_name() {
        let before = recipe(&[7.0]);
        let to = Recipe {
            prompt: "a blue square".to_owned(),
            terminal: Terminal::Zero,
            noise: NoiseSource::Seed { seed: 8, rng: Rng::TorchCpu },
            ..recipe(&[7.0])
        };
        assert_eq!(change(&before, &to), "a blue square · terminal zero · seed 8");
        let to = Recipe { preset: Some("FAST".to_owned()), ..recipe(&[3.0]) };
        assert_eq!(change(&before, &to), "FAST");
        let cached = Recipe { first_block_cache: Some(0.1), ..recipe(&[7.0]) };
        assert_eq!(change(&before, &cached), "first-block cache 0.1");
        assert_eq!(change(&cached, &before), "no first-block cache");
    }
}

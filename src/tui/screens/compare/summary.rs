//! What a comparison says in words and numbers, and how that is laid out in lines.

use crate::tui::app::App;
use crate::tui::runs::{Finished, seconds};
use sigmalab_engine::noise::NoiseSource;
use sigmalab_engine::recipe::Recipe;

/// What there is in numbers, the most telling first.
pub(super) fn numbers(app: &App, a: &Finished, b: &Finished) -> Vec<String> {
    let mut texts = Vec::new();
    match app.comparison() {
        None if app.runs.is_one() => texts.push("the same run: run something else".to_owned()),
        None => texts.push("comparing …".to_owned()),
        Some(comparison) => {
            match &comparison.images {
                Ok(images) if images.are_equal() => {
                    texts.push("the same image, pixel by pixel".to_owned());
                }
                Ok(images) => {
                    texts.push(format!("PSNR {:.1} dB", images.psnr));
                    texts.push(format!("SSIM {:.4}", images.ssim));
                }
                Err(_) => {
                    let (a, b) = (a.recipe.size, b.recipe.size);
                    texts.push(format!("images of two sizes, {a} and {b}: no PSNR and SSIM"));
                }
            }
            if let Some(rmse) = comparison.latent_rmse {
                texts.push(format!("latent RMSE {rmse:.4}"));
            }
        }
    }
    texts.push(format!("NFE A {} B {}", a.evaluations(), b.evaluations()));
    // A run of which something was computed before took less than it costs.
    let [first, second] = [a, b].map(|run| {
        let took = seconds(run.seconds_loaded());
        match run.saved() {
            (0, _) => took,
            (saved, all) => format!("{took} ({saved} of {all} NFE cached)"),
        }
    });
    texts.push(format!("time A {first}"));
    texts.push(format!("B {second}"));
    texts
}

/// Texts with a dot between, as many on a line as fit.
pub(super) fn flow(texts: Vec<String>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for text in texts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 3 + text.chars().count() <= width => {
                line.push_str(" · ");
                line.push_str(&text);
            }
            _ => lines.push(text),
        }
    }
    lines
}

/// What differs besides the steps, a line each.
pub(super) fn settings(a: &Finished, b: &Finished) -> Vec<String> {
    let (a, b) = (&a.recipe, &b.recipe);
    let sampler = |recipe: &Recipe| {
        let params = recipe.sampler.params.iter().map(|(key, value)| format!(" {key}={value}"));
        recipe.sampler.id.clone() + &params.collect::<String>()
    };
    let noise = |noise: &NoiseSource| match noise {
        NoiseSource::Seed { seed, rng } => format!("{seed} of {rng}"),
        NoiseSource::File { blake3 } => {
            format!("file {}", blake3.chars().take(8).collect::<String>())
        }
    };
    let dtype = |recipe: &Recipe| recipe.dtype.to_string();
    let blocks = |recipe: &Recipe| match recipe.first_block_cache {
        Some(threshold) => format!("first-block cache {threshold}"),
        None => "all".to_owned(),
    };
    let pairs = [
        ("prompt", a.prompt.clone(), b.prompt.clone()),
        ("size", a.size.to_string(), b.size.to_string()),
        ("σ of size", a.schedule_size().to_string(), b.schedule_size().to_string()),
        ("seed", noise(&a.noise), noise(&b.noise)),
        ("sampler", sampler(a), sampler(b)),
        ("terminal", a.terminal.to_string(), b.terminal.to_string()),
        ("steps", a.steps.len().to_string(), b.steps.len().to_string()),
        ("checkpoint", a.model.name.clone(), b.model.name.clone()),
        ("dtype", dtype(a), dtype(b)),
        ("blocks", blocks(a), blocks(b)),
    ];
    let differing = pairs.into_iter().filter(|(_, a, b)| a != b);
    differing.map(|(what, a, b)| format!("{what:<10} A {a} · B {b}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_flow_into_lines() {
        let texts = || ["PSNR 28.1 dB", "SSIM 0.9400", "NFE"].map(str::to_owned).to_vec();
        assert_eq!(flow(texts(), 80), ["PSNR 28.1 dB · SSIM 0.9400 · NFE"]);
        assert_eq!(flow(texts(), 20), ["PSNR 28.1 dB", "SSIM 0.9400 · NFE"]);
        assert_eq!(flow(Vec::new(), 20), Vec::<String>::new());
    }
}

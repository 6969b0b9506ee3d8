//! What a finished run is measured to be, alone and against its reference run.

use super::directory::RunDirectory;
use super::record::{Against, Measured};
use sigmalab_engine::event::StepReport;
use sigmalab_engine::image_file::{read_latents, read_picture};
use sigmalab_engine::request::RunOutput;
use sigmalab_image::RgbImage;
use sigmalab_metrics::comparison::{psnr, ssim};
use sigmalab_metrics::image::ImageMetrics;
use sigmalab_metrics::latent::rmse;
use sigmalab_metrics::trajectory::straightness;
use std::io::BufReader;

/// A finished reference run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Baseline {
    /// `None` where it was not decoded.
    pub(super) image: Option<RgbImage>,
    pub(super) latents: Vec<f32>,
}

impl Baseline {
    /// Reads the files of a reference run; `None` where one is missing or damaged.
    pub(super) fn read(
        directory: &RunDirectory,
        measured: &Measured,
        tokens: usize,
    ) -> Option<Self> {
        let image = match &measured.image {
            Some(image) => {
                let file = directory.open(image).ok()?;
                Some(read_picture(BufReader::new(file)).ok()?)
            }
            // It was not decoded; one that was has its file.
            None if measured.picture.is_none() => None,
            None => return None,
        };
        let latents = measured.latents.as_ref()?;
        let file = directory.open(latents).ok()?;
        let latents = read_latents(file, &directory.path().join(latents), tokens).ok()?;
        Some(Baseline { image, latents })
    }
}

/// Measures a run. Its files are not written yet.
pub(super) fn measure(
    output: &RunOutput,
    steps: Vec<StepReport>,
    baseline: Option<&Baseline>,
) -> Measured {
    let lengths = steps.iter().map(|step| step.metrics.step_length);
    Measured {
        nfe: output.nfe,
        timings: output.timings,
        peak_memory: output.peak_memory,
        clip_fraction: output.clip_fraction,
        picture: decoded(output).map(ImageMetrics::of),
        straightness: straightness(&output.noise, &output.latents, lengths),
        against: baseline.and_then(|baseline| against(output, baseline)),
        steps,
        image: None,
        latents: None,
    }
}

/// `None` where the sizes differ, which those of a trial and its reference run never do.
fn against(output: &RunOutput, baseline: &Baseline) -> Option<Against> {
    let latent_rmse = rmse(&output.latents, &baseline.latents).ok()?;
    let Some((image, other)) = decoded(output).zip(baseline.image.as_ref()) else {
        return Some(Against { latent_rmse, psnr: None, ssim: None });
    };
    let psnr = psnr(image, other).ok()?;
    let ssim = Some(ssim(image, other).ok()?);
    Some(Against { latent_rmse, psnr: psnr.is_finite().then_some(psnr), ssim })
}

/// The picture, where there is one.
pub(super) fn decoded(output: &RunOutput) -> Option<&RgbImage> {
    Some(&output.image).filter(|image| !image.pixels.is_empty())
}

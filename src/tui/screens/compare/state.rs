//! What lies between run A and run B: numbers and a difference image, computed once a pair on
//! another thread. It knows runs, not screens.

use crate::tui::runs::{Finished, Runs};
use serde_json::{Value, json};
use sigmalab_image::RgbImage;
use sigmalab_metrics::comparison::{ComparisonError, psnr, ssim};
use sigmalab_metrics::difference::Difference;
use sigmalab_metrics::latent;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Share of the pixels that the scale covers where nobody set it.
const COVERED: f64 = 0.999;

/// Where such a scale may end.
const ENDS: [u8; 7] = [4, 8, 16, 32, 64, 128, 255];

/// Where the scale of the difference image ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// So that nearly every pixel is on it.
    #[default]
    Auto,
    /// At this difference, 1…255.
    Fixed(u8),
}

impl Scale {
    fn end(self, difference: &Difference) -> u8 {
        match self {
            Scale::Fixed(end) => end,
            Scale::Auto => {
                let covering = difference.covering(COVERED);
                ENDS.into_iter().find(|end| *end >= covering).unwrap_or(u8::MAX)
            }
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scale::Auto => f.write_str("auto"),
            Scale::Fixed(end) => end.fmt(f),
        }
    }
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match (text, text.parse::<u8>()) {
            ("auto", _) => Ok(Scale::Auto),
            (_, Ok(end @ 1..)) => Ok(Scale::Fixed(end)),
            _ => Err(format!("`{text}` is not a scale: give a difference from 1 to 255, or auto")),
        }
    }
}

/// What is to be computed of a pair.
#[derive(Debug, Clone)]
pub struct ComparisonJob {
    a: Arc<Finished>,
    b: Arc<Finished>,
    scale: Scale,
    /// What is known of the pair already, where only the scale is new.
    known: Option<Arc<Comparison>>,
}

/// Jobs are the same where they are about the same two runs.
impl PartialEq for ComparisonJob {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.a, &other.a)
            && Arc::ptr_eq(&self.b, &other.b)
            && self.scale == other.scale
    }
}

impl ComparisonJob {
    /// Computes it: up to seconds for large pictures, so on a thread that nobody waits for.
    #[must_use]
    pub fn run(self) -> Comparison {
        let ComparisonJob { a, b, scale, known } = self;
        let images = match known {
            Some(known) => known.images.clone().map(|images| images.scaled(scale)),
            None => Images::of(&a.image, &b.image, scale).map_err(|error| error.to_string()),
        };
        let latent_rmse = match (&a.latents, &b.latents) {
            (Some(first), Some(second)) => latent::rmse(first, second).ok(),
            _ => None,
        };
        Comparison { pair: (a, b), scale, images, latent_rmse }
    }
}

/// What is known of two pictures of one size.
#[derive(Debug, Clone)]
pub struct Images {
    /// In dB; infinite where they are equal.
    pub psnr: f64,
    /// 1 where they are equal.
    pub ssim: f64,
    pub difference: Arc<Difference>,
    /// A picture of it.
    pub heat: Arc<RgbImage>,
    /// The difference that is brightest in it.
    pub brightest: u8,
}

impl Images {
    fn of(a: &RgbImage, b: &RgbImage, scale: Scale) -> Result<Self, ComparisonError> {
        let difference = Difference::of(a, b)?;
        let brightest = scale.end(&difference);
        Ok(Images {
            psnr: psnr(a, b)?,
            ssim: ssim(a, b)?,
            heat: Arc::new(difference.heat(brightest)),
            difference: Arc::new(difference),
            brightest,
        })
    }

    fn scaled(self, scale: Scale) -> Self {
        let brightest = scale.end(&self.difference);
        Images { heat: Arc::new(self.difference.heat(brightest)), brightest, ..self }
    }

    /// Whether they are equal, pixel by pixel.
    pub fn are_equal(&self) -> bool {
        self.psnr.is_infinite()
    }
}

/// What lies between two runs; the same whichever of them is A.
#[derive(Debug, Clone)]
pub struct Comparison {
    pair: (Arc<Finished>, Arc<Finished>),
    scale: Scale,
    /// Of the pictures, or why there is nothing to say of them.
    pub images: Result<Images, String>,
    /// Of the final latents, where both are known and of one size.
    pub latent_rmse: Option<f64>,
}

impl Comparison {
    fn is_of(&self, a: &Arc<Finished>, b: &Arc<Finished>) -> bool {
        let (first, second) = &self.pair;
        (Arc::ptr_eq(first, a) && Arc::ptr_eq(second, b))
            || (Arc::ptr_eq(first, b) && Arc::ptr_eq(second, a))
    }

    /// It as a JSON document.
    #[must_use]
    pub fn document(&self) -> Value {
        let images = self.images.as_ref().ok();
        let finite = |value: f64| value.is_finite().then_some(value);
        json!({
            "psnr": images.and_then(|images| finite(images.psnr)),
            "ssim": images.map(|images| images.ssim),
            "pixels_differing": images.map(|images| images.difference.share()),
            "equal": images.is_some_and(Images::are_equal),
            "latent_rmse": self.latent_rmse,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// A and B.
    #[default]
    Beside,
    /// A, their difference, B.
    Difference,
    /// One of them, large.
    Flip,
}

impl View {
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            View::Beside => View::Difference,
            View::Difference => View::Flip,
            View::Flip => View::Beside,
        }
    }
}

impl FromStr for View {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "beside" => Ok(View::Beside),
            "difference" => Ok(View::Difference),
            "flip" => Ok(View::Flip),
            other => Err(format!("there is no view `{other}`: write beside, difference or flip")),
        }
    }
}

/// The comparison of A and B: how it is shown and what is known.
#[derive(Debug, Default)]
pub struct Comparing {
    pub view: View,
    /// Which of them is seen where one is.
    pub shows_b: bool,
    /// Whether steps in which they are the same are shown too.
    pub unfolded: bool,
    /// Scale of the difference image.
    pub scale: Scale,
    result: Option<Arc<Comparison>>,
    computing: bool,
}

impl Comparing {
    /// What is known of the two runs; it may be of another scale than the one that was asked for
    /// last.
    pub fn of(&self, runs: &Runs) -> Option<&Comparison> {
        let (a, b) = runs.pair()?;
        self.result.as_deref().filter(|result| result.is_of(a, b))
    }

    /// What is to be computed now. One job at a time.
    pub fn wanted(&mut self, runs: &Runs) -> Option<ComparisonJob> {
        if self.computing {
            return None;
        }
        let Some(job) = self.missing(runs) else {
            if runs.pinned.is_none() {
                self.result = None;
            }
            return None;
        };
        self.computing = true;
        Some(job)
    }

    /// What is not known yet, where there are two runs.
    pub fn missing(&self, runs: &Runs) -> Option<ComparisonJob> {
        let (a, b) = runs.pair().filter(|_| !runs.is_one())?;
        let known = self.result.as_ref().filter(|result| result.is_of(a, b));
        let job = |known| ComparisonJob { a: a.clone(), b: b.clone(), scale: self.scale, known };
        match known {
            Some(known) if known.scale == self.scale => None,
            known => Some(job(known.cloned())),
        }
    }

    pub fn take(&mut self, result: Comparison) {
        self.computing = false;
        self.result = Some(Arc::new(result));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_scale_ends_where_nearly_every_pixel_is_on_it() {
        let picture = |bright: u8| {
            let mut pixels = vec![10; 32 * 32 * 3];
            pixels[..60].fill(10 + bright);
            RgbImage { width: 32, height: 32, pixels }
        };
        for (bright, end) in [(0, 4), (3, 4), (5, 8), (40, 64), (245, 255)] {
            let images = Images::of(&picture(0), &picture(bright), Scale::Auto).unwrap();
            assert_eq!(images.brightest, end, "{bright}");
        }
        let images = Images::of(&picture(0), &picture(40), Scale::Fixed(9)).unwrap();
        assert_eq!(images.brightest, 9);
        let scaled = images.scaled(Scale::Auto);
        assert_eq!(scaled.brightest, 64);
        assert_eq!(*scaled.heat, scaled.difference.heat(64));
    }

    #[test]
    fn scales_and_views_read_back_what_they_are_called() {
        assert_eq!("auto".parse(), Ok(Scale::Auto));
        assert_eq!(Scale::Fixed(40).to_string().parse(), Ok(Scale::Fixed(40)));
        for wrong in ["0", "256", "-1", "bright"] {
            assert!(wrong.parse::<Scale>().unwrap_err().contains("1 to 255"));
        }
        assert_eq!("flip".parse(), Ok(View::Flip));
        assert!("blink".parse::<View>().is_err());
    }
}

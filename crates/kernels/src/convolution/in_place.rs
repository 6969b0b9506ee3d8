//! Convolutions whose results take the memory of the image they read: a few rows of it are kept
//! aside while the rows of the results that depend on them are written, band after band. Every
//! value is computed as by [`Convolution::apply`], to the bit.

use super::window::Lines;
use super::{Affine, Before, Convolution, LINES};
use crate::base::out::Out;
use crate::base::scratch::{SharedScratch, as_floats};
use rayon::prelude::*;

/// Most values of the rows kept aside (32 MiB).
const KEPT: usize = 8 << 20;

/// Convolutions of one image, whose results take its memory.
#[derive(Debug, Clone, Copy)]
pub struct InPlace<'a> {
    /// Each with what normalises the image for it, as in [`Before`].
    pub convolutions: &'a [(&'a Convolution, Option<Affine<'a>>)],
    /// Whether every pixel is first made 2 × 2.
    pub doubled: bool,
    /// Rows of the image.
    pub height: usize,
    /// Columns of the image.
    pub width: usize,
}

impl InPlace<'_> {
    /// `memory` has planes of the results' size. The image stands in the first of them, at their
    /// end where it is smaller because it is yet to be doubled. The results are written from the
    /// first plane on, in the order of the convolutions; planes that none of them needs keep what
    /// they had, or what they had of the image.
    ///
    /// # Panics
    /// Where the convolutions take different images, or the image or the results do not fit.
    pub fn apply(&self, memory: &mut [f32]) {
        let inputs = self.convolutions.first().map_or(0, |(first, _)| first.inputs);
        // As many rows of the results as are made of the rows kept aside, or fewer.
        let lines = KEPT / (inputs * self.width).max(1) / LINES * LINES;
        self.in_bands(lines.max(LINES), memory);
    }

    /// As [`Self::apply`], with bands of `lines` rows.
    pub(super) fn in_bands(&self, lines: usize, memory: &mut [f32]) {
        let Self { convolutions, doubled, height, width } = *self;
        let Some((first, _)) = convolutions.first() else { return };
        let inputs = first.inputs;
        let shift = usize::from(doubled);
        let (tall, wide) = (height << shift, width << shift);
        let plane = tall * wide;
        if plane == 0 {
            return;
        }
        let planes = memory.len() / plane;
        assert_eq!(memory.len(), planes * plane);
        assert!(inputs <= planes);
        assert!(convolutions.iter().map(|(of, _)| of.outputs).sum::<usize>() <= planes);
        for (convolution, normalised) in convolutions {
            assert_eq!(convolution.inputs, inputs);
            assert!(normalised.is_none_or(|of| of.len() == inputs));
        }
        let half = convolutions.iter().map(|(of, _)| of.kernel / 2).max().unwrap_or_default();

        // Rows `kept.0..kept.1` of the image, at the start of `room` rows for each plane.
        let room = ((lines + 2 * half).div_ceil(1 << shift) + 1).min(height);
        let lanes = inputs * room * width;
        let mut shared = SharedScratch::take(lanes);
        let aside = as_floats(shared.lanes(lanes));
        let mut kept = (0, 0);
        for top in (0..tall).step_by(lines) {
            let bottom = (top + lines).min(tall);
            // Rows are read before results reach them: those of rows up to `top` end, as the
            // image stands at the end of its planes, before the first row that is not read yet.
            let needed = (
                top.saturating_sub(half) >> shift,
                ((bottom - 1 + half).min(tall - 1) >> shift) + 1,
            );
            let read = plane - height * width + kept.1 * width..;
            let count = (needed.1 - kept.1) * width;
            let stay = (needed.0 - kept.0) * width..(kept.1 - kept.0) * width;
            let aside_planes = aside.par_chunks_exact_mut(room * width);
            aside_planes.zip(memory.par_chunks_exact(plane)).for_each(|(aside, image)| {
                let rest = stay.len();
                aside.copy_within(stay.clone(), 0);
                aside[rest..rest + count].copy_from_slice(&image[read.clone()][..count]);
            });
            kept = needed;

            let source = Lines { values: aside, plane: room * width, first: kept.0, width };
            let mut results = &mut *memory;
            for (convolution, normalised) in convolutions {
                let (result, rest) = results.split_at_mut(convolution.outputs * plane);
                results = rest;
                let out = Out {
                    values: result.as_mut_ptr(),
                    len: result.len(),
                    rows: convolution.outputs,
                    outputs: plane,
                };
                let before = Before { doubled, normalised: *normalised };
                convolution.run(source, before, top..bottom, (tall, wide), false, out);
            }
        }
    }
}

//! A residual block of an image: norm, SiLU and convolution, twice, and the input added.

use super::canvas::{Canvas, Planes};
use super::convolution::Convolution;
use super::group_norm::GroupNorm;
use crate::profile::{Operation, timed};
use candle_core::{Result, Tensor, bail};
use sigmalab_kernels::convolution::{Before, Image, InPlace};

/// x + conv(silu(norm(conv(silu(norm(x)))))), where `shortcut` is applied to the first x if the
/// number of channels changes.
pub(crate) struct Residual {
    pub(crate) norms: [GroupNorm; 2],
    pub(crate) convolutions: [Convolution; 2],
    /// Has as many outputs as the convolutions.
    pub(crate) shortcut: Option<Convolution>,
}

impl Residual {
    /// The input is given up: the result takes its memory.
    pub(crate) fn forward(&self, x: Canvas) -> Result<Canvas> {
        match x {
            Canvas::Host(planes) => self.in_place(planes).map(Canvas::Host),
            Canvas::Device(image) => self.composed(image).map(Canvas::Device),
        }
    }

    fn composed(&self, x: Tensor) -> Result<Tensor> {
        let [first, second] = &self.convolutions;
        let y = first.forward_normalised(&x, &self.norms[0])?;
        let y = second.forward_normalised(&y, &self.norms[1])?;
        match &self.shortcut {
            Some(shortcut) => shortcut.forward(&x)? + y,
            None => x + y,
        }
    }

    /// The sum stands in the first planes, what is added to it in those behind.
    fn in_place(&self, mut planes: Planes) -> Result<Planes> {
        let [first, second] = &self.convolutions;
        let (first, second) = (first.kernel()?, second.kernel()?);
        let shortcut = self.shortcut.as_ref().map(Convolution::kernel).transpose()?;
        let (inputs, outputs) = (first.inputs(), first.outputs());
        let fits = match shortcut {
            Some(shortcut) => shortcut.inputs() == inputs && shortcut.outputs() == outputs,
            None => inputs == outputs,
        };
        if !fits || planes.channels != inputs || [second.inputs(), second.outputs()] != [outputs; 2]
        {
            bail!("residual: convolutions do not fit {} channels", planes.channels);
        }
        let (height, width, plane) = (planes.height, planes.width, planes.plane());
        let count = inputs.max(2 * outputs) * plane;
        if planes.values.len() < count {
            planes.values.resize(count, 0.0);
        }
        let memory = &mut planes.values[..count];

        let affine = self.norms[0].affine(&memory[..inputs * plane])?;
        let before = Before { normalised: Some(&affine), ..Before::default() };
        match shortcut {
            Some(shortcut) => {
                let convolutions = &[(shortcut, None), (first, Some(&affine[..]))];
                let in_place = InPlace { convolutions, doubled: false, height, width };
                timed(Operation::Convolutions, || in_place.apply(memory));
            }
            None => {
                let (values, y) = memory.split_at_mut(inputs * plane);
                let image = Image { values, height, width };
                timed(Operation::Convolutions, || first.apply(image, before, false, y));
            }
        }

        let (sum, rest) = memory.split_at_mut(outputs * plane);
        let values = &rest[..outputs * plane];
        let affine = self.norms[1].affine(values)?;
        let before = Before { normalised: Some(&affine), ..Before::default() };
        let image = Image { values, height, width };
        timed(Operation::Convolutions, || second.apply(image, before, true, sum));
        planes.channels = outputs;
        Ok(planes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::banded::Banded;
    use crate::ops::testing::{numbers, relative_difference};

    fn block(inputs: usize, outputs: usize, host: bool) -> Residual {
        let norm =
            |channels| GroupNorm::new(numbers(&[channels]), numbers(&[channels]), 2, 1e-6).unwrap();
        let convolution = |inputs: usize, side: usize| {
            let weight = (numbers(&[outputs, inputs, side, side]) * 0.1).unwrap();
            let bias = numbers(&[outputs]);
            if host {
                return Convolution::new(&weight, &bias).unwrap();
            }
            Convolution::Device(Banded::new(weight, bias).unwrap())
        };
        Residual {
            norms: [norm(inputs), norm(outputs)],
            convolutions: [convolution(inputs, 3), convolution(outputs, 3)],
            shortcut: (inputs != outputs).then(|| convolution(inputs, 1)),
        }
    }

    #[test]
    fn the_processor_s_block_equals_that_of_an_accelerator_whatever_its_memory_held() {
        for (inputs, outputs) in [(6, 6), (8, 4), (10, 4), (4, 6)] {
            let x = numbers(&[1, inputs, 13, 9]);
            let theirs = block(inputs, outputs, false).composed(x.clone()).unwrap();
            for spare in [0, 1, 40] {
                let mut canvas = Canvas::new(x.clone()).unwrap();
                if let Canvas::Host(planes) = &mut canvas {
                    planes.values.resize((inputs + spare) * planes.plane(), f32::NAN);
                }
                let ours = block(inputs, outputs, true).forward(canvas).unwrap();
                let ours = ours.into_image().unwrap();
                assert!(relative_difference(&ours, &theirs) <= 1e-5, "{inputs} → {outputs}");
            }
        }
    }

    #[test]
    fn a_block_whose_convolutions_do_not_fit_says_so() {
        let x = || Canvas::new(numbers(&[1, 6, 5, 5])).unwrap();
        assert!(block(4, 4, true).forward(x()).is_err());
        let without = Residual { shortcut: None, ..block(6, 4, true) };
        assert!(without.forward(x()).is_err());
    }
}

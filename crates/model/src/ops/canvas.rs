//! An image on its way through a decoder, whose memory is used again: a full-size image has
//! hundreds of megabytes.

use super::convolution::Convolution;
use super::storage::with_values;
use crate::profile::{Operation, timed};
use candle_core::{Device, Result, Tensor, bail};
use sigmalab_kernels::convolution::InPlace;

/// An image [1, channels, height, width] in f32.
pub(crate) enum Canvas {
    /// In host memory.
    Host(Planes),
    /// On an accelerator.
    Device(Tensor),
}

/// The image's planes, and behind them whatever is left of what stood there before.
pub(crate) struct Planes {
    pub(super) values: Vec<f32>,
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Canvas {
    /// Takes an image [1, channels, height, width].
    pub(crate) fn new(image: Tensor) -> Result<Self> {
        if !image.device().is_cpu() {
            return Ok(Self::Device(image));
        }
        let (images, channels, height, width) = image.dims4()?;
        if images != 1 {
            bail!("canvas: {images} images where one belongs");
        }
        let values = with_values::<f32, _>(&image, <[f32]>::to_vec)?;
        Ok(Self::Host(Planes { values, channels, height, width }))
    }

    /// The image [1, channels, height, width].
    pub(crate) fn into_image(self) -> Result<Tensor> {
        match self {
            Self::Host(Planes { mut values, channels, height, width }) => {
                values.truncate(channels * height * width);
                Tensor::from_vec(values, (1, channels, height, width), &Device::Cpu)
            }
            Self::Device(image) => Ok(image),
        }
    }

    /// The image with every pixel made 2 × 2, convolved.
    pub(crate) fn double(self, convolution: &Convolution) -> Result<Self> {
        match self {
            Self::Host(planes) => planes.double(convolution).map(Self::Host),
            Self::Device(image) => convolution.double_by_device(&image).map(Self::Device),
        }
    }
}

impl Planes {
    /// Values of a plane.
    pub(super) fn plane(&self) -> usize {
        self.height * self.width
    }

    fn double(self, convolution: &Convolution) -> Result<Self> {
        let convolution = convolution.kernel()?;
        let Self { values, channels, height, width } = self;
        if channels != convolution.inputs() {
            bail!("canvas: {channels} channels where {} belong", convolution.inputs());
        }
        let (plane, outputs) = (height * width, convolution.outputs());
        // Pages that nothing is written to yet take no memory.
        let mut doubled = vec![0f32; channels.max(outputs) * 4 * plane];
        if plane > 0 {
            for (to, from) in doubled.chunks_exact_mut(4 * plane).zip(values.chunks_exact(plane)) {
                to[3 * plane..].copy_from_slice(from);
            }
        }
        drop(values);
        let convolutions = &[(convolution, None)];
        let in_place = InPlace { convolutions, doubled: true, height, width };
        timed(Operation::Convolutions, || in_place.apply(&mut doubled));
        Ok(Self { values: doubled, channels: outputs, height: 2 * height, width: 2 * width })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ops::banded::Banded;
    use crate::ops::testing::{numbers, relative_difference};

    #[test]
    fn doubling_on_the_processor_equals_that_of_an_accelerator() {
        for (inputs, outputs, height, width) in [(5, 3, 6, 7), (4, 8, 5, 9), (64, 2, 45, 48)] {
            let (x, weight) = (numbers(&[1, inputs, height, width]), [outputs, inputs, 3, 3]);
            let (weight, bias) = (numbers(&weight), numbers(&[outputs]));
            let ours = Convolution::new(&weight, &bias).unwrap();
            let theirs = Convolution::Device(Banded::new(weight, bias).unwrap());
            let ours = Canvas::new(x.clone()).unwrap().double(&ours).unwrap();
            let theirs = Canvas::Device(x).double(&theirs).unwrap();
            let (ours, theirs) = (ours.into_image().unwrap(), theirs.into_image().unwrap());
            assert_eq!(ours.dims(), [1, outputs, 2 * height, 2 * width]);
            assert!(relative_difference(&ours, &theirs) <= 1e-5);
        }
    }
}

//! Kernels of the decoder, against their definitions.

use crate::emulator::{buffer, last, room, run, there_is_a_compiler, values};
use crate::numbers::{assert_near, noise};
use sigmalab_cuda::calls::{
    Affine, Patches, gather_patches, group_affine, group_means, group_sums,
};
use sigmalab_cuda::group_shares;

#[test]
fn groups_are_normalised_by_a_factor_and_a_term_a_channel() {
    if !there_is_a_compiler() {
        return;
    }
    // The last one has groups of more than one share, the last of them short.
    for (channels, groups, plane) in [(6, 3, 35), (4, 4, 1), (4, 2, 40_001)] {
        let per_group = channels / groups * plane;
        let shares = group_shares(per_group);
        let x: Vec<f32> = noise(channels * plane, 1)
            .iter()
            .enumerate()
            .map(|(i, v)| v * (1.0 + (i / per_group) as f32) + 40.0)
            .collect();
        let (gain, bias, eps) = (noise(channels, 2), noise(channels, 3), 1e-6f32);
        let shape = [groups, per_group];
        let room_for_sums = || room::<f64>(groups * shares);
        let sums = last(group_sums(buffer(&x), None, room_for_sums(), shape));
        let sums = buffer(&values::<f64>(&sums));
        let means: Vec<f32> = values(&last(group_means(sums, room::<f32>(groups), shape)));
        let squares = group_sums(buffer(&x), Some(buffer(&means)), room_for_sums(), shape);
        let of = Affine {
            squares: buffer(&values::<f64>(&last(squares))),
            means: buffer(&means),
            gain: buffer(&gain),
            bias: buffer(&bias),
            affine: room::<f32>(2 * channels),
        };
        let found: Vec<f32> = values(&last(group_affine(of, channels, shape, eps)));
        let n = per_group as f64;
        let statistics: Vec<(f64, f64)> = x
            .chunks(per_group)
            .map(|group| {
                let mean = group.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
                let square = |v: &f32| (f64::from(*v) - mean).powi(2);
                (mean, group.iter().map(square).sum::<f64>() / n)
            })
            .collect();
        // What the affine map makes of a value, not the term alone, which is large where the mean is.
        for channel in 0..channels {
            let (mean, variance) = statistics[channel / (channels / groups)];
            for value in [x[channel * plane], x[channel * plane + plane / 2]] {
                let value = f64::from(value);
                let expected = (value - mean) / (variance + f64::from(eps)).sqrt()
                    * f64::from(gain[channel])
                    + f64::from(bias[channel]);
                let y = value * f64::from(found[channel]) + f64::from(found[channels + channel]);
                let size = f64::from(found[channel]).abs() * 42.0;
                assert_near("affine", &[y], &[expected], 1e-4, size * 3e-7 + 1e-5);
            }
        }
    }
}

#[test]
fn patches_are_gathered_from_the_image_as_it_is_normalised_and_doubled() {
    if !there_is_a_compiler() {
        return;
    }
    for (channels, height, width, side) in [(2, 5, 7, 3), (3, 1, 1, 3), (2, 4, 3, 1), (1, 3, 4, 5)]
    {
        let x = noise(channels * height * width, 1);
        let affine = noise(2 * channels, 2);
        for (doubled, normalised) in [(false, false), (true, false), (false, true), (true, true)] {
            let times = if doubled { 2 } else { 1 };
            let (down, across) = (height * times, width * times);
            // From the middle of a row to the end, as a band may begin.
            for first in [0, (across / 2 + 1).min(down * across - 1)] {
                let pixels = down * across - first;
                let lines = channels * side * side;
                let mut expected = vec![0.0; lines * pixels];
                for (line, out) in expected.chunks_mut(pixels).enumerate() {
                    let (channel, place) = (line / (side * side), line % (side * side));
                    for (pixel, out) in out.iter_mut().enumerate() {
                        let reach = side as isize / 2;
                        let row = ((first + pixel) / across + place / side) as isize - reach;
                        let column = ((first + pixel) % across + place % side) as isize - reach;
                        let inside = (0..down as isize).contains(&row)
                            && (0..across as isize).contains(&column);
                        if !inside {
                            continue;
                        }
                        let (row, column) = (row as usize / times, column as usize / times);
                        let value = f64::from(x[(channel * height + row) * width + column]);
                        *out = value;
                        if normalised {
                            let y = value * f64::from(affine[channel])
                                + f64::from(affine[channels + channel]);
                            *out = y / (1.0 + (-y).exp());
                        }
                    }
                }
                let of = Patches { channels, height, width, side, doubled, first, pixels };
                let affine = normalised.then(|| buffer(&affine));
                let out = room::<f32>(expected.len());
                let found = run(gather_patches(buffer(&x), affine, out, of)).pop().unwrap();
                let found: Vec<f64> = values::<f32>(&found).iter().map(|v| f64::from(*v)).collect();
                assert_near("patches", &found, &expected, 1e-5, 1e-6);
            }
        }
    }
}

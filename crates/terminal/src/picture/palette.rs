//! A picture in few colours, without dithering, so that it compresses: median cut over a coarse
//! histogram (Heckbert 1982), groups split where they vary most.

use super::Rgb8;

/// A picture as indices into a palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) palette: Vec<[u8; 3]>,
    /// One byte a pixel, rows from the top.
    pub(super) pixels: Vec<u8>,
}

/// Bits of a channel in the histogram.
const BITS: u32 = 5;

/// Pixels of one cell of the histogram.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    count: u64,
    sum: [u64; 3],
}

impl Bin {
    fn mean(&self) -> [u64; 3] {
        self.sum.map(|sum| sum / self.count.max(1))
    }

    fn add(&mut self, other: &Bin) {
        self.count += other.count;
        for (sum, add) in self.sum.iter_mut().zip(other.sum) {
            *sum += add;
        }
    }
}

/// Some cells of the histogram that share a palette entry.
struct Group {
    /// Numbers of the cells.
    members: Vec<usize>,
    /// The channel that varies most, and how much: the weighted sum of squares.
    widest: (usize, u64),
}

impl Group {
    fn new(members: Vec<usize>, bins: &[Bin]) -> Self {
        let mut total = Bin::default();
        for &member in &members {
            total.add(&bins[member]);
        }
        let centre = total.mean();
        let mut spread = [0u64; 3];
        for &member in &members {
            let mean = bins[member].mean();
            for channel in 0..3 {
                spread[channel] +=
                    bins[member].count * mean[channel].abs_diff(centre[channel]).pow(2);
            }
        }
        let widest = (0..3).map(|channel| (channel, spread[channel])).max_by_key(|&(_, s)| s);
        Group { members, widest: widest.unwrap_or((0, 0)) }
    }

    /// Two halves of equal weight along the widest channel.
    fn split(mut self, bins: &[Bin]) -> (Group, Group) {
        let (channel, _) = self.widest;
        self.members.sort_by_key(|&member| (bins[member].mean()[channel], member));
        let total: u64 = self.members.iter().map(|&member| bins[member].count).sum();
        let mut below = 0;
        let at = self.members.iter().position(|&member| {
            below += bins[member].count;
            2 * below >= total
        });
        // Neither half is empty.
        let at = (at.unwrap_or(0) + 1).clamp(1, self.members.len() - 1);
        let above = self.members.split_off(at);
        (Group::new(self.members, bins), Group::new(above, bins))
    }
}

/// The picture in at most `colours` colours, 1 to 256.
pub(super) fn reduce(picture: &Rgb8, colours: usize) -> Indexed {
    let colours = colours.clamp(1, 256);
    let bin_of = |pixel: &[u8]| {
        pixel.iter().fold(0usize, |bin, &value| (bin << BITS) | usize::from(value >> (8 - BITS)))
    };
    let mut bins = vec![Bin::default(); 1 << (3 * BITS)];
    for pixel in picture.pixels().chunks_exact(3) {
        let bin = &mut bins[bin_of(pixel)];
        bin.count += 1;
        for (sum, &value) in bin.sum.iter_mut().zip(pixel) {
            *sum += u64::from(value);
        }
    }
    let used: Vec<usize> = (0..bins.len()).filter(|&bin| bins[bin].count > 0).collect();
    let mut groups = vec![Group::new(used, &bins)];
    while groups.len() < colours {
        let widest = (0..groups.len())
            .filter(|&index| groups[index].members.len() > 1)
            .max_by_key(|&index| groups[index].widest.1);
        let Some(widest) = widest else { break };
        let (low, high) = groups.swap_remove(widest).split(&bins);
        groups.extend([low, high]);
    }
    let mut entry = vec![0u8; bins.len()];
    let mut palette = Vec::with_capacity(groups.len());
    for (number, members) in groups.into_iter().map(|group| group.members).enumerate() {
        let mut total = Bin::default();
        for member in members {
            total.add(&bins[member]);
            // There are at most 256 groups.
            entry[member] = number as u8;
        }
        palette.push(total.mean().map(|mean| mean as u8));
    }
    let pixels = picture.pixels().chunks_exact(3).map(|pixel| entry[bin_of(pixel)]).collect();
    Indexed { width: picture.width(), height: picture.height(), palette, pixels }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let colours = [[250, 10, 10], [10, 250, 10], [10, 10, 250], [0, 0, 0]];
        let Some(image) = Rgb8::new(2, 2, colours.concat()) else { panic!("four pixels") };
        let reduced = reduce(&image, 64);
        let back: Vec<[u8; 3]> =
            reduced.pixels.iter().map(|&index| reduced.palette[usize::from(index)]).collect();
        assert_eq!(back, colours);
    }

    proptest! {
        #[test]
        fn every_pixel_has_an_entry_near_its_colour(
            pixels in proptest::collection::vec(any::<[u8; 3]>(), 1..200), colours in 1usize..70,
        ) {
            let image = Rgb8::new(pixels.len() as u32, 1, pixels.concat());
            let Some(image) = image else { return Err(TestCaseError::fail("no image")) };
            let reduced = reduce(&image, colours);
            prop_assert!(reduced.palette.len() <= colours);
            prop_assert_eq!(reduced.pixels.len(), pixels.len());
            for index in &reduced.pixels {
                prop_assert!(usize::from(*index) < reduced.palette.len());
            }
            if colours >= 64 && pixels.len() <= 64 {
                // One entry a cell of the histogram: no channel is off by more than its width.
                for (index, pixel) in reduced.pixels.iter().zip(&pixels) {
                    let entry = reduced.palette[usize::from(*index)];
                    prop_assert!(entry.iter().zip(pixel).all(|(a, b)| a.abs_diff(*b) < 8));
                }
            }
        }
    }
}

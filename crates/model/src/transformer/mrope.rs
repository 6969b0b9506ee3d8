//! Positions of text and image tokens on three axes, and the rotary angles they give.

use super::config::TransformerConfig;
use crate::latents::LatentGrid;
use crate::rotary::inverse_frequencies;

/// Where image positions begin on every axis, so that they never meet a text position (the
/// reference's `IMAGE_POSITION_OFFSET`).
const IMAGE_OFFSET: usize = 65_536;

/// The angles of a sequence of `text_tokens` text tokens followed by the tokens of `grid`,
/// `head_dim / 2` for each position in turn: position · frequency, both and their product in f32
/// as in the reference.
///
/// Text token i is at (i, i, i), the image token at row r and column c at (0, r, c) plus the
/// offset on all three axes. Frequencies are dealt to the axes in turns: of every three, the
/// second sees the row and the third the column as far as their sections reach; all others see
/// time.
pub(super) fn angles(config: &TransformerConfig, text_tokens: usize, grid: LatentGrid) -> Vec<f32> {
    let [_, rows, columns] = config.mrope_section;
    let frequencies: Vec<(f32, usize)> = inverse_frequencies(config.rope_theta, config.head_dim)
        .into_iter()
        .enumerate()
        .map(|(i, frequency)| match i % 3 {
            1 if i < 3 * rows => (frequency, 1),
            2 if i < 3 * columns => (frequency, 2),
            _ => (frequency, 0),
        })
        .collect();
    let text = (0..text_tokens).map(|i| [i; 3]);
    let image = (0..grid.rows).flat_map(|row| {
        (0..grid.columns)
            .map(move |column| [IMAGE_OFFSET, IMAGE_OFFSET + row, IMAGE_OFFSET + column])
    });
    text.chain(image)
        .flat_map(|position| {
            frequencies.iter().map(move |&(frequency, axis)| position[axis] as f32 * frequency)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_sections_deal_the_axes_as_documented() {
        let config = TransformerConfig {
            channels: 128,
            width: 4608,
            layers: 34,
            heads: 18,
            head_dim: 256,
            intermediate: 12288,
            conditioning: 512,
            norm_eps: 1e-5,
            rope_theta: 5e6,
            mrope_section: [24, 20, 20],
        };
        let angles = angles(&config, 2, LatentGrid { rows: 2, columns: 3 });
        let frequencies = inverse_frequencies(5e6, 256);
        assert_eq!(angles.len(), (2 + 6) * 128);
        // Text token 1: every axis is at 1.
        assert_eq!(angles[128..256], frequencies[..]);
        // The last image token: row 1, column 2.
        let last = &angles[7 * 128..];
        for (j, (angle, frequency)) in last.iter().zip(&frequencies).enumerate() {
            let position = match j {
                1..=58 if j % 3 == 1 => 65537.0,
                2..=59 if j % 3 == 2 => 65538.0,
                _ => 65536.0,
            };
            assert_eq!(*angle, position * frequency, "frequency {j}");
        }
    }
}

//! Sixel: bands of six rows, a pass over a band for each of its colours (DEC STD 070; xterm's
//! "Sixel Graphics").

use super::palette::Indexed;
use std::fmt::Write;

/// The picture as a sixel sequence, drawn at the cursor.
pub(super) fn encode(image: &Indexed) -> String {
    let (width, height) = (image.width as usize, image.height as usize);
    // Aspect 1:1; pixels not set stay as they are. Writing to a string cannot fail.
    let mut text = format!("\x1bP0;1;0q\"1;1;{width};{height}");
    for (number, colour) in image.palette.iter().enumerate() {
        let [red, green, blue] = colour.map(|value| (u32::from(value) * 100 + 127) / 255);
        let _ = write!(text, "#{number};2;{red};{green};{blue}");
    }
    let mut bits = vec![0u8; width];
    for top in (0..height).step_by(6) {
        if top > 0 {
            text.push('-');
        }
        let band = &image.pixels[top * width..(top + 6).min(height) * width];
        let mut used = [false; 256];
        for &index in band {
            used[usize::from(index)] = true;
        }
        let mut first = true;
        for colour in (0..=255u8).filter(|&colour| used[usize::from(colour)]) {
            bits.fill(0);
            for (row, pixels) in band.chunks_exact(width).enumerate() {
                for (bit, &index) in bits.iter_mut().zip(pixels) {
                    *bit |= u8::from(index == colour) << row;
                }
            }
            if !first {
                text.push('$');
            }
            first = false;
            let _ = write!(text, "#{colour}");
            runs(&bits, &mut text);
        }
    }
    text.push_str("\x1b\\");
    text
}

/// One pass: runs of equal columns, without the empty ones at the end.
fn runs(bits: &[u8], text: &mut String) {
    let end = bits.iter().rposition(|&bit| bit != 0).map_or(0, |last| last + 1);
    for run in bits[..end].chunk_by(|a, b| a == b) {
        let sixel = char::from(run[0] + b'?');
        if run.len() > 3 {
            let _ = write!(text, "!{}{sixel}", run.len());
        } else {
            text.extend(std::iter::repeat_n(sixel, run.len()));
        }
    }
}

//! How far two latents are apart. Functions on slices; they know nothing of how the latents
//! came about.

use super::trajectory::distance;

/// Two latents of different lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("latents of {first} and {second} values cannot be compared: run both at one size")]
pub struct LatentLengths {
    pub first: usize,
    pub second: usize,
}

/// Root of the mean squared difference, in the latents' own unit, in which noise has a deviation
/// of 1; 0 where both are empty.
pub fn rmse(first: &[f32], second: &[f32]) -> Result<f64, LatentLengths> {
    if first.len() != second.len() {
        return Err(LatentLengths { first: first.len(), second: second.len() });
    }
    Ok(distance(first, second) / (first.len().max(1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rmse_does_not_depend_on_the_length() {
        assert_eq!(rmse(&[1.0; 16], &[3.0; 16]), Ok(2.0));
        assert_eq!(rmse(&[1.0; 400], &[3.0; 400]), Ok(2.0));
        assert_eq!(rmse(&[], &[]), Ok(0.0));
    }

    #[test]
    fn latents_of_two_lengths_are_refused() {
        assert_eq!(rmse(&[0.0; 4], &[0.0; 5]), Err(LatentLengths { first: 4, second: 5 }));
    }
}

//! From a number to a colour that the eye orders as it orders numbers. Knows nothing of what the
//! number is.

/// Name of the map, as matplotlib and papers call it.
pub const NAME: &str = "inferno";

/// Every fifteenth of the 256 colours of inferno by Stéfan van der Walt and Nathaniel Smith, as
/// matplotlib has them (CC0). Its lightness rises evenly from black to a light yellow. Between
/// them colours are mixed, which is at most 5 of 255 off.
const INFERNO: [[u8; 3]; 18] = [
    [0, 0, 4],
    [10, 7, 34],
    [30, 12, 69],
    [56, 9, 98],
    [81, 14, 108],
    [105, 22, 110],
    [128, 31, 108],
    [152, 39, 102],
    [176, 49, 91],
    [198, 61, 77],
    [217, 77, 61],
    [233, 97, 43],
    [244, 121, 24],
    [250, 148, 7],
    [252, 176, 20],
    [248, 205, 55],
    [242, 234, 105],
    [252, 255, 164],
];

/// The colour of `value` in 0…1; what lies outside gets the colour of the nearer end.
#[must_use]
pub fn colour(value: f64) -> [u8; 3] {
    let last = INFERNO.len() - 1;
    let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
    let place = value * last as f64;
    let below = (place as usize).min(last - 1);
    let part = place - below as f64;
    let (low, high) = (INFERNO[below], INFERNO[below + 1]);
    std::array::from_fn(|channel| {
        let (low, high) = (f64::from(low[channel]), f64::from(high[channel]));
        (low + (high - low) * part).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_are_those_of_inferno() {
        assert_eq!(colour(0.0), [0, 0, 4]);
        assert_eq!(colour(1.0), [252, 255, 164]);
        assert_eq!(colour(-3.0), colour(0.0));
        assert_eq!(colour(7.0), colour(1.0));
        assert_eq!(colour(f64::NAN), colour(0.0));
        // matplotlib has (188, 55, 84) at 128 of 255.
        let middle = colour(128.0 / 255.0);
        let near = |a: u8, b: u8| a.abs_diff(b) <= 5;
        assert!(middle.iter().zip([188, 55, 84]).all(|(a, b)| near(*a, b)), "{middle:?}");
    }

    #[test]
    fn a_larger_number_is_never_darker() {
        let lightness = |value: u8| {
            let [r, g, b] = colour(f64::from(value) / 255.0).map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        for value in 1..=255 {
            assert!(lightness(value) + 0.5 > lightness(value - 1), "{value}");
        }
    }
}

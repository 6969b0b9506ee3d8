//! Whether what a plugin may only read is as it was: sums of bits before and after a step. A sum
//! costs one pass over memory; a read-only copy would cost more.

use crate::StepInput;

/// Sums that run beside each other, so that a processor adds several at once.
const LANES: usize = 16;

/// Sums of a slice: of its values, and of those sums, in which places count too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sums([u32; LANES], [u32; LANES]);

impl Sums {
    fn of(values: &[f32]) -> Self {
        let (mut first, mut second) = ([0_u32; LANES], [0_u32; LANES]);
        let mut chunks = values.chunks_exact(LANES);
        for chunk in &mut chunks {
            for ((value, first), second) in chunk.iter().zip(&mut first).zip(&mut second) {
                *first = first.wrapping_add(value.to_bits());
                *second = second.wrapping_add(*first);
            }
        }
        for ((value, first), second) in chunks.remainder().iter().zip(&mut first).zip(&mut second) {
            *first = first.wrapping_add(value.to_bits());
            *second = second.wrapping_add(*first);
        }
        Sums(first, second)
    }
}

/// What a step's input was before the plugin had it.
pub(super) struct Untouched(Vec<Sums>, Vec<u64>);

impl Untouched {
    pub(super) fn new(input: &StepInput<'_>) -> Self {
        let params = input.params.iter().map(|value| value.to_bits()).collect();
        Untouched(slices(input).map(|(_, values)| Sums::of(values)).collect(), params)
    }

    /// What has changed since, by its name in the header.
    pub(super) fn changed(&self, input: &StepInput<'_>) -> Option<String> {
        let changed = slices(input)
            .zip(&self.0)
            .find(|((_, values), before)| Sums::of(values) != **before)
            .map(|((name, _), _)| name.to_string());
        let params = || input.params.iter().map(|value| value.to_bits()).eq(self.1.iter().copied());
        changed.or_else(|| (!params()).then(|| "params".to_owned()))
    }
}

/// A slice's name; made into text only where it is told.
enum Name {
    Own(&'static str),
    Past(usize, &'static str),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Name::Own(name) => f.write_str(name),
            Name::Past(number, name) => write!(f, "history[{number}]->{name}"),
        }
    }
}

fn slices<'a>(input: &'a StepInput<'_>) -> impl Iterator<Item = (Name, &'a [f32])> {
    let own = [
        ("x", Some(input.x)),
        ("v", Some(input.v)),
        ("v_cond", Some(input.v_cond)),
        ("v_uncond", input.v_uncond),
    ];
    let own = own.into_iter().map(|(name, values)| (Name::Own(name), values));
    let past = input.history.iter().enumerate().flat_map(|(number, past)| {
        let slices = [
            ("x", Some(past.x)),
            ("v", Some(past.v)),
            ("v_cond", Some(past.v_cond)),
            ("v_uncond", past.v_uncond),
        ];
        slices.map(|(name, values)| (Name::Past(number, name), values))
    });
    own.chain(past).filter_map(|(name, values)| Some((name, values?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_changed_value_and_two_swapped_ones_change_the_sums(
            mut values in prop::collection::vec(-10.0_f32..10.0, 1..100),
            at in 0..100_usize,
            other in 0..100_usize,
        ) {
            let before = Sums::of(&values);
            let (at, other) = (at % values.len(), other % values.len());
            let swapped = values[at].to_bits() != values[other].to_bits();
            values.swap(at, other);
            prop_assert_eq!(Sums::of(&values) != before, swapped);
            values.swap(at, other);
            values[at] += 1.0;
            prop_assert!(Sums::of(&values) != before);
        }
    }
}

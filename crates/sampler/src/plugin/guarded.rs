//! The output of a step with a margin on both sides, so that a plugin which writes past an end
//! is noticed before its numbers are used.

/// Values on either side.
const MARGIN: usize = 256;

/// A pattern that no arithmetic gives: a NaN with a message.
const UNTOUCHED: u32 = 0x7fa5_c3e1;

/// Room for a step's output.
pub(super) struct Guarded {
    values: Vec<f32>,
}

/// What is wrong with an output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Written before its beginning.
    Before,
    /// Written past its end.
    Behind,
}

impl Guarded {
    /// Room for `len` values.
    pub(super) fn new(len: usize) -> Self {
        Guarded { values: vec![f32::from_bits(UNTOUCHED); len + 2 * MARGIN] }
    }

    /// Where the output goes.
    pub(super) fn room(&mut self) -> &mut [f32] {
        let end = self.values.len() - MARGIN;
        self.values.get_mut(MARGIN..end).unwrap_or_default()
    }

    /// What was written around it.
    pub(super) fn damage(&self) -> Option<Damage> {
        let written = |value: &f32| value.to_bits() != UNTOUCHED;
        if self.values.iter().take(MARGIN).any(written) {
            return Some(Damage::Before);
        }
        self.values.iter().rev().take(MARGIN).any(written).then_some(Damage::Behind)
    }

    /// How many values of `room` were never written.
    pub(super) fn unwritten(room: &[f32]) -> usize {
        room.iter().filter(|value| value.to_bits() == UNTOUCHED).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_past_either_end_is_noticed() {
        let mut guarded = Guarded::new(3);
        guarded.room().fill(1.0);
        assert_eq!(guarded.damage(), None);
        guarded.values[MARGIN + 3] = 0.0;
        assert_eq!(guarded.damage(), Some(Damage::Behind));
        guarded.values[MARGIN - 1] = f32::NAN;
        assert_eq!(guarded.damage(), Some(Damage::Before));
    }

    #[test]
    fn values_never_written_are_counted() {
        let mut guarded = Guarded::new(4);
        guarded.room()[..3].fill(f32::NAN);
        assert_eq!(Guarded::unwritten(guarded.room()), 1);
    }
}

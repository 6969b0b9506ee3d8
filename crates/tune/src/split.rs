//! Which prompts a schedule is tuned on and which it is judged on: by their hashes, so that the
//! order of a file changes nothing.

/// Places of prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Those that schedules are chosen by.
    pub tuning: Vec<usize>,
    /// Those that nothing is chosen by.
    pub held_out: Vec<usize>,
}

/// Most prompts that are held out.
pub const MOST_HELD_OUT: usize = 16;

/// Splits prompts. `opened` is how often prompts of these were opened for a judgement before:
/// each time others are held out, as far as there are others.
pub fn split(prompts: &[String], opened: u64) -> Split {
    let mut order: Vec<(String, usize)> = prompts
        .iter()
        .enumerate()
        .map(|(index, text)| (blake3::hash(text.as_bytes()).to_hex().to_string(), index))
        .collect();
    order.sort();
    let indices: Vec<usize> = order.into_iter().map(|(_, index)| index).collect();
    let count = indices.len();
    // Four of seven, for the judgement needs twelve and more; one is always left to tune on.
    let held = (count * 4 / 7).clamp(1, MOST_HELD_OUT).min(count.saturating_sub(1));
    let first = (opened as usize).wrapping_mul(held).checked_rem(count).unwrap_or(0);
    let turned: Vec<usize> = indices.iter().cycle().skip(first).take(count).copied().collect();
    let (held_out, tuning) = turned.split_at(held);
    Split { tuning: tuning.to_vec(), held_out: held_out.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("prompt {i}")).collect()
    }

    #[test]
    fn every_prompt_is_on_one_side() {
        for count in 0..60 {
            let Split { tuning, held_out } = split(&prompts(count), 3);
            let mut all = [tuning.clone(), held_out.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
            assert!(held_out.len() <= MOST_HELD_OUT);
            assert!(count == 0 || !tuning.is_empty());
        }
        let Split { tuning, held_out } = split(&prompts(28), 0);
        assert_eq!((tuning.len(), held_out.len()), (12, 16));
    }

    #[test]
    fn the_order_of_the_file_changes_nothing() {
        let texts = prompts(20);
        let mut turned = texts.clone();
        turned.rotate_left(7);
        let named = |texts: &[String], indices: &[usize]| -> Vec<String> {
            indices.iter().map(|index| texts[*index].clone()).collect()
        };
        assert_eq!(
            named(&texts, &split(&texts, 1).held_out),
            named(&turned, &split(&turned, 1).held_out)
        );
    }

    #[test]
    fn a_second_time_other_prompts_are_held_out() {
        let (first, second) = (split(&prompts(40), 0), split(&prompts(40), 1));
        assert!(first.held_out.iter().all(|index| !second.held_out.contains(index)));
    }
}

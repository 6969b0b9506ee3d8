//! Which layers stay in memory when not all fit. Knows sizes, not layers.

/// Layers that come and go which are in memory at a time: the one in use and the one after it.
const WINDOW: u64 = 2;

/// Bytes that layers of these sizes need in memory when none of them stays.
pub(crate) fn window(sizes: &[u64]) -> u64 {
    WINDOW * sizes.iter().copied().max().unwrap_or(0)
}

/// For each layer whether it stays, where all together may take `budget` bytes.
///
/// The same number always goes each round, whichever stay, so they are spread evenly: while one
/// that stayed computes, the next one comes.
pub(crate) fn kept(sizes: &[u64], budget: u64) -> Vec<bool> {
    let total: u64 = sizes.iter().sum();
    if total <= budget {
        return vec![true; sizes.len()];
    }
    let room = budget.saturating_sub(window(sizes));
    // Each layer brings its share of the room; where that has grown to a whole layer, it stays.
    let (mut share, mut taken) = (0_u128, 0_u64);
    sizes
        .iter()
        .map(|size| {
            share += u128::from(*size) * u128::from(room);
            let stays = u128::from(taken + size) * u128::from(total) <= share;
            taken += if stays { *size } else { 0 };
            stays
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_stay_where_they_fit() {
        assert_eq!(kept(&[5, 5, 5], 15), [true; 3]);
        assert!(kept(&[], 0).is_empty());
    }

    #[test]
    fn half_of_the_room_keeps_every_other_layer() {
        let stays = kept(&[10; 12], 80);
        assert_eq!(stays.iter().filter(|stays| **stays).count(), 6);
        assert!(stays.windows(2).all(|pair| pair[0] != pair[1]), "{stays:?}");
    }

    proptest! {
        #[test]
        fn what_stays_and_what_passes_through_fit_the_budget(
            sizes in prop::collection::vec(0_u64..1000, 1..80),
            budget in 0_u64..80_000,
        ) {
            let stays = kept(&sizes, budget);
            prop_assert_eq!(stays.len(), sizes.len());
            let sum: u64 = sizes.iter().zip(&stays).filter(|(_, s)| **s).map(|(size, _)| size).sum();
            let total: u64 = sizes.iter().sum();
            if total > budget {
                prop_assert!(sum == 0 || sum + window(&sizes) <= budget);
                // No layer more would have fitted.
                let largest = sizes.iter().max().copied().unwrap_or(0);
                prop_assert!(sum + largest + window(&sizes) > budget.min(total));
            }
        }

        #[test]
        fn of_layers_of_one_size_those_that_go_are_spread_evenly(
            count in 1_usize..80,
            budget in 0_u64..8000,
        ) {
            let stays = kept(&vec![100; count], budget);
            let gone: Vec<usize> =
                stays.iter().enumerate().filter(|(_, stays)| !**stays).map(|(i, _)| i).collect();
            let gaps: Vec<usize> = gone.windows(2).map(|pair| pair[1] - pair[0]).collect();
            if let (Some(least), Some(most)) = (gaps.iter().min(), gaps.iter().max()) {
                prop_assert!(most - least <= 1, "{:?}", stays);
            }
        }
    }
}

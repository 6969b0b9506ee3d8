//! The tree of revisions as lines of text, newest first: a lane for every branch, as version
//! control draws them. Pure; knows nothing of schedules or of the screen.

/// The lanes of every revision, the newest first. `parents` holds the parent of every revision;
/// a parent has a lower number than its child, and revision 0 has none.
pub(super) fn lanes(parents: &[Option<usize>], current: usize) -> Vec<String> {
    // The revision that each lane leads down to.
    let mut lanes: Vec<Option<usize>> = Vec::new();
    let mut rows = Vec::with_capacity(parents.len());
    for (revision, parent) in parents.iter().enumerate().rev() {
        let here: Vec<usize> =
            (0..lanes.len()).filter(|lane| lanes.get(*lane) == Some(&Some(revision))).collect();
        let lane = match here.first() {
            Some(lane) => *lane,
            None => lanes.iter().position(Option::is_none).unwrap_or_else(|| {
                lanes.push(None);
                lanes.len() - 1
            }),
        };
        let last = here.last().copied().unwrap_or(lane);
        let mut row = String::new();
        for (at, leads_to) in lanes.iter().enumerate() {
            let within = lane < at && at <= last;
            row.push(match leads_to {
                _ if at == lane && revision == current => '●',
                _ if at == lane => '○',
                _ if at == last && within => '╯',
                Some(to) if *to == revision => '┴',
                Some(_) if within => '┼',
                Some(_) => '│',
                None if within => '─',
                None => ' ',
            });
            row.push(if lane <= at && at < last { '─' } else { ' ' });
        }
        rows.push(row.trim_end().to_owned());
        for (at, leads_to) in lanes.iter_mut().enumerate() {
            if at == lane {
                *leads_to = *parent;
            } else if *leads_to == Some(revision) {
                *leads_to = None;
            }
        }
        while lanes.last() == Some(&None) {
            lanes.pop();
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_done_in_a_row_is_one_lane() {
        assert_eq!(lanes(&[None, Some(0), Some(1)], 2), ["●", "○", "○"]);
        assert_eq!(lanes(&[None], 0), ["●"]);
    }

    #[test]
    fn branches_stand_beside_each_other_until_they_meet() {
        // 0 ─ 1 ┬ 2 ─ 3
        //       └ 4 ─ 5
        let parents = [None, Some(0), Some(1), Some(2), Some(1), Some(4)];
        assert_eq!(lanes(&parents, 4), ["○", "●", "│ ○", "│ ○", "○─╯", "○"]);
        // Three from one.
        assert_eq!(lanes(&[None, Some(0), Some(0), Some(0)], 0), ["○", "│ ○", "│ │ ○", "●─┴─╯"]);
        // A branch that ends further down than one that stands right of it.
        let parents = [None, Some(0), Some(1), Some(0), Some(1), Some(2)];
        assert_eq!(lanes(&parents, 5), ["●", "│ ○", "│ │ ○", "○ │ │", "○─╯ │", "○───╯"]);
    }

    proptest! {
        #[test]
        fn every_revision_has_one_node(choices in prop::collection::vec(0usize..100, 0..40)) {
            let mut parents = vec![None];
            for choice in choices {
                parents.push(Some(choice % parents.len()));
            }
            let rows = lanes(&parents, 0);
            prop_assert_eq!(rows.len(), parents.len());
            for row in &rows {
                prop_assert_eq!(row.matches(['○', '●']).count(), 1, "{}", row);
            }
            prop_assert_eq!(rows.join("").matches('●').count(), 1);
        }
    }
}

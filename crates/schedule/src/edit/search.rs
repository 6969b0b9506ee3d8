//! Finding a cell by its value or a row by its number. Knows nothing of the screen.

use super::{Column, Draft};

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// A step by its number in sampling order, written `#12`; negative numbers count from the
    /// end, `#-1` is the last step.
    Step(i64),
    /// A value, in one column or in any: `3`, `gw 3`, `gw=3`; cells that show it count too, so
    /// `2.7` finds 2.68 but not 2.6.
    Value {
        /// The column; `None` is any.
        column: Option<Column>,
        /// The text of the number, as typed.
        text: String,
        value: f64,
    },
    /// A comparison: `gw<5`, `std>=1.75`.
    Compared {
        column: Column,
        /// Whether the cells are to be above (else below).
        above: bool,
        /// Whether the value itself counts.
        or_equal: bool,
        value: f64,
    },
}

/// A search that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be searched for: write a number, `gw 3`, `std > 1.5`, or `#12` for step 12")]
pub struct WantedError(pub String);

impl std::str::FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        parse(text.trim()).ok_or_else(|| WantedError(text.chars().take(40).collect()))
    }
}

fn parse(text: &str) -> Option<Wanted> {
    if let Some(number) = text.strip_prefix('#') {
        return number.trim().parse().ok().map(Wanted::Step);
    }
    let column = Column::ALL.into_iter().find(|column| text.starts_with(column.name()));
    let rest = column.map_or(text, |column| text.get(column.name().len()..).unwrap_or(""));
    let rest = rest.trim_start();
    let compared =
        [(">=", true, true), ("<=", false, true), (">", true, false), ("<", false, false)]
            .into_iter()
            .find_map(|(sign, above, equal)| Some((rest.strip_prefix(sign)?, above, equal)));
    if let Some((number, above, or_equal)) = compared {
        let value = finite(number)?;
        return Some(Wanted::Compared { column: column?, above, or_equal, value });
    }
    let number = rest.strip_prefix('=').unwrap_or(rest).trim();
    Some(Wanted::Value { column, text: number.to_owned(), value: finite(number)? })
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

impl Wanted {
    fn is_at(&self, draft: &Draft, step: usize, column: Column) -> bool {
        let Some(cell) = draft.value(step, column) else { return false };
        match self {
            Wanted::Step(number) => {
                let count = draft.steps.len() as i64;
                let number = if *number < 0 { number.saturating_add(count) } else { *number };
                number == step as i64
            }
            Wanted::Value { column: wanted, text, value } => {
                let decimals = text.split_once('.').map_or(0, |(_, after)| after.len());
                // `3` means 3 and not 3.4: only written decimals ask for rounding.
                let shown = decimals > 0 && format!("{cell:.decimals$}") == *text;
                wanted.is_none_or(|wanted| wanted == column) && (cell == *value || shown)
            }
            Wanted::Compared { column: wanted, above, or_equal, value } => {
                *wanted == column
                    && (if *above { cell > *value } else { cell < *value }
                        || *or_equal && cell == *value)
            }
        }
    }
}

/// The next cell after `from`, in reading order and from the end on again from the top; backwards
/// where asked. `from` itself comes last. A step is found in the column of `from`.
pub fn find(
    draft: &Draft,
    from: (usize, Column),
    wanted: &Wanted,
    backwards: bool,
) -> Option<(usize, Column)> {
    let columns = Column::ALL.len();
    let cells = draft.steps.len().checked_mul(columns).filter(|&cells| cells > 0)?;
    let start = (from.0 * columns + from.1.index()) % cells;
    let at = |place: usize| Some((place / columns, *Column::ALL.get(place % columns)?));
    (1..=cells)
        .map(|away| (if backwards { start + cells - away } else { start + away }) % cells)
        .filter_map(at)
        .find(|&(step, column)| {
            (!matches!(wanted, Wanted::Step(_)) || column == from.1)
                && wanted.is_at(draft, step, column)
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::order::SamplingOrder;
    use crate::preset::Step;
    use crate::terminal::Terminal;

    fn draft(gws: &[f64]) -> Draft {
        let steps = gws.iter().map(|&gw| Step { gw, mu: 0.25, std: 1.5 }).collect();
        let (name, terminal) = ("D".to_owned(), Terminal::Zero);
        Draft { name, description: None, steps: SamplingOrder(steps), terminal }
    }

    fn found(text: &str, from: (usize, Column), backwards: bool) -> Option<(usize, Column)> {
        find(&draft(&[7.0, 7.0, 2.68, 3.0]), from, &text.parse().unwrap(), backwards)
    }

    #[test]
    fn the_search_goes_on_from_the_cell_and_around_the_end() {
        use Column::{Gw, Mu, Std};
        for (text, from, expected) in [
            ("3", (0, Gw), Some((3, Gw))),
            ("7", (0, Gw), Some((1, Gw))),
            ("7", (1, Gw), Some((0, Gw))),
            ("1.5", (1, Mu), Some((1, Std))),
            ("2.7", (0, Gw), Some((2, Gw))),
            ("gw < 5", (2, Gw), Some((3, Gw))),
            ("gw>=7", (2, Std), Some((0, Gw))),
            ("mu = 0.25", (3, Mu), Some((0, Mu))),
            ("gw 0.25", (0, Gw), None),
            ("#2", (0, Std), Some((2, Std))),
            ("#-1", (0, Mu), Some((3, Mu))),
            ("#4", (0, Mu), None),
        ] {
            assert_eq!(found(text, from, false), expected, "{text} from {from:?}");
        }
        assert_eq!(found("7", (3, Gw), true), Some((1, Gw)));
        assert_eq!(found("3", (0, Gw), true), Some((3, Gw)));
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        for text in ["", "seven", "#x", "< 3", "gw", "inf"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }
}

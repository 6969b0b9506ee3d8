//! The schedules of two runs beside each other, as rows of text: which cells differ, and which
//! steps are the same and can be folded. Knows nothing of a screen.

use crate::tui::screens::editor::grid::number;
use sigmalab_engine::recipe::Recipe;
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::sigmas::Schedule;

/// The fewest equal steps in a row that are worth folding.
const FOLDED: usize = 3;

/// What is compared of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Compared {
    Gw,
    Mu,
    Std,
    Sigma,
}

impl Compared {
    pub(in crate::tui) const ALL: [Compared; 4] =
        [Compared::Gw, Compared::Mu, Compared::Std, Compared::Sigma];

    pub(in crate::tui) fn name(self) -> &'static str {
        match self {
            Compared::Gw => "gw",
            Compared::Mu => "mu",
            Compared::Std => "std",
            Compared::Sigma => "σ",
        }
    }

    /// Columns that a value takes.
    pub(in crate::tui) fn width(self) -> u16 {
        match self {
            Compared::Gw | Compared::Std => 7,
            Compared::Mu => 8,
            Compared::Sigma => 9,
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Compared::Gw => number(value, 2),
            Compared::Mu | Compared::Std => number(value, 3),
            Compared::Sigma => format!("{value:.6}"),
        }
    }
}

/// A value of A and of B; what a run has no step for is missing.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) struct Pair {
    pub(in crate::tui) a: Option<f64>,
    pub(in crate::tui) b: Option<f64>,
}

impl Pair {
    pub(in crate::tui) fn differs(&self) -> bool {
        self.a != self.b
    }

    /// Both as text, `·` for one that is missing.
    pub(in crate::tui) fn texts(&self, of: Compared) -> [String; 2] {
        [self.a, self.b].map(|value| value.map_or_else(|| "·".to_owned(), |value| of.text(value)))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) enum Row {
    /// A step, its values in the order of [`Compared::ALL`]. The row after the last step has only
    /// the σ at which it ends.
    Step { step: usize, pairs: [Pair; 4] },
    /// Steps in which nothing differs, both ends in it.
    Same { first: usize, last: usize },
}

/// The schedule that a recipe is drawn with.
pub(in crate::tui) fn schedule(recipe: &Recipe) -> Schedule {
    Schedule::new(SamplingOrder(recipe.steps.clone()), recipe.schedule_size(), recipe.terminal)
}

/// Every step of the longer of two schedules; steps that are the same are folded where `folded`.
pub(in crate::tui) fn rows(a: &Schedule, b: &Schedule, folded: bool) -> Vec<Row> {
    let end = a.sigmas().len().max(b.sigmas().len()).saturating_sub(1);
    // Where both end at the same σ, that needs no row.
    let ends_alike = !pairs(a, b, end).iter().any(Pair::differs);
    let rows = if folded && ends_alike { end } else { end + 1 };
    let mut found: Vec<Row> = Vec::new();
    let mut same = 0;
    for step in 0..=rows {
        let pairs = pairs(a, b, step);
        let equal = step < rows && !pairs.iter().any(Pair::differs);
        if equal && folded {
            same += 1;
            continue;
        }
        if same >= FOLDED {
            found.push(Row::Same { first: step - same, last: step - 1 });
        } else {
            let few = (step - same)..step;
            found.extend(few.map(|step| Row::Step { step, pairs: self::pairs(a, b, step) }));
        }
        same = 0;
        if step < rows {
            found.push(Row::Step { step, pairs });
        }
    }
    found
}

fn pairs(a: &Schedule, b: &Schedule, step: usize) -> [Pair; 4] {
    let value = |schedule: &Schedule, of: Compared| {
        let field = |value: fn(&Step) -> f64| schedule.steps().get(step).map(value);
        match of {
            Compared::Gw => field(|step| step.gw),
            Compared::Mu => field(|step| step.mu),
            Compared::Std => field(|step| step.std),
            Compared::Sigma => schedule.sigmas().get(step).map(|sigma| sigma.0),
        }
    };
    Compared::ALL.map(|of| Pair { a: value(a, of), b: value(b, of) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;
    use sigmalab_schedule::size::Size;
    use sigmalab_schedule::terminal::Terminal;

    fn schedule(gw: &[f64]) -> Schedule {
        let steps = gw.iter().map(|&gw| Step { gw, mu: 0.0, std: 1.5 }).collect();
        Schedule::new(SamplingOrder(steps), Size::SQUARE, Terminal::Reference)
    }

    fn shape(rows: &[Row]) -> Vec<String> {
        let shape = |row: &Row| match row {
            Row::Same { first, last } => format!("{first}-{last}"),
            Row::Step { step, pairs } => {
                let differing = Compared::ALL.iter().zip(pairs).filter(|(_, pair)| pair.differs());
                let names: Vec<_> = differing.map(|(of, _)| of.name()).collect();
                format!("{step} {}", names.join(" ")).trim_end().to_owned()
            }
        };
        rows.iter().map(shape).collect()
    }

    #[test]
    fn equal_steps_are_folded_where_there_are_some_in_a_row() {
        let (a, b) = (schedule(&[7.0; 8]), schedule(&[7.0, 7.0, 7.0, 7.0, 2.0, 7.0, 2.0, 7.0]));
        assert_eq!(shape(&rows(&a, &b, true)), ["0-3", "4 gw", "5", "6 gw", "7"]);
        assert_eq!(rows(&a, &b, false).len(), 9);
        assert_eq!(shape(&rows(&a, &a, true)), ["0-7"]);
    }

    #[test]
    fn schedules_of_two_lengths_end_at_their_own_sigma() {
        let (a, b) = (schedule(&[7.0; 2]), schedule(&[7.0; 3]));
        let rows = rows(&a, &b, true);
        // σ of step 0 is the clamp whatever the number of steps.
        assert_eq!(shape(&rows), ["0", "1 σ", "2 gw mu std σ", "3 σ"]);
        let Some(Row::Step { pairs, .. }) = rows.last() else { panic!("{rows:?}") };
        let texts = pairs[3].texts(Compared::Sigma);
        assert_eq!(texts[0], "·");
        assert!(texts[1].starts_with("0.000"), "{texts:?}");
    }
}

//! The order of a sweep's trials on the screen: sorted, filtered, with a cursor that stays on its
//! trial while others come and go. It knows rows and columns, not how they are drawn.

use crate::tui::screens::sweeps::view::{Cell, SweepView, TrialRow};
use sigmalab_experiment::report::Better;
use sigmalab_schedule::nearest::nearest;
use std::cmp::Ordering;

/// What is shown of the trials and in which order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    sort: Option<Sort>,
    filter: String,
    /// Names of the columns that somebody chose; the usual ones where nobody did.
    chosen: Option<Vec<String>>,
    /// Name of the column under the cursor; the first measure where nobody went to another.
    column: Option<String>,
    /// Places in the view of the trials that are shown.
    order: Vec<usize>,
    /// Place in `order`.
    cursor: usize,
    /// The trial that the cursor was put on: it goes back there when that is shown again.
    wanted: Option<String>,
}

/// A column that trials are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// Its name.
    pub column: String,
    pub descending: bool,
}

impl Table {
    /// Follows the trials: the cursor stays on its trial where that is shown.
    pub fn arrange(&mut self, view: &SweepView) {
        let conditions = conditions(&self.filter, view);
        let shown = view
            .trials
            .iter()
            .enumerate()
            .filter(|(_, trial)| conditions.iter().all(|condition| condition.holds(trial)));
        self.order = shown.map(|(index, _)| index).collect();
        if let Some((sort, column)) =
            self.sort.as_ref().and_then(|sort| Some((sort, view.column(&sort.column)?)))
        {
            let cell = |index: &usize| view.trials.get(*index).and_then(|t| t.cells.get(column));
            self.order.sort_by(|a, b| compare(cell(a), cell(b), sort.descending));
        }
        let id = |index: &usize| view.trials.get(*index).map(|trial| trial.id.as_str());
        let wanted = self.wanted.as_deref();
        let there = self.order.iter().position(|index| wanted.is_some() && id(index) == wanted);
        let last = self.order.len().saturating_sub(1);
        self.cursor = there.unwrap_or(self.cursor).min(last);
    }

    /// Sorts by a column; by the same one again, the other way round. Better values first.
    pub fn sort_by(&mut self, name: &str, view: &SweepView) -> Result<(), String> {
        if matches!(name, "number" | "none") {
            self.sort = None;
            return Ok(());
        }
        let column = known(name, view)?;
        let name = view.columns.get(column).map_or(name, |column| column.name.as_str());
        let starts_high =
            view.columns.get(column).is_some_and(|column| column.better == Better::Higher);
        self.sort = Some(match self.sort.take() {
            Some(Sort { column, descending }) if column == name => {
                Sort { column, descending: !descending }
            }
            _ => Sort { column: name.to_owned(), descending: starts_high },
        });
        Ok(())
    }

    /// Shows only trials that these conditions hold for; none shows all.
    pub fn filter(&mut self, text: &str) {
        self.filter = text.trim().to_owned();
    }

    /// The conditions as they were written.
    pub fn conditions(&self) -> &str {
        &self.filter
    }

    /// Shows these columns, or the usual ones again.
    pub fn choose(&mut self, text: &str, view: &SweepView) -> Result<(), String> {
        let names: Vec<String> =
            text.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        self.chosen = match names.as_slice() {
            [] => None,
            [all] if all == "all" => None,
            names => {
                names.iter().try_for_each(|name| known(name, view).map(|_| ()))?;
                Some(names.to_vec())
            }
        };
        Ok(())
    }

    /// The columns in their order: those that were chosen; else what was tried, the measures that
    /// say what is better, what it was tried on, and what only describes, as far as some trial has
    /// it.
    pub fn columns(&self, view: &SweepView) -> Vec<usize> {
        match &self.chosen {
            Some(names) => names.iter().filter_map(|name| view.column(name)).collect(),
            None => {
                let any = |at: usize| {
                    view.trials.iter().any(|trial| trial.cells.get(at) != Some(&Cell::Empty))
                };
                let rank = |at: &usize| {
                    view.columns.get(*at).map(|column| match column {
                        column if column.is_swept() => 0,
                        column if column.given => 2,
                        column if column.better != Better::Neither => 1,
                        _ => 3,
                    })
                };
                let columns = view.columns.iter().enumerate();
                let shown = columns.filter(|(at, column)| column.given || any(*at));
                let mut shown: Vec<usize> = shown.map(|(at, _)| at).collect();
                shown.sort_by_key(rank);
                shown
            }
        }
    }

    /// The column under the cursor, by its index among those that are shown.
    pub fn column(&self, view: &SweepView) -> usize {
        let columns = self.columns(view);
        let named =
            |at: &usize| view.columns.get(*at).map(|column| &column.name) == self.column.as_ref();
        let measure = |at: &usize| view.columns.get(*at).is_some_and(|column| !column.given);
        let there = columns.iter().position(named).or_else(|| columns.iter().position(measure));
        there.unwrap_or(0)
    }

    /// Moves the cursor to another column.
    pub fn across(&mut self, by: isize, view: &SweepView) {
        let columns = self.columns(view);
        let there =
            self.column(view).saturating_add_signed(by).min(columns.len().saturating_sub(1));
        self.column = columns
            .get(there)
            .and_then(|at| view.columns.get(*at))
            .map(|column| column.name.clone());
    }

    /// Name of the column under the cursor.
    pub fn column_name(&self, view: &SweepView) -> Option<String> {
        let at = *self.columns(view).get(self.column(view))?;
        view.columns.get(at).map(|column| column.name.clone())
    }

    /// How trials are sorted; by their numbers where nobody said.
    pub fn sort(&self) -> Option<&Sort> {
        self.sort.as_ref()
    }

    /// The trials that are shown, in their order, by their index in the view.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Place of the cursor among them.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    pub fn along(&mut self, by: isize, view: &SweepView) {
        self.go_to(self.cursor.saturating_add_signed(by), view);
    }

    /// Puts the cursor on a place among the trials that are shown.
    pub fn go_to(&mut self, index: usize, view: &SweepView) {
        self.cursor = index.min(self.order.len().saturating_sub(1));
        self.wanted = self.selected(view).map(|trial| trial.id.clone());
    }

    /// The trial under the cursor.
    pub fn selected<'v>(&self, view: &'v SweepView) -> Option<&'v TrialRow> {
        view.trials.get(*self.order.get(self.cursor)?)
    }
}

/// The index of a column by its name, its heading or the only beginning of one; or which one may
/// have been meant.
pub fn known(name: &str, view: &SweepView) -> Result<usize, String> {
    let named = |wanted: &dyn Fn(&str) -> bool| {
        let mut found = (0..view.columns.len())
            .filter(|at| view.columns.get(*at).is_some_and(|column| wanted(&column.name)));
        found.next().filter(|_| found.next().is_none())
    };
    let by_heading = || named(&|column| !name.is_empty() && heading(column) == name);
    let by_beginning = || named(&|column| !name.is_empty() && column.starts_with(name));
    let found = view.column(name).or_else(by_heading).or_else(by_beginning);
    found.ok_or_else(|| {
        let names = || view.columns.iter().map(|column| column.name.as_str());
        match nearest(name, names()).first() {
            Some(near) => format!("there is no column `{name}`: did you mean `{near}`?"),
            None => {
                let all: Vec<&str> = names().collect();
                format!("there is no column `{name}`; the columns are {}", all.join(", "))
            }
        }
    })
}

/// What stands above a column: names that tables on disk write out are shorter on the screen.
pub fn heading(name: &str) -> &str {
    match name {
        "latent_rmse" => "rmse",
        "clip_fraction" => "clipped",
        "colourfulness" => "colourful",
        "straightness" => "straight",
        "seconds" => "s",
        name => name,
    }
}

/// Numbers by size, then texts, then what is not known, which is last in either direction.
pub(in crate::tui) fn compare(a: Option<&Cell>, b: Option<&Cell>, descending: bool) -> Ordering {
    let empty = |cell: Option<&Cell>| matches!(cell, None | Some(Cell::Empty));
    let ordering = match (a, b) {
        _ if empty(a) || empty(b) => return empty(a).cmp(&empty(b)),
        (Some(Cell::Number(a)), Some(Cell::Number(b))) => a.total_cmp(b),
        (Some(Cell::Text(a)), Some(Cell::Text(b))) => a.cmp(b),
        (Some(Cell::Number(_)), _) => Ordering::Less,
        _ => Ordering::Greater,
    };
    if descending { ordering.reverse() } else { ordering }
}

/// Something that has to hold of a trial to be shown.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    /// A word of its status, setting, instance or error.
    Word(String),
    /// A column's value against another.
    Against { column: usize, operator: Operator, value: Cell },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Unequal,
}

impl Operator {
    /// Longer ones first, so that `<=` is not read as `<`.
    const ALL: [(&'static str, Operator); 6] = [
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("!=", Operator::Unequal),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("=", Operator::Equal),
    ];

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Operator::Less => ordering.is_lt(),
            Operator::AtMost => ordering.is_le(),
            Operator::Greater => ordering.is_gt(),
            Operator::AtLeast => ordering.is_ge(),
            Operator::Equal => ordering.is_eq(),
            Operator::Unequal => ordering.is_ne(),
        }
    }
}

impl Condition {
    fn holds(&self, trial: &TrialRow) -> bool {
        match self {
            Condition::Word(word) => {
                let error = trial.error.as_deref().unwrap_or_default();
                [trial.status.word(), &trial.setting, &trial.instance, error]
                    .iter()
                    .any(|text| text.to_lowercase().contains(word))
            }
            Condition::Against { column, operator, value } => {
                match (trial.cells.get(*column), value) {
                    (None | Some(Cell::Empty), _) => false,
                    (Some(Cell::Number(a)), Cell::Number(b)) => operator.holds(a.total_cmp(b)),
                    (Some(cell), _) => operator.holds(cell.text().cmp(&value.text())),
                }
            }
        }
    }
}

/// Conditions with spaces between. One whose column there is not is taken for a word, so that
/// nothing vanishes while it is being typed.
fn conditions(text: &str, view: &SweepView) -> Vec<Condition> {
    let of = |token: &str| {
        let found = Operator::ALL.into_iter().find_map(|(sign, operator)| {
            let (name, value) = token.split_once(sign)?;
            let column = known(name, view).ok()?;
            let value = value.parse().map_or_else(|_| Cell::Text(value.to_owned()), Cell::Number);
            let unfinished = value == Cell::Text(String::new());
            Some((unfinished, Condition::Against { column, operator, value }))
        });
        match found {
            Some((true, _)) => None,
            Some((false, condition)) => Some(condition),
            None => Some(Condition::Word(token.to_lowercase())),
        }
    };
    text.split_whitespace().filter_map(of).collect()
}

/// What is wrong with conditions: the first that compares a column there is not.
pub fn check(text: &str, view: &SweepView) -> Result<(), String> {
    let mut tokens = text.split_whitespace();
    tokens.try_for_each(|token| {
        let name = token.split(['<', '>', '=', '!']).next().unwrap_or_default();
        if name.len() == token.len() || name.is_empty() {
            return Ok(());
        }
        known(name, view).map(|_| ())
    })
}

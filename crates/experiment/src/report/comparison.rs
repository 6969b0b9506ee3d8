//! One column of a sweep against another, grouped by a swept path: means over prompts, seeds and
//! sizes, as numbers and as a table of text.

use super::finding::{Finding, METRICS, digits, short};
use crate::record::Record;
use sigmalab_schedule::nearest::nearest;
use std::fmt::Write as _;

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The column across: a metric or a swept path whose values are numbers.
    pub across: String,
    /// The column of the means.
    pub up: String,
    /// The swept path of the groups; `None` for one group of all.
    pub by: Option<String>,
    /// The groups, in the order of their first trial.
    pub groups: Vec<Group>,
}

/// The trials of one value of the path.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The value, in words.
    pub name: String,
    /// (value across, mean of the values up, trials), by the value across.
    pub points: Vec<(f64, f64, usize)>,
}

/// Why two columns cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    #[error("there is no column `{name}`{instead}")]
    Unknown {
        name: String,
        /// What was probably meant, or what there is, in words.
        instead: String,
    },
    #[error("no finished trial has a number in both `{0}` and `{1}`")]
    Nothing(String, String),
}

pub fn compare(
    finding: &Finding<'_>,
    across: &str,
    up: &str,
    by: Option<&str>,
) -> Result<Comparison, ComparisonError> {
    let metrics = METRICS.iter().map(|metric| metric.name.to_owned());
    let columns: Vec<String> = metrics.chain(finding.swept.iter().cloned()).collect();
    for name in [across, up] {
        known(name, &columns)?;
    }
    if let Some(by) = by {
        known(by, &finding.swept)?;
    }
    let mut groups: Vec<Group> = Vec::new();
    for record in &finding.trials {
        let (Some(x), Some(y)) = (number(record, across), number(record, up)) else { continue };
        let name = by.and_then(|path| word(record, path)).unwrap_or_default();
        let index = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            groups.push(Group { name, points: Vec::new() });
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(index) else { continue };
        match group.points.iter_mut().find(|(known, ..)| *known == x) {
            Some((_, sum, count)) => {
                *sum += y;
                *count += 1;
            }
            None => group.points.push((x, y, 1)),
        }
    }
    if groups.is_empty() {
        return Err(ComparisonError::Nothing(across.to_owned(), up.to_owned()));
    }
    for group in &mut groups {
        for (_, sum, count) in &mut group.points {
            *sum /= *count as f64;
        }
        group.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let by = by.map(str::to_owned);
    Ok(Comparison { across: across.to_owned(), up: up.to_owned(), by, groups })
}

impl Comparison {
    /// A table in Markdown: a row a group, a column a value across.
    pub fn table(&self) -> String {
        let mut across: Vec<f64> =
            self.groups.iter().flat_map(|group| group.points.iter().map(|(x, ..)| *x)).collect();
        across.sort_by(f64::total_cmp);
        across.dedup();
        let by = self.by.as_deref().unwrap_or("trials");
        let mut rows = vec![vec![format!("{} by {by}, {} →", self.up, self.across)]];
        if let Some(head) = rows.first_mut() {
            head.extend(across.iter().map(|x| digits(*x)));
        }
        for group in &self.groups {
            let cell = |x: &f64| {
                let point = group.points.iter().find(|(known, ..)| known == x);
                point.map_or(String::new(), |(_, mean, _)| digits(*mean))
            };
            let name = if group.name.is_empty() { "all" } else { &group.name };
            rows.push([name.to_owned()].into_iter().chain(across.iter().map(cell)).collect());
        }
        markdown(&rows)
    }
}

/// Rows of cells as a table whose columns are aligned in text too: the first to the left, the
/// others to the right.
fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(4)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "| {cell:<width$} |"),
                _ => write!(text, " {cell:>width$} |"),
            };
        }
        text.push('\n');
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let _ = match column {
                    0 => write!(text, "| {:-<width$} |", ""),
                    _ => write!(text, " {:->width$} |", ":"),
                };
            }
            text.push('\n');
        }
    }
    text
}

fn known(name: &str, columns: &[String]) -> Result<(), ComparisonError> {
    if columns.iter().any(|column| column == name) {
        return Ok(());
    }
    let instead = match nearest(name, columns.iter().map(String::as_str)).first() {
        Some(meant) => format!(": did you mean `{meant}`?"),
        None => format!("; the columns are {}", columns.join(", ")),
    };
    Err(ComparisonError::Unknown { name: name.to_owned(), instead })
}

fn number(record: &Record, column: &str) -> Option<f64> {
    let value = match METRICS.iter().find(|metric| metric.name == column) {
        Some(metric) => (metric.of)(record)?,
        None => record.point.iter().find(|(path, _)| path == column)?.1.number()?,
    };
    value.is_finite().then_some(value)
}

fn word(record: &Record, path: &str) -> Option<String> {
    record.point.iter().find(|(found, _)| found == path).map(|(_, value)| short(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_has_gaps_where_nothing_was_tried() {
        let group = |name: &str, points: &[(f64, f64)]| Group {
            name: name.to_owned(),
            points: points.iter().map(|(x, y)| (*x, *y, 1)).collect(),
        };
        let comparison = Comparison {
            across: "nfe".to_owned(),
            up: "psnr".to_owned(),
            by: Some("sampler".to_owned()),
            groups: vec![
                group("euler", &[(24.0, 0.5), (48.0, 0.25)]),
                group("ab2", &[(48.0, 1.0)]),
            ],
        };
        let table = "\
| psnr by sampler, nfe → |   24 |   48 |
| ---------------------- | ---: | ---: |
| euler                  |  0.5 | 0.25 |
| ab2                    |      |    1 |
";
        assert_eq!(comparison.table(), table);
    }
}

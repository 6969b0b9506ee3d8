//! The table of the page: which columns it has, in which order, and what they hold.

use super::finding::{Better, Finding, METRICS, Metric, digits, file_of, short, title};
use super::html::escaped;
use crate::record::Record;
use crate::tables::{AFTER, BEFORE, PARAMETER, row};

/// Columns of what a run happened to take: none of them is a setting that all trials share.
const MEASURED: [&str; 5] =
    ["load_ms", "encode_ms", "denoise_ms", "decode_ms", "peak_memory_bytes"];

struct Column {
    name: String,
    /// Cells by record: what is shown, and the whole value.
    cells: Vec<(String, String)>,
    numeric: bool,
}

impl Column {
    fn new(name: String, cells: Vec<(String, String)>) -> Self {
        let number = |text: &str| text.is_empty() || text.parse::<f64>().is_ok();
        let numeric = cells.iter().all(|(_, value)| number(value))
            && cells.iter().any(|(_, value)| !value.is_empty());
        Column { name, cells, numeric }
    }

    /// The one value that all trials have.
    fn constant(&self) -> Option<&str> {
        let (_, first) = self.cells.first()?;
        self.cells.iter().all(|(_, value)| value == first).then_some(first)
    }
}

/// The table: what is swept, what came of it, the picture, what it was tried on, and the rest that
/// differs from trial to trial.
pub(super) struct Columns {
    front: Vec<Column>,
    behind: Vec<Column>,
    same: Vec<Column>,
}

impl Columns {
    pub(super) fn of(finding: &Finding<'_>, records: &[&Record]) -> Self {
        let rows: Vec<Vec<String>> =
            records.iter().map(|record| row(record, &finding.swept)).collect();
        let whole = |at: usize| -> Vec<(String, String)> {
            let cell = |row: &Vec<String>| row.get(at).cloned().unwrap_or_default();
            rows.iter().map(|row| (cell(row), cell(row))).collect()
        };
        let swept = finding.swept.iter().map(|path| {
            let cells = records.iter().map(|record| {
                let value = record.point.iter().find(|(found, _)| found == path);
                value.map(|(_, v)| (short(v), v.to_string())).unwrap_or_default()
            });
            Column::new(format!("{PARAMETER}{path}"), cells.collect())
        });
        let metric = |metric: &Metric| {
            let of = |record: &&Record| (metric.of)(record);
            records.iter().any(|record| of(record).is_some()).then(|| {
                let cell = |number: f64| (digits(number), number.to_string());
                let cells = records.iter().map(|record| of(record).map(cell).unwrap_or_default());
                Column::new(metric.name.to_owned(), cells.collect())
            })
        };
        // What says whether a trial is good stands before the picture, what describes it behind.
        let (judging, describing): (Vec<&Metric>, Vec<&Metric>) =
            METRICS.iter().partition(|metric| metric.better != Better::Neither);
        let front: Vec<Column> = swept.chain(judging.into_iter().filter_map(metric)).collect();
        let described: Vec<Column> = describing.into_iter().filter_map(metric).collect();
        let names = BEFORE.iter().enumerate();
        let after = BEFORE.len() + finding.swept.len();
        let names = names.chain(AFTER.iter().enumerate().map(|(at, name)| (after + at, name)));
        let (mut behind, mut same) = (Vec::new(), Vec::new());
        for (at, name) in names {
            let mut metrics = front.iter().chain(&described);
            let known = metrics.any(|column| column.name == **name);
            // The picture is its own column, and its file's name is where it leads to.
            if known || *name == "image" {
                continue;
            }
            let column = Column::new((*name).to_owned(), whole(at));
            match column.constant() {
                // That two runs took equally long says nothing of either.
                Some(_) if records.len() > 1 && MEASURED.contains(name) => {}
                Some(_) if records.len() > 1 => same.push(column),
                _ => behind.push(column),
            }
        }
        // What a trial was tried on says more than how long it took or what it is called.
        let last = |column: &Column| {
            let name = column.name.as_str();
            match name {
                "error" => 0,
                "prompt_id" | "seed" | "width" | "height" => 1,
                "number" | "trial" => 3,
                _ => 2,
            }
        };
        behind.sort_by_key(last);
        // Behind the error and what a trial was tried on.
        let index = behind.iter().take_while(|column| last(column) < 2).count();
        behind.splice(index..index, described);
        Columns { front, behind, same }
    }

    pub(super) fn constant(&self) -> String {
        let same = self.same.iter().filter_map(|column| {
            let value = column.constant().filter(|value| !value.is_empty())?;
            Some(format!("<span><b>{}</b> {}</span> ", escaped(&column.name), escaped(value)))
        });
        let text: String = same.collect();
        if text.is_empty() { text } else { format!("The same in all trials: {text}") }
    }

    pub(super) fn head(&self) -> String {
        let heads = |columns: &[Column]| -> String {
            columns.iter().map(|column| format!("<th>{}</th>", escaped(&column.name))).collect()
        };
        format!("{}<th>picture</th>{}", heads(&self.front), heads(&self.behind))
    }

    pub(super) fn row(&self, at: usize, record: &Record) -> String {
        let cells = |columns: &[Column]| -> String {
            let cell = |column: &Column| {
                let (shown, value) = column.cells.get(at).cloned().unwrap_or_default();
                let class = if column.numeric { " class=\"number\"" } else { "" };
                let whole = match shown == value {
                    true => String::new(),
                    false => format!(" data-v=\"{}\"", escaped(&value)),
                };
                format!("<td{class}{whole}>{}</td>", escaped(&shown))
            };
            columns.iter().map(cell).collect()
        };
        let class = if record.measured().is_some() { "" } else { " class=\"failed\"" };
        let picture = match file_of(record) {
            Some(_) => format!(
                "<button type=\"button\" class=\"shot plain\" data-run=\"{}\">open</button>",
                escaped(record.id.short())
            ),
            None => String::new(),
        };
        format!(
            "<tr{class} title=\"{}\">{}<td data-v=\"\">{picture}</td>{}</tr>\n",
            escaped(&title(record)),
            cells(&self.front),
            cells(&self.behind)
        )
    }
}

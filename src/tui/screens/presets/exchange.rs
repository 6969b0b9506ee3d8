//! Actions that compare presets and exchange them with other programs.

use crate::tui::action::{Action, Call};
use crate::tui::app::{App, Asking, Choice, Done, Effect, Reading, Screen, Tone};
use crate::tui::screens::editor::grid::number;
use sigmalab_engine::image_file::{Exchanged, read_exchanged};
use sigmalab_schedule::diff::{Cell, Difference};
use sigmalab_schedule::exchange::{self, Import, Tool};
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::preset_file::PresetFile;
use sigmalab_schedule::runs::gw_runs;
use std::path::PathBuf;

/// What an imported preset is called where its text does not say.
const NAMELESS: &str = "IMPORTED";

impl App {
    /// The preset under the cursor of the list; elsewhere the schedule in the grid.
    fn preset_here(&self) -> Result<Preset, String> {
        if self.screen != Screen::Presets {
            return Ok(self.document.draft().preset());
        }
        let name = self.chosen()?;
        self.store.get(&name).cloned().map_err(|error| error.to_string())
    }

    /// Offers the tools.
    pub(in crate::tui) fn ask_for_tool(&mut self) {
        let way = |tool: Tool| {
            let text = format!("{:<10} {}", tool.as_str(), tool.form());
            (text, Call::with(Action::ExportPreset, tool.as_str()))
        };
        let name = self.preset_here().map(|preset| preset.name).unwrap_or_default();
        self.asking = Some(Asking::Choice(Choice {
            title: format!("export {name}"),
            text: "Which program is it for?".to_owned(),
            ways: Tool::ALL.into_iter().map(way).collect(),
            chosen: 0,
        }));
    }

    pub(in crate::tui) fn export_preset(&mut self, tool: &str) -> Done {
        let tool: Tool = tool
            .trim()
            .parse()
            .map_err(|error: sigmalab_schedule::exchange::ToolError| error.to_string())?;
        let preset = self.preset_here()?;
        let size = self.document.size();
        let export = exchange::export(&preset, size, tool);
        let mut lines = vec![(Tone::Aside, format!("{}, at {size}", tool.form()))];
        if let Some(lost) = &export.cannot_follow {
            lines.push((Tone::Warning, lost.clone()));
        }
        lines
            .push((Tone::Aside, "It is in the clipboard, if the terminal allows that.".to_owned()));
        lines.push((Tone::Plain, String::new()));
        lines.extend(export.text.lines().map(|line| (Tone::Plain, line.to_owned())));
        let title = format!("{} for {tool}", preset.name);
        self.read(title, lines);
        self.emit(Effect::Clipboard(export.text));
        let lost = export.cannot_follow.map(|lost| format!("; {lost}")).unwrap_or_default();
        Ok(Some(format!("{} copied for {tool}{lost}", preset.name)))
    }

    fn read(&mut self, title: String, lines: Vec<(Tone, String)>) {
        self.scroll = 0;
        self.asking = Some(Asking::Text(Reading { title, lines }));
    }

    /// `FILE` or the text itself, with the name of the tool before it where it is not plain.
    pub(in crate::tui) fn import_preset(&mut self, argument: &str) -> Done {
        let (named, source) = match argument.trim().split_once(char::is_whitespace) {
            Some((word, rest)) => match word.parse::<Tool>() {
                Ok(tool) => (Some(tool), rest.trim()),
                Err(_) => (None, argument.trim()),
            },
            None => (None, argument.trim()),
        };
        // A record has one line for it.
        let spread = source.replace(" / ", "\n");
        let text = match Form::of(&spread) {
            Some(_) => spread,
            None => read_file(source)?,
        };
        let form = match named {
            Some(tool) => Form::Of(tool),
            None => Form::of(&text).ok_or_else(|| {
                format!(
                    "this looks neither like anything that {} takes nor like a table of a \
                     presets file: write the program's name before it",
                    Tool::ALL.map(Tool::as_str).join(", ")
                )
            })?,
        };
        let Import { mut preset, notes } = match form {
            Form::Own(file) => {
                let others = file.presets().len() - 1;
                let note = format!("the text has {others} more, which are left out");
                let notes = if others > 0 { vec![note] } else { Vec::new() };
                Import { preset: file.default_preset().clone(), notes }
            }
            Form::Of(tool) => exchange::import(&text, tool, NAMELESS, self.document.size())
                .map_err(|error| error.to_string())?,
        };
        if preset.name == NAMELESS {
            preset.name = self.free_name(NAMELESS);
        }
        self.document
            .take_over(&preset, &format!("import {}", preset.name))
            .map_err(|error| error.to_string())?;
        self.grid = Default::default();
        self.show(Screen::Editor)?;
        let steps = preset.steps.len();
        let mut told =
            format!("{}: {steps} steps, gw {}", preset.name, gw_runs(preset.steps.as_slice()));
        for note in notes {
            told += "; ";
            told += &note;
        }
        let (undo, save) = (self.key_of(Action::Undo), self.key_of(Action::SaveAs));
        Ok(Some(format!("{told} · {undo} undoes, {save} saves it under a name")))
    }

    fn free_name(&self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| self.store.get(name).is_err()).unwrap_or_else(|| name.to_owned())
    }

    /// A preset beside the grid's schedule: the named one, else the one under the cursor; outside
    /// of the list, what the file holds under the grid's name.
    pub(in crate::tui) fn diff_presets(&mut self, name: Option<&str>) -> Done {
        let name = match name {
            Some(name) => name.trim().to_owned(),
            None if self.screen == Screen::Presets => self.chosen()?,
            None => self.document.draft().name.clone(),
        };
        let theirs = self.store.get(&name).map_err(|error| error.to_string())?.clone();
        let ours = self.document.draft().preset();
        let lines = self.difference(&theirs, &ours);
        self.read(format!("{name} and the grid"), lines);
        Ok(None)
    }

    fn difference(&self, theirs: &Preset, ours: &Preset) -> Vec<(Tone, String)> {
        let difference = Difference::of(theirs, ours);
        if difference.is_empty() {
            return vec![(Tone::Plain, "The same steps and the same end.".to_owned())];
        }
        let name = |preset: &Preset| preset.name.chars().take(22).collect::<String>();
        let row =
            |place: &str, what: &str, a: &str, b: &str| format!("{place:<10}{what:<10}{a:<24}{b}");
        let mut lines = vec![(Tone::Head, row("step", "", &name(theirs), "in the grid"))];
        let mut whole = |what: &str, a: String, b: String| {
            if a != b {
                lines.push((Tone::Plain, row("all", what, &a, &b)));
            }
        };
        whole("steps", theirs.steps.len().to_string(), ours.steps.len().to_string());
        whole("terminal", theirs.terminal.to_string(), ours.terminal.to_string());
        let span = |first: usize, last: usize| match first == last {
            true => first.to_string(),
            false => format!("{first}–{last}"),
        };
        for (first, last, cell) in grouped(&difference.cells) {
            // Steps that only one has are told as a whole, below.
            let (Some(a), Some(b)) = (cell.a, cell.b) else { continue };
            let (a, b) = (number(a, 2), number(b, 2));
            lines.push((Tone::Plain, row(&span(first, last), cell.column.name(), &a, &b)));
        }
        let both = theirs.steps.len().min(ours.steps.len());
        let rest = |preset: &Preset| match preset.steps.as_slice().get(both..) {
            None | Some([]) => "–".to_owned(),
            Some(steps) => gw_runs(steps),
        };
        if theirs.steps.len() != ours.steps.len() {
            let last = theirs.steps.len().max(ours.steps.len()) - 1;
            let place = span(both, last);
            lines.push((Tone::Plain, row(&place, "gw", &rest(theirs), &rest(ours))));
        }
        let size = self.document.size();
        let (a, b) = (theirs.schedule(size), ours.schedule(size));
        if a.sigmas().len() == b.sigmas().len() {
            let pairs = a.sigmas().iter().zip(b.sigmas());
            let most = pairs.map(|(a, b)| (a.0 - b.0).abs()).fold(0.0, f64::max);
            lines.push((Tone::Plain, String::new()));
            let told = match most > 0.0 {
                true => format!("σ differs by up to {most:.6} at {size}."),
                false => format!("σ is the same at {size}."),
            };
            lines.push((Tone::Aside, told));
        }
        lines
    }
}

/// Cells that differ in the same way at steps that follow each other, as first step, last step and
/// one of them; in the order of the first steps.
fn grouped(cells: &[Cell]) -> Vec<(usize, usize, Cell)> {
    let mut groups: Vec<(usize, usize, Cell)> = Vec::new();
    for cell in cells {
        let same = |(_, last, group): &&mut (usize, usize, Cell)| {
            *last + 1 == cell.step
                && (group.column, group.a, group.b) == (cell.column, cell.a, cell.b)
        };
        match groups.iter_mut().find(same) {
            Some((_, last, _)) => *last = cell.step,
            None => groups.push((cell.step, cell.step, *cell)),
        }
    }
    groups
}

/// What a text is.
enum Form {
    /// Tables of a presets file.
    Own(PresetFile),
    /// What a tool takes.
    Of(Tool),
}

impl Form {
    fn of(text: &str) -> Option<Form> {
        match PresetFile::parse(text, "the text") {
            Ok(file) => Some(Form::Own(file)),
            Err(_) => Tool::of_text(text).map(Form::Of),
        }
    }
}

fn read_file(name: &str) -> Result<String, String> {
    let path = match (name.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(name),
    };
    let shown: String = name.chars().take(60).collect();
    let failed = |problem: String| format!("cannot read `{shown}`: {problem}");
    let meta = std::fs::metadata(&path).map_err(|error| failed(error.to_string()))?;
    // Opening a pipe would wait for whoever writes it.
    if !meta.is_file() {
        return Err(failed("it is not a file".to_owned()));
    }
    let file = std::fs::File::open(&path).map_err(|error| failed(error.to_string()))?;
    match read_exchanged(file).map_err(|error| failed(error.to_string()))? {
        Exchanged::Text(text) | Exchanged::Workflow(text) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigmalab_schedule::edit::Column;

    #[test]
    fn steps_that_differ_alike_are_one_line() {
        let cell = |step, column, b| Cell { step, column, a: Some(7.0), b: Some(b) };
        let (gw, mu) = (Column::Gw, Column::Mu);
        let cells = [
            cell(3, gw, 2.0),
            cell(4, gw, 2.0),
            cell(4, mu, 1.0),
            cell(5, gw, 2.0),
            cell(7, gw, 2.0),
        ];
        let groups: Vec<_> =
            grouped(&cells).into_iter().map(|(a, b, c)| (a, b, c.column)).collect();
        assert_eq!(groups, [(3, 5, gw), (4, 4, mu), (7, 7, gw)]);
    }
}

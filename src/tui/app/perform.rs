//! From an action to what does it.

use crate::tui::action::{Action, Argument, Call, Group};
use crate::tui::app::{App, Asking, At, Done, Effect, Screen};
use crate::tui::cell::{Cell, GridColumn};
use crate::tui::line::Line;
use sigmalab_terminal::picture::{ProtocolType, protocol_name, protocol_named};

impl App {
    /// Does an action, says what came of it, and asks for a record of it. An argument that is
    /// missing is asked for.
    pub(in crate::tui) fn perform(&mut self, call: &Call) -> Result<(), String> {
        if call.argument.is_none() && matches!(call.action.argument(), Argument::Asked(_)) {
            self.ask_for(call.action);
            return Ok(());
        }
        let call = &self.naming_the_trial(&self.naming_the_run(call));
        let revision = self.document.revision();
        let argument = call.argument.as_deref();
        let own = self.screen.component().perform(self, call.action, argument);
        match own.unwrap_or_else(|| self.dispatch(call.action, argument)) {
            Ok(message) => {
                if let Some(message) = message {
                    self.say(message);
                }
                let recorded = !matches!(call.action.group(), Group::Asking)
                    && !is_of_this_screen(call.action)
                    && !matches!(
                        self.asking,
                        Some(Asking::Question { .. } | Asking::Choice(_) | Asking::Line(_))
                    );
                if recorded {
                    self.emit(Effect::Record(call.clone()));
                }
                if self.document.revision() != revision && self.run_on_edit {
                    self.run_or_again(At::Set);
                }
                Ok(())
            }
            Err(problem) => {
                self.complain(problem.clone());
                Err(problem)
            }
        }
    }

    /// One arm an action: long, and nothing in it to follow.
    fn dispatch(&mut self, action: Action, argument: Option<&str>) -> Done {
        let count = || count(argument);
        let text = argument.unwrap_or_default();
        match action {
            Action::MoveUp => self.moves(-count()?, 0, false),
            Action::MoveDown => self.moves(count()?, 0, false),
            Action::MoveLeft => self.moves(0, -count()?, false),
            Action::MoveRight => self.moves(0, count()?, false),
            Action::ExtendUp => self.moves(-count()?, 0, true),
            Action::ExtendDown => self.moves(count()?, 0, true),
            Action::ExtendLeft => self.moves(0, -count()?, true),
            Action::ExtendRight => self.moves(0, count()?, true),
            Action::PageUp => self.page(-1),
            Action::PageDown => self.page(1),
            Action::FirstStep => self.moves(-(self.document.len() as isize), 0, false),
            Action::LastStep => self.moves(self.document.len() as isize, 0, false),
            Action::FirstColumn => self.moves(0, -4, false),
            Action::LastColumn => self.moves(0, 4, false),
            Action::Cursor => self.put_cursor(text),
            Action::GoToStep => self.go_to_step(text),
            Action::ScrollUp => self.scroll_grid(-count()?),
            Action::ScrollDown => self.scroll_grid(count()?),
            Action::ToggleSelection => self.toggle_selection(),
            Action::SelectRows => self.select_rows(),
            Action::SelectColumn => self.select_column(),
            Action::SelectAll => self.select_all(),
            Action::Select => self.select_range(text),
            Action::ClearSelection if self.grid.anchor.is_none() && self.end_tour() => Ok(None),
            Action::ClearSelection => {
                self.grid.anchor = None;
                Ok(None)
            }
            Action::Search => self.search(text),
            Action::SearchNext => self.search_again(true),
            Action::SearchPrevious => self.search_again(false),

            Action::EditCell => {
                self.ask_for(Action::Set);
                Ok(None)
            }
            Action::Set => self.set(text),
            Action::NudgeUp => self.nudge(1.0, argument),
            Action::NudgeDown => self.nudge(-1.0, argument),
            Action::NudgeUpCoarse => self.nudge(10.0, None),
            Action::NudgeDownCoarse => self.nudge(-10.0, None),
            Action::Fill => self.set(text),
            Action::FillDown => self.fill_down(),
            Action::Series => self.series(text),
            Action::Expression => self.expression(text),
            Action::Yank => self.yank(),
            Action::Paste => self.paste(argument),
            Action::InsertBelow => self.insert(count()?, true),
            Action::InsertAbove => self.insert(count()?, false),
            Action::DeleteSteps => self.delete_steps(),
            Action::Resample => self.resample(text),
            Action::Undo => self.undo(),
            Action::Redo => self.redo(),
            Action::GoToRevision => self.go_to_revision(text),

            Action::Prompt => self.set_prompt(text),
            Action::Size => self.set_size(text),
            Action::ProxySize => self.set_proxy_size(text),
            Action::Seed => self.set_seed(text),
            Action::LockSeed => self.lock_seed(),
            Action::Sampler => self.set_sampler(text),
            Action::SamplerParam => self.set_sampler_param(text),
            Action::TerminalRule => self.set_terminal(argument),
            Action::Overlay => self.overlay(argument),

            Action::Run => self.run(At::Set),
            Action::RunFull => self.run(At::Full),
            Action::Cancel => self.cancel(),
            Action::RunOnEdit => self.toggle_run_on_edit(),
            Action::Measures => self.toggle_measures(),
            Action::AllColumns => {
                self.editor.all_columns = !self.editor.all_columns;
                Ok(None)
            }
            Action::Pin if argument.is_some() => self.pin_run(text),
            Action::Pin => self.pin(),
            Action::Unpin => self.unpin(),
            Action::Compare => self.compare(),
            Action::Swap => self.swap(),
            Action::CompareView => self.compare_view(argument),
            Action::Flip => self.flip(),
            Action::DifferenceScale => self.difference_scale(text),
            Action::Fold => self.fold(),

            Action::LoadRun => self.load_run(text),
            Action::CompareRun => self.compare_run(text),
            Action::DeleteRun => self.delete_run(text),
            Action::CopyRecipe => self.copy_recipe(text),
            Action::CopyPath => self.copy_path(text),
            Action::FilterRuns => self.filter_runs(text),
            Action::Zoom => self.zoom(),

            Action::PlanSweep => self.plan_sweep(argument, false),
            Action::MeasureSweep => self.plan_sweep(argument, true),
            Action::RunSweep => self.run_sweep(argument),
            Action::ExtendSweep => self.extend_sweep(argument),
            Action::RetrySweep => self.retry_sweep(argument),
            Action::Tune => self.tune(text),
            Action::LoadFound => self.load_found(),
            Action::WriteExperiment => self.write_experiment(text),
            Action::EditExperiment => self.edit_experiment(argument),
            Action::AttachSweep => self.attach_sweep(argument),
            Action::PauseSweep => self.pause_sweep(argument),
            Action::CancelSweep => self.cancel_sweep(text == "confirmed"),
            Action::TrialFirst => self.trial_first(text),
            Action::SkipTrial => self.skip_trial(text),
            Action::SweepView => self.sweep_view(argument),
            Action::SortTrials => self.sort_trials(argument),
            Action::FilterTrials => self.filter_trials(text),
            Action::TrialColumns => self.trial_columns(text),
            Action::ScatterX => self.scatter_axis(0, argument),
            Action::ScatterY => self.scatter_axis(1, argument),
            Action::LoadTrial => self.load_trial(text),
            Action::PinTrial => self.pin_trial(text),
            Action::CompareTrial => self.compare_trial(text),
            Action::TrialPreset => self.trial_preset(text),

            Action::LoadPreset => self.load_preset(text),
            Action::Save => self.save(text == "confirmed"),
            Action::SaveAs => self.save_as(text),
            Action::RenamePreset => self.rename_preset(text),
            Action::DuplicatePreset => self.duplicate_preset(text),
            Action::DeletePreset => self.delete_preset(text),
            Action::SetDefaultPreset => self.set_default_preset(argument),
            Action::FilterPresets => self.filter_presets(text),
            Action::ReloadPresets => self.reload_presets(),
            Action::DiffPresets => self.diff_presets(argument),
            Action::ExportPreset => self.export_preset(text),
            Action::ImportPreset => self.import_preset(text),

            Action::ShowEditor => self.show(Screen::Editor),
            Action::ShowPresets => self.show_presets(),
            Action::ShowGallery => self.show_gallery(),
            Action::ShowSamplers => self.show_samplers(),
            Action::ShowRevisions => self.show_revisions(),
            Action::ShowSweeps => self.show_sweeps(),
            Action::ShowLog => self.show(Screen::Log),
            Action::Help => {
                self.scroll = 0;
                self.asking = Some(Asking::Help(Line::default()));
                Ok(None)
            }
            Action::Tour => self.toggle_tour(),
            Action::Palette => {
                self.asking = Some(Asking::Palette { line: Line::default(), chosen: 0 });
                Ok(None)
            }
            Action::PictureProtocol => self.choose_protocol(argument),
            Action::CountBytes => self.effect(Effect::CountBytes),
            Action::Redraw => self.effect(Effect::Redraw),
            Action::Mouse => {
                self.has_mouse = !self.has_mouse;
                self.effect(Effect::Mouse(self.has_mouse))
            }
            Action::Suspend => self.effect(Effect::Suspend),
            Action::Quit => self.quit(),
            Action::QuitAtOnce => self.effect(Effect::Quit),

            Action::Accept => self.accept(false),
            Action::AcceptRight => self.accept(true),
            Action::Back => self.back(),
            Action::Next => self.along(1),
            Action::Previous => self.along(-1),
            Action::Choose => self.choose(text),
            // Further than any list is long.
            Action::First => self.along(-(isize::MAX / 2)),
            Action::Last => self.along(isize::MAX / 2),

            Action::PrintSchedule => self.print_schedule(),
            Action::PrintRun => self.print_run(),
            Action::PrintComparison => self.print_comparison(),
            Action::PrintSweep => self.print_sweep(),
            Action::PrintPresets => {
                let names: Vec<_> = self.store.presets().iter().map(|p| p.name.clone()).collect();
                self.effect(Effect::Print(names.join("\n")))
            }
        }
    }

    pub(in crate::tui) fn effect(&mut self, effect: Effect) -> Done {
        self.emit(effect);
        Ok(None)
    }

    pub(in crate::tui) fn show(&mut self, screen: Screen) -> Done {
        self.asking = None;
        self.enter(screen);
        self.scroll = 0;
        Ok(None)
    }

    /// Goes to a screen and remembers from where. The editor is where every way begins.
    pub(in crate::tui) fn enter(&mut self, screen: Screen) {
        if screen == self.screen {
            return;
        }
        match self.way.iter().position(|passed| *passed == screen) {
            _ if screen == Screen::Editor => self.way.clear(),
            Some(at) => self.way.truncate(at),
            None => self.way.push(self.screen),
        }
        self.screen = screen;
    }

    /// Goes back to the screen that somebody came from.
    pub(in crate::tui) fn leave_screen(&mut self) {
        self.screen = self.way.pop().unwrap_or(Screen::Editor);
        if self.screen == Screen::Compare && self.runs.pair().is_none() {
            self.leave_screen();
        }
    }

    fn quit(&mut self) -> Done {
        let edited = self.document.is_edited().then(|| match self.document.is_named() {
            true => format!("{} has changes that are not saved.", self.document.title()),
            false => "The steps in the grid are not saved.".to_owned(),
        });
        let going =
            self.runs.going.is_some().then(|| "A run is in progress and would stop.".to_owned());
        let text = match (going, edited) {
            (None, None) => return self.effect(Effect::Quit),
            (going, edited) => {
                let reasons: Vec<String> = going.into_iter().chain(edited).collect();
                format!("{} Leave?", reasons.join(" "))
            }
        };
        self.asking = Some(Asking::Question { text, call: Action::QuitAtOnce.into() });
        Ok(None)
    }

    /// How pictures are shown: as named, or in the way after the present one.
    fn choose_protocol(&mut self, name: Option<&str>) -> Done {
        let choice = match name {
            Some("auto") => None,
            Some(name) => Some(protocol_named(name).map_err(|error| error.to_string())?),
            None => Some(self.protocol.map_or(ProtocolType::Halfblocks, |present| present.next())),
        };
        self.emit(Effect::PictureProtocol(choice));
        Ok(Some(match choice {
            Some(protocol) => {
                format!("images as {}; `image-protocol auto` goes back", protocol_name(protocol))
            }
            None => "images as the terminal can".to_owned(),
        }))
    }

    fn moves(&mut self, steps: isize, columns: isize, extend: bool) -> Done {
        self.grid.step(steps, columns, extend);
        // What follows in this record or macro begins at a step that exists.
        self.grid.cursor.step = self.grid.cursor.step.min(self.document.len().saturating_sub(1));
        Ok(None)
    }

    fn page(&mut self, direction: isize) -> Done {
        let rows = crate::tui::screens::editor::draw::grid_rows(self).max(1) as isize;
        if self.screen != Screen::Editor || self.asking.is_some() {
            return self.along(direction * rows);
        }
        // As motions by so many steps: a record does not know the height of this screen.
        let action = if direction < 0 { Action::MoveUp } else { Action::MoveDown };
        self.perform(&Call::with(action, rows.to_string())).map(|()| None)
    }

    fn scroll_grid(&mut self, steps: isize) -> Done {
        let rows = crate::tui::screens::editor::draw::grid_rows(self);
        self.grid.scroll(steps, self.document.len(), rows);
        Ok(None)
    }

    fn put_cursor(&mut self, text: &str) -> Done {
        self.grid.cursor = self.cell(text)?;
        self.grid.anchor = None;
        Ok(None)
    }

    /// `gw[3]`.
    fn cell(&self, text: &str) -> Result<Cell, String> {
        let (name, step) = text
            .trim()
            .strip_suffix(']')
            .and_then(|text| text.split_once('['))
            .ok_or_else(|| format!("`{text}` is not a cell: write one such as gw[3]"))?;
        Ok(Cell { step: self.step_number(step)?, column: column(name)? })
    }

    fn go_to_step(&mut self, text: &str) -> Done {
        let step = self.step_number(text)?;
        self.grid.go_to(step);
        Ok(None)
    }

    /// A step as people write it: -1 is the last.
    pub(in crate::tui) fn step_number(&self, text: &str) -> Result<usize, String> {
        let steps = self.document.len();
        let number: i64 =
            text.trim().parse().map_err(|_| format!("`{text}` is not a step: give its number"))?;
        let step = if number < 0 { number + steps as i64 } else { number };
        usize::try_from(step)
            .ok()
            .filter(|step| *step < steps)
            .ok_or_else(|| format!("there is no step {number}: there are {steps}, counted from 0"))
    }

    fn toggle_selection(&mut self) -> Done {
        self.grid.anchor = match self.grid.anchor {
            None => Some(self.grid.cursor),
            Some(_) => None,
        };
        Ok(None)
    }

    fn select_rows(&mut self) -> Done {
        let (first, last) = self.grid.steps();
        let corner = |step, column| Cell { step, column };
        self.grid.select(corner(first, GridColumn::Gw), corner(last, GridColumn::Std));
        Ok(None)
    }

    fn select_column(&mut self) -> Done {
        let column = self.grid.cursor.column;
        let last = self.document.len().saturating_sub(1);
        self.grid.select(Cell { step: 0, column }, Cell { step: last, column });
        Ok(None)
    }

    fn select_all(&mut self) -> Done {
        let last = self.document.len().saturating_sub(1);
        let corner = |step, column| Cell { step, column };
        self.grid.select(corner(0, GridColumn::Gw), corner(last, GridColumn::Std));
        Ok(None)
    }

    /// `gw`, `gw[3]`, `gw[3..5]`, `gw[-3..]`, both ends in it; `gw[3]:std[5]`, both corners in it.
    fn select_range(&mut self, text: &str) -> Done {
        if let Some((anchor, cursor)) = text.split_once(':') {
            let (anchor, cursor) = (self.cell(anchor)?, self.cell(cursor)?);
            self.grid.select(anchor, cursor);
            return Ok(None);
        }
        let (name, range) = match text.split_once('[') {
            Some((name, range)) => (
                name.trim(),
                range
                    .trim()
                    .strip_suffix(']')
                    .ok_or_else(|| format!("`{text}` lacks its closing bracket: write gw[-3..]"))?,
            ),
            None => (text.trim(), ".."),
        };
        let column = column(name)?;
        let (first, last) = range.split_once("..").unwrap_or((range, range));
        let number = |text: &str, open: &str| {
            self.step_number(if text.trim().is_empty() { open } else { text })
        };
        let (first, last) = (number(first, "0")?, number(last, "-1")?);
        if first > last {
            return Err(format!("`{text}` ends before it begins: write the first step first"));
        }
        self.grid.select(Cell { step: first, column }, Cell { step: last, column });
        Ok(None)
    }
}

/// What concerns only the screen that it is done on: it has no place in a record. What comes of it
/// is recorded under its own name.
fn is_of_this_screen(action: Action) -> bool {
    use Action::*;
    matches!(
        action,
        Palette
            | Help
            | EditCell
            | PageUp
            | PageDown
            | ScrollUp
            | ScrollDown
            | Mouse
            | Measures
            | AllColumns
    )
}

fn column(name: &str) -> Result<GridColumn, String> {
    GridColumn::named(name.trim())
        .ok_or_else(|| format!("there is no column `{name}`: write gw, mu, std or sigma"))
}

/// How often, once where nothing is said.
pub(in crate::tui) fn count(argument: Option<&str>) -> Result<isize, String> {
    let Some(text) = argument else { return Ok(1) };
    match text.trim().parse::<u16>() {
        Ok(count) if count > 0 => Ok(isize::try_from(count).unwrap_or(1)),
        _ => Err(format!("`{text}` is not a count: give a whole number, 1 or more")),
    }
}

//! Everything a user can do, by name: the one list behind keys, palette, help, records and
//! `--play`. It knows what an action is called, what it takes and which keys it has, not how it is
//! done.

use super::context::Context;
use sigmalab_schedule::nearest::{meant, nearest};
use std::fmt;
use std::str::FromStr;

/// What an action takes after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    None,
    /// Something that may be left out; what it is.
    Optional(&'static str),
    /// Something that is asked for where it is not given; what it is.
    Asked(&'static str),
}

/// The part of the program an action belongs to, as help groups them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The cursor and the selection.
    Moving,
    /// Changes of the schedule.
    Editing,
    History,
    /// What is drawn and with what.
    Setting,
    Running,
    Gallery,
    /// Experiments, run directories and their trials.
    Sweeps,
    /// Presets and their file.
    Presets,
    /// Screens and the program itself.
    Program,
    /// Lines and lists that ask for something.
    Asking,
    /// What prints, for `--play`.
    Printing,
}

impl Group {
    /// Every group, in the order of help.
    pub const ALL: [Group; 11] = [
        Group::Moving,
        Group::Editing,
        Group::History,
        Group::Setting,
        Group::Running,
        Group::Gallery,
        Group::Sweeps,
        Group::Presets,
        Group::Program,
        Group::Asking,
        Group::Printing,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Moving => "Moving and selecting",
            Group::Editing => "Editing the schedule",
            Group::History => "Undo and redo",
            Group::Setting => "What is drawn",
            Group::Running => "Running and comparing",
            Group::Gallery => "Finished runs",
            Group::Sweeps => "Sweeps",
            Group::Presets => "Presets",
            Group::Program => "Screens and the program",
            Group::Asking => "Input lines and lists",
            Group::Printing => "Printing, with --play",
        }
    }
}

macro_rules! actions {
    ($($variant:ident $name:literal $group:ident $argument:ident $(($takes:literal))?
        [$($context:ident $keys:literal),*], $sentence:literal;)*) => {
        /// Something a user can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = $sentence] $variant,)*
        }

        impl Action {
            /// Every action, in the order of help.
            pub const ALL: &'static [Action] = &[$(Action::$variant,)*];

            /// Its name, as keymaps, the palette and records write it.
            pub fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)* }
            }

            /// What it does, in a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Action::$variant => $sentence,)* }
            }

            pub fn argument(self) -> Argument {
                match self { $(Action::$variant => Argument::$argument $(($takes))?,)* }
            }

            /// Its default keys, by context, with a space between them.
            pub fn default_keys(self) -> &'static [(Context, &'static str)] {
                match self { $(Action::$variant => &[$((Context::$context, $keys)),*],)* }
            }

            /// Where help puts it.
            pub fn group(self) -> Group {
                match self { $(Action::$variant => Group::$group,)* }
            }
        }
    };
}

actions! {
    MoveUp "move-up" Moving Optional("steps") [Grid "up k"], "Move the cursor up";
    MoveDown "move-down" Moving Optional("steps") [Grid "down j"], "Move the cursor down";
    MoveLeft "move-left" Moving Optional("columns") [Grid "left h shift-tab", Samplers "left h shift-tab", Sweep "left h shift-tab"], "Move the cursor left";
    MoveRight "move-right" Moving Optional("columns") [Grid "right l tab", Samplers "right l tab", Sweep "right l tab"], "Move the cursor right";
    PageUp "page-up" Moving None [Grid "pageup ctrl-b", Palette "pageup"], "Move up by a screen";
    PageDown "page-down" Moving None [Grid "pagedown ctrl-f", Reading "space", Palette "pagedown"], "Move down by a screen";
    FirstStep "first-step" Moving None [Grid "home g"], "Go to the first step";
    LastStep "last-step" Moving None [Grid "end G"], "Go to the last step";
    FirstColumn "first-column" Moving None [Grid "^"], "Go to column gw";
    LastColumn "last-column" Moving None [Grid "$"], "Go to column σ";
    Cursor "cursor" Moving Asked("cell, such as gw[3]; -1 is the last step") [], "Put the cursor on a cell";
    GoToStep "go-to-step" Moving Asked("step, counted from 0; -1 is the last") [Grid "ctrl-g"], "Go to a step";
    ScrollUp "scroll-up" Moving Optional("steps") [Grid "ctrl-y"], "Scroll the grid up and leave the cursor where it is";
    ScrollDown "scroll-down" Moving Optional("steps") [Grid "ctrl-e"], "Scroll the grid down and leave the cursor where it is";
    ExtendUp "extend-up" Moving Optional("steps") [Grid "shift-up K"], "Extend the selection up";
    ExtendDown "extend-down" Moving Optional("steps") [Grid "shift-down J"], "Extend the selection down";
    ExtendLeft "extend-left" Moving Optional("columns") [Grid "shift-left H"], "Extend the selection left";
    ExtendRight "extend-right" Moving Optional("columns") [Grid "shift-right"], "Extend the selection right";
    AllColumns "all-columns" Moving None [Grid "#"], "Show every column of the grid on a narrow screen, or leave room beside it";
    ToggleSelection "toggle-selection" Moving None [Grid "v"], "Start or drop a selection at the cursor";
    SelectRows "select-rows" Moving None [Grid "V"], "Select whole rows";
    SelectColumn "select-column" Moving None [Grid "|"], "Select the column from first to last step";
    SelectAll "select-all" Moving None [Grid "ctrl-a"], "Select every gw, mu and std";
    Select "select" Moving Asked("column[first..last], such as gw[-3..], or two corners, such as gw[3]:std[5]") [], "Select a range of a column, or a block";
    ClearSelection "clear-selection" Moving None [Grid "esc"], "Drop the selection";
    Search "search" Moving Asked("a value or a step") [Grid "/"], "Find a value";
    SearchNext "search-next" Moving None [Grid "n"], "Find the next one";
    SearchPrevious "search-previous" Moving None [Grid "N"], "Find the one before";

    EditCell "edit-cell" Editing None [Grid "enter i"], "Edit the value under the cursor";
    Set "set" Editing Asked("value") [], "Set the cell or the whole selection; in column σ, solve mu for it";
    NudgeUp "nudge-up" Editing Optional("by") [Grid "+"], "Raise the selection by a fine step";
    NudgeDown "nudge-down" Editing Optional("by") [Grid "_"], "Lower the selection by a fine step";
    NudgeUpCoarse "nudge-up-coarse" Editing None [Grid ">"], "Raise the selection by a coarse step";
    NudgeDownCoarse "nudge-down-coarse" Editing None [Grid "<"], "Lower the selection by a coarse step";
    Fill "fill" Editing Asked("value") [Grid "f"], "Fill the selection with one value";
    FillDown "fill-down" Editing None [Grid "ctrl-d"], "Copy the selection's first row down";
    Series "series" Editing Asked("linear, cosine or geometric") [Grid "s"], "Fill between the selection's first and last row";
    Expression "expression" Editing Asked("over i (step), n (steps), t (0 to 1) and x (the value)") [Grid "= e"], "Compute the selection, such as x*1.1 or 3+4*cos(pi*t/2)";
    Yank "yank" Editing None [Grid "y"], "Copy the selection, also to the terminal's clipboard";
    Paste "paste" Editing Optional("values, tab or space between, / between rows") [Grid "p"], "Paste at the cursor; one value fills the selection";
    InsertBelow "insert-below" Editing Optional("steps") [Grid "o"], "Insert steps below";
    InsertAbove "insert-above" Editing Optional("steps") [Grid "O"], "Insert steps above";
    DeleteSteps "delete-steps" Editing None [Grid "D delete"], "Delete the selected steps";
    Resample "resample" Editing Asked("number of steps") [Grid "%"], "Change the number of steps and keep the shape";

    Undo "undo" History None [Grid "u", Compare "u", Revisions "u"], "Undo the last command";
    Redo "redo" History None [Grid "U ctrl-r", Compare "U ctrl-r", Revisions "U ctrl-r"], "Redo on the newest branch";
    GoToRevision "go-to-revision" History Asked("number of a revision; 0 is the schedule as it was opened") [], "Go to a revision on any branch";

    Prompt "prompt" Setting Asked("text") [Global "t"], "Edit the prompt";
    Size "size" Setting Asked("WIDTHxHEIGHT or a name such as square") [Global "z"], "Set the image size";
    ProxySize "proxy-size" Setting Asked("WIDTHxHEIGHT smaller than the image, or off") [Global "Z"], "Draw at a smaller size with the σ of the image size, or not";
    Seed "seed" Setting Asked("number, or random") [Global "S"], "Set the seed";
    LockSeed "lock-seed" Setting None [Global "L"], "Keep the seed for every run, or draw a new one each time";
    Sampler "sampler" Setting Asked("name, then key=value") [Global "m"], "Choose the sampler and its parameters";
    SamplerParam "sampler-param" Setting Asked("key=value; key=default resets it") [], "Set a parameter of the sampler";
    TerminalRule "terminal-rule" Setting Optional("reference or zero") [Global "T"], "Switch where the last step ends";
    Overlay "overlay" Setting Optional("preset, or none") [Global "b"], "Draw another preset's curves beside these";

    Run "run" Running None [Global "r"], "Draw the image";
    RunFull "run-full" Running None [Global "F"], "Draw the image once at its full size, whatever the proxy size";
    Cancel "cancel" Running None [Global "x ctrl-c"], "Stop the run within one step";
    RunOnEdit "run-on-edit" Running None [Global "R"], "Draw again after every change, or not";
    Measures "measures" Running None [Global "M"], "Show what each step did, or not";
    Pin "pin" Running Optional("run") [Global "A"], "Pin a run as A: the last one, in the gallery the one under the cursor";
    Compare "compare" Running None [Global "c F4"], "Compare the pinned run A with this one, B";
    Unpin "unpin" Running None [Global "alt-a"], "Take the pinned run A away";
    Swap "swap" Running None [Compare "s"], "Swap A and B";
    CompareView "compare-view" Running Optional("beside, difference or flip") [Compare "v tab"], "Show A and B beside each other, their difference between them, or one of them large";
    Flip "flip" Running None [Compare "x space"], "Show A and B by turns at one place";
    DifferenceScale "difference-scale" Running Asked("the difference that is brightest, 1 to 255, or auto") [Compare "d"], "Set the scale of the difference image";
    Fold "fold" Running None [Compare "f"], "Fold the steps in which A and B are the same, or show them all";

    LoadRun "load-run" Gallery Optional("run: its number in this session, or its name in the history") [Gallery "enter"], "Load a run's steps, prompt, size, seed and sampler into the grid";
    CompareRun "compare-run" Gallery Optional("run") [Gallery "c"], "Pin a run as A and compare it with the last one, B";
    DeleteRun "delete-run" Gallery Optional("run, and confirmed") [Gallery "D delete"], "Take a run out of the history, once you confirm";
    CopyRecipe "copy-recipe" Gallery Optional("run") [Gallery "y"], "Copy a run's recipe as JSON to the terminal's clipboard";
    CopyPath "copy-path" Gallery Optional("run") [Gallery "Y"], "Copy the path of a run's PNG to the terminal's clipboard";
    FilterRuns "filter-runs" Gallery Asked("words of prompt, preset, size, seed or sampler; none shows every run") [Gallery "/"], "Show only the runs that match these words";
    Zoom "zoom" Gallery None [Grid "space", Gallery "space", Sweep "space"], "Enlarge the image to the whole screen, or go back";

    PlanSweep "plan-sweep" Sweeps Optional("experiment file") [Sweeps "p"], "Show what an experiment would run, what it saves and how long it takes";
    MeasureSweep "measure-sweep" Sweeps Optional("experiment file") [Sweeps "T"], "Plan an experiment and time one step, to estimate how long it takes";
    RunSweep "run-sweep" Sweeps Optional("experiment file or run directory") [Sweeps "r", Sweep "r"], "Run a sweep, or continue one, in a process of its own";
    ExtendSweep "extend-sweep" Sweeps Optional("experiment file") [], "Run a changed experiment in its run directory: its new trials are added";
    RetrySweep "retry-sweep" Sweeps Optional("run directory") [Sweep "R"], "Run the failed trials of a sweep again";
    Tune "tune" Sweeps Asked("steps, then flags of sigmalab tune, such as 10 --target exact --budget 5min") [], "Find a faster preset from reference runs, as a process of its own";
    LoadFound "load-found" Sweeps None [], "Load what a tune found into the grid";
    WriteExperiment "write-experiment" Sweeps Asked("values for the selected steps, such as 1.5 2 3 or 1..3/5; a name may follow") [Sweeps "n"], "Write an experiment over the selected steps of the grid";
    EditExperiment "edit-experiment" Sweeps Optional("experiment file") [Sweeps "e"], "Open an experiment in $VISUAL or $EDITOR";
    AttachSweep "attach-sweep" Sweeps Optional("run directory") [Sweeps "a"], "Follow a run directory, whoever works on it";
    PauseSweep "pause-sweep" Sweeps Optional("on or off") [Sweep "p"], "Pause the sweep after the current trials, or let it continue";
    CancelSweep "cancel-sweep" Sweeps Optional("confirmed") [Sweep "C"], "Stop every process of the sweep, once you confirm";
    TrialFirst "trial-first" Sweeps Optional("trial") [Sweep "f"], "Run a trial next, or in its usual turn again";
    SkipTrial "skip-trial" Sweeps Optional("trial") [Sweep "D delete"], "Skip a trial, or run it after all";
    SweepView "sweep-view" Sweeps Optional("settings, table, sheet or scatter") [Sweep "v"], "Show a sweep's settings with their means, its trials as a table, as pictures, or as points";
    SortTrials "sort-trials" Sweeps Optional("column; again for the other direction; number for the usual order") [Sweep "s"], "Sort by the column under the cursor, or by the named one";
    FilterTrials "filter-trials" Sweeps Asked("words and conditions, such as done latent_rmse<0.2; none shows every trial") [Sweep "/"], "Show only some trials";
    TrialColumns "trial-columns" Sweeps Asked("names of columns, or all") [Sweep "o"], "Choose the columns of the table of trials";
    ScatterX "scatter-x" Sweeps Optional("column") [Sweep "x"], "Put a column on the horizontal axis; without a name, the next one";
    ScatterY "scatter-y" Sweeps Optional("column") [Sweep "y"], "Put a column on the vertical axis; without a name, the next one";
    LoadTrial "load-trial" Sweeps Optional("trial") [Sweep "enter"], "Load a trial's steps, prompt, size, seed and sampler into the grid";
    PinTrial "pin-trial" Sweeps Optional("trial") [Sweep "A"], "Pin a trial as A";
    CompareTrial "compare-trial" Sweeps Optional("trial") [Sweep "c"], "Compare the pinned run A with a trial, B";
    TrialPreset "trial-preset" Sweeps Asked("name of the new preset") [Sweep "w"], "Save the steps of the trial under the cursor as a preset";

    LoadPreset "load-preset" Presets Asked("preset") [], "Load a preset into the grid";
    Save "save" Presets Optional("confirmed") [Grid "w ctrl-s", Compare "w ctrl-s"], "Save the schedule under its name; asks before it replaces a preset that ships";
    SaveAs "save-as" Presets Asked("name, or name: what it is for") [Grid "W", Compare "W"], "Save the schedule as a new preset, or say what this one is for";
    RenamePreset "rename-preset" Presets Asked("new name") [Presets "n"], "Rename the preset under the cursor";
    DuplicatePreset "duplicate-preset" Presets Asked("name of the copy") [Presets "y"], "Duplicate the preset under the cursor";
    DeletePreset "delete-preset" Presets Optional("preset, and confirmed") [Presets "D delete"], "Delete a preset, once you confirm";
    SetDefaultPreset "set-default-preset" Presets Optional("preset") [Presets "*"], "Make the preset the file's default";
    FilterPresets "filter-presets" Presets Asked("part of a name or of what it is for") [Presets "/"], "List only presets with this in their name";
    ReloadPresets "reload-presets" Presets None [Presets "ctrl-r"], "Read the presets file again";
    DiffPresets "diff-presets" Presets Optional("preset") [Presets "="], "Show how a preset and the grid differ";
    ExportPreset "export-preset" Presets Asked("reference, diffusers, comfyui or sd.cpp") [Presets "e"], "Show and copy it for another program";
    ImportPreset "import-preset" Presets Asked("a file, or paste what another program takes") [Presets "i"], "Read another program's schedule";

    ShowEditor "show-editor" Program None [Global "F2"], "Go to the editor";
    ShowPresets "show-presets" Program None [Global "P F3"], "Go to the presets";
    ShowGallery "show-gallery" Program None [Gallery "ctrl-r", Global "E F5"], "Go to the gallery of finished runs, and read what others added";
    ShowSamplers "show-samplers" Program None [Global "alt-m F7"], "Go to the samplers";
    ShowSweeps "show-sweeps" Program None [Sweeps "ctrl-r", Global "X F9"], "Go to the sweeps: experiments and run directories";
    ShowRevisions "show-revisions" Program None [Global "B F8"], "Go to the tree of what was done and undone";
    ShowLog "show-log" Program None [Global "F6"], "Go to the log";
    Help "help" Program None [Global "? F1"], "Show the keys";
    Tour "tour" Program None [], "Begin the short tour from a picture to a preset, or end it";
    Palette "palette" Program None [Global ": ctrl-p"], "Find an action by name and do it";
    PictureProtocol "image-protocol" Program Optional("auto, kitty, sixel, iterm2 or half-blocks") [Global "I"], "Show images in another way; without a name, in the next one";
    CountBytes "count-bytes" Program None [], "Say how many bytes were written to the terminal";
    Redraw "redraw" Program None [Global "ctrl-l"], "Draw the screen and its images again";
    Mouse "mouse" Program None [], "Leave the mouse to the terminal, to select text with it, or take it again";
    Suspend "suspend" Program None [Global "ctrl-z"], "Go back to the shell; fg returns";
    Quit "quit" Program None [Global "q"], "Quit; asks while a run is in progress or changes are not saved";
    QuitAtOnce "quit-at-once" Program None [], "Leave without asking";

    Accept "accept" Asking None [Presets "enter", Samplers "enter", Revisions "enter", Sweeps "enter", Line "enter", Palette "enter", Choice "enter", Question "y enter"], "Accept what is typed or chosen";
    AcceptRight "accept-right" Asking None [Line "tab"], "Accept and move right";
    Back "back" Asking None [Line "esc ctrl-c", Palette "esc ctrl-c", Choice "ctrl-c", Question "n esc ctrl-c"], "Leave without doing it";
    Next "next" Asking None [Palette "down ctrl-n tab", Choice "ctrl-n tab"], "Go down the list";
    Previous "previous" Asking None [Palette "up ctrl-p shift-tab", Choice "ctrl-p shift-tab"], "Go up the list";
    Choose "choose" Asking Asked("row, counted from 0") [], "Choose a row of the list";
    First "first" Asking None [], "Go to the top of the list";
    Last "last" Asking None [], "Go to the end of the list";

    PrintSchedule "print-schedule" Printing None [], "Print the schedule as tab-separated values";
    PrintRun "print-run" Printing None [], "Print steps and network evaluations of the last run as JSON";
    PrintComparison "print-comparison" Printing None [], "Print how far A and B are apart as JSON";
    PrintSweep "print-sweep" Printing None [], "Print the state of the sweep that is followed as JSON";
    PrintPresets "print-presets" Printing None [], "Print the presets' names";
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An action with its argument: a key's meaning, a line of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub action: Action,
    pub argument: Option<String>,
}

/// Why a text is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("there is no action `{name}`{}", meant(nearest))]
    Unknown { name: String, nearest: Vec<&'static str> },
    #[error("`{action}` takes no argument, and `{argument}` was given")]
    NoArgument { action: Action, argument: String },
}

impl From<Action> for Call {
    fn from(action: Action) -> Self {
        Call { action, argument: None }
    }
}

impl Call {
    /// An action with an argument.
    pub fn with(action: Action, argument: impl Into<String>) -> Self {
        Call { action, argument: Some(argument.into()) }
    }
}

/// `NAME`, or `NAME ARGUMENT`.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            None => write!(f, "{}", self.action),
            // A record is one call a line.
            Some(argument) => write!(f, "{} {}", self.action, argument.replace('\n', " / ")),
        }
    }
}

impl FromStr for Call {
    type Err = CallError;

    fn from_str(text: &str) -> Result<Self, CallError> {
        let text = text.trim();
        let (name, argument) = match text.split_once(char::is_whitespace) {
            Some((name, argument)) => (name, Some(argument.trim().to_owned())),
            None => (text, None),
        };
        let Some(action) = Action::ALL.iter().copied().find(|action| action.name() == name) else {
            let nearest = nearest(name, Action::ALL.iter().map(|action| action.name()));
            return Err(CallError::Unknown { name: name.to_owned(), nearest });
        };
        match (action.argument(), argument) {
            (Argument::None, Some(argument)) => Err(CallError::NoArgument { action, argument }),
            (_, argument) => Ok(Call { action, argument }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_kebab_case_and_unique_and_every_sentence_starts_like_one() {
        let mut seen = HashSet::new();
        for action in Action::ALL {
            let name = action.name();
            assert!(seen.insert(name), "{name} twice");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            let sentence = action.sentence();
            assert!(sentence.starts_with(char::is_uppercase) && !sentence.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn a_written_call_reads_back_as_itself() {
        for &action in Action::ALL {
            let mut calls = vec![Call::from(action)];
            if action.argument() != Argument::None {
                calls.push(Call::with(action, "x*1.1 + sin(pi*t)"));
            }
            for call in calls {
                assert_eq!(call.to_string().parse::<Call>().unwrap(), call);
            }
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_one() {
        let message = "nudge-upp".parse::<Call>().unwrap_err().to_string();
        assert!(message.contains("`nudge-up`"), "{message}");
        let message = "undo 3".parse::<Call>().unwrap_err().to_string();
        assert_eq!(message, "`undo` takes no argument, and `3` was given");
    }
}

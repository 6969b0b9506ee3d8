//! Everything a user can do, by name: the one list behind keys, palette, help, records and
//! `--play`. It knows what an action is called and what it takes, not how it is done.

use sigmalab_schedule::nearest::{list, nearest};
use std::fmt;
use std::str::FromStr;

/// What an action takes after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
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
    /// Undo and redo.
    History,
    /// What is drawn and with what.
    Setting,
    /// Runs.
    Running,
    /// Finished runs.
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
    ($($variant:ident $name:literal $group:ident $argument:expr, $sentence:literal;)*) => {
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

            /// What it takes.
            pub fn argument(self) -> Argument {
                use Argument::*;
                match self { $(Action::$variant => $argument,)* }
            }

            /// Where help puts it.
            pub fn group(self) -> Group {
                match self { $(Action::$variant => Group::$group,)* }
            }
        }
    };
}

actions! {
    MoveUp "move-up" Moving Optional("steps"), "Move the cursor up";
    MoveDown "move-down" Moving Optional("steps"), "Move the cursor down";
    MoveLeft "move-left" Moving Optional("columns"), "Move the cursor left";
    MoveRight "move-right" Moving Optional("columns"), "Move the cursor right";
    PageUp "page-up" Moving None, "Move up by a screen";
    PageDown "page-down" Moving None, "Move down by a screen";
    FirstStep "first-step" Moving None, "Go to the first step";
    LastStep "last-step" Moving None, "Go to the last step";
    FirstColumn "first-column" Moving None, "Go to column gw";
    LastColumn "last-column" Moving None, "Go to column σ";
    Cursor "cursor" Moving Asked("cell, such as gw[3]; -1 is the last step"), "Put the cursor on a cell";
    GoToStep "go-to-step" Moving Asked("step, counted from 0; -1 is the last"), "Go to a step";
    ScrollUp "scroll-up" Moving Optional("steps"), "Scroll the grid up and leave the cursor where it is";
    ScrollDown "scroll-down" Moving Optional("steps"), "Scroll the grid down and leave the cursor where it is";
    ExtendUp "extend-up" Moving Optional("steps"), "Extend the selection up";
    ExtendDown "extend-down" Moving Optional("steps"), "Extend the selection down";
    ExtendLeft "extend-left" Moving Optional("columns"), "Extend the selection left";
    ExtendRight "extend-right" Moving Optional("columns"), "Extend the selection right";
    AllColumns "all-columns" Moving None, "Show every column of the grid on a narrow screen, or leave room beside it";
    ToggleSelection "toggle-selection" Moving None, "Start or drop a selection at the cursor";
    SelectRows "select-rows" Moving None, "Select whole rows";
    SelectColumn "select-column" Moving None, "Select the column from first to last step";
    SelectAll "select-all" Moving None, "Select every gw, mu and std";
    Select "select" Moving Asked("column[first..last], such as gw[-3..], or two corners, such as gw[3]:std[5]"), "Select a range of a column, or a block";
    ClearSelection "clear-selection" Moving None, "Drop the selection";
    Search "search" Moving Asked("a value or a step"), "Find a value";
    SearchNext "search-next" Moving None, "Find the next one";
    SearchPrevious "search-previous" Moving None, "Find the one before";

    EditCell "edit-cell" Editing None, "Edit the value under the cursor";
    Set "set" Editing Asked("value"), "Set the cell or the whole selection; in column σ, solve mu for it";
    NudgeUp "nudge-up" Editing Optional("by"), "Raise the selection by a fine step";
    NudgeDown "nudge-down" Editing Optional("by"), "Lower the selection by a fine step";
    NudgeUpCoarse "nudge-up-coarse" Editing None, "Raise the selection by a coarse step";
    NudgeDownCoarse "nudge-down-coarse" Editing None, "Lower the selection by a coarse step";
    Fill "fill" Editing Asked("value"), "Fill the selection with one value";
    FillDown "fill-down" Editing None, "Copy the selection's first row down";
    Series "series" Editing Asked("linear, cosine or geometric"), "Fill between the selection's first and last row";
    Expression "expression" Editing Asked("over i (step), n (steps), t (0 to 1) and x (the value)"), "Compute the selection, such as x*1.1 or 3+4*cos(pi*t/2)";
    Yank "yank" Editing None, "Copy the selection, also to the terminal's clipboard";
    Paste "paste" Editing Optional("values, tab or space between, / between rows"), "Paste at the cursor; one value fills the selection";
    InsertBelow "insert-below" Editing Optional("steps"), "Insert steps below";
    InsertAbove "insert-above" Editing Optional("steps"), "Insert steps above";
    DeleteSteps "delete-steps" Editing None, "Delete the selected steps";
    Resample "resample" Editing Asked("number of steps"), "Change the number of steps and keep the shape";

    Undo "undo" History None, "Undo the last command";
    Redo "redo" History None, "Redo on the newest branch";
    GoToRevision "go-to-revision" History Asked("number of a revision; 0 is the schedule as it was opened"), "Go to a revision on any branch";

    Prompt "prompt" Setting Asked("text"), "Edit the prompt";
    Size "size" Setting Asked("WIDTHxHEIGHT or a name such as square"), "Set the image size";
    ProxySize "proxy-size" Setting Asked("WIDTHxHEIGHT smaller than the image, or off"), "Draw at a smaller size with the σ of the image size, or not";
    Seed "seed" Setting Asked("number, or random"), "Set the seed";
    LockSeed "lock-seed" Setting None, "Keep the seed for every run, or draw a new one each time";
    Sampler "sampler" Setting Asked("name, then key=value"), "Choose the sampler and its parameters";
    SamplerParam "sampler-param" Setting Asked("key=value; key=default takes it back"), "Set a parameter of the sampler";
    TerminalRule "terminal-rule" Setting Optional("reference or zero"), "Switch where the last step ends";
    Overlay "overlay" Setting Optional("preset, or none"), "Draw another preset's curves beside these";

    Run "run" Running None, "Draw the image";
    RunFull "run-full" Running None, "Draw the image once at its full size, whatever the proxy size";
    Cancel "cancel" Running None, "Stop the run within one step";
    RunOnEdit "run-on-edit" Running None, "Draw again after every change, or not";
    Measures "measures" Running None, "Show what each step did, or not";
    Pin "pin" Running Optional("run"), "Pin a run as A: the last one, in the gallery the one under the cursor";
    Compare "compare" Running None, "Compare the pinned run A with this one, B";
    Unpin "unpin" Running None, "Take the pinned run A away";
    Swap "swap" Running None, "Swap A and B";
    CompareView "compare-view" Running Optional("beside, difference or flip"), "Show A and B beside each other, their difference between them, or one of them large";
    Flip "flip" Running None, "Show A and B by turns at one place";
    DifferenceScale "difference-scale" Running Asked("the difference that is brightest, 1 to 255, or auto"), "Set the scale of the difference image";
    Fold "fold" Running None, "Fold the steps in which A and B are the same, or show them all";

    LoadRun "load-run" Gallery Optional("run: its number in this session, or its name in the history"), "Load a run's steps, prompt, size, seed and sampler into the grid";
    CompareRun "compare-run" Gallery Optional("run"), "Pin a run as A and compare it with the last one, B";
    DeleteRun "delete-run" Gallery Optional("run, and confirmed"), "Take a run out of the history, once you confirm";
    CopyRecipe "copy-recipe" Gallery Optional("run"), "Copy a run's recipe as JSON to the terminal's clipboard";
    CopyPath "copy-path" Gallery Optional("run"), "Copy the path of a run's PNG to the terminal's clipboard";
    FilterRuns "filter-runs" Gallery Asked("words of prompt, preset, size, seed or sampler; none shows every run"), "Show only the runs that hold these words";
    Zoom "zoom" Gallery None, "Enlarge the image to the whole screen, or go back";

    PlanSweep "plan-sweep" Sweeps Optional("experiment file"), "Show what an experiment would run, what it saves and how long it takes";
    MeasureSweep "measure-sweep" Sweeps Optional("experiment file"), "Plan an experiment and time one step, to estimate how long it takes";
    RunSweep "run-sweep" Sweeps Optional("experiment file or run directory"), "Run a sweep, or continue one, in a process of its own";
    ExtendSweep "extend-sweep" Sweeps Optional("experiment file"), "Run a changed experiment in its run directory: its new trials are added";
    RetrySweep "retry-sweep" Sweeps Optional("run directory"), "Run the failed trials of a sweep once more";
    Tune "tune" Sweeps Asked("steps, then flags of sigmalab tune, such as 10 --target exact --budget 5min"), "Find a faster preset from reference runs, as a process of its own";
    LoadFound "load-found" Sweeps None, "Load what a tune found into the grid";
    WriteExperiment "write-experiment" Sweeps Asked("values for the selected steps, such as 1.5 2 3 or 1..3/5; a name may follow"), "Write an experiment over the selected steps of the grid";
    EditExperiment "edit-experiment" Sweeps Optional("experiment file"), "Open an experiment in $VISUAL or $EDITOR";
    AttachSweep "attach-sweep" Sweeps Optional("run directory"), "Follow a run directory, whoever works on it";
    PauseSweep "pause-sweep" Sweeps Optional("on or off"), "Pause the sweep after the current trials, or let it go on";
    CancelSweep "cancel-sweep" Sweeps Optional("confirmed"), "Stop every process of the sweep, once you confirm";
    TrialFirst "trial-first" Sweeps Optional("trial"), "Run a trial next, or in its usual turn again";
    SkipTrial "skip-trial" Sweeps Optional("trial"), "Skip a trial, or run it after all";
    SweepView "sweep-view" Sweeps Optional("settings, table, sheet or scatter"), "Show a sweep's settings with their means, its trials as a table, as pictures, or as points";
    SortTrials "sort-trials" Sweeps Optional("column; again for the other direction; number for the usual order"), "Sort by the column under the cursor, or by the named one";
    FilterTrials "filter-trials" Sweeps Asked("words and conditions, such as done latent_rmse<0.2; none shows every trial"), "Show only some trials";
    TrialColumns "trial-columns" Sweeps Asked("names of columns, or all"), "Choose the columns of the table of trials";
    ScatterX "scatter-x" Sweeps Optional("column"), "Put a column on the horizontal axis; without a name, the next one";
    ScatterY "scatter-y" Sweeps Optional("column"), "Put a column on the vertical axis; without a name, the next one";
    LoadTrial "load-trial" Sweeps Optional("trial"), "Load a trial's steps, prompt, size, seed and sampler into the grid";
    PinTrial "pin-trial" Sweeps Optional("trial"), "Pin a trial as A";
    CompareTrial "compare-trial" Sweeps Optional("trial"), "Compare the pinned run A with a trial, B";
    TrialPreset "trial-preset" Sweeps Asked("name of the new preset"), "Save the steps of the trial under the cursor as a preset";

    LoadPreset "load-preset" Presets Asked("preset"), "Load a preset into the grid";
    Save "save" Presets Optional("confirmed"), "Save the schedule under its name; asks before it replaces a preset that ships";
    SaveAs "save-as" Presets Asked("name, or name: what it is for"), "Save the schedule as a new preset, or say what this one is for";
    RenamePreset "rename-preset" Presets Asked("new name"), "Rename the preset under the cursor";
    DuplicatePreset "duplicate-preset" Presets Asked("name of the copy"), "Duplicate the preset under the cursor";
    DeletePreset "delete-preset" Presets Optional("preset, and confirmed"), "Delete a preset, once you confirm";
    SetDefaultPreset "set-default-preset" Presets Optional("preset"), "Make the preset the file's default";
    FilterPresets "filter-presets" Presets Asked("part of a name or of what it is for"), "List only presets with this in their name";
    ReloadPresets "reload-presets" Presets None, "Read the presets file again";
    DiffPresets "diff-presets" Presets Optional("preset"), "Show how a preset and the grid differ";
    ExportPreset "export-preset" Presets Asked("reference, diffusers, comfyui or sd.cpp"), "Show and copy it for another program";
    ImportPreset "import-preset" Presets Asked("a file, or paste what another program takes"), "Read another program's schedule";

    ShowEditor "show-editor" Program None, "Go to the editor";
    ShowPresets "show-presets" Program None, "Go to the presets";
    ShowGallery "show-gallery" Program None, "Go to the gallery of finished runs, and read what others added";
    ShowSamplers "show-samplers" Program None, "Go to the samplers";
    ShowSweeps "show-sweeps" Program None, "Go to the sweeps: experiments and run directories";
    ShowRevisions "show-revisions" Program None, "Go to the tree of what was done and undone";
    ShowLog "show-log" Program None, "Go to the log";
    Help "help" Program None, "Show the keys";
    Palette "palette" Program None, "Find an action by name and do it";
    PictureProtocol "image-protocol" Program Optional("auto, kitty, sixel, iterm2 or half-blocks"), "Show images in another way; without a name, in the next one";
    CountBytes "count-bytes" Program None, "Say how many bytes were written to the terminal";
    Redraw "redraw" Program None, "Draw the screen and its images again";
    Mouse "mouse" Program None, "Leave the mouse to the terminal, to select text with it, or take it again";
    Suspend "suspend" Program None, "Go back to the shell; fg returns";
    Quit "quit" Program None, "Quit; asks while a run is going or changes are not saved";
    QuitAtOnce "quit-at-once" Program None, "Leave without asking";

    Accept "accept" Asking None, "Accept what is typed or chosen";
    AcceptRight "accept-right" Asking None, "Accept and move right";
    Back "back" Asking None, "Leave without doing it";
    Next "next" Asking None, "Go down the list";
    Previous "previous" Asking None, "Go up the list";
    Choose "choose" Asking Asked("row, counted from 0"), "Choose a row of the list";
    First "first" Asking None, "Go to the top of the list";
    Last "last" Asking None, "Go to the end of the list";

    PrintSchedule "print-schedule" Printing None, "Print the schedule as tab-separated values";
    PrintRun "print-run" Printing None, "Print steps and network evaluations of the last run as JSON";
    PrintComparison "print-comparison" Printing None, "Print how far A and B are apart as JSON";
    PrintSweep "print-sweep" Printing None, "Print where the sweep that is followed stands as JSON";
    PrintPresets "print-presets" Printing None, "Print the presets' names";
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An action with its argument: a key's meaning, a line of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The action.
    pub action: Action,
    /// Its argument, as text.
    pub argument: Option<String>,
}

/// Why a text is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No action has that name.
    #[error("there is no action `{name}`{}", meant(nearest))]
    Unknown {
        /// What was written.
        name: String,
        /// Names like it.
        nearest: Vec<&'static str>,
    },
    /// The action takes nothing.
    #[error("`{action}` takes no argument, and `{argument}` was given")]
    NoArgument {
        /// The action.
        action: Action,
        /// What was given.
        argument: String,
    },
}

fn meant(nearest: &[&'static str]) -> String {
    if nearest.is_empty() { String::new() } else { format!(": did you mean {}?", list(nearest, 3)) }
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

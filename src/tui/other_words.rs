//! What people call actions that have another name here: the palette and the help find them by
//! these words too. It knows words, not what an action does.

use crate::tui::action::Action;

pub(super) fn other_words(action: Action) -> &'static str {
    use Action::*;
    match action {
        Run => "generate render image picture sample start go",
        RunFull => "generate render full resolution final",
        RunOnEdit => "auto live preview automatic",
        Cancel => "stop abort interrupt kill",
        Measures => "metrics statistics norm cosine",
        Set | EditCell => "cfg guidance scale weight sigma value change",
        Fill => "cfg guidance scale weight constant",
        FillDown => "copy repeat",
        Series => "ramp interpolate linear cosine lerp between gradient",
        Expression => "formula function ramp compute script",
        Undo => "revert back",
        Redo => "forward again",
        ShowRevisions => "undo history tree branch revert",
        GoToRevision => "history branch revert",
        Resample => "num steps count length interpolate",
        InsertBelow | InsertAbove => "add step new",
        DeleteSteps => "remove drop",
        Yank => "copy clipboard",
        Paste => "clipboard insert",
        Size => "resolution width height aspect dimensions",
        ProxySize => "preview draft resolution small fast thumbnail",
        Seed => "random noise",
        LockSeed => "random noise fix",
        Sampler => "solver scheduler method euler heun plugin",
        SamplerParam => "option eta solver",
        ShowSamplers => "solver plugin scheduler method",
        TerminalRule => "sigma end zero noise last",
        Prompt => "text caption description words",
        Overlay => "curve compare preset reference",
        Pin => "keep hold a reference remember",
        Compare => "diff difference a b side",
        Flip => "blink toggle swap",
        LoadRun => "open restore reuse recipe",
        DeleteRun => "remove trash",
        CopyRecipe => "json export share",
        CopyPath => "file png save image",
        ShowGallery => "history images runs pictures png",
        Zoom => "fullscreen enlarge large big preview magnify image",
        RunSweep => "resume continue start experiment grid search",
        RetrySweep => "resume failed again",
        PauseSweep => "resume stop hold",
        CancelSweep => "stop abort kill",
        PlanSweep => "estimate cost dry",
        WriteExperiment => "sweep new search vary",
        AttachSweep => "open watch follow",
        SortTrials => "order rank best",
        SweepView => "table sheet scatter plot means settings",
        TrialPreset => "save keep",
        LoadPreset => "open schedule",
        Save => "write store keep preset",
        SaveAs => "write store keep preset describe description",
        ExportPreset => "comfyui diffusers reference sd.cpp copy share",
        ImportPreset => "comfyui diffusers reference sd.cpp open",
        DiffPresets => "compare difference",
        ReloadPresets => "refresh",
        ShowPresets => "schedules list file open",
        ShowSweeps => "experiments trials search",
        ShowLog => "messages errors debug",
        PictureProtocol => "kitty sixel iterm preview graphics",
        AllColumns => "sigma wide",
        Help => "keys shortcuts bindings manual",
        Tour => "tutorial guide introduction start help",
        Quit => "exit leave close",
        Mouse => "select text click",
        Suspend => "background shell",
        _ => "",
    }
}

/// What to do about a word that no action is found by, but that people look for.
pub(super) fn advice(text: &str) -> Option<&'static str> {
    let is = |words: &[&str]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
    if is(&["model", "checkpoint", "weights"]) {
        return Some("the checkpoint is chosen at the start: sigmalab --model FOLDER");
    }
    if is(&["theme", "colour", "color", "colours", "colors", "dark", "light"]) {
        return Some("colours are chosen at the start: see sigmalab --help");
    }
    is(&["negative"]).then_some("there is no negative prompt: the unconditional pass has no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_advice_gives_it_and_others_do_not() {
        assert!(advice(" Model ").is_some_and(|text| text.contains("--model")));
        assert_eq!(advice("fill"), None);
    }
}

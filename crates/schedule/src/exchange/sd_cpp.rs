//! stable-diffusion.cpp's form: flags of its command line. Its `guidance_schedule`
//! (GUIDANCExSTEPS) names the final steps first; it ends at σ = 0. What its parser does with flags
//! was read in its `examples/common/common.cpp`, with `--extra-sample-args` in `core/util.cpp`, and
//! what becomes of them in `runtime/denoiser.cpp`.

use super::super::fault::MAX_STEPS;
use super::super::free::{FreeParameters, Guidance};
use super::super::order::LoopIndexOrder;
use super::super::preset::Preset;
use super::super::runs::runs;
use super::super::sigmas::{Schedule, resolution_shift};
use super::super::size::Size;
use super::super::terminal::Terminal;
use super::command_line::{Command, commands};
use super::explicit::with_sigmas;
use super::fit::{end_complaint, one_line};
use super::{Export, ImportError, Read, guidance, nameless};

pub(super) fn export(preset: &Preset, size: Size) -> Export {
    let curves = runs(preset.steps.iter().map(|step| (step.mu, step.std)));
    let schedule = guidance::sd_cpp(&preset.guidance_schedule().0);
    let first = preset.steps.get(0).map_or(7.0, |step| step.gw);
    let (curve, sigmas) = match curves.as_slice() {
        [only] => (format!("mu={:?},std={:?},", only.value.0, only.value.1), String::new()),
        _ => {
            let ends = Schedule::new(preset.steps.clone(), size, Terminal::Zero);
            let list: Vec<String> =
                ends.sigmas().iter().map(|sigma| format!("{}", sigma.0 as f32)).collect();
            (String::new(), format!(" --sigmas {}", list.join(",")))
        }
    };
    let text = format!(
        "--sampling-method euler --steps {} --cfg-scale {first:?} -W {} -H {}{sigmas} \
         --extra-sample-args \"{curve}guidance_schedule={schedule}\"\n",
        preset.steps.len(),
        size.width(),
        size.height(),
    );
    let cannot_follow = one_line([end_complaint(preset, "stable-diffusion.cpp", Terminal::Zero)]);
    Export { text, cannot_follow }
}

/// The width and height that the tool takes where only the other one is given.
const DEFAULT_SIDE: &str = "512";

/// The one scheduler that has a mu and a std; the tool's own choice for this model.
const SCHEDULER: &str = "logit_normal";

/// What the schedule's logSNR is held between, of which the tool can be told others.
const LOGSNR: [(&str, f64); 2] = [("logsnr_min", -15.0), ("logsnr_max", 18.0)];

/// Flags without a value. Of others that are not known here, the next word is the value unless it
/// looks like a flag.
const SWITCHES: [&str; 33] = [
    "--stream-layers",
    "--force-sdxl-vae-conv-scale",
    "--offload-to-cpu",
    "--mmap",
    "--control-net-cpu",
    "--clip-on-cpu",
    "--vae-on-cpu",
    "--fa",
    "--diffusion-fa",
    "--diffusion-conv-direct",
    "--vae-conv-direct",
    "--circular",
    "--circularx",
    "--circulary",
    "--chroma-disable-dit-mask",
    "--chroma-enable-t5-mask",
    "--qwen-image-zero-cond-t",
    "--increase-ref-index",
    "--disable-auto-resize-ref-image",
    "--disable-image-metadata",
    "--vae-tiling",
    "--temporal-tiling",
    "--hires",
    "--verbose",
    "-v",
    "--color",
    "--canny",
    "--taesd-preview-only",
    "--preview-noisy",
    "--eager-load",
    "--help",
    "-h",
    "--version",
];

/// Flags whose value is always the next word, whatever it looks like.
const TEXTS: [&str; 4] = ["-p", "--prompt", "-n", "--negative-prompt"];

/// Flags that change what comes of the steps and that a preset does not hold. Flags that begin
/// with one of [`LOST_FAMILIES`] do, too.
const LOST: [&str; 13] = [
    "--timestep-shift",
    "--eta",
    "--guidance",
    "--img-cfg-scale",
    "--slg-scale",
    "--skip-layers",
    "--skip-layer-start",
    "--skip-layer-end",
    "--init-img",
    "-i",
    "--strength",
    "--mask",
    "--cache-mode",
];
const LOST_FAMILIES: [&str; 3] = ["--hires", "--high-noise-", "--scm-"];

pub(super) fn import(text: &str, name: &str, size: Size) -> Result<Read, ImportError> {
    let lines: Vec<Flags> = commands(text)?.into_iter().map(Flags::of).collect();
    let scheduled: Vec<&Flags> = lines.iter().filter(|flags| flags.have_a_schedule()).collect();
    match scheduled.as_slice() {
        [only] => only.preset(name, size),
        [] => Err(ImportError::new(
            "there is no --steps, --sigmas or --extra-sample-args with mu, std or \
             guidance_schedule: give the command line of stable-diffusion.cpp",
        )),
        many => {
            let lines: Vec<usize> = many.iter().map(|flags| flags.line).collect();
            let error = nameless("command lines with a schedule", &lines);
            Err(ImportError::new(format!(
                "{error}; a line that goes on in the next one ends in a backslash"
            )))
        }
    }
}

/// A command's flags, in its order.
struct Flags {
    line: usize,
    found: Vec<(String, Option<String>)>,
}

impl Flags {
    fn of(command: Command) -> Flags {
        let mut found = Vec::new();
        let mut words = command.words.into_iter().peekable();
        while let Some(word) = words.next() {
            if !is_flag(&word) {
                continue;
            }
            // The tool itself takes no `--flag=value`; it is clear what is meant.
            if let Some((flag, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
                found.push((flag.to_owned(), Some(value.to_owned())));
                continue;
            }
            let value = match word.as_str() {
                switch if SWITCHES.contains(&switch) => None,
                text if TEXTS.contains(&text) => words.next(),
                _ => words.next_if(|next| !is_flag(next)),
            };
            found.push((word, value));
        }
        Flags { line: command.line, found }
    }

    /// A flag's value; of a flag that is given several times the last, as in the tool.
    fn last(&self, names: &[&str]) -> Option<&str> {
        let mut found = self.found.iter().rev().filter(|(flag, _)| names.contains(&flag.as_str()));
        found.next().and_then(|(_, value)| value.as_deref())
    }

    /// The key=value pairs of `--extra-sample-args`, and what in it is none.
    fn extra(&self) -> (Vec<(&str, &str)>, Vec<&str>) {
        let text = self.last(&["--extra-sample-args"]).unwrap_or("");
        let parts = text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty());
        let (mut pairs, mut others) = (Vec::new(), Vec::new());
        for part in parts {
            match part.split_once('=') {
                Some((key, value)) => pairs.push((key.trim(), value.trim())),
                None => others.push(part),
            }
        }
        (pairs, others)
    }

    fn have_a_schedule(&self) -> bool {
        let (pairs, _) = self.extra();
        let keys = ["mu", "std", "guidance_schedule"];
        self.last(&["--steps"]).is_some()
            || self.last(&["--sigmas"]).is_some()
            || pairs.iter().any(|(key, _)| keys.contains(key))
    }

    fn preset(&self, name: &str, size: Size) -> Result<Read, ImportError> {
        let mut notes = Vec::new();
        let (pairs, others) = self.extra();
        let argument = |key: &str| {
            let last = pairs.iter().rev().find(|(name, _)| *name == key);
            last.map(|(_, value)| *value)
        };
        // Given twice, the tool puts the lists one behind the other.
        let lists = self.found.iter().filter(|(flag, _)| flag == "--sigmas");
        let lists: Vec<&str> = lists.filter_map(|(_, value)| value.as_deref()).collect();
        let list = (!lists.is_empty()).then(|| numbers(&lists)).transpose()?;
        self.refuse_other_schedules(list.is_some(), &argument)?;
        let mut number = |text: Option<&str>, name: &str, default: f64| match text {
            Some(text) => finite(text, name),
            None => {
                notes
                    .push(format!("no {name} is given: stable-diffusion.cpp's default, {default}"));
                Ok(default)
            }
        };
        let given = match self.last(&["--steps"]) {
            Some(text) => Some(text.trim().parse::<usize>().map_err(|_| {
                ImportError::new(format!("`--steps {text}`: expected a whole number"))
            })?),
            None => None,
        };
        let steps = match (&list, given) {
            (Some(list), _) => list.len().saturating_sub(1),
            (None, Some(steps)) => steps,
            (None, None) => number(None, "--steps", 20.0)? as usize,
        };
        let scheduled = argument("guidance_schedule").map(guidance::from_sd_cpp).transpose()?;
        let mut weights = scheduled.unwrap_or_default();
        if weights.len() < steps && steps <= MAX_STEPS {
            weights.resize(steps, number(self.last(&["--cfg-scale"]), "--cfg-scale", 7.0)?);
        }
        let (mut mu, std) = match &list {
            Some(_) => (0.0, 1.0),
            None => (number(argument("mu"), "mu", 0.0)?, number(argument("std"), "std", 1.75)?),
        };
        if let Some(given) = given.filter(|given| *given != steps) {
            notes.push(format!("--sigmas has {steps} steps and --steps {given}: --sigmas counts"));
        }
        if weights.len() > steps {
            notes.push(format!(
                "guidance_schedule is longer than {steps} steps: the rest is ignored"
            ));
            weights.truncate(steps);
        }
        let unaware = list.is_none() && self.is_unaware(argument("resolution_aware"))?;
        let size = self.size(size, list.is_some() || unaware, &mut notes)?;
        if unaware {
            mu -= resolution_shift(size);
            notes.push(format!(
                "resolution_aware is off: mu is {mu:?} for the same σ at {size}, and at no other size"
            ));
        }
        let guidance = Guidance::LoopIndex(LoopIndexOrder(weights));
        let terminal = Terminal::Zero;
        let parameters = FreeParameters { num_steps: steps, guidance, mu, std, terminal };
        let preset = parameters.preset().map_err(|error| ImportError::new(error.to_string()))?;
        let mut preset = Preset { name: name.to_owned(), ..preset };
        if let Some(list) = list {
            preset = with_sigmas(&preset, &list, size, &mut notes)?;
        }
        self.tell_what_is_lost(&pairs, &others, &mut notes);
        Ok(Read { preset, notes, size })
    }

    /// Refuses what makes other σ than mu and std do.
    fn refuse_other_schedules<'a>(
        &self,
        listed: bool,
        argument: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), ImportError> {
        if let Some(mode) = self.last(&["-M", "--mode"]).filter(|mode| *mode != "img_gen") {
            return Err(ImportError::new(format!("`--mode {mode}` draws no image by these steps")));
        }
        if listed {
            return Ok(());
        }
        if let Some(other) = self.last(&["--scheduler"]).filter(|name| *name != SCHEDULER) {
            return Err(ImportError::new(format!(
                "its σ come from `--scheduler {other}`, which has no mu and std: only \
                 {SCHEDULER} is read; give the σ that it prints with --sigmas"
            )));
        }
        for (key, usual) in LOGSNR {
            if let Some(text) = argument(key)
                && finite(text, key)? != usual
            {
                return Err(ImportError::new(format!(
                    "`{key}={text}` moves the ends of σ, which are fixed here ({key} {usual})"
                )));
            }
        }
        Ok(())
    }

    /// Whether mu is not to be shifted by the image's size.
    fn is_unaware(&self, written: Option<&str>) -> Result<bool, ImportError> {
        let Some(text) = written else { return Ok(false) };
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(false),
            "0" | "false" | "no" | "off" => Ok(true),
            _ => {
                Err(ImportError::new(format!("`resolution_aware={text}`: expected true or false")))
            }
        }
    }

    /// The size in it, else `size`. Where the steps do not depend on it, a size that is none here
    /// is no matter.
    fn size(
        &self,
        size: Size,
        matters: bool,
        notes: &mut Vec<String>,
    ) -> Result<Size, ImportError> {
        let sides = [["-W", "--width"], ["-H", "--height"]].map(|names| self.last(&names));
        let (width, height) = match sides {
            [None, None] => return Ok(size),
            [Some(width), Some(height)] => (width, height),
            [Some(width), None] => (width, DEFAULT_SIDE),
            [None, Some(height)] => (DEFAULT_SIDE, height),
        };
        match (format!("{width}x{height}").parse(), matters) {
            (Ok(written), true) => {
                if sides.contains(&None) {
                    notes.push(format!(
                        "the other side is not given: stable-diffusion.cpp's default, \
                         {DEFAULT_SIDE}, makes {written}"
                    ));
                }
                Ok(written)
            }
            (Ok(written), false) => Ok(written),
            (Err(error), true) => Err(ImportError::new(format!("its size: {error}"))),
            (Err(_), false) => Ok(size),
        }
    }

    /// Notes of everything else that makes other pictures than the preset will.
    fn tell_what_is_lost(&self, pairs: &[(&str, &str)], others: &[&str], notes: &mut Vec<String>) {
        if let Some(sampler) = self.last(&["--sampling-method"]).filter(|name| *name != "euler") {
            notes.push(format!("its sampler, {sampler}, is not part of a preset"));
        }
        if let Some(shift) = self.last(&["--flow-shift"]) {
            notes.push(format!(
                "`--flow-shift {shift}` moves no σ of this schedule in stable-diffusion.cpp either, \
                 and is left out"
            ));
        }
        let mut lost: Vec<&str> = self.found.iter().map(|(flag, _)| flag.as_str()).collect();
        lost.retain(|flag| {
            LOST.contains(flag) || LOST_FAMILIES.iter().any(|family| flag.starts_with(family))
        });
        lost.sort_unstable();
        lost.dedup();
        if !lost.is_empty() {
            notes.push(format!("{} are not part of a preset and are left out", lost.join(", ")));
        }
        let known = ["mu", "std", "guidance_schedule", "resolution_aware"];
        let strange = pairs
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| !known.contains(key) && !LOGSNR.iter().any(|(other, _)| other == key));
        let strange: Vec<&str> = strange.chain(others.iter().copied()).collect();
        if !strange.is_empty() {
            notes.push(format!("`{}` of --extra-sample-args is not read", strange.join("`, `")));
        }
    }
}

/// A flag; `-1` is a number.
fn is_flag(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| {
        rest.starts_with(|c: char| !c.is_ascii_digit() && c != '.' && !c.is_whitespace())
    })
}

fn finite(text: &str, name: &str) -> Result<f64, ImportError> {
    let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| ImportError::new(format!("`{name}` is `{text}`: expected a finite number")))
}

/// The σ of every `--sigmas`, with commas between them and perhaps brackets around.
fn numbers(lists: &[&str]) -> Result<Vec<f64>, ImportError> {
    let mut found = Vec::new();
    for text in lists {
        let text = text.strip_prefix('[').unwrap_or(text);
        let text = text.strip_suffix(']').unwrap_or(text);
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            found
                .push(finite(part, "--sigmas").map_err(|error| {
                    ImportError::new(format!("{error}; put a comma between σ"))
                })?);
        }
    }
    match found.len() {
        0 | 1 => Err(ImportError::new("--sigmas needs two values or more")),
        length if length > MAX_STEPS + 1 => {
            Err(ImportError::new(format!("--sigmas has more than {MAX_STEPS} steps")))
        }
        _ => Ok(found),
    }
}

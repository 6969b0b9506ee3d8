//! A plugin as a sampler like any other: its steps are watched, counted, and looked at before
//! anybody uses their numbers.

use super::call::{Call, Shape};
use super::fault::Fault;
use super::file::PluginFile;
use super::guarded::{Damage, Guarded};
use super::open::{Opened, floating_point_is_sound};
use super::untouched::Untouched;
use super::watch::{Place, Watch};
use crate::{Host, Sampler, SamplerError, SamplerInfo, StepInput};
use std::path::Path;

/// A plugin in this process.
pub struct PluginSampler {
    plugin: &'static Opened,
    watch: Watch,
    /// Whether it is a part of the program, which keeps its own rules.
    built_in: bool,
}

impl PluginSampler {
    /// Opens the plugin in `path` as the file is now; `watch` watches it from here on.
    ///
    /// This runs code of the plugin, which may crash, hang or end this process.
    pub fn open(path: &Path, watch: Watch) -> Result<Self, Fault> {
        let place = Place { sampler: path.display().to_string(), step: None };
        let plugin = watch.over(place, || Opened::open(path))?;
        Ok(PluginSampler { plugin, watch, built_in: false })
    }

    /// The samplers that ship with the program and are part of it.
    pub fn built_in() -> impl Iterator<Item = Self> {
        // A table that is wrong would be a mistake of this build: a test looks at all of them.
        let opened = sigmalab_samplers::ENTRIES
            .into_iter()
            .filter_map(|(_, entry)| Opened::part_of_the_program(entry).ok());
        // Nobody need watch what was checked before it was built in.
        opened.map(|opened| PluginSampler {
            plugin: Box::leak(Box::new(opened)),
            watch: Watch::none(),
            built_in: true,
        })
    }

    /// Its file, where that is `path`.
    pub fn file(&self, path: &Path) -> PluginFile {
        PluginFile { path: path.to_owned(), hash: self.plugin.hash().clone() }
    }

    fn call(&self) -> Call<'_> {
        Call { plugin: self.plugin, watch: &self.watch, shape: Shape::Ours }
    }

    fn place(&self, step: Option<usize>) -> Place {
        Place { sampler: self.info().id.to_string(), step }
    }
}

impl Sampler for PluginSampler {
    fn info(&self) -> &SamplerInfo {
        self.plugin.info()
    }

    fn check(&self, params: &[f64]) -> Result<(), String> {
        self.watch.over(self.place(None), || self.call().check(params))
    }

    fn step(
        &self,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: &mut [f32],
    ) -> Result<(), SamplerError> {
        let mut guarded = Guarded::new(out.len());
        let room: *mut [f32] = guarded.room();
        let sound = floating_point_is_sound();
        let untouched = (!self.built_in).then(|| Untouched::new(input));
        let place = self.place(Some(input.index));
        let (result, _) = self.watch.over(place, || self.call().step(input, host, room));
        if let Some(damage) = guarded.damage() {
            let side = match damage {
                Damage::Before => "before the beginning",
                Damage::Behind => "past the end",
            };
            return Err(SamplerError::Corrupting(format!("it wrote {side} of its output")));
        }
        if let Some(name) = untouched.and_then(|before| before.changed(input)) {
            let words = format!("it wrote to its input `{name}`, which it may only read");
            return Err(SamplerError::Corrupting(words));
        }
        if sound && !floating_point_is_sound() {
            let words = "it changed how floating-point numbers are computed";
            return Err(SamplerError::Corrupting(words.to_owned()));
        }
        result?;
        let written = guarded.room();
        judge(input, written)?;
        out.copy_from_slice(written);
        Ok(())
    }
}

/// Every value must be written and finite, unless what the plugin was given was not.
pub(super) fn judge(input: &StepInput<'_>, written: &[f32]) -> Result<(), SamplerError> {
    let broken = |values: &[f32]| values.iter().filter(|value| !value.is_finite()).count();
    let count = broken(written);
    if count == 0 || broken(input.x) + broken(input.v) > 0 {
        return Ok(());
    }
    let len = written.len();
    Err(SamplerError::Failed(match Guarded::unwritten(written) {
        0 => format!("it wrote {count} of {len} values that are no finite numbers"),
        unwritten => format!("it left {unwritten} of {len} values unwritten"),
    }))
}

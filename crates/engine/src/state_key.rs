//! Which states two runs share: the key of a state, and where a run can resume. The engine keeps
//! tensors by these rules and the plan of a sweep counts by them, so that both say the same.
//!
//! A state is the latents before step k. Its key is a hash chain over the model, the prompt, the
//! size and the noise, then over the sampler, and σ, σ_next and gw of every step up to k. This file
//! knows nothing of tensors.

use super::recipe::Recipe;
use sigmalab_sampler::plugin::PluginFile;
use sigmalab_sampler::{Choice, Chosen, SamplerInfo};
use sigmalab_schedule::sigmas::Schedule;

/// Identity of a state: equal keys mean equal bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateKey([u8; 32]);

/// A sampler as far as a trajectory depends on it.
#[derive(Debug, Clone, Copy)]
pub struct SamplerIdentity<'a> {
    info: &'a SamplerInfo,
    params: &'a [f64],
    file: Option<&'a PluginFile>,
}

impl<'a> From<&'a Choice> for SamplerIdentity<'a> {
    fn from(choice: &'a Choice) -> Self {
        let (info, file) = (choice.sampler.info(), choice.file.as_ref());
        SamplerIdentity { info, params: &choice.params, file }
    }
}

impl<'a> From<&'a Chosen> for SamplerIdentity<'a> {
    fn from(chosen: &'a Chosen) -> Self {
        SamplerIdentity { info: &chosen.info, params: &chosen.params, file: chosen.file.as_ref() }
    }
}

impl StateKey {
    /// Keys of the N + 1 states of a recipe. The first is that of the initial noise, whatever sampler
    /// starts from it: what the networks say there is the same for all. The others depend on
    /// everything that the trajectory does.
    ///
    /// `model` and `noise` identify the weights and the initial noise: the engine, which has
    /// them, takes hashes of their contents; a plan takes their names, as equal names are equal
    /// contents within one sweep.
    pub fn of_recipe(
        recipe: &Recipe,
        sampler: SamplerIdentity<'_>,
        schedule: &Schedule,
        model: &str,
        noise: &str,
    ) -> Vec<Self> {
        let size = recipe.size.to_string();
        let compute = format!("{:?} {:?}", recipe.dtype, recipe.device);
        let first = schedule.sigmas().first().map_or(0.0, |sigma| sigma.0);
        let of_the_noise = StateKey::of_parts(&[
            model.as_bytes(),
            compute.as_bytes(),
            recipe.prompt.as_bytes(),
            size.as_bytes(),
            noise.as_bytes(),
            &first.to_bits().to_le_bytes(),
        ]);
        let params: Vec<u8> =
            sampler.params.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
        let of_the_sampler: [&[u8]; 5] = [
            &recipe.noise.sampler_seed().to_le_bytes(),
            sampler.info.id.as_bytes(),
            sampler.info.version.as_bytes(),
            sampler.file.map_or("", |file| file.hash.as_str()).as_bytes(),
            &params,
        ];
        of_the_noise.along(&of_the_sampler, schedule)
    }

    /// Half of its bits, where room matters: still more than any two states have in common.
    pub fn half(&self) -> u128 {
        let (half, _) = self.0.split_at(16);
        half.iter().fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
    }

    /// A key from parts that determine a state.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        StateKey(hasher.finalize().into())
    }

    /// Keys of the N + 1 states along a schedule that begins at this one, with a sampler that
    /// `sampler` determines.
    pub fn along(self, sampler: &[&[u8]], schedule: &Schedule) -> Vec<StateKey> {
        let mut keys = vec![self];
        let mut key = StateKey::of_parts(&[&[self.0.as_slice()], sampler].concat());
        for (step, ends) in schedule.steps().iter().zip(schedule.sigmas().windows(2)) {
            if let [from, to] = ends {
                key = key.after(from.0, to.0, step.gw);
                keys.push(key);
            }
        }
        keys
    }

    /// The key of the state that a step from this one leads to.
    #[must_use]
    fn after(self, sigma: f64, sigma_next: f64, gw: f64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        for number in [sigma, sigma_next, gw] {
            hasher.update(&number.to_bits().to_le_bytes());
        }
        StateKey(hasher.finalize().into())
    }
}

/// What has to be known of a state for a run to resume at it or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The latents at it.
    Latents,
    /// The velocities at it that its step needs.
    Velocities,
}

/// How many past steps have to be known where a run resumes: those that the sampler looks back
/// to, and one for the drift of the clean estimate.
pub fn past_steps(sampler: &SamplerInfo) -> usize {
    sampler.history_len.max(1)
}

/// The furthest state at which a run of `steps` steps can resume: its latents and the velocities
/// of the `past` steps before it are known. `None` where it has to begin at the noise, of which the
/// velocities may be known all the same.
pub fn resume_index(
    steps: usize,
    past: usize,
    mut is_known: impl FnMut(usize, Need) -> bool,
) -> Option<usize> {
    (1..=steps).rev().find(|&index| {
        is_known(index, Need::Latents)
            && (index.saturating_sub(past)..index).all(|past| is_known(past, Need::Velocities))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_depend_on_every_part_and_every_number() {
        let root = StateKey::of_parts(&[b"model", b"prompt"]);
        assert_ne!(root, StateKey::of_parts(&[b"modelp", b"rompt"]));
        let next = root.after(1.0, 0.5, 7.0);
        assert_eq!(next, root.after(1.0, 0.5, 7.0));
        for other in
            [root.after(0.9, 0.5, 7.0), root.after(1.0, 0.4, 7.0), root.after(1.0, 0.5, 3.0)]
        {
            assert_ne!(next, other);
        }
    }

    #[test]
    fn the_noise_is_every_samplers_and_nothing_after_it_is() {
        let step = sigmalab_schedule::preset::Step { gw: 7.0, mu: 0.0, std: 1.5 };
        let steps = sigmalab_schedule::order::SamplingOrder(vec![step; 3]);
        let size = sigmalab_schedule::size::Size::SQUARE;
        let terminal = sigmalab_schedule::terminal::Terminal::Reference;
        let schedule = Schedule::new(steps, size, terminal);
        let root = StateKey::of_parts(&[b"noise"]);
        let [one, other] = [b"euler", b"other"].map(|id| root.along(&[id], &schedule));
        assert_eq!((one.len(), one[0]), (4, root));
        let same: Vec<bool> = one.iter().zip(&other).map(|(a, b)| a == b).collect();
        assert_eq!(same, [true, false, false, false]);
    }

    #[test]
    fn a_run_resumes_where_its_past_is_known_too() {
        // States 0 to 3 are known, the velocities of step 1 are not.
        let known = |index: usize, need: Need| match need {
            Need::Latents => index <= 3,
            Need::Velocities => index == 0 || index == 2,
        };
        assert_eq!(resume_index(5, 1, known), Some(3));
        assert_eq!(resume_index(5, 2, known), Some(1));
        assert_eq!(resume_index(5, 2, |_, _| false), None);
        assert_eq!(resume_index(5, 1, |index, _| index == 0), None, "it begins at the noise");
    }
}

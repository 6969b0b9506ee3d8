//! Which states two runs share: the key of a state, and where a run can resume. The engine keeps
//! tensors by these rules and the plan of a sweep counts by them, so that both say the same.
//!
//! A state is the latents before step k. Its key is a hash chain over the model, the prompt, the
//! size, the noise and the sampler, and then σ, σ_next and gw of every step up to k. This file
//! knows nothing of tensors.

use super::recipe::Recipe;
use super::session::sampler_seed;
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
    /// The key of the initial noise of a recipe, from everything that its trajectory depends on
    /// but its steps.
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
    ) -> Self {
        let params: Vec<u8> =
            sampler.params.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
        let of_the_sampler: [&[u8]; 5] = [
            &sampler_seed(&recipe.noise).to_le_bytes(),
            sampler.info.id.as_bytes(),
            sampler.info.version.as_bytes(),
            sampler.file.map_or("", |file| file.hash.as_str()).as_bytes(),
            &params,
        ];
        StateKey::of_noise(recipe, schedule, model, noise, &of_the_sampler)
    }

    /// The key of the initial noise of a recipe, whatever sampler starts from it: what the
    /// networks say there is the same for all. `model` and `noise` as for [`StateKey::of_recipe`].
    pub fn origin_of_recipe(
        recipe: &Recipe,
        schedule: &Schedule,
        model: &str,
        noise: &str,
    ) -> Self {
        StateKey::of_noise(recipe, schedule, model, noise, &[])
    }

    fn of_noise(
        recipe: &Recipe,
        schedule: &Schedule,
        model: &str,
        noise: &str,
        more: &[&[u8]],
    ) -> Self {
        let size = recipe.size.to_string();
        let compute = format!("{:?} {:?}", recipe.dtype, recipe.device);
        let of_the_noise: [&[u8]; 5] = [
            model.as_bytes(),
            compute.as_bytes(),
            recipe.prompt.as_bytes(),
            size.as_bytes(),
            noise.as_bytes(),
        ];
        let first = schedule.sigmas().first().map_or(0.0, |sigma| sigma.0);
        StateKey::root(&[&of_the_noise, more].concat(), first)
    }

    /// The key of the initial noise from `parts` that determine the trajectory apart from its
    /// steps.
    pub fn root(parts: &[&[u8]], first_sigma: f64) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(&first_sigma.to_bits().to_le_bytes());
        StateKey(hasher.finalize().into())
    }

    /// Keys of the N + 1 states along a schedule that begins at this one.
    pub fn along(self, schedule: &Schedule) -> Vec<StateKey> {
        let mut keys = vec![self];
        let mut key = self;
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
    pub fn after(self, sigma: f64, sigma_next: f64, gw: f64) -> Self {
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
/// of the `past` steps before it are known. `None` where it has to begin at the noise: what is
/// known of that is for every sampler, see [`StateKey::origin_of_recipe`], and no state of this
/// run alone.
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
        let root = StateKey::root(&[b"model", b"prompt"], 1.0);
        assert_ne!(root, StateKey::root(&[b"modelp", b"rompt"], 1.0));
        assert_ne!(root, StateKey::root(&[b"model", b"prompt"], 0.99));
        let next = root.after(1.0, 0.5, 7.0);
        assert_eq!(next, root.after(1.0, 0.5, 7.0));
        for other in
            [root.after(0.9, 0.5, 7.0), root.after(1.0, 0.4, 7.0), root.after(1.0, 0.5, 3.0)]
        {
            assert_ne!(next, other);
        }
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
        assert_eq!(resume_index(5, 1, |index, _| index == 0), None, "the noise is everyone's");
    }
}

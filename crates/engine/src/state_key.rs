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
        let [size, compute, first] = StateKey::parts_of(recipe, schedule);
        let of_the_noise = StateKey::of_parts(&[
            model.as_bytes(),
            &compute,
            recipe.prompt.as_bytes(),
            &size,
            noise.as_bytes(),
            &first,
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
        let root = match recipe.first_block_cache {
            None => of_the_noise,
            Some(threshold) => of_the_noise.of_one_run(threshold, &of_the_sampler, schedule),
        };
        root.along(&of_the_sampler, schedule)
    }

    /// Identity of the initial noise as the unconditional network sees it, which no prompt enters.
    /// `model` and `noise` as for [`Self::of_recipe`].
    pub fn of_noise(recipe: &Recipe, schedule: &Schedule, model: &str, noise: &str) -> Self {
        let [size, compute, first] = StateKey::parts_of(recipe, schedule);
        StateKey::of_parts(&[
            b"without a prompt",
            model.as_bytes(),
            &compute,
            &size,
            noise.as_bytes(),
            &first,
        ])
    }

    /// What a recipe says of every evaluation at its noise: size, arithmetic, noise level.
    fn parts_of(recipe: &Recipe, schedule: &Schedule) -> [Vec<u8>; 3] {
        let first = schedule.sigmas().first().map_or(0.0, |sigma| sigma.0);
        [
            recipe.size.to_string().into_bytes(),
            format!("{:?} {:?}", recipe.dtype, recipe.device).into_bytes(),
            first.to_bits().to_le_bytes().to_vec(),
        ]
    }

    /// The first key of a run with a first-block cache: one that no other run has, whatever it has in
    /// common with this one.
    fn of_one_run(self, threshold: f64, sampler: &[&[u8]], schedule: &Schedule) -> Self {
        let steps = schedule.steps().iter().map(|step| step.gw);
        let numbers = schedule.sigmas().iter().map(|sigma| sigma.0).chain(steps);
        let run: Vec<u8> = [threshold]
            .into_iter()
            .chain(numbers)
            .flat_map(|n| n.to_bits().to_le_bytes())
            .collect();
        let own: [&[u8]; 3] = [&self.0, b"first-block cache", &run];
        StateKey::of_parts(&[&own, sampler].concat())
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

/// What the unconditional network says of the noise of a run, for runs of other prompts that begin at it.
/// Of the noises that were used last, [`NOISES`] are remembered.
#[derive(Debug)]
pub struct FirstVelocities<K, V> {
    /// Used last, last.
    known: Vec<(K, V)>,
}

/// How many noises are remembered: seeds and sizes of a sweep that prompts take turns with.
pub const NOISES: usize = 64;

impl<K, V> Default for FirstVelocities<K, V> {
    fn default() -> Self {
        Self { known: Vec::new() }
    }
}

impl<K: PartialEq, V> FirstVelocities<K, V> {
    /// What is known of a noise, which is now the one used last.
    pub fn get(&mut self, noise: &K) -> Option<&V> {
        let place = self.known.iter().position(|(known, _)| known == noise)?;
        let found = self.known.remove(place);
        self.known.push(found);
        self.known.last().map(|(_, velocity)| velocity)
    }

    /// Remembers a velocity; gives back those that it took the place of.
    #[must_use]
    pub fn put(&mut self, noise: K, velocity: V) -> Vec<V> {
        let place = self.known.iter().position(|(known, _)| *known == noise);
        let mut dropped: Vec<V> =
            place.map(|place| self.known.remove(place).1).into_iter().collect();
        if self.known.len() >= NOISES {
            dropped.extend(self.oldest());
        }
        self.known.push((noise, velocity));
        dropped
    }

    /// Takes out what was used longest ago.
    pub fn oldest(&mut self) -> Option<V> {
        (!self.known.is_empty()).then(|| self.known.remove(0).1)
    }

    /// All that is remembered.
    pub fn iter(&self) -> impl Iterator<Item = &V> {
        self.known.iter().map(|(_, velocity)| velocity)
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
    fn the_noises_used_last_are_remembered() {
        let mut known = FirstVelocities::default();
        for noise in 0..NOISES {
            assert!(known.put(noise, noise).is_empty());
        }
        assert_eq!(known.put(3, 30), [3], "the same noise has one velocity");
        assert_eq!(known.get(&0), Some(&0));
        assert_eq!(known.put(NOISES, 0), [1], "the one used longest ago");
        let found = [1, 0, 3].map(|noise| known.get(&noise).copied());
        assert_eq!(found, [None, Some(0), Some(30)]);
        assert_eq!((known.iter().count(), known.oldest()), (NOISES, Some(2)));
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

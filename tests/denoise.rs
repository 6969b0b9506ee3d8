//! The denoising loop and its trajectory cache, against a flow known in closed form: the same
//! bits with and without the cache, and no evaluation made twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use sigmalab_compute::CancelToken;
use sigmalab_engine::denoise::{DenoiseError, Denoised, Denoising, Progress, denoise};
use sigmalab_engine::event::{NfeCount, StepReport};
use sigmalab_engine::network::{CHANNELS, Network};
use sigmalab_engine::state_key::StateKey;
use sigmalab_engine::trajectory::TrajectoryCache;
use sigmalab_sampler::{Choice, Euler, Host, Sampler, SamplerError, SamplerInfo, StepInput, Text};
use sigmalab_schedule::order::SamplingOrder;
use sigmalab_schedule::preset::Step;
use sigmalab_schedule::sigmas::{Schedule, Sigma, Terminal};
use sigmalab_schedule::size::Size;
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

const MEAN: f64 = 0.7;
const DEVIATION: f64 = 0.3;

/// Data that is Gaussian with one mean and deviation for every value: the velocity and the
/// trajectories are known. The unconditional one has its mean at 0.
#[derive(Default)]
struct GaussianFlow {
    cond: Cell<u64>,
    uncond: Cell<u64>,
    /// Whether it is as on a device, and how often both were asked for at once.
    hands_on: bool,
    at_once: Cell<u64>,
    cancel_at: Option<(u64, CancelToken)>,
    poison_at: Option<u64>,
    fail_at: Option<u64>,
}

impl GaussianFlow {
    fn spread(&self, sigma: f64) -> f64 {
        ((1.0 - sigma).powi(2) * DEVIATION.powi(2) + sigma.powi(2)).sqrt()
    }

    fn velocity(&self, mean: f64, x: f32, sigma: f64) -> f32 {
        let centred = f64::from(x) - (1.0 - sigma) * mean;
        let gain = (1.0 - sigma) * DEVIATION.powi(2) / self.spread(sigma).powi(2);
        let data = mean + gain * centred;
        ((f64::from(x) - data) / sigma) as f32
    }

    /// Where the conditional flow takes `x` from one noise level to another, exactly.
    fn exact(&self, x: f32, from: f64, to: f64) -> f64 {
        let normal = (f64::from(x) - (1.0 - from) * MEAN) / self.spread(from);
        (1.0 - to) * MEAN + self.spread(to) * normal
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the test's network failed")]
struct NetworkFailed;

impl Network for GaussianFlow {
    type Prompt = ();
    type Error = NetworkFailed;

    fn conditional(
        &self,
        x: &[f32],
        _: Size,
        sigma: Sigma,
        _: &(),
    ) -> Result<Vec<f32>, NetworkFailed> {
        self.cond.set(self.cond.get() + 1);
        if let Some((at, token)) = &self.cancel_at
            && *at == self.cond.get()
        {
            token.cancel();
        }
        if self.fail_at == Some(self.cond.get()) {
            return Err(NetworkFailed);
        }
        if self.poison_at == Some(self.cond.get()) {
            return Ok(vec![f32::NAN; x.len()]);
        }
        Ok(x.iter().map(|&x| self.velocity(MEAN, x, sigma.0)).collect())
    }

    fn unconditional(&self, x: &[f32], _: Size, sigma: Sigma) -> Result<Vec<f32>, NetworkFailed> {
        self.uncond.set(self.uncond.get() + 1);
        Ok(x.iter().map(|&x| self.velocity(0.0, x, sigma.0)).collect())
    }

    fn hands_on(&self) -> bool {
        self.hands_on
    }

    fn both(
        &self,
        x: &[f32],
        size: Size,
        sigma: Sigma,
        prompt: &(),
    ) -> Result<[Vec<f32>; 2], NetworkFailed> {
        self.at_once.set(self.at_once.get() + 1);
        Ok([self.conditional(x, size, sigma, prompt)?, self.unconditional(x, size, sigma)?])
    }
}

/// Adams–Bashforth of order 2 on uneven steps, started by a midpoint step: it reads history and
/// evaluates inside a step.
struct AdamsBashforth;

impl Sampler for AdamsBashforth {
    fn info(&self) -> &SamplerInfo {
        static INFO: SamplerInfo = SamplerInfo {
            id: Text::Borrowed("test-ab2"),
            name: Text::Borrowed("AB2"),
            version: Text::Borrowed("1"),
            description: Text::Borrowed(""),
            order: 2,
            evaluations_per_step: 2,
            history_len: 1,
            stochastic: false,
            sigma_zero: true,
            split: false,
            params: Cow::Borrowed(&[]),
        };
        &INFO
    }

    fn step(
        &self,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: &mut [f32],
    ) -> Result<(), SamplerError> {
        let step = input.sigma_next - input.sigma;
        let Some(past) = input.history.first() else {
            let half: Vec<f32> =
                input.x.iter().zip(input.v).map(|(x, v)| x + (step / 2.0) as f32 * v).collect();
            let mut v = vec![0.0; half.len()];
            host.evaluate(&half, input.sigma + step / 2.0, input.gw, &mut v)?;
            for ((out, x), v) in out.iter_mut().zip(input.x).zip(&v) {
                *out = x + step as f32 * v;
            }
            return Ok(());
        };
        let ratio = step / (input.sigma - past.sigma);
        for (index, out) in out.iter_mut().enumerate() {
            let slope =
                (1.0 + ratio / 2.0) as f32 * input.v[index] - (ratio / 2.0) as f32 * past.v[index];
            *out = input.x[index] + step as f32 * slope;
        }
        Ok(())
    }
}

fn euler() -> Choice {
    Choice { sampler: Arc::new(Euler), params: Vec::new(), file: None }
}

fn adams_bashforth() -> Choice {
    Choice { sampler: Arc::new(AdamsBashforth), params: Vec::new(), file: None }
}

fn size() -> Size {
    Size::new(256, 256).unwrap()
}

fn noise() -> Vec<f32> {
    (0..size().tokens() * CHANNELS).map(|i| ((i * 7919 % 1000) as f32 - 500.0) / 250.0).collect()
}

fn schedule(gw: &[f64]) -> Schedule {
    let steps = gw.iter().map(|&gw| Step { gw, mu: 0.0, std: 1.75 }).collect();
    let schedule = Schedule::new(SamplingOrder(steps), size(), Terminal::Reference);
    schedule.check().unwrap();
    schedule
}

struct Outcome {
    result: Result<Denoised, DenoiseError<NetworkFailed>>,
    reports: Vec<StepReport>,
    /// Steps whose estimate of the clean latents was told, with the estimate's first value.
    estimates: Vec<(usize, f32)>,
}

impl Outcome {
    fn denoised(self) -> Denoised {
        self.result.expect("the run ends well")
    }
}

fn run(flow: &GaussianFlow, sampler: &Choice, gw: &[f64], cache: &mut TrajectoryCache) -> Outcome {
    run_of_prompt(b"", flow, sampler, gw, cache)
}

fn run_of_prompt(
    prompt: &[u8],
    flow: &GaussianFlow,
    sampler: &Choice,
    gw: &[f64],
    cache: &mut TrajectoryCache,
) -> Outcome {
    let cancel = flow.cancel_at.clone().map(|(_, token)| token).unwrap_or_default();
    let schedule = schedule(gw);
    let noise = noise();
    let id = sampler.sampler.info().id.as_bytes();
    let keys = StateKey::of_parts(&[prompt, b"noise"]).along(&[id], &schedule);
    let task = Denoising {
        network: flow,
        prompt: &(),
        size: size(),
        schedule: &schedule,
        sampler,
        noise: &noise,
        seed: 1,
        keys: &keys,
        noise_key: StateKey::of_parts(&[b"noise without a prompt"]),
        whole: false,
    };
    let mut reports = Vec::new();
    let mut estimates = Vec::new();
    let result = denoise(&task, cache, &cancel, &mut |progress| match progress {
        Progress::Step(report) => reports.push(report),
        Progress::Estimate { step, clean, .. } => estimates.push((step, clean[0])),
    });
    Outcome { result, reports, estimates }
}

fn run_cold(sampler: &Choice, gw: &[f64]) -> Denoised {
    let mut nothing_kept = TrajectoryCache::new(0);
    run(&GaussianFlow::default(), sampler, gw, &mut nothing_kept).denoised()
}

fn roomy() -> TrajectoryCache {
    TrajectoryCache::new(1 << 30)
}

/// 20 steps at gw 7 whose last `k` are at `gw`.
fn polished(k: usize, gw: f64) -> Vec<f64> {
    (0..20).map(|index| if index >= 20 - k { gw } else { 7.0 }).collect()
}

#[test]
fn euler_follows_the_flow_with_order_one() {
    let error = |steps: usize| {
        let flow = GaussianFlow::default();
        let denoised = run_cold(&euler(), &vec![1.0; steps]);
        let sigmas = schedule(&vec![1.0; steps]).sigmas().to_vec();
        let (from, to) = (sigmas[0].0, sigmas[steps].0);
        let exact = noise().into_iter().map(|x| flow.exact(x, from, to));
        let squares = denoised.latents.iter().zip(exact).map(|(x, e)| (f64::from(*x) - e).powi(2));
        (squares.sum::<f64>() / denoised.latents.len() as f64).sqrt()
    };
    let (coarse, fine) = (error(40), error(80));
    let order = (coarse / fine).log2();
    assert!((0.8..1.3).contains(&order), "observed order {order:.2} ({coarse:.5} to {fine:.5})");
}

#[test]
fn where_a_device_works_both_networks_of_a_step_are_asked_for_at_once() {
    let gw = polished(3, 1.0);
    for sampler in [euler(), adams_bashforth()] {
        let expected = run_cold(&sampler, &gw);
        let flow = GaussianFlow { hands_on: true, ..GaussianFlow::default() };
        let mut cache = roomy();
        let found = run(&flow, &sampler, &gw, &mut cache).denoised();
        assert_eq!((&found.latents, found.nfe), (&expected.latents, expected.nfe));
        // Every evaluation of the unconditional network came with one of the other.
        assert_eq!(flow.at_once.get(), flow.uncond.get());
        assert_eq!(flow.cond.get(), flow.uncond.get() + 3);
        // What is known of one is not asked for again: gw 1 left the conditional velocities.
        let flow = GaussianFlow { hands_on: true, ..GaussianFlow::default() };
        let more = run(&flow, &sampler, &polished(3, 2.0), &mut cache);
        assert_eq!(more.denoised().nfe.cond_saved, found.nfe.cond_done - 2);
        assert_eq!((flow.at_once.get(), flow.uncond.get()), (2, 3));
    }
    // On the processor, where a step is long, a run can still be stopped between the two.
    let flow = GaussianFlow::default();
    run(&flow, &euler(), &gw, &mut roomy()).denoised();
    assert_eq!(flow.at_once.get(), 0);
}

#[test]
fn an_edit_of_the_last_three_steps_costs_two_of_twenty() {
    let flow = GaussianFlow::default();
    let mut cache = roomy();
    run(&flow, &euler(), &polished(3, 3.0), &mut cache).denoised();
    let edited = run(&flow, &euler(), &polished(3, 2.0), &mut cache);
    let reused = edited.reports.iter().filter(|report| report.reused).count();
    assert_eq!(reused, 17);
    assert_eq!(edited.reports.len(), 20);
    let denoised = edited.denoised();
    assert_eq!(
        denoised.nfe,
        NfeCount { cond_done: 2, uncond_done: 2, cond_saved: 18, uncond_saved: 18, first_block: 0 }
    );
    assert_eq!(denoised.latents, run_cold(&euler(), &polished(3, 2.0)).latents);
}

#[test]
fn a_sweep_of_four_guidance_weights_costs_its_tree() {
    // N + (V − 1)·(k − 1) evaluations of each network: 20 + 3·2 = 26 instead of 80.
    let flow = GaussianFlow::default();
    let mut cache = roomy();
    for gw in [2.0, 3.0, 4.0, 5.0] {
        run(&flow, &euler(), &polished(3, gw), &mut cache).denoised();
    }
    assert_eq!((flow.cond.get(), flow.uncond.get()), (26, 26));
}

#[test]
fn another_prompt_has_the_first_answer_of_the_network_that_sees_none() {
    let flow = GaussianFlow::default();
    let mut cache = roomy();
    let gw = [7.0; 4];
    let first = run_of_prompt(b"a", &flow, &euler(), &gw, &mut cache).denoised();
    // At gw 1 it is not asked, and what it said is not lost.
    run_of_prompt(b"b", &flow, &euler(), &[1.0; 4], &mut cache).denoised();
    let second = run_of_prompt(b"c", &flow, &euler(), &gw, &mut cache).denoised();
    assert_eq!((second.nfe.uncond_done, second.nfe.uncond_saved), (3, 1));
    assert_eq!((second.nfe.cond_done, second.nfe.cond_saved), (4, 0));
    assert_eq!((flow.cond.get(), flow.uncond.get()), (12, 7));
    // The flow sees no prompt either: the same bits.
    assert_eq!(second.latents, first.latents);
}

#[test]
fn a_run_repeated_evaluates_nothing() {
    let flow = GaussianFlow::default();
    let mut cache = roomy();
    let first = run(&flow, &euler(), &polished(2, 3.0), &mut cache);
    let again = run(&flow, &euler(), &polished(2, 3.0), &mut cache);
    assert!(again.reports.iter().all(|report| report.reused && report.ms.is_none()));
    for (first, again) in first.reports.iter().zip(&again.reports) {
        assert_eq!(first.metrics, again.metrics);
    }
    let again = again.denoised();
    assert_eq!(
        again.nfe,
        NfeCount { cond_done: 0, uncond_done: 0, cond_saved: 20, uncond_saved: 20, first_block: 0 }
    );
    assert_eq!(again.latents, first.denoised().latents);
}

#[test]
fn a_resumed_run_shows_the_estimate_where_it_starts_and_those_of_its_own_steps() {
    let flow = GaussianFlow::default();
    let mut cache = roomy();
    let first = run(&flow, &euler(), &polished(3, 3.0), &mut cache);
    let steps = |outcome: &Outcome| outcome.estimates.iter().map(|(step, _)| *step).collect();
    let all: Vec<usize> = steps(&first);
    assert_eq!(all, (0..20).collect::<Vec<_>>());
    let edited = run(&flow, &euler(), &polished(3, 2.0), &mut cache);
    let resumed: Vec<usize> = steps(&edited);
    assert_eq!(resumed, [16, 17, 18, 19]);
    assert_eq!(edited.estimates[0], first.estimates[16]);
    let again = run(&flow, &euler(), &polished(3, 2.0), &mut cache);
    assert!(again.estimates.is_empty());
}

#[test]
fn guidance_weight_one_needs_no_unconditional_pass() {
    let flow = GaussianFlow::default();
    let mut cache = roomy();
    let outcome = run(&flow, &euler(), &polished(4, 1.0), &mut cache);
    assert_eq!((flow.cond.get(), flow.uncond.get()), (20, 16));
    let last = outcome.reports.last().unwrap().metrics;
    assert_eq!((last.v_uncond_norm, last.guidance_norm, last.cosine), (None, None, None));
    // With the unconditional half in the cache the numbers stay the same.
    run(&flow, &euler(), &polished(4, 2.0), &mut cache).denoised();
    let again = run(&flow, &euler(), &polished(4, 1.0), &mut cache);
    assert_eq!(again.reports.last().unwrap().metrics, last);
    assert_eq!(again.denoised().latents, outcome.denoised().latents);
}

#[test]
fn cancelling_stops_within_the_step_and_keeps_its_work() {
    let token = CancelToken::default();
    let flow = GaussianFlow { cancel_at: Some((8, token.clone())), ..GaussianFlow::default() };
    let mut cache = roomy();
    let outcome = run(&flow, &euler(), &polished(2, 3.0), &mut cache);
    assert!(matches!(outcome.result, Err(DenoiseError::Cancelled)));
    assert_eq!(outcome.reports.len(), 7);
    assert_eq!((flow.cond.get(), flow.uncond.get()), (8, 7));
    let resumed = GaussianFlow::default();
    let outcome = run(&resumed, &euler(), &polished(2, 3.0), &mut cache);
    assert_eq!((resumed.cond.get(), resumed.uncond.get()), (12, 13));
    assert_eq!(outcome.denoised().latents, run_cold(&euler(), &polished(2, 3.0)).latents);
}

#[test]
fn latents_that_blow_up_name_the_step() {
    let flow = GaussianFlow { poison_at: Some(5), ..GaussianFlow::default() };
    let outcome = run(&flow, &euler(), &polished(2, 3.0), &mut roomy());
    assert!(matches!(outcome.result, Err(DenoiseError::NotFinite { step: 4, .. })));
}

#[test]
fn a_network_that_fails_names_the_step_and_the_work_before_it_is_kept() {
    let flow = GaussianFlow { fail_at: Some(5), ..GaussianFlow::default() };
    let mut cache = roomy();
    let outcome = run(&flow, &euler(), &polished(2, 3.0), &mut cache);
    assert!(matches!(outcome.result, Err(DenoiseError::Network { step: 4, .. })));
    let again = run(&GaussianFlow::default(), &euler(), &polished(2, 3.0), &mut cache);
    assert_eq!(again.denoised().nfe.cond_saved, 4);
}

#[test]
fn a_multistep_sampler_resumes_with_the_history_it_would_have_had() {
    let flow = GaussianFlow::default();
    let mut cache = roomy();
    let sampler = adams_bashforth();
    run(&flow, &sampler, &polished(3, 3.0), &mut cache).denoised();
    // 20 steps and one evaluation inside the first.
    assert_eq!((flow.cond.get(), flow.uncond.get()), (21, 21));
    let edited = run(&flow, &sampler, &polished(3, 2.0), &mut cache).denoised();
    assert_eq!((edited.nfe.cond_done, edited.nfe.cond_saved), (2, 19));
    assert_eq!(edited.latents, run_cold(&sampler, &polished(3, 2.0)).latents);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever was run before, and however little the cache may hold: the same bits as alone.
    #[test]
    fn results_never_depend_on_the_cache(
        budget in prop_oneof![Just(0_u64), 1_u64 << 17..1 << 22, Just(1 << 30)],
        runs in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(prop::sample::select(vec![1.0, 3.0, 7.0]), 5)),
            1..6,
        ),
    ) {
        let flow = GaussianFlow::default();
        let mut cache = TrajectoryCache::new(budget);
        for (multistep, gw) in runs {
            let sampler = if multistep { adams_bashforth() } else { euler() };
            let warm = run(&flow, &sampler, &gw, &mut cache).denoised();
            let cold = run_cold(&sampler, &gw);
            prop_assert_eq!(&warm.latents, &cold.latents);
            prop_assert_eq!(
                warm.nfe.cond_done + warm.nfe.cond_saved,
                cold.nfe.cond_done
            );
            prop_assert_eq!(
                warm.nfe.uncond_done + warm.nfe.uncond_saved,
                cold.nfe.uncond_done
            );
        }
    }
}

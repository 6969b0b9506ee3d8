//! A host for tests: keeps the history, evaluates the analytic flow, counts, and calls the sampler
//! through the structs of the C interface.

use super::flow::{Flow, LEN};
use crate::abi;
use crate::export::Table;
use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::mem::size_of;
use std::ptr;

/// A run of a sampler on the analytic flow.
#[derive(Debug, Clone)]
pub struct Run {
    plugin: Table,
    flow: Flow,
    sigmas: Vec<f64>,
    gw: Vec<f64>,
    params: Vec<f64>,
    seed: u64,
    cancel_in_step: Option<usize>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Latents at the last noise level.
    pub latents: Vec<f32>,
    /// Evaluations of each step, the host's own included.
    pub evaluations: Vec<u32>,
    /// Lines that the sampler logged.
    pub log: Vec<String>,
}

/// Why a run has no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step, from 0.
    pub step: usize,
    /// The status code.
    pub code: i32,
    /// The sampler's words.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: code {}: {}", self.step, self.code, self.message)
    }
}

impl std::error::Error for Failure {}

impl Outcome {
    /// Root mean square distance of the latents to others.
    pub fn distance(&self, other: &[f64]) -> f64 {
        let squares = self.latents.iter().zip(other).map(|(a, b)| (f64::from(*a) - b).powi(2));
        (squares.sum::<f64>() / self.latents.len() as f64).sqrt()
    }
}

/// A step that was taken, as later ones may look back to it.
struct Taken {
    sigma: f64,
    gw: f64,
    x: Vec<f32>,
    v_cond: Vec<f32>,
    v_uncond: Option<Vec<f32>>,
}

impl Taken {
    fn blended(&self, gw: f64) -> Vec<f32> {
        blend(gw, &self.v_cond, self.v_uncond.as_deref())
    }
}

fn blend(gw: f64, cond: &[f32], uncond: Option<&[f32]>) -> Vec<f32> {
    let Some(uncond) = uncond else { return cond.to_vec() };
    let (towards, away) = (gw as f32, (1.0 - gw) as f32);
    cond.iter().zip(uncond).map(|(cond, uncond)| towards * cond + away * uncond).collect()
}

impl Run {
    /// A run along falling noise levels with the sampler's default parameters and gw 1.
    ///
    /// A table of raw pointers alone is not enough, for nobody vouches for them:
    ///
    /// ```compile_fail,E0308
    /// # use sigmalab_sampler_sdk::{abi, testing::Run};
    /// fn run(table: &'static abi::Plugin) -> Run {
    ///     Run::new(table, vec![1.0, 0.5])
    /// }
    /// ```
    pub fn new(plugin: Table, sigmas: Vec<f64>) -> Self {
        let steps = sigmas.len().saturating_sub(1);
        let params = defaults(plugin);
        let (gw, seed) = (vec![1.0; steps], 0);
        Self { plugin, flow: Flow::default(), sigmas, gw, params, seed, cancel_in_step: None }
    }

    /// The gw of every step.
    pub fn gw(mut self, gw: Vec<f64>) -> Self {
        self.gw = gw;
        self
    }

    /// Values of the first parameters, in declared order; the others keep their defaults.
    pub fn params(mut self, values: &[f64]) -> Self {
        for (param, value) in self.params.iter_mut().zip(values) {
            *param = *value;
        }
        self
    }

    /// Seed of the noise that the sampler draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Cancels the run once that step has begun.
    pub fn cancel_in_step(mut self, step: usize) -> Self {
        self.cancel_in_step = Some(step);
        self
    }

    /// The exact solution at the last noise level.
    pub fn exact(&self) -> Vec<f64> {
        let mut x: Vec<f64> = to_f32(&self.flow.start()).iter().copied().map(f64::from).collect();
        let mut step = 0;
        while step < self.gw.len() {
            // Steps with one gw are solved in one go.
            let same = self.gw[step..].iter().take_while(|gw| **gw == self.gw[step]).count();
            x = self.flow.solve(x, self.sigmas[step], self.sigmas[step + same], self.gw[step]);
            step += same;
        }
        x
    }

    /// Takes every step.
    ///
    /// # Errors
    /// Where the sampler fails, or writes a value that is not finite.
    pub fn go(&self) -> Result<Outcome, Failure> {
        let mut x = to_f32(&self.flow.start());
        let mut past: Vec<Taken> = Vec::new();
        let mut outcome = Outcome { latents: Vec::new(), evaluations: Vec::new(), log: Vec::new() };
        for index in 0..self.gw.len() {
            let (taken, next) = self.take(index, x, &past, &mut outcome)?;
            x = next;
            past.insert(0, taken);
            past.truncate(self.plugin.history_len as usize);
        }
        outcome.latents = x;
        Ok(outcome)
    }

    fn take(
        &self,
        index: usize,
        x: Vec<f32>,
        past: &[Taken],
        outcome: &mut Outcome,
    ) -> Result<(Taken, Vec<f32>), Failure> {
        let (sigma, sigma_next, gw) = (self.sigmas[index], self.sigmas[index + 1], self.gw[index]);
        let x64: Vec<f64> = x.iter().copied().map(f64::from).collect();
        let v_cond = to_f32(&self.flow.conditional(&x64, sigma));
        let v_uncond = (gw != 1.0).then(|| to_f32(&self.flow.unconditional(&x64, sigma)));
        let v = blend(gw, &v_cond, v_uncond.as_deref());

        let recombined: Vec<Vec<f32>> = past.iter().map(|past| past.blended(gw)).collect();
        let entries: Vec<abi::History> = past
            .iter()
            .zip(&recombined)
            .map(|(past, v)| abi::History {
                struct_size: size_of::<abi::History>() as u32,
                reserved: 0,
                sigma: past.sigma,
                gw: past.gw,
                x: past.x.as_ptr(),
                v: v.as_ptr(),
                v_cond: past.v_cond.as_ptr(),
                v_uncond: past.v_uncond.as_ref().map_or(ptr::null(), |v| v.as_ptr()),
            })
            .collect();
        let history: Vec<*const abi::History> = entries.iter().map(ptr::from_ref).collect();
        let mut out = vec![f32::NAN; LEN];
        let raw = abi::Step {
            struct_size: size_of::<abi::Step>() as u32,
            index: index as u32,
            sigma,
            sigma_next,
            gw,
            len: LEN as u64,
            x: x.as_ptr(),
            v: v.as_ptr(),
            v_cond: v_cond.as_ptr(),
            v_uncond: v_uncond.as_ref().map_or(ptr::null(), |v| v.as_ptr()),
            params: self.params.as_ptr(),
            n_params: self.params.len() as u32,
            n_history: history.len() as u32,
            history: history.as_ptr(),
            out: out.as_mut_ptr(),
        };
        let mut calls = Calls {
            flow: &self.flow,
            plugin: self.plugin.get(),
            evaluations: 1,
            refused: false,
            cancelled: self.cancel_in_step == Some(index),
            noise_key: [self.seed, index as u64],
            log: &mut outcome.log,
        };
        let table = abi::Host {
            struct_size: size_of::<abi::Host>() as u32,
            abi_major: abi::ABI_MAJOR,
            abi_minor: abi::ABI_MINOR,
            ctx: ptr::from_mut(&mut calls).cast(),
            eval: Some(eval),
            eval_split: Some(eval_split),
            gauss: Some(gauss),
            cancelled: Some(cancelled),
            log: Some(log),
        };
        let mut words = [0u8; 512];
        let mut buffer = abi::ErrorBuffer {
            struct_size: size_of::<abi::ErrorBuffer>() as u32,
            capacity: words.len() as u32,
            message: words.as_mut_ptr().cast(),
        };
        let code = match self.plugin.step {
            // SAFETY: whoever made the `Table` vouches for its functions; the structs keep the
            // header's rules and outlive the call.
            Some(step) => unsafe { step(&raw, &table, &mut buffer) },
            None => abi::E_ARGUMENT,
        };
        let (evaluations, refused) = (calls.evaluations, calls.refused);
        outcome.evaluations.push(evaluations);
        let failure = |code, message: String| Err(Failure { step: index, code, message });
        if refused {
            return failure(
                abi::E_REFUSED,
                "it asked for what it did not declare, or for what there is not".to_owned(),
            );
        }
        if code != abi::OK {
            let words = CStr::from_bytes_until_nul(&words).unwrap_or_default();
            return failure(code, words.to_string_lossy().into_owned());
        }
        if !out.iter().all(|value| value.is_finite()) {
            return failure(abi::E_NUMERIC, "a value is not finite".to_owned());
        }
        Ok((Taken { sigma, gw, x, v_cond, v_uncond }, out))
    }
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// The defaults that a plugin declares.
fn defaults(plugin: Table) -> Vec<f64> {
    if plugin.params.is_null() {
        return Vec::new();
    }
    // SAFETY: whoever made the `Table` vouches for its pointers: `n_params` valid ones for as long
    // as the process lives.
    let table = unsafe { std::slice::from_raw_parts(plugin.params, plugin.n_params as usize) };
    // SAFETY: as above.
    table.iter().map(|param| unsafe { (**param).default_value }).collect()
}

/// What stands behind `ctx`.
struct Calls<'a> {
    flow: &'a Flow,
    plugin: &'a abi::Plugin,
    evaluations: u32,
    refused: bool,
    cancelled: bool,
    noise_key: [u64; 2],
    log: &'a mut Vec<String>,
}

impl Calls<'_> {
    fn refuse(&mut self) -> i32 {
        self.refused = true;
        abi::E_REFUSED
    }

    /// Counts an evaluation at `sigma`, unless it may not be.
    fn admit(&mut self, sigma: f64) -> i32 {
        if self.cancelled {
            return abi::CANCELLED;
        }
        let nowhere = !(sigma > 0.0 && sigma <= 1.0);
        if nowhere || self.evaluations >= self.plugin.max_evals_per_step {
            return self.refuse();
        }
        self.evaluations += 1;
        abi::OK
    }
}

/// # Safety
/// `ctx` is the `Calls` of the step that is being taken; nobody else uses it meanwhile.
unsafe fn calls<'a>(ctx: *mut c_void) -> &'a mut Calls<'a> {
    // SAFETY: as the caller promises.
    unsafe { &mut *ctx.cast::<Calls<'a>>() }
}

/// # Safety
/// `x` has `LEN` floats.
unsafe fn point(x: *const f32) -> Vec<f64> {
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(x, LEN) }.iter().copied().map(f64::from).collect()
}

/// # Safety
/// `out` has `LEN` floats.
unsafe fn put(values: &[f64], out: *mut f32) {
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts_mut(out, LEN) }.copy_from_slice(&to_f32(values));
}

unsafe extern "C" fn eval(
    ctx: *mut c_void,
    x: *const f32,
    sigma: f64,
    gw: f64,
    v_out: *mut f32,
) -> i32 {
    // SAFETY: the sampler keeps the header's rules.
    let (calls, x) = unsafe { (calls(ctx), point(x)) };
    let code = calls.admit(sigma);
    if code == abi::OK {
        // SAFETY: as above.
        unsafe { put(&calls.flow.velocity(&x, sigma, gw), v_out) };
    }
    code
}

unsafe extern "C" fn eval_split(
    ctx: *mut c_void,
    x: *const f32,
    sigma: f64,
    v_cond_out: *mut f32,
    v_uncond_out: *mut f32,
) -> i32 {
    // SAFETY: the sampler keeps the header's rules.
    let (calls, x) = unsafe { (calls(ctx), point(x)) };
    if calls.plugin.flags & abi::SPLIT == 0 {
        return calls.refuse();
    }
    let code = calls.admit(sigma);
    if code == abi::OK {
        // SAFETY: as above.
        unsafe {
            put(&calls.flow.conditional(&x, sigma), v_cond_out);
            put(&calls.flow.unconditional(&x, sigma), v_uncond_out);
        }
    }
    code
}

unsafe extern "C" fn gauss(ctx: *mut c_void, stream: u64, out: *mut f32) -> i32 {
    // SAFETY: the sampler keeps the header's rules.
    let calls = unsafe { calls(ctx) };
    if calls.plugin.flags & abi::STOCHASTIC == 0 {
        return calls.refuse();
    }
    let [seed, index] = calls.noise_key;
    let uniform = |counter: u64| {
        let bits = [index, stream, counter].iter().fold(mix(seed), |bits, next| mix(bits ^ next));
        ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let normal = |k: u64| {
        let (radius, turn) = (uniform(2 * k), uniform(2 * k + 1));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    };
    let values: Vec<f64> = (0..LEN as u64).map(normal).collect();
    // SAFETY: as above.
    unsafe { put(&values, out) };
    abi::OK
}

/// A bijection of 64 bits that leaves no pattern: the finaliser of the splitmix64 generator.
fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

unsafe extern "C" fn cancelled(ctx: *mut c_void) -> i32 {
    // SAFETY: the sampler passes the context it was given.
    i32::from(unsafe { calls(ctx) }.cancelled)
}

unsafe extern "C" fn log(ctx: *mut c_void, _level: u32, message: *const c_char) {
    // SAFETY: the sampler passes its context and a string that ends with NUL.
    let (calls, message) = unsafe { (calls(ctx), CStr::from_ptr(message)) };
    calls.log.push(message.to_string_lossy().into_owned());
}

//! One call across the boundary: a step's input as the header lays it out, the host's functions
//! as C functions, and what came back in words. It keeps count of what the plugin asks for and
//! refuses what it did not declare.
#![allow(unsafe_code)]

use super::open::Opened;
use super::watch::Watch;
use crate::sampler::solver::Velocities;
use crate::sampler::{Host, SamplerError, SamplerInfo, StepInput};
use sigmalab_sampler_sdk::abi;
use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;
use std::thread::{self, ThreadId};

/// Bytes that a plugin has for its message.
const MESSAGE: usize = 512;

/// Most lines that a plugin may log in one step.
const LOG_LINES: u32 = 20;

/// How the structs of a call are laid out. Hosts of other minor versions than this one differ in
/// it; the check plays them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sampler) enum Shape {
    /// As this build knows them.
    #[default]
    Ours,
    /// With fields behind ours, as a newer host has them.
    Newer,
    /// Without the fields that version 1.0 can do without, as the oldest host has them.
    Oldest,
    /// A step that lacks a field which version 1.0 needs; no host may send it.
    Broken,
}

/// Fields that a newer host might have behind the known ones.
const TAIL: usize = 64;

/// A struct with bytes behind it that mean nothing to us.
#[repr(C)]
struct WithTail<T> {
    known: T,
    tail: [u8; TAIL],
}

impl<T> WithTail<T> {
    fn new(known: T) -> Self {
        WithTail { known, tail: [0xa5; TAIL] }
    }
}

impl Shape {
    fn size_of<T>(self) -> u32 {
        let tail = if self == Shape::Newer { TAIL } else { 0 };
        (size_of::<T>() + tail) as u32
    }
}

/// One call of a plugin.
pub(in crate::sampler) struct Call<'a> {
    /// The plugin.
    pub(in crate::sampler) plugin: &'a Opened,
    /// Watches its code.
    pub(in crate::sampler) watch: &'a Watch,
    /// How the structs are laid out.
    pub(in crate::sampler) shape: Shape,
}

/// What a step did besides its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sampler) struct Spent {
    /// Evaluations that the plugin asked for; the host's own is not among them.
    pub(in crate::sampler) evaluations: u32,
    /// The code that it returned.
    pub(in crate::sampler) code: i32,
}

impl Call<'_> {
    /// Takes a step into `out`, which the plugin may write to as it likes until it returns. The
    /// caller looks at what is written around it, and at the values.
    pub(in crate::sampler) fn step(
        &self,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: *mut [f32],
    ) -> (Result<(), SamplerError>, Spent) {
        let info = self.plugin.info();
        let mut context = Context {
            host,
            info,
            len: input.x.len(),
            cancelled: false,
            evaluations: 0,
            logged: 0,
            failure: None,
            panic: None,
            thread: thread::current().id(),
            watch: self.watch,
        };
        let rows: Vec<WithTail<abi::History>> =
            input.history.iter().map(|past| WithTail::new(self.history(past))).collect();
        // One more than is declared, and null: reading it is a fault and no other run's numbers.
        let pointers: Vec<*const abi::History> =
            rows.iter().map(|row| &raw const row.known).chain([std::ptr::null()]).collect();
        let step = WithTail::new(abi::Step {
            struct_size: match self.shape {
                Shape::Broken => abi::STEP_MIN_SIZE - size_of::<*mut f32>() as u32,
                shape => shape.size_of::<abi::Step>(),
            },
            index: u32::try_from(input.index).unwrap_or(u32::MAX),
            sigma: input.sigma,
            sigma_next: input.sigma_next,
            gw: input.gw,
            len: input.x.len() as u64,
            x: input.x.as_ptr(),
            v: input.v.as_ptr(),
            v_cond: input.v_cond.as_ptr(),
            v_uncond: pointer(input.v_uncond),
            params: input.params.as_ptr(),
            n_params: input.params.len() as u32,
            n_history: input.history.len() as u32,
            history: pointers.as_ptr(),
            out: out.cast(),
        });
        let oldest = self.shape == Shape::Oldest;
        let host = WithTail::new(abi::Host {
            struct_size: match oldest {
                true => abi::HOST_MIN_SIZE,
                false => self.shape.size_of::<abi::Host>(),
            },
            abi_major: abi::ABI_MAJOR,
            abi_minor: if self.shape == Shape::Newer { u16::MAX } else { abi::ABI_MINOR },
            ctx: (&raw mut context).cast::<c_void>(),
            eval: Some(eval),
            eval_split: Some(eval_split),
            gauss: Some(gauss),
            cancelled: Some(cancelled),
            // Behind the size of an oldest host lies whatever lies there.
            log: Some(if oldest { log_that_is_not_there } else { log }),
        });
        let mut message = Message::new();
        let mut error = message.buffer();
        let function = self.plugin.step;
        // SAFETY: every pointer is to memory that outlives the call, and the structs are laid out
        // as the header says; that the plugin keeps to it is what nobody can check here.
        let code = unsafe { function(&raw const step.known, &raw const host.known, &mut error) };
        if let Some(panic) = context.panic.take() {
            resume_unwind(panic);
        }
        let spent = Spent { evaluations: context.evaluations, code };
        (context.verdict(code, &message), spent)
    }

    /// Whether the plugin takes these values together.
    pub(in crate::sampler) fn check(&self, params: &[f64]) -> Result<(), String> {
        let Some(function) = self.plugin.check else { return Ok(()) };
        let mut message = Message::new();
        let mut error = message.buffer();
        // SAFETY: as for a step.
        let code = unsafe { function(params.as_ptr(), params.len() as u32, &mut error) };
        match code {
            abi::OK => Ok(()),
            code => Err(failure_in_words(code, &message.text())),
        }
    }

    fn history(&self, past: &crate::sampler::HistoryEntry<'_>) -> abi::History {
        abi::History {
            struct_size: self.shape.size_of::<abi::History>(),
            reserved: 0,
            sigma: past.sigma,
            gw: past.gw,
            x: past.x.as_ptr(),
            v: past.v.as_ptr(),
            v_cond: past.v_cond.as_ptr(),
            v_uncond: pointer(past.v_uncond),
        }
    }
}

fn pointer(values: Option<&[f32]>) -> *const f32 {
    values.map_or(std::ptr::null(), <[f32]>::as_ptr)
}

/// Room for a plugin's message, with something behind it that it must leave alone.
struct Message {
    bytes: [u8; MESSAGE + 64],
}

impl Message {
    fn new() -> Self {
        let mut bytes = [0; MESSAGE + 64];
        bytes[MESSAGE..].fill(0xa5);
        Message { bytes }
    }

    fn buffer(&mut self) -> abi::ErrorBuffer {
        abi::ErrorBuffer {
            struct_size: abi::ERROR_MIN_SIZE,
            capacity: MESSAGE as u32,
            message: self.bytes.as_mut_ptr().cast::<c_char>(),
        }
    }

    fn is_overrun(&self) -> bool {
        self.bytes.iter().skip(MESSAGE).any(|byte| *byte != 0xa5)
    }

    fn text(&self) -> String {
        let written = self.bytes.get(..MESSAGE).unwrap_or_default();
        let bytes = written.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(bytes).trim().to_owned()
    }
}

/// What a status code that is no success means, with the plugin's own words.
fn failure_in_words(code: i32, message: &str) -> String {
    let meaning = match code {
        abi::E_ARGUMENT => "it refuses its arguments".to_owned(),
        abi::E_EVALUATION => "it says that the network failed, and it did not".to_owned(),
        abi::E_PANIC => "it panicked".to_owned(),
        abi::E_NUMERIC => "its numbers broke down".to_owned(),
        abi::E_REFUSED => "it says that it was refused something, and it was not".to_owned(),
        code => format!("it failed with code {code}"),
    };
    if message.is_empty() { meaning } else { format!("{meaning}: {message}") }
}

/// The host during one step, as its functions find it.
struct Context<'a> {
    host: &'a mut dyn Host,
    info: &'a SamplerInfo,
    /// Values in every tensor.
    len: usize,
    /// Whether the host said that the run was cancelled.
    cancelled: bool,
    evaluations: u32,
    logged: u32,
    /// The first thing that went wrong in a function of the host, or was asked against the rules.
    failure: Option<(i32, SamplerError)>,
    /// A panic of our own, on its way around the plugin.
    panic: Option<Box<dyn Any + Send>>,
    thread: ThreadId,
    watch: &'a Watch,
}

impl Context<'_> {
    fn verdict(self, code: i32, message: &Message) -> Result<(), SamplerError> {
        let failed = |words: String| Err(SamplerError::Failed(words));
        if message.is_overrun() {
            return Err(SamplerError::Corrupting(
                "it wrote past the end of its message".to_owned(),
            ));
        }
        // What the host refused or could not do counts, whatever the plugin makes of it.
        if let Some((_, failure)) = self.failure {
            return Err(failure);
        }
        match code {
            abi::OK => Ok(()),
            abi::CANCELLED if self.cancelled || self.host.cancelled() => {
                Err(SamplerError::Cancelled)
            }
            abi::CANCELLED => failed("it says that the run was cancelled, and it was not".into()),
            code => failed(failure_in_words(code, &message.text())),
        }
    }

    /// Notes that the plugin asked for what it may not have.
    fn refuse(&mut self, words: impl Into<String>) -> i32 {
        self.fail(abi::E_REFUSED, SamplerError::Failed(words.into()))
    }

    fn fail(&mut self, code: i32, failure: SamplerError) -> i32 {
        self.failure.get_or_insert((code, failure)).0
    }

    /// Does something for the plugin, outside its time, and never lets a panic of ours into it.
    fn work<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Host) -> Result<T, SamplerError>,
    ) -> Result<T, i32> {
        let watch = self.watch;
        let host = &mut *self.host;
        match watch.pause(|| catch_unwind(AssertUnwindSafe(|| work(host)))) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(SamplerError::Cancelled)) => {
                self.cancelled = true;
                Err(self.fail(abi::CANCELLED, SamplerError::Cancelled))
            }
            Ok(Err(failure)) => Err(self.fail(abi::E_EVALUATION, failure)),
            Err(panic) => {
                self.panic = Some(panic);
                let words = "the host panicked".to_owned();
                Err(self.fail(abi::E_EVALUATION, SamplerError::Evaluation(words)))
            }
        }
    }

    /// Whether one more evaluation may be made at `sigma`.
    fn may_evaluate(&mut self, sigma: f64) -> Result<(), i32> {
        if let Some((code, _)) = self.failure {
            return Err(code);
        }
        if !(sigma > 0.0 && sigma <= 1.0) {
            return Err(self.refuse(format!("it asked for a velocity at σ = {sigma}")));
        }
        // The first one was the host's own.
        let declared = self.info.evaluations_per_step;
        if self.evaluations + 1 >= declared {
            let times = if declared == 1 { "once" } else { "times" };
            let most = if declared == 1 { String::new() } else { format!("{declared} ") };
            return Err(self.refuse(format!(
                "it evaluates the network more often than the {most}{times} a step it declares"
            )));
        }
        self.evaluations += 1;
        Ok(())
    }
}

/// The context behind `ctx`, on the thread that owns it; else nothing may be touched.
///
/// # Safety
/// `ctx` must be null or the pointer that the running step was given.
unsafe fn context<'a>(ctx: *mut c_void) -> Option<&'a mut Context<'a>> {
    let context = ctx.cast::<Context<'a>>();
    if context.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the pointer. The field is never written during the call, so
    // that reading it from another thread is no race.
    if unsafe { (&raw const (*context).thread).read() } != thread::current().id() {
        return None;
    }
    // SAFETY: this is the one thread that uses the context, and functions of the host do not
    // call plugins, so no other reference to it is in use.
    Some(unsafe { &mut *context })
}

/// # Safety
/// `values` must be null or point to `len` floats.
unsafe fn tensor<'a>(values: *const f32, len: usize) -> Option<&'a [f32]> {
    // SAFETY: the caller vouches for the memory; null and odd addresses are left alone.
    (!values.is_null() && values.is_aligned())
        .then(|| unsafe { slice::from_raw_parts(values, len) })
}

/// # Safety
/// `to` must be null or point to as many floats as `values` has.
unsafe fn write(values: &[f32], to: *mut f32) -> bool {
    if to.is_null() || !to.is_aligned() {
        return false;
    }
    // SAFETY: the caller vouches for the memory. `values` is memory of ours.
    unsafe { to.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
    true
}

const NO_TENSOR: &str = "it gave the host a null pointer or an unaligned one as a tensor";

unsafe extern "C" fn eval(
    ctx: *mut c_void,
    x: *const f32,
    sigma: f64,
    gw: f64,
    v_out: *mut f32,
) -> i32 {
    // SAFETY: the header says what a plugin passes here.
    let Some(context) = (unsafe { context(ctx) }) else { return abi::E_ARGUMENT };
    if let Err(code) = context.may_evaluate(sigma) {
        return code;
    }
    if !gw.is_finite() {
        return context.refuse(format!("it asked for a velocity with gw = {gw}"));
    }
    // SAFETY: as above.
    let Some(x) = (unsafe { tensor(x, context.len) }) else { return context.refuse(NO_TENSOR) };
    let mut v = vec![0.0; context.len];
    match context.work(|host| host.evaluate(x, sigma, gw, &mut v)) {
        // SAFETY: as above.
        Ok(()) if unsafe { write(&v, v_out) } => abi::OK,
        Ok(()) => context.refuse(NO_TENSOR),
        Err(code) => code,
    }
}

unsafe extern "C" fn eval_split(
    ctx: *mut c_void,
    x: *const f32,
    sigma: f64,
    v_cond_out: *mut f32,
    v_uncond_out: *mut f32,
) -> i32 {
    // SAFETY: the header says what a plugin passes here.
    let Some(context) = (unsafe { context(ctx) }) else { return abi::E_ARGUMENT };
    if !context.info.split {
        return context.refuse("it evaluates both networks apart and does not declare it");
    }
    if let Err(code) = context.may_evaluate(sigma) {
        return code;
    }
    // SAFETY: as above.
    let Some(x) = (unsafe { tensor(x, context.len) }) else { return context.refuse(NO_TENSOR) };
    match context.work(|host| host.evaluate_split(x, sigma)) {
        Ok(Velocities { cond, uncond }) => {
            // SAFETY: as above.
            let written = unsafe { write(&cond, v_cond_out) && write(&uncond, v_uncond_out) };
            if written { abi::OK } else { context.refuse(NO_TENSOR) }
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn gauss(ctx: *mut c_void, stream: u64, out: *mut f32) -> i32 {
    // SAFETY: the header says what a plugin passes here.
    let Some(context) = (unsafe { context(ctx) }) else { return abi::E_ARGUMENT };
    if let Some((code, _)) = context.failure {
        return code;
    }
    if !context.info.stochastic {
        return context.refuse("it draws noise and does not declare it");
    }
    let mut noise = vec![0.0; context.len];
    let drawn = context.work(|host| {
        host.gaussian(stream, &mut noise);
        Ok(())
    });
    match drawn {
        // SAFETY: as above.
        Ok(()) if unsafe { write(&noise, out) } => abi::OK,
        Ok(()) => context.refuse(NO_TENSOR),
        Err(code) => code,
    }
}

unsafe extern "C" fn cancelled(ctx: *mut c_void) -> i32 {
    // SAFETY: the header says what a plugin passes here. It may ask from a thread of its own by
    // mistake; it learns nothing then.
    let Some(context) = (unsafe { context(ctx) }) else { return 0 };
    match catch_unwind(AssertUnwindSafe(|| context.host.cancelled())) {
        Ok(cancelled) => {
            context.cancelled |= cancelled;
            i32::from(cancelled)
        }
        Err(panic) => {
            context.panic = Some(panic);
            1
        }
    }
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, message: *const c_char) {
    // SAFETY: the header says what a plugin passes here.
    let Some(context) = (unsafe { context(ctx) }) else { return };
    if message.is_null() || context.logged >= LOG_LINES {
        return;
    }
    context.logged += 1;
    // SAFETY: not null, and a message ends with NUL.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    let level = match level {
        abi::LOG_DEBUG => "debug",
        abi::LOG_INFO => "info",
        _ => "warning",
    };
    let id = &context.info.id;
    let wild = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = message.chars().take(1000).map(wild).collect();
    // Standard error of the worker is its log.
    eprintln!("sampler `{id}`: {level}: {line}");
}

/// What lies behind the end of an oldest host's functions: calling it is against the rules.
unsafe extern "C" fn log_that_is_not_there(ctx: *mut c_void, _: u32, _: *const c_char) {
    // SAFETY: the header says what a plugin passes here.
    if let Some(context) = unsafe { context(ctx) } {
        context.refuse("it calls `log` of a host that has none");
    }
}

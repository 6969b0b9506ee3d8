//! What a plugin asks of the host during a step: the host's functions as C functions. They count,
//! refuse what the plugin did not declare, and let no panic of ours into it.
#![allow(unsafe_code)]

use super::message::{Message, failure_in_words};
use super::watch::Watch;
use crate::solver::Velocities;
use crate::{Host, SamplerError, SamplerInfo};
use sigmalab_sampler_sdk::abi;
use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;
use std::thread::{self, ThreadId};

/// Most lines that a plugin may log in one step.
const LOG_LINES: u32 = 20;

/// The host during one step, as its functions find it.
pub(super) struct Context<'a> {
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

impl<'a> Context<'a> {
    /// Of a step by the sampler `info`, whose tensors have `len` values, on this thread.
    pub(super) fn new(
        host: &'a mut dyn Host,
        info: &'a SamplerInfo,
        len: usize,
        watch: &'a Watch,
    ) -> Self {
        Context {
            host,
            info,
            len,
            cancelled: false,
            evaluations: 0,
            logged: 0,
            failure: None,
            panic: None,
            thread: thread::current().id(),
            watch,
        }
    }

    /// Evaluations that the plugin asked for.
    pub(super) fn evaluations(&self) -> u32 {
        self.evaluations
    }

    /// How the step ended, which returned `code` and left `message`. A panic of ours goes on from
    /// here.
    pub(super) fn verdict(self, code: i32, message: &Message) -> Result<(), SamplerError> {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
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

pub(super) unsafe extern "C" fn eval(
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

pub(super) unsafe extern "C" fn eval_split(
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

pub(super) unsafe extern "C" fn gauss(ctx: *mut c_void, stream: u64, out: *mut f32) -> i32 {
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

pub(super) unsafe extern "C" fn cancelled(ctx: *mut c_void) -> i32 {
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

pub(super) unsafe extern "C" fn log(ctx: *mut c_void, level: u32, message: *const c_char) {
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
pub(super) unsafe extern "C" fn log_that_is_not_there(ctx: *mut c_void, _: u32, _: *const c_char) {
    // SAFETY: the header says what a plugin passes here.
    if let Some(context) = unsafe { context(ctx) } {
        context.refuse("it calls `log` of a host that has none");
    }
}

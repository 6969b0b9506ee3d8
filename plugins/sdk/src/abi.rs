//! The structs of `include/sigmalab_sampler.h`, field by field, for both sides of the boundary.
//! The header says what each field means and who may do what; nothing here adds to it.

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

/// Major version: another one is another interface.
pub const ABI_MAJOR: u16 = 1;
/// Minor version: fields are appended.
pub const ABI_MINOR: u16 = 0;

/// The name of the one exported symbol, with its NUL.
pub const ENTRY_SYMBOL: &std::ffi::CStr = c"sigmalab_plugin_entry";

/// Done.
pub const OK: i32 = 0;
/// The run was cancelled; not an error.
pub const CANCELLED: i32 = 1;
/// An argument is out of range, or a struct is too small.
pub const E_ARGUMENT: i32 = -1;
/// The network failed.
pub const E_EVALUATION: i32 = -2;
/// A panic or an exception was caught at the boundary.
pub const E_PANIC: i32 = -3;
/// The numbers broke down.
pub const E_NUMERIC: i32 = -4;
/// The plugin asked the host for what it did not declare, or for what there is not.
pub const E_REFUSED: i32 = -5;

/// Kind of a parameter: a number.
pub const KIND_F64: u32 = 0;
/// Kind of a parameter: a whole number.
pub const KIND_I64: u32 = 1;
/// Kind of a parameter: 0 or 1.
pub const KIND_FLAG: u32 = 2;
/// Kind of a parameter: an index into its choices.
pub const KIND_CHOICE: u32 = 3;

/// Flag of a parameter: show and search it on a logarithmic scale.
pub const PARAM_LOG_SCALE: u32 = 1 << 0;
/// Flag of a parameter: worth searching.
pub const PARAM_TUNABLE: u32 = 1 << 1;

/// Flag of a plugin: it draws noise.
pub const STOCHASTIC: u32 = 1 << 0;
/// Flag of a plugin: it takes steps to σ_next = 0.
pub const SIGMA_ZERO: u32 = 1 << 1;
/// Flag of a plugin: it evaluates both networks apart.
pub const SPLIT: u32 = 1 << 2;

/// Level of a log line.
pub const LOG_DEBUG: u32 = 0;
/// Level of a log line.
pub const LOG_INFO: u32 = 1;
/// Level of a log line.
pub const LOG_WARNING: u32 = 2;

/// Most parameters of a plugin.
pub const MAX_PARAMS: usize = 32;
/// Most choices of a parameter.
pub const MAX_CHOICES: usize = 32;
/// Longest history a plugin may ask for.
pub const MAX_HISTORY: u32 = 16;
/// Most evaluations in one step.
pub const MAX_EVALS: u32 = 16;
/// Highest order that may be declared.
pub const MAX_ORDER: u32 = 8;

/// `sigmalab_error`: the caller's buffer for the words that explain a failure.
#[repr(C)]
#[derive(Debug)]
pub struct ErrorBuffer {
    /// Size of this struct where it was compiled.
    pub struct_size: u32,
    /// Bytes at `message`, the NUL included.
    pub capacity: u32,
    /// UTF-8, ends with NUL.
    pub message: *mut c_char,
}

/// `sigmalab_param`: one parameter.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Size of this struct where it was compiled.
    pub struct_size: u32,
    /// Never used again for another meaning.
    pub id: u32,
    /// `KIND_*`.
    pub kind: u32,
    /// `PARAM_*`.
    pub flags: u32,
    /// Name in TOML files.
    pub key: *const c_char,
    /// A few words for a table.
    pub label: *const c_char,
    /// One sentence.
    pub help: *const c_char,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// The value when none is given.
    pub default_value: f64,
    /// How far one key press moves it; 0 leaves that to the host.
    pub increment: f64,
    /// Names of the choices, or null.
    pub choices: *const *const c_char,
    /// How many there are.
    pub n_choices: u32,
    /// 0.
    pub reserved: u32,
}

/// `sigmalab_history`: an earlier step of the same run.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Size of this struct where it was compiled.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Noise level the step started at.
    pub sigma: f64,
    /// Guidance weight it was taken with.
    pub gw: f64,
    /// Latents at `sigma`.
    pub x: *const f32,
    /// Velocity blended with the present step's gw.
    pub v: *const f32,
    /// The conditional velocity.
    pub v_cond: *const f32,
    /// The unconditional velocity; null where gw was 1.
    pub v_uncond: *const f32,
}

/// `sigmalab_step`: all that a step may depend on.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Size of this struct where it was compiled.
    pub struct_size: u32,
    /// Number of the step in sampling order, from 0.
    pub index: u32,
    /// Noise level of `x`.
    pub sigma: f64,
    /// Noise level to reach.
    pub sigma_next: f64,
    /// Guidance weight.
    pub gw: f64,
    /// Length of every tensor, in floats.
    pub len: u64,
    /// Latents at `sigma`.
    pub x: *const f32,
    /// Velocity at (`x`, `sigma`), blended with `gw`.
    pub v: *const f32,
    /// The conditional velocity there.
    pub v_cond: *const f32,
    /// The unconditional velocity there; null where gw is 1.
    pub v_uncond: *const f32,
    /// Values of the parameters, in declared order.
    pub params: *const f64,
    /// How many there are.
    pub n_params: u32,
    /// min(`index`, declared history length).
    pub n_history: u32,
    /// Earlier steps, newest first.
    pub history: *const *const History,
    /// Where the latents at `sigma_next` go.
    pub out: *mut f32,
}

/// `sigmalab_host.eval`: (ctx, x, σ, gw, v out).
pub type EvalFn = unsafe extern "C" fn(*mut c_void, *const f32, f64, f64, *mut f32) -> i32;
/// `sigmalab_host.eval_split`: (ctx, x, σ, v_cond out, v_uncond out).
pub type EvalSplitFn =
    unsafe extern "C" fn(*mut c_void, *const f32, f64, *mut f32, *mut f32) -> i32;
/// `sigmalab_host.gauss`: (ctx, stream, out).
pub type GaussFn = unsafe extern "C" fn(*mut c_void, u64, *mut f32) -> i32;
/// `sigmalab_host.cancelled`: (ctx).
pub type CancelledFn = unsafe extern "C" fn(*mut c_void) -> i32;
/// `sigmalab_host.log`: (ctx, level, message).
pub type LogFn = unsafe extern "C" fn(*mut c_void, u32, *const c_char);

/// `sigmalab_host`: what the host does for a step.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// Size of this struct where it was compiled.
    pub struct_size: u32,
    /// Version of the header that the host was compiled with.
    pub abi_major: u16,
    /// Version of the header that the host was compiled with.
    pub abi_minor: u16,
    /// First argument of every function.
    pub ctx: *mut c_void,
    /// Blended velocity at a point.
    pub eval: Option<EvalFn>,
    /// Both velocities at a point.
    pub eval_split: Option<EvalSplitFn>,
    /// Standard normal noise.
    pub gauss: Option<GaussFn>,
    /// Whether the run was cancelled.
    pub cancelled: Option<CancelledFn>,
    /// A line for the log; may lie past `struct_size`.
    pub log: Option<LogFn>,
}

/// `sigmalab_plugin.step`: (step, host, error).
pub type StepFn = unsafe extern "C" fn(*const Step, *const Host, *mut ErrorBuffer) -> i32;
/// `sigmalab_plugin.check`: (values, how many, error).
pub type CheckFn = unsafe extern "C" fn(*const f64, u32, *mut ErrorBuffer) -> i32;
/// `sigmalab_plugin_entry`: (the host's major version, the host's minor version).
pub type EntryFn = unsafe extern "C" fn(u32, u32) -> *const Plugin;

/// `sigmalab_plugin`: what a plugin declares.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Plugin {
    /// Size of this struct where it was compiled.
    pub struct_size: u32,
    /// Version of the header that the plugin was compiled with.
    pub abi_major: u16,
    /// Version of the header that the plugin was compiled with.
    pub abi_minor: u16,
    /// Stable name.
    pub id: *const c_char,
    /// Name for lists.
    pub name: *const c_char,
    /// Version of its arithmetic.
    pub version: *const c_char,
    /// A sentence or two.
    pub doc: *const c_char,
    /// `STOCHASTIC`, `SIGMA_ZERO`, `SPLIT`.
    pub flags: u32,
    /// Order of accuracy; 0 claims none.
    pub order: u32,
    /// Most evaluations in one step, the host's own included.
    pub max_evals_per_step: u32,
    /// How many earlier steps it reads.
    pub history_len: u32,
    /// How many parameters it has.
    pub n_params: u32,
    /// 0.
    pub reserved: u32,
    /// Its parameters.
    pub params: *const *const Param,
    /// Takes one step.
    pub step: Option<StepFn>,
    /// Whether parameters go together; may lie past `struct_size`.
    pub check: Option<CheckFn>,
}

/// Smallest [`ErrorBuffer`] that is accepted.
pub const ERROR_MIN_SIZE: u32 = size_of::<ErrorBuffer>() as u32;
/// Smallest [`Param`] that is accepted.
pub const PARAM_MIN_SIZE: u32 = size_of::<Param>() as u32;
/// Smallest [`History`] that is accepted.
pub const HISTORY_MIN_SIZE: u32 = size_of::<History>() as u32;
/// Smallest [`Step`] that is accepted.
pub const STEP_MIN_SIZE: u32 = size_of::<Step>() as u32;
/// Smallest [`Host`] that is accepted.
pub const HOST_MIN_SIZE: u32 = offset_of!(Host, log) as u32;
/// Smallest [`Plugin`] that is accepted.
pub const PLUGIN_MIN_SIZE: u32 = offset_of!(Plugin, check) as u32;

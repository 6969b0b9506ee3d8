//! The C interface as a host of another version, or a careless one, uses it: raw structs in, status
//! codes and words out.

use sigmalab_sampler_sdk::testing::Run;
use sigmalab_sampler_sdk::{
    Error, Host, Info, Level, Param, Params, Sampler, Step, Sum, abi, choices, plugin,
};
use std::ffi::{CStr, c_char, c_void};
use std::mem::size_of;
use std::ptr;

const SCALE: Param = Param::float(7, c"scale", 0.5, 2.0, 1.0).help(c"h").log_scale().tunable();
const TIMES: Param = Param::int(3, c"times", -4, 9, 2).label(c"how often").increment(1.0);
const LOUD: Param = Param::flag(4, c"loud", true);
const FORM: Param = Param::choice(9, c"form", choices![c"plain", c"odd"], 1);

/// Adds up what it is given, so that a test sees that everything arrived.
struct Adding;

impl Sampler for Adding {
    const INFO: Info = Info::new(c"org.test.adding", c"Adding", c"3.1.4", c"Adds.")
        .order(2)
        .evaluations(3)
        .history(2)
        .params(&[SCALE, TIMES, LOUD, FORM])
        .stochastic()
        .split()
        .reaches_zero();

    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        host.log(Level::Info, "step\0taken");
        let p = &step.params;
        let numbers = p.float(&SCALE) + p.int(&TIMES) as f64 + p.choice(&FORM) as f64;
        let ones = vec![1.0; out.len()];
        let constant = numbers + f64::from(u8::from(p.flag(&LOUD))) + step.index as f64;
        let mut sum = Sum::of(1.0, step.x).plus(1.0, step.v).plus(1.0, step.v_cond);
        sum = sum.plus(constant, &ones);
        for past in step.history {
            sum = sum.plus(past.sigma, past.x).plus(past.gw, past.v).plus(1.0, past.v_cond);
            if let Some(v_uncond) = past.v_uncond {
                sum = sum.plus(1.0, v_uncond);
            }
        }
        sum.write(out);
        Ok(())
    }

    fn check(params: &Params<'_>) -> Result<(), Error> {
        if params.float(&SCALE) > 1.0 && params.flag(&LOUD) {
            return Err("loud goes with a scale of 1 at most".into());
        }
        Ok(())
    }
}

/// Fails in the way that the first parameter says.
struct Failing;

const HOW: Param = Param::int(1, c"how", 0, 99, 0);

/// A panic whose words cannot be read, and which panics again when it is dropped.
struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl Sampler for Failing {
    const INFO: Info = Info::new(c"org.test.failing", c"", c"1", c"").params(&[HOW]);

    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        match step.params.int(&HOW) {
            0 => panic!("index {} is out of range", 12),
            1 => std::panic::panic_any(Spiteful),
            2 => Err("σ is two bytes".into()),
            3 => Err(Error::Argument("argument".into())),
            4 => Err(Error::Numeric("numeric".into())),
            5 => host.evaluate(step.x, 0.5, 1.0, out),
            6 => host.gaussian(0, out),
            7 => host.evaluate(step.x, 0.5, 1.0, &mut out[1..]),
            8 => {
                Sum::of(1.0, &step.x[1..]).write(out);
                Ok(())
            }
            9 => Err(Error::Host(abi::OK)),
            10 => {
                let mut uncond = out.to_vec();
                host.evaluate_split(step.x, 0.5, out, &mut uncond)
            }
            _ => Ok(()),
        }
    }

    fn check(_: &Params<'_>) -> Result<(), Error> {
        panic!("in a check")
    }
}

/// A struct of the interface as a newer host has it: with fields that this version knows nothing of.
#[repr(C)]
struct Newer<T> {
    known: T,
    unknown: [u64; 5],
}

fn newer<T>(known: T) -> Newer<T> {
    // The first field of every struct is its size.
    let mut newer = Newer { known, unknown: [u64::MAX; 5] };
    unsafe { ptr::from_mut(&mut newer.known).cast::<u32>().write(size_of::<Newer<T>>() as u32) };
    newer
}

const X: [f32; 3] = [1.0, 2.0, 3.0];
const V: [f32; 3] = [10.0, 20.0, 30.0];

fn step(params: &[f64], history: &[*const abi::History], out: &mut [f32; 3]) -> abi::Step {
    abi::Step {
        struct_size: size_of::<abi::Step>() as u32,
        index: 5,
        sigma: 0.5,
        sigma_next: 0.25,
        gw: 1.0,
        len: 3,
        x: X.as_ptr(),
        v: V.as_ptr(),
        v_cond: V.as_ptr(),
        v_uncond: ptr::null(),
        params: params.as_ptr(),
        n_params: params.len() as u32,
        n_history: history.len() as u32,
        history: history.as_ptr(),
        out: out.as_mut_ptr(),
    }
}

fn past() -> abi::History {
    abi::History {
        struct_size: size_of::<abi::History>() as u32,
        reserved: 0,
        sigma: 0.75,
        gw: 2.0,
        x: X.as_ptr(),
        v: V.as_ptr(),
        v_cond: V.as_ptr(),
        v_uncond: V.as_ptr(),
    }
}

unsafe extern "C" fn eval(_: *mut c_void, _: *const f32, _: f64, _: f64, _: *mut f32) -> i32 {
    abi::E_EVALUATION
}

unsafe extern "C" fn split(_: *mut c_void, _: *const f32, _: f64, _: *mut f32, _: *mut f32) -> i32 {
    77
}

unsafe extern "C" fn gauss(_: *mut c_void, _: u64, _: *mut f32) -> i32 {
    abi::CANCELLED
}

unsafe extern "C" fn cancelled(_: *mut c_void) -> i32 {
    0
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, message: *const c_char) {
    let (lines, message) = unsafe { (&mut *ctx.cast::<Vec<String>>(), CStr::from_ptr(message)) };
    lines.push(format!("{level} {}", message.to_str().unwrap()));
}

fn host(lines: &mut Vec<String>) -> abi::Host {
    abi::Host {
        struct_size: size_of::<abi::Host>() as u32,
        abi_major: 1,
        abi_minor: 0,
        ctx: ptr::from_mut(lines).cast(),
        eval: Some(eval),
        eval_split: Some(split),
        gauss: Some(gauss),
        cancelled: Some(cancelled),
        log: Some(log),
    }
}

fn call<S: Sampler>(step: *const abi::Step, host: *const abi::Host) -> (i32, String) {
    let mut words = [b'?'; 512];
    words[0] = 0;
    let mut error = abi::ErrorBuffer {
        struct_size: size_of::<abi::ErrorBuffer>() as u32,
        capacity: words.len() as u32,
        message: words.as_mut_ptr().cast(),
    };
    let code = unsafe { plugin::<S>().step.unwrap()(step, host, &mut error) };
    (code, CStr::from_bytes_until_nul(&words).unwrap().to_str().unwrap().to_owned())
}

fn fails(how: f64) -> (i32, String) {
    let (mut out, mut lines) = ([0.0; 3], Vec::new());
    call::<Failing>(&step(&[how], &[], &mut out), &host(&mut lines))
}

const VALUES: [f64; 4] = [0.5, 2.0, 1.0, 1.0];

/// What `Adding` makes of [`VALUES`] and two entries of [`past`].
fn added() -> [f32; 3] {
    let constant = VALUES.iter().sum::<f64>() as f32 + 5.0;
    let history = |k: usize| 0.75 * X[k] + 2.0 * V[k] + V[k] + V[k];
    std::array::from_fn(|k| X[k] + 2.0 * V[k] + constant + 2.0 * history(k))
}

#[test]
fn structs_of_this_version_arrive_whole() {
    let (mut out, mut lines) = ([0.0; 3], Vec::new());
    let (a, b) = (past(), past());
    let history: [*const abi::History; 2] = [&a, &b];
    let raw = step(&VALUES, &history, &mut out);
    assert_eq!(call::<Adding>(&raw, &host(&mut lines)), (abi::OK, String::new()));
    assert_eq!(out, added());
    assert_eq!(lines, ["1 step\u{fffd}taken"]);
}

#[test]
fn structs_of_a_newer_host_are_read_as_far_as_they_are_known() {
    let (mut out, mut lines) = ([0.0; 3], Vec::new());
    let (a, b) = (newer(past()), newer(past()));
    let history: [*const abi::History; 2] = [&a.known, &b.known];
    let raw = newer(step(&VALUES, &history, &mut out));
    let table = newer(abi::Host { abi_minor: 7, ..host(&mut lines) });
    assert_eq!(call::<Adding>(&raw.known, &table.known), (abi::OK, String::new()));
    assert_eq!(out, added());
    assert_eq!(a.unknown, [u64::MAX; 5]);
}

#[test]
fn the_smallest_host_of_version_1_0_is_enough() {
    let (mut out, mut lines) = ([0.0; 3], Vec::new());
    let (a, b) = (past(), past());
    let history: [*const abi::History; 2] = [&a, &b];
    let raw = step(&VALUES, &history, &mut out);
    // The field behind the end holds a function, which must not be called.
    let table = abi::Host { struct_size: abi::HOST_MIN_SIZE, ..host(&mut lines) };
    assert_eq!(call::<Adding>(&raw, &table), (abi::OK, String::new()));
    assert_eq!(out, added());
    assert_eq!(lines, [""; 0]);
}

#[test]
fn structs_that_are_too_small_are_refused_with_their_name() {
    let (mut out, mut lines) = ([0.0; 3], Vec::new());
    let small = abi::History { struct_size: abi::HISTORY_MIN_SIZE - 8, ..past() };
    let (fine, table) = (step(&VALUES, &[], &mut out), host(&mut lines));
    let history: [*const abi::History; 1] = [&small];
    let with_past = step(&VALUES, &history, &mut out);
    let cases = [
        (abi::Step { struct_size: abi::STEP_MIN_SIZE - 1, ..fine }, table, "sigmalab_step"),
        (fine, abi::Host { struct_size: abi::HOST_MIN_SIZE - 1, ..table }, "sigmalab_host"),
        (with_past, table, "sigmalab_history"),
    ];
    for (raw, table, name) in cases {
        let (code, words) = call::<Adding>(&raw, &table);
        assert_eq!(code, abi::E_ARGUMENT);
        assert!(words.contains(name), "{words}");
    }
}

#[test]
fn what_a_host_forgot_is_a_bad_argument_and_no_crash() {
    let (mut out, mut lines) = ([0.0; 3], Vec::new());
    let (fine, table) = (step(&VALUES, &[], &mut out), host(&mut lines));
    let without_tensor = abi::History { v_cond: ptr::null(), ..past() };
    let histories: [[*const abi::History; 1]; 2] = [[ptr::null()], [&without_tensor]];
    let cases = [
        abi::Step { x: ptr::null(), ..fine },
        abi::Step { v: ptr::null(), ..fine },
        abi::Step { v_cond: ptr::null(), ..fine },
        abi::Step { out: ptr::null_mut(), ..fine },
        abi::Step { len: 0, ..fine },
        abi::Step { params: ptr::null(), ..fine },
        abi::Step { n_params: 3, ..fine },
        step(&VALUES, &histories[0], &mut out),
        step(&VALUES, &histories[1], &mut out),
    ];
    for raw in &cases {
        assert_eq!(call::<Adding>(raw, &table).0, abi::E_ARGUMENT, "{raw:?}");
    }
    assert_eq!(call::<Adding>(ptr::null(), &table).0, abi::E_ARGUMENT);
    assert_eq!(call::<Adding>(&fine, ptr::null()).0, abi::E_ARGUMENT);
    let other = abi::Host { abi_major: 2, ..table };
    assert_eq!(call::<Adding>(&fine, &other), (abi::E_ARGUMENT, "the host has ABI 2".into()));
    let raw = step(&[5.0], &[], &mut out);
    assert_eq!(call::<Failing>(&raw, &abi::Host { eval: None, ..table }).0, abi::E_ARGUMENT);
}

#[test]
fn a_panic_is_a_code_with_its_words() {
    assert_eq!(fails(0.0), (abi::E_PANIC, "index 12 is out of range".into()));
    assert_eq!(fails(1.0), (abi::E_PANIC, "panicked without words".into()));
    let check = plugin::<Failing>().check.unwrap();
    assert_eq!(unsafe { check([0.0].as_ptr(), 1, ptr::null_mut()) }, abi::E_PANIC);
}

#[test]
fn a_tensor_of_the_wrong_length_is_a_failure_with_words() {
    assert_eq!(fails(7.0), (abi::E_ARGUMENT, "tensors have 3 values, not [3, 2]".into()));
    let (code, words) = fails(8.0);
    assert_eq!(code, abi::E_PANIC);
    assert!(words.contains("length of the output"), "{words}");
}

#[test]
fn errors_have_their_codes() {
    assert!(fails(2.0).0 < abi::E_REFUSED);
    assert_eq!(fails(2.0).1, "σ is two bytes");
    assert_eq!(fails(3.0), (abi::E_ARGUMENT, "argument".into()));
    assert_eq!(fails(4.0), (abi::E_NUMERIC, "numeric".into()));
    // An error is never a success.
    assert!(fails(9.0).0 < 0);
}

#[test]
fn codes_of_the_host_come_back_as_they_were() {
    assert_eq!(fails(5.0).0, abi::E_EVALUATION);
    assert_eq!(fails(6.0), (abi::CANCELLED, String::new()));
    assert_eq!(fails(10.0).0, 77);
}

#[test]
fn words_are_cut_between_characters_and_end_with_nul() {
    let (mut out, mut lines) = ([0.0; 3], Vec::new());
    let (raw, table) = (step(&[2.0], &[], &mut out), host(&mut lines));
    let words = |capacity: u32, struct_size: usize| {
        let mut buffer = [b'?'; 32];
        let message = buffer.as_mut_ptr().cast();
        let struct_size = struct_size as u32;
        let mut error = abi::ErrorBuffer { struct_size, capacity, message };
        unsafe { plugin::<Failing>().step.unwrap()(&raw, &table, &mut error) };
        buffer
    };
    let size = size_of::<abi::ErrorBuffer>();
    // "σ" is two bytes: it fits with its NUL or not at all.
    let all = "σ is two bytes";
    for (capacity, kept) in [(1, ""), (2, ""), (3, "σ"), (4, "σ "), (15, &all[..14]), (16, all)] {
        let buffer = words(capacity, size);
        let text = CStr::from_bytes_until_nul(&buffer).unwrap().to_str();
        assert_eq!(text, Ok(kept), "{capacity}");
        assert!(buffer[capacity as usize..].iter().all(|byte| *byte == b'?'), "{capacity}");
    }
    assert_eq!(words(0, size), [b'?'; 32]);
    assert_eq!(words(32, size - 1), [b'?'; 32]);
    let none = unsafe { plugin::<Failing>().step.unwrap()(&raw, &table, ptr::null_mut()) };
    assert!(none < 0);
    let message = ptr::null_mut();
    let mut nowhere = abi::ErrorBuffer { struct_size: size as u32, capacity: 9, message };
    assert!(unsafe { plugin::<Failing>().step.unwrap()(&raw, &table, &mut nowhere) } < 0);
}

fn text(pointer: *const c_char) -> &'static str {
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap()
}

#[test]
fn a_plugin_declares_what_its_sampler_says() {
    let it = plugin::<Adding>();
    assert_eq!(
        [it.id, it.name, it.version, it.doc].map(text),
        ["org.test.adding", "Adding", "3.1.4", "Adds."]
    );
    assert_eq!((it.struct_size, it.abi_major, it.abi_minor), (88, 1, 0));
    assert_eq!((it.order, it.max_evals_per_step, it.history_len), (2, 3, 2));
    assert_eq!(it.flags, abi::STOCHASTIC | abi::SPLIT | abi::SIGMA_ZERO);
    let params = unsafe { std::slice::from_raw_parts(it.params, it.n_params as usize) };
    let [scale, times, loud, form] = params else { panic!("{}", params.len()) };
    let [scale, times, loud, form] = [scale, times, loud, form].map(|p| unsafe { &**p });
    assert_eq!(
        [scale, times, loud, form].map(|p| (p.struct_size, p.id, p.kind, p.min, p.max)),
        [
            (88, 7, abi::KIND_F64, 0.5, 2.0),
            (88, 3, abi::KIND_I64, -4.0, 9.0),
            (88, 4, abi::KIND_FLAG, 0.0, 1.0),
            (88, 9, abi::KIND_CHOICE, 0.0, 1.0),
        ]
    );
    assert_eq!([scale, times, loud, form].map(|p| p.default_value), [1.0, 2.0, 1.0, 1.0]);
    assert_eq!(scale.flags, abi::PARAM_LOG_SCALE | abi::PARAM_TUNABLE);
    assert_eq!((text(scale.key), text(scale.label), text(scale.help)), ("scale", "scale", "h"));
    assert_eq!((text(times.label), times.increment, times.n_choices), ("how often", 1.0, 0));
    assert!(times.choices.is_null());
    let names = unsafe { std::slice::from_raw_parts(form.choices, form.n_choices as usize) };
    assert_eq!(names.iter().copied().map(text).collect::<Vec<_>>(), ["plain", "odd"]);
}

#[test]
fn a_plugin_refuses_a_host_of_another_major_version() {
    use sigmalab_sampler_sdk::entry;
    assert!(entry::<Adding>(2, 0).is_null() && entry::<Adding>(0, 9).is_null());
    assert!(!entry::<Adding>(1, 0).is_null() && !entry::<Adding>(1, 9).is_null());
}

#[test]
fn a_check_says_which_parameters_do_not_go_together() {
    let mut words = [0u8; 64];
    let mut check = |values: &[f64]| {
        let mut error = abi::ErrorBuffer {
            struct_size: size_of::<abi::ErrorBuffer>() as u32,
            capacity: words.len() as u32,
            message: words.as_mut_ptr().cast(),
        };
        let call = plugin::<Adding>().check.unwrap();
        unsafe { call(values.as_ptr(), values.len() as u32, &mut error) }
    };
    assert_eq!(check(&[1.0, 2.0, 1.0, 0.0]), abi::OK);
    assert_eq!(check(&[1.0, 2.0, 1.0]), abi::E_ARGUMENT);
    assert!(check(&[2.0, 2.0, 1.0, 0.0]) < 0);
    let words = CStr::from_bytes_until_nul(&words).unwrap().to_str().unwrap();
    assert_eq!(words, "loud goes with a scale of 1 at most");
}

/// Asks the test host for something.
struct Asking;

const WHAT: Param = Param::int(1, c"what", 0, 9, 0);

impl Sampler for Asking {
    const INFO: Info = Info::new(c"org.test.asking", c"", c"1", c"").params(&[WHAT]);

    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error> {
        let mut other = out.to_vec();
        match step.params.int(&WHAT) {
            0 => host.evaluate(step.x, step.sigma, step.gw, out),
            1 => host.gaussian(0, out),
            2 => host.evaluate_split(step.x, step.sigma, out, &mut other),
            // What it was refused it must not hide.
            3 => {
                let _ = host.evaluate(step.x, step.sigma, step.gw, &mut other);
                out.fill(0.0);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn the_test_host_refuses_what_was_not_declared() {
    for what in [0.0, 1.0, 2.0, 3.0] {
        let run = Run::new(plugin::<Asking>(), vec![0.9, 0.5]).params(&[what]);
        assert_eq!(run.go().unwrap_err().code, abi::E_REFUSED, "{what}");
    }
    // Nothing was written: the test host had put NaN there.
    let run = Run::new(plugin::<Asking>(), vec![0.9, 0.5]).params(&[4.0]);
    assert_eq!(run.go().unwrap_err().code, abi::E_NUMERIC);
}

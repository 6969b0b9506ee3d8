//! The boundary: turns a [`Sampler`] into the functions and the table of the C interface. Every
//! exported function checks what it is given and catches panics; nothing else here is unsafe to use.

use crate::abi;
use crate::error::{Error, write_words};
use crate::host::Host;
use crate::info::{Info, Param, Params};
use crate::step::{Past, Step};
use std::any::Any;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// A sampler. It has no state: the same step and the same evaluations give the same bits.
pub trait Sampler: 'static {
    /// What it is.
    const INFO: Info;

    /// Writes the latents at `step.sigma_next` into `out`, as long as `step.x`. What `out` holds
    /// before is of no use; it may serve as scratch.
    ///
    /// # Errors
    /// Where an evaluation fails (hand it on with `?`) or the sampler gives up.
    fn step(step: &Step<'_>, host: &Host<'_>, out: &mut [f32]) -> Result<(), Error>;

    /// Whether these values go together: what the bounds of single parameters cannot say. Called
    /// before a run, with every value within its bounds.
    ///
    /// # Errors
    /// Where they do not; say which and why.
    fn check(params: &Params<'_>) -> Result<(), Error> {
        let _ = params;
        Ok(())
    }
}

/// Exports a [`Sampler`] as the one sampler of this library.
#[macro_export]
macro_rules! export {
    ($sampler:ty) => {
        /// The entry of the plugin: what it is.
        #[allow(unsafe_code)]
        // SAFETY: the name belongs to the interface; a library defines it once.
        #[unsafe(no_mangle)]
        pub extern "C" fn sigmalab_plugin_entry(
            host_major: u32,
            host_minor: u32,
        ) -> *const $crate::abi::Plugin {
            $crate::entry::<$sampler>(host_major, host_minor)
        }
    };
}

/// A plugin's table whose pointers are known to be good, so that using it is safe: one of
/// [`plugin`], or one that somebody vouches for.
#[derive(Debug, Clone, Copy)]
pub struct Table(&'static abi::Plugin);

impl Table {
    /// A table that was not made by [`plugin`], such as one of a sampler in C.
    ///
    /// # Safety
    /// Its pointers and functions keep the header's rules for as long as the process lives.
    #[allow(unsafe_code)]
    pub const unsafe fn vouched(table: &'static abi::Plugin) -> Self {
        Table(table)
    }

    /// The table itself.
    pub const fn get(self) -> &'static abi::Plugin {
        self.0
    }
}

impl std::ops::Deref for Table {
    type Target = abi::Plugin;

    fn deref(&self) -> &abi::Plugin {
        self.0
    }
}

/// What `S` is, as the entry point of its library returns it. A test may use it without one.
pub const fn plugin<S: Sampler>() -> Table {
    Table(Exported::<S>::PLUGIN)
}

/// What [`export!`](crate::export!) calls: the table, or null for a host of another major version.
pub fn entry<S: Sampler>(host_major: u32, _host_minor: u32) -> *const abi::Plugin {
    if host_major == u32::from(abi::ABI_MAJOR) { plugin::<S>().get() } else { ptr::null() }
}

struct Exported<S>(S);

impl<S: Sampler> Exported<S> {
    const INFO: &'static Info = &S::INFO;

    /// Longer than needed: an array's length cannot depend on `S`.
    const PARAMS: &'static [*const abi::Param; abi::MAX_PARAMS] = &{
        let mut pointers = [ptr::null(); abi::MAX_PARAMS];
        let mut index = 0;
        while index < Self::INFO.params.len() {
            let param: *const Param = &Self::INFO.params[index];
            pointers[index] = param.cast();
            index += 1;
        }
        pointers
    };

    const PLUGIN: &'static abi::Plugin = &abi::Plugin {
        struct_size: size_of::<abi::Plugin>() as u32,
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        id: Self::INFO.id.as_ptr(),
        name: Self::INFO.name.as_ptr(),
        version: Self::INFO.version.as_ptr(),
        doc: Self::INFO.doc.as_ptr(),
        flags: Self::INFO.flags,
        order: Self::INFO.order,
        max_evals_per_step: Self::INFO.evaluations,
        history_len: Self::INFO.history,
        n_params: Self::INFO.params.len() as u32,
        reserved: 0,
        params: Self::PARAMS.as_ptr(),
        step: Some(step::<S>),
        check: Some(check::<S>),
    };
}

/// `sigmalab_plugin.step`.
unsafe extern "C" fn step<S: Sampler>(
    raw: *const abi::Step,
    host: *const abi::Host,
    error: *mut abi::ErrorBuffer,
) -> i32 {
    guard(error, || {
        // SAFETY: the host passes structs that keep the header's rules, valid for this call.
        let (raw, table) = unsafe {
            (
                read(raw, abi::STEP_MIN_SIZE, "sigmalab_step")?,
                read(host, abi::HOST_MIN_SIZE, "sigmalab_host")?,
            )
        };
        if table.abi_major != abi::ABI_MAJOR {
            return Err(Error::Argument(format!("the host has ABI {}", table.abi_major)));
        }
        let len = usize::try_from(raw.len).unwrap_or(0);
        if raw.x.is_null()
            || raw.v.is_null()
            || raw.v_cond.is_null()
            || raw.out.is_null()
            || len == 0
        {
            return Err(Error::Argument("the host passed no tensor".to_owned()));
        }
        // SAFETY: arrays of the lengths that stand beside them, valid for this call.
        let params = unsafe { params::<S>(raw.params, raw.n_params)? };
        // SAFETY: as above.
        let pointers = unsafe { slice(raw.history, raw.n_history as usize) };
        let mut history = Vec::with_capacity(pointers.len());
        for &entry in pointers {
            // SAFETY: every entry keeps the header's rules, and its tensors have `len` floats.
            history.push(unsafe {
                past(read(entry, abi::HISTORY_MIN_SIZE, "sigmalab_history")?, len)?
            });
        }
        // SAFETY: the tensors have `len` floats; `out` overlaps no other and is this call's alone.
        let (step, out) = unsafe {
            let step = Step {
                index: raw.index as usize,
                sigma: raw.sigma,
                sigma_next: raw.sigma_next,
                gw: raw.gw,
                params,
                x: slice(raw.x, len),
                v: slice(raw.v, len),
                v_cond: slice(raw.v_cond, len),
                v_uncond: (!raw.v_uncond.is_null()).then(|| slice(raw.v_uncond, len)),
                history: &history,
            };
            (step, std::slice::from_raw_parts_mut(raw.out, len))
        };
        // SAFETY: the table is the host's, for this call and tensors of this length.
        S::step(&step, &unsafe { Host::new(table, len) }, out)
    })
}

/// `sigmalab_plugin.check`.
unsafe extern "C" fn check<S: Sampler>(
    values: *const f64,
    n_values: u32,
    error: *mut abi::ErrorBuffer,
) -> i32 {
    // SAFETY: an array of the length that stands beside it, valid for this call.
    guard(error, || S::check(&unsafe { params::<S>(values, n_values)? }))
}

/// Runs `call`; an error or a panic becomes a code, and words in `error`.
fn guard(error: *mut abi::ErrorBuffer, call: impl FnOnce() -> Result<(), Error>) -> i32 {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let Err(failure) = call() else { return abi::OK };
        if !matches!(failure, Error::Cancelled) {
            // SAFETY: the caller's buffer, as the header describes it.
            unsafe { write_words(error, &failure.to_string()) };
        }
        failure.code()
    }));
    caught.unwrap_or_else(|payload| {
        // SAFETY: as above. Nothing here allocates or panics.
        unsafe { write_words(error, panic_words(&*payload)) };
        // Dropping a payload can panic again.
        std::mem::forget(payload);
        abi::E_PANIC
    })
}

fn panic_words(payload: &(dyn Any + Send)) -> &str {
    let words = payload.downcast_ref::<&'static str>().copied();
    let words = words.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    words.unwrap_or("panicked without words")
}

/// Copies as much of a struct as the other side has of it; the rest is 0 or null.
///
/// # Safety
/// `from` is null or points to at least 4 bytes, and to as many as they say. All-zero bytes are a
/// `T`.
unsafe fn read<T: Copy>(from: *const T, least: u32, name: &str) -> Result<T, Error> {
    if from.is_null() {
        return Err(Error::Argument(format!("the host passed no {name}")));
    }
    // SAFETY: every struct of the interface begins with its size.
    let size = unsafe { from.cast::<u32>().read() };
    if size < least {
        let words = format!("the host's {name} has {size} bytes; at least {least} are needed");
        return Err(Error::Argument(words));
    }
    let mut to = std::mem::MaybeUninit::<T>::zeroed();
    let bytes = (size as usize).min(size_of::<T>());
    // SAFETY: `bytes` lie within both; what was not copied is zero, which is a `T`.
    unsafe {
        ptr::copy_nonoverlapping(from.cast::<u8>(), to.as_mut_ptr().cast::<u8>(), bytes);
        Ok(to.assume_init())
    }
}

/// # Safety
/// `data` is null, or points to `len` values that stay as they are while `'a` lasts.
unsafe fn slice<'a, T>(data: *const T, len: usize) -> &'a [T] {
    // SAFETY: as the caller promises.
    if data.is_null() { &[] } else { unsafe { std::slice::from_raw_parts(data, len) } }
}

/// # Safety
/// As [`slice()`].
unsafe fn params<'a, S: Sampler>(values: *const f64, n_values: u32) -> Result<Params<'a>, Error> {
    // SAFETY: as the caller promises.
    let values = unsafe { slice(values, n_values as usize) };
    let table = Exported::<S>::INFO.params;
    if values.len() != table.len() {
        let words = format!("{} parameters are declared, {} came", table.len(), values.len());
        return Err(Error::Argument(words));
    }
    Ok(Params { table, values })
}

/// # Safety
/// The tensors of `raw` have `len` floats that stay as they are while `'a` lasts.
unsafe fn past<'a>(raw: abi::History, len: usize) -> Result<Past<'a>, Error> {
    if raw.x.is_null() || raw.v.is_null() || raw.v_cond.is_null() {
        return Err(Error::Argument("the host passed a history without tensors".to_owned()));
    }
    // SAFETY: as the caller promises.
    unsafe {
        Ok(Past {
            sigma: raw.sigma,
            gw: raw.gw,
            x: slice(raw.x, len),
            v: slice(raw.v, len),
            v_cond: slice(raw.v_cond, len),
            v_uncond: (!raw.v_uncond.is_null()).then(|| slice(raw.v_uncond, len)),
        })
    }
}

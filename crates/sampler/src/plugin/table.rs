//! Reading what a plugin declares, out of its memory and into ours. Every pointer is looked at
//! before it is followed and every string has an end; what is read is judged in `validate.rs`.
#![allow(unsafe_code)]

use super::fault::Fault;
use super::validate::{self, Declared, DeclaredParam};
use crate::{Param, SamplerInfo};
use sigmalab_sampler_sdk::abi::{self, CheckFn, EntryFn, StepFn};
use std::ffi::c_char;
use std::mem::{MaybeUninit, offset_of, size_of};

/// What a plugin declares, and how it is called.
pub(super) struct Table {
    pub(super) info: SamplerInfo,
    pub(super) step: StepFn,
    pub(super) check: Option<CheckFn>,
}

/// Calls the entry point and reads the table.
///
/// # Safety
/// `entry` must be the symbol `sigmalab_plugin_entry` of a library that stays loaded, and the
/// library must keep to the header: no check can tell a pointer to its memory from a wild one.
pub(super) unsafe fn read(entry: EntryFn) -> Result<Table, Fault> {
    // SAFETY: the caller vouches for the function; it takes two numbers.
    let table = unsafe { entry(u32::from(abi::ABI_MAJOR), u32::from(abi::ABI_MINOR)) };
    if table.is_null() {
        return Err(Fault::Refuses);
    }
    aligned("table", table)?;
    // SAFETY: not null and aligned; the first eight bytes are the same in every major version.
    let (major, minor) = unsafe { ((*table).abi_major, (*table).abi_minor) };
    if major != abi::ABI_MAJOR {
        return Err(Fault::Version { major, minor });
    }
    // SAFETY: as above, and the plugin has the layout of our major version.
    let table: abi::Plugin = unsafe { copy("table", table, abi::PLUGIN_MIN_SIZE) }?;
    let step = table.step.ok_or_else(|| Fault::Null("function `step`".to_owned()))?;
    let declared = Declared {
        // SAFETY: strings of a table that keeps to the header end with NUL; so in the following.
        id: unsafe { text("id", table.id, 64) }?,
        // SAFETY: see above.
        name: unsafe { text("name", table.name, 64) }?,
        // SAFETY: see above.
        version: unsafe { text("version", table.version, 32) }?,
        // SAFETY: see above.
        doc: unsafe { text("doc", table.doc, 1024) }?,
        flags: table.flags,
        order: table.order,
        max_evals_per_step: table.max_evals_per_step,
        history_len: table.history_len,
        // SAFETY: the table says how many there are; the number is bounded before it is used.
        params: unsafe { params(&table) }?,
    };
    Ok(Table { info: validate::judge(declared)?, step, check: table.check })
}

/// # Safety
/// `table.params` must point to `table.n_params` pointers to parameters.
unsafe fn params(table: &abi::Plugin) -> Result<Vec<Param>, Fault> {
    validate::range("number of parameters", table.n_params, 0, abi::MAX_PARAMS as u32)?;
    // SAFETY: the caller vouches for the array.
    let pointers = unsafe { array("params", table.params, table.n_params as usize) }?;
    let mut params: Vec<(u32, Param)> = Vec::new();
    for (number, pointer) in pointers.into_iter().enumerate() {
        // SAFETY: a pointer of the array points to a parameter.
        let declared = unsafe { param(number, pointer) }?;
        let id = declared.id;
        let param = validate::judge_param(number, declared)?;
        validate::unlike_others(&params, id, &param)?;
        params.push((id, param));
    }
    Ok(params.into_iter().map(|(_, param)| param).collect())
}

/// # Safety
/// `pointer` must be null or point to a parameter.
unsafe fn param(number: usize, pointer: *const abi::Param) -> Result<DeclaredParam, Fault> {
    let named = |what: &str| format!("{what} of parameter {number}");
    // SAFETY: the caller vouches for the pointer.
    let param: abi::Param =
        unsafe { copy(&format!("parameter {number}"), pointer, abi::PARAM_MIN_SIZE) }?;
    validate::range("number of choices", param.n_choices, 0, abi::MAX_CHOICES as u32)?;
    // SAFETY: the parameter says how many there are.
    let pointers = unsafe { array(&named("choices"), param.choices, param.n_choices as usize) }?;
    let mut choices = Vec::new();
    for pointer in pointers {
        // SAFETY: strings end with NUL.
        choices.push(unsafe { text(&named("choice"), pointer, 32) }?);
    }
    Ok(DeclaredParam {
        id: param.id,
        kind: param.kind,
        flags: param.flags,
        // SAFETY: strings end with NUL; so in the following.
        key: unsafe { text(&named("key"), param.key, 32) }?,
        // SAFETY: see above.
        label: unsafe { text(&named("label"), param.label, 32) }?,
        // SAFETY: see above.
        help: unsafe { text(&named("help"), param.help, 512) }?,
        min: param.min,
        max: param.max,
        default: param.default_value,
        increment: param.increment,
        choices,
    })
}

/// A struct that begins with its size, and of which any bytes, all zeros too, are a value.
///
/// # Safety
/// The type is `repr(C)`, its first field is a `u32`, and all zeros are one of its values.
unsafe trait Sized32: Copy {}

// SAFETY: numbers, pointers and optional functions, behind a `struct_size`.
unsafe impl Sized32 for abi::Plugin {}
// SAFETY: numbers and pointers, behind a `struct_size`.
unsafe impl Sized32 for abi::Param {}

const _: () = assert!(offset_of!(abi::Plugin, struct_size) == 0);
const _: () = assert!(offset_of!(abi::Param, struct_size) == 0);

/// A copy of the struct at `pointer`. Fields that its size leaves out are zero; what it has
/// beyond the fields we know is left alone.
///
/// # Safety
/// `pointer` must be null, or point to as many bytes as the number there says.
unsafe fn copy<T: Sized32>(what: &str, pointer: *const T, least: u32) -> Result<T, Fault> {
    if pointer.is_null() {
        return Err(Fault::Null(what.to_owned()));
    }
    aligned(what, pointer)?;
    // SAFETY: not null, aligned, and every struct of the interface begins with its size.
    let size = unsafe { pointer.cast::<u32>().read() };
    if size < least {
        return Err(Fault::TooSmall { what: what.to_owned(), found: size, least });
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the struct has `size` bytes, ours `size_of::<T>()`, and they do not overlap; all
    // zeros are a value, so every part of `value` is one.
    unsafe {
        let bytes = (size as usize).min(size_of::<T>());
        value.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(pointer.cast::<u8>(), bytes);
        Ok(value.assume_init())
    }
}

/// # Safety
/// `pointer` must be null or point to `count` pointers.
unsafe fn array<T>(
    what: &str,
    pointer: *const *const T,
    count: usize,
) -> Result<Vec<*const T>, Fault> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if pointer.is_null() {
        return Err(Fault::Null(what.to_owned()));
    }
    aligned(what, pointer)?;
    // SAFETY: not null, aligned, and the caller vouches for the length.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) }.to_vec())
}

/// # Safety
/// `pointer` must be null or point to bytes of which one is NUL.
unsafe fn text(what: &str, pointer: *const c_char, most: usize) -> Result<String, Fault> {
    let fault = |problem: String| Fault::Text { what: what.to_owned(), problem };
    if pointer.is_null() {
        return Err(Fault::Null(what.to_owned()));
    }
    let mut bytes = Vec::new();
    loop {
        // SAFETY: no byte before this one was NUL.
        let byte = unsafe { pointer.add(bytes.len()).read() } as u8;
        match byte {
            0 => break,
            _ if bytes.len() == most => {
                return Err(fault(format!("is longer than {most} bytes")));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| fault("is not UTF-8".to_owned()))
}

fn aligned<T>(what: &str, pointer: *const T) -> Result<(), Fault> {
    if pointer.is_aligned() { Ok(()) } else { Err(Fault::Misaligned(what.to_owned())) }
}

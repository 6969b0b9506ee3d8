//! One call across the boundary: a step's input as the header lays it out, and what came back.
#![allow(unsafe_code)]

use super::callbacks::{self, Context};
use super::message::{Message, failure_in_words};
use super::open::Opened;
use super::watch::Watch;
use crate::{Host, SamplerError, StepInput};
use sigmalab_sampler_sdk::abi;
use std::ffi::c_void;
use std::mem::size_of;

/// How the structs of a call are laid out. Hosts of other minor versions than this one differ in
/// it; the check plays them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
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
pub(crate) struct Call<'a> {
    pub(crate) plugin: &'a Opened,
    pub(crate) watch: &'a Watch,
    /// How the structs are laid out.
    pub(crate) shape: Shape,
}

/// What a step did besides its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent {
    /// Evaluations that the plugin asked for; the host's own is not among them.
    pub(crate) evaluations: u32,
    /// The code that it returned.
    pub(crate) code: i32,
}

impl Call<'_> {
    /// Takes a step into `out`, which the plugin may write to as it likes until it returns. The
    /// caller looks at what is written around it, and at the values.
    pub(crate) fn step(
        &self,
        input: &StepInput<'_>,
        host: &mut dyn Host,
        out: *mut [f32],
    ) -> (Result<(), SamplerError>, Spent) {
        let mut context = Context::new(host, self.plugin.info(), input.x.len(), self.watch);
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
            eval: Some(callbacks::eval),
            eval_split: Some(callbacks::eval_split),
            gauss: Some(callbacks::gauss),
            cancelled: Some(callbacks::cancelled),
            // Behind the size of an oldest host lies whatever lies there.
            log: Some(if oldest { callbacks::log_that_is_not_there } else { callbacks::log }),
        });
        let mut message = Message::new();
        let mut error = message.buffer();
        let function = self.plugin.step;
        // SAFETY: every pointer is to memory that outlives the call, and the structs are laid out
        // as the header says; that the plugin keeps to it is what nobody can check here.
        let code = unsafe { function(&raw const step.known, &raw const host.known, &mut error) };
        let spent = Spent { evaluations: context.evaluations(), code };
        (context.verdict(code, &message), spent)
    }

    /// Whether the plugin takes these values together.
    pub(crate) fn check(&self, params: &[f64]) -> Result<(), String> {
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

    fn history(&self, past: &crate::HistoryEntry<'_>) -> abi::History {
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

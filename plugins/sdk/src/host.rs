//! What the host does for a step, with slices and results in place of pointers and codes.

use crate::abi;
use crate::error::Error;
use std::ffi::CString;
use std::marker::PhantomData;

/// The host of one step. It stays on the thread that the step was called on.
#[derive(Debug)]
pub struct Host<'a> {
    table: abi::Host,
    len: usize,
    call: PhantomData<&'a abi::Host>,
}

/// How loud a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the author of the sampler.
    Debug,
    /// For whoever reads the log.
    Info,
    /// Something is odd.
    Warning,
}

impl Host<'_> {
    /// # Safety
    /// The functions of `table` may be called with tensors of `len` floats while `'a` lasts, on
    /// this thread.
    pub(crate) unsafe fn new(table: abi::Host, len: usize) -> Self {
        Self { table, len, call: PhantomData }
    }

    fn same_length(&self, tensors: &[&[f32]]) -> Result<(), Error> {
        if tensors.iter().all(|tensor| tensor.len() == self.len) {
            return Ok(());
        }
        let lengths: Vec<usize> = tensors.iter().map(|tensor| tensor.len()).collect();
        Err(Error::Argument(format!("tensors have {} values, not {lengths:?}", self.len)))
    }

    /// Velocity at (`x`, `sigma`) with guidance weight `gw`, into `v`. One evaluation.
    ///
    /// # Errors
    /// Where the run was cancelled, the network failed, `sigma` is not in (0, 1] or more
    /// evaluations are made than declared. Hand the error on with `?`.
    pub fn evaluate(&self, x: &[f32], sigma: f64, gw: f64, v: &mut [f32]) -> Result<(), Error> {
        self.same_length(&[x, v])?;
        let eval = self.table.eval.ok_or(Error::Host(abi::E_ARGUMENT))?;
        // SAFETY: both tensors have the length that the host expects and do not overlap.
        let code = unsafe { eval(self.table.ctx, x.as_ptr(), sigma, gw, v.as_mut_ptr()) };
        Error::from_host(code)
    }

    /// Both velocities at (`x`, `sigma`), apart. One evaluation. Declare [`Info::split`].
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and where it was not declared.
    ///
    /// [`Info::split`]: crate::Info::split
    pub fn evaluate_split(
        &self,
        x: &[f32],
        sigma: f64,
        v_cond: &mut [f32],
        v_uncond: &mut [f32],
    ) -> Result<(), Error> {
        self.same_length(&[x, v_cond, v_uncond])?;
        let eval_split = self.table.eval_split.ok_or(Error::Host(abi::E_ARGUMENT))?;
        let (cond, uncond) = (v_cond.as_mut_ptr(), v_uncond.as_mut_ptr());
        // SAFETY: all three have the length that the host expects and do not overlap.
        let code = unsafe { eval_split(self.table.ctx, x.as_ptr(), sigma, cond, uncond) };
        Error::from_host(code)
    }

    /// Independent standard normal values. The same for the same run, step and `stream`, however
    /// often it is asked. Declare [`Info::stochastic`].
    ///
    /// # Errors
    /// Where it was not declared.
    ///
    /// [`Info::stochastic`]: crate::Info::stochastic
    pub fn gaussian(&self, stream: u64, out: &mut [f32]) -> Result<(), Error> {
        self.same_length(&[out])?;
        let gauss = self.table.gauss.ok_or(Error::Host(abi::E_ARGUMENT))?;
        // SAFETY: it has the length that the host expects.
        let code = unsafe { gauss(self.table.ctx, stream, out.as_mut_ptr()) };
        Error::from_host(code)
    }

    /// Whether the run was cancelled: return [`Error::Cancelled`] soon. Evaluations look by
    /// themselves.
    pub fn cancelled(&self) -> bool {
        // SAFETY: it takes nothing but the context.
        self.table.cancelled.is_some_and(|cancelled| unsafe { cancelled(self.table.ctx) } != 0)
    }

    /// A line for the log, where the host keeps one.
    pub fn log(&self, level: Level, words: &str) {
        let Some(log) = self.table.log else { return };
        let level = match level {
            Level::Debug => abi::LOG_DEBUG,
            Level::Info => abi::LOG_INFO,
            Level::Warning => abi::LOG_WARNING,
        };
        // A NUL would end the line early.
        let words = CString::new(words.replace('\0', "\u{fffd}")).unwrap_or_default();
        // SAFETY: the string lives until the call returns.
        unsafe { log(self.table.ctx, level, words.as_ptr()) }
    }
}

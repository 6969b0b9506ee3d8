//! Why a step failed, and how that crosses the boundary: a status code, and words in the caller's
//! buffer.

use crate::abi;
use std::fmt;

/// Status code of a failure that has no code of its own.
pub(crate) const FAILED: i32 = -100;

/// Why a step, or a check of parameters, failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The run was cancelled. Pass it on.
    Cancelled,
    /// A function of the host returned this code (`abi::E_EVALUATION`, `abi::E_REFUSED`, …). Pass
    /// it on: the host knows why.
    Host(i32),
    /// An argument is out of range.
    Argument(String),
    /// The numbers broke down.
    Numeric(String),
    /// Anything else; say what went wrong and what to do about it.
    Failed(String),
}

impl Error {
    /// The status code that crosses the boundary.
    pub fn code(&self) -> i32 {
        match self {
            Self::Cancelled => abi::CANCELLED,
            // 0 would read as success.
            Self::Host(abi::OK) => FAILED,
            Self::Host(code) => *code,
            Self::Argument(_) => abi::E_ARGUMENT,
            Self::Numeric(_) => abi::E_NUMERIC,
            Self::Failed(_) => FAILED,
        }
    }

    /// What a function of the host says with its status code.
    pub(crate) fn from_host(code: i32) -> Result<(), Self> {
        match code {
            abi::OK => Ok(()),
            abi::CANCELLED => Err(Self::Cancelled),
            code => Err(Self::Host(code)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Host(abi::E_EVALUATION) => f.write_str("the network failed"),
            Self::Host(abi::E_REFUSED) => {
                f.write_str("the host refused what was not declared or is not there")
            }
            Self::Host(code) => write!(f, "the host failed with code {code}"),
            Self::Argument(words) | Self::Numeric(words) | Self::Failed(words) => {
                f.write_str(words)
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(words: String) -> Self {
        Self::Failed(words)
    }
}

impl From<&str> for Error {
    fn from(words: &str) -> Self {
        Self::Failed(words.to_owned())
    }
}

/// Writes `words` into the caller's buffer, cut off between characters, and the NUL. A NUL inside
/// the words ends them.
///
/// # Safety
/// `buffer` is null or points to an `ErrorBuffer` whose `message`, if not null, may be written for
/// `capacity` bytes.
pub(crate) unsafe fn write_words(buffer: *mut abi::ErrorBuffer, words: &str) {
    // SAFETY: null or valid, as the caller promises; read only after its size is known.
    let size = if buffer.is_null() { 0 } else { unsafe { (*buffer).struct_size } };
    if size < abi::ERROR_MIN_SIZE {
        return;
    }
    // SAFETY: the struct is as large as the mirror.
    let (message, capacity) = unsafe { ((*buffer).message, (*buffer).capacity as usize) };
    if message.is_null() || capacity == 0 {
        return;
    }
    let words = words.split('\0').next().unwrap_or_default();
    let kept = &words[..words.floor_char_boundary(capacity - 1)];
    // SAFETY: `kept` and the NUL are at most `capacity` bytes, and a buffer of the caller cannot
    // overlap a string that this side owns.
    unsafe {
        std::ptr::copy_nonoverlapping(kept.as_ptr(), message.cast::<u8>(), kept.len());
        *message.add(kept.len()) = 0;
    }
}

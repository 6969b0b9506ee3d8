//! What a plugin says when something went wrong: room for its message, and its codes in words.

use sigmalab_sampler_sdk::abi;
use std::ffi::c_char;

/// Bytes that a plugin has for its message.
const MESSAGE: usize = 512;

/// Room for a plugin's message, with something behind it that it must leave alone.
pub(super) struct Message {
    bytes: [u8; MESSAGE + 64],
}

impl Message {
    pub(super) fn new() -> Self {
        let mut bytes = [0; MESSAGE + 64];
        bytes[MESSAGE..].fill(0xa5);
        Message { bytes }
    }

    pub(super) fn buffer(&mut self) -> abi::ErrorBuffer {
        abi::ErrorBuffer {
            struct_size: abi::ERROR_MIN_SIZE,
            capacity: MESSAGE as u32,
            message: self.bytes.as_mut_ptr().cast::<c_char>(),
        }
    }

    pub(super) fn is_overrun(&self) -> bool {
        self.bytes.iter().skip(MESSAGE).any(|byte| *byte != 0xa5)
    }

    pub(super) fn text(&self) -> String {
        let written = self.bytes.get(..MESSAGE).unwrap_or_default();
        let bytes = written.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(bytes).trim().to_owned()
    }
}

/// What a status code that is no success means, with the plugin's own words.
pub(super) fn failure_in_words(code: i32, message: &str) -> String {
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

//! The arguments with which a worker is started, written by the caller and read by a worker that is
//! a program of its own.

use super::WORKER_ARGUMENT;
use super::server::ServeOptions;
use crate::memory_size::MemorySize;
use std::ffi::OsString;
use std::time::Duration;

/// Why a worker's arguments cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{argument}`: a worker is started by sigmalab itself")]
pub struct ArgumentError {
    pub argument: String,
}

impl ServeOptions {
    /// As arguments, the first of which makes the program a worker.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![WORKER_ARGUMENT.into()];
        let mut flag = |name: &str, value: Option<OsString>| {
            if let Some(value) = value {
                arguments.extend([name.into(), value]);
            }
        };
        flag("--cache-bytes", self.cache_bytes.map(|bytes| bytes.to_string().into()));
        flag("--memory-bytes", self.memory_limit.map(|limit| limit.0.to_string().into()));
        flag("--cache-folder", self.cache_folder.clone().map(Into::into));
        let seconds = self.plugin_limit.map(|limit| limit.as_secs_f64().to_string().into());
        flag("--plugin-seconds", seconds);
        arguments
    }

    /// From the arguments behind the one that makes the program a worker.
    pub fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ArgumentError> {
        let mut options = ServeOptions::default();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let wrong = || ArgumentError { argument: name.to_string_lossy().into_owned() };
            let value = arguments.next().ok_or_else(wrong)?;
            let text = || value.to_str().ok_or_else(wrong);
            match name.to_str() {
                Some("--cache-bytes") => {
                    options.cache_bytes = Some(text()?.parse().map_err(|_| wrong())?);
                }
                Some("--memory-bytes") => {
                    let bytes = text()?.parse().map_err(|_| wrong())?;
                    options.memory_limit = Some(MemorySize(bytes));
                }
                Some("--cache-folder") => options.cache_folder = Some(value.into()),
                Some("--plugin-seconds") => {
                    let seconds = text()?.parse().map_err(|_| wrong())?;
                    options.plugin_limit =
                        Some(Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn arguments_say_what_the_options_said() {
        let options = ServeOptions {
            cache_bytes: Some(5),
            memory_limit: Some(MemorySize(1 << 40)),
            cache_folder: Some("a folder".into()),
            plugin_limit: Some(Duration::from_millis(2500)),
        };
        for options in [options, ServeOptions::default()] {
            let mut arguments = options.to_arguments();
            assert_eq!(arguments.remove(0), WORKER_ARGUMENT);
            assert_eq!(ServeOptions::from_arguments(arguments).unwrap(), options);
        }
    }

    #[test]
    fn arguments_that_are_none_are_named() {
        for wrong in [&["--cache-bytes"][..], &["--cache-bytes", "x"], &["--plugin-seconds", "-1"]]
        {
            let error = ServeOptions::from_arguments(wrong.iter().map(OsString::from));
            assert_eq!(error.unwrap_err().argument, wrong[0]);
        }
        assert!(ServeOptions::from_arguments(["--help".into(), "".into()]).is_err());
    }
}

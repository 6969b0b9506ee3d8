//! Somebody edits a file in an editor of their own, on the terminal that is theirs meanwhile.

use rustix::process::{Pid, WaitOptions, waitpid};
use sigmalab_terminal::signals;
use std::io;
use std::path::Path;
use std::process::Command;

/// The editor that the environment names, as a shell takes it; `None` where it names none.
pub(super) fn named() -> Option<String> {
    let named = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    named("VISUAL").or_else(|| named("EDITOR"))
}

/// Runs an editor on a file and waits for its end. Where it is stopped, as ctrl-z does, this
/// process stops too, and both go on together.
pub(super) fn edit(editor: &str, file: &Path) -> io::Result<Result<(), String>> {
    let mut command = Command::new("sh");
    // The variable may hold arguments; the file is one argument whatever is in its name.
    command.arg("-c").arg(format!("exec {editor} \"$1\"")).arg("sh").arg(file);
    let child = command.spawn()?;
    let Some(process) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return Ok(Ok(()));
    };
    loop {
        let status = match waitpid(Some(process), WaitOptions::UNTRACED) {
            Ok(Some((_, status))) => status,
            Ok(None) | Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if status.stopped() {
            signals::stop()?;
            // A shell that brings this process back brings the whole group back.
            continue;
        }
        return Ok(match status.exit_status() {
            Some(0) => Ok(()),
            Some(code) => Err(format!("`{editor}` ended with exit code {code}")),
            None => Err(format!("`{editor}` was ended by a signal")),
        });
    }
}

//! iTerm2's inline images: one file in an OSC 1337, scaled by the terminal into cells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The sequence that shows a file in `columns` × `rows` cells at the cursor.
pub(super) fn sequence(file: &[u8], columns: u16, rows: u16) -> String {
    format!(
        "\x1b]1337;File=inline=1;size={};width={columns};height={rows};preserveAspectRatio=0;\
         doNotMoveCursor=1:{}\x07",
        file.len(),
        STANDARD.encode(file)
    )
}

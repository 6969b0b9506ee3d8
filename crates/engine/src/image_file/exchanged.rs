//! Files that schedules of other programs are read from: text, or a picture that ComfyUI saved,
//! which holds its workflow. Knows no schedule.

use super::kind::kind_of;
use super::picture::{PictureError, RECIPE_KEYWORD, text_under};
use sigmalab_text::text_file::{TextError, decode};
use std::io::{Cursor, Read};

/// Most bytes of text that are read.
const TEXT_LIMIT: u64 = 16 << 20;

/// Most bytes of a picture that are read for the text in it.
const PICTURE_LIMIT: u64 = 256 << 20;

/// Keyword of the text chunk in which ComfyUI keeps the workflow, in the form its server takes.
const WORKFLOW: &str = "prompt";
/// Where it keeps what its screen shows.
const SCREEN: &str = "workflow";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchanged {
    Text(String),
    /// A picture, and the workflow in it.
    Workflow(String),
}

/// Why a file holds neither text nor a workflow.
#[derive(Debug, thiserror::Error)]
pub enum ExchangedError {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error("it is a PNG picture that cannot be read: {0}")]
    Picture(#[from] PictureError),
    #[error(
        "it is a PNG picture without a ComfyUI workflow: another program made it or dropped its \
         text"
    )]
    NoWorkflow,
    #[error(
        "it is a PNG picture with a workflow in the form of ComfyUI's screen alone: its menu's Export \
         (API) gives the form that is read"
    )]
    ScreenForm,
    #[error(
        "it is a picture of sigmalab, which holds a recipe and no workflow: `sigmalab generate \
         --recipe` takes it"
    )]
    OwnPicture,
    #[error("it is {0}: a schedule is read from text, or from a PNG that ComfyUI saved")]
    Kind(&'static str),
    #[error("it is empty")]
    Empty,
}

/// Reads text, or the workflow in a picture.
///
/// # Errors
/// Where it is neither, with what it is.
pub fn read_exchanged(source: impl Read) -> Result<Exchanged, ExchangedError> {
    let mut bytes = Vec::new();
    let mut source = source.take(PICTURE_LIMIT + 1);
    source.by_ref().take(TEXT_LIMIT + 1).read_to_end(&mut bytes).map_err(TextError::from)?;
    match kind_of(&bytes) {
        Some("a PNG picture") => {
            source.read_to_end(&mut bytes).map_err(TextError::from)?;
            if let Some(text) = text_under(Cursor::new(&bytes), WORKFLOW, TEXT_LIMIT as usize)? {
                return Ok(Exchanged::Workflow(text));
            }
            if text_under(Cursor::new(&bytes), SCREEN, TEXT_LIMIT as usize)?.is_some() {
                return Err(ExchangedError::ScreenForm);
            }
            let own = text_under(Cursor::new(&bytes), RECIPE_KEYWORD, TEXT_LIMIT as usize)?;
            Err(if own.is_some() { ExchangedError::OwnPicture } else { ExchangedError::NoWorkflow })
        }
        Some(kind) => Err(ExchangedError::Kind(kind)),
        None if bytes.len() as u64 > TEXT_LIMIT => Err(TextError::TooLarge(TEXT_LIMIT).into()),
        None => match decode(bytes)? {
            text if text.trim().is_empty() => Err(ExchangedError::Empty),
            text => Ok(Exchanged::Text(text)),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn png_with(keyword: &str, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.add_text_chunk(keyword.to_owned(), text.to_owned()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
        bytes
    }

    #[test]
    fn a_workflow_is_found_in_a_picture() {
        let read = read_exchanged(&png_with("prompt", "{\"1\": {}}")[..]).unwrap();
        assert_eq!(read, Exchanged::Workflow("{\"1\": {}}".to_owned()));
        let read = read_exchanged(&b"\xef\xbb\xbfmu=1"[..]).unwrap();
        assert_eq!(read, Exchanged::Text("mu=1".to_owned()));
    }

    #[test]
    fn anything_else_is_called_what_it_is() {
        let told = |bytes: &[u8]| read_exchanged(bytes).unwrap_err().to_string();
        assert!(told(&png_with("Comment", "x")).starts_with("it is a PNG picture without"));
        assert!(told(&png_with("workflow", "{}")).contains("Export (API)"));
        assert!(told(&png_with(RECIPE_KEYWORD, "{}")).starts_with("it is a picture of sigmalab"));
        assert!(told(&png_with("prompt", "x")[..40]).contains("cannot be read"));
        assert!(told(b"\xff\xd8\xff\xe0").starts_with("it is a JPEG picture"));
        assert!(told(b"RIFF\0\0\0\0WEBPVP8 ").starts_with("it is a WebP picture"));
        assert_eq!(told(b"\n"), "it is empty");
        assert!(told(b"\xff\xfea\0").contains("UTF-16"));
    }
}

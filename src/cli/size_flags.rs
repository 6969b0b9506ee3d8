//! `--size`, `--width` and `--height`.

use super::failure::Failure;
use super::values::pixels;
use clap::Args;
use sigmalab_schedule::size::Size;

/// The flags of the image size.
#[derive(Debug, Args)]
#[command(next_help_heading = "Image size")]
pub(crate) struct SizeFlags {
    /// Width × height in one, or a name: square, landscape, portrait, widescreen, ultrawide,
    /// phone-wallpaper, social-banner
    #[arg(long, value_name = "NAME|WxH", allow_hyphen_values = true, conflicts_with_all = ["width", "height"])]
    size: Option<Size>,

    /// Width in pixels: a multiple of 16 in 256–2048 [default: that of the checkpoint, where one
    /// is drawn with, else 1024]
    #[arg(long, value_name = "PIXELS", value_parser = pixels)]
    width: Option<u32>,

    /// Height in pixels: a multiple of 16 in 256–2048, at most 6:1 either way [default: as
    /// with --width]
    #[arg(long, value_name = "PIXELS", value_parser = pixels)]
    height: Option<u32>,
}

impl SizeFlags {
    /// The size asked for; `default` for what is not said.
    pub(crate) fn resolve(&self, default: Size) -> Result<Size, Failure> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let width = self.width.unwrap_or(default.width());
        let height = self.height.unwrap_or(default.height());
        Size::new(width, height).map_err(|error| {
            let near = error.nearest;
            Failure::bad_input(&error).way_out(format_args!(
                "--width {} --height {}",
                near.width(),
                near.height()
            ))
        })
    }
}

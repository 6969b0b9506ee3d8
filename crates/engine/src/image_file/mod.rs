//! The files of an image: the picture with its recipe inside and the latents beside it. Knows recipes
//! and pixels; knows nothing of how an image is made and of the command line.

mod exchanged;
mod exif;
mod format;
mod kind;
mod latents;
mod parameters;
mod picture;
mod recipe_text;

pub use exchanged::{Exchanged, ExchangedError, read_exchanged};
pub use format::{ImageFormat, write_image};
pub use kind::kind_of;
pub use latents::{LatentsFileError, read_latents, read_noise, write_latents};
pub use picture::{PictureError, RECIPE_KEYWORD, read_picture, write_picture};
pub use recipe_text::{
    RecipeFileError, RecipeTextError, parse_recipe, read_recipe, read_recipe_json,
};

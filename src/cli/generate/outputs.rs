//! The files of a run: checked before it, written whole after it.

use super::Generate;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use sigmalab_engine::image_file::{ImageFormat, write_image, write_latents};
use sigmalab_engine::noise::NoiseSource;
use sigmalab_engine::recipe::Recipe;
use sigmalab_engine::request::RunOutput;
use sigmalab_files::target::{Draft, OnCollision, Target, TargetError};
use std::path::{Path, PathBuf};

/// Most names of the kind `sigmalab-7-2.png` that are tried.
const MOST_NAMES: usize = 10_000;

/// Where the files of a run go.
#[derive(Debug)]
pub(super) struct Outputs {
    format: ImageFormat,
    /// The image; `None` for a name made from the seed.
    image: Option<Output>,
    latents: Option<Output>,
}

/// One file that was asked for.
#[derive(Debug)]
struct Output {
    /// As the user wrote it: what is told of it.
    name: PathBuf,
    /// Where it goes, links followed.
    target: Target,
}

/// The files of a run, written.
#[derive(Debug)]
pub(super) struct Files {
    /// The image.
    pub(super) image: PathBuf,
    /// The latents file, if one was asked for.
    pub(super) latents: Option<PathBuf>,
}

impl Outputs {
    /// Checks that every file can be written; touches nothing.
    pub(super) fn check(arguments: &Generate) -> Result<Self, Failure> {
        let format = format_of(arguments)?;
        let image = match &arguments.output {
            Some(path) => Some(Output { name: path.clone(), target: checked(path, "--output")? }),
            None => {
                checked(Path::new("sigmalab.png"), "--output")?;
                None
            }
        };
        let latents = match &arguments.save_latents {
            Some(path) => {
                Some(Output { name: path.clone(), target: checked(path, "--save-latents")? })
            }
            None => None,
        };
        if let (Some(image), Some(latents)) = (&image, &latents)
            && image.target.is_same_file(&latents.target)
        {
            return Err(Failure::bad_input("--output and --save-latents name the same file"));
        }
        Ok(Outputs { format, image, latents })
    }

    /// What the image's format cannot hold of the recipe, in words.
    pub(super) fn warning(&self, recipe: &Recipe) -> Option<String> {
        (!self.format.holds(recipe)).then(|| {
            "a JPEG holds 64 KiB of texts, less than this recipe has: the image will be without it; \
             --format webp keeps it"
                .to_owned()
        })
    }

    /// Writes the files. Both are whole before either gets its name, and neither does if the user
    /// stopped the program meanwhile.
    pub(super) fn write(
        &self,
        output: &RunOutput,
        interrupt: &Interrupt,
    ) -> Result<Files, Failure> {
        let RunOutput { recipe, image, noise, latents, .. } = output;
        let unnamed;
        let target = match &self.image {
            Some(image) => &image.target,
            None => {
                unnamed = checked(&self.made_up_name(recipe, 1), "--output").or_else(|_| {
                    // Something that is no file has the first name: a later one will do.
                    checked(&self.made_up_name(recipe, 2), "--output")
                })?;
                &unnamed
            }
        };
        let draft = target
            .draft(|out| write_image(self.format, image, recipe, out))
            .map_err(Failure::failed)?;
        let latents_draft = match &self.latents {
            Some(latents_file) => Some(
                latents_file
                    .target
                    .draft(|out| write_latents(noise, latents, recipe, out))
                    .map_err(Failure::failed)?,
            ),
            None => None,
        };
        if interrupt.requested() {
            return Err(Failure::interrupted());
        }
        let replace = |draft: Draft| draft.commit(OnCollision::Replace).map_err(Failure::failed);
        latents_draft.map(replace).transpose()?;
        let latents = self.latents.as_ref().map(|latents| latents.name.clone());
        let image = if let Some(image) = &self.image {
            replace(draft)?;
            image.name.clone()
        } else {
            let names = (1..=MOST_NAMES).map(|number| self.made_up_name(recipe, number));
            draft.commit_to_first_free(names).map_err(Failure::failed)?
        };
        Ok(Files { image, latents })
    }

    /// `sigmalab-SEED.png`, then `sigmalab-SEED-2.png` and so on.
    fn made_up_name(&self, recipe: &Recipe, number: usize) -> PathBuf {
        let noise = match &recipe.noise {
            NoiseSource::Seed { seed, .. } => seed.to_string(),
            NoiseSource::File { blake3 } => {
                format!("noise-{}", blake3.chars().take(8).collect::<String>())
            }
        };
        let name = match number {
            1 => format!("sigmalab-{noise}"),
            number => format!("sigmalab-{noise}-{number}"),
        };
        PathBuf::from(format!("{name}.{}", self.format.ending()))
    }
}

/// The image's format: what `--format` says, else what the name ends in. A name says its format, so that
/// other programs know it.
fn format_of(arguments: &Generate) -> Result<ImageFormat, Failure> {
    let asked = arguments.format.map(ImageFormat::from);
    let Some(path) = &arguments.output else { return Ok(asked.unwrap_or(ImageFormat::Png)) };
    let named = ImageFormat::of_name(path);
    let problem = match (named, asked) {
        (Some(named), None) => return Ok(named),
        (Some(named), Some(asked)) if named == asked => return Ok(named),
        (_, Some(asked)) => {
            let endings: Vec<String> =
                asked.endings().iter().map(|ending| format!(".{ending}")).collect();
            format!("with this --format the name must end in {}", endings.join(" or "))
        }
        (None, None) => "the name says the format: it must end in .png, .webp or .jpg".to_owned(),
    };
    let ending = asked.unwrap_or(ImageFormat::Png).ending();
    // A folder's name has no ending to change.
    let better: PathBuf = match path.file_name().is_none() || path.is_dir() {
        true => path
            .join(format!("image.{ending}"))
            .components()
            .filter(|part| part.as_os_str() != ".")
            .collect(),
        false => path.with_extension(ending),
    };
    Err(Failure::bad_input(format_args!("--output `{}`: {problem}", path.display()))
        .way_out(format_args!("--output {}", better.display())))
}

fn checked(path: &Path, flag: &str) -> Result<Target, Failure> {
    Target::check(path).map_err(|error| {
        let failure = Failure::bad_input(format_args!("{flag}: {error}"));
        match error {
            // Only a current folder that was deleted is not there.
            TargetError::NoFolder { folder, .. } if folder == Path::new(".") => {
                failure.way_out("cd to another folder: this one was deleted")
            }
            TargetError::NoFolder { folder, .. } => {
                failure.way_out(format_args!("mkdir -p {}", folder.display()))
            }
            _ => failure,
        }
    })
}

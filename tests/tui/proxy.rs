//! Runs at a small size with the noise levels of the image size.

use crate::compare::grey;
use crate::keys::Workbench;
use crate::screens::screen;
use crate::support::text::AssertHas as _;
use sigmalab::tui::app::Effect;
use sigmalab_engine::recipe::Recipe;
use sigmalab_sampler::Samplers;
use sigmalab_schedule::size::Size;

fn size(width: u32, height: u32) -> Size {
    Size::new(width, height).unwrap()
}

impl Workbench {
    fn recipes(&self) -> Vec<Recipe> {
        let recipes = self.effects.iter().filter_map(|effect| match effect {
            Effect::Run(recipe) => Some((**recipe).clone()),
            _ => None,
        });
        recipes.collect()
    }
}

fn square(screen: (u16, u16)) -> Workbench {
    let mut workbench = Workbench::with(None, screen);
    workbench.press("z \"square\" enter");
    workbench
}

#[test]
fn a_proxy_run_has_the_sigmas_of_the_image_size() {
    let mut workbench = square((120, 40));
    let sigmas = workbench.app.document().schedule().sigmas().to_vec();
    workbench.press("Z \"256x256\" enter r");
    // The grid stays that of the image.
    assert_eq!(workbench.app.document().schedule().sigmas(), sigmas);
    let recipe = workbench.recipes().remove(0);
    assert_eq!((recipe.size, recipe.sigma_size), (size(256, 256), Some(Size::SQUARE)));
    let (schedule, _) = recipe.check(&Samplers::built_in()).unwrap();
    assert_eq!(schedule.sigmas(), sigmas);

    workbench.draw_as(1, grey(100, 64), Vec::new());
    let text = screen(&workbench, 120, 40);
    text.assert_has([
        "1024×1024 Square · drawn at 256×256 · seed 42",
        "┌ image · at 256×256, σ of 1024×1024 ─",
    ]);

    // The whole image is one action away, and is the image of this schedule too.
    workbench.press("F");
    let recipe = workbench.recipes().remove(1);
    assert_eq!((recipe.size, recipe.sigma_size), (Size::SQUARE, None));
    workbench.draw_as(2, grey(100, 64), Vec::new());
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("┌ image ─"), "{text}");

    workbench.press("Z \"off\" enter r");
    let recipe = workbench.recipes().remove(2);
    assert_eq!((recipe.size, recipe.sigma_size), (Size::SQUARE, None));
    assert!(!screen(&workbench, 120, 40).contains("drawn at"));
}

#[test]
fn the_border_says_so_at_80_by_24_too() {
    let mut workbench = square((80, 24));
    workbench.press("Z \"512x512\" enter r");
    workbench.draw_as(1, grey(100, 64), Vec::new());
    let text = screen(&workbench, 80, 24);
    text.assert_has(["drawn at 512×512", "┌ image · at 512×512 ─"]);
    workbench.press("+");
    let text = screen(&workbench, 80, 24);
    assert!(text.contains("┌ image before · at 512×512 ─"), "{text}");
}

#[test]
fn a_proxy_is_smaller_than_the_image_or_it_is_none() {
    let mut workbench = square((80, 24));
    workbench.press("Z \"1024x1024\" enter");
    let text = screen(&workbench, 80, 24);
    assert!(text.contains("a proxy is smaller than the image, which is 1024×1024"), "{text}");
    workbench.press("esc");
    assert_eq!(workbench.app.document().proxy(), None);
    // Half as wide and high is suggested.
    workbench.press("Z enter");
    assert_eq!(workbench.app.document().proxy(), Some(size(512, 512)));
    workbench.press("z \"512x512\" enter");
    assert_eq!(workbench.app.document().proxy(), None);
    workbench.says("the proxy size 512×512 is no longer smaller, so it is off");
}

#[test]
fn a_change_while_the_whole_image_is_drawn_goes_back_to_the_proxy() {
    let mut workbench = square((80, 24));
    workbench.press("Z enter R F");
    workbench.take_run(1);
    workbench.press("+ F");
    // What is asked for last is what follows.
    let failure = sigmalab_engine::worker::RunFailure::Cancelled;
    let update = |run, failure| {
        sigmalab_engine::worker::RunUpdate::Finished(sigmalab_engine::worker::RunId(run), failure)
    };
    let effects = workbench.app.engine(update(1, Err(failure.clone())));
    workbench.effects.extend(effects);
    assert_eq!(workbench.recipes().last().unwrap().sigma_size, None);
    workbench.take_run(2);
    workbench.press("+");
    let effects = workbench.app.engine(update(2, Err(failure)));
    workbench.effects.extend(effects);
    assert_eq!(workbench.recipes().last().unwrap().sigma_size, Some(Size::SQUARE));
}

#[test]
fn edits_that_are_brought_back_bring_the_proxy_back() {
    let mut workbench = square((80, 24));
    workbench.press("Z enter +");
    let unsaved = workbench.app.unsaved().unwrap();
    let mut other = Workbench::with(None, (80, 24));
    other.app.restore(&unsaved, "just now");
    let document = other.app.document();
    assert_eq!((document.size(), document.proxy()), (Size::SQUARE, Some(size(512, 512))));
}

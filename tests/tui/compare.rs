//! A and B: what is computed of two runs, when, and how it is shown.

use crate::engine::output;
use crate::keys::Workbench;
use crate::playing::played;
use crate::screens::screen;
use crate::support::text::AssertHas as _;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use sigmalab::tui::app::Effect;
use sigmalab::tui::screens::Placement;
use sigmalab::tui::screens::compare::ComparisonJob;
use sigmalab::tui::theme::Theme;
use sigmalab_image::RgbImage;
use sigmalab_metrics::colour_map;
use sigmalab_terminal::capabilities::Background;
use sigmalab_terminal::colours::ColourDepth;
use sigmalab_terminal::input::Input;

/// A preset of 20 steps: 18 at gw 7, 2 at gw 3.
const DEFAULT_20: &str = ": \"load-preset\" enter \"V4_DEFAULT_20\" enter";

pub(crate) fn grey(value: u8, side: u32) -> RgbImage {
    RgbImage { width: side, height: side, pixels: vec![value; (side * side * 3) as usize] }
}

/// `grey(100, 64)` with the top row 51 brighter in red and the next one 8 darker.
fn marked() -> RgbImage {
    let mut image = grey(100, 64);
    for x in 0..64 {
        image.pixels[x * 3] = 151;
        image.pixels[(64 + x) * 3 + 1] = 92;
    }
    image
}

impl Workbench {
    /// The run that was asked for last ends with that picture and these latents.
    pub(crate) fn draw_as(&mut self, run: u64, image: RgbImage, latents: Vec<f32>) {
        let recipe = self.take_run(run);
        self.report_steps(run, &recipe, recipe.steps.len(), 0);
        self.end_run(run, output(recipe, image, latents));
    }

    fn jobs(&self) -> Vec<ComparisonJob> {
        let jobs = self.effects.iter().filter_map(|effect| match effect {
            Effect::Compare(job) => Some((**job).clone()),
            _ => None,
        });
        jobs.collect()
    }

    /// Computes what was asked for, as the runtime's thread does.
    pub(crate) fn compute(&mut self) {
        for job in self.jobs() {
            self.effects.retain(|effect| !matches!(effect, Effect::Compare(_)));
            let effects = self.app.compared(job.run());
            self.effects.extend(effects);
        }
    }

    fn slots(&self) -> Vec<(usize, Placement)> {
        let pictures = self.app.pictures(self.app.area());
        pictures.into_iter().map(|placement| (placement.slot, placement)).collect()
    }

    fn slot(&self, slot: usize) -> Placement {
        self.slots().into_iter().find(|(at, _)| *at == slot).unwrap().1
    }
}

/// A pinned, something else drawn as B.
fn pair(size: (u16, u16), change: &str, b: RgbImage) -> Workbench {
    let mut workbench = Workbench::with(None, size);
    workbench.press(DEFAULT_20);
    workbench.press("r");
    workbench.draw_as(1, grey(100, 64), vec![0.5; 16]);
    workbench.press("A");
    workbench.press(change);
    workbench.press("r");
    workbench.draw_as(2, b, vec![0.25; 16]);
    workbench
}

#[test]
fn a_pair_is_computed_once_and_never_while_drawing() {
    let mut workbench = pair((120, 40), "+", marked());
    assert_eq!(workbench.jobs().len(), 1);
    // Until it is known, screens say so.
    assert!(screen(&workbench, 120, 40).contains("comparing …"));
    workbench.press("c v v j k");
    assert_eq!(workbench.jobs().len(), 1);
    workbench.compute();
    let text = screen(&workbench, 120, 40);
    // 64 values of 51² and 64 of 8² among 64·64·3.
    let mean = (64.0 * 51.0 * 51.0 + 64.0 * 8.0 * 8.0) / (64.0 * 64.0 * 3.0);
    let psnr = 10.0 * (255.0f64 * 255.0 / mean).log10();
    text.assert_has([format!("PSNR {psnr:.1} dB"), "SSIM 0.".into(), "latent RMSE 0.2500".into()]);
    // The other way round it is the same pair.
    workbench.press("s x d \"auto\" enter");
    assert_eq!(workbench.jobs().len(), 0);
    assert!(screen(&workbench, 120, 40).contains(&format!("PSNR {psnr:.1} dB")));
    // Another B is another pair.
    workbench.press("esc + r");
    workbench.draw_as(3, grey(90, 64), Vec::new());
    assert_eq!(workbench.jobs().len(), 1);
}

#[test]
fn the_difference_image_shows_known_pixels_on_the_scale_that_is_written_beside_it() {
    let mut workbench = pair((120, 40), "+", marked());
    workbench.compute();
    workbench.press("c v");
    let pixels = |workbench: &Workbench| workbench.slot(3).image.pixels.clone();
    let colours = |end: f64| [51.0, 8.0, 0.0].map(|value| colour_map::colour(value / end));
    let expected = |end: f64| {
        let [top, next, rest] = colours(end);
        [top.repeat(64), next.repeat(64), rest.repeat(62 * 64)].concat()
    };
    assert!(pixels(&workbench) == expected(64.0));
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("0 ████████ 64 of 255 · inferno"), "{text}");
    // A scale of its own, computed away from the screen too.
    workbench.press("d \"20\" enter");
    assert!(pixels(&workbench) == expected(64.0));
    workbench.compute();
    assert!(pixels(&workbench) == expected(20.0));
    assert!(screen(&workbench, 120, 40).contains("20 of 255"));
    workbench.press("d \"0\" enter");
    assert!(screen(&workbench, 120, 40).contains("`0` is not a scale"));
}

#[test]
fn views_follow_each_other_and_flipping_changes_nothing_but_the_picture() {
    let mut workbench = pair((120, 40), "+", marked());
    workbench.compute();
    workbench.press("c");
    let slots = |workbench: &Workbench| -> Vec<usize> {
        workbench.slots().into_iter().map(|(slot, _)| slot).collect()
    };
    assert_eq!(slots(&workbench), [1, 2]);
    workbench.press("v");
    assert_eq!(slots(&workbench), [1, 3, 2]);
    workbench.press("v");
    let a = workbench.slot(1);
    workbench.press("x");
    let b = workbench.slot(1);
    assert_eq!((a.area, slots(&workbench)), (b.area, vec![1]));
    assert_eq!((a.image.pixels[0], b.image.pixels[0]), (100, 151));
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("┌ B · gw"), "{text}");
    workbench.press("x");
    assert_eq!(workbench.slot(1).image.pixels[0], 100);
    // From anywhere, x begins with A.
    workbench.press("v x");
    assert_eq!(workbench.slot(1).image.pixels[0], 100);
    workbench.press("esc");
    assert_eq!(slots(&workbench), [0, 1]);
}

#[test]
fn swapping_makes_the_run_before_a() {
    let mut workbench = pair((120, 40), "+", marked());
    workbench.press("c s");
    assert_eq!(workbench.slot(1).image.pixels[0], 151);
    assert_eq!(workbench.slot(2).image.pixels[0], 100);
    // B is what the first screen shows as its image, and it is not what would be drawn now.
    workbench.press("esc");
    assert!(screen(&workbench, 120, 40).contains("image · of the previous run"));
}

#[test]
fn steps_that_differ_are_marked_and_equal_ones_are_folded() {
    let mut workbench = pair((80, 24), "G 5 enter", marked());
    workbench.press("c");
    let text = screen(&workbench, 80, 24);
    text.assert_has([
        "  step   gw A   gw B    mu A    mu B  std A  std B",
        " 0–18  the same",
        "≠   19   3.00   5.00   0.000   0.000",
    ]);
    // The differing values stand out, the others do not.
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| workbench.app.draw(frame, &mut |_, _| {})).unwrap();
    let buffer = terminal.backend().buffer();
    let row = (0..24).find(|y| buffer[(1, *y)].symbol() == "≠").unwrap();
    let changed = Theme::new(ColourDepth::True, Background::Dark).changed.fg.unwrap();
    let colour = |x: u16| buffer[(x, row)].fg;
    assert_eq!(
        [colour(13), colour(20), colour(28)].map(|c: Color| c == changed),
        [true, true, false]
    );
    workbench.press("f");
    let text = screen(&workbench, 80, 24);
    assert!(text.contains("│     0   7.00   7.00"), "{text}");
    // Scrolling ends at the end, and comes back at once.
    workbench.press("pagedown pagedown pagedown pagedown");
    assert!(screen(&workbench, 80, 24).contains("≠   19"));
    workbench.press("k k k");
    assert!(!screen(&workbench, 80, 24).contains("≠   19"));
}

#[test]
fn runs_of_other_lengths_sizes_and_prompts_are_compared_as_far_as_they_can_be() {
    let change = ": \"load-preset\" enter \"V4_TURBO_12\" enter z \"512x256\" enter \
                  t end \",\" space \"rough\" enter S \"7\" enter T";
    let mut workbench = pair((120, 40), change, grey(3, 128));
    workbench.compute();
    workbench.press("c f");
    let text = screen(&workbench, 120, 40);
    text.assert_has([
        "images of two sizes, 256×256 and 512×256: no PSNR and SSIM",
        "prompt     A a red circle on a blue background · B a red circle on a blue background, r",
        "size       A 256×256 · B 512×256",
        "seed       A 42 of torch-cpu · B 7 of torch-cpu",
        "terminal   A reference · B zero",
        "steps      A 20 · B 12",
        "≠    0   7.00   7.00   0.000   0.500",
    ]);
    workbench.press("pagedown pagedown");
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("≠   19   3.00      ·   0.000       ·"), "{text}");
    workbench.press("v");
    assert!(screen(&workbench, 120, 40).contains("the images are of two sizes"));
}

#[test]
fn the_pinned_run_has_a_place_on_a_first_screen_of_120_by_40() {
    let mut workbench = pair((120, 40), "G 5 enter", marked());
    workbench.compute();
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("pinned A · V4_DEFAULT_20"), "{text}");
    assert!(text.contains("ssim 0.") && text.contains("psnr ") && text.contains("NFE"), "{text}");
    for (size, slots) in [((120, 40), 2), ((119, 40), 1), ((120, 39), 1), ((80, 24), 1)] {
        workbench.app.handle(Input::Resize(size.0, size.1));
        assert_eq!(workbench.slots().len(), slots, "{size:?}");
        assert!(screen(&workbench, size.0, size.1).contains("A pinned") || size.0 < 100);
    }
    workbench.press("alt-a");
    workbench.app.handle(Input::Resize(120, 40));
    assert_eq!(workbench.slots().len(), 1);
    assert!(!screen(&workbench, 120, 40).contains("pinned A"));
}

#[test]
fn without_two_runs_there_is_nothing_to_compare() {
    let mut workbench = Workbench::with(None, (80, 24));
    for keys in ["c", ": \"swap\" enter", ": \"flip\" enter", "alt-a"] {
        workbench.press(keys);
        assert!(workbench.app.message().unwrap().is_problem, "{keys}");
    }
    workbench.press("r");
    workbench.draw_as(1, grey(100, 64), Vec::new());
    workbench.press("A c v");
    assert!(screen(&workbench, 80, 24).contains("A and B are the same run"));
    assert_eq!(workbench.jobs(), Vec::<ComparisonJob>::new());
}

#[test]
fn every_view_fits_every_screen_and_every_theme() {
    let mut workbench = pair((120, 40), "G 5 enter", marked());
    workbench.compute();
    workbench.press("c");
    for depth in [ColourDepth::None, ColourDepth::Sixteen, ColourDepth::Indexed, ColourDepth::True]
    {
        for background in [Background::Dark, Background::Light] {
            workbench.app.set_theme(Theme::new(depth, background));
            for _ in 0..3 {
                workbench.press("v f");
                for (columns, rows) in [(1, 1), (2, 2), (40, 10), (55, 12), (80, 24), (300, 100)] {
                    workbench.app.handle(Input::Resize(columns, rows));
                    screen(&workbench, columns, rows);
                    for (_, placement) in workbench.slots() {
                        let within = placement.area.intersection(workbench.app.area());
                        assert_eq!(within, placement.area, "{columns}×{rows}");
                    }
                }
            }
        }
    }
    // Without colours the scale is made of shades, as the picture is.
    workbench.app.handle(Input::Resize(120, 40));
    workbench.app.set_theme(Theme::new(ColourDepth::None, Background::Dark));
    workbench.press(": \"compare-view\" space \"difference\" enter");
    let text = screen(&workbench, 120, 40);
    assert!(text.contains("0 ░░▒▒▓▓██ 64 of 255"), "{text}");
}

#[test]
fn a_played_file_prints_how_far_two_runs_are_apart() {
    let folder = tempfile::tempdir().unwrap();
    let printed = played(
        folder.path(),
        "load-preset V4_TURBO_12\nresample 3\nrun\npin\nselect gw\nfill 2\nrun\n\
         print-comparison\n",
    );
    let found: serde_json::Value = serde_json::from_str(printed.trim()).unwrap();
    let number = |name: &str| found[name].as_f64().unwrap();
    assert!(number("psnr") > 5.0 && number("ssim") < 1.0, "{found}");
    assert!(number("latent_rmse") > 0.0 && number("pixels_differing") > 0.0, "{found}");
    assert_eq!((&found["equal"], &found["b"]["steps"]), (&false.into(), &3.into()));
}

//! What a run that is going says of itself.

use crate::engine::picture;
use crate::keys::Workbench;
use crate::screens::screen;
use crate::support::text::AssertHas as _;
use sigmalab_compute::{LoadProgress, LoadStage, ModelPart};
use sigmalab_engine::event::Event;
use sigmalab_engine::worker::{RunFailure, RunId, RunUpdate};

#[test]
fn loading_says_what_is_read_how_fast_and_how_long_it_takes_still() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("r");
    workbench.take_run(1);
    let progress = LoadProgress {
        stage: LoadStage::Reading(ModelPart::UnconditionalTransformer),
        bytes_done: 12_500_000_000,
        bytes_total: 27_000_000_000,
        bytes_per_second: Some(725_000_000),
    };
    workbench.app.engine(RunUpdate::Event(RunId(1), Event::Loading(progress)));
    let text = screen(&workbench, 80, 24);
    let line = "reading unconditional transformer · 12.5 of 27.0 GB · 725 MB/s · 20 s left";
    assert!(text.contains(line), "{text}");
    // The grid works meanwhile.
    workbench.press("j + +");
    assert!(screen(&workbench, 80, 24).contains("   7.20  0.000"));
}

#[test]
fn a_step_says_how_long_it_takes_and_what_the_cache_saved() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("r");
    let recipe = workbench.take_run(1);
    workbench.report_steps(1, &recipe, 20, 16);
    let text = screen(&workbench, 80, 24);
    let line = "step 20/48 · 132 ms a step · 3.7 s left · 16 from cache, 32 NFE saved";
    assert!(text.replace(['━', '╌'], "").contains(line), "{text}");
    workbench.report_steps(1, &recipe, 48, 16);
    let text = screen(&workbench, 80, 24);
    assert!(text.contains("step 48/48 · decoding · "), "{text}");
}

#[test]
fn a_draft_says_which_step_it_is_of_and_takes_the_place_of_what_is_said_of_the_image_before() {
    for (size, title) in [((80, 24), "┌ draft after step 7 of 48 ─"), ((120, 40), "┌ draft after")]
    {
        let mut workbench = Workbench::with(None, size);
        workbench.press("r");
        workbench.finish_run(1, 0, [9, 9, 9]);
        let summary = "48 steps";
        let image = |text: &str| text.lines().filter(|l| l.contains(summary)).count();
        assert!(image(&screen(&workbench, size.0, size.1)) > 1);
        workbench.press("+ r");
        workbench.take_run(2);
        let draft = Event::Preview { step: 6, image: picture(32, [200, 60, 40]) };
        workbench.app.engine(RunUpdate::Event(RunId(2), draft));
        let text = screen(&workbench, size.0, size.1);
        assert!(text.contains(title), "{text}");
        assert_eq!(image(&text), 1, "only the grid's title is left:\n{text}");
        assert_eq!(workbench.app.pictures(workbench.app.area())[0].image.width, 32);
    }
}

#[test]
fn what_each_step_did_takes_the_place_of_the_curves_where_there_is_no_room_for_both() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("M");
    assert!(screen(&workbench, 80, 24).contains("r draws an image first"));
    workbench.press("M r");
    workbench.finish_run(1, 0, [9, 9, 9]);
    assert!(screen(&workbench, 80, 24).contains("┌ σ and gw ─"));
    workbench.press("M");
    let text = screen(&workbench, 80, 24);
    assert!(text.contains("┌ what each step did ─") && !text.contains("σ and gw"), "{text}");
    let line = text.lines().find(|line| line.contains("cos ")).unwrap();
    assert!(line.contains('█') && line.contains("0.89"), "{line}");
    // On a large screen they have a place of their own, and M takes it away.
    let mut large = Workbench::with(None, (120, 40));
    large.press("r");
    large.finish_run(1, 0, [9, 9, 9]);
    let text = screen(&large, 120, 40);
    assert!(text.contains("what each step did") && text.contains("σ and gw"), "{text}");
    large.press("M");
    assert!(!screen(&large, 120, 40).contains("what each step did"));
}

#[test]
fn a_worker_that_dies_takes_nothing_with_it_and_the_image_before_stays() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press("r");
    workbench.finish_run(1, 0, [9, 9, 9]);
    workbench.press("+ r");
    workbench.fail_run(2, RunFailure::worker_died("killed by signal 9 (SIGKILL)"));
    let text = screen(&workbench, 80, 24);
    text.assert_has(["killed by signal 9", "image · of the previous"]);
    assert_eq!(workbench.app.pictures(workbench.app.area()).len(), 1);
}

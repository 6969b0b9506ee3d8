//! Every screen with its styles, looked at by a person once and held since. After a change that
//! is meant: `INSTA_UPDATE=always cargo test --test tui snapshots`, and look at the difference.

use crate::engine::picture;
use crate::keys::Workbench;
use crate::session::{FOUR, Session};
use crate::styled::styled;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use sigmalab::tui::screens::Placement;
use sigmalab::tui::theme::Theme;
use sigmalab_engine::event::Event;
use sigmalab_engine::worker::{RunFailure, RunId, RunUpdate};
use sigmalab_terminal::capabilities::Background;
use sigmalab_terminal::colours::ColourDepth;
use sigmalab_terminal::input::Input;

/// 80×24 and 120×40: the least that is comfortable, and what most people have.
pub(crate) const SMALL: (u16, u16) = (80, 24);
pub(crate) const LARGE: (u16, u16) = (120, 40);

/// The last three steps of V4_DEFAULT_20 are selected.
const LAST_THREE: &str = ": \"load-preset\" enter \"V4_DEFAULT_20\" enter G K K";

fn workbench(screen: (u16, u16), keys: &str) -> Workbench {
    let mut workbench = Workbench::at("presets.toml".as_ref(), screen);
    workbench.press(keys);
    workbench
}

/// Draws the screen; pictures are shown by their number and the size of their area.
pub(crate) fn drawn(workbench: &Workbench) -> String {
    let area = workbench.app.area();
    let mut terminal = Terminal::new(TestBackend::new(area.width, area.height)).unwrap();
    terminal.draw(|frame| workbench.app.draw(frame, &mut stand_in)).unwrap();
    styled(terminal.backend().buffer())
}

/// What stands where a picture does.
fn stand_in(placement: &Placement, buffer: &mut Buffer) {
    let area = placement.area;
    for position in area.intersection(buffer.area).positions() {
        buffer[position].set_char('▒');
    }
    let text = format!(" picture {} · {}×{} ", placement.slot, area.width, area.height);
    buffer.set_stringn(area.x, area.y, text, area.width.into(), ratatui::style::Style::new());
}

macro_rules! holds {
    ($name:literal, $workbench:expr) => {
        insta::assert_snapshot!($name, drawn(&$workbench))
    };
}

#[test]
fn editor_at_first() {
    holds!("editor_80x24", workbench(SMALL, ""));
    holds!("editor_120x40", workbench(LARGE, ""));
}

#[test]
fn selection_and_edited_values() {
    holds!("selection_80x24", workbench(SMALL, &format!("{LAST_THREE} -")));
    holds!("selection_of_rows_120x40", workbench(LARGE, "3 j V J J >"));
}

#[test]
fn a_schedule_that_cannot_be_run() {
    holds!("broken_80x24", workbench(SMALL, "2 j l 9 enter k h"));
    holds!("broken_120x40", workbench(LARGE, "2 j l 9 enter k k r"));
}

#[test]
fn input_lines() {
    holds!("line_of_a_value", workbench(SMALL, "j 2 . 5"));
    holds!("line_with_a_problem", workbench(SMALL, "j l l 0 enter"));
    holds!("line_of_the_prompt", workbench(LARGE, "t end \",\" space \"rough\""));
}

#[test]
fn palette() {
    holds!("palette_80x24", workbench(SMALL, ":"));
    holds!("palette_found_120x40", workbench(LARGE, ": \"sel\" down"));
}

#[test]
fn help() {
    holds!("help_80x24", workbench(SMALL, "?"));
    holds!("help_scrolled_120x40", workbench(LARGE, "? pagedown"));
}

#[test]
fn presets() {
    holds!("presets_80x24", workbench(SMALL, "+ P j"));
    holds!("presets_120x40", workbench(LARGE, "P j j"));
}

#[test]
fn questions() {
    holds!("question_before_leaving", workbench(SMALL, "+ q"));
    holds!("question_before_deleting", workbench(LARGE, "P j D"));
}

#[test]
fn a_run_that_is_going() {
    let mut running = workbench(LARGE, &format!("{LAST_THREE} r"));
    let recipe = running.take_run(1);
    running.report_steps(1, &recipe, 7, 0);
    let draft = Event::Preview { step: 6, image: picture(32, [200, 60, 40]) };
    running.app.engine(RunUpdate::Event(RunId(1), draft));
    holds!("running_120x40", running);
}

#[test]
fn a_run_that_is_done() {
    let mut done = workbench(LARGE, &format!("{LAST_THREE} r"));
    done.finish_run(1, 0, [200, 60, 40]);
    holds!("done_120x40", done);
    // The picture is no longer the one that the schedule would draw.
    done.press("+");
    holds!("done_and_edited_120x40", done);
}

#[test]
fn a_run_that_failed() {
    let mut failed = workbench(SMALL, "r");
    failed.fail_run(1, RunFailure::worker_died("killed by signal 9 (SIGKILL)"));
    holds!("failed_80x24", failed);
}

#[test]
fn compare() {
    let mut compared = workbench(LARGE, &format!("{LAST_THREE} 2 enter r"));
    compared.finish_run(1, 0, [200, 60, 40]);
    compared.press("A 4 enter r");
    compared.finish_run(2, 17, [180, 70, 60]);
    compared.press("c");
    holds!("comparing_120x40", compared);
    compared.compute();
    holds!("compare_120x40", compared);
    compared.app.handle(Input::Resize(SMALL.0, SMALL.1));
    holds!("compare_80x24", compared);
}

#[test]
fn gallery() {
    let data = tempfile::tempdir().unwrap();
    let mut session = Session::new(data.path());
    session.run(30);
    session.press("G 2 enter");
    session.run(200);
    session.settle();
    session.press("F5");
    session.until("the history is read", |app| !app.gallery().is_listing());
    holds!("gallery_100x30", session.workbench);
}

#[test]
fn samplers() {
    let mut samplers = Workbench::with(Some(FOUR), LARGE);
    samplers.press("F7");
    holds!("samplers_120x40", samplers);
}

#[test]
fn revisions() {
    let mut revisions = Workbench::with(Some(FOUR), LARGE);
    revisions.press("j 2 enter u 5 enter + B j");
    holds!("revisions_120x40", revisions);
}

#[test]
fn log() {
    let mut logged = workbench(SMALL, "2 j l 9 enter r u r");
    logged.finish_run(1, 0, [200, 60, 40]);
    logged.press("F6");
    holds!("log_80x24", logged);
}

#[test]
fn other_terminals() {
    for (name, colours, background) in [
        ("light_80x24", ColourDepth::True, Background::Light),
        ("no_colour_80x24", ColourDepth::None, Background::Dark),
        ("16_colours_80x24", ColourDepth::Sixteen, Background::Dark),
        ("16_colours_light_80x24", ColourDepth::Sixteen, Background::Light),
        ("256_colours_80x24", ColourDepth::Indexed, Background::Dark),
    ] {
        let mut workbench = workbench(SMALL, &format!("{LAST_THREE} -"));
        workbench.app.set_theme(Theme::new(colours, background));
        insta::assert_snapshot!(name, drawn(&workbench));
    }
}

#[test]
fn too_small() {
    holds!("too_small_39x9", workbench((39, 9), ""));
    holds!("smallest_40x10", workbench((40, 10), ""));
}

//! The trials of a sweep: as a table, as means, as pictures and as points, and what is done with one.

use super::{Bench, finished, view};
use crate::session::FOUR;
use ratatui::layout::Rect;
use sigmalab::tui::app::App;
use sigmalab::tui::screens::sweeps::Cell;
use sigmalab_terminal::input::{Input, Mouse, MouseAction, MouseButton};
use std::fs;

fn selected(app: &App) -> Option<usize> {
    app.sweeps().attached.as_ref()?.selected().map(|trial| trial.number)
}

fn order(app: &App) -> Vec<usize> {
    app.sweeps().attached.as_ref().unwrap().table.order().to_vec()
}

#[test]
fn the_table_of_a_finished_sweep_is_sorted_and_filtered_and_the_cursor_stays_on_its_trial() {
    let mut bench = Bench::attached(finished());
    bench.shows(&[
        "4 of 4 trials · all done",
        "12 + 12 evaluations, 12 + 12 saved",
        "small · 4 trials",
        " trial  gw[-2..] ",
        "✓    0",
        "latent_rmse against gw[-2..]",
    ]);
    assert_eq!(order(bench.app()), [0, 1, 2, 3]);
    bench.press("j s");
    bench.workbench.says("sorted by latent_rmse, least first");
    let sorted = order(bench.app());
    let rmse = |place: &usize| {
        let view = view(bench.app()).unwrap();
        view.trials[*place].cells[view.column("latent_rmse").unwrap()].clone()
    };
    let values: Vec<f64> = sorted
        .iter()
        .map(|place| match rmse(place) {
            Cell::Number(number) => number,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(values.is_sorted(), "{values:?}");
    assert_eq!(selected(bench.app()), Some(1));
    bench.press("s");
    assert_eq!(order(bench.app()), sorted.iter().rev().copied().collect::<Vec<_>>());
    // As it is typed; what is no column yet is no condition that hides everything.
    bench.press("/ \"seed\" \"=\" \"2\"");
    assert_eq!(order(bench.app()).len(), 2);
    bench.shows(&["small · 2 of 4 trials with seed=2"]);
    bench.press("enter / \"lat\" \"<\" \"1\" enter / \"none\" \"<\" \"1\" enter");
    bench.shows(&["there is no column `none`"]);
    bench.press("esc");
    assert_eq!(order(bench.app()).len(), 4);
    assert_eq!(selected(bench.app()), Some(1));
    bench.press("o \"ssim\" space \"nfe\" enter");
    let text = bench.text();
    assert!(text.contains("ssim nfe"), "{text}");
    assert!(!text.contains(" trial  gw[-2..]"), "{text}");
}

#[test]
fn a_trial_is_loaded_into_the_grid_with_its_picture_as_one_step_of_undo() {
    let mut bench = Bench::attached(finished());
    let (seed, prompt) = (bench.app().document().seed, bench.app().document().prompt.clone());
    let before = (seed, prompt.as_str());
    bench.press("G enter");
    assert_eq!(bench.workbench.grid(), "[7] 0 1.5\n7 0 1.5\n3 0 1.5\n3 0 1.5");
    assert_eq!(bench.app().document().seed, 2);
    assert_eq!(bench.app().document().prompt, "a red circle");
    bench.workbench.says("trial 3 of small is in the grid");
    bench.until("its picture is there", |app| app.runs().last.is_some());
    let last = bench.app().runs().last.clone().unwrap();
    assert_eq!((last.image.width, last.reports.len()), (256, 4));
    let id = view(bench.app()).unwrap().trials[3].id.clone();
    assert!(
        bench.workbench.records().contains(&format!("load-trial {id}")),
        "{:?}",
        bench.workbench.records()
    );
    bench.press("u");
    assert_eq!(bench.workbench.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5");
    let (seed, prompt) = (bench.app().document().seed, bench.app().document().prompt.clone());
    assert_eq!((seed, prompt.as_str()), before, "what came with the steps goes with them");
    bench.press("U t end \"!\" enter u");
    // What somebody wrote since stays.
    assert_eq!(bench.app().document().prompt, "a red circle!");
    assert_eq!(bench.app().document().seed, before.0);
}

#[test]
fn a_trial_becomes_a_preset() {
    let mut bench = Bench::attached(finished());
    bench.press("w \"FOUR\" enter");
    bench.shows(&["there is a preset `FOUR` already"]);
    bench.press("esc w \"SOFT\" enter");
    bench.workbench.says("trial 0 of small is preset SOFT");
    let text = fs::read_to_string(bench.path("presets.toml")).unwrap();
    assert!(text.contains("[SOFT]") && text.contains("trial 0 of small: gw[-2..] 2"), "{text}");
    assert!(text.starts_with(FOUR), "what was there stays: {text}");
    let id = view(bench.app()).unwrap().trials[0].id.clone();
    assert!(bench.workbench.records().contains(&format!("trial-preset SOFT of {id}")));
    // What it is for may be said, and is said in a record before the trial.
    bench.press("w \"SOFTER:\" space \"the\" space \"end\" space \"of\" space \"it\" enter");
    let record = format!("trial-preset SOFTER: the end of it of {id}");
    assert!(bench.workbench.records().contains(&record), "{:?}", bench.workbench.records());
    bench.press("g j");
    bench.workbench.app.play(&record.replace("SOFTER", "REPLAYED").parse().unwrap()).1.unwrap();
    let text = fs::read_to_string(bench.path("presets.toml")).unwrap();
    assert_eq!(text.matches("\"the end of it\"").count(), 2, "{text}");
    bench.workbench.says("trial 0 of small is preset REPLAYED");
}

#[test]
fn two_trials_are_compared() {
    let mut bench = Bench::attached(finished());
    bench.press("c");
    bench.workbench.says("nothing is pinned yet");
    bench.press("A");
    bench.until("A is pinned", |app| app.runs().pinned.is_some());
    bench.shows(&["A    0", "A · trial 0"]);
    bench.press("j j c");
    bench.until("they are compared", |app| app.runs().last.is_some());
    bench.shows(&["A · gw 7x2 2x2", "B · gw 7x2 3x2"]);
    bench.workbench.says("B is trial 2 of small");
}

#[test]
fn the_contact_sheet_shows_every_picture_and_one_of_them_zooms() {
    let mut bench = Bench::attached(finished());
    let pictures = |app: &App| app.pictures(Rect::new(0, 0, 120, 40));
    bench.press("v");
    bench.until("every picture is read", |app| pictures(app).len() == 4);
    bench.shows(&["contact sheet", "0 gw[-2..] 2", "rmse ", "seed 2"]);
    let tile = pictures(bench.app())[0].area;
    bench.press("l l h");
    assert_eq!(selected(bench.app()), Some(1));
    bench.press("space");
    bench.until("the whole picture is read", |app| {
        pictures(app).first().is_some_and(|placement| placement.image.width == 256)
    });
    let placements = pictures(bench.app());
    assert_eq!(placements.len(), 1);
    assert!(placements[0].area.height > tile.height);
    bench.press("j");
    assert_eq!(selected(bench.app()), Some(2), "leafing through");
    bench.press("esc");
    bench.until("the sheet is back", |app| pictures(app).len() == 4);
}

#[test]
fn points_of_any_two_columns_and_the_trial_under_the_cursor() {
    let mut bench = Bench::attached(finished());
    bench.press("v v");
    bench.shows(&["latent_rmse against gw[-2..]", "◆"]);
    bench.press("y");
    bench.shows(&["psnr against gw[-2..]"]);
    bench.press(": \"scatter-x\" space \"seed\" enter");
    bench.shows(&["psnr against seed"]);
    bench.press(": \"scatter-x\" space \"sede\" enter");
    bench.workbench.says("did you mean `seed`?");
    let before = selected(bench.app());
    bench.press("l");
    assert_ne!(selected(bench.app()), before, "to the next point");
}

#[test]
fn no_screen_of_a_sweep_is_too_small_or_too_large_to_draw() {
    let mut bench = Bench::attached(finished());
    for (columns, rows) in [(1, 1), (40, 10), (41, 11), (80, 24), (99, 16), (300, 100)] {
        bench.workbench.app.handle(Input::Resize(columns, rows));
        for keys in ["v", "v", "v", "space", "esc", "l", "G", "esc", "G enter", "? esc"] {
            bench.press(keys);
            bench.text();
        }
        bench.press("F2 X G enter");
    }
}

#[test]
fn means_by_setting_come_first_and_stand_for_their_best_trial() {
    let mut bench = Bench::listed(finished());
    bench.press("G enter");
    bench.until("the sweep is read", |app| view(app).is_some());
    bench.shows(&["small · means by setting, best rmse first · 4 trials", "  2/2 "]);
    let view = view(bench.app()).unwrap().clone();
    let attached = bench.app().sweeps().attached.as_ref().unwrap();
    let (settings, at) = attached.settings(&view);
    assert_eq!((settings.len(), at), (2, 0));
    let rmse = view.column("latent_rmse").unwrap();
    let number = |cell: &Cell| match cell {
        Cell::Number(number) => *number,
        other => panic!("{other:?}"),
    };
    let means: Vec<f64> = settings.iter().map(|setting| number(&setting.means[rmse])).collect();
    assert!(means.is_sorted(), "{means:?}");
    for setting in &settings {
        let values: Vec<f64> =
            setting.trials.iter().map(|at| number(&view.trials[*at].cells[rmse])).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean - number(&setting.means[rmse])).abs() < 1e-12);
        let best = number(&view.trials[setting.best].cells[rmse]);
        assert!(values.iter().all(|value| best <= *value));
    }
    // Down goes from setting to setting.
    bench.press("j");
    assert_eq!(selected(bench.app()), Some(view.trials[settings[1].best].number));
}

#[test]
fn the_column_under_the_cursor_sorts_and_so_does_a_click_on_its_heading() {
    let mut bench = Bench::attached(finished());
    bench.press("l s");
    bench.workbench.says("sorted by psnr, greatest first");
    assert!(
        bench.workbench.records().contains(&"sort-trials psnr".to_owned()),
        "{:?}",
        bench.workbench.records()
    );
    let text = bench.text();
    let row = text.lines().position(|line| line.contains("rmse") && line.contains("psnr")).unwrap();
    let line: Vec<char> = text.lines().nth(row).unwrap().chars().collect();
    let at = line.windows(4).position(|part| part == ['s', 's', 'i', 'm']).unwrap();
    let mouse = Mouse {
        action: MouseAction::Press(MouseButton::Left),
        column: at as u16,
        row: row as u16,
        modifiers: Default::default(),
    };
    bench.workbench.app.handle(Input::Mouse(mouse));
    bench.workbench.says("sorted by ssim, greatest first");
}

#[test]
fn the_name_of_a_column_is_completed() {
    let mut bench = Bench::attached(finished());
    bench.press("o \"cl\"");
    bench.shows(&["tab completes: clip_fraction"]);
    bench.press("tab");
    bench.shows(&["trial-columns clip_fraction"]);
    bench.press("enter");
    bench.shows(&["clipped"]);
}

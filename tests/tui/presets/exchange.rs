//! Presets as other programs take them, out and in, and where two schedules differ.

use super::{TWO, text, workbench};
use crate::keys::Workbench;
use crate::screens::screen;
use crate::support::text::AssertHas as _;
use sigmalab::tui::action::Call;
use sigmalab::tui::app::Effect;
use sigmalab_terminal::input::Input;
use std::fs;

#[test]
fn a_preset_is_shown_and_copied_as_another_program_takes_it() {
    let mut workbench = workbench();
    workbench.press("P e");
    assert!(screen(&workbench, 80, 24).contains("comfyui    a workflow"));
    workbench.press("down enter");
    let export = workbench.copied().unwrap();
    assert!(export.contains("guidance_schedule=(7.0,) * 3 + (3.0,) * 1"), "{export}");
    assert_eq!(
        workbench.said(),
        "ONE copied for diffusers; diffusers ends at σ 0, the preset at 5.53e-4"
    );
    let shown = screen(&workbench, 80, 24);
    shown.assert_has(["ONE for diffusers", "num_inference_steps=4"]);
    // From the editor it is what is in the grid, edits and all.
    workbench.press("esc esc G 2 enter");
    workbench.press(": \"export-preset\" enter down down down enter");
    assert!(workbench.copied().unwrap().contains("guidance_schedule=2.0x1+7.0x3"));
}

#[test]
fn a_text_longer_than_the_screen_scrolls_to_its_end_and_back() {
    let mut workbench = workbench();
    workbench.press("P e down down enter");
    assert!(screen(&workbench, 80, 24).contains("ComfyUI ends at σ 0"));
    workbench.press("pagedown pagedown pagedown pagedown pagedown pagedown");
    let end = screen(&workbench, 80, 24);
    assert!(end.contains("SaveImage"), "{end}");
    workbench.press("k");
    assert_ne!(screen(&workbench, 80, 24), end, "no scrolling beyond the end");
}

#[test]
fn what_another_program_takes_becomes_the_grid_in_one_step_of_undo() {
    for (name, pasted) in [
        (
            "IMPORTED",
            "pipe(\n    num_inference_steps=2,  # few\n    guidance_schedule=[6, 4],\n    mu=0.5,\n    std=1.5,\n)\n",
        ),
        (
            "FAST",
            "\"FAST\": SamplerParameters(\n  num_steps=2,\n  guidance_schedule=(4, 6),\n  mu=0.5,\n  std=1.5,\n),\n",
        ),
        (
            "IMPORTED",
            "sd-cli --steps 2 --extra-sample-args \"mu=0.5,std=1.5,guidance_schedule=4x1+6x1\"\n",
        ),
        (
            "MINE",
            "[MINE]\nmu = 0.5\nstd = 1.5\nruns = [{ steps = 1, gw = 6 }, { steps = 1, gw = 4 }]\n",
        ),
    ] {
        let mut workbench = workbench();
        workbench.press("P");
        workbench.app.handle(Input::Paste(pasted.to_owned()));
        assert_eq!(workbench.grid(), "[6] 0.5 1.5\n4 0.5 1.5", "{pasted}: {}", workbench.said());
        assert_eq!(workbench.app.document().draft().name, name);
        // It is in no file yet, so leaving asks.
        workbench.press("q n");
        assert!(!workbench.effects.contains(&Effect::Quit));
        workbench.press("u");
        assert_eq!(workbench.grid(), "[7] 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 1.5");
        assert_eq!(workbench.app.document().draft().name, "ONE");
        workbench.press("U W ctrl-u \"NEW\" enter");
        assert!(text(&workbench).starts_with(TWO) && text(&workbench).contains("\n[NEW]\n"));
        // A name given by saving does not stand in the way of undo.
        workbench.press("u");
        assert_eq!(workbench.app.document().len(), 4);
    }
}

#[test]
fn a_workflow_of_comfyui_goes_out_and_comes_back_through_a_file() {
    let mut workbench = workbench();
    workbench.press("P j e down down enter esc");
    let file = workbench.presets().with_file_name("workflow.json");
    fs::write(&file, workbench.copied().unwrap()).unwrap();
    workbench.press("i");
    workbench.app.handle(Input::Paste(file.display().to_string()));
    workbench.press("enter");
    assert_eq!(workbench.grid(), "[5] 0.5 1.5\n5 0.5 1.5", "{}", workbench.said());
    workbench.press("P i \"/none/such.json\" enter");
    assert!(screen(&workbench, 80, 24).contains("cannot read `/none/such.json`"), "in its line");
    workbench.press("esc");
    workbench.app.handle(Input::Paste("something else\nof two lines".to_owned()));
    assert!(workbench.app.message().unwrap().is_problem);
}

#[test]
fn a_recorded_import_plays_again() {
    let mut workbench = workbench();
    workbench.press("P");
    let pasted =
        "pipe(\n  num_inference_steps=2,  # few\n  guidance_scale=5,\n  mu=0,\n  std=1,\n)";
    workbench.effects = workbench.app.handle(Input::Paste(pasted.to_owned()));
    let recorded = workbench.records().remove(0);
    assert_eq!(recorded.lines().count(), 1);
    let call: Call = recorded.parse().unwrap();
    let mut again = Workbench::with(Some(TWO), (80, 24));
    again.app.play(&call).1.unwrap();
    assert_eq!(again.grid(), workbench.grid());
}

#[test]
fn where_a_preset_and_the_grid_differ_is_a_table() {
    let mut workbench = workbench();
    workbench.press("G K 2 enter P =");
    let shown = screen(&workbench, 80, 24);
    shown.assert_has([
        "ONE and the grid",
        "2         gw        7.00",
        "3         gw        3.00",
        "σ is the same",
    ]);
    workbench.press("esc j =");
    let shown = screen(&workbench, 80, 24);
    shown.assert_has([
        "all       terminal  zero",
        "0–1       gw        5.00",
        "2–3       gw        –",
    ]);
    workbench.press("esc esc : \"diff-presets\" enter");
    assert!(screen(&workbench, 80, 24).contains("ONE and the grid"));
}

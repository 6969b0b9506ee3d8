//! What a tool is given reads back as the preset, in that tool's order and with its end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::preset::Step;
use super::super::preset_file::PresetFile;
use super::super::terminal::Terminal;
use super::*;
use proptest::prelude::*;

fn default_20() -> Preset {
    PresetFile::builtin().unwrap().get("V4_DEFAULT_20").unwrap().clone()
}

fn read(text: &str, from: Tool) -> Import {
    import(text, from, "IMPORTED", Size::SQUARE).unwrap()
}

pub(super) fn refusal(text: &str, from: Tool) -> String {
    import(text, from, "IMPORTED", Size::SQUARE).unwrap_err().to_string()
}

#[test]
fn each_tool_gets_its_own_order_of_guidance_and_is_told_of_its_end() {
    let text = |tool| export(&default_20(), Size::SQUARE, tool);
    let reference = text(Tool::Reference);
    assert!(reference.text.starts_with("\"V4_DEFAULT_20\": SamplerParameters(\n  num_steps=20,\n"));
    assert!(reference.text.contains("guidance_schedule=(3.0,) * 2 + (7.0,) * 18,"));
    assert_eq!(reference.cannot_follow, None);
    let diffusers = text(Tool::Diffusers);
    assert!(diffusers.text.contains("guidance_schedule=(7.0,) * 18 + (3.0,) * 2,"));
    let sd_cpp = text(Tool::SdCpp);
    assert_eq!(
        sd_cpp.text,
        "--sampling-method euler --steps 20 --cfg-scale 7.0 -W 1024 -H 1024 --extra-sample-args \
         \"mu=0.0,std=1.75,guidance_schedule=3.0x2+7.0x18\"\n"
    );
    for (export, tool) in [(diffusers, "diffusers"), (sd_cpp, "stable-diffusion.cpp")] {
        let told = format!("{tool} ends at σ 0, the preset at 5.53e-4");
        assert_eq!(export.cannot_follow, Some(told));
    }
    let zero = Preset { terminal: Terminal::Zero, ..default_20() };
    let told = export(&zero, Size::SQUARE, Tool::Reference).cannot_follow.unwrap();
    assert_eq!(told, "the reference ends at σ 5.53e-4, the preset at 0");
}

#[test]
fn steps_of_their_own_mu_become_explicit_sigma_or_the_closest_single_pair() {
    let mut preset = Preset { terminal: Terminal::Zero, ..default_20() };
    preset.steps.0[10].mu = 0.05;
    let sd_cpp = export(&preset, Size::SQUARE, Tool::SdCpp);
    assert_eq!(sd_cpp.cannot_follow, None);
    assert!(sd_cpp.text.contains(" --sigmas 0.9998766,") && !sd_cpp.text.contains("mu="));
    let back = read(&sd_cpp.text, Tool::SdCpp);
    let sigmas = |preset: &Preset| preset.schedule(Size::SQUARE).sigmas().to_vec();
    for (ours, theirs) in sigmas(&preset).iter().zip(sigmas(&back.preset)) {
        assert!((ours.0 - theirs.0).abs() < 1e-6);
    }
    assert_eq!(back.notes, ["mu is solved for the σ at 1024×1024, with std 1"]);
    let diffusers = export(&preset, Size::SQUARE, Tool::Diffusers);
    let told = diffusers.cannot_follow.unwrap();
    assert!(told.starts_with("diffusers has one mu and std for all steps"), "{told}");
    let near = read(&diffusers.text, Tool::Diffusers).preset;
    for (ours, theirs) in sigmas(&preset).iter().zip(sigmas(&near)) {
        assert!((ours.0 - theirs.0).abs() < 0.02);
    }
}

#[test]
fn what_people_copy_is_read() {
    let text = "PRESETS = {\n  # three of them\n  \"FAST\": SamplerParameters(\n    num_steps=4,  # few\n    \
                guidance_schedule=[3.0, 7, 7, 7],\n    mu=0.5,\n    std=1.75,\n  ),\n}";
    let preset = read(text, Tool::Reference).preset;
    assert_eq!((preset.name.as_str(), preset.terminal), ("FAST", Terminal::Reference));
    let gw: Vec<f64> = preset.steps.iter().map(|step| step.gw).collect();
    assert_eq!(gw, [7.0, 7.0, 7.0, 3.0]);

    let text = "image = pipe('a (red, #1) circle', num_inference_steps=3, guidance_scale=5).images";
    let import = read(text, Tool::Diffusers);
    assert_eq!(import.preset.steps.0, [Step { gw: 5.0, mu: 0.0, std: 1.5 }; 3]);
    assert_eq!(import.notes.len(), 2, "{:?}", import.notes);
    assert_eq!(import.preset.terminal, Terminal::Zero);
    assert_eq!(read("std=1.5", Tool::Diffusers).preset.steps.len(), 48);

    let text = "sd-cli -p 'a red = circle' --steps 4 \\\n --cfg-scale=7 --extra-sample-args 'mu=0.5,guidance_schedule=3x1+4x1'";
    let import = read(text, Tool::SdCpp);
    let rows: Vec<_> = import.preset.steps.iter().map(|s| (s.gw, s.mu, s.std)).collect();
    assert_eq!(rows, [(7.0, 0.5, 1.75), (7.0, 0.5, 1.75), (4.0, 0.5, 1.75), (3.0, 0.5, 1.75)]);
    assert_eq!(import.notes, ["no std is given: stable-diffusion.cpp's default, 1.75"]);
    let weights = |schedule: &str| -> Vec<f64> {
        let text = format!(
            "--steps 3 --cfg-scale 5 --extra-sample-args 'mu=0,std=1;guidance_schedule={schedule}'"
        );
        read(&text, Tool::SdCpp).preset.steps.iter().map(|step| step.gw).collect()
    };
    assert_eq!(weights(" 3x 1+ 7x2+"), [7.0, 7.0, 3.0]);
    assert_eq!(weights(""), [5.0; 3]);
}

#[test]
fn what_cannot_be_read_is_named() {
    for (text, from, message) in [
        ("", Tool::Reference, "there is no `guidance_schedule=`"),
        ("guidance_schedule=(7, x), mu=0, std=1", Tool::Reference, "`(7, x)` is not a list"),
        ("guidance_schedule=[7], std=1", Tool::Reference, "there is no `mu=`"),
        (
            "num_steps=3, guidance_schedule=[7], mu=0, std=1",
            Tool::Reference,
            "the guidance list has 1",
        ),
        (
            "guidance_schedule=(7,) * 9999, mu=0, std=1",
            Tool::Reference,
            "`(7,) * 9999` is not a list",
        ),
        ("guidance_schedule=[7], mu=0, std=0", Tool::Reference, "std is 0: it must be above 0"),
        ("pipe(prompt)", Tool::Diffusers, "there is no `num_inference_steps=`"),
        ("mu=inf", Tool::Diffusers, "`mu=inf`: expected a finite number"),
        (
            "guidance_scale=7, guidance_schedule=[7]",
            Tool::Diffusers,
            "it has `guidance_schedule` and",
        ),
        ("--cfg-scale 7", Tool::SdCpp, "there is no --steps"),
        ("--steps 'x", Tool::SdCpp, "a quote in the command line"),
        ("--steps 99999", Tool::SdCpp, "the number of steps is 99999"),
        ("--sigmas 1", Tool::SdCpp, "--sigmas needs two values"),
        ("--sigmas 0.9999,1.5,0", Tool::SdCpp, "σ 1.5 of step 1 is out of reach"),
        (
            "--steps 2 --extra-sample-args guidance_schedule=7",
            Tool::SdCpp,
            "`7` in guidance_schedule",
        ),
        // The tool itself would take --cfg-scale for every step.
        (
            "--steps 2 --extra-sample-args 'guidance_schedule=7x0+3x2'",
            Tool::SdCpp,
            "`7x0` in guidance_schedule",
        ),
        ("--steps 2 --extra-sample-args 'guidance_schedule=7 x2'", Tool::SdCpp, "`7 x2` in"),
        ("--steps 2 --extra-sample-args 'guidance_schedule=7x1++3x1'", Tool::SdCpp, "`` in"),
    ] {
        let told = refusal(text, from);
        assert!(told.starts_with(message), "{text}: {told}");
    }
    let told = read("--sigmas 1.0,0.5,0.1", Tool::SdCpp).notes;
    assert!(told[0].starts_with("no --cfg-scale is given"), "{told:?}");
    assert!(told[1].starts_with("the first σ is 1 and becomes 0.999877"), "{told:?}");
    assert!(told[2].starts_with("the last σ is 0.1 and becomes 0"), "{told:?}");
    assert!("comfyu".parse::<Tool>().unwrap_err().to_string().contains("did you mean `comfyui`"));
}

proptest! {
    #[test]
    fn a_preset_that_a_tool_can_follow_comes_back_whole(
        gws in prop::collection::vec(prop_oneof![Just(7.0), -9.0f64..9.0], 1..30),
        mu in -2.0f64..2.0, std in 0.1f64..3.0,
        tool in prop::sample::select(&Tool::ALL[..]),
    ) {
        let terminal =
            if tool == Tool::Reference { Terminal::Reference } else { Terminal::Zero };
        let can_be = |gw: f64| if tool == Tool::ComfyUi { gw.abs() } else { gw };
        let steps = gws.into_iter().map(|gw| Step { gw: can_be(gw), mu, std }).collect();
        let preset = Preset { name: "IMPORTED".to_owned(), description: None, steps, terminal };
        let export = export(&preset, Size::SQUARE, tool);
        prop_assert_eq!(&export.cannot_follow, &None);
        let import = read(&export.text, tool);
        prop_assert_eq!(import.preset, preset);
        // Extreme ones of these cannot be run at every size, which is said.
        let told = |note: &String| note.starts_with("it cannot be run at ");
        prop_assert!(import.notes.iter().all(told), "{:?}", import.notes);
    }

    #[test]
    fn no_text_makes_a_reader_panic(
        text in "(guidance_schedule|mu|std|--sigmas|--steps|pipe|=|class_type|inputs|:|\\{|\\}|\\(|\\)|\\[|\\]|,|\\*|\\+|x|[0-9]{1,3}| |\"|#|\\n|\\PC){0,30}",
        tool in prop::sample::select(&Tool::ALL[..]),
    ) {
        if let Ok(import) = import(&text, tool, "IMPORTED", Size::SQUARE) {
            prop_assert!(!import.preset.steps.is_empty());
        }
    }
}

//! Images that are run again from the recipe they carry.

use crate::support::program::{Place, demo_checkpoint, outcome, quick};
use crate::support::text::AssertHas as _;
use sigmalab_engine::image_file::{read_recipe, write_picture};
use sigmalab_image::RgbImage;
use sigmalab_schedule::size::Size;
use std::fs;

#[test]
fn an_image_runs_again_to_the_same_bytes() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "--gw", "7,5.5,2", "--std", "1.2", "-o", "a.png"]));
    place.done(&["generate", "--recipe", "a.png", "-o", "b.png"]);
    assert_eq!(fs::read(place.path("a.png")).unwrap(), fs::read(place.path("b.png")).unwrap());
}

#[test]
fn a_recipe_as_json_runs_too() {
    let place = Place::new();
    let json = place.json(&quick(&["--seed", "7", "-o", "a.png", "--json"]));
    place.write("recipe.json", json["recipe"].to_string());
    place.done(&["generate", "--recipe", "recipe.json", "-o", "b.png"]);
    assert_eq!(fs::read(place.path("a.png")).unwrap(), fs::read(place.path("b.png")).unwrap());
}

#[test]
fn other_formats_carry_the_recipe_too() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "-o", "a.png"]));
    for (name, flags, start) in [
        ("b.webp", &["-o", "b.webp"][..], &b"RIFF"[..]),
        ("c.JPG", &["-o", "c.JPG", "--format", "jpeg"], b"\xff\xd8\xff"),
        ("sigmalab-7.webp", &["--format", "webp"], b"RIFF"),
        ("sigmalab-7.jpg", &["--format", "jpeg"], b"\xff\xd8\xff"),
    ] {
        place.done(&[&["generate", "--recipe", "a.png"], flags].concat());
        assert!(fs::read(place.path(name)).unwrap().starts_with(start), "{name}");
        assert_eq!(
            read_recipe(&place.path(name)).unwrap(),
            read_recipe(&place.path("a.png")).unwrap()
        );
        place.done(&["generate", "--recipe", name, "-o", "again.png"]);
        let again = fs::read(place.path("again.png")).unwrap();
        assert_eq!(again, fs::read(place.path("a.png")).unwrap(), "{name}");
    }
}

#[test]
fn a_recipe_that_a_jpeg_cannot_hold_is_told_beforehand() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "-o", "a.png"]));
    let mut recipe = serde_json::to_value(read_recipe(&place.path("a.png")).unwrap()).unwrap();
    recipe["preset"] = "a".repeat(70_000).into();
    place.write("long.json", recipe.to_string());
    for (name, told) in [("b.jpg", true), ("b.webp", false)] {
        let done = place.run(&["generate", "--recipe", "long.json", "-o", name]);
        assert_eq!(done.code, Some(0), "{name}");
        assert_eq!(done.stderr.contains("--format webp keeps it"), told, "{name}");
        assert_eq!(read_recipe(&place.path(name)).is_err(), told, "{name}");
    }
}

#[test]
fn a_recipe_comes_from_printed_json_from_latents_and_from_standard_input() {
    let place = Place::new();
    let base = ["--seed", "7", "-o", "a.png", "--json", "--save-latents", "l.safetensors"];
    let printed = place.done(&quick(&base));
    place.write("printed.json", &printed);
    let a = fs::read(place.path("a.png")).unwrap();
    for file in ["printed.json", "l.safetensors"] {
        place.done(&["generate", "--recipe", file, "-o", "b.png"]);
        assert_eq!(fs::read(place.path("b.png")).unwrap(), a, "{file}");
        fs::remove_file(place.path("b.png")).unwrap();
    }
    let mut command = place.command(&["generate", "--recipe", "-", "-o", "c.png"]);
    command.stdin(fs::File::open(place.path("printed.json")).unwrap());
    let outcome = outcome(command);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(fs::read(place.path("c.png")).unwrap(), a);

    let mut wrong: serde_json::Value = serde_json::from_str(&printed).unwrap();
    wrong["recipe"]["steps"][2]["gw"] = "seven".into();
    place.write("wrong.json", wrong.to_string());
    place.refused(&["generate", "--recipe", "wrong.json"], &["wrong.json", "`steps[2].gw`"]);
    let both = ["generate", "--recipe", "-", "--prompt", "-"];
    place.refused(&both, &["standard input", "one in a file"]);
    place.write("bare.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    place.refused(&["generate", "--recipe", "bare.safetensors"], &["holds no recipe"]);
}

#[test]
fn a_flag_beats_the_recipe_and_leaves_the_rest() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "-o", "a.png"]));
    place.done(&["generate", "--recipe", "a.png", "--seed", "8", "--gw", "2x3", "-o", "b.png"]);
    let (a, b) = (read_recipe(&place.path("a.png")), read_recipe(&place.path("b.png")));
    let (a, mut b) = (a.unwrap(), b.unwrap());
    assert_ne!(a.noise, b.noise);
    assert!(b.steps.iter().all(|step| step.gw == 2.0));
    b.noise = a.noise.clone();
    b.steps = a.steps.clone();
    assert_eq!(a, b);
}

#[test]
fn the_size_that_sigma_is_taken_for_stays_with_the_image() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "--sigma-size", "square", "-o", "a.png"]));
    place.done(&["generate", "--recipe", "a.png", "-o", "b.png"]);
    assert_eq!(fs::read(place.path("a.png")).unwrap(), fs::read(place.path("b.png")).unwrap());
    let sigma_size = |name: &str| read_recipe(&place.path(name)).unwrap().sigma_size;
    assert_eq!(sigma_size("a.png"), Some(Size::SQUARE));
    place.done(&["generate", "--recipe", "a.png", "--sigma-size", "256x256", "-o", "c.png"]);
    assert_eq!(sigma_size("c.png"), None);
    place.refused(&quick(&["--sigma-size", "100x100"]), &["100×100", "256×256"]);
}

#[test]
fn a_first_block_cache_stays_with_the_image_until_a_0_takes_it_off() {
    let place = Place::new();
    let cached = quick(&["--seed", "7", "--first-block-cache", "0.9", "--json", "-o", "a.png"]);
    let json: serde_json::Value = serde_json::from_str(&place.done(&cached)).unwrap();
    assert!(json["nfe"]["first_block"].as_u64().is_some_and(|count| count > 0), "{json}");
    place.done(&["generate", "--recipe", "a.png", "-o", "b.png"]);
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    assert_eq!(bytes("a.png"), bytes("b.png"));
    let threshold = |name: &str| read_recipe(&place.path(name)).unwrap().first_block_cache;
    assert_eq!(threshold("a.png"), Some(0.9));
    place.done(&["generate", "--recipe", "a.png", "--first-block-cache", "0", "-o", "c.png"]);
    assert_eq!(threshold("c.png"), None);
    place.done(&quick(&["--seed", "7", "-o", "d.png"]));
    assert_eq!(bytes("c.png"), bytes("d.png"));
    place.refused(&quick(&["--first-block-cache", "1.5"]), &["1.5", "at most 1"]);
    place.refused(&quick(&["--first-block-cache", "nan"]), &["NaN", "at most 1"]);
}

#[test]
fn a_preset_keeps_its_name_until_a_flag_changes_it() {
    let place = Place::new();
    let name = |more: &[&str]| {
        let base = ["generate", "--prompt", "x", "--seed", "1", "-o", "a.png"];
        place.done(&[&base[..], more].concat());
        read_recipe(&place.path("a.png")).unwrap().preset
    };
    assert_eq!(name(&["--sampler-preset", "V4_TURBO_12"]).as_deref(), Some("V4_TURBO_12"));
    assert_eq!(name(&["--sampler-preset", "V4_TURBO_12", "--std", "1"]), None);
}

#[test]
fn an_image_of_another_program_has_no_recipe() {
    let place = Place::new();
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::new(&mut bytes, 1, 1).write_header().unwrap();
    writer.write_image_data(&[0]).unwrap();
    writer.finish().unwrap();
    place.write("other.png", &bytes);
    place.refused(&["generate", "--recipe", "other.png"], &["other.png", "holds no recipe"]);
    place.write("broken.png", &bytes[..20]);
    place.refused(&["generate", "--recipe", "broken.png"], &["broken.png", "PNG"]);
}

#[test]
fn a_later_version_another_checkpoint_and_missing_noise_are_refused() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "-o", "a.png", "--save-latents", "l.safetensors"]));
    let recipe = read_recipe(&place.path("a.png")).unwrap();
    let mut json = serde_json::to_value(&recipe).unwrap();

    json["version"] = 99.into();
    place.write("later.json", json.to_string());
    place.refused(&["generate", "--recipe", "later.json"], &["version 99", "update sigmalab"]);

    let mut other = recipe.clone();
    other.model.fingerprint = Some("0123456789abcdef".to_owned());
    let image = RgbImage { width: 1, height: 1, pixels: vec![0; 3] };
    let mut bytes = Vec::new();
    write_picture(&image, &other, &mut bytes).unwrap();
    place.write("other.png", bytes);
    let arguments = ["generate", "--recipe", "other.png"];
    place.refused(&arguments, &["0123456789abcdef", "--model", "--any-checkpoint"]);
    place.done(&["generate", "--recipe", "other.png", "--any-checkpoint", "-o", "taken.png"]);
    assert_eq!(read_recipe(&place.path("taken.png")).unwrap(), recipe);

    place.done(&quick(&["--initial-noise", "l.safetensors", "-o", "b.png"]));
    place.refused(&["generate", "--recipe", "b.png"], &["noise", "--initial-noise"]);
    let again =
        ["generate", "--recipe", "b.png", "--initial-noise", "l.safetensors", "-o", "c.png"];
    place.done(&again);
    assert_eq!(fs::read(place.path("b.png")).unwrap(), fs::read(place.path("c.png")).unwrap());
}

#[test]
fn the_recipe_of_a_folder_runs_on_that_folder_and_not_on_a_changed_one() {
    let place = Place::new();
    let folder = demo_checkpoint(&place);
    place.done(&quick(&["--seed", "7", "--model", "model", "-o", "a.png"]));
    place.done(&["generate", "--recipe", "a.png", "-o", "b.png"]);
    assert_eq!(fs::read(place.path("a.png")).unwrap(), fs::read(place.path("b.png")).unwrap());
    // The same weights under another name are the same checkpoint.
    place.done(&["generate", "--recipe", "a.png", "--model", "demo", "-o", "c.png"]);

    let file = folder.join("vae/diffusion_pytorch_model.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..] {
        *byte ^= 0x01;
    }
    fs::write(&file, bytes).unwrap();
    place.refused(&["generate", "--recipe", "a.png"], &["the recipe was made with checkpoint"]);
}

#[test]
fn a_recipe_of_a_relative_folder_runs_from_another_folder() {
    let place = Place::new();
    demo_checkpoint(&place);
    fs::create_dir(place.path("m")).unwrap();
    fs::rename(place.path("model"), place.path("m/tiny")).unwrap();
    place.done(&quick(&["--seed", "7", "--model", "m/tiny", "-o", "a.png"]));
    fs::create_dir(place.path("elsewhere")).unwrap();
    let mut command = place.command(&["generate", "--recipe", "../a.png", "-o", "b.png"]);
    command.current_dir(place.path("elsewhere"));
    let outcome = outcome(command);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let b = fs::read(place.path("elsewhere/b.png")).unwrap();
    assert_eq!(fs::read(place.path("a.png")).unwrap(), b);
    fs::remove_dir_all(place.path("m")).unwrap();
    place.refused(&["generate", "--recipe", "a.png"], &["m/tiny", "no such folder"]);
}

#[test]
fn the_picture_carries_text_for_other_programs() {
    let place = Place::new();
    place.done(&quick(&["--seed", "7", "--gw", "7x2,3", "-o", "a.png"]));
    let file = std::io::BufReader::new(fs::File::open(place.path("a.png")).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    let info = reader.info();
    let text = |keyword: &str| {
        let chunk = info.utf8_text.iter().find(|chunk| chunk.keyword == keyword);
        chunk.unwrap_or_else(|| panic!("no {keyword}")).get_text().unwrap()
    };
    assert_eq!(text("Description"), "a red circle on a blue background");
    assert!(text("sigmalab-recipe").contains("\"version\":1"));
    let parameters = text("parameters");
    parameters.assert_has(["Steps: 3, Sampler: euler", "Guidance: 7x2 3x1,"]);
    assert!(!parameters.contains("CFG scale"), "{parameters}");
    assert!(parameters.contains("Seed: 7") && parameters.contains("Size: 256x256"));
    assert!(info.uncompressed_latin1_text.iter().any(|chunk| chunk.keyword == "Software"));
}

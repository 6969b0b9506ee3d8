//! Bad input ends with exit code 2, a message that names the place and the way out, and no file.

use crate::support::program::{Place, demo_checkpoint, outcome, quick};
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;

/// One run that is refused: what is added to a good one, and what the message says.
type Case = (&'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    // Presets.
    (&["--sampler-preset", "V4_TURB0_12"], &["V4_TURB0_12", "did you mean `V4_TURBO_12`", "try: "]),
    (&["--presets", "missing.toml"], &["missing.toml", "cannot read"]),
    // Sizes.
    (&["--height", "240"], &["256×240", "between 256 and 2048", "--width 256 --height 256"]),
    (&["--width", "1000"], &["1000×256", "multiples of 16", "1008×256"]),
    (&["--width", "4096", "--height", "4096"], &["2048×2048"]),
    (&["--width", "2048", "--height", "256"], &["at most 6 times", "nearest valid size"]),
    (&["--size", "1000x1000"], &["--size", "1008×1008"]),
    (&["--size", "sqare"], &["did you mean `square`", "phone-wallpaper"]),
    (&["--size", "512"], &["did you mean `512x512`"]),
    // Guidance and schedules.
    (&["--gw", "7,7"], &["--gw has 2 weights", "3 steps", "--num-steps 2"]),
    (&["--gw", "7x4"], &["--gw has 4 weights", "3 steps"]),
    (&["--guidance-schedule", "7,7,7,7"], &["--guidance-schedule has 4 weights", "3 steps"]),
    (&["--gw", "7,nan,7"], &["--gw", "item 2 `nan`", "finite"]),
    (&["--guidance-schedule", "7,7,inf"], &["item 3 `inf`", "finite"]),
    (&["--gw", "7x99999999999"], &["item 1", "longer than 1000 steps"]),
    (&["--guidance-scale", "nan"], &["--guidance-scale", "finite"]),
    (&["--mu", "inf"], &["--mu", "finite"]),
    (&["--std", "nan"], &["--std", "finite"]),
    (&["--std", "0"], &["std is 0", "above 0"]),
    (&["--std", "-1.5"], &["std is -1.5", "above 0"]),
    (&["--terminal-sigma", "zeros"], &["did you mean `zero`"]),
    // Samplers, noise, devices.
    (&["--sampler", "heun9"], &["no sampler `heun9`", "`euler`"]),
    (&["--sampler-param", "eta=0.5"], &["no parameter `eta`"]),
    (&["--sampler-param", "eta"], &["KEY=VALUE"]),
    (&["--sampler-param", "eta=nan"], &["`eta`", "finite"]),
    (&["--rng", "mt19937"], &["no random generator `mt19937`", "torch-cpu"]),
    (&["--seed", "-1"], &["--seed", "-1"]),
    (&["--seed", "18446744073709551616"], &["--seed", "0 to 18446744073709551615"]),
    (&["--any-checkpoint"], &["--any-checkpoint needs --recipe"]),
    (&["--width", "-16"], &["--width", "-16"]),
    (&["--size", "-1x256"], &["--size", "-1x256"]),
    (&["--seed", "1", "--initial-noise", "x.safetensors"], &["cannot be used with"]),
    (&["--initial-noise", "x.safetensors"], &["--initial-noise", "x.safetensors", "cannot read"]),
    (&["--device", "tpu"], &["--device", "cpu"]),
    (&["--dtype", "f16"], &["f16", "bf16"]),
    (&["--threads", "0"], &["--threads", "1 to 1024"]),
    (&["--threads", "1000000000"], &["--threads", "1 to 1024"]),
    (&["--memory-limit", "12"], &["--memory-limit", "`12`", "12GiB"]),
    (&["--memory-limit", "12GB"], &["--memory-limit", "12GiB"]),
    (
        &["--memory-limit", "100M"],
        &["--memory-limit 100 MiB is too little", "256×256", "it takes", "MiB"],
    ),
    // Files.
    (&["--output", "no/out.png"], &["no/out.png", "folder `no` does not exist", "mkdir -p no"]),
    (&["--output", "."], &["`.`"]),
    (&["--output", "out.gif"], &["out.gif", ".png, .webp or .jpg", "--output out.png"]),
    (&["--output", "out"], &["`out`", ".png, .webp or .jpg", "--output out.png"]),
    (
        &["--format", "jpeg", "--output", "out.png"],
        &["out.png", "must end in .jpg or .jpeg", "--output out.jpg"],
    ),
    (&["--format", "webp", "--output", "out"], &["must end in .webp", "--output out.webp"]),
    (&["--format", "gif"], &["--format", "gif", "png, webp, jpeg"]),
    (&["--save-latents", "no/l.safetensors"], &["--save-latents", "folder `no` does not exist"]),
    (&["--output", "o.png", "--save-latents", "o.png"], &["the same file"]),
    (&["--output", "o.png", "--save-latents", "./o.png"], &["the same file"]),
    (&["--output", "o.png/"], &["o.png/", "a folder"]),
    (&["--recipe", "/dev/zero"], &["--recipe", "/dev/zero", "too large for a recipe"]),
    (&["--initial-noise", "/dev/zero"], &["--initial-noise", "a device or a pipe"]),
    // Checkpoints.
    (&["--model", "no/such/folder"], &["no checkpoint `no/such/folder`", "no such folder"]),
    (&["--model", "./name"], &["no checkpoint `./name`", "no such folder"]),
    (&["--model", "name"], &["no checkpoint `name`", "demo"]),
    (&["--model", "owner/name"], &["owner/name", "HF_HUB_OFFLINE"]),
    // Captions.
    (&["--strict-caption"], &["--strict-caption", "plain text", "--wrap-caption"]),
    (&["--recipe", "missing.png"], &["--recipe", "missing.png", "cannot read"]),
];

#[test]
fn every_bad_flag_is_refused_with_its_name_and_a_way_out() {
    let place = Place::new();
    for (more, words) in CASES {
        place.refused(&quick_without_mu(more), words);
    }
}

/// A flag that is given twice is an error of its own, so the good run's --mu steps aside.
fn quick_without_mu<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = quick(&[]);
    arguments.truncate(arguments.len() - 2);
    arguments.extend(more);
    arguments
}

#[test]
fn a_schedule_whose_noise_level_rises_is_refused_with_its_steps() {
    let place = Place::new();
    place.write(
        "presets.toml",
        "[RISING]\nstd = 1\nsteps = [{ gw = 7, mu = 0 }, { gw = 7, mu = -3 }, { gw = 7, mu = 3 }]",
    );
    let prompt = ["generate", "--prompt", "x", "--sampler-preset", "RISING"];
    place.refused(&prompt, &["step 1", "σ does not fall", "step 2"]);
}

#[test]
fn a_broken_presets_file_is_refused_with_the_line() {
    let place = Place::new();
    place.write("presets.toml", "[A]\nmu = 0\nstd = nan\nruns = [{ steps = 1, gw = 7 }]\n");
    place.refused(&quick(&[]), &["presets.toml:3:", "std"]);
    place.write("presets.toml", "[A\n");
    place.refused(&quick(&[]), &["presets.toml:1:"]);
    place.write("presets.toml", [0xff, 0xfe, 0x00]);
    place.refused(&quick(&[]), &["presets.toml", "UTF-8"]);
}

#[test]
fn a_prompt_is_needed_and_has_a_limit() {
    let place = Place::new();
    let ways = ["--prompt TEXT", "--prompt-file", "--recipe"];
    place.refused(&["generate", "--output", "out.png"], &ways);
    let long = "red ".repeat(3000);
    place.refused(&["generate", "--prompt", &long, "--num-steps", "1"], &["2048", "tokens"]);
    let file = place.write("prompt.txt", "x".repeat(2 << 20));
    let file = file.to_str().unwrap();
    place.refused(&["generate", "--prompt-file", file], &["too large"]);
    place.refused(&["generate", "--prompt-file", "none.txt"], &["none.txt"]);
}

fn noise_file(place: &Place, name: &str, shape: &[usize], values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes).unwrap();
    place.write(name, safetensors::serialize([("noise", view)], None).unwrap());
}

#[test]
fn initial_noise_of_another_shape_or_with_nan_is_refused() {
    let place = Place::new();
    noise_file(&place, "small.safetensors", &[1, 4, 128], &[0.0; 512]);
    let arguments = quick(&["--initial-noise", "small.safetensors"]);
    place.refused(&arguments, &["[1, 4, 128]", "[1, 256, 128]"]);

    let mut values = vec![0.0; 256 * 128];
    values[129] = f32::NAN;
    noise_file(&place, "nan.safetensors", &[1, 256, 128], &values);
    let arguments = quick(&["--initial-noise", "nan.safetensors"]);
    place.refused(&arguments, &["NaN at token 1, channel 1"]);

    place.write("text.safetensors", "this is no tensor file at all");
    let arguments = quick(&["--initial-noise", "text.safetensors"]);
    place.refused(&arguments, &["text.safetensors", "not a readable safetensors file"]);
}

#[test]
fn a_folder_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let closed = place.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write anywhere.
    if std::fs::write(closed.join("probe"), "").is_err() {
        place.refused(&quick(&["--output", "closed/out.png"]), &["no permission", "closed"]);
    }
}

#[test]
fn devices_and_links_to_nowhere_are_not_overwritten() {
    let place = Place::new();
    std::os::unix::fs::symlink("/dev/null", place.path("null.png")).unwrap();
    place.refused(&quick(&["--output", "null.png"]), &["null.png", "device"]);
    assert!(Path::new("/dev/null").exists());
}

#[test]
fn a_name_no_file_can_have_is_refused_before_the_run() {
    let place = Place::new();
    let long = format!("{}.png", "a".repeat(300));
    place.refused(&quick(&["--output", &long]), &["--output", &long]);
    std::os::unix::fs::symlink("nowhere.png", place.path("link.png")).unwrap();
    place.refused(&quick(&["--output", "link.png"]), &["link.png", "leads nowhere"]);
}

#[test]
fn a_folder_that_was_deleted_under_the_program_is_refused() {
    let place = Place::new();
    let gone = place.path("gone");
    std::fs::create_dir(&gone).unwrap();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "rmdir ../gone && exec \"$0\" generate --prompt x --num-steps 1 --mu 0.5"])
        .arg(env!("CARGO_BIN_EXE_sigmalab"))
        .current_dir(&gone)
        .env("HOME", place.path("home"));
    let outcome = outcome(command);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("--output") && outcome.stderr.contains("does not exist"));
}

#[test]
fn a_pipe_in_a_files_place_is_refused_and_not_waited_for() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status();
    assert!(made.unwrap().success());
    place.refused(&quick(&["--initial-noise", "pipe"]), &["--initial-noise", "pipe"]);
    let config = demo_checkpoint(&place).join("transformer/config.json");
    std::fs::remove_file(&config).unwrap();
    std::fs::rename(place.path("pipe"), &config).unwrap();
    let words = ["transformer/config.json", "not a regular file"];
    place.refused(&quick(&["--model", "model"]), &words);
}

#[test]
fn a_variable_that_is_no_text_is_refused_and_not_passed_over() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let mut command = place.command(&quick(&[]));
    command.env("SIGMALAB_MODEL", std::ffi::OsStr::from_bytes(b"\xff"));
    let outcome = outcome(command);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("SIGMALAB_MODEL"), "{outcome:?}");
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn no_message_sends_control_characters_to_the_terminal() {
    let place = Place::new();
    place.write("presets.toml", "[A]\n\"\\u001b[31mevil\" = 1\n");
    let message = place.refused(&quick(&[]), &["\\u{1b}[31mevil"]);
    assert!(!message.contains('\u{1b}'));
}

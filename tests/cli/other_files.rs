//! Files as other programs and people write them: byte-order marks, line ends, quoting, pictures
//! in place of text.

use crate::support::program::{Place, quick};
use serde_json::Value;
use std::fs;

/// What a program that writes a byte-order mark begins a file with.
const MARK: &str = "\u{feff}";

fn identity(place: &Place, arguments: &[&str]) -> Value {
    let json: Value = serde_json::from_str(&place.done(arguments)).unwrap();
    json["identity"].clone()
}

#[test]
fn a_byte_order_mark_is_no_part_of_any_text() {
    let place = Place::new();
    place.write("plain.txt", "a red circle\n");
    place.write("marked.txt", format!("{MARK}a red circle\n"));
    let common = ["--num-steps", "3", "--mu", "0.5", "--seed", "1", "--json"];
    let run = |file: &str, out: &str| {
        let mut arguments = vec!["generate", "--prompt-file", file, "--output", out];
        arguments.extend(common);
        identity(&place, &arguments)
    };
    assert_eq!(run("plain.txt", "a.png"), run("marked.txt", "b.png"));

    let presets = place.done(&["presets", "show", "V4_TURBO_12"]);
    place.write("presets.toml", format!("{MARK}{presets}"));
    place.done(&["presets", "check", "presets.toml"]);

    let json: Value =
        serde_json::from_str(&place.done(&quick(&["--seed", "1", "--json", "--output", "c.png"])))
            .unwrap();
    place.write("recipe.json", format!("{MARK}{}", json["recipe"]));
    let again = ["generate", "--recipe", "recipe.json", "--json", "--output", "d.png"];
    assert_eq!(identity(&place, &again), json["identity"]);

    let caption = place.done(&["caption", "wrap", "a cat on a wall"]);
    place.write("caption.json", format!("{MARK}{caption}"));
    place.done(&["caption", "check", "caption.json"]);

    for tool in ["reference", "diffusers", "comfyui", "sd.cpp"] {
        let text = place.done(&["presets", "export", "V4_TURBO_12", "--to", tool]);
        place.write("plain", &text);
        place.write("marked", format!("{MARK}{text}"));
        let import = |file: &str| place.done(&["presets", "import", file, "--from", tool]);
        assert_eq!(import("plain"), import("marked"), "{tool}");
    }
}

#[test]
fn other_encodings_are_named() {
    let place = Place::new();
    place.write("wide.txt", b"\xff\xfea\0\n\0");
    place.refused(
        &["generate", "--prompt-file", "wide.txt"],
        &["wide.txt", "UTF-16 text: save it as UTF-8"],
    );
    // Without a mark the zeros between the letters tell.
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for (name, arguments) in [
        ("p.txt", ["generate", "--prompt-file", "p.txt"]),
        ("r.json", ["generate", "--recipe", "r.json"]),
        ("t.toml", ["presets", "check", "t.toml"]),
        ("e.toml", ["sweep", "plan", "e.toml"]),
    ] {
        place.write(name, wide("{\"a red circle\": 1}\n"));
        place.refused(&arguments, &[name, "UTF-16 text: save it as UTF-8"]);
    }
    place.write("latin.toml", b"# caf\xe9\n");
    place.refused(&["presets", "check", "latin.toml"], &["latin.toml", "line 1 is not UTF-8"]);
}

#[test]
fn a_checkpoint_whose_json_begins_with_a_mark_is_read() {
    let place = Place::new();
    let model = crate::support::program::demo_checkpoint(&place);
    let config = model.join("transformer/config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{MARK}{text}")).unwrap();
    place.done(&["model", "inspect", "--model", "model"]);
}

#[test]
fn of_several_entries_the_named_one_is_imported() {
    let place = Place::new();
    let export = |name: &str| place.done(&["presets", "export", name, "--to", "reference"]);
    let all = ["V4_QUALITY_48", "V4_DEFAULT_20", "V4_TURBO_12"].map(export).concat();
    place.write("all.py", &all);
    let import = ["presets", "import", "all.py", "--from", "reference"];
    let named = place.done(&[&import[..], &["--name", "V4_TURBO_12"]].concat());
    assert!(named.starts_with("[V4_TURBO_12]\n") && named.contains("steps = 11"), "{named}");
    assert!(!named.contains("V4_QUALITY_48"), "{named}");
    place.refused(&[&import[..], &["--name", "NOPE"]].concat(), &["NOPE", "`V4_QUALITY_48`"]);
    place.write("mine.toml", place.done(&import));
    assert!(place.done(&["presets", "check", "mine.toml"]).contains("3 presets"));
    // The only one gets the name that is given.
    place.write("one.py", export("V4_TURBO_12"));
    let one = ["presets", "import", "one.py", "--from", "reference", "--name", "MINE"];
    assert!(place.done(&one).starts_with("[MINE]\n"));
}

#[test]
fn what_cannot_be_run_is_no_import() {
    let place = Place::new();
    place.write("up.txt", "--sigmas 0.9999,0.2,0.5,0 --cfg-scale 5");
    place.refused(
        &["presets", "import", "up.txt", "--from", "sd.cpp"],
        &["up.txt", "the schedule cannot be run: step 1", "from 0.2 to 0.5"],
    );
}

#[test]
fn a_workflow_is_read_from_the_picture_that_it_drew() {
    let place = Place::new();
    let workflow = place.done(&["presets", "export", "V4_TURBO_12", "--to", "comfyui"]);
    let with = |keyword: &str, text: &str| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.add_itxt_chunk(keyword.to_owned(), text.to_owned()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
        bytes
    };
    place.write("drawn.png", with("prompt", &workflow));
    place.write("plain.json", &workflow);
    let import = |file: &str| place.done(&["presets", "import", file, "--from", "comfyui"]);
    assert_eq!(import("drawn.png"), import("plain.json"));
    place.refused(
        &["presets", "import", "drawn.png", "--from", "sd.cpp"],
        &["ComfyUI workflow", "--from comfyui"],
    );
    place.write("other.png", with("Comment", "x"));
    place.write("photo.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0");
    for (file, words) in [("other.png", "a PNG picture without"), ("photo.jpg", "a JPEG picture")] {
        place.refused(&["presets", "import", file, "--from", "comfyui"], &[file, words]);
    }
}

#[test]
fn a_presets_file_keeps_its_line_ends_its_mark_and_its_mode() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let place = Place::new();
    let plain = format!(
        "{}\n{}",
        place.done(&["presets", "show", "V4_TURBO_12"]),
        place.done(&["presets", "show", "V4_DEFAULT_20"])
    );
    let windows = format!("{MARK}# mine\r\n\r\n{}", plain.trim_end().replace('\n', "\r\n"));
    let path = place.write("presets.toml", &windows);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(&path, place.path("other.toml")).unwrap();
    std::os::unix::fs::symlink("presets.toml", place.path("link.toml")).unwrap();
    let set = |name: &str| {
        place.done(&["presets", "set-default", name, "--presets", "link.toml"]);
        fs::read_to_string(&path).unwrap()
    };
    assert_eq!(set("V4_TURBO_12"), windows, "it is the default already");
    let changed = set("V4_DEFAULT_20");
    let line = "default = \"V4_DEFAULT_20\"\r\n";
    assert!(changed.contains(line) && changed.starts_with(MARK), "{changed:?}");
    assert_eq!(changed.matches('\n').count(), changed.matches("\r\n").count());
    assert!(!changed.ends_with('\n'));
    let meta = fs::metadata(&path).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.nlink()), (0o640, 2));
    assert!(fs::symlink_metadata(place.path("link.toml")).unwrap().is_symlink());
}

#[test]
fn a_line_that_is_changed_keeps_its_own_line_end() {
    let place = Place::new();
    let tables = place.done(&["presets", "show", "V4_TURBO_12"])
        + "\n"
        + &place.done(&["presets", "show", "V4_DEFAULT_20"]);
    place.write("presets.toml", format!("default = \"V4_TURBO_12\"\r\n{tables}"));
    place.done(&["presets", "set-default", "V4_DEFAULT_20"]);
    let changed = fs::read_to_string(place.path("presets.toml")).unwrap();
    assert_eq!(changed, format!("default = \"V4_DEFAULT_20\"\r\n{tables}"));
}

#[test]
fn an_image_over_a_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let path = place.write("out.png", "old");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    place.done(&quick(&["--seed", "1", "--output", "out.png"]));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn recipes_that_are_none_are_called_what_they_are() {
    let place = Place::new();
    for (name, bytes, words) in [
        ("a.jpg", &b"\xff\xd8\xff\xe0\0\x10JFIF\0"[..], "a JPEG picture"),
        ("a.webp", b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture"),
        ("a.json", b"", "`a.json` is empty"),
        ("b.json", b"seven", "it is not valid JSON"),
    ] {
        place.write(name, bytes);
        place.refused(&["generate", "--recipe", name], &["--recipe", name, words]);
    }
}

#[test]
fn a_current_folder_that_was_deleted_is_told_as_such() {
    for arguments in
        [&quick(&["--seed", "1"])[..], &["sweep", "run", "quickstart"], &["sweep", "new", "x"]]
    {
        deleted_folder(arguments);
    }
}

fn deleted_folder(arguments: &[&str]) {
    let place = Place::new();
    let inner = place.command(arguments);
    let script = "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" \"$@\"";
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script]).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.current_dir(place.path(""));
    let told = crate::support::program::outcome(shell);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("cd to another folder"), "{told:?}");
    assert!(!told.stderr.contains("mkdir"), "{told:?}");
}

#[test]
fn files_are_told_as_they_were_typed() {
    let place = Place::new();
    let told = place.done(&quick(&["--seed", "1", "-o", "./a.png"]));
    assert!(told.starts_with("./a.png "), "{told}");
    let whole = place.path("l.safetensors").display().to_string();
    for (output, latents) in [("a.png", "l.safetensors"), ("./a.png", whole.as_str())] {
        let both = ["--seed", "1", "-o", output, "--save-latents", latents, "--json"];
        let told: serde_json::Value = serde_json::from_str(&place.done(&quick(&both))).unwrap();
        assert_eq!((&told["output"], &told["latents"]), (&output.into(), &latents.into()));
    }
}

#[test]
fn hints_say_what_can_be_typed() {
    let place = Place::new();
    for value in ["- a list", "-x", "--cat"] {
        let told = place.run(&["generate", "--prompt", value]);
        assert_eq!(told.code, Some(2));
        assert!(told.stderr.contains(&format!("--prompt='{value}'")), "{told:?}");
    }
    let told = place.run(&["tune", "--steps", "4", "--prompt", "- a list"]);
    assert_eq!(told.code, Some(2));
    assert!(told.stderr.contains("--prompts") && !told.stderr.contains("--prompt="), "{told:?}");
    place.refused(&quick(&["--output", "."]), &["--output image.png"]);
    let mut command = place.command(&quick(&["--seed", "1"]));
    command.env("SIGMALAB_PLUGIN_SECONDS", "abc");
    let told = crate::support::program::outcome(command);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("SIGMALAB_PLUGIN_SECONDS is `abc`"), "{told:?}");
}

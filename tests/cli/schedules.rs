//! `schedule` and `presets`.

use crate::support::program::Place;
use crate::support::text::AssertHas as _;

#[test]
fn the_three_formats_show_the_same_schedule() {
    let place = Place::new();
    let base = ["schedule", "V4_TURBO_12", "--size", "square", "--format"];
    let with = |format: &str| place.done(&[&base[..], &[format]].concat());
    let csv = with("csv");
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("step,loop_index,gw,mu,std,sigma,sigma_next,delta_sigma,log_snr")
    );
    let rows: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 12);
    assert_eq!(rows[0][..5], [0.0, 11.0, 7.0, 0.5, 1.75]);
    assert_eq!(rows[11][..5], [11.0, 0.0, 3.0, 0.5, 1.75]);
    // The reference's clamps at both ends.
    assert!((rows[0][5] - 0.999_877).abs() < 1e-6 && (rows[11][6] - 5.528e-4).abs() < 1e-7);

    let json: serde_json::Value = serde_json::from_str(&with("json")).unwrap();
    assert_eq!(json["size"], serde_json::json!({ "width": 1024, "height": 1024 }));
    assert_eq!(json["order"], "sampling");
    for (row, step) in rows.iter().zip(json["steps"].as_array().unwrap()) {
        assert_eq!(step["sigma"].as_f64(), Some(row[5]), "full precision in both");
        assert_eq!(step["log_snr"].as_f64(), Some(row[8]));
    }
    let table = with("table");
    assert!(table.starts_with("V4_TURBO_12 · 12 steps · 1024×1024"), "{table}");
    assert_eq!(table.lines().count(), 12 + 3);
}

#[test]
fn flags_change_the_schedule_and_none_is_the_references_call() {
    let place = Place::new();
    let json = |more: &[&str]| -> serde_json::Value {
        let base = ["schedule", "--format", "json"];
        serde_json::from_str(&place.done(&[&base[..], more].concat())).unwrap()
    };
    let default = json(&[]);
    assert_eq!(default["preset"], "V4_QUALITY_48");
    assert_eq!(default["size"]["width"], 256, "the demo's own size");
    let none = json(&["none"]);
    assert_eq!(none["steps"].as_array().unwrap().len(), 48);
    assert_eq!(none["size"]["width"], 1024);
    let first = &none["steps"][0];
    assert_eq!(
        (&first["gw"], &first["mu"], &first["std"]),
        (&7.0.into(), &0.5.into(), &1.0.into())
    );
    let changed = json(&["none", "--num-steps", "2", "--gw", "5,-1", "--terminal-sigma", "zero"]);
    assert_eq!(changed["steps"][1]["gw"], -1.0);
    assert_eq!(changed["steps"][1]["sigma_next"], 0.0);
}

#[test]
fn broken_steps_are_marked_and_the_exit_code_is_2() {
    let place = Place::new();
    place.write(
        "presets.toml",
        "[RISING]\nstd = 1\nsteps = [{ gw = 7, mu = 0 }, { gw = 7, mu = -3 }, { gw = 7, mu = 3 }]",
    );
    let outcome = place.run(&["schedule", "RISING"]);
    assert_eq!(outcome.code, Some(2));
    let marked: Vec<_> = outcome.stdout.lines().filter(|line| line.contains("broken")).collect();
    assert!(marked.len() == 1 && marked[0].trim_start().starts_with("1 "), "{outcome:?}");
    place.refused(&["presets", "check"], &["`RISING` at 256×256", "step 1", "2048×2048"]);
}

#[test]
fn presets_are_listed_shown_and_read_back() {
    let place = Place::new();
    let list = place.done(&["presets", "list"]);
    list.assert_has([
        "V4_QUALITY_48 *",
        "7x45 3x3",
        "V4_DEFAULT_20",
        "7x18 3x2",
        "1.75",
        "built-in",
    ]);
    let json = place.json(&["presets", "list", "--json"]);
    assert_eq!(json["presets"].as_array().unwrap().len(), 3);

    let shown = place.done(&["presets", "show", "V4_DEFAULT_20"]);
    place.write("mine.toml", shown.replace("V4_DEFAULT_20", "MINE"));
    assert!(place.done(&["presets", "check", "mine.toml"]).contains("1 preset"));
    let json = |name: &str, more: &[&str]| -> serde_json::Value {
        let base = ["presets", "show", name, "--json"];
        serde_json::from_str(&place.done(&[&base[..], more].concat())).unwrap()
    };
    assert_eq!(
        json("V4_DEFAULT_20", &[])["steps"],
        json("MINE", &["--presets", "mine.toml"])["steps"]
    );
    place.refused(&["presets", "show", "V4_DEFAULT"], &["did you mean `V4_DEFAULT_20`"]);
    place.refused(&["presets", "check", "none.toml"], &["none.toml"]);
}

#[test]
fn a_presets_file_is_looked_for_in_its_places_and_the_built_in_ones_stay() {
    let place = Place::new();
    let one = |name: &str| format!("[{name}]\nmu = 0\nstd = 1\nruns = [{{ steps = 2, gw = 7 }}]\n");
    let listed = |variable: Option<&str>| {
        let mut command = place.command(&["presets", "list"]);
        if let Some(path) = variable {
            command.env("SIGMALAB_PRESETS", path);
        }
        crate::support::program::outcome(command).stdout
    };
    std::fs::create_dir_all(place.path("home/.config/sigmalab")).unwrap();
    place.write("home/.config/sigmalab/presets.toml", one("FROM_HOME"));
    if cfg!(target_os = "linux") {
        assert!(listed(None).contains("FROM_HOME"));
    }
    place.write("presets.toml", one("FROM_HERE"));
    assert!(listed(None).contains("FROM_HERE"));
    place.write("named.toml", one("FROM_VARIABLE"));
    let beside = listed(Some("named.toml"));
    assert!(beside.contains("FROM_VARIABLE") && beside.contains("(built-in)"), "{beside}");
    let mut json = place.command(&["presets", "list", "--json"]);
    json.env("SIGMALAB_PRESETS", "named.toml");
    let json: serde_json::Value =
        serde_json::from_str(&crate::support::program::outcome(json).stdout).unwrap();
    assert_eq!(json["presets"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&json["presets"][0]["built_in"], &json["presets"][1]["built_in"]),
        (&serde_json::Value::Null, &true.into())
    );
    assert!(place.done(&["schedule"]).starts_with("FROM_HERE"));
    // A file that is named and not there: the built-in ones, and not those of another place.
    let mut missing = place.command(&["presets", "list"]);
    missing.env("SIGMALAB_PRESETS", "missing.toml");
    let missing = crate::support::program::outcome(missing);
    assert_eq!(missing.code, Some(0), "{missing:?}");
    assert!(!missing.stdout.contains("FROM_HERE"), "{missing:?}");
    assert!(missing.stdout.contains("V4_QUALITY_48"), "{missing:?}");
    assert_eq!(missing.stderr.matches("`missing.toml`, which SIGMALAB_PRESETS").count(), 1);
    assert!(place.done(&["schedule", "V4_TURBO_12"]).starts_with("V4_TURBO_12"));
}

#[test]
fn a_preset_goes_out_to_a_tool_and_comes_back() {
    let place = Place::new();
    let show = |name: &str, more: &[&str]| {
        let base = ["presets", "show", name];
        place.done(&[&base[..], more].concat())
    };
    for tool in ["reference", "diffusers", "comfyui", "sd.cpp"] {
        let out = place.run(&["presets", "export", "V4_DEFAULT_20", "--to", tool]);
        assert_eq!(out.code, Some(0), "{out:?}");
        assert_eq!(out.stderr.contains("ends at σ 0"), tool != "reference", "{}", out.stderr);
        place.write("theirs.txt", &out.stdout);
        let back = ["presets", "import", "theirs.txt", "--from", tool, "--name", "BACK"];
        place.write("back.toml", place.done(&back));
        let back = show("BACK", &["--presets", "back.toml"]);
        let expected = show("V4_DEFAULT_20", &[]).replace("V4_DEFAULT_20", "BACK");
        let expected: Vec<&str> =
            expected.lines().filter(|line| !line.starts_with("description")).collect();
        let end = if tool == "reference" { "reference" } else { "zero" };
        let back = back.replace(&format!("terminal = \"{end}\""), "terminal = \"reference\"");
        assert_eq!(back.lines().collect::<Vec<_>>(), expected, "{tool}");
    }
    place.refused(&["presets", "export", "V4_DEFAULT_20", "--to", "sdcpp"], &["`sd.cpp`"]);
    place.write("no.txt", "nothing");
    let import = ["presets", "import", "no.txt", "--from", "sd.cpp"];
    place.refused(&import, &["no.txt: there is no --steps"]);
    place.refused(&["presets", "import", "none.txt", "--from", "sd.cpp"], &["none.txt"]);
    let import = ["presets", "import", "no.txt", "--from", "comfyui"];
    place.refused(&import, &["no.txt: it is not valid JSON"]);
}

#[test]
fn the_default_is_written_and_the_rest_of_the_file_stays() {
    let place = Place::new();
    let one = |name: &str| {
        format!("# {name}\n[{name}]\nmu = 0\nstd = 1\nruns = [{{ steps = 2, gw = 7 }}]\n")
    };
    let both = one("A") + &one("B");
    let file = place.write("presets.toml", &both);
    let told = place.done(&["presets", "set-default", "B"]);
    assert_eq!(told, "B is the default of presets.toml\n");
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written, format!("default = \"B\"\n\n{both}"));
    assert!(place.done(&["schedule"]).starts_with("B "));
    place.refused(&["presets", "set-default", "b"], &["there is no preset `b`", "set-default B"]);
    place.refused(&["presets", "set-default", "B", "--presets", "no.toml"], &["no.toml"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    assert_eq!(place.files(), ["presets.toml"], "nothing lies around");

    // Without a file one is made of the built-in presets.
    let place = Place::new();
    place.done(&["presets", "set-default", "V4_TURBO_12"]);
    assert!(place.done(&["schedule"]).starts_with("V4_TURBO_12 "));
    assert!(place.done(&["presets", "list"]).contains("V4_QUALITY_48"));
}

#[test]
fn the_cells_that_two_presets_have_differently_are_listed() {
    let place = Place::new();
    place.write(
        "two.toml",
        "[A]\nmu = 0\nstd = 1\nruns = [{ steps = 3, gw = 7 }]\n\
         [B]\nmu = 0\nstd = 1\nterminal = 'zero'\nguidance_schedule = [2.5, 7, 7]\n",
    );
    let diff = |a: &str, b: &str| place.done(&["presets", "diff", a, b, "--presets", "two.toml"]);
    assert_eq!(
        diff("A", "B"),
        "step            A          B\nall   terminal  reference  zero\n2     gw        7          2.5\n"
    );
    assert_eq!(diff("A", "A"), "the same steps and the same end\n");
    assert!(diff("A", "V4_TURBO_12").contains("all   steps  3  12\n"));
}

#[test]
fn a_name_that_is_none_is_answered_with_the_names_of_both_files_and_a_command_that_works() {
    let place = Place::new();
    place.write("presets.toml", "[mine]\nmu = 0\nstd = 1\nruns = [{ steps = 2, gw = 7 }]\n");
    let told = place.refused(&["schedule", "mien"], &["`mine`", "V4_TURBO_12"]);
    assert!(told.contains("try: sigmalab schedule mine\n") && !told.contains("--sampler-preset"));
    place.refused(&["presets", "show", "mien"], &["try: sigmalab presets show mine\n"]);
    place.refused(&["schedule", "V4_TURB_12"], &["did you mean `V4_TURBO_12`", "`mine`"]);
}

#[test]
fn a_broken_file_that_nobody_named_is_explained_and_does_not_stop_a_built_in_preset() {
    let place = Place::new();
    place.write("presets.toml", "[tool.other]\nanswer = 42\n");
    let why = ["presets.toml", "in the current folder", "try: --presets FILE"];
    place.refused(&["generate", "--prompt", "x"], &why);
    place.refused(&["schedule", "mine"], &why);
    let outcome = place.run(&["schedule", "V4_TURBO_12"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.starts_with("V4_TURBO_12 · 12 steps"), "{outcome:?}");
    assert!(outcome.stderr.starts_with("warning: `presets.toml` cannot be read"), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    // A file that was named is meant.
    let named = ["schedule", "V4_TURBO_12", "--presets", "presets.toml"];
    let told = place.refused(&named, &["presets.toml"]);
    assert!(!told.contains("in the current folder"), "{told}");
}

#[test]
fn one_is_not_counted_in_the_plural_and_zero_needs_no_number() {
    let one =
        Place::new().done(&["schedule", "none", "--num-steps", "1", "--terminal-sigma", "zero"]);
    assert!(one.starts_with("no preset · 1 step · 1024×1024 · terminal zero · sampling"), "{one}");
}

#[test]
fn values_so_large_that_steps_lie_at_the_clamp_are_named_as_the_cause() {
    let place = Place::new();
    let words = |more: &[&str]| {
        let outcome = place.run(&[&["schedule", "none", "--num-steps", "4"], more].concat());
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        outcome.stderr
    };
    let wide = words(&["--std", "100"]);
    wide.assert_has([
        "at the highest σ, 0.999877, because mu or std of step 1",
        "at the lowest σ, 0.000553, because std of step 3",
    ]);
    let noisy = words(&["--mu", "100"]);
    assert!(noisy.contains("at the highest σ") && !noisy.contains("lowest σ"), "{noisy}");
}

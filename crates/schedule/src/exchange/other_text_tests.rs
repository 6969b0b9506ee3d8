//! Text as people really have it: several schedules in one, prompts with traps, other quoting, order
//! and white space, flags that change what comes of the steps.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::super::preset::Step;
use super::super::preset_file::PresetFile;
use super::super::terminal::Terminal;
use super::tests::refusal;
use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn built_in() -> Vec<Preset> {
    PresetFile::builtin().unwrap().presets().to_vec()
}

fn read(text: &str, from: Tool) -> Import {
    import(text, from, "IMPORTED", Size::SQUARE).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn gw(import: &Import) -> Vec<f64> {
    import.preset.steps.iter().map(|step| step.gw).collect()
}

fn exports(tool: Tool) -> String {
    built_in().iter().map(|preset| export(preset, Size::SQUARE, tool).text).collect()
}

#[test]
fn several_entries_are_all_read_and_each_has_its_name() {
    let text = exports(Tool::Reference);
    let all = import_all(&text, Tool::Reference, "IMPORTED", Size::SQUARE).unwrap();
    let presets: Vec<Preset> = all.into_iter().map(|import| import.preset).collect();
    let plain = |preset: Preset| Preset { description: None, ..preset };
    assert_eq!(presets, built_in().into_iter().map(plain).collect::<Vec<_>>());
    let told = refusal(&text, Tool::Reference);
    assert!(told.contains("3 schedules, `V4_QUALITY_48`, `V4_DEFAULT_20`"), "{told}");
    // What is wrong with another is no reason to refuse the one that is wanted.
    let broken = text.replacen("std=1.5", "std=STD", 1);
    assert_ne!(broken, text);
    assert!(import_all(&broken, Tool::Reference, "IMPORTED", Size::SQUARE).is_err());
    let turbo = import_wanted(&broken, Tool::Reference, "V4_TURBO_12", "IMPORTED", Size::SQUARE);
    let names: Vec<String> = turbo.unwrap().into_iter().map(|import| import.preset.name).collect();
    assert_eq!(names, ["V4_TURBO_12"]);
    // Entries by assignment, with a type, by key, by place, and with names that are none.
    let entry = "SamplerParameters(num_steps=2, guidance_schedule=(3.0, 7.0), mu=0.5, std=1.75)";
    let other = "SamplerParameters(3, (3.0, 7.0, 7.0), 0.1, 1.75)";
    for (text, names) in [
        (format!("A: SamplerParameters = {entry}\nB: Final = {other}"), ["A", "B"]),
        (format!("{{'ONE': {entry}, 'TWO': {other}}}"), ["ONE", "TWO"]),
        (format!("{{'ONE': {other}, 'TWO': {entry}}}"), ["ONE", "TWO"]),
        (format!("P['ONE'] = {entry}; P[\"TWO\"] = {other}"), ["ONE", "TWO"]),
        (format!("{{'V4_' 'ONE': {entry}, f'{{x}}': {other}}}"), ["V4_ONE", "IMPORTED"]),
        (format!("A, B = {entry}, {other}"), ["IMPORTED", "IMPORTED_2"]),
        (format!("{{'a\\nb': {entry}, 'c\\nd': {other}}}"), ["IMPORTED", "IMPORTED_2"]),
        (format!("{{'IMPORTED': {entry}, 'c\\nd': {other}}}"), ["IMPORTED", "IMPORTED_2"]),
        (format!("{{'IMPORTED': {other}, 'c\\nd': {entry}}}"), ["IMPORTED", "IMPORTED_2"]),
    ] {
        let all = import_all(&text, Tool::Reference, "IMPORTED", Size::SQUARE).unwrap();
        let found: Vec<&str> = all.iter().map(|import| import.preset.name.as_str()).collect();
        assert_eq!(found, names, "{text}");
        let steps: Vec<usize> = all.iter().map(|import| import.preset.steps.len()).collect();
        let in_order = text.find(entry) < text.find(other);
        assert_eq!(steps, if in_order { [2, 3] } else { [3, 2] }, "{text}");
    }
    let import = read(&entry.replace(", std=1.75", ""), Tool::Reference);
    assert!(import.preset.steps.iter().all(|step| step.std == 1.0));
    assert_eq!(import.notes, ["no std is given: the reference's default, 1"]);
    let replaced = format!("P = {{'A': {entry}}}\nP['B'] = dataclasses.replace(P['A'], mu=3)");
    let notes = read(&replaced, Tool::Reference).notes;
    assert!(notes.iter().any(|note| note.contains("line 2: `B`, which `replace`")), "{notes:?}");
    // The class imported under a name of its own.
    let aliased = text.replace("SamplerParameters", "SP");
    let all = import_all(&aliased, Tool::Reference, "IMPORTED", Size::SQUARE).unwrap();
    let names: Vec<String> = all.into_iter().map(|import| import.preset.name).collect();
    assert_eq!(names, ["V4_QUALITY_48", "V4_DEFAULT_20", "V4_TURBO_12"]);
}

#[test]
fn several_calls_and_command_lines_are_refused_with_their_lines() {
    let told = refusal(&exports(Tool::Diffusers), Tool::Diffusers);
    assert!(told.contains("3 calls with a schedule, which begin in lines 1, 10, 19"), "{told}");
    let told = refusal(&exports(Tool::SdCpp), Tool::SdCpp);
    assert!(
        told.contains("3 command lines with a schedule, which begin in lines 1, 2, 3"),
        "{told}"
    );
}

#[test]
fn an_entrys_name_is_what_its_literal_says() {
    let of = |key: &str| {
        let call = "SamplerParameters(guidance_schedule=[7], mu=0, std=1)";
        read(&format!("PRESETS = {{{key}: {call}}}"), Tool::Reference)
    };
    assert_eq!(of(r#""it's \"fast\"""#).preset.name, "it's \"fast\"");
    assert_eq!(of(r"'a\\b'").preset.name, r"a\b");
    assert_eq!(of("'''x'''").preset.name, "x");
    let odd = of(r"'a\nb'");
    assert_eq!(odd.preset.name, "IMPORTED");
    assert!(odd.notes[0].contains("cannot be the name of a preset"), "{:?}", odd.notes);
    let twice = "{\"A\": SamplerParameters(guidance_schedule=[7], mu=0, std=1), \
                 \"A\": SamplerParameters(guidance_schedule=[3], mu=0, std=1)}";
    let last = read(twice, Tool::Reference);
    assert_eq!((gw(&last), last.notes.len()), (vec![3.0], 1));
    let text = "class SamplerParameters(NamedTuple):\n  mu: float\n\ndef run(guidance_schedule=(1,)):\n  pass\n\
                FAST = SamplerParameters(guidance_schedule=(7,), mu=0, std=1)";
    assert_eq!(read(text, Tool::Reference).preset.name, "FAST");
}

#[test]
fn numbers_come_from_arguments_and_never_from_prompts() {
    let tail = "num_inference_steps=3, guidance_scale=5, mu=0, std=1)";
    for prompt in [
        r"'it\'s a cat'",
        r#""it's, a cat""#,
        "'num_inference_steps=5, mu=9'",
        "'''{\"high_level_description\": \"it's\",\n \"num_inference_steps=7\": 1}'''",
        "\"\"\"one\ntwo, guidance_scale=9\nthree\"\"\"",
        "'one '\n    'two, std=3)'",
        "f'{name}, mu=4'",
        "r'\\d, mu=4\\''",
        "make_prompt('a', num_inference=(1, 2))",
    ] {
        for call in ["pipe", "self.pipeline", "Ideogram4Pipeline"] {
            let import =
                read(&format!("image = {call}(\n  {prompt}, {tail}.images[0]"), Tool::Diffusers);
            let steps = vec![Step { gw: 5.0, mu: 0.0, std: 1.0 }; 3];
            assert_eq!(import.preset.steps.0, steps, "{prompt}");
        }
    }
    let session =
        ">>> pipe('x',\n...      num_inference_steps=2,\n...      guidance_scale=1, mu=0, std=1)";
    assert_eq!(read(session, Tool::Diffusers).preset.steps.len(), 2);
    let placed = "pipe(prompt, 1024, 1024, 2, None, (7.0, 3.0), 0.5, 1.75)";
    let import = read(placed, Tool::Diffusers);
    assert_eq!((gw(&import), import.notes.len()), (vec![7.0, 3.0], 0));
    let indirect = "settings = dict(num_inference_steps=2, guidance_scale=1, mu=0, std=1)\npipe('x', **settings)";
    assert_eq!(read(indirect, Tool::Diffusers).preset.steps.len(), 2);
}

#[test]
fn arguments_that_the_pipeline_has_not_are_told() {
    let text =
        "pipe('x', num_inference_steps=3, guidance_scale=5, mu=0, std=1, sigmas=[1, .5, .1])";
    let notes = read(text, Tool::Diffusers).notes;
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].starts_with("`sigmas`: Ideogram4Pipeline takes no such argument"),
        "{notes:?}"
    );
    let told = refusal("pipe('x', sigmas=[1, .5])", Tool::Diffusers);
    assert!(told.contains("`sigmas` is not an argument of Ideogram4Pipeline"), "{told}");
    let told = refusal("t = Normalize(mean=0.5, std=0.5)\npipe('x')", Tool::Diffusers);
    assert!(told.contains("there is no `num_inference_steps=`"), "{told}");
    let near = "noise = torch.normal(0, std=0.3)\nmy_pipe('x', num_inference_steps=2, guidance_scale=5, mu=1, **more)";
    let import = read(near, Tool::Diffusers);
    let first = import.preset.steps.iter().next().unwrap();
    assert_eq!((first.mu, first.std), (1.0, 1.5));
    assert!(import.notes.iter().any(|note| note.starts_with("`**more`")), "{:?}", import.notes);
    let told = refusal("pipe('x', num_inference_steps=steps)", Tool::Diffusers);
    assert_eq!(told, "`num_inference_steps=steps`: expected a whole number");
}

#[test]
fn a_command_line_means_what_its_program_makes_of_it() {
    let extra = "--extra-sample-args mu=0,std=1";
    for (text, steps) in [
        (format!("--steps 9 --steps 2 --cfg-scale 3 --cfg-scale 5 {extra}"), 2),
        (format!("# sd-cli --steps 9\nsd-cli --steps 2 --cfg-scale 5 {extra} # --steps 9"), 2),
        ("sd-cli --steps 2 --cfg-scale 5 --extra-sample-args 'mu=0;std=1'".to_owned(), 2),
        (
            "sd-cli --steps 2 --cfg-scale 5 --extra-sample-args ' mu = 9 , mu = 0 ; std = 1 '"
                .to_owned(),
            2,
        ),
        (format!("sd-cli -p '--steps 9' -n --steps --steps 2 --cfg-scale 5 {extra}"), 2),
        (format!("sd-cli -p \"it's \\\"so\\\"; --steps 9\" --steps 2 --cfg-scale 5 {extra}"), 2),
        (format!("cd build && ./sd-cli --fa --steps 2 \\\n  --cfg-scale 5 {extra}\nls"), 2),
        (format!(".\\bin\\sd-cli.exe --steps 2 ^\r\n --cfg-scale 5 {extra}\r\n"), 2),
        (format!("--scheduler logit_normal --steps 2 --cfg-scale 5 {extra}"), 2),
    ] {
        let import = read(&text, Tool::SdCpp);
        let expected = vec![Step { gw: 5.0, mu: 0.0, std: 1.0 }; steps];
        assert_eq!(
            (&import.preset.steps.0, import.notes.len()),
            (&expected, 0),
            "{text}: {:?}",
            import.notes
        );
    }
    // Given twice, the lists of σ follow each other.
    let twice = read("--cfg-scale 5 --sigmas 0.99988,0.5 --sigmas 0.2,0", Tool::SdCpp);
    assert_eq!(twice.preset.steps.len(), 3);
}

#[test]
fn other_schedulers_are_refused_and_what_does_nothing_is_told() {
    for scheduler in ["karras", "simple", "discrete", "beta"] {
        let told = refusal(&format!("--steps 4 --scheduler {scheduler}"), Tool::SdCpp);
        assert!(told.starts_with(&format!("its σ come from `--scheduler {scheduler}`")), "{told}");
    }
    // With a list of σ no scheduler counts.
    read("--scheduler karras --sigmas 0.99988,0.5,0 --cfg-scale 5", Tool::SdCpp);
    let full = "--steps 2 --cfg-scale 5 --extra-sample-args mu=0,std=1";
    for (more, words) in [
        ("--flow-shift 3", "`--flow-shift 3` moves no σ of this schedule"),
        ("--sampling-method heun", "its sampler, heun, is not part of a preset"),
        ("--hires --eta 0.5 --cache-mode easycache", "--cache-mode, --eta, --hires are not part"),
    ] {
        let notes = read(&format!("{full} {more}"), Tool::SdCpp).notes;
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains(words), "{notes:?}");
    }
    let notes = read("--steps 2 --cfg-scale 5 --extra-sample-args 'mu=0,std=1,guidance_schedule=3x1,7x1,apg_eta=2'", Tool::SdCpp).notes;
    assert_eq!(notes, ["`apg_eta`, `7x1` of --extra-sample-args is not read"]);
    for (extra, words) in [
        ("logsnr_max=15", "`logsnr_max=15` moves the ends of σ"),
        ("resolution_aware=perhaps", "expected true or false"),
    ] {
        let told = refusal(&format!("--steps 2 --extra-sample-args mu=0,{extra}"), Tool::SdCpp);
        assert!(told.contains(words), "{told}");
    }
    assert!(refusal("-M convert --steps 2", Tool::SdCpp).contains("draws no image"));
    assert!(refusal("--sigmas 0.99988;0.5;0", Tool::SdCpp).contains("--sigmas needs two values"));
}

#[test]
fn a_missing_side_is_the_tools_own_and_counts_where_sigma_depends_on_it() {
    let list = "--cfg-scale 5 --sigmas 0.99988,0.5,0";
    let notes = read(&format!("{list} -W 1024"), Tool::SdCpp).notes;
    assert!(notes[0].contains("default, 512, makes 1024×512"), "{notes:?}");
    assert!(notes[1].contains("at 1024×512"), "{notes:?}");
    let at = |size: &str| read(&format!("{list} {size}"), Tool::SdCpp).preset;
    assert_eq!(at("-W 512"), at("-W 512 -H 512"));
    let full = "--steps 2 --cfg-scale 5 --extra-sample-args mu=0,std=1";
    assert!(read(&format!("{full} -W 1000"), Tool::SdCpp).notes.is_empty());
    // mu of a schedule that is not to know the size.
    let unaware =
        "--steps 2 --cfg-scale 5 -W 1024 -H 1024 --extra-sample-args mu=1,std=1,resolution_aware=0";
    let import = read(unaware, Tool::SdCpp);
    assert!((import.preset.steps.0[0].mu - (1.0 - 2f64.ln())).abs() < 1e-12);
    assert!(import.notes[0].starts_with("resolution_aware is off"), "{:?}", import.notes);
}

#[test]
fn schedules_that_cannot_be_run_are_refused() {
    for (text, from) in [
        ("--steps 3 --extra-sample-args mu=1e308,std=1", Tool::SdCpp),
        ("SamplerParameters(guidance_schedule=[7, 7, 7], mu=1e308, std=1)", Tool::Reference),
        ("pipe(num_inference_steps=3, guidance_scale=5, mu=-50, std=1)", Tool::Diffusers),
    ] {
        let told = refusal(text, from);
        assert!(told.contains("the schedule cannot be run"), "{text}: {told}");
    }
    for (sigmas, step) in [("0.9999,0.2,0.5,0", 1), ("0.2,0.5,0", 0), ("0.5,0.5,0", 0)] {
        let told = refusal(&format!("--sigmas {sigmas} --cfg-scale 5"), Tool::SdCpp);
        assert!(told.contains(&format!("step {step}: σ does not fall")), "{sigmas}: {told}");
    }
    let edge = "SamplerParameters(guidance_schedule=[7, 7, 7], mu=8.2, std=0.01)";
    let notes = read(edge, Tool::Reference).notes;
    assert!(notes[0].starts_with("it cannot be run at 2048×2048"), "{notes:?}");
}

#[test]
fn numbers_that_json_has_not_are_read_over() {
    let preset = Preset { terminal: Terminal::Zero, ..built_in()[2].clone() };
    let text = export(&preset, Size::SQUARE, Tool::ComfyUi).text;
    let with = text.replacen(
        "\"class_type\"",
        "\"is_changed\": [NaN, -Infinity], \"title\": \"NaN \\\" NaN\", \"class_type\"",
        1,
    );
    assert_ne!(text, with);
    assert_eq!(read(&with, Tool::ComfyUi), read(&text, Tool::ComfyUi));
}

/// Reads a text that takes a moment, and took minutes before.
fn in_a_moment(text: &str, from: Tool) -> Result<Vec<Import>, String> {
    let begun = Instant::now();
    let read = import_all(text, from, "IMPORTED", Size::SQUARE);
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(10), "{} bytes took {taken:?}", text.len());
    read.map_err(|error| error.to_string())
}

#[test]
fn a_long_text_takes_a_moment() {
    // No quote for a long way, and then many names.
    let assignments = "x = 1\n".repeat(40_000);
    let preset = "A = SamplerParameters(guidance_schedule=[7, 3], mu=0, std=1)\n";
    let found = in_a_moment(&format!("{assignments}{preset}"), Tool::Reference).unwrap();
    assert_eq!(found[0].preset.name, "A");
    // Calls in calls, closed or not, and those that are not too deep beside them.
    for end in [String::new(), ")".repeat(60_000)] {
        let deep = format!("{preset}{}{end}", "f(a, b=".repeat(60_000));
        let found = in_a_moment(&deep, Tool::Reference).unwrap();
        assert_eq!((found.len(), gw(&found[0])), (1, vec![3.0, 7.0]));
    }
    let entry = "SamplerParameters(guidance_schedule=[7, 3], mu=0, std=1)\n";
    let found = in_a_moment(&entry.repeat(2000), Tool::Reference).unwrap();
    assert_eq!((found.len(), found[1999].preset.name.as_str()), (2000, "IMPORTED_2000"));
    let bomb = "SamplerParameters(guidance_schedule=[[[[0] * 1000] * 1000] * 1000], mu=0, std=1)";
    let told = in_a_moment(bomb, Tool::Reference).unwrap_err();
    assert!(told.contains("is longer than"), "{told}");
}

/// White space of some kind, by number.
fn blank(kind: u8, line_end: &str) -> String {
    match kind % 4 {
        0 => " ".to_owned(),
        1 => "  \t".to_owned(),
        2 => line_end.to_owned(),
        _ => format!(" {line_end}  "),
    }
}

/// Arguments in another order, with other white space and comments between them.
fn call(arguments: &[String], order: &[usize], kinds: &[u8]) -> String {
    let mut text = String::new();
    for (place, at) in order.iter().enumerate() {
        let kind = kinds[place % kinds.len()];
        let comment = if kind > 200 { "# it's, mu=9, std=(\n" } else { "" };
        text += &format!("{}{comment}{},", blank(kind, "\n"), arguments[*at]);
    }
    text
}

/// A list of numbers as Python may write it, by number.
fn list(values: &[f64], kind: u8) -> String {
    let items: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    match kind % 4 {
        0 => format!("[{}]", items.join(", ")),
        1 => format!("( {} , )", items.join(" ,\n ")),
        2 => items.iter().map(|item| format!("[{item}]*1")).collect::<Vec<_>>().join(" + "),
        _ => format!("tuple([{},])", items.join(",")),
    }
}

prop_compose! {
    fn steps()(
        gws in prop::collection::vec(prop_oneof![Just(7.0), -9.0f64..9.0], 1..12),
        mu in -1.0f64..1.0,
        std in 0.5f64..2.0,
    ) -> Vec<Step> {
        gws.into_iter().map(|gw| Step { gw, mu, std }).collect()
    }
}

proptest! {
    #[test]
    fn python_may_be_written_in_any_way(
        steps in steps(),
        order in Just((0..4).collect::<Vec<usize>>()).prop_shuffle(),
        kinds in prop::collection::vec(any::<u8>(), 4),
        reference in any::<bool>(),
        quote in prop::sample::select(vec!["'", "\"", "'''", "\"\"\""]),
    ) {
        let mut gws: Vec<f64> = steps.iter().map(|step| step.gw).collect();
        if reference {
            gws.reverse();
        }
        let count = if reference { "num_steps" } else { "num_inference_steps" };
        let space = if kinds[0] % 2 == 0 { "" } else { " " };
        let arguments = [
            format!("{count}{space}={space}{}", steps.len()),
            format!("guidance_schedule{space}={space}{}", list(&gws, kinds[1])),
            format!("mu{space}={space}{:?}", steps[0].mu),
            format!("std{space}={space}{:?}", steps[0].std),
        ];
        let inner = call(&arguments, &order, &kinds);
        let text = match reference {
            true => format!("PRESETS = {{\n  # mine\n  {quote}N{quote} : SamplerParameters({inner}\n)}}\n"),
            false => format!("N = pipe({quote}a, mu=3 # (b\\{quote}{quote}, {inner}\n).images"),
        };
        let tool = if reference { Tool::Reference } else { Tool::Diffusers };
        let import = read(&text, tool);
        prop_assert_eq!(import.preset.steps.0, steps);
        prop_assert!(!reference || import.preset.name == "N");
    }

    #[test]
    fn a_command_line_may_be_written_in_any_way(
        steps in steps(),
        order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
        kinds in prop::collection::vec(any::<u8>(), 7),
    ) {
        let preset = Preset {
            name: "IMPORTED".to_owned(),
            description: None,
            steps: steps.clone().into_iter().collect(),
            terminal: Terminal::Zero,
        };
        let schedule = guidance::sd_cpp(&preset.guidance_schedule().0);
        let mut pairs = [
            format!("mu={:?}", steps[0].mu),
            format!("std={:?}", steps[0].std),
            format!("guidance_schedule={schedule}"),
        ];
        pairs.rotate_left(usize::from(kinds[0]) % 3);
        let separators = [",", ";", " , ", ";; "];
        let extra = pairs.join(separators[usize::from(kinds[1]) % 4]);
        let quoted = if kinds[2] % 2 == 0 { format!("'{extra}'") } else { format!("\"{extra}\"") };
        let flags = [
            format!("--steps {}", steps.len()),
            "--cfg-scale 7".to_owned(),
            format!("--extra-sample-args {quoted}"),
            "-p 'a # b; --steps 3'".to_owned(),
            "--fa".to_owned(),
            "-W 1024 -H 1024".to_owned(),
        ];
        let mut text = "# --steps 99\n./sd-cli --steps 98".to_owned();
        // The last of equal flags counts: this one stays in front.
        for (place, at) in order.iter().enumerate() {
            text += &blank(kinds[place], if kinds[3] % 2 == 0 { " \\\n" } else { " \\\r\n" });
            text += &flags[*at];
        }
        let import = read(&text, Tool::SdCpp);
        prop_assert_eq!(import.preset.steps.0, steps);
    }

    #[test]
    fn a_workflow_may_be_written_in_any_order(
        steps in steps(),
        pretty in any::<bool>(),
        turn in 0usize..20,
    ) {
        let steps: Vec<Step> = steps.into_iter().map(|step| Step { gw: step.gw.abs(), ..step }).collect();
        let preset = Preset {
            name: "IMPORTED".to_owned(),
            description: None,
            steps: steps.clone().into_iter().collect(),
            terminal: Terminal::Zero,
        };
        let text = export(&preset, Size::SQUARE, Tool::ComfyUi).text;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut nodes: Vec<_> = value.as_object().unwrap().clone().into_iter().collect();
        let places = nodes.len();
        nodes.rotate_left(turn % places);
        let turned = serde_json::Value::Object(nodes.into_iter().collect());
        let text = match pretty {
            true => serde_json::to_string_pretty(&turned).unwrap().replace('\n', "\r\n"),
            false => turned.to_string(),
        };
        prop_assert_eq!(read(&text, Tool::ComfyUi).preset.steps.0, steps);
    }
}

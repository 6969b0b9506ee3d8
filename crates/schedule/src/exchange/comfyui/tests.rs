//! What ComfyUI would do with a workflow: worked out here from the workflow alone, the way its
//! nodes do, and compared with the preset.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::super::super::order::SamplingOrder;
use super::super::super::preset::{Preset, Step};
use super::super::super::preset_file::PresetFile;
use super::super::super::sigmas::{Schedule, Sigma};
use super::super::super::size::Size;
use super::super::super::terminal::Terminal;
use super::super::{self as exchange, Import, Tool};
use proptest::prelude::*;
use serde_json::{Value, json};

fn preset(rows: &[(f64, f64, f64)]) -> Preset {
    let steps = rows.iter().map(|&(gw, mu, std)| Step { gw, mu, std }).collect();
    let name = "IMPORTED".to_owned();
    Preset { name, description: None, steps: SamplingOrder(steps), terminal: Terminal::Zero }
}

fn built_in(name: &str) -> Preset {
    let preset = PresetFile::builtin().unwrap().get(name).unwrap().clone();
    Preset { terminal: Terminal::Zero, ..preset }
}

fn import(text: &str) -> Import {
    exchange::import(text, Tool::ComfyUi, "IMPORTED", Size::SQUARE).unwrap()
}

fn refusal(text: &str) -> String {
    exchange::import(text, Tool::ComfyUi, "IMPORTED", Size::SQUARE).unwrap_err().to_string()
}

fn exported(preset: &Preset, size: Size) -> Value {
    serde_json::from_str(&super::export(preset, size).text).unwrap()
}

fn node<'v>(workflow: &'v Value, class: &str) -> &'v Value {
    let nodes = workflow.as_object().unwrap().values();
    let mut found = nodes.filter(|node| node["class_type"] == class);
    let node = &found.next().unwrap()["inputs"];
    assert!(found.next().is_none(), "one {class}");
    node
}

fn linked<'v>(workflow: &'v Value, link: &Value) -> &'v Value {
    &workflow[link[0].as_str().unwrap()]
}

/// gw at each of these σ, as `CFGOverride` and `DualModelGuider` find it.
fn weights(workflow: &Value, sigmas: &[f32]) -> Vec<f64> {
    let sigma_at = |percent: &Value| match percent.as_f64().unwrap() {
        percent if percent <= 0.0 => 1.0,
        percent if percent >= 1.0 => 0.0,
        percent => 1.0 - percent,
    };
    let guider = node(workflow, "DualModelGuider");
    let mut overrides = Vec::new();
    let mut model = linked(workflow, &guider["model"]);
    while model["class_type"] == "CFGOverride" {
        overrides.push(&model["inputs"]);
        model = linked(workflow, &model["inputs"]["model"]);
    }
    assert_eq!(model["class_type"], "UNETLoader");
    let at = |sigma: &f32| {
        let sigma = f64::from(*sigma);
        let inside = overrides.iter().find(|inputs| {
            sigma_at(&inputs["end_percent"]) < sigma && sigma <= sigma_at(&inputs["start_percent"])
        });
        inside.map_or(&guider["cfg"], |inputs| &inputs["cfg"]).as_f64().unwrap()
    };
    sigmas.iter().map(at).collect()
}

/// σ at the start of every step, as the two nodes compute them.
fn sigmas(workflow: &Value, preset: &Preset, size: Size) -> Vec<f32> {
    let source = linked(workflow, &node(workflow, "SamplerCustomAdvanced")["sigmas"]);
    let inputs = &source["inputs"];
    let mut sigmas: Vec<f32> = if source["class_type"] == "ManualSigmas" {
        let list = inputs["sigmas"].as_str().unwrap();
        assert!(!list.contains('e'), "it reads no exponents");
        list.split(", ").map(|sigma| sigma.parse().unwrap()).collect()
    } else {
        let number = |key: &str| inputs[key].as_f64().unwrap();
        let steps = inputs["steps"].as_u64().unwrap() as usize;
        let step = Step { gw: 1.0, mu: number("mu"), std: number("std") };
        let same = SamplingOrder(vec![step; steps]);
        assert_eq!(
            (number("width"), number("height")),
            (f64::from(size.width()), f64::from(size.height()))
        );
        Schedule::new(same, size, Terminal::Zero)
            .sigmas()
            .iter()
            .map(|sigma| sigma.0 as f32)
            .collect()
    };
    assert_eq!(sigmas.pop(), Some(0.0));
    assert_eq!(sigmas.len(), preset.steps.len());
    sigmas
}

#[test]
fn the_polish_steps_of_the_reference_are_a_window_up_to_the_end() {
    let workflow = exported(&built_in("V4_DEFAULT_20"), Size::SQUARE);
    let scheduler = node(&workflow, "Ideogram4Scheduler");
    let expected = json!({ "steps": 20, "width": 1024, "height": 1024, "mu": 0.0, "std": 1.75 });
    assert_eq!(scheduler, &expected);
    assert_eq!(node(&workflow, "DualModelGuider")["cfg"], 7.0);
    let polish = node(&workflow, "CFGOverride");
    // Step 17 starts at σ 0.2459, step 18 at 0.1751: between them, 0.211.
    assert_eq!(
        (&polish["cfg"], &polish["start_percent"], &polish["end_percent"]),
        (&3.0.into(), &0.789.into(), &1.0.into())
    );
    assert_eq!(node(&workflow, "KSamplerSelect")["sampler_name"], "euler");
    assert_eq!(node(&workflow, "CLIPLoader")["type"], "ideogram4");
    // ComfyUI's screen takes a file for a workflow of this form only if every value is a node.
    for value in workflow.as_object().unwrap().values() {
        assert!(value["class_type"].is_string() && value["inputs"].is_object());
    }
}

#[test]
fn one_line_says_what_comfyui_cannot_follow() {
    let told = |preset: &Preset| super::export(preset, Size::SQUARE).cannot_follow;
    assert_eq!(told(&built_in("V4_TURBO_12")), None);
    let reference = Preset { terminal: Terminal::Reference, ..built_in("V4_TURBO_12") };
    assert_eq!(told(&reference).unwrap(), "ComfyUI ends at σ 0, the preset at 5.53e-4");
    let outside = preset(&[(7.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (120.0, 0.0, 1.0)]);
    assert_eq!(
        told(&outside).unwrap(),
        "ComfyUI takes gw from 0 to 100: 2 of the steps get the nearest"
    );
    let broken = preset(&[(7.0, 0.0, 1.0), (7.0, -3.0, 1.0), (3.0, 3.0, 1.0)]);
    let broken = told(&broken).unwrap();
    assert_eq!(broken, "σ does not fall at step 1, so ComfyUI cannot change gw there");
}

#[test]
fn the_second_network_is_there_for_the_windows_that_need_it() {
    // Most steps have gw 1. Were that the guider's own, ComfyUI would not load what 7 needs.
    let mut rows = vec![(1.0, 0.0, 1.5); 5];
    rows[0].0 = 7.0;
    let some = preset(&rows);
    let workflow = exported(&some, Size::SQUARE);
    assert_eq!(node(&workflow, "DualModelGuider")["cfg"], 7.0);
    assert_eq!(
        weights(&workflow, &sigmas(&workflow, &some, Size::SQUARE)),
        [7.0, 1.0, 1.0, 1.0, 1.0]
    );
    let none = preset(&[(1.0, 0.0, 1.5); 3]);
    assert_eq!(node(&exported(&none, Size::SQUARE), "DualModelGuider")["cfg"], 1.0);
    // Somebody else's workflow that does not think of it.
    let text = super::export(&some, Size::SQUARE).text;
    let wrong = text.replace("\"cfg\":7.0", "\"cfg\":1.0");
    let import = import(&wrong);
    assert!(import.preset.steps.iter().all(|step| step.gw == 1.0));
    assert!(import.notes[0].contains("leaves the second network out"), "{:?}", import.notes);
}

#[test]
fn mu_and_std_of_their_own_become_a_list_of_sigma() {
    let size: Size = "1536x1024".parse().unwrap();
    let mut preset = built_in("V4_DEFAULT_20");
    preset.steps.0[10].mu = 0.05;
    let workflow = exported(&preset, size);
    let ours: Vec<f32> =
        preset.schedule(size).sigmas().iter().map(|sigma| sigma.0 as f32).collect();
    assert_eq!(sigmas(&workflow, &preset, size), ours[..20]);
    let back = import(&super::export(&preset, size).text);
    assert_eq!(back.notes, ["mu is solved for the σ at 1536×1024, with std 1"]);
    for (ours, theirs) in ours.iter().zip(back.preset.schedule(size).sigmas()) {
        assert!((f64::from(*ours) - theirs.0).abs() < 1e-6);
    }
    // More steps than the scheduler's 200, and a std below its 0.1, are lists too.
    for long in [vec![(7.0, 0.0, 1.0); 201], vec![(7.0, 0.0, 0.05); 3]] {
        node(&exported(&self::preset(&long), size), "ManualSigmas");
    }
}

/// The nodes by which the template that ComfyUI ships for Ideogram 4 gets at steps, mu and std, as
/// its menu writes them: a subgraph's nodes have two numbers.
fn template(choice: &str) -> String {
    let presets = json!({
        "Quality": { "num_steps": 48, "mu": 0.0, "std": 1.5, "preset_id": "V4_QUALITY_48" },
        "Default": { "num_steps": 20, "mu": 0.0, "std": 1.75, "preset_id": "V4_DEFAULT_20" },
        "Turbo": { "num_steps": 12, "mu": 0.5, "std": 1.75, "preset_id": "V4_TURBO_12" },
    });
    let of = |key: &str| json!({ "class_type": "JsonExtractString", "inputs": { "json_string": ["98:148", 0], "key": key } });
    let number =
        |of: &str| json!({ "class_type": "ComfyNumberConvert", "inputs": { "value": [of, 0] } });
    json!({
        "98:156": { "class_type": "CustomCombo", "inputs": { "choice": choice, "index": 1 } },
        "98:147": { "class_type": "JsonExtractString", "inputs": { "json_string": presets.to_string(), "key": ["98:156", 0] } },
        "98:148": { "class_type": "StringReplace", "inputs": { "string": ["98:147", 0], "find": "'", "replace": "\"" } },
        "98:149": of("num_steps"), "98:145": of("mu"), "98:150": of("std"),
        "98:151": number("98:149"), "98:144": number("98:145"), "98:146": number("98:150"),
        "98:31": { "class_type": "ComfyMathExpression", "inputs": { "expression": "a", "values.a": ["37", 0] } },
        "98:17": { "class_type": "Ideogram4Scheduler", "inputs": {
            "steps": ["98:151", 1], "width": ["98:31", 1], "height": ["98:31", 1], "mu": ["98:144", 0], "std": ["98:146", 0] } },
        "98:23": { "class_type": "UNETLoader", "inputs": {} },
        "98:154": { "class_type": "UNETLoader", "inputs": {} },
        "98:157": { "class_type": "CFGOverride", "inputs": {
            "model": ["98:23", 0], "cfg": 3, "start_percent": 0.7, "end_percent": 1 } },
        "98:155": { "class_type": "DualModelGuider", "inputs": {
            "model": ["98:157", 0], "model_negative": ["98:154", 0], "cfg": 7 } },
        "98:16": { "class_type": "KSamplerSelect", "inputs": { "sampler_name": "euler" } },
        "98:12": { "class_type": "SamplerCustomAdvanced", "inputs": {
            "guider": ["98:155", 0], "sampler": ["98:16", 0], "sigmas": ["98:17", 0] } },
    })
    .to_string()
}

#[test]
fn the_template_of_comfyui_reads_as_the_preset_it_names_and_its_window_as_steps() {
    for (choice, name, polished) in [
        ("Quality", "V4_QUALITY_48", 7),
        ("Default", "V4_DEFAULT_20", 3),
        ("Turbo", "V4_TURBO_12", 1),
    ] {
        let Import { preset, notes } = import(&template(choice));
        let named = built_in(name);
        assert_eq!(preset.steps.len(), named.steps.len());
        let curve =
            |preset: &Preset| preset.steps.iter().map(|s| (s.mu, s.std)).collect::<Vec<_>>();
        assert_eq!(curve(&preset), curve(&named), "{choice}");
        // σ up to 0.3, at 1024×1024; the reference polishes 3, 2 and 1 of them.
        assert_eq!(preset.steps.iter().filter(|step| step.gw == 3.0).count(), polished, "{choice}");
        assert!(preset.steps.0.last().unwrap().gw == 3.0 && preset.steps.0[0].gw == 7.0);
        assert_eq!(notes, ["its size is not written in it: σ is taken at 1024×1024"]);
    }
    let under_prompt = format!("{{\"prompt\": {}, \"client_id\": \"x\"}}", template("Turbo"));
    assert_eq!(import(&under_prompt), import(&template("Turbo")));
}

#[test]
fn nodes_that_would_compute_without_end_are_refused() {
    // Each asks the one before for all of its three inputs, or makes its text longer by them.
    let chain = |first: Value, next: fn(&str) -> Value| {
        let mut workflow: Value = serde_json::from_str(&template("Turbo")).unwrap();
        workflow["0"] = json!({ "class_type": "PrimitiveString", "inputs": { "value": first } });
        for number in 1..60 {
            let before = (number - 1).to_string();
            let inputs = next(&before);
            workflow[number.to_string()] =
                json!({ "class_type": "StringReplace", "inputs": inputs });
        }
        workflow["98:17"]["inputs"]["mu"] = json!(["59", 0]);
        workflow.to_string()
    };
    let asks = |before: &str| json!({ "string": [before, 0], "find": [before, 0], "replace": [before, 0] });
    let doubles = |before: &str| json!({ "string": [before, 0], "find": "a", "replace": "aa" });
    let fills = |before: &str| json!({ "string": [before, 0], "find": "", "replace": "aaaaaaaa" });
    for text in [chain("1".into(), asks), chain("a".into(), doubles), chain("".into(), fills)] {
        let told = refusal(&text);
        assert!(told.starts_with("its nodes compute more than"), "{told}");
    }
    let harmless = |before: &str| json!({ "string": [before, 0], "find": "0", "replace": "0" });
    assert_eq!(import(&chain("0.5".into(), harmless)).preset.steps.0[0].mu, 0.5);
}

#[test]
fn where_windows_overlap_the_one_nearest_to_the_sampler_counts() {
    let text = super::export(&preset(&[(7.0, 0.0, 1.5); 4]), Size::SQUARE).text;
    let mut workflow: Value = serde_json::from_str(&text).unwrap();
    let window = |model: &str, cfg: f64| {
        json!({ "class_type": "CFGOverride", "inputs": {
            "model": [model, 0], "cfg": cfg, "start_percent": 0.0, "end_percent": 1.0 } })
    };
    workflow["far"] = window("2", 2.0);
    workflow["near"] = window("far", 5.0);
    let guider = workflow
        .as_object_mut()
        .unwrap()
        .values_mut()
        .find(|node| node["class_type"] == "DualModelGuider")
        .unwrap();
    guider["inputs"]["model"] = json!(["near", 0]);
    assert!(import(&workflow.to_string()).preset.steps.iter().all(|step| step.gw == 5.0));
}

#[test]
fn what_is_not_read_is_named_with_its_node() {
    let text = super::export(&built_in("V4_TURBO_12"), Size::SQUARE).text;
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        refusal(&text.replace(from, to))
    };
    for (told, message) in [
        (refusal("nothing"), "it is not valid JSON"),
        (refusal("{}"), "it is not a ComfyUI workflow"),
        (refusal("[1, 2]"), "it is not a ComfyUI workflow"),
        (
            refusal("{\"nodes\": [], \"links\": []}"),
            "it is a workflow as ComfyUI's screen saves it",
        ),
        (changed("SamplerCustomAdvanced", "KSampler"), "there is no SamplerCustomAdvanced"),
        (changed("RandomNoise", "SamplerCustomAdvanced"), "there are 2 of SamplerCustomAdvanced"),
        (changed("Ideogram4Scheduler", "BasicScheduler"), "σ comes from node 1 (BasicScheduler)"),
        (changed("DualModelGuider", "BasicGuider"), "gw comes from node"),
        (
            changed("\"mu\":0.5", "\"mu\":[\"9\",0]"),
            "`mu` of node 1 (Ideogram4Scheduler) comes from node 9 (",
        ),
        (
            changed("\"mu\":0.5", "\"mu\":\"much\""),
            "`mu` of node 1 (Ideogram4Scheduler) is \"much\"",
        ),
        (changed("\"steps\":12", "\"steps\":1.5"), "`steps` of node 1 (Ideogram4Scheduler) is 1.5"),
        (changed("\"steps\":12", "\"steps\":100000"), "the number of steps is 100000"),
        (changed("\"width\":1024", "\"width\":1025"), "its size: "),
        (
            changed("\"cfg\":3.0", "\"cfg\":null"),
            "node 3 (CFGOverride) has no number or text in `cfg`",
        ),
        (
            changed("\"mu\":0.5", "\"mu\":NaN"),
            "node 1 (Ideogram4Scheduler) has no number or text in `mu`",
        ),
        (changed("\"mu\":0.5,", ""), "node 1 (Ideogram4Scheduler) has no `mu`"),
    ] {
        assert!(told.starts_with(message), "{told} instead of {message}");
    }
    let list = |sigmas: &str| {
        let scheduler = text.lines().nth(1).unwrap();
        let manual = format!(
            "\"1\": {},",
            json!({ "class_type": "ManualSigmas", "inputs": { "sigmas": sigmas } })
        );
        text.replace(scheduler, &manual)
    };
    assert!(refusal(&list("0.9, 1e-3, 0")).starts_with("`1e-3` in ManualSigmas is not a number"));
    assert!(refusal(&list("0.5")).starts_with("ManualSigmas needs two values"));
    let notes = import(&list("[0.99988; 0.5 .25, 0]")).notes;
    assert_eq!(notes, ["mu is solved for the σ at 1024×1024, with std 1"]);
    // A circle of links ends.
    let circle = text.replace("\"mu\":0.5", "\"mu\":[\"round\",0]").replacen(
        "{\n",
        "{\n\"round\": {\"class_type\":\"ComfyNumberConvert\",\"inputs\":{\"value\":[\"round\",0]}},\n",
        1,
    );
    assert!(refusal(&circle).contains("a circle"), "{}", refusal(&circle));
    let euler = "\"sampler_name\":\"euler\"";
    let notes = import(&text.replace(euler, "\"sampler_name\":\"res_multistep\"")).notes;
    assert_eq!(notes, ["its sampler, res_multistep, is not part of a preset"]);
}

proptest! {
    #[test]
    fn comfyui_does_what_the_preset_says_and_it_comes_back(
        rows in prop::collection::vec(
            (prop_oneof![Just(7.0), Just(1.0), Just(3.0), 0.0f64..20.0], -0.2f64..0.2), 1..60,
        ),
        (mu, std) in (-1.0f64..1.0, 0.8f64..2.0),
        own: bool,
        side in 16u32..128,
    ) {
        let size = Size::new(side * 16, side * 16).unwrap();
        // mu of their own that keep σ falling, or one mu.
        let n = rows.len() as f64;
        let rows: Vec<_> = rows
            .iter()
            .map(|&(gw, off)| (gw, if own { mu + off / n } else { mu }, std))
            .collect();
        let preset = preset(&rows);
        prop_assume!(preset.schedule(size).check().is_ok());
        let export = super::export(&preset, size);
        prop_assert_eq!(&export.cannot_follow, &None);
        let workflow: Value = serde_json::from_str(&export.text).unwrap();
        let theirs = sigmas(&workflow, &preset, size);
        let ours: Vec<Sigma> = preset.schedule(size).sigmas().to_vec();
        for (theirs, ours) in theirs.iter().zip(&ours) {
            prop_assert_eq!(*theirs, ours.0 as f32);
        }
        let wanted: Vec<f64> = rows.iter().map(|row| row.0).collect();
        prop_assert_eq!(weights(&workflow, &theirs), &wanted[..]);
        // ComfyUI's own arithmetic ends in other digits: the windows do not depend on them.
        let gap = ours.windows(2).map(|pair| pair[0].0 - pair[1].0).fold(1.0, f64::min);
        for sign in [-1.0, 1.0] {
            let off = theirs.iter().map(|s| (f64::from(*s) + sign * gap / 20.0).min(1.0) as f32);
            prop_assert_eq!(weights(&workflow, &off.collect::<Vec<_>>()), &wanted[..]);
        }
        let back = import(&export.text).preset;
        let gw: Vec<f64> = back.steps.iter().map(|step| step.gw).collect();
        prop_assert_eq!(gw, wanted);
        for (ours, theirs) in ours.iter().zip(back.schedule(size).sigmas()) {
            prop_assert!((ours.0 - theirs.0).abs() < 1e-6);
        }
        if preset.steps.iter().all(|step| step.mu == mu) && rows.len() <= 200 {
            prop_assert_eq!(back, preset);
        }
    }
}

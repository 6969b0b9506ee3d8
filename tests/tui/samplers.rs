//! The samplers screen: (state, keys, screen).

use crate::keys::Workbench;
use crate::screens::screen;
use crate::session::FOUR;
use sigmalab::sampler::plugin::{FileHash, Listing, Plugin, PluginFile};
use sigmalab::sampler::{Euler, Param, ParamKind, Sampler as _, SamplerInfo, Samplers};
use sigmalab::tui::action::Call;

fn after(keys: &str) -> Workbench {
    let mut workbench = Workbench::with(Some(FOUR), (100, 30));
    workbench.press(keys);
    workbench
}

fn message(workbench: &Workbench) -> &str {
    workbench.app.message().map_or("", |message| message.text.as_str())
}

#[test]
fn every_sampler_is_listed_and_the_present_one_is_marked_and_described() {
    let shown = screen(&after("F7"), 100, 30);
    for (info, _) in Samplers::built_in().all() {
        assert!(shown.contains(&format!(" {} ", info.id)), "no {} in\n{shown}", info.id);
    }
    for part in ["order 1 ◂", "┌ euler · version 1 ", "1 network evaluation a step"] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
}

#[test]
fn the_present_sampler_is_not_chosen_again() {
    let workbench = after("F7 enter");
    assert_eq!(message(&workbench), "euler is the sampler already");
}

#[test]
fn a_parameter_that_a_sampler_lacks_is_refused_in_the_line() {
    for value in ["1", "default"] {
        let keys = format!("F7 : \"sampler-param\" enter \"eta={value}\" enter");
        let workbench = after(&keys);
        assert!(message(&workbench).contains("`euler` has no parameter `eta`"));
        assert!(workbench.app.document().sampler.params.is_empty());
    }
    let workbench = after("F7 l");
    assert_eq!(message(&workbench), "euler has no parameters");
}

fn param(key: &'static str, kind: ParamKind, max: f64) -> Param {
    Param {
        key: key.into(),
        label: key.into(),
        help: "".into(),
        kind,
        min: 0.0,
        max,
        default: 0.0,
        increment: 0.0,
        log_scale: false,
        tunable: false,
    }
}

fn with_a_plugin() -> Workbench {
    let choices = ParamKind::Choice(vec!["midpoint".into(), "heun".into()]);
    let params = vec![param("variant", choices, 1.0), param("eta", ParamKind::Real, 1.0)];
    let info =
        SamplerInfo { id: "lab.solver".into(), params: params.into(), ..Euler.info().clone() };
    let hash: FileHash = serde_json::from_str("\"00\"").unwrap();
    let file = PluginFile { path: "libsolver.so".into(), hash };
    let listing = Listing { plugins: vec![Plugin { info, file }], ..Listing::default() };
    let mut workbench = Workbench::with(None, (120, 40));
    workbench.app.set_samplers(Samplers::with(listing));
    workbench
}

fn choose(workbench: &mut Workbench, text: &str) -> Result<(), String> {
    let call: Call = format!("sampler {text}").parse().unwrap();
    workbench.app.play(&call).1
}

#[test]
fn a_plugin_is_chosen_with_parameters_by_name() {
    let mut workbench = with_a_plugin();
    choose(&mut workbench, "lab.solver variant=heun").unwrap();
    let sampler = workbench.app.document().recipe().sampler;
    assert_eq!(sampler.id, "lab.solver");
    assert_eq!(sampler.params, [("variant".to_owned(), 1.0)].into());
    // Choosing another one leaves nothing of it.
    choose(&mut workbench, "euler").unwrap();
    assert!(workbench.app.document().recipe().sampler.params.is_empty());
}

#[test]
fn what_a_plugin_does_not_take_is_refused_and_nothing_changes() {
    let mut workbench = with_a_plugin();
    for (text, words) in [
        ("lab.solver variant=euler", "must be `midpoint` or `heun`, not `euler`"),
        ("lab.solver eta=2", "must be in 0 to 1, not 2"),
        ("lab.solver rho=1", "has no parameter `rho`"),
        ("lab.solvr", "did you mean `lab.solver`?"),
    ] {
        let refused = choose(&mut workbench, text).unwrap_err();
        assert!(refused.contains(words), "{text}: {refused}");
        assert_eq!(workbench.app.document().recipe().sampler.id, "euler");
    }
}

#[test]
fn plugins_are_listed_with_their_file_and_choices_by_name() {
    let mut workbench = with_a_plugin();
    workbench.press("F7 j");
    let shown = screen(&workbench, 100, 30);
    for part in ["┌ lab.solver · version 1 ", "libsolver.so", "variant", "`midpoint` or `heun`"]
    {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    choose(&mut workbench, "lab.solver variant=heun").unwrap();
    let call: Call = "sampler-param variant=midpoint".parse().unwrap();
    workbench.app.play(&call).1.unwrap();
    assert_eq!(message(&workbench), "variant of lab.solver is midpoint");
}

//! Choosing a sampler that is a plugin, by what is known of it.

use super::keys::Workbench;
use sigmalab::tui::action::Call;
use sigmalab_sampler::plugin::{FileHash, Listing, Plugin, PluginFile};
use sigmalab_sampler::{Euler, Param, ParamKind, Sampler as _, SamplerInfo, Samplers};

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

fn workbench() -> Workbench {
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
fn a_plugin_is_chosen_with_parameters_by_name_and_the_recipe_has_all_of_them() {
    let mut workbench = workbench();
    choose(&mut workbench, "lab.solver variant=heun").unwrap();
    let sampler = workbench.app.document().recipe().sampler;
    assert_eq!(sampler.id, "lab.solver");
    assert_eq!(sampler.params, [("eta".to_owned(), 0.0), ("variant".to_owned(), 1.0)].into());
    // Choosing another one leaves nothing of it.
    choose(&mut workbench, "euler").unwrap();
    assert!(workbench.app.document().recipe().sampler.params.is_empty());
}

#[test]
fn what_a_plugin_does_not_take_is_refused_and_nothing_changes() {
    let mut workbench = workbench();
    for (text, words) in [
        ("lab.solver variant=euler", "must be `midpoint` or `heun`, not `euler`"),
        ("lab.solver eta=2", "must be between 0 and 1, not 2"),
        ("lab.solver rho=1", "has no parameter `rho`"),
        ("lab.solvr", "did you mean `lab.solver`?"),
    ] {
        let refused = choose(&mut workbench, text).unwrap_err();
        assert!(refused.contains(words), "{text}: {refused}");
        assert_eq!(workbench.app.document().recipe().sampler.id, "euler");
    }
}

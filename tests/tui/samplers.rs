//! The samplers screen: (state, keys, screen).

use crate::screens::screen;
use crate::session::after;
use crate::support::text::AssertHas as _;
use sigmalab_sampler::Samplers;

#[test]
fn every_sampler_is_listed_and_the_present_one_is_marked_and_described() {
    let shown = screen(&after("F7"), 100, 30);
    for (info, _) in Samplers::built_in().all() {
        assert!(shown.contains(&format!(" {} ", info.id)), "no {} in\n{shown}", info.id);
    }
    shown.assert_has(["order 1 ◂", "┌ euler · version 1 ", "1 network evaluation a step"]);
}

#[test]
fn the_present_sampler_is_not_chosen_again() {
    let workbench = after("F7 enter");
    assert_eq!(workbench.said(), "euler is already the sampler");
}

#[test]
fn a_parameter_that_a_sampler_lacks_is_refused_in_the_line() {
    for value in ["1", "default"] {
        let keys = format!("F7 : \"sampler-param\" enter \"eta={value}\" enter");
        let workbench = after(&keys);
        workbench.says("`euler` has no parameter `eta`");
        assert!(workbench.app.document().sampler.params.is_empty());
    }
    let workbench = after("F7 l");
    assert_eq!(workbench.said(), "euler has no parameters");
}

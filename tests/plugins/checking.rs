//! `plugins check`: passes what is right, and catches each bug that was planted.

use crate::workshop::Workshop;
use serde_json::Value;
use std::path::Path;

struct Checked {
    code: Option<i32>,
    document: Value,
}

impl Checked {
    fn failed(&self) -> Vec<&str> {
        let checks = self.document["checks"].as_array().unwrap();
        let failed = checks.iter().filter(|check| check["verdict"] == "failed");
        failed.map(|check| check["check"].as_str().unwrap()).collect()
    }

    fn detail(&self, check: &str) -> &str {
        self.find(check)["detail"].as_str().unwrap()
    }

    fn order(&self, check: &str) -> f64 {
        self.find(check)["order"].as_f64().unwrap()
    }

    fn find(&self, name: &str) -> &Value {
        let checks = self.document["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).unwrap()
    }
}

fn check(workshop: &Workshop, file: &Path) -> Checked {
    let outcome = workshop.run(&["plugins", "check", file.to_str().unwrap(), "--json"]);
    let document = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    Checked { code: outcome.code, document }
}

/// Builds a fixture and checks it.
fn check_fixture(source: &str, defined: &[&str]) -> Checked {
    let workshop = Workshop::new();
    let library = workshop.compile(source, "checked", defined);
    check(&workshop, &library)
}

/// Whether all checks passed but those named; every one of these must have failed.
fn only_these_fail(checked: &Checked, expected: &[&str]) {
    assert_eq!(checked.failed(), expected, "{:#}", checked.document);
    assert_eq!(checked.code, Some(i32::from(!expected.is_empty())));
    assert_eq!(checked.document["passed"], expected.is_empty());
}

#[test]
fn right_plugins_pass_with_the_orders_they_declare() {
    let euler = check_fixture("euler.c", &[]);
    only_these_fail(&euler, &[]);
    let ab2 = check_fixture("uniform_coefficients.c", &["RIGHT"]);
    only_these_fail(&ab2, &[]);
    for grid in ["order-uniform", "order-logit-normal", "order-uneven", "order-to-zero"] {
        assert!((0.9..1.1).contains(&euler.order(grid)), "{grid} {}", euler.order(grid));
        assert!((1.8..2.3).contains(&ab2.order(grid)), "{grid} {}", ab2.order(grid));
    }
}

#[test]
fn coefficients_for_equal_steps_fail_on_an_uneven_grid() {
    let checked = check_fixture("uniform_coefficients.c", &[]);
    only_these_fail(&checked, &["order-uneven", "order-gw"]);
    assert!((0.8..1.2).contains(&checked.order("order-uneven")));
    // On smooth grids they are right in the limit, which is why such bugs live long.
    assert!(checked.order("order-logit-normal") > 1.7);
}

#[test]
fn a_wrong_sign_in_the_last_step_fails() {
    let checked = check_fixture("sign_at_the_end.c", &[]);
    only_these_fail(&checked, &["last-step-zero"]);
}

#[test]
fn state_between_steps_fails() {
    let checked = check_fixture("hidden_state.c", &[]);
    let failed = checked.failed();
    assert!(failed.contains(&"statelessness"), "{:#}", checked.document);
    assert!(checked.detail("statelessness").contains("keeps something between steps"));
    // On its own grids, step after step, it looks right.
    assert!(!failed.contains(&"order-uniform") && !failed.contains(&"order-uneven"));
}

#[test]
fn more_evaluations_than_declared_and_fewer_fail() {
    let more = check_fixture("evaluations.c", &["DECLARED=1"]);
    assert!(more.failed().contains(&"evaluations"));
    assert!(more.detail("evaluations").contains("more often than the once a step it declares"));
    let fewer = check_fixture("evaluations.c", &["DECLARED=3"]);
    only_these_fail(&fewer, &["evaluations"]);
    assert_eq!(fewer.detail("evaluations"), "3 a step declared, 2 counted at most");
    only_these_fail(&check_fixture("evaluations.c", &["DECLARED=2"]), &[]);
}

#[test]
fn memory_that_is_not_the_steps_own_is_fenced() {
    for (far, check, words) in [
        (
            "WRITES_BEHIND",
            "output-end",
            "it touched memory behind its output: it crashed: signal 11",
        ),
        ("WRITES_BEFORE", "output-beginning", "it touched memory before its output"),
        ("WRITES_INPUT", "inputs", "it wrote to a tensor it was given, or read past its end"),
        ("READS_BEHIND", "inputs", "it wrote to a tensor it was given, or read past its end"),
    ] {
        let checked = check_fixture("memory.c", &[&format!("FAR={far}")]);
        only_these_fail(&checked, &[check]);
        assert!(checked.detail(check).contains(words), "{far}: {}", checked.detail(check));
    }
}

#[test]
fn bad_habits_fail_each_by_its_own_check() {
    for (habit, checks) in [
        ("SWALLOWS_CODES", &["cancellation", "network-failure"][..]),
        ("OLD_BLEND", &["order-gw"]),
        ("IGNORES_SIZES", &["broken-step"]),
        ("READS_OUTPUT", &["scratch"]),
        ("UNUSED_HISTORY", &["history"]),
        ("LOGS_ALWAYS", &["oldest-host"]),
    ] {
        only_these_fail(&check_fixture("manners.c", &[&format!("HABIT={habit}")]), checks);
    }
    if cfg!(target_arch = "x86_64") {
        let checked = check_fixture("manners.c", &["HABIT=FLUSHES_SMALL"]);
        assert!(checked.failed().contains(&"floating-point"), "{:#}", checked.document);
    }
}

#[test]
fn a_plugin_whose_parameters_crash_it_fails_there_and_is_checked_to_the_end() {
    let checked = check_fixture("faults.c", &[]);
    // Every fault is one of its settings.
    let failed = checked.failed();
    for check in ["evaluations", "history", "parameters"] {
        assert!(failed.contains(&check), "{failed:?}");
        assert!(checked.detail(check).contains("signal 11"), "{}", checked.detail(check));
    }
    assert!(!failed.contains(&"order-uniform"));
    assert_eq!(checked.find("broken-step")["verdict"], "passed");
}

#[test]
fn what_is_no_plugin_is_one_line() {
    let workshop = Workshop::new();
    let file = workshop.compile("no_symbol.c", "none", &[]);
    let outcome = workshop.run(&["plugins", "check", file.to_str().unwrap()]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("it is not a plugin"), "{}", outcome.stderr);
    let crashes = workshop.compile("table.c", "crashes", &["WRONG=CRASHES"]);
    let outcome = workshop.run(&["plugins", "check", crashes.to_str().unwrap()]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("when it was opened, it crashed: signal 11"));
    std::fs::write(workshop.path("junk.png"), "\x7fEL").unwrap();
    let junk = workshop.run(&["plugins", "check", "./junk.png"]);
    assert_eq!(junk.code, Some(2), "{junk:?}");
    assert!(junk.stderr.contains("`./junk.png` is not a shared library"), "{junk:?}");
    for gone in ["nowhere/libx.so", "test.unknown"] {
        assert_eq!(workshop.run(&["plugins", "check", gone]).code, Some(2));
    }
}

#[test]
fn the_table_has_a_line_a_check_and_ids_are_taken_too() {
    let workshop = Workshop::with("euler.c", "euler");
    let table = workshop.done(&["plugins", "check", "test.euler"]);
    assert!(table.contains("ok      order, uneven grid            order 1.0"), "{table}");
    assert!(
        table.contains("–       ends of parameters            it has no parameters"),
        "{table}"
    );
    assert!(table.trim_end().ends_with("checks passed"), "{table}");
    let built_in = workshop.done(&["plugins", "check", "euler"]);
    assert!(built_in.contains("order, uniform grid"), "{built_in}");
}

//! The samplers that ship: all of them pass the check, and the orders it observes are those in the
//! documentation.

use crate::workshop::{Workshop, program};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The crates of the samplers that ship, by the ids of their samplers.
const SOLVERS: [(&str, &str); 9] = [
    ("ab2", "ab2"),
    ("ab3", "ab3"),
    ("dpmpp-2m", "dpmpp-2m"),
    ("euler-ancestral", "euler-ancestral"),
    ("heun", "heun"),
    ("midpoint", "midpoint"),
    ("ralston", "ralston-c"),
    ("res-2s", "res-2s"),
    ("unipc-2", "unipc-2"),
];

/// The folder of the program, with the samplers in it. `cargo test` alone does not build shared
/// libraries of other packages.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = program().parent().unwrap().to_owned();
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--offline", "--target-dir"]).arg(folder.parent().unwrap());
        let profile = folder.file_name().unwrap().to_str().unwrap();
        command.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
        for (_, package) in SOLVERS {
            command.args(["-p", &format!("sigmalab-sampler-{package}")]);
        }
        let done = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        folder
    })
}

fn library(package: &str) -> PathBuf {
    let name = format!("sigmalab_sampler_{}", package.replace('-', "_"));
    let ending = if cfg!(target_os = "macos") { "dylib" } else { "so" };
    folder().join(format!("lib{name}.{ending}"))
}

fn check(workshop: &Workshop, what: &str) -> Value {
    let outcome = workshop.run(&["plugins", "check", what, "--json"]);
    assert_eq!(outcome.code, Some(0), "{what}: {}\n{}", outcome.stdout, outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The checks that observe an order, and their heads in the table.
const ORDERS: [(&str, &str); 5] = [
    ("order-uniform", "uniform"),
    ("order-logit-normal", "logit-normal"),
    ("order-uneven", "uneven"),
    ("order-to-zero", "to σ = 0"),
    ("order-gw", "gw changes"),
];

fn row(document: &Value) -> String {
    let sampler = &document["sampler"];
    let declared = sampler["order"].as_u64().unwrap();
    let declared = if declared == 0 { "–".to_owned() } else { declared.to_string() };
    let mut row = format!("| `{}` | {declared}", sampler["id"].as_str().unwrap());
    for (name, _) in ORDERS {
        let checks = document["checks"].as_array().unwrap();
        let order = checks.iter().find(|check| check["check"] == name);
        match order.and_then(|check| check["order"].as_f64()) {
            Some(order) => write!(row, " | {order:.2}").unwrap(),
            None => row.push_str(" | –"),
        }
    }
    row + " |\n"
}

const BEGINS: &str = "<!-- orders -->\n";
const ENDS: &str = "<!-- /orders -->\n";

/// The table's cells; numbers and words.
fn cells(table: &str) -> Vec<&str> {
    table.split(['|', '\n']).map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn the_samplers_that_ship_pass_and_their_observed_orders_are_those_of_the_documentation() {
    let workshop = Workshop::new();
    let heads: Vec<&str> = ORDERS.iter().map(|(_, head)| *head).collect();
    let mut table = format!("| sampler | declared | {} |\n", heads.join(" | "));
    table.push_str("| --- |");
    table.push_str(&" --- |".repeat(1 + ORDERS.len()));
    table.push('\n');
    table.push_str(&row(&check(&workshop, "euler")));
    for (id, package) in SOLVERS {
        let document = check(&workshop, library(package).to_str().unwrap());
        assert_eq!(document["sampler"]["id"], id);
        table.push_str(&row(&document));
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plugins.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGINS).expect("docs/plugins.md has no table of orders");
    let (written, after) = rest.split_once(ENDS).expect("its table of orders has no end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, format!("{before}{BEGINS}{table}{ENDS}{after}")).unwrap();
        return;
    }
    // Last digits may differ from machine to machine.
    let same = |ours: &str, theirs: &str| match (ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Ok(ours), Ok(theirs)) => (ours - theirs).abs() < 0.025,
        _ => ours == theirs,
    };
    let (ours, theirs) = (cells(&table), cells(written));
    let agree = ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| same(a, b));
    assert!(agree, "UPDATE_DOCS=1 cargo test --test plugins orders\n{table}");
}

#[test]
fn the_samplers_that_ship_are_found_beside_the_program() {
    folder();
    let workshop = Workshop::new();
    let list = workshop.done(&["plugins", "list"]);
    for (id, _) in SOLVERS {
        let listed = list.lines().any(|line| line.split_whitespace().next() == Some(id));
        assert!(listed, "{id} is not listed:\n{list}");
    }
}

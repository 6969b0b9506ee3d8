//! How trials are chosen: the method and its options.

use super::text::Text;
use crate::spec::{MOST_TRIALS, Method, Search, SearchRule};
use toml::de::{DeTable, DeValue};

const METHODS: [&str; 9] =
    ["grid", "list", "zip", "random", "sobol", "halving", "cma-es", "tpe", "tune"];

const METHODS_IN_WORDS: &str = "grid, list, zip, random, sobol, halving, cma-es, tpe and tune";

/// Most points and dimensions that the Sobol sequence has.
const SOBOL_POINTS: usize = 1 << 16;
pub(super) const SOBOL_DIMENSIONS: usize = sobol_burley::NUM_DIMENSIONS as usize;

pub(super) fn method(text: &mut Text<'_>, table: &DeTable<'_>) -> Option<Method> {
    let Some(value) = table.get("method") else {
        return Some(if table.contains_key("trials") { Method::List } else { Method::Grid });
    };
    let (kind, kind_value, options) = match value.get_ref() {
        DeValue::Table(options) => {
            let keys = ["kind", "trials", "seed", "evaluations", "eta"];
            text.known_keys(options, "method", &keys);
            let Some(kind) = options.get("kind") else {
                text.problem(
                    value.span(),
                    "method",
                    format!("`kind` is missing: it is one of {METHODS_IN_WORDS}"),
                );
                return None;
            };
            (text.string(kind, "method.kind")?, kind, Some(options))
        }
        _ => (text.string(value, "method")?, value, None),
    };
    let searches = matches!(kind.as_str(), "halving" | "cma-es" | "tpe");
    let draws = searches || matches!(kind.as_str(), "random" | "sobol");
    let option = |name: &str| options.and_then(|options| options.get(name));
    if !draws {
        for name in ["trials", "seed"] {
            if let Some(value) = option(name) {
                let message = format!("`{kind}` draws nothing and has no `{name}`");
                text.problem(value.span(), &format!("method.{name}"), message);
            }
        }
    }
    for (name, has) in [("evaluations", searches), ("eta", kind == "halving")] {
        if let Some(value) = option(name).filter(|_| !has) {
            let message = format!("`{kind}` has no `{name}`");
            text.problem(value.span(), &format!("method.{name}"), message);
        }
    }
    let evaluations = option("evaluations")
        .and_then(|value| text.whole(value, "method.evaluations", (1, 1 << 40)));
    let eta = option("eta").and_then(|value| text.whole(value, "method.eta", (2, 16)));
    let mut drawn = |most: usize, seeds: u64| -> Option<(usize, u64)> {
        let Some(trials) = option("trials") else {
            let message = format!(
                "`{kind}` needs `trials`: say how many to draw, as in \
                                   method = {{ kind = \"{kind}\", trials = 64 }}"
            );
            text.problem(value.span(), "method", message);
            return None;
        };
        let trials = text.whole(trials, "method.trials", (1, most as u64))?;
        let seed = match option("seed") {
            Some(value) => text.whole(value, "method.seed", (0, seeds))?,
            None => 0,
        };
        Some((trials as usize, seed))
    };
    match kind.as_str() {
        "grid" => Some(Method::Grid),
        "list" => Some(Method::List),
        "zip" => Some(Method::Zip),
        "random" => {
            drawn(MOST_TRIALS, u64::MAX).map(|(trials, seed)| Method::Random { trials, seed })
        }
        "sobol" => drawn(SOBOL_POINTS, u64::from(u32::MAX))
            .map(|(trials, seed)| Method::Sobol { trials, seed: seed as u32 }),
        "halving" | "cma-es" | "tpe" => drawn(MOST_TRIALS, u64::MAX).map(|(trials, seed)| {
            let rule = match kind.as_str() {
                "halving" => SearchRule::Halving { eta: eta.unwrap_or(3) as usize },
                "cma-es" => SearchRule::CmaEs,
                _ => SearchRule::Tpe,
            };
            Method::Search(Search { rule, trials, evaluations, seed })
        }),
        "tune" => Some(Method::Tune),
        other => {
            let near = sigmalab_schedule::nearest::nearest(other, METHODS);
            let meant = near.first().map(|near| format!(": did you mean `{near}`?"));
            let message = format!(
                "there is no method `{other}`{}; the methods are {METHODS_IN_WORDS}",
                meant.unwrap_or_default()
            );
            text.problem(kind_value.span(), "method", message);
            None
        }
    }
}

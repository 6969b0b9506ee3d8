//! Judging what a plugin declares: the rules of the header as functions on plain data.

use super::fault::Fault;
use crate::{Param, ParamKind, SamplerInfo};
use sigmalab_sampler_sdk::abi;

/// A plugin's table, read and not yet judged.
pub(super) struct Declared {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) doc: String,
    pub(super) flags: u32,
    pub(super) order: u32,
    pub(super) max_evals_per_step: u32,
    pub(super) history_len: u32,
    pub(super) params: Vec<Param>,
}

/// A parameter, read and not yet judged.
#[derive(Clone)]
pub(super) struct DeclaredParam {
    pub(super) id: u32,
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) key: String,
    pub(super) label: String,
    pub(super) help: String,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) default: f64,
    pub(super) increment: f64,
    pub(super) choices: Vec<String>,
}

/// The largest whole number that a parameter may take.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

pub(super) fn judge(declared: Declared) -> Result<SamplerInfo, Fault> {
    let text = |what: &str, problem: &str| Fault::Text {
        what: what.to_owned(),
        problem: problem.to_owned(),
    };
    let wild = |text: &str| text.chars().any(char::is_control);
    if !is_id(&declared.id) {
        let what = format!("id `{}`", declared.id.escape_default());
        return Err(text(&what, "is not made of a-z, 0-9, . and - (the first a letter or digit)"));
    }
    for (what, value) in [("name", &declared.name), ("version", &declared.version)] {
        if value.trim().is_empty() {
            return Err(text(what, "is empty"));
        }
        if wild(value) {
            return Err(text(what, "holds control characters"));
        }
    }
    range("order", declared.order, 0, abi::MAX_ORDER)?;
    range("number of evaluations a step", declared.max_evals_per_step, 1, abi::MAX_EVALS)?;
    range("length of history", declared.history_len, 0, abi::MAX_HISTORY)?;
    let has = |flag: u32| declared.flags & flag != 0;
    Ok(SamplerInfo {
        id: declared.id.into(),
        name: declared.name.into(),
        version: declared.version.into(),
        description: declared.doc.into(),
        order: declared.order,
        evaluations_per_step: declared.max_evals_per_step,
        history_len: declared.history_len as usize,
        stochastic: has(abi::STOCHASTIC),
        sigma_zero: has(abi::SIGMA_ZERO),
        split: has(abi::SPLIT),
        params: declared.params.into(),
    })
}

pub(super) fn judge_param(number: usize, declared: DeclaredParam) -> Result<Param, Fault> {
    let key = declared.key.clone();
    let which = if is_key(&key) { format!("`{key}`") } else { number.to_string() };
    let fault = |problem: String| Err(Fault::Param { which: which.clone(), problem });
    if !is_key(&key) {
        return fault(format!(
            "has the key `{}`, which is not made of a-z, 0-9 and _ (the first a letter)",
            key.escape_default()
        ));
    }
    let DeclaredParam { min, max, default, increment, choices, .. } = declared;
    if ![min, max, default, increment].iter().all(|number| number.is_finite()) {
        return fault("has a bound, default or increment that is not a finite number".to_owned());
    }
    let kind = match declared.kind {
        abi::KIND_F64 => ParamKind::Real,
        abi::KIND_I64 => ParamKind::Integer,
        abi::KIND_FLAG => ParamKind::Flag,
        abi::KIND_CHOICE => ParamKind::Choice(choices.iter().cloned().map(Into::into).collect()),
        other => return fault(format!("is of kind {other}, which this build does not know")),
    };
    if !matches!(kind, ParamKind::Choice(_)) && !choices.is_empty() {
        return fault("has choices and is none".to_owned());
    }
    let bounds = |least: f64, most: f64| min == least && max == most;
    match &kind {
        ParamKind::Flag if !bounds(0.0, 1.0) => {
            return fault(format!("is a flag, and its bounds are {min} and {max}, not 0 and 1"));
        }
        ParamKind::Choice(names) => {
            if names.is_empty() {
                return fault("is a choice and has none".to_owned());
            }
            if let Some(name) = names.iter().find(|name| !is_choice(name)) {
                return fault(format!(
                    "has the choice `{}`, which is not made of a-z, 0-9, _ and - (the first a \
                     letter)",
                    name.escape_default()
                ));
            }
            if let Some(name) = repeated(&choices) {
                return fault(format!("has the choice `{name}` twice"));
            }
            let last = (names.len() - 1) as f64;
            if !bounds(0.0, last) {
                return fault(format!(
                    "has {} choices, and its bounds are {min} and {max}, not 0 and {last}",
                    names.len()
                ));
            }
        }
        _ if min >= max => {
            return fault(format!("has bounds {min} and {max}: the first must be lower"));
        }
        _ => {}
    }
    if !(min..=max).contains(&default) {
        return fault(format!("has the default {default}, which is not in {min} to {max}"));
    }
    let whole = |number: f64| number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE;
    if kind != ParamKind::Real && ![min, max, default].into_iter().all(whole) {
        return fault("takes whole numbers, and a bound or its default is none".to_owned());
    }
    let log_scale = declared.flags & abi::PARAM_LOG_SCALE != 0;
    if log_scale && min <= 0.0 {
        return fault(format!("is on a logarithmic scale, and its least value is {min}"));
    }
    Ok(Param {
        key: key.into(),
        label: declared.label.into(),
        help: declared.help.into(),
        kind,
        min,
        max,
        default,
        increment: increment.abs(),
        log_scale,
        tunable: declared.flags & abi::PARAM_TUNABLE != 0,
    })
}

/// Two parameters may share neither key nor id.
pub(super) fn unlike_others(others: &[(u32, Param)], id: u32, param: &Param) -> Result<(), Fault> {
    for (other_id, other) in others {
        let problem = if other.key == param.key {
            "is there twice".to_owned()
        } else if *other_id == id {
            format!("has id {id}, which is that of `{}`", other.key)
        } else {
            continue;
        };
        return Err(Fault::Param { which: format!("`{}`", param.key), problem });
    }
    Ok(())
}

pub(super) fn range(what: &'static str, found: u32, least: u32, most: u32) -> Result<(), Fault> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let [found, least, most] = [found, least, most].map(u64::from);
    Err(Fault::Range { what, found, least, most })
}

fn repeated(names: &[String]) -> Option<&String> {
    let before = |place: usize, name: &String| names.iter().take(place).any(|other| other == name);
    names.iter().enumerate().find(|(place, name)| before(*place, name)).map(|(_, name)| name)
}

fn is_id(text: &str) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    first && all(text, b".-")
}

fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && all(text, b"_")
}

fn is_choice(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && all(text, b"_-")
}

fn all(text: &str, more: &[u8]) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || more.contains(&byte);
    text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn declared(id: &str) -> Declared {
        Declared {
            id: id.to_owned(),
            name: "A name".to_owned(),
            version: "1".to_owned(),
            doc: String::new(),
            flags: abi::STOCHASTIC,
            order: 2,
            max_evals_per_step: 2,
            history_len: 1,
            params: Vec::new(),
        }
    }

    fn param() -> DeclaredParam {
        DeclaredParam {
            id: 1,
            kind: abi::KIND_F64,
            flags: 0,
            key: "eta".to_owned(),
            label: "eta".to_owned(),
            help: String::new(),
            min: 0.0,
            max: 1.0,
            default: 1.0,
            increment: 0.1,
            choices: Vec::new(),
        }
    }

    fn fault(param: DeclaredParam) -> String {
        judge_param(0, param).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_table_is_taken() {
        let info = judge(declared("org.lab.ab2-x")).unwrap();
        assert_eq!((info.id.as_ref(), info.order, info.stochastic), ("org.lab.ab2-x", 2, true));
        assert!(!info.sigma_zero);
        assert_eq!(judge_param(0, param()).unwrap().key, "eta");
    }

    #[test]
    fn ids_that_cannot_be_typed_or_stored_are_refused() {
        for id in ["", "Heun", "-a", ".a", "a b", "a_b", "é", "a\u{1b}[31m"] {
            let message = judge(declared(id)).unwrap_err().to_string();
            assert!(message.starts_with("its id `"), "{message}");
            assert!(!message.contains('\u{1b}'));
        }
    }

    #[test]
    fn empty_versions_and_numbers_beyond_the_limits_are_refused() {
        let message = judge(Declared { version: " ".to_owned(), ..declared("a") }).unwrap_err();
        assert_eq!(message.to_string(), "its version is empty");
        let message = judge(Declared { max_evals_per_step: 0, ..declared("a") }).unwrap_err();
        assert!(message.to_string().contains("evaluations a step is 0, and 1 to 16"), "{message}");
        assert!(judge(Declared { history_len: 17, ..declared("a") }).is_err());
        assert!(judge(Declared { order: 9, ..declared("a") }).is_err());
    }

    #[test]
    fn parameters_that_make_no_sense_are_named() {
        assert!(fault(DeclaredParam { key: "Eta".to_owned(), ..param() }).contains("parameter 0"));
        let message = fault(DeclaredParam { default: 2.0, ..param() });
        assert_eq!(message, "its parameter `eta` has the default 2, which is not in 0 to 1");
        for wrong in [
            DeclaredParam { max: 0.0, ..param() },
            DeclaredParam { min: f64::NAN, ..param() },
            DeclaredParam { max: f64::INFINITY, ..param() },
            DeclaredParam { kind: 9, ..param() },
            DeclaredParam { kind: abi::KIND_I64, default: 0.5, ..param() },
            DeclaredParam { kind: abi::KIND_FLAG, max: 2.0, ..param() },
            DeclaredParam { kind: abi::KIND_CHOICE, ..param() },
            DeclaredParam { flags: abi::PARAM_LOG_SCALE, ..param() },
            DeclaredParam { choices: vec!["a".to_owned()], ..param() },
        ] {
            assert!(fault(wrong).starts_with("its parameter `eta` "));
        }
    }

    #[test]
    fn choices_need_names_of_their_own_and_bounds_that_fit() {
        let choice = |names: &[&str], max: f64| DeclaredParam {
            kind: abi::KIND_CHOICE,
            choices: names.iter().map(|name| (*name).to_owned()).collect(),
            max,
            default: 0.0,
            ..param()
        };
        assert!(judge_param(0, choice(&["heun", "mid-point"], 1.0)).is_ok());
        assert!(judge_param(0, choice(&["only"], 0.0)).is_ok());
        assert!(fault(choice(&["a", "a"], 1.0)).contains("`a` twice"));
        assert!(fault(choice(&["a", "b"], 2.0)).contains("2 choices"));
        assert!(fault(choice(&["a", "B"], 1.0)).contains("choice `B`"));
    }

    #[test]
    fn two_parameters_share_neither_key_nor_id() {
        let first = judge_param(0, param()).unwrap();
        let other = judge_param(1, DeclaredParam { key: "rho".to_owned(), ..param() }).unwrap();
        assert!(unlike_others(&[(1, first.clone())], 2, &other).is_ok());
        assert!(unlike_others(&[(1, first.clone())], 1, &other).is_err());
        assert!(unlike_others(&[(1, first.clone())], 2, &first).is_err());
    }
}

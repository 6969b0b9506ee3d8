//! Values of flags: numbers, lists, devices, `key=value`. Each is read from text with an error
//! that says which item is wrong.

use sigmalab_compute::{Device, DeviceChoice};
use sigmalab_engine::noise::{Rng, UnknownRng};
use sigmalab_schedule::fault::MAX_STEPS;

/// A finite number.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err("it must be a finite number".to_owned()),
        Err(_) => Err("it is not a number".to_owned()),
    }
}

/// Values a step, in the order written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PerStep(pub(crate) Vec<f64>);

impl std::str::FromStr for PerStep {
    type Err = String;

    /// `7,7,3` or runs, `7x2,3` (value, then how many steps).
    fn from_str(text: &str) -> Result<Self, String> {
        let mut values = Vec::new();
        for (at, item) in text.split(',').enumerate() {
            let item = item.trim();
            let wrong = |why: &str| format!("item {} `{item}`: {why}", at + 1);
            let (value, steps) = match item.split_once(['x', 'X', '×']) {
                Some((value, steps)) => {
                    let steps = steps.trim().parse::<usize>();
                    let steps =
                        steps.map_err(|_| wrong("write a run as VALUExSTEPS, as in 7x18"))?;
                    (value, steps)
                }
                None => (item, 1),
            };
            let value = finite(value).map_err(|why| wrong(&why))?;
            if steps == 0 {
                return Err(wrong("a run has at least 1 step"));
            }
            if steps > MAX_STEPS || values.len() + steps > MAX_STEPS {
                return Err(wrong(&format!("the list is longer than {MAX_STEPS} steps")));
            }
            values.resize(values.len() + steps, value);
        }
        Ok(PerStep(values))
    }
}

/// `cpu`, `cuda`, `cuda:N` or `metal`. Whether there is such a GPU is for its worker to say; metal is
/// part of this build or it is not.
pub(crate) fn device(text: &str) -> Result<DeviceChoice, String> {
    match text.split_once(':') {
        None if text == "cpu" => Ok(DeviceChoice::Cpu),
        None if text == "cuda" => Ok(DeviceChoice::Cuda(0)),
        None if text == "metal" && cfg!(feature = "metal") => Ok(DeviceChoice::Metal),
        None if text == "metal" => {
            Err("this build has no metal: build it with `--features metal`, or use cpu".to_owned())
        }
        Some(("cuda", number)) => number
            .parse()
            .map(DeviceChoice::Cuda)
            .map_err(|_| "write the number of the GPU, as in cuda:0".to_owned()),
        _ => Err("use cpu, cuda, cuda:N or metal".to_owned()),
    }
}

/// `--rng`: a generator, and whether it is that of whatever GPU is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RngChoice {
    /// The generator; that of the usual GPU where it is open.
    pub(crate) rng: Rng,
    /// Whether no GPU was described.
    pub(crate) is_open: bool,
}

impl RngChoice {
    /// The generator on `card`, where runs are made on one.
    pub(crate) fn on(self, card: Option<&Device>) -> Rng {
        /// What most GPUs for servers hold.
        const THREADS: u32 = 2048;
        let of_card = card.filter(|_| self.is_open).and_then(|card| {
            let threads = match card.threads_per_multiprocessor {
                0 => THREADS,
                threads => threads,
            };
            Rng::of_gpu(card.multiprocessors, threads)
        });
        of_card.unwrap_or(self.rng)
    }
}

impl std::str::FromStr for RngChoice {
    type Err = UnknownRng;

    fn from_str(text: &str) -> Result<Self, UnknownRng> {
        Ok(RngChoice { rng: text.parse()?, is_open: text == "torch-cuda" })
    }
}

/// Most compute threads: more than the largest machines have, few enough to be started at once.
const MOST_THREADS: usize = 1024;

/// A seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
}

/// A number of pixels; whether an image can have it is for the size to say.
pub(crate) fn pixels(text: &str) -> Result<u32, String> {
    let wrong = "give a whole number of pixels: a multiple of 16 from 256 to 2048";
    text.trim().parse().map_err(|_| wrong.to_owned())
}

/// A number of steps.
pub(crate) fn steps(text: &str) -> Result<usize, String> {
    let wrong = || format!("give a whole number of steps, 1 to {MAX_STEPS}");
    text.trim().parse().map_err(|_| wrong())
}

/// A number of compute threads.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(threads) if (1..=MOST_THREADS).contains(&threads) => Ok(threads),
        _ => Err(format!("give 1 to {MOST_THREADS} threads, or leave it out for every core")),
    }
}

/// `key=value`; a value that is a number is a finite one. What the key takes is for the sampler to
/// say.
pub(crate) fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    let (key, value) = (key.trim(), value.trim());
    if value.parse::<f64>().is_ok_and(|number| !number.is_finite()) {
        return Err(format!("value of `{key}`: it must be a finite number"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> Result<Vec<f64>, String> {
        text.parse::<PerStep>().map(|list| list.0)
    }

    #[test]
    fn lists_take_single_values_and_runs() {
        assert_eq!(list("7, 7,3").unwrap(), [7.0, 7.0, 3.0]);
        assert_eq!(list("7x3,-1.5x2, 3").unwrap(), [7.0, 7.0, 7.0, -1.5, -1.5, 3.0]);
        assert_eq!(list("7×2").unwrap(), [7.0, 7.0]);
    }

    #[test]
    fn a_wrong_item_is_named_by_its_place() {
        for (text, message) in [
            ("7,nan", "item 2 `nan`: it must be a finite number"),
            ("7,3,inf", "item 3 `inf`: it must be a finite number"),
            ("7,,3", "item 2 ``: it is not a number"),
            ("", "item 1 ``: it is not a number"),
            ("7x0", "item 1 `7x0`: a run has at least 1 step"),
            ("7x-1", "item 1 `7x-1`: write a run as VALUExSTEPS, as in 7x18"),
            ("1,7x99999999999", "item 2 `7x99999999999`: the list is longer than 1000 steps"),
        ] {
            assert_eq!(list(text).unwrap_err(), message);
        }
    }

    #[test]
    fn devices_are_read_and_missing_ones_refused() {
        assert_eq!(device("cpu").unwrap(), DeviceChoice::Cpu);
        assert!(device("tpu").unwrap_err().contains("cpu, cuda"));
        assert!(device("cuda:x").is_err());
        assert_eq!(device("cuda").unwrap(), DeviceChoice::Cuda(0));
        assert_eq!(device("cuda:1").unwrap(), DeviceChoice::Cuda(1));
        if !cfg!(feature = "metal") {
            assert!(device("metal").unwrap_err().contains("--features metal"));
        }
    }

    #[test]
    fn torch_cuda_is_that_of_the_card_unless_another_is_described() {
        let card = Device {
            number: 0,
            name: "A card".to_owned(),
            memory_bytes: 0,
            free_bytes: 0,
            compute_capability: [8, 9],
            multiprocessors: 128,
            threads_per_multiprocessor: 1536,
        };
        let rng = |text: &str, card| text.parse::<RngChoice>().unwrap().on(card).to_string();
        assert_eq!(rng("torch-cuda", Some(&card)), "torch-cuda:128x1536");
        assert_eq!(rng("torch-cuda", None), "torch-cuda:108x2048");
        assert_eq!(rng("torch-cuda:132", Some(&card)), "torch-cuda:132x2048");
        assert_eq!(rng("torch-cpu", Some(&card)), "torch-cpu");
        // A worker of an older build does not say, and one may say what cannot be.
        let silent = Device { threads_per_multiprocessor: 0, ..card.clone() };
        assert_eq!(rng("torch-cuda", Some(&silent)), "torch-cuda:128x2048");
        let strange = Device { multiprocessors: 0, ..card.clone() };
        assert_eq!(rng("torch-cuda", Some(&strange)), "torch-cuda:108x2048");
        assert!("cuda".parse::<RngChoice>().is_err());
    }

    #[test]
    fn threads_have_a_range() {
        assert_eq!(threads("2").unwrap(), 2);
        for text in ["0", "-1", "1025", "1000000000", "18446744073709551616", "1e9", ""] {
            assert!(threads(text).unwrap_err().contains("1 to 1024"), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused_in_words_of_ours() {
        assert_eq!(seed("18446744073709551615").unwrap(), u64::MAX);
        for text in ["18446744073709551616", "-1", "1.5", "x", ""] {
            assert!(seed(text).unwrap_err().contains("from 0 to 18446744073709551615"));
        }
        assert!(pixels("4294967296").unwrap_err().contains("multiple of 16"));
        assert!(steps("99999999999999999999").unwrap_err().contains("1 to 1000"));
    }

    #[test]
    fn parameters_are_a_key_and_a_value_that_is_finite_where_it_is_a_number() {
        assert_eq!(parameter("eta=0.5").unwrap(), ("eta".to_owned(), "0.5".to_owned()));
        assert_eq!(parameter(" a = heun ").unwrap(), ("a".to_owned(), "heun".to_owned()));
        assert!(parameter("eta").is_err());
        assert!(parameter("eta=nan").unwrap_err().contains("`eta`"));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "[-+0-9a-z.,x×: =]{0,24}") {
            let _ = list(&text);
            let _ = device(&text);
            let _ = parameter(&text);
            let _ = finite(&text);
            let _ = threads(&text);
        }

        #[test]
        fn a_written_list_reads_back(values in proptest::collection::vec(-100.0..100.0f64, 1..20)) {
            let text = values.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
            prop_assert_eq!(list(&text).unwrap(), values);
        }
    }
}

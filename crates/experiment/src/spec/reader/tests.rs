#![allow(clippy::unwrap_used, clippy::panic)]
use crate::spec::{Method, PromptSource, Spec, Value};
use proptest::prelude::*;

const HEAD: &str = "name = \"x\"\nprompts = [\"a red circle\"]\nseeds = [1]\n";

fn told(text: &str) -> String {
    Spec::parse(text, "e.toml").unwrap_err().to_string()
}

fn values(parameters: &str) -> Vec<String> {
    let spec = Spec::parse(&format!("{HEAD}[parameters]\n{parameters}"), "e.toml");
    let spec = spec.unwrap_or_else(|error| panic!("{error}"));
    let axis = spec.axes.first().unwrap();
    (0..axis.len()).map(|place| axis.at(place).first().unwrap().to_string()).collect()
}

#[test]
fn a_whole_file_is_read_in_its_order() {
    let text = r#"
        name = "tuning"
        prompts = ["a red circle", { id = "cross", text = "a white cross" }]
        seeds = { first = 5, count = 3 }
        sizes = ["256x256", "square"]
        [base]
        preset = "V4_TURBO_12"
        "gw[-2..]" = 2.5
        sampler.eta = 0.5
        [reference]
        preset = "V4_QUALITY_48"
        [parameters]
        std = [1.5, 1.75]
        mu = { min = 0, max = 0.5, step = 0.25 }
        [[zip]]
        steps = [10, 20]
        gw = [3, 7]
    "#;
    let spec = Spec::parse(text, "e.toml").unwrap_or_else(|error| panic!("{error}"));
    let swept: Vec<String> = spec.swept().map(ToString::to_string).collect();
    assert_eq!(swept, ["std", "mu", "steps", "gw"]);
    assert_eq!(spec.points(), 2 * 3 * 2);
    assert_eq!(spec.seeds, [5, 6, 7]);
    assert_eq!(spec.method, Method::Grid);
    let base: Vec<String> = spec.base.changes.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(base, ["gw[-2..]", "sampler.eta"]);
    let PromptSource::Inline(prompts) = spec.prompts else { panic!("no prompts") };
    assert_eq!((prompts[0].id.as_str(), prompts[1].id.as_str()), ("p0", "cross"));
}

#[test]
fn ranges_have_their_ends_and_even_steps() {
    assert_eq!(values("mu = { min = 0, max = 1, steps = 3 }"), ["0", "0.5", "1"]);
    assert_eq!(values("mu = { min = 0, max = 0.3, step = 0.1 }"), ["0", "0.1", "0.2", "0.3"]);
    assert_eq!(values("gw = { min = 1, max = 100, steps = 3, scale = \"log\" }")[0], "1");
    assert_eq!(values("gw = { min = 1, max = 100, steps = 3, scale = \"log\" }")[2], "100");
    assert_eq!(values("steps = { min = 4, max = 8, steps = 3 }"), ["4", "6", "8"]);
    assert_eq!(values("\"gw[-2..]\" = [[3, 2], [1, 1]]"), ["3x1 2x1", "1x2"]);
    assert_eq!(values("terminal = [\"zero\"]"), ["zero"]);
    assert_eq!(values("size = [\"square\", \"256x512\"]"), ["1024x1024", "256x512"]);
}

#[test]
fn what_is_wrong_is_told_with_line_and_column_and_what_was_meant() {
    let cases = [
        ("seeds = [1]\nprompts = [\"x\"]\n", "e.toml:1:1: `name` is missing"),
        ("name = \"x\"\nseeds = [1]\n", "`prompts` is missing"),
        ("name = \"x\"\nprompts = [\"x\"]\n", "`seeds` is missing"),
        (
            &format!("{HEAD}sedes = [2]\n"),
            "e.toml:4:1: `sedes`: unknown key: did you mean `seeds`?",
        ),
        (
            &format!("{HEAD}[parameters]\nmuu = [1]\n"),
            "e.toml:5:1: `parameters.muu`: there is no parameter `muu`: did you mean `mu`?",
        ),
        (
            &format!("{HEAD}[parameters]\nmu = [0, \"a\"]\n"),
            "e.toml:5:10: `parameters.mu[1]`: expected a number, found string",
        ),
        (
            &format!("{HEAD}[parameters]\nmu = {{ min = 1, max = 0, steps = 3 }}\n"),
            "min 1 is above max 0",
        ),
        (&format!("{HEAD}[parameters]\nmu = {{ min = 0, max = 1 }}\n"), "add `steps` or `step`"),
        (
            &format!("{HEAD}[parameters]\nmu = {{ min = 0, max = 1, stesp = 3 }}\n"),
            "did you mean `steps`?",
        ),
        (&format!("{HEAD}[parameters]\nstd = [0]\n"), "std is 0: it must be above 0"),
        (
            &format!("{HEAD}[parameters]\nstd = {{ min = 0, max = 1, steps = 3 }}\n"),
            "std must be above 0",
        ),
        (
            &format!(
                "{HEAD}[parameters]\ngw = {{ min = 0, max = 1, steps = 3, scale = \"log\" }}\n"
            ),
            "a log scale needs values above 0",
        ),
        (
            &format!("{HEAD}[parameters]\nsteps = [0]\n"),
            "0 is out of range: give a whole number from 1 to 1000",
        ),
        (&format!("{HEAD}[parameters]\nsteps = [2.5]\n"), "expected a whole number, found float"),
        (&format!("{HEAD}[parameters]\nsize = [\"100x100\"]\n"), "the nearest valid size is"),
        (&format!("{HEAD}[parameters]\nterminal = [\"zeor\"]\n"), "did you mean `zero`?"),
        (&format!("{HEAD}[parameters]\n\"gw[3\" = [1]\n"), "names no steps"),
        (&format!("{HEAD}[parameters]\n\"gw[]\" = [1]\n"), "names no steps"),
        (&format!("{HEAD}method = \"gird\"\n"), "did you mean `grid`?"),
        (&format!("{HEAD}method = \"random\"\n"), "needs `trials`"),
        (
            &format!("{HEAD}method = {{ kind = \"sobol\", trials = 70000 }}\n"),
            "70000 is out of range: give a whole number from 1 to 65536",
        ),
        (
            &format!("{HEAD}method = \"zip\"\n[parameters]\nmu = [0, 1]\nstd = [1]\n"),
            "it has 1 values",
        ),
        (&format!("{HEAD}[[zip]]\nmu = [0, 1]\nstd = [1]\n"), "it has 1 values"),
        (&format!("{HEAD}[[trials]]\nmu = 1\n[[trials]]\nstd = 1\n"), "every row names the same"),
        (&format!("{HEAD}[[trials]]\nmu = 1\n[[trials]]\nmu = 2\n[[trials]]\n"), "`mu` is missing"),
        (&format!("{HEAD}[parameters]\nseed = [1]\n"), "take `seeds` out"),
        (&format!("{HEAD}[base]\nseed = 1\n"), "has its own place"),
        (&format!("{HEAD}[reference]\nsampler = \"heun\"\n"), "uses Euler"),
        (
            &format!(
                "{HEAD}[parameters]\nmu = {{ min = 0, max = 1, steps = 400 }}\nstd = {{ min = 1, max = 2, steps = 400 }}\n"
            ),
            "160000 trials are more than 100000",
        ),
        ("name = \"../x\"\nprompts=[\"x\"]\nseeds=[1]", "it names the run directory"),
        ("name = \"x", "not valid TOML"),
    ];
    for (text, words) in cases {
        let message = told(text);
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
}

#[test]
fn a_problem_is_shown_with_its_line_and_a_mark_under_its_place() {
    let message = told(&format!("{HEAD}[parameters]\nmu = [0, \"a\"]\n"));
    assert!(message.contains("    5 | mu = [0, \"a\"]\n      |          ^"), "{message}");
}

#[test]
fn distributions_belong_to_methods_that_draw() {
    let text = |method: &str| {
        format!(
            "{HEAD}method = {method}\n[parameters]\nmu = {{ distribution = \"normal\", mean = 0, deviation = 1 }}\n"
        )
    };
    assert!(told(&text("\"grid\"")).contains("draw them with method"));
    assert!(Spec::parse(&text("{ kind = \"random\", trials = 4 }"), "e.toml").is_ok());
    let list = "{ kind = \"sobol\", trials = 4, seed = 3 }";
    assert!(Spec::parse(&text(list), "e.toml").is_ok());
}

#[test]
fn a_name_that_no_file_can_have_is_refused_at_its_line() {
    for name in ["a".repeat(300), "a/b".to_owned(), "../evil".to_owned()] {
        let text = HEAD.replace("\"x\"", &format!("\"{name}\""));
        assert!(
            told(&text).starts_with("e.toml:1:8: `name`: it names the run directory"),
            "{name}"
        );
    }
}

#[test]
fn names_that_nobody_knows_are_told_once_at_their_place() {
    let text = format!(
        "{HEAD}[base]\npreset = \"P\"\nsampler = \"s\"\n[reference]\npreset = \"Q\"\n[parameters]\n\
         sampler = [\"a\", \"b\",\n  \"c\"]\nmu = [0, 1]\n[[zip]]\nsampler = [\"d\"]\n"
    );
    let check = |known: &[&str]| {
        Spec::check_names(&text, "e.toml", &|named, name| {
            (!known.contains(&name)).then(|| format!("{named:?} {name}?"))
        })
    };
    check(&["P", "Q", "s", "a", "b", "c", "d"]).unwrap();
    let told = check(&["P", "s", "a", "b"]).unwrap_err().to_string();
    for words in [
        "e.toml:8:10: `reference.preset`: Preset Q?",
        "e.toml:11:3: `parameters.sampler[2]`: Sampler c?",
        "e.toml:14:12: `zip[0].sampler[0]`: Sampler d?",
    ] {
        assert_eq!(told.matches(words).count(), 1, "{words}: {told}");
    }
    assert_eq!(told.matches("Sampler").count(), 2, "{told}");
    assert!(Spec::check_names("no [ TOML", "e.toml", &|_, _| None).is_ok());
}

#[test]
fn a_seed_keeps_every_bit() {
    let text = format!("name = \"x\"\nprompts = [\"x\"]\n[parameters]\nseed = [{}]\n", i64::MAX);
    let spec = Spec::parse(&text, "e.toml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(spec.axes[0].at(0), [Value::Whole(i64::MAX as u64)]);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(name = \"x\"\n)?[-a-z0-9\\[\\]{}=\", .\n]{0,120}") {
        let _ = Spec::parse(&text, "e.toml");
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_reader_panic(
        at in 0..200_usize, bytes in "[-a-z0-9\\[\\]{}=\", .\n]{0,6}",
    ) {
        let mut text = format!("{HEAD}[base]\npreset = \"P\"\n[parameters]\nmu = {{ min = 0, max = 1, steps = 3 }}\n\"gw[-3..]\" = [1, 2]\n");
        let at = at.min(text.len());
        text.insert_str(at, &bytes);
        let _ = Spec::parse(&text, "e.toml");
    }
}

#[test]
fn a_first_block_cache_is_swept_between_0_and_1_and_no_reference_and_no_tune_has_one() {
    assert_eq!(values("first_block_cache = [0, 0.05]"), ["0", "0.05"]);
    let range = "first_block_cache = { min = 0.1, max = 0.3, steps = 2 }";
    assert_eq!(values(range), ["0.1", "0.3"]);
    let parameters = |text: &str| told(&format!("{HEAD}[parameters]\nfirst_block_cache = {text}"));
    assert!(parameters("[1.5]").contains("the threshold of the first-block cache is 1.5"));
    assert!(parameters("[-0.1]").contains("the threshold of the first-block cache is -0.1"));
    assert!(parameters("{ min = 0.1, max = 2, steps = 2 }").contains("0 to 1"));
    let reference = told(&format!("{HEAD}[reference]\nfirst_block_cache = 0.1"));
    assert!(reference.contains("a reference run has no first-block cache"), "{reference}");
    let tune = "method = \"tune\"\n[tune]\nsteps = 8\n[reference]\npreset = \"V4_QUALITY_48\"\n";
    let tune = told(&format!("{HEAD}{tune}[base]\nfirst_block_cache = 0.1"));
    assert!(tune.contains("a tune has no first-block cache"), "{tune}");
}

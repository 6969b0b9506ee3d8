//! The schedule against the reference's own output, and what must hold for every schedule.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use proptest::prelude::*;

#[derive(Deserialize)]
struct Golden {
    rows: Vec<GoldenRow>,
}

#[derive(Deserialize)]
struct GoldenRow {
    name: String,
    steps: usize,
    mu: f64,
    std: f64,
    height: u32,
    width: u32,
    sigma: Vec<f64>,
}

fn uniform(steps: usize, mu: f64, std: f64) -> SamplingOrder<Step> {
    SamplingOrder(vec![Step { gw: 7.0, mu, std }; steps])
}

fn at_1024(steps: Vec<Step>) -> Schedule {
    Schedule::new(SamplingOrder(steps), Size::SQUARE, Terminal::Reference)
}

const STEP: Step = Step { gw: 7.0, mu: 0.0, std: 1.5 };

#[test]
fn every_row_of_the_reference_is_met_to_the_last_bit() {
    let golden: Golden =
        serde_json::from_str(include_str!("../../../../tests/data/schedules.json")).unwrap();
    assert_eq!(golden.rows.len(), 35);
    for row in &golden.rows {
        let size = Size::new(row.width, row.height).unwrap();
        let schedule =
            Schedule::new(uniform(row.steps, row.mu, row.std), size, Terminal::Reference);
        schedule.check().unwrap();
        let ours: Vec<f64> = schedule.sigmas().iter().map(|sigma| sigma.0).collect();
        assert_eq!(ours, row.sigma, "{} at {size}", row.name);
    }
}

#[test]
fn each_step_starts_at_its_own_mu_and_std() {
    let narrow = Step { gw: 3.0, mu: -0.4, std: 0.9 };
    let mixed = at_1024(vec![STEP, STEP, narrow, STEP]);
    let wide = at_1024(vec![STEP; 4]);
    let only_narrow = at_1024(vec![narrow; 4]);
    let expected = [
        wide.sigmas()[0],
        wide.sigmas()[1],
        only_narrow.sigmas()[2],
        wide.sigmas()[3],
        wide.sigmas()[4],
    ];
    assert_eq!(mixed.sigmas(), expected);
}

#[test]
fn mu_and_std_of_the_first_step_do_nothing() {
    let odd = Step { mu: 40.0, std: 0.01, ..STEP };
    assert_eq!(at_1024(vec![odd, STEP, STEP]).sigmas(), at_1024(vec![STEP; 3]).sigmas());
}

#[test]
fn the_clamp_and_the_ends_are_where_the_reference_puts_them() {
    assert!((Sigma::highest().0 - 0.999_876_605_419_558_5).abs() < 1e-15);
    assert!((Sigma::lowest().0 - 1.0 / (1.0 + 7.5f64.exp())).abs() < 3e-8);
    assert!((Sigma::highest().log_snr() + 18.0).abs() < 1e-6);
    // σ is so small here that the f32 in t shows.
    assert!((Sigma::lowest().log_snr() - 15.0).abs() < 1e-4);
    assert_eq!(Sigma(0.5).log_snr(), 0.0);
    assert_eq!(Terminal::Zero.sigma(), Sigma(0.0));
    let zero = Schedule::new(uniform(3, 0.0, 1.5), Size::SQUARE, Terminal::Zero);
    assert_eq!(zero.sigmas().last(), Some(&Sigma(0.0)));
    assert_eq!(zero.sigmas()[..3], at_1024(vec![STEP; 3]).sigmas()[..3]);
}

#[test]
fn no_steps_and_too_many_steps_are_refused() {
    assert_eq!(at_1024(vec![]).check(), Err(ScheduleError::NoSteps));
    assert_eq!(at_1024(vec![]).sigmas(), [Sigma::lowest()]);
    assert_eq!(at_1024(vec![STEP; MAX_STEPS]).check(), Ok(()));
    let error = at_1024(vec![STEP; MAX_STEPS + 1]).check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the schedule has 1001 steps, which is more than 1000: use fewer"
    );
}

#[test]
fn every_value_that_is_not_valid_is_named_with_its_step_and_not_for_what_it_does_to_sigma() {
    let steps = vec![
        STEP,
        Step { gw: f64::NAN, ..STEP },
        STEP,
        Step { mu: f64::INFINITY, ..STEP },
        Step { std: 0.0, ..STEP },
        Step { std: -1.0, ..STEP },
        STEP,
    ];
    let faults = at_1024(steps).faults();
    let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "step 1: gw is NaN: give it a finite number",
            "step 3: mu is inf: give it a finite number",
            "step 4: std is 0: it must be above 0",
            "step 5: std is -1: it must be above 0",
        ]
    );
}

#[test]
fn steps_where_sigma_does_not_fall_are_listed_with_both_sigmas_and_the_way_out() {
    let high = Step { mu: 3.0, ..STEP };
    let schedule = at_1024(vec![STEP, STEP, high, STEP, high, STEP]);
    let faults = schedule.faults();
    assert_eq!(faults.iter().map(StepFault::step).collect::<Vec<_>>(), [1, 3]);
    let message = schedule.check().unwrap_err().to_string();
    let (one, two) = (schedule.sigmas()[1].0, schedule.sigmas()[2].0);
    assert!(message.contains("2 of 6 steps"), "{message}");
    assert!(
        message.contains(&format!(
            "step 1: σ does not fall: it starts at {one:.6} and step 2 at {two:.6}: raise mu of \
             step 1 or lower mu of step 2"
        )),
        "{message}"
    );
}

#[test]
fn a_step_that_sits_at_the_clamp_does_not_fall() {
    let low = Step { mu: -30.0, ..STEP };
    let message = at_1024(vec![STEP, low]).check().unwrap_err().to_string();
    assert!(message.contains("step 1") && message.contains("terminal"), "{message}");
    let zero = Schedule::new(SamplingOrder(vec![STEP, low]), Size::SQUARE, Terminal::Zero);
    assert_eq!(zero.check(), Ok(()));
    let noisy = Step { mu: 30.0, ..STEP };
    let message = at_1024(vec![STEP, noisy, STEP]).check().unwrap_err().to_string();
    assert!(message.contains("step 0") && message.contains("lower mu of step 1"), "{message}");
    assert!(!message.contains("raise"), "{message}");
}

#[test]
fn a_long_list_of_faults_is_cut() {
    let message = at_1024(vec![Step { std: -1.0, ..STEP }; 48]).check().unwrap_err().to_string();
    assert!(message.contains("48 of 48 steps") && message.ends_with("; and 44 more"), "{message}");
}

#[test]
fn no_mu_moves_the_first_step_or_reaches_beyond_the_clamp() {
    let schedule = at_1024(vec![STEP; 4]);
    assert_eq!(schedule.mu_for(0, Sigma(0.5)), None);
    assert_eq!(schedule.mu_for(4, Sigma(0.5)), None);
    for sigma in [0.0, 1.0, -0.1, 1.1, f64::NAN, Sigma::lowest().0, Sigma::highest().0] {
        assert_eq!(schedule.mu_for(2, Sigma(sigma)), None, "{sigma}");
    }
    assert_eq!(at_1024(vec![STEP, Step { std: f64::NAN, ..STEP }]).mu_for(1, Sigma(0.5)), None);
}

prop_compose! {
    fn sizes()(w in 16u32..=128, h in 16u32..=128) -> Size {
        match Size::new(w * 16, h * 16) { Ok(size) => size, Err(error) => error.nearest }
    }
}

fn terminals() -> impl Strategy<Value = Terminal> {
    prop::sample::select(&Terminal::ALL[..])
}

proptest! {
    #[test]
    fn one_mu_and_std_always_give_a_falling_schedule_that_ends_at_the_terminal_sigma(
        n in 1usize..300, mu in -1.0f64..1.5, std in 0.05f64..2.0,
        size in sizes(), terminal in terminals(),
    ) {
        let schedule = Schedule::new(uniform(n, mu, std), size, terminal);
        prop_assert_eq!(schedule.check(), Ok(()));
        prop_assert_eq!(schedule.sigmas().len(), n + 1);
        prop_assert_eq!(schedule.sigmas()[0], Sigma::highest());
        prop_assert_eq!(schedule.sigmas()[n], terminal.sigma());
    }

    #[test]
    fn the_mu_for_a_sigma_gives_that_sigma(
        n in 2usize..200, at in 0.0f64..1.0, sigma in 0.000_56f64..0.9998, std in 0.01f64..4.0,
        size in sizes(),
    ) {
        let step = 1 + ((n - 1) as f64 * at) as usize;
        let mut steps = uniform(n, 0.0, std);
        let mu = Schedule::new(steps.clone(), size, Terminal::Zero).mu_for(step, Sigma(sigma)).unwrap();
        steps.0[step].mu = mu;
        let back = Schedule::new(steps, size, Terminal::Zero).sigmas()[step];
        prop_assert!((back.0 - sigma).abs() <= 3e-8, "{} is not {sigma}", back.0);
    }

    #[test]
    fn a_schedule_checks_out_exactly_if_its_sigmas_fall(
        values in prop::collection::vec((-3.0f64..3.0, 0.1f64..3.0), 1..12), size in sizes(),
        terminal in terminals(),
    ) {
        let steps = values.iter().map(|&(mu, std)| Step { gw: 1.0, mu, std }).collect();
        let schedule = Schedule::new(steps, size, terminal);
        let falls = schedule.sigmas().windows(2).all(|pair| pair[0] > pair[1]);
        prop_assert_eq!(schedule.check().is_ok(), falls);
    }

    #[test]
    fn no_numbers_make_it_panic(
        values in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>()), 0..8),
        step in 0usize..9, sigma: f64, size in sizes(), terminal in terminals(),
    ) {
        let steps = values.iter().map(|&(gw, mu, std)| Step { gw, mu, std }).collect();
        let schedule = Schedule::new(steps, size, terminal);
        if let Err(error) = schedule.check() {
            prop_assert!(!error.to_string().is_empty());
        }
        let _ = schedule.mu_for(step, Sigma(sigma));
    }
}

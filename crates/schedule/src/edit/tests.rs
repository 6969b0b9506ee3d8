//! What must hold for every edit: it can be taken back, undo and redo walk the same way, and no
//! command lets in a value that a schedule cannot have.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::commands::*;
use super::*;
use crate::runs::gw_runs;
use crate::sigmas::Sigma;
use proptest::prelude::*;

const STEP: Step = Step { gw: 7.0, mu: 0.0, std: 1.75 };

fn draft(steps: Vec<Step>) -> Draft {
    Draft {
        name: "D".to_owned(),
        description: None,
        steps: SamplingOrder(steps),
        terminal: Terminal::Reference,
    }
}

/// V4_DEFAULT_20.
fn default_20() -> Draft {
    let mut steps = vec![STEP; 18];
    steps.extend([Step { gw: 3.0, ..STEP }; 2]);
    draft(steps)
}

fn apply(draft: &Draft, transaction: &Transaction) -> Draft {
    let mut changed = draft.clone();
    transaction.apply(&mut changed).unwrap();
    changed
}

fn column(draft: &Draft, column: Column) -> Vec<f64> {
    draft.steps.iter().map(|step| column.of(step)).collect()
}

fn gws(values: &[f64]) -> Draft {
    draft(values.iter().map(|&gw| Step { gw, ..STEP }).collect())
}

#[test]
fn ten_nudges_by_a_tenth_are_one_by_one() {
    let block = Block::cell(1, Column::Gw);
    let mut changed = default_20();
    for _ in 0..10 {
        changed = apply(&changed, &nudge(&changed, block, 0.1).unwrap());
    }
    assert_eq!(changed.value(1, Column::Gw), Some(8.0));
    assert_eq!(changed, apply(&default_20(), &nudge(&default_20(), block, 1.0).unwrap()));
}

#[test]
fn values_that_a_schedule_cannot_have_are_refused_by_step_and_column() {
    let draft = default_20();
    let std = Block::between((3, Column::Std), (4, Column::Std));
    for (error, message) in [
        (nudge(&draft, std, -1.75).unwrap_err(), "step 3: std would be 0: it must be above 0"),
        (fill(&draft, std, f64::NAN).unwrap_err(), "step 3: std would be NaN"),
        (
            expression(&draft, Block::column(&draft, Column::Gw), &"1/i".parse().unwrap())
                .unwrap_err(),
            "step 0: gw would be inf",
        ),
        (
            fill(&draft, Block::cell(20, Column::Gw), 1.0).unwrap_err(),
            "there is no step 20: the schedule has 20",
        ),
        (delete(&draft, 0..=19).unwrap_err(), "a schedule has at least one step"),
        (insert(&draft, 0, 981).unwrap_err(), "the schedule would have 1001 steps"),
        (insert(&draft, 0, usize::MAX).unwrap_err(), "the schedule would have"),
        (insert(&draft, 21, 1).unwrap_err(), "there is no step 21"),
        (resample(&draft, 0).unwrap_err(), "a schedule has at least one step"),
        (rename(&draft, " x").unwrap_err(), "` x` cannot be the name of a preset"),
    ] {
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn a_block_is_filled_and_its_first_row_goes_down() {
    let draft = gws(&[1.0, 2.0, 3.0, 4.0]);
    let block = Block::between((3, Column::Gw), (1, Column::Gw));
    let filled = apply(&draft, &fill(&draft, block, 9.0).unwrap());
    assert_eq!(column(&filled, Column::Gw), [1.0, 9.0, 9.0, 9.0]);
    let down = apply(&draft, &fill_down(&draft, block).unwrap());
    assert_eq!(column(&down, Column::Gw), [1.0, 2.0, 2.0, 2.0]);
}

#[test]
fn a_series_goes_between_its_anchors_which_stay() {
    let draft = gws(&[1.0, 0.0, 0.0, 0.0, 16.0]);
    let block = Block::column(&draft, Column::Gw);
    let made = |kind| column(&apply(&draft, &series(&draft, block, kind).unwrap()), Column::Gw);
    assert_eq!(made(Series::Linear), [1.0, 4.75, 8.5, 12.25, 16.0]);
    let near = |made: Vec<f64>, expected: [f64; 5]| {
        made.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12)
    };
    assert!(near(made(Series::Geometric), [1.0, 2.0, 4.0, 8.0, 16.0]));
    let cosine = made(Series::Cosine);
    assert!((cosine[2] - 8.5).abs() < 1e-12 && cosine[1] < 4.75 && cosine[3] > 12.25);

    let across = gws(&[-1.0, 0.0, 1.0]);
    let whole = Block::column(&across, Column::Gw);
    let error = series(&across, whole, Series::Geometric).unwrap_err();
    assert_eq!(error, EditError::NotGeometric { column: Column::Gw, first: -1.0, last: 1.0 });
    let two = Block::between((0, Column::Gw), (1, Column::Gw));
    assert_eq!(series(&across, two, Series::Linear), Err(EditError::NoRoom));
}

#[test]
fn a_formula_sees_the_step_the_count_the_way_along_and_the_old_value() {
    let draft = gws(&[7.0, 7.0, 7.0, 7.0, 3.0]);
    let block = Block::between((1, Column::Gw), (4, Column::Gw));
    let formula = "x + 10*i + 100*n + 1000*t".parse().unwrap();
    let changed = apply(&draft, &expression(&draft, block, &formula).unwrap());
    assert_eq!(column(&changed, Column::Gw), [7.0, 767.0, 1027.0, 1287.0, 1543.0]);
    let one = gws(&[7.0]);
    let along = expression(&one, Block::cell(0, Column::Gw), &"t".parse().unwrap()).unwrap();
    assert_eq!(column(&apply(&one, &along), Column::Gw), [0.0]);
}

#[test]
fn pasted_cells_keep_their_shape_or_are_refused() {
    let draft = default_20();
    let cells = Cells::parse_tsv("5\t0.1\n6\t0.2").unwrap();
    let changed = apply(&draft, &paste(&draft, (18, Column::Gw), &cells).unwrap());
    assert_eq!(changed.steps.0[18], Step { gw: 5.0, mu: 0.1, std: 1.75 });
    assert_eq!(changed.steps.0[19], Step { gw: 6.0, mu: 0.2, std: 1.75 });
    assert_eq!(changed.steps.0[..18], draft.steps.0[..18]);
    for at in [(19, Column::Gw), (18, Column::Std), (20, Column::Gw), (usize::MAX, Column::Mu)] {
        let error = paste(&draft, at, &cells).unwrap_err();
        assert!(matches!(error, EditError::DoesNotFit { .. }), "{error}");
    }
    let row = Cells::parse_tsv("5\t0.1\t2").unwrap();
    let changed = apply(&draft, &paste_value_over(&draft, Block::rows(17..=19), &row).unwrap());
    assert_eq!(changed.steps.0[17..], [Step { gw: 5.0, mu: 0.1, std: 2.0 }; 3]);
    let error = paste_value_over(&draft, Block::rows(17..=19), &cells).unwrap_err();
    assert!(matches!(error, EditError::DoesNotFill { rows: 3, columns: 3, .. }), "{error}");
}

#[test]
fn resampling_keeps_the_shape() {
    let draft = default_20();
    let shape = |count| {
        let changed = apply(&draft, &resample(&draft, count).unwrap());
        gw_runs(changed.steps.as_slice())
    };
    assert_eq!(shape(12), "7x11 3x1");
    assert_eq!(shape(40), "7x36 3x4");
    assert_eq!(shape(20), "7x18 3x2");
    assert_eq!(shape(1), "7x1");
    assert!(resample(&draft, 20).unwrap().is_empty());
}

#[test]
fn new_steps_are_copies_of_the_one_before() {
    let draft = gws(&[1.0, 2.0]);
    let after = |at| column(&apply(&draft, &insert(&draft, at, 2).unwrap()), Column::Gw);
    assert_eq!(after(0), [1.0, 1.0, 1.0, 2.0]);
    assert_eq!(after(1), [1.0, 1.0, 1.0, 2.0]);
    assert_eq!(after(2), [1.0, 2.0, 2.0, 2.0]);
}

#[test]
fn a_typed_sigma_becomes_a_mu_and_the_first_one_cannot_be_typed() {
    let draft = default_20();
    let solved = solve_sigma(&draft, Size::SQUARE, 5, Sigma(0.75)).unwrap();
    let changed = apply(&draft, &solved);
    assert!((changed.schedule(Size::SQUARE).sigmas()[5].0 - 0.75).abs() <= 3e-8);
    assert_eq!(solved.changes().len(), 1);
    let refusal = |step, sigma| solve_sigma(&draft, Size::SQUARE, step, Sigma(sigma)).unwrap_err();
    assert_eq!(refusal(0, 0.5), EditError::FirstSigma);
    assert!(matches!(refusal(3, 1.0), EditError::SigmaOutOfReach { step: 3, .. }));
    assert!(refusal(3, f64::NAN).to_string().contains("above 0.000553 and below 0.999877"));
    assert!(matches!(refusal(20, 0.5), EditError::NoSuchStep { .. }));
}

#[test]
fn a_transaction_of_another_state_changes_nothing() {
    let draft = default_20();
    let transaction = fill(&draft, Block::rows(0..=3), 1.0).unwrap();
    let mut changed = apply(&draft, &transaction);
    let twice = changed.clone();
    let error = transaction.apply(&mut changed).unwrap_err();
    assert_eq!(error.to_string().split(": ").nth(1), Some("gw of step 0 is not what it was"));
    assert_eq!(changed, twice);
    let mut other = gws(&[1.0]);
    assert!(delete(&draft, 5..=6).unwrap().apply(&mut other).is_err());
    assert_eq!(other, gws(&[1.0]));
    let all = Transaction::new(vec![Change::Remove { at: 0, steps: other.steps.0.clone() }]);
    assert_eq!(all.apply(&mut other), Err(EditError::NoSteps));
}

#[test]
fn what_was_undone_stays_on_its_branch() {
    let mut draft = default_20();
    let opened = draft.clone();
    let mut history = History::new();
    let make = |draft: &mut Draft, value: f64, label: &str, history: &mut History| {
        let block = Block::cell(0, Column::Gw);
        let transaction = fill(draft, block, value).unwrap();
        transaction.apply(draft).unwrap();
        history.commit_selected(transaction, label, None, Some(block));
    };
    make(&mut draft, 1.0, "one", &mut history);
    make(&mut draft, 2.0, "two", &mut history);
    let two = draft.clone();
    assert_eq!(history.undo(&mut draft).as_deref(), Some("two"));
    assert_eq!(history.undo(&mut draft).as_deref(), Some("one"));
    assert_eq!(history.undo(&mut draft), None);
    assert_eq!((&draft, history.selected()), (&opened, None));
    make(&mut draft, 3.0, "three", &mut history);
    assert_eq!(history.redo(&mut draft), None);
    assert_eq!(history.undo(&mut draft).as_deref(), Some("three"));
    let labels: Vec<_> = history.branches().iter().map(|branch| branch.label).collect();
    assert_eq!(labels, ["one", "three"]);

    history.go_to(2, &mut draft).unwrap();
    assert_eq!((&draft, history.revision(), history.count()), (&two, 2, 4));
    assert_eq!(history.selected(), Some(Block::cell(0, Column::Gw)));
    // The branch that was visited last is the one that redo takes.
    assert!(history.undo(&mut draft).is_some() && history.undo(&mut draft).is_some());
    assert_eq!(history.redo(&mut draft).as_deref(), Some("one"));
    assert!(history.go_to(4, &mut draft).is_err());
    let mut other = gws(&[9.0]);
    assert_eq!((history.undo(&mut other), history.revision()), (None, 1));
}

#[test]
fn a_block_is_the_same_from_any_corner_and_is_cut_to_the_draft() {
    let block = Block::between((5, Column::Std), (2, Column::Mu));
    assert_eq!(block, Block::between((2, Column::Std), (5, Column::Mu)));
    assert_eq!((block.height(), block.width(), block.cells().count()), (4, 2, 8));
    assert!(block.contains(5, Column::Mu) && !block.contains(5, Column::Gw));
    assert_eq!(block.within(4).map(|block| block.last_step), Some(3));
    assert_eq!((block.within(2), block.within(0)), (None, None));
}

fn values() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e3f64..1e3,
        0.01f64..3.0,
        prop::sample::select(vec![-0.0, 0.0, 1.0, 7.0, f64::NAN])
    ]
}

prop_compose! {
    fn drafts()(
        values in prop::collection::vec((-9.0f64..9.0, -3.0f64..3.0, 0.1f64..3.0), 1..16),
        zero: bool,
    ) -> Draft {
        let steps = values.into_iter().map(|(gw, mu, std)| Step { gw, mu, std }).collect();
        let terminal = if zero { Terminal::Zero } else { Terminal::Reference };
        Draft { terminal, ..draft(steps) }
    }
}

fn corners() -> impl Strategy<Value = (usize, Column)> {
    (0usize..18, prop::sample::select(&Column::ALL[..]))
}

prop_compose! {
    fn blocks()(a in corners(), b in corners()) -> Block { Block::between(a, b) }
}

/// Any command, made ready to meet any draft.
#[derive(Debug, Clone)]
enum Command {
    Nudge(Block, f64),
    Fill(Block, f64),
    FillDown(Block),
    Series(Block, Series),
    Expression(Block, &'static str),
    Paste((usize, Column), Vec<f64>),
    PasteOver(Block, f64),
    Insert(usize, usize),
    Delete(usize, usize),
    Resample(usize),
    Solve(usize, f64),
    InsertKeeping(usize, usize),
    DeleteKeeping(usize, usize),
    Terminal(Terminal),
    Rename(String),
    Describe(Option<String>),
}

impl Command {
    fn on(&self, draft: &Draft) -> Result<Transaction, EditError> {
        let size = Size::SQUARE;
        match self {
            Command::Nudge(block, by) => nudge(draft, *block, *by),
            Command::Fill(block, value) => fill(draft, *block, *value),
            Command::FillDown(block) => fill_down(draft, *block),
            Command::Series(block, kind) => series(draft, *block, *kind),
            Command::Expression(block, text) => expression(draft, *block, &text.parse().unwrap()),
            Command::Paste(at, values) => paste(
                draft,
                *at,
                &Cells::new(values.chunks(2).map(<[f64]>::to_vec).collect()).unwrap(),
            ),
            Command::PasteOver(block, value) => {
                paste_value_over(draft, *block, &Cells::new(vec![vec![*value]]).unwrap())
            }
            Command::Insert(at, count) => insert(draft, *at, *count),
            Command::Delete(from, to) => delete(draft, *from..=*to),
            Command::Resample(count) => resample(draft, *count),
            Command::Solve(step, sigma) => solve_sigma(draft, size, *step, Sigma(*sigma)),
            Command::InsertKeeping(at, count) => insert_keeping_sigma(draft, size, *at, *count),
            Command::DeleteKeeping(from, to) => delete_keeping_sigma(draft, size, *from..=*to),
            Command::Terminal(rule) => Ok(set_terminal(draft, *rule)),
            Command::Rename(name) => rename(draft, name),
            Command::Describe(text) => Ok(describe(draft, text.as_deref())),
        }
    }
}

fn commands() -> impl Strategy<Value = Command> {
    let formulas = vec!["x", "x*1.1 + sin(pi*t)", "ln(i)", "n - x", "max(x, 0.1)"];
    prop_oneof![
        (blocks(), -2.0f64..2.0).prop_map(|(block, by)| Command::Nudge(block, by)),
        (blocks(), values()).prop_map(|(block, value)| Command::Fill(block, value)),
        blocks().prop_map(Command::FillDown),
        (blocks(), prop::sample::select(&Series::ALL[..])).prop_map(|(b, s)| Command::Series(b, s)),
        (blocks(), prop::sample::select(formulas)).prop_map(|(b, f)| Command::Expression(b, f)),
        (corners(), -2.0f64..2.0).prop_map(|(at, v)| Command::Paste(at, vec![v, 1.0, v, 2.0])),
        (blocks(), -1.0f64..2.0).prop_map(|(block, value)| Command::PasteOver(block, value)),
        (0usize..18, 0usize..4).prop_map(|(at, count)| Command::Insert(at, count)),
        (0usize..18, 0usize..18).prop_map(|(from, to)| Command::Delete(from, to)),
        (0usize..30).prop_map(Command::Resample),
        (0usize..18, 0.0f64..1.0).prop_map(|(step, sigma)| Command::Solve(step, sigma)),
        (0usize..18, 0usize..4).prop_map(|(at, count)| Command::InsertKeeping(at, count)),
        (0usize..18, 0usize..18).prop_map(|(from, to)| Command::DeleteKeeping(from, to)),
        prop::sample::select(&Terminal::ALL[..]).prop_map(Command::Terminal),
        "[A-C ]{0,2}".prop_map(Command::Rename),
        prop::option::of("[a-c]{0,2}").prop_map(Command::Describe),
    ]
}

/// Equal to the last bit, so that 0 and −0 are told apart.
fn same(a: &Draft, b: &Draft) -> bool {
    let bits = |draft: &Draft| -> Vec<[u64; 3]> {
        draft.steps.iter().map(|step| Column::ALL.map(|c| c.of(step).to_bits())).collect()
    };
    a == b && bits(a) == bits(b)
}

proptest! {
    #[test]
    fn a_command_changes_the_draft_or_is_empty_and_its_inverse_takes_it_back(
        before in drafts(), command in commands(),
    ) {
        let Ok(transaction) = command.on(&before) else { return Ok(()) };
        let after = apply(&before, &transaction);
        prop_assert_eq!(transaction.is_empty(), same(&before, &after), "{:?}", transaction);
        prop_assert!(same(&apply(&after, &transaction.invert()), &before));
        prop_assert_eq!(transaction.invert().invert(), transaction);
        for step in &after.steps {
            prop_assert!(step.gw.is_finite() && step.mu.is_finite());
            prop_assert!(step.std.is_finite() && step.std > 0.0);
        }
    }

    #[test]
    fn undo_and_redo_walk_back_and_forth_over_the_same_drafts_a_command_a_step(
        opened in drafts(), commands in prop::collection::vec(commands(), 0..20),
    ) {
        let mut draft = opened.clone();
        let mut history = History::new();
        let mut states = vec![opened];
        for command in &commands {
            if let Ok(transaction) = command.on(&draft) {
                transaction.apply(&mut draft).unwrap();
                if !transaction.is_empty() {
                    states.push(draft.clone());
                }
                history.commit(transaction, "a command");
            }
        }
        prop_assert_eq!(history.count(), states.len());
        for state in states.iter().rev().skip(1) {
            prop_assert!(history.undo(&mut draft).is_some());
            prop_assert!(same(&draft, state));
        }
        prop_assert_eq!(history.undo(&mut draft), None);
        for state in states.iter().skip(1) {
            prop_assert!(history.redo(&mut draft).is_some());
            prop_assert!(same(&draft, state));
        }
        prop_assert_eq!(history.redo(&mut draft), None);
    }

    #[test]
    fn every_revision_of_the_tree_can_be_gone_to(
        opened in drafts(), turns in prop::collection::vec((commands(), 0usize..30), 1..15),
        visits in prop::collection::vec(0usize..30, 1..10),
    ) {
        let mut draft = opened.clone();
        let mut history = History::new();
        let mut states = vec![opened];
        for (command, back_to) in turns {
            if let Ok(transaction) = command.on(&draft)
                && !transaction.is_empty()
            {
                transaction.apply(&mut draft).unwrap();
                states.push(draft.clone());
                history.commit(transaction, "a command");
            }
            history.go_to(back_to % states.len(), &mut draft).unwrap();
            prop_assert!(same(&draft, &states[back_to % states.len()]));
        }
        for visit in visits {
            let visit = visit % states.len();
            history.go_to(visit, &mut draft).unwrap();
            prop_assert!(same(&draft, &states[visit]));
            let redoes = history.revision();
            if history.undo(&mut draft).is_some() {
                history.redo(&mut draft);
                prop_assert_eq!(history.revision(), redoes);
                prop_assert!(same(&draft, &states[visit]));
            }
        }
    }

    #[test]
    fn one_draft_becomes_another_and_back(before in drafts(), after in drafts()) {
        let transaction = Transaction::replacing(&before, &after);
        prop_assert!(same(&apply(&before, &transaction), &after));
        prop_assert!(Transaction::replacing(&before, &before).is_empty());
    }

    #[test]
    fn steps_keep_their_sigma_where_that_is_asked_for(
        count in 2usize..40, mu in -1.0f64..1.0, at in 0.0f64..1.0, more in 1usize..4, zero: bool,
    ) {
        let terminal = if zero { Terminal::Zero } else { Terminal::Reference };
        let before = Draft { terminal, ..draft(vec![Step { mu, ..STEP }; count]) };
        let at = 1 + ((count - 1) as f64 * at) as usize;
        let sigmas = |draft: &Draft| draft.schedule(Size::SQUARE).sigmas().to_vec();
        let near = |a: &[Sigma], b: &[Sigma]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a.0 - b.0).abs() <= 6e-8)
        };

        let grown = apply(&before, &insert_keeping_sigma(&before, Size::SQUARE, at, more).unwrap());
        prop_assert_eq!(grown.schedule(Size::SQUARE).check(), Ok(()));
        let mut kept = sigmas(&grown);
        drop(kept.drain(at..at + more));
        prop_assert!(near(&kept, &sigmas(&before)));

        let taken = at..=at + more - 1;
        let shrunk =
            apply(&grown, &delete_keeping_sigma(&grown, Size::SQUARE, taken).unwrap());
        prop_assert!(near(&sigmas(&shrunk), &sigmas(&before)));
    }
}

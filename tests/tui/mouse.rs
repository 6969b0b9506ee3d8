//! (Grid, mouse, grid) through the real application. Places are found on the drawn screen, so
//! that what is clicked is what is seen.

use crate::keys::Workbench;
use crate::screens::screen;
use sigmalab::tui::app::Effect;
use sigmalab_terminal::input::{Input, Mouse, MouseAction, MouseButton};
use sigmalab_terminal::key::Modifiers;
use std::time::{Duration, Instant};

const FOUR: &str = "[FOUR]\nmu = 0.0\nstd = 1.5\n\
                    runs = [{ steps = 3, gw = 7.0 }, { steps = 1, gw = 3.0 }]\n";

type Place = (u16, u16);

impl Workbench {
    fn lines(&self) -> Vec<Vec<char>> {
        let area = self.app.area();
        let text = screen(self, area.width, area.height);
        text.lines().map(|line| line.chars().collect()).collect()
    }

    /// Where a text is on the screen, its last character.
    fn find(&self, text: &str) -> Place {
        let wanted: Vec<char> = text.chars().collect();
        for (y, line) in self.lines().iter().enumerate() {
            if let Some(x) = line.windows(wanted.len()).position(|part| part == wanted) {
                return ((x + wanted.len() - 1) as u16, y as u16);
            }
        }
        panic!("no {text:?} on the screen")
    }

    /// The header of a column: the last letter of its name, below which its values end.
    fn header(&self, column: &str) -> Place {
        let (_, y) = self.find(" step ");
        let line: String = self.lines()[usize::from(y)].iter().collect();
        let end = line.find(&format!(" {column} ")).unwrap();
        ((line[..end].chars().count() + column.chars().count()) as u16, y)
    }

    /// The number of a step in view.
    fn step(&self, step: usize) -> Place {
        let (x, header) = self.find(" step ");
        let x = x - 1;
        let is_it = |line: &[char]| {
            let number: String = line[usize::from(x) - 4..=usize::from(x)].iter().collect();
            number.trim() == step.to_string()
        };
        let lines = self.lines();
        let below = lines.iter().skip(usize::from(header) + 1).position(|line| is_it(line));
        (x, header + 1 + below.unwrap() as u16)
    }

    /// A cell, written `gw[2]`.
    fn cell(&self, text: &str) -> Place {
        let (column, step) = text.trim_end_matches(']').split_once('[').unwrap();
        (self.header(column).0, self.step(step.parse().unwrap()).1)
    }

    fn mouse(
        &mut self,
        action: MouseAction,
        (column, row): Place,
        modifiers: Modifiers,
        at: Instant,
    ) {
        let mouse = Mouse { action, column, row, modifiers };
        let effects = self.app.handle_at(Input::Mouse(mouse), at);
        self.effects.extend(effects);
    }

    fn click_at(&mut self, place: Place, button: MouseButton, modifiers: Modifiers, at: Instant) {
        self.mouse(MouseAction::Press(button), place, modifiers, at);
        self.mouse(MouseAction::Release(button), place, modifiers, at);
    }

    /// A click that is no part of a double click.
    fn click(&mut self, place: Place) {
        self.click_at(place, MouseButton::Left, Modifiers::NONE, Instant::now());
        self.mouse(MouseAction::Press(MouseButton::Middle), place, Modifiers::NONE, Instant::now());
    }

    fn drag(&mut self, from: Place, to: Place) {
        let (now, none) = (Instant::now(), Modifiers::NONE);
        self.mouse(MouseAction::Press(MouseButton::Left), from, none, now);
        let half = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
        self.mouse(MouseAction::Drag(MouseButton::Left), half, none, now);
        self.mouse(MouseAction::Drag(MouseButton::Left), to, none, now);
        self.mouse(MouseAction::Release(MouseButton::Left), to, none, now);
    }

    /// Does words: `click:gw[1]`, `double:gw[1]`, `shift:gw[1]`, `right:gw[1]`, `head:gw`,
    /// `row:1`, `shift-row:1`, `drag:gw[1]..std[2]`, `rows:1..2`; everything else is keys.
    fn point(&mut self, words: &str) {
        for (word, second) in words.split(' ').zip(0u64..) {
            // A second apart, so that no two of them are a double click.
            let now = Instant::now() + Duration::from_secs(second);
            let (left, none) = (MouseButton::Left, Modifiers::NONE);
            let Some((how, what)) = word.split_once(':') else {
                self.press(word);
                continue;
            };
            match how {
                "click" => self.click_at(self.cell(what), left, none, now),
                "double" => {
                    self.click_at(self.cell(what), left, none, now);
                    let again = now + Duration::from_millis(300);
                    self.click_at(self.cell(what), left, none, again);
                }
                "slow" => {
                    self.click_at(self.cell(what), left, none, now);
                    let again = now + Duration::from_millis(500);
                    self.click_at(self.cell(what), left, none, again);
                }
                "shift" => self.click_at(self.cell(what), left, Modifiers::SHIFT, now),
                "right" => self.click_at(self.cell(what), MouseButton::Right, none, now),
                "head" => self.click_at(self.header(what), left, none, now),
                "row" => self.click_at(self.step(what.parse().unwrap()), left, none, now),
                "shift-row" => {
                    self.click_at(self.step(what.parse().unwrap()), left, Modifiers::SHIFT, now);
                }
                "drag" => {
                    let (from, to) = what.split_once("..").unwrap();
                    self.drag(self.cell(from), self.cell(to));
                }
                "rows" => {
                    let (from, to) = what.split_once("..").unwrap();
                    self.drag(self.step(from.parse().unwrap()), self.step(to.parse().unwrap()));
                }
                other => panic!("{other}"),
            }
        }
    }
}

const TRIPLES: &[(&str, &str)] = &[
    ("click:gw[2]", "7 0 1.5\n7 0 1.5\n[7] 0 1.5\n3 0 1.5"),
    ("click:std[3]", "7 0 1.5\n7 0 1.5\n7 0 1.5\n3 0 [1.5]"),
    ("click:gw[1] 5 enter", "7 0 1.5\n5 0 1.5\n[7] 0 1.5\n3 0 1.5"),
    ("drag:gw[1]..gw[3] 2 enter", "7 0 1.5\n{2} 0 1.5\n{2} 0 1.5\n[2] 0 1.5"),
    ("drag:std[2]..gw[1]", "7 0 1.5\n[7] {0} {1.5}\n{7} {0} {1.5}\n3 0 1.5"),
    ("click:gw[1] shift:mu[2]", "7 0 1.5\n{7} {0} 1.5\n{7} [0] 1.5\n3 0 1.5"),
    ("click:gw[1] right:gw[3] +", "7 0 1.5\n{7.1} 0 1.5\n{7.1} 0 1.5\n[3.1] 0 1.5"),
    // Extending goes on from where the selection began.
    ("drag:gw[0]..gw[1] shift:gw[3]", "{7} 0 1.5\n{7} 0 1.5\n{7} 0 1.5\n[3] 0 1.5"),
    ("double:gw[1] 4 enter", "7 0 1.5\n4 0 1.5\n[7] 0 1.5\n3 0 1.5"),
    // Two slow clicks edit nothing; the digit begins a value all the same.
    ("slow:gw[1] j", "7 0 1.5\n7 0 1.5\n[7] 0 1.5\n3 0 1.5"),
    ("head:mu", "7 {0} 1.5\n7 {0} 1.5\n7 {0} 1.5\n3 [0] 1.5"),
    ("row:1", "7 0 1.5\n{7} {0} [1.5]\n7 0 1.5\n3 0 1.5"),
    ("rows:1..2", "7 0 1.5\n{7} {0} {1.5}\n{7} {0} [1.5]\n3 0 1.5"),
    ("row:2 shift-row:3 D", "7 0 1.5\n7 0 [1.5]"),
    ("row:2 shift-row:0", "{7} {0} [1.5]\n{7} {0} {1.5}\n{7} {0} {1.5}\n3 0 1.5"),
    // What is being typed is accepted when another cell is clicked, as in a spreadsheet.
    ("click:gw[1] 2 click:gw[3]", "7 0 1.5\n2 0 1.5\n7 0 1.5\n[3] 0 1.5"),
    // What was opened and not touched is no edit, and what cannot be stays to be corrected.
    ("click:gw[1] enter click:gw[3] u", "7 0 1.5\n7 0 1.5\n7 0 1.5\n[3] 0 1.5"),
    ("click:std[1] 0 click:gw[3] backspace 2 enter", "7 0 1.5\n7 0 2\n7 0 [1.5]\n3 0 1.5"),
];

#[test]
fn the_mouse_does_what_it_does_in_a_spreadsheet() {
    for size in [(80, 24), (120, 40)] {
        for (words, grid) in TRIPLES {
            let mut workbench = Workbench::with(Some(FOUR), size);
            workbench.point(words);
            assert_eq!(workbench.grid(), *grid, "{words} at {size:?}");
        }
    }
}

#[test]
fn what_the_mouse_did_is_recorded_as_calls_that_play_the_same() {
    for (words, _) in TRIPLES {
        let mut workbench = Workbench::with(Some(FOUR), (80, 24));
        workbench.point(words);
        let mut again = Workbench::with(Some(FOUR), (120, 40));
        let record = workbench.records();
        for call in &record {
            again.app.play(&call.parse().unwrap()).1.unwrap();
        }
        let unmarked = |grid: String| grid.replace(['[', ']', '{', '}'], "");
        assert_eq!(unmarked(again.grid()), unmarked(workbench.grid()), "{words}: {record:?}");
    }
}

#[test]
fn a_drag_is_recorded_once() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.point("drag:gw[0]..std[3]");
    assert_eq!(workbench.records(), ["cursor gw[0]", "select gw[0]:std[3]"]);
}

#[test]
fn the_wheel_scrolls_the_grid_and_the_next_key_is_where_the_cursor_is() {
    let mut workbench = Workbench::with(None, (80, 24));
    let wheel = |workbench: &mut Workbench, action| {
        let place = workbench.find("0.000");
        workbench.mouse(action, place, Modifiers::NONE, Instant::now());
    };
    workbench.press("j j K");
    let before = workbench.grid();
    let first = |workbench: &Workbench| {
        let (x, y) = workbench.find(" step ");
        let line = &workbench.lines()[usize::from(y) + 1];
        line[usize::from(x) - 5..usize::from(x)].iter().collect::<String>().trim().to_owned()
    };
    wheel(&mut workbench, MouseAction::ScrollDown);
    wheel(&mut workbench, MouseAction::ScrollDown);
    assert_eq!((first(&workbench), workbench.grid()), ("6".to_owned(), before.clone()));
    for _ in 0..40 {
        wheel(&mut workbench, MouseAction::ScrollDown);
    }
    assert_eq!(first(&workbench), "30");
    wheel(&mut workbench, MouseAction::ScrollUp);
    assert_eq!(first(&workbench), "27");
    workbench.press("+");
    assert_eq!(first(&workbench), "1");
    assert!(workbench.grid().contains("[7.1]"));
}

#[test]
fn dragging_beyond_the_edge_goes_on_beyond_it() {
    let mut workbench = Workbench::with(None, (80, 24));
    let (now, none) = (Instant::now(), Modifiers::NONE);
    let from = workbench.cell("gw[16]");
    workbench.mouse(MouseAction::Press(MouseButton::Left), from, none, now);
    for _ in 0..4 {
        workbench.mouse(MouseAction::Drag(MouseButton::Left), (from.0, 23), none, now);
    }
    let (first, last) = workbench.app.grid().steps();
    assert_eq!((first, last), (16, 21));
}

#[test]
fn hints_title_and_prompt_do_what_they_say() {
    let mut workbench = Workbench::with(Some(FOUR), (120, 40));
    workbench.press("+");
    workbench.click(workbench.find(" u undo"));
    assert!(!workbench.app.document().is_edited());
    workbench.click(workbench.find(" + nudge up"));
    assert!(workbench.app.document().is_edited());
    let place = workbench.find("· terminal reference");
    workbench.click(place);
    assert!(screen(&workbench, 120, 40).contains("terminal zero"));
    for (text, label) in [("seed 42", " seed "), ("256×256", " size "), ("euler", " sampler ")] {
        workbench.click(workbench.find(text));
        assert!(screen(&workbench, 120, 40).contains(label), "{text}");
        workbench.press("esc");
    }
    workbench.press("esc");
    workbench.click(workbench.find("prompt  a red"));
    assert!(screen(&workbench, 120, 40).contains(" prompt a red circle"));
    workbench.press("esc");
    workbench.click(workbench.find("run-on-edit"));
    assert!(screen(&workbench, 120, 40).contains("drawing again after every change"));
}

#[test]
fn rows_of_lists_are_chosen_by_clicks() {
    let mut workbench = Workbench::with(None, (80, 24));
    workbench.press(": \"select\"");
    workbench.click(workbench.find("select-all"));
    assert!(screen(&workbench, 80, 24).contains("144 cells"));
    // A click beside a popup leaves it.
    workbench.press(":");
    workbench.click((0, 12));
    assert!(!screen(&workbench, 80, 24).contains("┌ do ─"));
    workbench.press("P");
    workbench.click(workbench.find("V4_TURBO_12"));
    let text = screen(&workbench, 80, 24);
    assert!(text.contains("┌ V4_TURBO_12 ─"), "{text}");
    let (place, now) = (workbench.find("V4_DEFAULT_20"), Instant::now());
    workbench.click_at(place, MouseButton::Left, Modifiers::NONE, now);
    workbench.click_at(place, MouseButton::Left, Modifiers::NONE, now);
    assert_eq!(workbench.app.document().draft().name, "V4_DEFAULT_20");
    // The wheel goes along the list.
    workbench.press("P");
    workbench.mouse(MouseAction::ScrollDown, (2, 4), Modifiers::NONE, now);
    assert!(screen(&workbench, 80, 24).contains("┌ V4_TURBO_12 ─"));
    // In a list that is filtered, a row is the row that is seen.
    workbench.press("k k / \"turbo\" enter");
    workbench.click(workbench.find("V4_TURBO_12"));
    workbench.press("e");
    workbench.click(workbench.find("diffusers"));
    assert!(screen(&workbench, 80, 24).contains("V4_TURBO_12 for diffusers"));
    workbench.click((0, 12));
    assert!(!screen(&workbench, 80, 24).contains("for diffusers"));
}

#[test]
fn a_picture_of_a_pair_is_a_way_to_compare_and_to_flip() {
    let mut workbench = Workbench::with(Some(FOUR), (120, 40));
    workbench.press("r");
    workbench.finish_run(1, 0, [9, 9, 9]);
    workbench.press("A + r");
    workbench.finish_run(2, 0, [90, 9, 9]);
    let place = workbench.find("pinned A");
    workbench.click((place.0, place.1 + 3));
    assert!(screen(&workbench, 120, 40).contains("┌ A and B "));
    workbench.press("x");
    let place = workbench.find("A · FOUR");
    workbench.click((place.0, place.1 + 3));
    assert!(screen(&workbench, 120, 40).contains("┌ B · "));
}

#[test]
fn no_click_anywhere_is_too_much() {
    for (columns, rows) in [(1, 1), (2, 2), (40, 10), (80, 24), (120, 40)] {
        for keys in ["", "?", ":", "P", "F6", "t", "2", "q", "+ q"] {
            let mut workbench = Workbench::with(Some(FOUR), (columns, rows));
            workbench.press(keys);
            for y in (0..rows + 2).step_by(3) {
                for x in (0..columns + 2).step_by(7) {
                    workbench.click((x, y));
                    workbench.drag((x, y), (y, x));
                    let now = Instant::now();
                    workbench.mouse(MouseAction::ScrollDown, (x, y), Modifiers::NONE, now);
                }
            }
            screen(&workbench, columns, rows);
        }
    }
}

#[test]
fn the_mouse_can_be_left_to_the_terminal() {
    let mut workbench = Workbench::with(Some(FOUR), (80, 24));
    workbench.press(": \"mouse\" enter");
    assert!(workbench.effects.contains(&Effect::Mouse(false)));
    workbench.press(": \"mouse\" enter");
    assert!(workbench.effects.contains(&Effect::Mouse(true)));
}

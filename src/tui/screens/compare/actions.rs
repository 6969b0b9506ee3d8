//! Actions about A and B: pinning, and how the two are compared.

use crate::tui::action::Action;
use crate::tui::app::{App, Done, Effect, Screen};
use crate::tui::screens::compare::{Comparison, Scale, View};
use serde_json::{Value, json};

impl App {
    pub(in crate::tui) fn pin(&mut self) -> Done {
        let last = self.runs.last.clone().ok_or(match self.runs.going {
            Some(_) => "there is no image yet: the run is still in progress",
            None => "there is no image yet: run first",
        })?;
        let text = format!("{} is pinned as A; run something else and compare", last.title());
        self.runs.pinned = Some(last);
        Ok(Some(text))
    }

    pub(in crate::tui) fn unpin(&mut self) -> Done {
        self.runs.pinned.take().ok_or("no run is pinned")?;
        if self.screen == Screen::Compare {
            self.show(Screen::Editor)?;
        }
        Ok(Some("A is no longer pinned".to_owned()))
    }

    pub(in crate::tui) fn compare(&mut self) -> Done {
        if self.runs.pair().is_none() {
            let (run, pin) = (self.key_of(Action::Run), self.key_of(Action::Pin));
            return Err(format!(
                "nothing is pinned yet: run ({run}), pin it as A ({pin}), and run something else"
            ));
        }
        self.show(Screen::Compare)
    }

    pub(in crate::tui) fn swap(&mut self) -> Done {
        self.two()?;
        self.runs.swap();
        Ok(Some("A and B are swapped".to_owned()))
    }

    /// Shows a view of A and B; without a name, the next one.
    pub(in crate::tui) fn compare_view(&mut self, name: Option<&str>) -> Done {
        let view = match name {
            Some(name) => name.parse::<View>()?,
            None if self.screen == Screen::Compare => self.comparing.view.next(),
            None => self.comparing.view,
        };
        self.compare()?;
        self.comparing.view = view;
        Ok(None)
    }

    /// One of them large; where one is, the other.
    pub(in crate::tui) fn flip(&mut self) -> Done {
        let seen = self.screen == Screen::Compare && self.comparing.view == View::Flip;
        self.compare()?;
        self.comparing.view = View::Flip;
        self.comparing.shows_b = if seen { !self.comparing.shows_b } else { false };
        Ok(None)
    }

    pub(in crate::tui) fn difference_scale(&mut self, text: &str) -> Done {
        self.comparing.scale = text.parse::<Scale>()?;
        Ok(None)
    }

    pub(in crate::tui) fn fold(&mut self) -> Done {
        self.comparing.unfolded = !self.comparing.unfolded;
        self.scroll = 0;
        Ok(None)
    }

    pub(in crate::tui) fn print_comparison(&mut self) -> Done {
        self.two()?;
        if let Some(job) = self.comparing.missing(&self.runs) {
            self.comparing.take(job.run());
        }
        let mut document = self.comparison().map(Comparison::document).unwrap_or_default();
        if let (Value::Object(fields), Some((a, b))) = (&mut document, self.runs.pair()) {
            for (name, run) in [("a", a), ("b", b)] {
                let steps = run.recipe.steps.len();
                let fact = json!({ "steps": steps, "size": run.recipe.size, "nfe": run.nfe });
                fields.insert(name.to_owned(), fact);
            }
        }
        self.effect(Effect::Print(document.to_string()))
    }

    fn two(&self) -> Result<(), String> {
        match self.runs.pair() {
            Some(_) if !self.runs.is_one() => Ok(()),
            _ => {
                Err("there are not two runs yet: run, pin it as A, and run something else"
                    .to_owned())
            }
        }
    }
}

//! The samplers as a list with their parameters, and where the cursor is in it. It takes what the
//! sampler room says of them and knows nothing of how one works or where it came from.

use crate::sampler::plugin::PluginFile;
use crate::sampler::{self, Param, SamplerInfo};

/// What the list says of a sampler.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplerCard {
    /// Its name, as `sampler` takes it.
    pub id: String,
    /// Version of its arithmetic.
    pub version: String,
    /// A sentence.
    pub description: String,
    /// Order of accuracy.
    pub order: u32,
    /// Most network evaluations a step.
    pub evaluations: u32,
    /// How many earlier steps it reads.
    pub history: usize,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The plugin's file; `None` where it is built in.
    pub file: Option<String>,
}

impl SamplerCard {
    fn of(info: &SamplerInfo, file: Option<&PluginFile>) -> Self {
        SamplerCard {
            id: info.id.to_string(),
            version: info.version.to_string(),
            description: info.description.to_string(),
            order: info.order,
            evaluations: info.evaluations_per_step,
            history: info.history_len,
            params: info.params.to_vec(),
            file: file.map(|file| file.path.display().to_string()),
        }
    }
}

/// The list and its cursor, which is on a sampler or on one of its parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samplers {
    cards: Vec<SamplerCard>,
    at: usize,
    /// The parameter under the cursor, while it is among them.
    param: Option<usize>,
}

impl Samplers {
    /// The samplers there are, the cursor on the one of that name.
    pub fn new(available: &sampler::Samplers, id: &str) -> Self {
        let cards: Vec<SamplerCard> =
            available.all().map(|(info, file)| SamplerCard::of(info, file)).collect();
        let at = cards.iter().position(|card| card.id == id).unwrap_or(0);
        Samplers { cards, at, param: None }
    }

    /// Samplers came or went: the cursor stays on the one it is on, if that is still there.
    pub fn follow(&mut self, available: &sampler::Samplers) {
        let here = self.card().cloned();
        let mut new = Samplers::new(available, here.as_ref().map_or("", |card| &card.id));
        // Parameters of another version may be others.
        if new.card() == here.as_ref() {
            new.param = self.param;
        }
        *self = new;
    }

    /// Every sampler.
    pub fn cards(&self) -> &[SamplerCard] {
        &self.cards
    }

    /// The sampler under the cursor or whose parameters it is among.
    pub fn card(&self) -> Option<&SamplerCard> {
        self.cards.get(self.at)
    }

    /// The parameter under the cursor.
    pub fn param(&self) -> Option<&Param> {
        self.param.and_then(|param| self.card()?.params.get(param))
    }

    /// Place of the sampler under the cursor.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Moves down the samplers, or down the parameters while the cursor is among them.
    pub fn along(&mut self, by: isize) {
        let last = |count: usize| count.saturating_sub(1);
        let params = self.card().map_or(0, |card| card.params.len());
        match &mut self.param {
            Some(param) => *param = param.saturating_add_signed(by).min(last(params)),
            None => self.at = self.at.saturating_add_signed(by).min(last(self.cards.len())),
        }
    }

    /// Moves from a sampler to its parameters. `false` where it has none.
    pub fn enter(&mut self) -> bool {
        let has_some = self.card().is_some_and(|card| !card.params.is_empty());
        if has_some && self.param.is_none() {
            self.param = Some(0);
        }
        has_some
    }

    /// Moves back to the samplers. `false` where the cursor was there.
    pub fn leave(&mut self) -> bool {
        self.param.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    use crate::sampler::plugin::{Listing, Plugin};
    use crate::sampler::{Euler, ParamKind, Sampler as _};

    fn param(key: &'static str, min: f64, max: f64) -> Param {
        Param {
            key: key.into(),
            label: key.into(),
            help: "".into(),
            kind: ParamKind::Real,
            min,
            max,
            default: min,
            increment: 0.0,
            log_scale: false,
            tunable: false,
        }
    }

    fn known(plugins: &[(&'static str, &[Param])]) -> sampler::Samplers {
        let plugin = |(id, params): &(&'static str, &[Param])| Plugin {
            info: SamplerInfo {
                id: (*id).into(),
                params: params.to_vec().into(),
                ..Euler.info().clone()
            },
            file: PluginFile { path: "x.so".into(), hash: serde_json::from_str("\"0\"").unwrap() },
        };
        let plugins = plugins.iter().map(plugin).collect();
        sampler::Samplers::with(Listing { plugins, ..Listing::default() })
    }

    fn samplers() -> Samplers {
        let params = [param("eta", 0.0, 1.0), param("order", 1.0, 3.0)];
        Samplers::new(&known(&[("tuned", &params)]), "tuned")
    }

    #[test]
    fn the_cursor_stays_where_it_is_when_samplers_come_and_go() {
        let params = [param("eta", 0.0, 1.0), param("order", 1.0, 3.0)];
        let mut samplers = samplers();
        samplers.enter();
        samplers.along(1);
        samplers.follow(&known(&[("another", &[]), ("tuned", &params)]));
        assert_eq!(samplers.card().map(|card| card.id.as_str()), Some("tuned"));
        assert_eq!(samplers.param().map(|param| param.key.as_ref()), Some("order"));
        samplers.follow(&known(&[]));
        assert_eq!(samplers.card().map(|card| card.id.as_str()), Some("euler"));
        assert_eq!(samplers.param(), None);
    }

    #[test]
    fn the_cursor_begins_on_the_present_sampler_and_goes_through_its_parameters() {
        let mut samplers = samplers();
        let key = |samplers: &Samplers| samplers.param().map(|param| param.key.to_string());
        assert_eq!((samplers.at(), key(&samplers)), (1, None));
        assert!(samplers.enter());
        samplers.along(5);
        assert_eq!((samplers.at(), key(&samplers)), (1, Some("order".to_owned())));
        assert!(samplers.leave() && !samplers.leave());
        samplers.along(-5);
        assert!(!samplers.enter(), "it has no parameters");
        assert_eq!((samplers.at(), key(&samplers)), (0, None));
    }
}

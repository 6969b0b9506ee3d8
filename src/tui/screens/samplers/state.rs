//! The samplers as a list with their parameters, and where the cursor is in it. It takes what the
//! sampler room says of them and knows nothing of how one works or where it came from.

use sigmalab_sampler::{Param, SamplerInfo};

/// What the list says of a sampler.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplerCard {
    /// Its name, as `sampler` takes it.
    pub id: String,
    /// Version of its arithmetic.
    pub version: String,
    pub description: String,
    /// Order of accuracy; 0 where it claims none.
    pub order: u32,
    /// Most network evaluations a step.
    pub evaluations: u32,
    /// How many earlier steps it reads.
    pub history: usize,
    pub params: Vec<Param>,
}

impl From<&SamplerInfo> for SamplerCard {
    fn from(info: &SamplerInfo) -> Self {
        SamplerCard {
            id: info.id.to_string(),
            version: info.version.to_string(),
            description: info.description.to_string(),
            order: info.order,
            evaluations: info.evaluations_per_step,
            history: info.history_len,
            params: info.params.to_vec(),
        }
    }
}

/// The list and its cursor, which is on a sampler or on one of its parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SamplerList {
    cards: Vec<SamplerCard>,
    at: usize,
    /// The parameter under the cursor, while it is among them.
    param: Option<usize>,
}

impl SamplerList {
    /// The samplers there are, the cursor on the one of that name.
    pub fn new<'a>(available: impl Iterator<Item = &'a SamplerInfo>, id: &str) -> Self {
        let cards: Vec<SamplerCard> = available.map(SamplerCard::from).collect();
        let at = cards.iter().position(|card| card.id == id).unwrap_or(0);
        SamplerList { cards, at, param: None }
    }

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
    use super::*;
    use sigmalab_sampler::{Euler, ParamKind, Sampler as _};

    fn samplers() -> SamplerList {
        let param = |key: &'static str| Param {
            key: key.into(),
            label: key.into(),
            help: "What it does".into(),
            kind: ParamKind::Real,
            min: 0.0,
            max: 1.0,
            default: 0.5,
            increment: 0.0,
            log_scale: false,
            tunable: true,
        };
        let plain = Euler.info().clone();
        let params = vec![param("eta"), param("order")];
        let tuned = SamplerInfo { id: "tuned".into(), params: params.into(), ..plain.clone() };
        SamplerList::new([plain, tuned].iter(), "tuned")
    }

    #[test]
    fn the_cursor_begins_on_the_present_sampler_and_goes_through_its_parameters() {
        let mut samplers = samplers();
        let key = |samplers: &SamplerList| samplers.param().map(|param| param.key.to_string());
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

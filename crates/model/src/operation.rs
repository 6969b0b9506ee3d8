//! What the networks spend their time on, by name. Knows no clock.

/// What the networks spend their time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Projections of attention: queries, keys, values and output.
    Projections,
    /// Normalising and turning queries and keys.
    Heads,
    /// Scores, softmax and weighted values.
    Attention,
    /// The three products of the feed-forward layers.
    FeedForward,
    /// Gates of the feed-forward layers.
    Gates,
    /// Normalisations and residual sums.
    Norms,
    /// From a time to every layer's modulation.
    Modulation,
    /// Projecting the text features, the latents, and back.
    Ends,
    Convolutions,
    GroupNorms,
}

impl Operation {
    /// Every one of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Projections,
        Self::Heads,
        Self::Attention,
        Self::FeedForward,
        Self::Gates,
        Self::Norms,
        Self::Modulation,
        Self::Ends,
        Self::Convolutions,
        Self::GroupNorms,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Projections => "attention projections",
            Self::Heads => "query and key norms, rotary",
            Self::Attention => "attention",
            Self::FeedForward => "feed-forward products",
            Self::Gates => "feed-forward gates",
            Self::Norms => "norms and residuals",
            Self::Modulation => "modulation",
            Self::Ends => "input and output projections",
            Self::Convolutions => "convolutions",
            Self::GroupNorms => "group norms",
        }
    }
}

//! What a sampler declares: identity, cost, and parameters with their bounds. Everything is built
//! at compile time, because the host reads it from constant memory.

use crate::abi;
use std::ffi::{CStr, c_char};
use std::mem::size_of;

/// What a sampler is. Built by [`Info::new`] and the methods after it:
///
/// ```
/// # use sigmalab_sampler_sdk::{Info, Param};
/// const ETA: Param = Param::float(1, c"eta", 0.0, 1.0, 1.0).help(c"Share of fresh noise");
/// const INFO: Info = Info::new(c"org.lab.mine", c"Mine", c"1.0.0", c"What it does.")
///     .evaluations(2)
///     .history(1)
///     .params(&[ETA])
///     .stochastic()
///     .reaches_zero();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Info {
    pub(crate) id: &'static CStr,
    pub(crate) name: &'static CStr,
    pub(crate) version: &'static CStr,
    pub(crate) doc: &'static CStr,
    pub(crate) flags: u32,
    pub(crate) order: u32,
    pub(crate) evaluations: u32,
    pub(crate) history: u32,
    pub(crate) params: &'static [Param],
}

impl Info {
    /// A sampler of one evaluation a step that reads no history, claims no order, draws no noise
    /// and is not sent to σ_next = 0.
    ///
    /// `id` is its name in files, `[a-z0-9][a-z0-9.-]*`, at most 64 bytes; it begins with a name
    /// of yours ("org.lab.ab2") and never changes. `name` is for lists. `version` changes with
    /// every change of its arithmetic. `doc` is a sentence or two with the source.
    pub const fn new(
        id: &'static CStr,
        name: &'static CStr,
        version: &'static CStr,
        doc: &'static CStr,
    ) -> Self {
        let (flags, order, evaluations, history) = (0, 0, 1, 0);
        Self { id, name, version, doc, flags, order, evaluations, history, params: &[] }
    }

    /// Order of accuracy with the default parameters, at most 8. The host's check measures it.
    pub const fn order(mut self, order: u32) -> Self {
        self.order = order;
        self
    }

    /// Most evaluations in one step, the one that the host makes before it included; 1 to 16.
    pub const fn evaluations(mut self, most: u32) -> Self {
        self.evaluations = most;
        self
    }

    /// How many earlier steps it reads, at most 16.
    pub const fn history(mut self, steps: u32) -> Self {
        self.history = steps;
        self
    }

    /// Its parameters, at most 32. Keep them as constants: a step asks for their values by them.
    pub const fn params(mut self, params: &'static [Param]) -> Self {
        assert!(params.len() <= abi::MAX_PARAMS, "a sampler has at most 32 parameters");
        self.params = params;
        self
    }

    /// It draws noise.
    pub const fn stochastic(mut self) -> Self {
        self.flags |= abi::STOCHASTIC;
        self
    }

    /// It takes steps to σ_next = 0.
    pub const fn reaches_zero(mut self) -> Self {
        self.flags |= abi::SIGMA_ZERO;
        self
    }

    /// It evaluates both networks apart.
    pub const fn split(mut self) -> Self {
        self.flags |= abi::SPLIT;
        self
    }
}

/// A parameter of a sampler.
#[repr(transparent)]
#[derive(Debug, Clone, Copy)]
pub struct Param(pub(crate) abi::Param);

// SAFETY: every pointer in it comes from a `&'static` and is only read.
unsafe impl Send for Param {}
// SAFETY: as above.
unsafe impl Sync for Param {}

impl Param {
    const fn new(id: u32, key: &'static CStr, kind: u32, bounds: [f64; 3]) -> Self {
        let [min, max, default_value] = bounds;
        Self(abi::Param {
            struct_size: size_of::<abi::Param>() as u32,
            id,
            kind,
            flags: 0,
            key: key.as_ptr(),
            label: key.as_ptr(),
            help: c"".as_ptr(),
            min,
            max,
            default_value,
            increment: 0.0,
            choices: std::ptr::null(),
            n_choices: 0,
            reserved: 0,
        })
    }

    /// A number within `min..=max`. `id` is never used again for another meaning; `key` is its
    /// name in files, `[a-z][a-z0-9_]*`.
    pub const fn float(id: u32, key: &'static CStr, min: f64, max: f64, default: f64) -> Self {
        Self::new(id, key, abi::KIND_F64, [min, max, default])
    }

    /// A whole number within `min..=max`, at most 2⁵³ either way.
    pub const fn int(id: u32, key: &'static CStr, min: i64, max: i64, default: i64) -> Self {
        Self::new(id, key, abi::KIND_I64, [min as f64, max as f64, default as f64])
    }

    /// On or off.
    pub const fn flag(id: u32, key: &'static CStr, default: bool) -> Self {
        Self::new(id, key, abi::KIND_FLAG, [0.0, 1.0, if default { 1.0 } else { 0.0 }])
    }

    /// One of `choices` (made with [`choices!`](crate::choices)); `default` is an index into them.
    pub const fn choice(
        id: u32,
        key: &'static CStr,
        choices: &'static [ChoiceName],
        default: usize,
    ) -> Self {
        assert!(!choices.is_empty() && choices.len() <= abi::MAX_CHOICES, "1 to 32 choices");
        assert!(default < choices.len(), "the default is an index into the choices");
        let max = (choices.len() - 1) as f64;
        let mut param = Self::new(id, key, abi::KIND_CHOICE, [0.0, max, default as f64]);
        param.0.choices = choices.as_ptr().cast();
        param.0.n_choices = choices.len() as u32;
        param
    }

    /// A few words for a table; else the key.
    pub const fn label(mut self, label: &'static CStr) -> Self {
        self.0.label = label.as_ptr();
        self
    }

    /// One sentence, without its full stop.
    pub const fn help(mut self, help: &'static CStr) -> Self {
        self.0.help = help.as_ptr();
        self
    }

    /// How far one key press moves it.
    pub const fn increment(mut self, increment: f64) -> Self {
        self.0.increment = increment;
        self
    }

    /// Equal factors are equal steps to the eye; the least value is positive.
    pub const fn log_scale(mut self) -> Self {
        self.0.flags |= abi::PARAM_LOG_SCALE;
        self
    }

    /// Worth searching when a host tunes the sampler.
    pub const fn tunable(mut self) -> Self {
        self.0.flags |= abi::PARAM_TUNABLE;
        self
    }
}

/// The name of a choice, as files write it.
#[repr(transparent)]
#[derive(Debug, Clone, Copy)]
pub struct ChoiceName(*const c_char);

// SAFETY: the pointer comes from a `&'static CStr` and is only read.
unsafe impl Send for ChoiceName {}
// SAFETY: as above.
unsafe impl Sync for ChoiceName {}

impl ChoiceName {
    /// Wraps a name; [`choices!`](crate::choices) calls it.
    pub const fn new(name: &'static CStr) -> Self {
        Self(name.as_ptr())
    }
}

/// The choices of a [`Param::choice`]: `choices![c"lambda", c"tau"]`.
#[macro_export]
macro_rules! choices {
    ($($name:expr),+ $(,)?) => {{
        const CHOICES: &[$crate::ChoiceName] = &[$($crate::ChoiceName::new($name)),+];
        CHOICES
    }};
}

/// Values of a sampler's parameters, read by the constants that declare them.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    pub(crate) table: &'static [Param],
    pub(crate) values: &'a [f64],
}

impl Params<'_> {
    /// Value of a number. A parameter that the sampler does not declare has its default.
    pub fn float(&self, param: &Param) -> f64 {
        let index = self.table.iter().position(|declared| declared.0.id == param.0.id);
        let value = index.and_then(|index| self.values.get(index));
        value.copied().unwrap_or(param.0.default_value)
    }

    /// Value of a whole number.
    pub fn int(&self, param: &Param) -> i64 {
        self.float(param).round() as i64
    }

    /// Value of a flag.
    pub fn flag(&self, param: &Param) -> bool {
        self.float(param) != 0.0
    }

    /// Index of the choice.
    pub fn choice(&self, param: &Param) -> usize {
        self.float(param).round() as usize
    }
}

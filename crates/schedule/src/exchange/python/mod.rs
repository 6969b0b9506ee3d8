//! Python text as people copy it: its tokens, the values that literals give, and the keyword
//! arguments of calls. Nothing is run and no name is looked up.

mod call;
mod token;
mod value;

pub(super) use call::{Argument, Call, arguments, calls};
pub(super) use token::tokens;
pub(super) use value::{NoValue, Value};

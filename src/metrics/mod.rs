//! Metrics: functions on data. This room knows nothing of the terminal, the experiment or the
//! engine.

pub mod trajectory;

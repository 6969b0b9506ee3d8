//! Local search about a schedule: small moves of its noise levels and guidance weights, one kind
//! at a time. It proposes; whoever runs the proposals says which was nearer.

use super::grid::{logit, sigmoid};

/// A schedule as the search moves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Noise levels at which steps start, and the last one's end.
    pub levels: Vec<f64>,
    /// Guidance weights, one a step.
    pub gw: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Noise levels.
    Levels,
    /// Guidance weights, and the step at which they fall.
    Guidance,
}

/// How far a guidance weight may go from the reference's at the same noise level, as a share.
pub const GW_BOUND: f64 = 0.3;

/// The schedules one move of size `size` away, each with the move's name. `reference_gw` is the
/// reference's guidance at each step. Levels keep falling; ends stay.
pub fn neighbours(
    shape: &Shape,
    size: f64,
    moves: Moves,
    reference_gw: &[f64],
) -> Vec<(String, Shape)> {
    match moves {
        Moves::Levels => levels(shape, size),
        Moves::Guidance => guidance(shape, size, reference_gw),
    }
}

/// Bumps of logit σ: the second step's start alone, where most is decided, and three broad ones.
fn levels(shape: &Shape, size: f64) -> Vec<(String, Shape)> {
    let steps = shape.gw.len();
    if steps < 2 {
        return Vec::new();
    }
    let width = (steps as f64 / 5.0).max(0.7);
    let mut bumps = vec![("start".to_owned(), 1.0, 0.3)];
    for (name, place) in [("early", 0.3), ("middle", 0.55), ("late", 0.85)] {
        bumps.push((name.to_owned(), place * steps as f64, width));
    }
    let moved = |centre: f64, width: f64, by: f64| {
        let mut levels = shape.levels.clone();
        for (k, level) in levels.iter_mut().enumerate().take(steps).skip(1) {
            let bump = (-0.5 * ((k as f64 - centre) / width).powi(2)).exp();
            *level = sigmoid(logit(*level) + by * bump);
        }
        let falls = levels.windows(2).all(|ends| ends[0] > ends[1] + 1e-6);
        falls.then(|| Shape { levels, gw: shape.gw.clone() })
    };
    let mut found = Vec::new();
    for (name, centre, width) in bumps {
        for (sign, by) in [("+", size), ("-", -size)] {
            let next = moved(centre, width, by);
            found.extend(next.map(|next| (format!("{name}{sign}"), next)));
        }
    }
    found
}

/// All weights but those of the last part, and those, by a factor; and the step where the last
/// part begins.
fn guidance(shape: &Shape, size: f64, reference: &[f64]) -> Vec<(String, Shape)> {
    let first = shape.gw.first().copied().unwrap_or(1.0);
    let switch = shape.gw.iter().rposition(|gw| (gw - first).abs() < 1e-9).map_or(0, |k| k + 1);
    let steps = shape.gw.len();
    let bounded = |k: usize, gw: f64| {
        let around = reference.get(k).copied().unwrap_or(gw);
        let (a, b) = (around * (1.0 - GW_BOUND), around * (1.0 + GW_BOUND));
        // Two digits are what a preset is written with.
        ((gw * 100.0).round() / 100.0).clamp(a.min(b), a.max(b))
    };
    let scaled = |range: std::ops::Range<usize>, factor: f64| {
        let mut gw = shape.gw.clone();
        for (k, gw) in gw.iter_mut().enumerate().filter(|(k, _)| range.contains(k)) {
            *gw = bounded(k, *gw * factor);
        }
        gw
    };
    let mut found = Vec::new();
    for (sign, factor) in [("+", 1.0 + size), ("-", 1.0 - size)] {
        found.push((format!("gw{sign}"), scaled(0..switch, factor)));
        if switch < steps {
            found.push((format!("gw-end{sign}"), scaled(switch..steps, factor)));
        }
    }
    // The last part a step longer, or a step shorter.
    if let (Some(after), true) = (shape.gw.get(switch), switch > 1) {
        let mut gw = shape.gw.clone();
        gw[switch - 1] = *after;
        found.push(("switch-".to_owned(), gw));
    }
    if switch + 1 < steps {
        let mut gw = shape.gw.clone();
        gw[switch] = first;
        found.push(("switch+".to_owned(), gw));
    }
    found
        .into_iter()
        .filter(|(_, gw)| *gw != shape.gw)
        .map(|(name, gw)| (name, Shape { levels: shape.levels.clone(), gw }))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::flow::sigmas;

    fn shape() -> Shape {
        let mut gw = vec![7.0; 8];
        gw.extend([3.0; 2]);
        Shape { levels: sigmas(10), gw }
    }

    #[test]
    fn levels_keep_falling_and_ends_stay() {
        for size in [0.01, 0.3, 3.0] {
            for (name, next) in neighbours(&shape(), size, Moves::Levels, &[]) {
                assert!(next.levels.windows(2).all(|ends| ends[0] > ends[1]), "{name}");
                assert_eq!(next.levels[0], shape().levels[0]);
                assert_eq!(next.levels[10], shape().levels[10]);
                assert_ne!(next.levels, shape().levels);
            }
        }
        assert_eq!(neighbours(&shape(), 0.1, Moves::Levels, &[]).len(), 8);
    }

    #[test]
    fn weights_stay_within_their_bound_and_the_switch_moves() {
        let mut at = shape();
        for _ in 0..20 {
            let next = neighbours(&at, 0.2, Moves::Guidance, &shape().gw);
            for (k, gw) in next.iter().flat_map(|(_, next)| next.gw.iter().enumerate()) {
                assert!(*gw <= 7.0 * 1.3 + 1e-9 && *gw >= 3.0 * 0.7 - 1e-9, "{k} {gw}");
            }
            at = next.into_iter().find(|(name, _)| name == "gw+").map_or(at, |(_, next)| next);
        }
        assert!((at.gw[0] - 9.1).abs() < 1e-9);
        let named = |name: &str| {
            let all = neighbours(&shape(), 0.1, Moves::Guidance, &shape().gw);
            all.into_iter().find(|(found, _)| found == name).unwrap().1.gw
        };
        assert_eq!(named("switch-")[6..], [7.0, 3.0, 3.0, 3.0]);
        assert_eq!(named("switch+")[6..], [7.0, 7.0, 7.0, 3.0]);
        let even = Shape { levels: sigmas(4), gw: vec![5.0; 4] };
        let names: Vec<_> = neighbours(&even, 0.1, Moves::Guidance, &even.gw);
        assert_eq!(names.len(), 2);
    }
}

//! A plot of lines as an SVG file. Knows nothing of where the numbers come from.

use super::comparison::Comparison;
use super::finding::digits;
use std::fmt::Write as _;

/// Size of the picture, in its own units.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;

/// The rectangle of the plot: left, top, right, bottom.
const LEFT: f64 = 64.0;
const TOP: f64 = 18.0;
const RIGHT: f64 = 590.0;
const BOTTOM: f64 = 388.0;

/// Least distance of two labels of lines.
const LINE: f64 = 15.0;

/// About so many ticks on an axis.
const TICKS: f64 = 6.0;

/// Colours that people with any colour vision tell apart (Okabe and Ito, *Color universal design*,
/// 2008), yellow left out for its contrast with white.
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// Dashes of the lines, for each round of colours.
const DASHES: [&str; 3] = ["", "6 3", "2 3"];

#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub across: String,
    pub up: String,
    /// Whether the axis up is logarithmic; values that are not positive are then left out.
    pub log: bool,
    /// Lines with their names.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// An axis: from values to places.
struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    log: bool,
    ticks: Vec<f64>,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, places: (f64, f64), log: bool) -> Axis {
        let (start, end) = places;
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        if log {
            let ticks = decades(least, most);
            let low = ticks.first().copied().unwrap_or(least);
            let high = ticks.last().copied().unwrap_or(most);
            return Axis { low, high, start, end, log, ticks };
        }
        let span = if most > least { most - least } else { least.abs().max(1.0) };
        let tick = nice(span / TICKS);
        let (low, high) = ((least / tick).floor() * tick, (most / tick).ceil() * tick);
        let high = if high > low { high } else { low + tick };
        let count = ((high - low) / tick).round() as u32;
        let ticks = (0..=count).map(|number| low + tick * f64::from(number)).collect();
        Axis { low, high, start, end, log, ticks }
    }

    fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.start + share * (self.end - self.start)
    }
}

/// 1, 2 and 5 times powers of ten, from the last one not above `least` to the first one above
/// both it and not below `most`.
fn decades(least: f64, most: f64) -> Vec<f64> {
    let mut ticks = Vec::new();
    let mut power = least.log10().floor();
    while power <= most.log10().ceil() {
        ticks.extend([1.0, 2.0, 5.0].map(|digit| digit * 10f64.powf(power)));
        power += 1.0;
    }
    // A hair of room for the rounding of powers.
    const HAIR: f64 = 1e-9;
    let first = ticks.iter().rposition(|tick| *tick <= least * (1.0 + HAIR)).unwrap_or(0);
    let last = ticks.iter().position(|tick| *tick >= most * (1.0 - HAIR)).unwrap_or(first);
    ticks.truncate(last.max(first + 1) + 1);
    ticks.split_off(first)
}

/// The next of 1, 2 and 5 times a power of ten.
fn nice(size: f64) -> f64 {
    let power = 10f64.powf(size.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= size * 0.999);
    digit.unwrap_or(10.0) * power
}

impl Plot {
    /// The plot of a comparison: a line a group.
    pub fn of(comparison: &Comparison, log: bool) -> Plot {
        let line = |points: &[(f64, f64, usize)]| points.iter().map(|(x, y, _)| (*x, *y)).collect();
        let lines = comparison.groups.iter().map(|group| (group.name.clone(), line(&group.points)));
        let (across, up) = (comparison.across.clone(), comparison.up.clone());
        Plot { across, up, log, lines: lines.collect() }
    }

    pub fn svg(&self) -> String {
        let drawn = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite() && (!self.log || *y > 0.0);
        let lines: Vec<(&str, Vec<(f64, f64)>)> = self
            .lines
            .iter()
            .map(|(name, points)| (name.as_str(), points.iter().copied().filter(drawn).collect()))
            .collect();
        let points = lines.iter().flat_map(|(_, points): &(_, Vec<_>)| points.iter().copied());
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
        );
        if points.clone().next().is_some() {
            let across = Axis::new(points.clone().map(|(x, _)| x), (LEFT, RIGHT), false);
            let up = Axis::new(points.map(|(_, y)| y), (BOTTOM, TOP), self.log);
            ruled(&mut svg, &across, &up);
            drawn_lines(&mut svg, &lines, &across, &up);
        }
        let middle = (TOP + BOTTOM) / 2.0;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text x=\"16\" y=\"{middle}\" text-anchor=\"middle\" \
             transform=\"rotate(-90 16 {middle})\">{}</text>\n</svg>\n",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 40.0,
            escaped(&self.across),
            escaped(&self.up),
        );
        svg
    }
}

/// Lines of the ground with their numbers.
fn ruled(svg: &mut String, across: &Axis, up: &Axis) {
    for tick in &up.ticks {
        let y = up.place(*tick);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            y + 4.0,
            digits(*tick)
        );
    }
    for tick in &across.ticks {
        let x = across.place(*tick);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{BOTTOM}\" stroke=\"#eee\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 17.0,
            digits(*tick)
        );
    }
}

/// The lines, each named at its end.
fn drawn_lines(svg: &mut String, lines: &[(&str, Vec<(f64, f64)>)], across: &Axis, up: &Axis) {
    let mut labels: Vec<(f64, f64, usize)> = Vec::new();
    for (number, (_, points)) in lines.iter().enumerate() {
        let (colour, dash) = style(number);
        let places: Vec<(f64, f64)> =
            points.iter().map(|(x, y)| (across.place(*x), up.place(*y))).collect();
        let list: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" \
             stroke-dasharray=\"{dash}\"/>",
            list.join(" ")
        );
        for (x, y) in &places {
            let _ =
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        labels.extend(places.last().map(|(x, y)| (*x, *y, number)));
    }
    labels.sort_by(|a, b| a.1.total_cmp(&b.1));
    let ends: Vec<f64> = labels.iter().map(|(_, y, _)| *y).collect();
    for ((x, y, number), place) in labels.iter().zip(spread(&ends)) {
        let Some((name, _)) = lines.get(*number) else { continue };
        let (colour, dash) = style(*number);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {y:.1}L{} {place:.1}\" stroke=\"#bbb\" stroke-width=\"0.7\"/>\
             <path d=\"M{} {place:.1}h22\" stroke=\"{colour}\" stroke-width=\"1.8\" \
             stroke-dasharray=\"{dash}\"/><text x=\"{}\" y=\"{:.1}\">{}</text>",
            RIGHT + 12.0,
            RIGHT + 14.0,
            RIGHT + 41.0,
            place + 4.0,
            escaped(name)
        );
    }
}

/// Rising places, moved apart so that labels do not lie on one another, and up where they would
/// leave the picture.
fn spread(rising: &[f64]) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::with_capacity(rising.len());
    for place in rising {
        places.push(places.last().map_or(*place, |last| place.max(last + LINE)));
    }
    let mut most = BOTTOM;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - LINE;
    }
    places
}

fn style(number: usize) -> (&'static str, &'static str) {
    let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("#000");
    (colour, DASHES.get(number / COLOURS.len() % DASHES.len()).copied().unwrap_or(""))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plot(log: bool, lines: &[(&str, &[(f64, f64)])]) -> String {
        let lines = lines.iter().map(|(name, points)| ((*name).to_owned(), points.to_vec()));
        let (across, up) = ("nfe".to_owned(), "latent_rmse".to_owned());
        Plot { across, up, log, lines: lines.collect() }.svg()
    }

    #[test]
    fn points_lie_where_their_values_are() {
        let svg = plot(false, &[("a", &[(0.0, 0.0), (10.0, 5.0)])]);
        assert!(svg.contains(&format!("cx=\"{LEFT:.1}\" cy=\"{BOTTOM:.1}\"")), "{svg}");
        assert!(svg.contains(&format!("cx=\"{RIGHT:.1}\" cy=\"{TOP:.1}\"")), "{svg}");
        let svg = plot(true, &[("a", &[(0.0, 0.01), (5.0, 0.1), (10.0, 1.0)])]);
        let middle = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        assert!(svg.contains(&format!("cx=\"{:.1}\" cy=\"{:.1}\"", middle.0, middle.1)), "{svg}");
    }

    #[test]
    fn what_has_no_place_is_left_out_and_nothing_is_a_number_that_is_none() {
        for (log, lines) in [
            (true, &[("a", &[(1.0, 0.0), (2.0, -1.0)][..])][..]),
            (false, &[("a", &[(1.0, f64::NAN), (f64::INFINITY, 2.0)][..])][..]),
            (false, &[("one", &[(3.0, 4.0)][..])][..]),
            (true, &[("one", &[(0.0, 1.0)][..])][..]),
            (false, &[][..]),
        ] {
            let svg = plot(log, lines);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn names_are_text() {
        assert!(plot(false, &[("<b>&", &[(1.0, 1.0)])]).contains("&lt;b&gt;&amp;"));
    }

    #[test]
    fn labels_are_apart_and_inside() {
        let places = spread(&[10.0, 12.0, 380.0, 385.0, 386.0]);
        assert!(places.is_sorted_by(|a, b| b - a >= LINE), "{places:?}");
        assert_eq!(places.first(), Some(&10.0));
        assert!(places.last().unwrap() <= &BOTTOM);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(nice(0.3), 0.5);
        assert_eq!(nice(7.0), 10.0);
        assert_eq!(nice(20.0), 20.0);
        assert_eq!(decades(0.1, 1.0), [0.1, 0.2, 0.5, 1.0]);
        assert_eq!(decades(30.0, 60.0), [20.0, 50.0, 100.0]);
        assert_eq!(decades(2.0, 2.0), [2.0, 5.0]);
    }
}

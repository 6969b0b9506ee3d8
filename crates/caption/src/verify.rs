//! The rules of the caption schema, as the reference's `CaptionVerifier` applies them.
//!
//! The verdict is the reference's, and so is the number of issues (but for whole numbers beyond 64
//! bits in a box, which count as not whole, not as off the grid); the words are ours. What the
//! reference does not look at is not looked at here either: the order of the top-level keys, and
//! the types of `aesthetics`, `lighting`, `photo`, `medium`, `art_style`, `desc` and `text`.
//! Three things that Python's JSON reader takes are not JSON and are refused: `NaN` and
//! `Infinity`, a lone surrogate such as `\ud800`, and values nested more than 127 deep.

use super::escapes::{MOST_FOUND, escaped_letters};
use super::issue::Issue;
use super::{CaptionKind, PLAIN_PROMPT_COST};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Keys of a caption.
const CAPTION: [&str; 3] =
    ["high_level_description", "style_description", "compositional_deconstruction"];
/// Keys of `style_description`, whatever the picture is.
const STYLE: [&str; 6] =
    ["aesthetics", "lighting", "photo", "art_style", "medium", "color_palette"];
/// Keys of `style_description` in their order, for a photograph and for anything else.
const PHOTO_STYLE: [&str; 5] = ["aesthetics", "lighting", "photo", "medium", "color_palette"];
const ART_STYLE: [&str; 5] = ["aesthetics", "lighting", "medium", "art_style", "color_palette"];
/// Keys of `compositional_deconstruction` in their order.
const COMPOSITION: [&str; 2] = ["background", "elements"];
/// Keys of an element, whatever its type is.
const ELEMENT: [&str; 5] = ["type", "bbox", "text", "desc", "color_palette"];
/// Keys of an element in their order, for a thing and for lettering.
const OBJ_ELEMENT: [&str; 4] = ["type", "bbox", "desc", "color_palette"];
const TEXT_ELEMENT: [&str; 5] = ["type", "bbox", "text", "desc", "color_palette"];
/// Keys that may be left out where an order is given; every other one must be there.
const OPTIONAL: [&str; 2] = ["bbox", "color_palette"];

const MOST_STYLE_COLOURS: usize = 16;
const MOST_ELEMENT_COLOURS: usize = 5;
/// The grid of a bounding box, whatever the size of the image.
const GRID: i64 = 1000;

/// Everything that a caption gets wrong, in the order of the schema; empty if it is accepted.
///
/// A plain prompt has one issue that says what it costs, [`PLAIN_PROMPT_COST`].
pub fn verify(text: &str) -> Vec<Issue> {
    let mut issues = Issues(Vec::new());
    let escapes = escaped_letters(text);
    if !escapes.is_empty() {
        let shown = escapes.iter().take(MOST_FOUND - 1).copied().collect::<Vec<_>>().join(", ");
        let more = if escapes.len() == MOST_FOUND { " and more" } else { "" };
        issues.add(
            "",
            format!(
                "letters are written as escapes ({shown}{more}), which the model was not trained \
                 on: write them as they are, in UTF-8 (in Python, ensure_ascii=False)"
            ),
        );
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(caption)) => issues.caption(&caption),
        Err(error) if CaptionKind::of(text) == CaptionKind::Structured => {
            issues.syntax(text, &error);
        }
        _ => issues.add("", PLAIN_PROMPT_COST),
    }
    issues.0
}

struct Issues(Vec<Issue>);

impl Issues {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Issue { path: path.to_owned(), message: message.into() });
    }

    fn syntax(&mut self, text: &str, error: &serde_json::Error) {
        let (line, column) = (error.line(), error.column());
        let words = error.to_string();
        let cause = words.split(" at line ").next().unwrap_or_default();
        let message = if text.starts_with('\u{feff}') {
            "the text begins with a byte order mark: save it as UTF-8 without one".to_owned()
        } else if error.is_eof() {
            format!("the JSON is cut off ({cause}): close every quote and bracket")
        } else {
            format!("this is not valid JSON ({cause}): correct it, or leave out the braces")
        };
        self.add(&format!("line {line}, column {column}"), message);
    }

    fn caption(&mut self, caption: &Object) {
        self.unknown_keys(caption, "", &CAPTION);
        if let Some(value) = caption.get("high_level_description")
            && !value.is_string()
        {
            let message = format!("expected a string, found {}", kind(value));
            self.add("high_level_description", message);
        }
        if let Some(style) = caption.get("style_description") {
            self.style("style_description", style);
        }
        match caption.get("compositional_deconstruction") {
            Some(composition) => self.composition("compositional_deconstruction", composition),
            None => self.add(
                "",
                "`compositional_deconstruction` is missing: add it, with `background` and \
                 `elements`",
            ),
        }
    }

    fn style(&mut self, path: &str, style: &Value) {
        let Some(style) = self.object(path, style) else { return };
        self.unknown_keys(style, path, &STYLE);
        let order = match (style.contains_key("photo"), style.contains_key("art_style")) {
            (true, false) => PHOTO_STYLE,
            (false, true) => ART_STYLE,
            (true, true) => {
                return self.add(
                    path,
                    "`photo` and `art_style` are both there: keep `photo` for a photograph, \
                     `art_style` for anything else",
                );
            }
            (false, false) => {
                return self.add(
                    path,
                    "`photo` and `art_style` are both missing: add `photo` for a photograph, \
                     `art_style` for anything else",
                );
            }
        };
        self.key_order(style, path, &order, "this style");
        if let Some(palette) = style.get("color_palette") {
            self.palette(&format!("{path}.color_palette"), palette, MOST_STYLE_COLOURS);
        }
    }

    fn composition(&mut self, path: &str, composition: &Value) {
        let Some(composition) = self.object(path, composition) else { return };
        match composition.get("background") {
            Some(Value::String(_)) => {}
            Some(other) => {
                let message = format!("expected a string, found {}", kind(other));
                return self.add(&format!("{path}.background"), message);
            }
            None => {
                return self.add(path, "`background` is missing: say what is behind everything");
            }
        }
        let Some(elements) = composition.get("elements") else {
            return self.add(path, "`elements` is missing: add a list, empty if need be");
        };
        self.key_order(composition, path, &COMPOSITION, "the composition");
        let path = format!("{path}.elements");
        let Value::Array(elements) = elements else {
            return self.add(&path, format!("expected a list, found {}", kind(elements)));
        };
        for (i, element) in elements.iter().enumerate() {
            self.element(&format!("{path}[{i}]"), element);
        }
    }

    fn element(&mut self, path: &str, element: &Value) {
        let Some(element) = self.object(path, element) else { return };
        self.unknown_keys(element, path, &ELEMENT);
        match element.get("type") {
            None => {
                return self
                    .add(path, "`type` is missing: `obj` for a thing, `text` for lettering");
            }
            Some(Value::String(name)) if name == "obj" => {
                self.key_order(element, path, &OBJ_ELEMENT, "an element of type `obj`");
            }
            Some(Value::String(name)) if name == "text" => {
                self.key_order(element, path, &TEXT_ELEMENT, "an element of type `text`");
            }
            Some(other) => {
                let message = format!(
                    "{} is not a type: write `obj` for a thing, `text` for lettering",
                    short(other)
                );
                return self.add(&format!("{path}.type"), message);
            }
        }
        if let Some(bbox) = element.get("bbox") {
            self.bbox(&format!("{path}.bbox"), bbox);
        }
        if let Some(palette) = element.get("color_palette") {
            self.palette(&format!("{path}.color_palette"), palette, MOST_ELEMENT_COLOURS);
        }
    }

    fn palette(&mut self, path: &str, palette: &Value, most: usize) {
        let Value::Array(colours) = palette else {
            return self.add(path, format!("expected a list of colours, found {}", kind(palette)));
        };
        if colours.len() > most {
            let message = format!("{} colours: keep at most {most}", colours.len());
            return self.add(path, message);
        }
        for (i, colour) in colours.iter().enumerate() {
            if !colour.as_str().is_some_and(is_colour) {
                let message = format!(
                    "{} is not a colour: write # and six hex digits in capitals, such as #FF8800",
                    short(colour)
                );
                self.add(&format!("{path}[{i}]"), message);
            }
        }
    }

    fn bbox(&mut self, path: &str, bbox: &Value) {
        let corners = match bbox.as_array().map(Vec::as_slice) {
            Some([y_min, x_min, y_max, x_max]) => [y_min, x_min, y_max, x_max],
            _ => {
                return self.add(path, "write the box as four numbers, [y_min,x_min,y_max,x_max]");
            }
        };
        let [Some(y_min), Some(x_min), Some(y_max), Some(x_max)] = corners.map(integer) else {
            return self.add(path, "the four numbers must be whole: round them");
        };
        if [y_min, x_min, y_max, x_max].iter().any(|at| !(0..=GRID).contains(at)) {
            let message = format!(
                "{} leaves the grid: every number lies in 0–{GRID}, whatever the image's size",
                short(bbox)
            );
            self.add(path, message);
        }
        for (axis, min, max) in [("y", y_min, y_max), ("x", x_min, x_max)] {
            if min > max {
                let message = format!(
                    "{axis}_min {min} is above {axis}_max {max}: the order is \
                     [y_min,x_min,y_max,x_max]"
                );
                self.add(path, message);
            }
        }
    }

    fn object<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v Object> {
        let object = value.as_object();
        if object.is_none() {
            self.add(path, format!("expected an object, found {}", kind(value)));
        }
        object
    }

    /// One issue for all the keys that are in no caption.
    fn unknown_keys(&mut self, object: &Object, path: &str, known: &[&str]) {
        let unknown = listed(object.keys().filter(|key| !known.contains(&key.as_str())));
        if !unknown.is_empty() {
            let known = listed(known);
            self.add(path, format!("remove {unknown}: the only keys known here are {known}"));
        }
    }

    /// Keys must be those of `order`, in that order; the optional ones may be left out. One issue
    /// for what is missing or misplaced, and one for what does not belong.
    fn key_order(&mut self, object: &Object, path: &str, order: &[&str], what: &str) {
        let expected: Vec<&str> = order
            .iter()
            .copied()
            .filter(|key| !OPTIONAL.contains(key) || object.contains_key(*key))
            .collect();
        let (present, extra): (Vec<&str>, Vec<&str>) =
            object.keys().map(String::as_str).partition(|key| expected.contains(key));
        if present != expected {
            let missing = listed(expected.iter().filter(|key| !object.contains_key(**key)));
            let wanted = listed(&expected);
            let message = if missing.is_empty() {
                format!("the keys are out of order: write them as {wanted}")
            } else {
                format!("add {missing}: {what} has {wanted}, in this order")
            };
            self.add(path, message);
        }
        if !extra.is_empty() {
            let (extra, allowed) = (listed(extra), listed(order));
            self.add(path, format!("{what} takes no {extra}: it has only {allowed}"));
        }
    }
}

/// `#` and six hex digits in capitals.
fn is_colour(text: &str) -> bool {
    let capital_hex = |b: u8| matches!(b, b'0'..=b'9' | b'A'..=b'F');
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(capital_hex))
}

/// A whole number. The reference is in Python, where `true` and `false` are 1 and 0. What `i64`
/// cannot hold is off the grid anyway.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(bit) => Some(i64::from(*bit)),
        Value::Number(number) if number.is_u64() => Some(number.as_i64().unwrap_or(i64::MAX)),
        other => other.as_i64(),
    }
}

/// The type of a value, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value as it is written, cut where it is long.
fn short(value: &Value) -> String {
    const LONGEST: usize = 40;
    match value {
        Value::Array(list) if list.len() > 4 => "a long list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(LONGEST) {
                Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
                None => text,
            }
        }
    }
}

/// Names as `` `a`, `b` ``, the first few of many.
fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 8;
    let mut text = String::new();
    let mut names = names.into_iter();
    for name in names.by_ref().take(SHOWN) {
        let name = name.as_ref();
        let cut = name.char_indices().nth(40).map_or(name.len(), |(at, _)| at);
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(&format!("{separator}`{}`", name.get(..cut).unwrap_or_default()));
    }
    match names.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

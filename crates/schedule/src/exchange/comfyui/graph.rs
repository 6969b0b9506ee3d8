//! A workflow as a graph of nodes: following its links and computing the few values that ComfyUI's
//! own template computes. Knows no schedule.

use super::super::ImportError;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::cell::Cell;

/// Links followed one after the other before it is taken for a circle.
const DEEPEST: usize = 64;

/// Work for a whole workflow: [`EACH_NODE`] for each node that is asked, and the bytes of texts that
/// nodes give or make others of. ComfyUI's template needs a thousandth of it; a chain of nodes that each ask
/// the one before thrice, or double its text, needs more than any machine has.
const WORK: usize = 16 << 20;
const EACH_NODE: usize = 64;

/// The nodes of a workflow.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Map<String, Value>,
    /// What is left of [`WORK`].
    work: Cell<usize>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'g> {
    graph: &'g Graph,
    id: &'g str,
    pub(super) class: &'g str,
    inputs: Option<&'g Map<String, Value>>,
}

impl Graph {
    /// Reads a workflow as ComfyUI's server takes it, bare or under `prompt`.
    pub(super) fn parse(text: &str) -> Result<Graph, ImportError> {
        let no_json = |error: serde_json::Error| {
            ImportError::new(format!("it is not valid JSON, as a ComfyUI workflow is: {error}"))
        };
        let mut value: Value = serde_json::from_str(&without_nan(text)).map_err(no_json)?;
        if let Some(prompt) = value.get_mut("prompt").filter(|prompt| is_graph(prompt)) {
            value = prompt.take();
        }
        if value.get("nodes").is_some_and(Value::is_array) {
            return Err(ImportError::new(
                "it is a workflow as ComfyUI's screen saves it: its menu's Export (API) gives the \
                 form that is read here",
            ));
        }
        match value {
            Value::Object(nodes) if !nodes.is_empty() && nodes.values().all(is_node) => {
                Ok(Graph { nodes, work: Cell::new(WORK) })
            }
            _ => Err(ImportError::new(
                "it is not a ComfyUI workflow: nodes with a `class_type` are expected, as its \
                 menu's Export (API) writes them",
            )),
        }
    }

    fn spend(&self, work: usize) -> Result<(), ImportError> {
        let left = self.work.get().checked_sub(work);
        self.work.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            ImportError::new(
                "its nodes compute more than any schedule needs: write the values themselves where \
                 they are used",
            )
        })
    }

    fn node(&self, id: &str) -> Option<Node<'_>> {
        let (id, value) = self.nodes.get_key_value(id)?;
        let class = value.get("class_type")?.as_str()?;
        let inputs = value.get("inputs").and_then(Value::as_object);
        Some(Node { graph: self, id, class, inputs })
    }

    /// The only node of a class.
    pub(super) fn only(&self, class: &str) -> Result<Node<'_>, ImportError> {
        let all: Vec<Node<'_>> = self
            .nodes
            .keys()
            .filter_map(|id| self.node(id))
            .filter(|node| node.class == class)
            .collect();
        match all.as_slice() {
            [node] => Ok(*node),
            [] => Err(ImportError::new(format!("there is no {class} in the workflow"))),
            many => {
                let ids: Vec<&str> = many.iter().map(|node| node.id).take(20).collect();
                Err(ImportError::new(format!(
                    "there are {} of {class} (nodes {}): leave the one that is meant",
                    many.len(),
                    ids.join(", ")
                )))
            }
        }
    }
}

/// The text with `null` for the numbers that Python writes and JSON does not have: ComfyUI keeps
/// `"is_changed": [NaN]` in what it saves.
fn without_nan(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !WORDS.iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    let mut string = false;
    while let Some(c) = rest.chars().next() {
        let word = WORDS.iter().find(|word| !string && rest.starts_with(**word));
        let length = match (c, word) {
            (_, Some(word)) => {
                kept.push_str("null");
                rest = rest.get(word.len()..).unwrap_or("");
                continue;
            }
            // What is escaped ends no string.
            ('\\', None) if string => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            ('"', None) => {
                string = !string;
                1
            }
            (c, None) => c.len_utf8(),
        };
        kept.push_str(rest.get(..length).unwrap_or(""));
        rest = rest.get(length..).unwrap_or("");
    }
    Cow::Owned(kept)
}

fn is_graph(value: &Value) -> bool {
    value.as_object().is_some_and(|nodes| !nodes.is_empty() && nodes.values().all(is_node))
}

fn is_node(value: &Value) -> bool {
    value.get("class_type").is_some_and(Value::is_string)
}

impl<'g> Node<'g> {
    /// Its name in messages.
    pub(super) fn name(&self) -> String {
        format!("node {} ({})", self.id, self.class)
    }

    fn input(&self, name: &str) -> Option<&'g Value> {
        self.inputs.and_then(|inputs| inputs.get(name)).filter(|value| !value.is_null())
    }

    /// The node that an input is linked to; `None` where it is not linked.
    pub(super) fn linked(&self, input: &str) -> Option<Node<'g>> {
        let (id, _) = link(self.input(input)?)?;
        self.graph.node(id)
    }

    /// The node that an input has to be linked to.
    pub(super) fn link(&self, input: &str) -> Result<Node<'g>, ImportError> {
        self.linked(input).ok_or_else(|| {
            ImportError::new(format!("`{input}` of {} is linked to no node", self.name()))
        })
    }

    /// A finite number, written there or computed in a way that is known.
    pub(super) fn number(&self, input: &str) -> Result<f64, ImportError> {
        let value = self.value(input, DEEPEST)?;
        as_number(&value).ok_or_else(|| self.wrong(input, "a finite number", &value))
    }

    /// A number of steps or pixels.
    pub(super) fn count(&self, input: &str) -> Result<usize, ImportError> {
        let value = self.number(input)?;
        if value < 0.0 || value.fract() != 0.0 || value > 1e9 {
            return Err(self.wrong(input, "a whole number", &Value::from(value)));
        }
        Ok(value as usize)
    }

    pub(super) fn text(&self, input: &str) -> Result<String, ImportError> {
        let value = self.value(input, DEEPEST)?;
        match value.as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.wrong(input, "text", &value)),
        }
    }

    fn wrong(&self, input: &str, expected: &str, found: &Value) -> ImportError {
        let found: String = found.to_string().chars().take(60).collect();
        ImportError::new(format!("`{input}` of {} is {found}: expected {expected}", self.name()))
    }

    fn value(&self, input: &str, depth: usize) -> Result<Cow<'g, Value>, ImportError> {
        let value = self.input(input).ok_or_else(|| {
            let is_there = self.inputs.is_some_and(|inputs| inputs.contains_key(input));
            let what = if is_there { "no number or text in" } else { "no" };
            ImportError::new(format!("{} has {what} `{input}`", self.name()))
        })?;
        let Some((id, output)) = link(value) else { return Ok(Cow::Borrowed(value)) };
        let unknown = |from: String| {
            ImportError::new(format!(
                "`{input}` of {} comes from {from}, which is not read: write the value itself there",
                self.name()
            ))
        };
        let Some(from) = self.graph.node(id) else { return Err(unknown(format!("node {id}"))) };
        let Some(depth) = depth.checked_sub(1) else { return Err(unknown("a circle".to_owned())) };
        self.graph.spend(EACH_NODE)?;
        let value = from.output(output, depth)?.ok_or_else(|| unknown(from.name()))?;
        self.graph.spend(value.as_str().map_or(0, str::len))?;
        Ok(value)
    }

    /// What a node that computes gives; `None` where it is not known how it computes. These are
    /// the nodes by which ComfyUI's template chooses between the reference's presets.
    fn output(&self, output: u64, depth: usize) -> Result<Option<Cow<'g, Value>>, ImportError> {
        Ok(match (self.class, output) {
            (class, 0) if class.starts_with("Primitive") => Some(self.value("value", depth)?),
            ("CustomCombo", 0) => Some(self.value("choice", depth)?),
            ("ComfyNumberConvert", 0 | 1) => {
                let value = self.value("value", depth)?;
                let number = as_number(&value);
                let number = number.map(|number| if output == 1 { number.trunc() } else { number });
                number.map(|number| Cow::Owned(Value::from(number)))
            }
            ("StringReplace", 0) => {
                let text = |input: &str| self.value(input, depth);
                let (string, find, replace) = (text("string")?, text("find")?, text("replace")?);
                let [string, find, replace] =
                    [&string, &find, &replace].map(|value| value.as_str().unwrap_or_default());
                self.graph.spend(string.len() + find.len())?;
                let times = string.matches(find).count();
                self.graph.spend(times.saturating_mul(replace.len()))?;
                Some(Cow::Owned(string.replace(find, replace).into()))
            }
            ("JsonExtractString", 0) => {
                let (json, key) = (self.value("json_string", depth)?, self.value("key", depth)?);
                let json = json.as_str().unwrap_or_default();
                self.graph.spend(json.len() + key.as_str().map_or(0, str::len))?;
                let json: Option<Value> = serde_json::from_str(json).ok();
                let found = json.as_ref().and_then(|json| json.get(key.as_str()?));
                Some(Cow::Owned(match found {
                    None | Some(Value::Null) => "".into(),
                    Some(Value::String(text)) => text.as_str().into(),
                    Some(other) => other.to_string().into(),
                }))
            }
            _ => None,
        })
    }
}

/// `["ID", OUTPUT]`.
fn link(value: &Value) -> Option<(&str, u64)> {
    match value.as_array()?.as_slice() {
        [Value::String(id), output] => Some((id, output.as_u64()?)),
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    Some(number).filter(|number: &f64| number.is_finite())
}

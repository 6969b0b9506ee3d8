//! Files of prompts: one a line, or JSONL with ids. Text in, prompts out; it opens no file.

use super::spec::Prompt;

/// Why a file holds no prompts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptsError {
    #[error("`{file}` has no prompts: write one a line")]
    Empty { file: String },
    #[error(
        "{file}:{line}: {problem}; a line is a text in quotes, or {{\"id\": …, \"prompt\": …}} \
         where the prompt is a text or a structured caption"
    )]
    Line {
        file: String,
        /// The line, counted from 1.
        line: usize,
        problem: String,
    },
}

/// The prompts in the text of `file`: JSONL where its name ends in `.jsonl`, else one a line.
/// Blank lines are passed over. Prompts without an id are called `p0`, `p1` and so on.
pub fn parse(text: &str, file: &str) -> Result<Vec<Prompt>, PromptsError> {
    let jsonl = file.ends_with(".jsonl");
    let mut prompts: Vec<Prompt> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let problem =
            |problem: String| PromptsError::Line { file: file.to_owned(), line: number, problem };
        let unnamed = format!("p{}", prompts.len());
        let prompt = if jsonl {
            of_json(line, unnamed).map_err(problem)?
        } else {
            Prompt { id: unnamed, text: line.to_owned() }
        };
        if prompts.iter().any(|other| other.id == prompt.id) {
            return Err(problem(format!("the id `{}` appears twice", prompt.id)));
        }
        prompts.push(prompt);
    }
    if prompts.is_empty() {
        return Err(PromptsError::Empty { file: file.to_owned() });
    }
    Ok(prompts)
}

fn of_json(line: &str, unnamed: String) -> Result<Prompt, String> {
    use serde_json::Value;
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("not valid JSON: {error}"))?;
    match value {
        Value::String(text) => Ok(Prompt { id: unnamed, text }),
        Value::Object(mut fields) => {
            let id = match fields.remove("id") {
                None => unnamed,
                Some(Value::String(id)) => id,
                Some(Value::Number(id)) => id.to_string(),
                Some(_) => return Err("`id` is neither a text nor a number".to_owned()),
            };
            let text = match fields.remove("prompt") {
                Some(Value::String(text)) => text,
                Some(caption @ Value::Object(_)) => caption.to_string(),
                _ => return Err("it has no `prompt`".to_owned()),
            };
            match fields.keys().next() {
                Some(key) => Err(format!("unknown key `{key}`")),
                None => Ok(Prompt { id, text }),
            }
        }
        _ => Err("it is neither a text nor an object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_files_hold_a_prompt_a_line() {
        let prompts = parse("a red circle\n\na blue square\n", "prompts.txt").unwrap();
        let pairs: Vec<_> = prompts.iter().map(|p| (p.id.as_str(), p.text.as_str())).collect();
        assert_eq!(pairs, [("p0", "a red circle"), ("p1", "a blue square")]);
        assert!(parse("\n  \n", "prompts.txt").is_err());
    }

    #[test]
    fn jsonl_files_hold_texts_or_captions_with_ids() {
        let text = "\"plain\"\n{\"id\":\"x\",\"prompt\":{\"b\":1,\"a\":2}}\n";
        let prompts = parse(text, "p.jsonl").unwrap();
        assert_eq!(prompts[0].text, "plain");
        assert_eq!((prompts[1].id.as_str(), prompts[1].text.as_str()), ("x", r#"{"b":1,"a":2}"#));
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        for (text, words) in [
            ("\"a\"\n{", "p.jsonl:2: not valid JSON"),
            ("{\"id\":\"a\"}", "p.jsonl:1: it has no `prompt`"),
            ("{\"prompt\":\"a\",\"sed\":1}", "unknown key `sed`"),
            (
                "{\"id\":\"a\",\"prompt\":\"x\"}\n{\"id\":\"a\",\"prompt\":\"y\"}",
                "`a` appears twice",
            ),
        ] {
            let told = parse(text, "p.jsonl").unwrap_err().to_string();
            assert!(told.contains(words), "{told}");
        }
    }
}

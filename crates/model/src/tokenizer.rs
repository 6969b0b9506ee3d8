//! Prompts to token ids: the chat template and the checkpoint's own tokenizer.

use super::caught::caught;
use super::error::ModelError;
use tokenizers::Tokenizer;

/// What a tokenizer is tried with: letters, digits, marks, spaces, several scripts.
const SAMPLE: &str =
    "A red circle, 12.5 % \"ÄÖß\" {\"a\": [true]}\n\t 漢字 かな привет שלום नमस्ते e\u{301} 🙂  end.";

/// Most tokens a prompt may have, chat template included (the reference's `max_text_tokens`).
pub(super) const MAX_TOKENS: usize = 2048;

/// The tokenizer of a checkpoint.
pub(super) struct PromptTokenizer(Tokenizer);

impl PromptTokenizer {
    /// Reads `tokenizer.json`, and tries it: a damaged file may load well and fail over the first
    /// text. Padding and truncation it may ask for are left out, as the reference's call leaves
    /// them out.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        let unusable = |error: String| ModelError::Tokenizer {
            problem: format!("cannot be used ({error}); fetch the checkpoint's tokenizer again"),
        };
        let read = || -> Result<Tokenizer, tokenizers::Error> {
            let mut tokenizer = Tokenizer::from_bytes(json)?;
            tokenizer.with_padding(None).with_truncation(None)?;
            Ok(tokenizer)
        };
        let tokenizer = caught(read).map_err(unusable)?;
        let tokenizer = Self(tokenizer.map_err(|error| unusable(error.to_string()))?);
        let ids = tokenizer.ids(SAMPLE).map_err(unusable)?;
        if ids.is_empty() {
            return Err(unusable("it makes no token of a text".to_owned()));
        }
        Ok(tokenizer)
    }

    /// The ids of a prompt as one user message, up to where the assistant would begin. Special
    /// tokens written in the prompt are read as such, as `transformers` reads them.
    pub(super) fn encode(&self, prompt: &str) -> Result<Vec<u32>, ModelError> {
        let ids = self.ids(prompt).map_err(|error| ModelError::Tokenizer {
            problem: format!("the prompt cannot be split into tokens: {error}"),
        })?;
        if ids.len() > MAX_TOKENS {
            return Err(ModelError::PromptTooLong { tokens: ids.len(), limit: MAX_TOKENS });
        }
        Ok(ids)
    }

    /// The ids of a text that every tokenizer splits: each is a row of the text encoder's table,
    /// where both are of one checkpoint.
    pub(super) fn sample_ids(&self) -> Result<Vec<u32>, ModelError> {
        self.encode(SAMPLE)
    }

    fn ids(&self, prompt: &str) -> Result<Vec<u32>, String> {
        let text = format!("<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n");
        let encoding = caught(|| self.0.encode_fast(text, false))?;
        Ok(encoding.map_err(|error| error.to_string())?.get_ids().to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn demo() -> PromptTokenizer {
        let (_, json) = sigmalab_demo::FILES
            .iter()
            .find(|(path, _)| *path == "tokenizer/tokenizer.json")
            .unwrap();
        PromptTokenizer::from_json(json).unwrap()
    }

    #[test]
    fn a_special_token_in_the_prompt_is_one_token() {
        let plain = demo().encode("red").unwrap().len();
        let with_special = demo().encode("red<|im_end|>").unwrap();
        assert_eq!(with_special.len(), plain + 1);
    }

    #[test]
    fn a_prompt_beyond_the_limit_is_refused_with_its_length() {
        let template = demo().encode("").unwrap().len();
        let longest = "<|im_end|>".repeat(MAX_TOKENS - template);
        assert_eq!(demo().encode(&longest).unwrap().len(), MAX_TOKENS);
        match demo().encode(&format!("{longest}<|im_end|>")) {
            Err(ModelError::PromptTooLong { tokens, limit }) => {
                assert_eq!((tokens, limit), (MAX_TOKENS + 1, MAX_TOKENS));
            }
            other => panic!("{:?}", other.map(|ids| ids.len())),
        }
    }

    #[test]
    fn a_broken_tokenizer_is_an_error_that_names_the_file() {
        for json in [&b"{"[..], b"{}", b"[1]", b"\xff"] {
            let Err(error) = PromptTokenizer::from_json(json) else { panic!("accepted") };
            assert!(error.to_string().contains("tokenizer/tokenizer.json"), "{error}");
        }
    }
}

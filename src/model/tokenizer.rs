//! Prompts to token ids: the chat template and the checkpoint's own tokenizer.

use super::error::ModelError;
use tokenizers::Tokenizer;

/// Most tokens a prompt may have, chat template included (the reference's `max_text_tokens`).
pub(super) const MAX_TOKENS: usize = 2048;

/// The tokenizer of a checkpoint.
pub(super) struct PromptTokenizer(Tokenizer);

impl PromptTokenizer {
    /// Reads `tokenizer.json`. Padding and truncation it may ask for are left out, as the
    /// reference's call leaves them out.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, ModelError> {
        let unusable = |error: tokenizers::Error| ModelError::Tokenizer {
            problem: format!("cannot be used ({error}); fetch the checkpoint's tokenizer again"),
        };
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(unusable)?;
        tokenizer.with_padding(None).with_truncation(None).map_err(unusable)?;
        Ok(Self(tokenizer))
    }

    /// The ids of a prompt as one user message, up to where the assistant would begin. Special
    /// tokens written in the prompt are read as such, as `transformers` reads them.
    pub(super) fn encode(&self, prompt: &str) -> Result<Vec<u32>, ModelError> {
        let text = format!("<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n");
        let encoding = self.0.encode_fast(text, false).map_err(|error| ModelError::Tokenizer {
            problem: format!("the prompt cannot be split into tokens: {error}"),
        })?;
        let ids = encoding.get_ids();
        if ids.len() > MAX_TOKENS {
            return Err(ModelError::PromptTooLong { tokens: ids.len(), limit: MAX_TOKENS });
        }
        Ok(ids.to_vec())
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

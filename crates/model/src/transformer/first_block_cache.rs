//! First-block caching: where the first block of a network answers almost as it did before, what the
//! other blocks added then is added again, and they are not computed. (ParaAttention's first block
//! cache, diffusers' `FirstBlockCacheConfig`.) Knows nothing of steps, networks or guidance.

use candle_core::{D, DType, Result, Tensor};

/// What one network of one run remembers of its last evaluation that went through all blocks. It belongs
/// to a run: evaluations of different prompts, sizes or trajectories do not share one.
#[derive(Debug)]
pub struct FirstBlockCache {
    threshold: f64,
    last: Option<Last>,
    reused: u64,
}

/// What the blocks added to the hidden state of the image tokens; of text tokens nothing is read after
/// the last block.
#[derive(Debug)]
struct Last {
    first_block: Tensor,
    other_blocks: Tensor,
}

impl FirstBlockCache {
    /// Remembers nothing yet. What the first block adds may differ from what it added by less than
    /// `threshold`, mean magnitude against mean magnitude, for the other blocks to be left out.
    pub fn new(threshold: f64) -> Self {
        Self { threshold, last: None, reused: 0 }
    }

    /// Evaluations that ended after the first block.
    pub fn reused(&self) -> u64 {
        self.reused
    }

    /// The image tokens' hidden state [tokens, width] after all blocks, where `before` and `after` are
    /// those before and after the first one. `others` computes the blocks after it.
    pub(super) fn through(
        &mut self,
        before: &Tensor,
        after: &Tensor,
        others: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        let added = (after - before)?;
        if let Some(last) = self.last.as_ref().filter(|last| last.fits(&added))
            && difference(&added, &last.first_block)? < self.threshold
        {
            self.reused += 1;
            return after + &last.other_blocks;
        }
        let end = others()?;
        let other_blocks = (&end - after)?;
        // Always against the last evaluation that was computed: small differences add up.
        self.last = Some(Last { first_block: added, other_blocks });
        Ok(end)
    }
}

impl Last {
    fn fits(&self, added: &Tensor) -> bool {
        self.first_block.shape() == added.shape()
    }
}

/// mean|a − b| / mean|b|; no number where that has none. Rows are added up before their sums are, so that
/// the number of rows costs no precision.
fn difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    let (a, b) = (a.to_dtype(DType::F32)?, b.to_dtype(DType::F32)?);
    let mean = |x: Tensor| x.abs()?.mean(D::Minus1)?.mean_all()?.to_scalar::<f32>();
    Ok(f64::from(mean((a - &b)?)?) / f64::from(mean(b)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use candle_core::Device;

    fn filled(value: f32) -> Tensor {
        Tensor::full(value, (3, 4), &Device::Cpu).unwrap()
    }

    /// Evaluates a network whose first block adds `first` to 1, and whose others add `others`; says the
    /// result and whether the others were computed.
    fn evaluate(cache: &mut FirstBlockCache, first: f32, others: f32) -> (f32, bool) {
        let (before, after) = (filled(1.0), filled(1.0 + first));
        let mut computed = false;
        let end = cache.through(&before, &after, || {
            computed = true;
            Ok(filled(1.0 + first + others))
        });
        (end.unwrap().get(0).unwrap().get(0).unwrap().to_scalar().unwrap(), computed)
    }

    #[test]
    fn what_hardly_changes_is_added_again_and_drift_does_not_add_up_unseen() {
        let mut cache = FirstBlockCache::new(0.1);
        assert_eq!(evaluate(&mut cache, 2.0, 8.0), (11.0, true), "nothing is known yet");
        assert_eq!(evaluate(&mut cache, 2.125, 9.0), (11.125, false));
        // 2.25 is near 2.125, but not near 2.
        assert_eq!(evaluate(&mut cache, 2.25, 9.0), (12.25, true));
        assert_eq!(evaluate(&mut cache, 2.25, 7.0), (12.25, false));
        assert_eq!(evaluate(&mut cache, -2.25, 7.0), (5.75, true));
        assert_eq!(cache.reused(), 2);
    }

    #[test]
    fn what_has_no_difference_is_computed() {
        let mut cache = FirstBlockCache::new(1.0);
        for _ in 0..2 {
            // 0 / 0.
            assert_eq!(evaluate(&mut cache, 0.0, 3.0), (4.0, true));
            assert!(evaluate(&mut cache, f32::NAN, 3.0).1);
        }
        assert!(evaluate(&mut cache, 1.0, 3.0).1);
        let (before, after) = (filled(1.0).narrow(0, 0, 2).unwrap(), filled(2.0).narrow(0, 0, 2));
        let mut computed = false;
        let other = cache.through(&before, &after.unwrap(), || {
            computed = true;
            filled(5.0).narrow(0, 0, 2)
        });
        assert!(computed && other.is_ok(), "another number of tokens");
    }
}

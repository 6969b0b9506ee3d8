//! Which instructions this processor has, and running code with them.

use std::sync::OnceLock;

/// Instructions that kernels exist for, from the plainest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstructionSet {
    /// What every processor of the target has. The oracle the others are tested against.
    Scalar,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 F, BW, VL and DQ.
    Avx512,
}

/// The variable that holds kernels back: `scalar`, `avx2` or `avx512`.
const VARIABLE: &str = "SIGMALAB_KERNELS";

impl InstructionSet {
    /// All that this processor has, the plainest first.
    pub fn available() -> Vec<Self> {
        let mut available = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            if avx2 {
                available.push(Self::Avx2);
            }
            if avx2 && avx512 {
                available.push(Self::Avx512);
            }
        }
        available
    }

    /// The set that kernels use: the best there is, or what `SIGMALAB_KERNELS` names if that is
    /// less. Chosen once, so that a process computes every product alike.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<InstructionSet> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let limit = match std::env::var(VARIABLE).as_deref() {
                Ok("scalar") => Self::Scalar,
                Ok("avx2") => Self::Avx2,
                _ => Self::Avx512,
            };
            Self::available().into_iter().filter(|set| *set <= limit).max().unwrap_or(Self::Scalar)
        })
    }
}

/// Computes an expression compiled for the chosen instruction set, as far as it is inlined: loops in
/// it are vectorised as wide as the processor goes. Results have the same bits whatever the set, since
/// the compiler neither reorders sums nor fuses products and sums.
///
/// Functions and closures in it that hold loops have to be `#[inline(always)]`: what the compiler leaves
/// a function of its own is compiled for the plainest processor. `.ci/registers` looks for such
/// functions in the built program.
macro_rules! vectorised {
    ($work:expr) => {
        $crate::base::isa::with_chosen(
            #[inline(always)]
            || $work,
        )
    };
}
pub(crate) use vectorised;

/// What [`vectorised`] calls; `work` is always inlined.
#[inline]
pub(crate) fn with_chosen<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    match InstructionSet::chosen() {
        InstructionSet::Scalar => work(),
        // SAFETY: the set is chosen among those that the processor has.
        #[allow(unsafe_code)]
        InstructionSet::Avx2 => unsafe { with_avx2(work) },
        // SAFETY: as above.
        #[allow(unsafe_code)]
        InstructionSet::Avx512 => unsafe { with_avx512(work) },
    }
    #[cfg(not(target_arch = "x86_64"))]
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Fetches the cache line that a byte is in, into the second-level cache; nothing where there is no
/// such instruction.
#[inline(always)]
pub(crate) fn prefetch(byte: &u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, which reads nothing.
    #[allow(unsafe_code)]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(byte).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = byte;
}

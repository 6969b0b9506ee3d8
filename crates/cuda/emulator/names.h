// The kernels by name: those of both number formats, and those of one. The threads of a meeting
// kernel wait for each other; those of the others can run one after the other.
#pragma once

#define SIGMALAB_KERNELS(BOTH, ONE)                                                                \
    BOTH(widen_fp8)                                                                                \
    BOTH(widen_q8_0)                                                                               \
    BOTH(widen_q4_k)                                                                               \
    BOTH(widen_q6_k)                                                                               \
    BOTH(widen_q4_0)                                                                               \
    BOTH(widen_q4_1)                                                                               \
    BOTH(widen_q5_0)                                                                               \
    BOTH(widen_q5_1)                                                                               \
    BOTH(widen_q5_k)                                                                               \
    BOTH(widen_iq4_nl)                                                                             \
    BOTH(swiglu)                                                                                   \
    BOTH(finish)                                                                                   \
    ONE(group_means)                                                                               \
    ONE(group_affine)                                                                              \
    ONE(gather_patches)

#define SIGMALAB_MEETING_KERNELS(BOTH, ONE)                                                        \
    BOTH(widen_nf4)                                                                                \
    BOTH(rms_norm)                                                                                 \
    BOTH(rms_norm_e4m3)                                                                            \
    BOTH(quantise)                                                                                 \
    BOTH(add_rms_norm)                                                                             \
    BOTH(split_heads)                                                                              \
    ONE(group_sums)                                                                                \
    ONE(attention_64_4)                                                                            \
    ONE(attention_128_4)                                                                           \
    ONE(attention_256_4)                                                                           \
    ONE(attention_256_8)

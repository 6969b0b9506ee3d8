/* What the fixtures of these tests share: Euler's step, and a table that is right. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "sigmalab_sampler.h"

#include <stdlib.h>
#include <string.h>

/* out = x + (sigma_next - sigma) v, in f32 as the built-in sampler has it. */
static inline void euler(const sigmalab_step *s)
{
    const float h = (float)(s->sigma_next - s->sigma);
    for (uint64_t i = 0; i < s->len; i++)
        s->out[i] = s->x[i] + h * s->v[i];
}

/* A step that keeps to the header asks first whether it can read what it was given. */
#define REFUSE_OLD_HOSTS(s, host)                                                                  \
    do {                                                                                           \
        if ((s)->struct_size < SIGMALAB_STEP_MIN_SIZE ||                                           \
            (host)->struct_size < SIGMALAB_HOST_MIN_SIZE)                                          \
            return SIGMALAB_E_ARGUMENT;                                                            \
    } while (0)

/* A table, and the entry point that gives it. More fields may follow. */
#define PLUGIN(id_, ...)                                                                           \
    static const sigmalab_plugin plugin = {.struct_size = sizeof(sigmalab_plugin),                 \
                                           .abi_major = SIGMALAB_ABI_MAJOR,                        \
                                           .abi_minor = SIGMALAB_ABI_MINOR,                        \
                                           .id = id_,                                              \
                                           .name = "A fixture",                                    \
                                           .version = "1",                                         \
                                           .doc = "A fixture of the tests",                        \
                                           .step = step,                                           \
                                           __VA_ARGS__};                                           \
    const sigmalab_plugin *sigmalab_plugin_entry(uint32_t major, uint32_t minor)                   \
    {                                                                                              \
        (void)minor;                                                                               \
        return major == SIGMALAB_ABI_MAJOR ? &plugin : NULL;                                       \
    }

#endif

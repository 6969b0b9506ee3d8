/* Euler's method that goes one value too far: -DFAR=NAME says where. */
#include "fixture.h"

#define WRITES_BEHIND 1
#define WRITES_BEFORE 2
#define WRITES_INPUT 3
#define READS_BEHIND 4

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    REFUSE_OLD_HOSTS(s, host);
    euler(s);
    volatile float *out = s->out;
    switch (FAR) {
    case WRITES_BEHIND:
        out[s->len] = out[s->len - 1];
        break;
    case WRITES_BEFORE:
        out[-1] = out[0];
        break;
    case WRITES_INPUT:
        ((volatile float *)s->v)[0] = s->v[0];
        break;
    case READS_BEHIND:
        /* Read, and used for nothing. */
        (void)((volatile const float *)s->v)[s->len];
        break;
    }
    return SIGMALAB_OK;
}

PLUGIN("test.memory", .flags = SIGMALAB_SIGMA_ZERO, .order = 1, .max_evals_per_step = 1)

/* Euler's method whose step to 0 goes the wrong way. */
#include "fixture.h"

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    REFUSE_OLD_HOSTS(s, host);
    euler(s);
    if (s->sigma_next == 0)
        for (uint64_t i = 0; i < s->len; i++)
            s->out[i] = (float)(s->x[i] + s->sigma * s->v[i]);
    return SIGMALAB_OK;
}

PLUGIN("test.sign", .flags = SIGMALAB_SIGMA_ZERO, .order = 1, .max_evals_per_step = 1)

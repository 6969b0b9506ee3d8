/* Adams-Bashforth of order 2 that keeps the last velocity itself instead of reading history. */
#include "fixture.h"

static float *kept;
static uint64_t kept_len;
static double kept_sigma;

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    REFUSE_OLD_HOSTS(s, host);
    euler(s);
    const double h = s->sigma_next - s->sigma;
    if (s->index > 0 && kept_len == s->len && kept_sigma != s->sigma) {
        const double w = h / (s->sigma - kept_sigma);
        for (uint64_t i = 0; i < s->len; i++)
            s->out[i] += (float)(0.5 * h * w * (s->v[i] - kept[i]));
    }
    if (kept_len < s->len)
        kept = realloc(kept, s->len * sizeof *kept);
    kept_len = s->len;
    kept_sigma = s->sigma;
    memcpy(kept, s->v, s->len * sizeof *kept);
    return SIGMALAB_OK;
}

PLUGIN("test.state", .flags = SIGMALAB_SIGMA_ZERO, .order = 2, .max_evals_per_step = 1)

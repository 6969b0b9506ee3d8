/* Adams-Bashforth of order 2 with the coefficients for equal steps, 3/2 and -1/2, on every grid.
 * -DRIGHT weighs them by the steps' lengths, as it should be. */
#include "fixture.h"

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    REFUSE_OLD_HOSTS(s, host);
    const double h = s->sigma_next - s->sigma;
    if (s->n_history == 0) {
        float *v = malloc(s->len * sizeof *v);
        for (uint64_t i = 0; i < s->len; i++)
            s->out[i] = (float)(s->x[i] + 0.5 * h * s->v[i]);
        const int32_t code = host->eval(host->ctx, s->out, s->sigma + 0.5 * h, s->gw, v);
        for (uint64_t i = 0; i < s->len && code == SIGMALAB_OK; i++)
            s->out[i] = (float)(s->x[i] + h * v[i]);
        free(v);
        return code;
    }
    const sigmalab_history *last = s->history[0];
#ifdef RIGHT
    const double w = h / (s->sigma - last->sigma);
#else
    const double w = 1.0;
#endif
    for (uint64_t i = 0; i < s->len; i++)
        s->out[i] =
            (float)(s->x[i] + h * ((1.0 + 0.5 * w) * s->v[i] - 0.5 * w * last->v[i]));
    return SIGMALAB_OK;
}

PLUGIN("test.ab2", .flags = SIGMALAB_SIGMA_ZERO, .order = 2, .max_evals_per_step = 2,
       .history_len = 1)

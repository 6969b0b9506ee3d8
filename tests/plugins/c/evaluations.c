/* Heun's method, which evaluates twice a step. -DDECLARED says what it declares. */
#include "fixture.h"

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    REFUSE_OLD_HOSTS(s, host);
    euler(s);
    float *v = malloc(s->len * sizeof *v);
    const int32_t code = host->eval(host->ctx, s->out, s->sigma_next, s->gw, v);
    const float h = (float)(s->sigma_next - s->sigma);
    for (uint64_t i = 0; i < s->len && code == SIGMALAB_OK; i++)
        s->out[i] = s->x[i] + h * (0.5f * (s->v[i] + v[i]));
    free(v);
    return code;
}

PLUGIN("test.heun", .order = 2, .max_evals_per_step = DECLARED)

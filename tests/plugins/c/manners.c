/* Midpoint method with one bad habit: -DHABIT=NAME. */
#include "fixture.h"

#define SWALLOWS_CODES 1
#define OLD_BLEND 2
#define IGNORES_SIZES 3
#define READS_OUTPUT 4
#define UNUSED_HISTORY 5
#define FLUSHES_SMALL 6
#define LOGS_ALWAYS 7

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    if (HABIT != IGNORES_SIZES)
        REFUSE_OLD_HOSTS(s, host);
    const double h = s->sigma_next - s->sigma;
    float *v = malloc(s->len * sizeof *v);
    const float before = s->out[0];
    for (uint64_t i = 0; i < s->len; i++)
        s->out[i] = (float)(s->x[i] + 0.5 * h * s->v[i]);
    int32_t code = host->eval(host->ctx, s->out, s->sigma + 0.5 * h, s->gw, v);
    if (HABIT == SWALLOWS_CODES)
        code = SIGMALAB_OK;
    for (uint64_t i = 0; i < s->len && code == SIGMALAB_OK; i++)
        s->out[i] = (float)(s->x[i] + h * v[i]);
    if (HABIT == OLD_BLEND && s->n_history > 0) {
        /* Adams-Bashforth whose last velocity is blended with the weight of the last step. */
        const sigmalab_history *last = s->history[0];
        const double w = h / (s->sigma - last->sigma);
        for (uint64_t i = 0; i < s->len; i++) {
            double then = last->v_cond[i];
            if (last->v_uncond)
                then = last->gw * then + (1.0 - last->gw) * last->v_uncond[i];
            s->out[i] = (float)(s->x[i] + h * ((1.0 + 0.5 * w) * s->v[i] - 0.5 * w * then));
        }
    }
    if (HABIT == READS_OUTPUT && before == before)
        s->out[0] += 1e-3f * before;
#if defined(__x86_64__)
    if (HABIT == FLUSHES_SMALL)
        _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
    if (HABIT == LOGS_ALWAYS)
        host->log(host->ctx, SIGMALAB_LOG_INFO, "a step");
    free(v);
    return code;
}

PLUGIN("test.manners", .flags = SIGMALAB_SIGMA_ZERO, .order = 2, .max_evals_per_step = 2,
       .history_len = HABIT == OLD_BLEND || HABIT == UNUSED_HISTORY ? 1 : 0)

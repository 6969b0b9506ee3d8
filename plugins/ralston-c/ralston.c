/*
 * Ralston's method, and every other Runge-Kutta method of order 2 with two stages, as a sampler for
 * sigmalab in C. From sigma = a to b, with h = b - a and alpha the place of the second stage:
 *
 *     v2 = v(x + alpha h v, a + alpha h)
 *     x' = x + h ((1 - 1/(2 alpha)) v + 1/(2 alpha) v2)
 *
 * alpha = 1/2 is the midpoint method, 2/3 is Ralston's, which has the least bound of the error;
 * alpha = 1 would be Heun's, but then the second stage of a step to 0 would be at sigma = 0, where
 * no network is defined. Source: Ralston, "Runge-Kutta Methods with Minimum Error Bounds" (1962).
 *
 * Build it as a shared library: ./build.sh
 */
#include "sigmalab_sampler.h"

#include <stdio.h>
#include <stdlib.h>

/* Its place in the table below. */
enum { ALPHA };

static const sigmalab_param alpha = {
    .struct_size = sizeof(sigmalab_param),
    .id = 1,
    .kind = SIGMALAB_F64,
    .flags = SIGMALAB_PARAM_TUNABLE,
    .key = "alpha",
    .label = "alpha",
    .help = "Where the second evaluation is: 0.5 is the midpoint method, 2/3 Ralston's",
    .min = 0.25,
    .max = 0.95,
    .default_value = 2.0 / 3.0,
    .increment = 0.05,
};

static const sigmalab_param *const params[] = {[ALPHA] = &alpha};

static int32_t fail(sigmalab_error *error, int32_t code, const char *words)
{
    snprintf(error->message, error->capacity, "%s", words);
    return code;
}

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    if (s->struct_size < SIGMALAB_STEP_MIN_SIZE || host->struct_size < SIGMALAB_HOST_MIN_SIZE)
        return fail(error, SIGMALAB_E_ARGUMENT, "the host is older than ABI 1.0");

    const double h = s->sigma_next - s->sigma;
    const double place = s->params[ALPHA];
    const double w2 = 0.5 / place, w1 = 1.0 - w2;

    float *v2 = malloc(s->len * sizeof *v2);
    if (!v2)
        return fail(error, SIGMALAB_E_NUMERIC, "out of memory");

    /* out serves as scratch until the step is done. Coefficients are double, tensors float. */
    for (uint64_t i = 0; i < s->len; i++)
        s->out[i] = (float)(s->x[i] + place * h * s->v[i]);

    const int32_t code = host->eval(host->ctx, s->out, s->sigma + place * h, s->gw, v2);
    if (code == SIGMALAB_OK)
        for (uint64_t i = 0; i < s->len; i++)
            s->out[i] = (float)(s->x[i] + h * (w1 * s->v[i] + w2 * v2[i]));

    free(v2);
    return code; /* cancelled or failed: the host knows why */
}

static const sigmalab_plugin plugin = {
    .struct_size = sizeof(sigmalab_plugin),
    .abi_major = SIGMALAB_ABI_MAJOR,
    .abi_minor = SIGMALAB_ABI_MINOR,
    .id = "ralston",
    .name = "Ralston",
    .version = "1.0.0",
    .doc = "Ralston's method: two stages, order 2, the least bound of the error. Ralston 1962.",
    .flags = SIGMALAB_SIGMA_ZERO,
    .order = 2,
    .max_evals_per_step = 2,
    .n_params = 1,
    .params = params,
    .step = step,
};

const sigmalab_plugin *sigmalab_plugin_entry(uint32_t host_major, uint32_t host_minor)
{
    (void)host_minor;
    return host_major == SIGMALAB_ABI_MAJOR ? &plugin : NULL;
}

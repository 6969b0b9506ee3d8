/* Euler's method, as the built-in sampler has it. -DID names it, -DVERSION_ gives it a version. */
#include "fixture.h"

#ifndef ID
#define ID "test.euler"
#endif
#ifndef VERSION_
#define VERSION_ "1"
#endif

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    REFUSE_OLD_HOSTS(s, host);
    euler(s);
    return SIGMALAB_OK;
}

#pragma GCC diagnostic ignored "-Woverride-init"
PLUGIN(ID, .version = VERSION_, .flags = SIGMALAB_SIGMA_ZERO, .order = 1, .max_evals_per_step = 1)

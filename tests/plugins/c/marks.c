/* Leaves a mark where it is opened: the token that it sees, in the file that MARK names. */
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void leave_a_mark(void)
{
    const char *path = getenv("MARK"), *token = getenv("HF_TOKEN");
    token = token ? token : getenv("HUGGING_FACE_HUB_TOKEN");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s\n", token ? token : "no token");
        fclose(file);
    }
}

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)error;
    REFUSE_OLD_HOSTS(s, host);
    euler(s);
    return SIGMALAB_OK;
}

PLUGIN("test.marks", .flags = SIGMALAB_SIGMA_ZERO, .order = 1, .max_evals_per_step = 1)

/* Tables that are wrong, one a build: -DWRONG=NAME. The step is never called. */
#include "fixture.h"

#define MAJOR 1
#define SMALL 2
#define NO_STEP 3
#define NO_ID 4
#define BAD_ID 5
#define NOT_UTF8 6
#define LONG_NAME 7
#define NO_EVALUATIONS 8
#define BAD_PARAM 9
#define NO_PARAM 10
#define REFUSES 11
#define CRASHES 12
#define HANGS 13
#define BUILT_IN 14
#define PRINTS 15
#define LARGER 16

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    (void)host, (void)error;
    euler(s);
    return SIGMALAB_OK;
}

static const sigmalab_param eta = {.struct_size = sizeof(sigmalab_param),
                                   .id = 1,
                                   .key = "eta",
                                   .label = "eta",
                                   .help = "A number",
                                   .max = 1,
                                   .default_value = 2};
static const sigmalab_param *const params[] = {WRONG == NO_PARAM ? NULL : &eta};

/* A table of a later version: fields behind the known ones. */
static const struct {
    sigmalab_plugin known;
    const char *later[4];
} table = {.known = {.struct_size = WRONG == SMALL    ? 40
                                    : WRONG == LARGER ? sizeof table
                                                      : sizeof(sigmalab_plugin),
                     .abi_major = WRONG == MAJOR ? 7 : SIGMALAB_ABI_MAJOR,
                     .abi_minor = WRONG == LARGER ? 9 : SIGMALAB_ABI_MINOR,
                     .id = WRONG == NO_ID      ? NULL
                           : WRONG == BAD_ID   ? "Not An Id"
                           : WRONG == BUILT_IN ? "euler"
                                               : "test.table",
                     .name = WRONG == NOT_UTF8 ? "\xff\xfe"
                             : WRONG == LONG_NAME
                                 ? "This name is longer than the sixty-four bytes that a name may have"
                                 : "A table",
                     .version = "1",
                     .doc = "A table",
                     .order = 1,
                     .max_evals_per_step = WRONG == NO_EVALUATIONS ? 0 : 1,
                     .n_params = WRONG == BAD_PARAM || WRONG == NO_PARAM ? 1 : 0,
                     .params = params,
                     .step = WRONG == NO_STEP ? NULL : step}};

#include <stdio.h>

const sigmalab_plugin *sigmalab_plugin_entry(uint32_t major, uint32_t minor)
{
    (void)major, (void)minor;
    if (WRONG == REFUSES)
        return NULL;
    if (WRONG == CRASHES)
        *(volatile int *)8 = 1;
    if (WRONG == HANGS)
        for (volatile int i = 0;; i++)
            ;
    if (WRONG == PRINTS) {
        puts("{\"outcome\":\"problem\",\"problem\":\"printed\"}");
        fflush(stdout);
    }
    return &table.known;
}

/* Euler's method that does something wrong at one step: the parameter `fault` says what, `at` says
 * where. With `fault = none` all is well. */
#include "fixture.h"

#include <math.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif
#include <stdio.h>

#define FAULTS(X)                                                                                  \
    X(NONE, "none")                                                                                \
    X(SEGFAULT, "segfault")                                                                        \
    X(ABORT, "abort")                                                                              \
    X(EXIT, "exit")                                                                                \
    X(LOOP, "loop")                                                                                \
    X(NAN_, "nan")                                                                                 \
    X(UNWRITTEN, "unwritten")                                                                      \
    X(ERROR_CODE, "error-code")                                                                    \
    X(PAST_END, "past-end")                                                                        \
    X(BEFORE, "before")                                                                            \
    X(MESSAGE, "message")                                                                          \
    X(EVALUATIONS, "evaluations")                                                                  \
    X(NOISE, "noise")                                                                              \
    X(SPLIT, "split")                                                                              \
    X(AT_ZERO, "at-zero")                                                                          \
    X(HISTORY, "history")                                                                          \
    X(CANCELLED, "cancelled")                                                                      \
    X(FLUSH, "flush")                                                                              \
    X(INPUT, "input")                                                                              \
    X(PRINTS, "prints")

#define NUMBER(name, text) name,
#define TEXT(name, text) text,
enum { FAULTS(NUMBER) N_FAULTS };
static const char *const names[] = {FAULTS(TEXT)};

static const sigmalab_param fault = {.struct_size = sizeof(sigmalab_param),
                                     .id = 1,
                                     .kind = SIGMALAB_CHOICE,
                                     .key = "fault",
                                     .label = "fault",
                                     .help = "What goes wrong",
                                     .max = N_FAULTS - 1,
                                     .choices = names,
                                     .n_choices = N_FAULTS};
static const sigmalab_param at = {.struct_size = sizeof(sigmalab_param),
                                  .id = 2,
                                  .kind = SIGMALAB_I64,
                                  .key = "at",
                                  .label = "at",
                                  .help = "The step where it does",
                                  .max = 1000,
                                  .default_value = 2};
static const sigmalab_param *const params[] = {&fault, &at};

static int32_t step(const sigmalab_step *s, const sigmalab_host *host, sigmalab_error *error)
{
    REFUSE_OLD_HOSTS(s, host);
    if (s->index == (uint32_t)s->params[1] && s->params[0] == UNWRITTEN)
        return SIGMALAB_OK;
    euler(s);
    if (s->index != (uint32_t)s->params[1])
        return SIGMALAB_OK;
    int32_t code;
    switch ((int)s->params[0]) {
    case SEGFAULT:
        *(volatile int *)8 = 1;
        break;
    case ABORT:
        abort();
    case EXIT:
        exit(3);
    case LOOP:
        host->log(host->ctx, SIGMALAB_LOG_INFO, "looping");
        for (volatile int i = 0;; i++)
            ;
    case NAN_:
        s->out[5] = NAN;
        break;
    case ERROR_CODE:
        snprintf(error->message, error->capacity, "the moon is in the wrong place");
        return -77;
    case PAST_END:
        s->out[s->len] = 0.0f;
        break;
    case BEFORE:
        s->out[-1] = 0.0f;
        break;
    case MESSAGE:
        memset(error->message, 'x', error->capacity + 8);
        return -77;
    case EVALUATIONS:
        for (int i = 0; i < 3; i++) {
            code = host->eval(host->ctx, s->x, s->sigma, s->gw, s->out);
            if (code != SIGMALAB_OK)
                break;
        }
        /* As if nothing had happened. */
        return SIGMALAB_OK;
    case NOISE:
        return host->gauss(host->ctx, 0, s->out);
    case SPLIT: {
        float *v = malloc(2 * s->len * sizeof *v);
        code = host->eval_split(host->ctx, s->x, s->sigma, v, v + s->len);
        free(v);
        return code;
    }
    case AT_ZERO:
        return host->eval(host->ctx, s->x, 0.0, s->gw, s->out);
    case HISTORY:
        /* One more than declared. */
        s->out[0] += s->history[1]->x[0];
        break;
    case CANCELLED:
        return SIGMALAB_CANCELLED;
    case INPUT:
        /* Where the output belongs, and where it may not. */
        ((float *)s->x)[7] += 1.0f;
        break;
    case PRINTS:
        for (int i = 0; i < 60000; i++)
            printf("\x1b[31mline %d\n", i);
        fflush(stdout);
        fprintf(stderr, "\x1b]0;title\a\n");
        break;
    case FLUSH:
#if defined(__x86_64__)
        _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
        break;
    }
    return SIGMALAB_OK;
}

PLUGIN("test.faults", .flags = SIGMALAB_SIGMA_ZERO, .order = 1, .max_evals_per_step = 2,
       .history_len = 1, .n_params = 2, .params = params)

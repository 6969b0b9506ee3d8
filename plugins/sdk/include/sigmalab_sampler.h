/*
 * sigmalab_sampler.h: the interface between sigmalab and a sampler in a shared library. ABI 1.0.
 *
 * A plugin is a shared library that exports one symbol, sigmalab_plugin_entry, and holds one
 * sampler. Everything else is reached through the structs below. docs/plugin-abi.md gives the
 * rules with their reasons; this header alone is enough to write a sampler.
 *
 * Notation. sigma is the noise level: 1 is noise, 0 is the image; a step goes from sigma to
 * sigma_next < sigma. A velocity is dx/dsigma. The network's estimate of the clean latents is
 * D = x - sigma * v. gw is the guidance weight: v = gw * v_cond + (1 - gw) * v_uncond. NFE is the
 * number of network evaluations.
 *
 * Rules for every struct
 *   - It begins with struct_size, the sizeof of it where it was compiled.
 *   - Fields are only ever appended, with a new minor version. A reader ignores what lies past
 *     the size it knows; a field that lies past struct_size is absent and counts as 0 or NULL.
 *   - A struct smaller than the SIGMALAB_*_MIN_SIZE of its type is refused.
 *   - Integers have fixed widths. There are no bools, enums, bit fields or structs by value.
 *   - reserved fields are 0 and are not read.
 *   - Arrays of structs are arrays of pointers, so that elements may grow.
 *
 * Rules for memory
 *   - Whoever allocates frees. Nothing changes hands.
 *   - What a plugin returns from the entry point (structs, tables, strings) is constant and valid
 *     until the process ends: a library is never unloaded.
 *   - What the host passes to check and step is valid until that call returns. Keep no pointer.
 *   - Tensors are len contiguous floats, aligned as a float is (4 bytes); assume no more.
 *   - Strings are UTF-8 and end with NUL.
 *   - Pointers are never NULL unless "may be NULL" is written beside them.
 *
 * Rules for threads
 *   - The host calls sigmalab_plugin_entry once a load, before anything else.
 *   - It may call check and step from any thread, and from several at once.
 *   - Call the host's functions only inside step, only on the thread that step was called on, and
 *     one at a time. A step may start threads for arithmetic; they end before it returns.
 *
 * Rules for results
 *   - A step is a function of its arguments and of what the host's functions return: no state is
 *     kept between calls, no clock, file, environment or random source of its own is read. The
 *     host caches, replays and branches steps and counts on the same bits.
 *   - There is no table of all sigmas, no number of steps and no seed in sigmalab_step on purpose:
 *     the first k steps of two runs that agree so far must agree in bits, whatever follows.
 *   - Nothing is thrown across the boundary: no C++ exception, no longjmp, no Rust panic.
 *   - Leave the floating-point environment as it was found.
 *
 * Targets have 8-byte pointers, 4-byte floats and 8-byte doubles (IEEE 754).
 * C99 or newer, or C++11 or newer.
 */
#ifndef SIGMALAB_SAMPLER_H
#define SIGMALAB_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. Another major version is another interface; a minor version
 * appends. */
#define SIGMALAB_ABI_MAJOR 1
#define SIGMALAB_ABI_MINOR 0

#if defined(_WIN32)
#define SIGMALAB_EXPORT __declspec(dllexport)
#else
#define SIGMALAB_EXPORT __attribute__((visibility("default")))
#endif

/* ---- Status codes -------------------------------------------------------------------------- */

/* What check, step, eval, eval_split and gauss return. A plugin may use other negative numbers
 * for failures of its own; positive ones other than SIGMALAB_CANCELLED count as failures too. */

/* Done. */
#define SIGMALAB_OK 0
/* The run was cancelled. Not an error; no message is wanted. */
#define SIGMALAB_CANCELLED 1
/* An argument is out of range, or a struct is too small. */
#define SIGMALAB_E_ARGUMENT (-1)
/* The network failed. The host knows why; pass it on. */
#define SIGMALAB_E_EVALUATION (-2)
/* A panic or an exception was caught at the boundary. */
#define SIGMALAB_E_PANIC (-3)
/* The numbers broke down: a singular system, a value that is not finite. */
#define SIGMALAB_E_NUMERIC (-4)
/* The host refuses: the plugin asked for what it did not declare (more evaluations than
 * max_evals_per_step, noise without SIGMALAB_STOCHASTIC, eval_split without SIGMALAB_SPLIT), or for
 * what there is not (a velocity outside 0 < sigma <= 1). The step has failed whatever it returns. */
#define SIGMALAB_E_REFUSED (-5)

/* A buffer of the caller for the words that explain a failure. */
typedef struct sigmalab_error {
    uint32_t struct_size;
    /* Bytes at message, the final NUL included; at least 1. Hosts give 512. */
    uint32_t capacity;
    /* On entry an empty string. A callee that fails writes one sentence, cut off at capacity - 1
     * bytes, and the NUL: snprintf(error->message, error->capacity, ...) does. The host shows it
     * behind the sampler's id and the number of the step. */
    char *message;
} sigmalab_error;

/* ---- Parameters ---------------------------------------------------------------------------- */

/* Kinds of a parameter. Every value is passed as a double. */

/* A number. */
#define SIGMALAB_F64 0u
/* A whole number, at most 2^53 either way. */
#define SIGMALAB_I64 1u
/* 0 or 1. */
#define SIGMALAB_FLAG 2u
/* An index into choices. */
#define SIGMALAB_CHOICE 3u

/* Flags of a parameter. Unknown flags are ignored. */

/* Equal factors are equal steps to the eye: show and search it on a logarithmic scale. min > 0. */
#define SIGMALAB_PARAM_LOG_SCALE (1u << 0)
/* Worth searching when a host tunes the sampler. */
#define SIGMALAB_PARAM_TUNABLE (1u << 1)

/* One parameter. The host checks: ids and keys are unique; numbers are finite;
 * min <= default_value <= max, and min < max but for a choice of one; a flag has min 0 and max 1;
 * a choice has min 0 and max n_choices - 1; the bounds and default of an i64, a flag and a choice
 * are whole. */
typedef struct sigmalab_param {
    uint32_t struct_size;
    /* Never used again for another meaning, also when the parameter is dropped. */
    uint32_t id;
    /* SIGMALAB_F64, SIGMALAB_I64, SIGMALAB_FLAG or SIGMALAB_CHOICE. */
    uint32_t kind;
    /* SIGMALAB_PARAM_*. */
    uint32_t flags;
    /* Name in TOML files and in --sampler-param: [a-z][a-z0-9_]*, at most 32 bytes. It never
     * changes. */
    const char *key;
    /* A few words for a table, at most 32 bytes; may be empty. */
    const char *label;
    /* One sentence without its full stop, at most 512 bytes; may be empty. */
    const char *help;
    /* Least and greatest value, both allowed. */
    double min;
    double max;
    /* The value when none is given. */
    double default_value;
    /* How far one key press moves it; 0 leaves that to the host. */
    double increment;
    /* n_choices names, written as keys are, but '-' is allowed too; all different. NULL unless kind
     * is SIGMALAB_CHOICE. */
    const char *const *choices;
    /* At most 32; 0 unless kind is SIGMALAB_CHOICE. Names are only ever appended. */
    uint32_t n_choices;
    uint32_t reserved;
} sigmalab_param;

/* ---- What the host gives to a step --------------------------------------------------------- */

/* An earlier step of the same run. */
typedef struct sigmalab_history {
    uint32_t struct_size;
    uint32_t reserved;
    /* Noise level that step started at. */
    double sigma;
    /* Guidance weight that step was taken with. */
    double gw;
    /* Latents at sigma: what that step was given as x. */
    const float *x;
    /* Velocity at (x, sigma), blended with the gw of the present step, not of that one; where
     * v_uncond is NULL it is v_cond. */
    const float *v;
    const float *v_cond;
    /* May be NULL: it is where that step's gw was 1. */
    const float *v_uncond;
} sigmalab_history;

/* All that a step may depend on. */
typedef struct sigmalab_step {
    uint32_t struct_size;
    /* Number of the step in sampling order; the first is 0. */
    uint32_t index;
    /* Noise level of x; 0 < sigma <= 1. */
    double sigma;
    /* Noise level to reach; 0 <= sigma_next < sigma. 0 only for a plugin with SIGMALAB_SIGMA_ZERO. */
    double sigma_next;
    /* Guidance weight of this step; finite. */
    double gw;
    /* Length of every tensor, in floats; at least 1. */
    uint64_t len;
    /* Latents at sigma. */
    const float *x;
    /* Velocity at (x, sigma), blended with gw. The host has evaluated it: the first of the
     * evaluations in max_evals_per_step. */
    const float *v;
    const float *v_cond;
    /* May be NULL: it is where gw is 1. Then v is v_cond. */
    const float *v_uncond;
    /* n_params values in the order of sigmalab_plugin.params, each within its bounds. May be NULL
     * where n_params is 0. */
    const double *params;
    /* As declared in sigmalab_plugin. */
    uint32_t n_params;
    /* min(index, history_len): what was declared, less at the beginning of a run. */
    uint32_t n_history;
    /* Earlier steps, newest first. May be NULL where n_history is 0. */
    const sigmalab_history *const *history;
    /* Where the latents at sigma_next go; len floats that overlap no other tensor. They hold
     * nothing of use on entry and serve as scratch until the step returns. Nothing is read from
     * them unless the step returns SIGMALAB_OK; then every one must be finite. */
    float *out;
} sigmalab_step;

/* What the host does for a step. ctx is the first argument of every function. When eval,
 * eval_split or gauss returns anything but SIGMALAB_OK, what it was to write is unspecified and
 * the step returns that code at once; the error's message may stay empty. */
typedef struct sigmalab_host {
    uint32_t struct_size;
    /* Version of the header that the host was compiled with. */
    uint16_t abi_major;
    uint16_t abi_minor;
    /* The host's own; may be NULL. */
    void *ctx;
    /* Velocity at (x, sigma), blended with gw, into v_out. Counts as one evaluation; where gw is 1
     * the unconditional network is not run. 0 < sigma <= 1: there is no velocity at 0. gw is
     * finite. x and v_out are len floats each, do not overlap, and may be any memory, out
     * included. */
    int32_t (*eval)(void *ctx, const float *x, double sigma, double gw, float *v_out);
    /* Both velocities at (x, sigma). Counts as one evaluation. Only for plugins with
     * SIGMALAB_SPLIT. x, v_cond_out and v_uncond_out do not overlap. */
    int32_t (*eval_split)(void *ctx, const float *x, double sigma, float *v_cond_out,
                          float *v_uncond_out);
    /* len independent standard normal values. A function of the run's seed, the step's index and
     * stream alone: another stream is other noise, the same stream is the same noise again. Only
     * for plugins with SIGMALAB_STOCHASTIC. */
    int32_t (*gauss)(void *ctx, uint64_t stream, float *out);
    /* Not 0 when the run was cancelled: return SIGMALAB_CANCELLED soon. eval looks by itself; only
     * a step with long arithmetic of its own need ask. */
    int32_t (*cancelled)(void *ctx);
    /* A line for the log. level: SIGMALAB_LOG_*. May be absent or NULL. */
    void (*log)(void *ctx, uint32_t level, const char *message);
} sigmalab_host;

#define SIGMALAB_LOG_DEBUG 0u
#define SIGMALAB_LOG_INFO 1u
#define SIGMALAB_LOG_WARNING 2u

/* ---- What a plugin declares ---------------------------------------------------------------- */

/* Flags of a plugin. Unknown flags are ignored. */

/* It draws noise with gauss. */
#define SIGMALAB_STOCHASTIC (1u << 0)
/* It takes steps to sigma_next = 0. Without it the host refuses schedules that end there. */
#define SIGMALAB_SIGMA_ZERO (1u << 1)
/* It calls eval_split. */
#define SIGMALAB_SPLIT (1u << 2)

typedef struct sigmalab_plugin {
    uint32_t struct_size;
    /* Version of the header that the plugin was compiled with. The host refuses another major
     * version and takes any minor one. */
    uint16_t abi_major;
    uint16_t abi_minor;
    /* Name in --sampler, in recipes and in CSV files: [a-z0-9][a-z0-9.-]*, at most 64 bytes. Ids
     * without a dot belong to sigmalab; yours begins with a name that is yours: "org.lab.ab2". It
     * never changes. */
    const char *id;
    /* For lists; 1 to 64 bytes. */
    const char *name;
    /* Version of its arithmetic; 1 to 32 bytes. Stored in every recipe. Change it whenever the
     * same input gives other bits. */
    const char *version;
    /* A sentence or two: what it does, with its source; at most 1024 bytes. */
    const char *doc;
    /* SIGMALAB_STOCHASTIC, SIGMALAB_SIGMA_ZERO, SIGMALAB_SPLIT. */
    uint32_t flags;
    /* Order of accuracy with the default parameters, where sigma_next > 0: the error at the end of
     * a run of n steps falls as n^-order. At most 8; 0 where none is claimed, as for a sampler
     * that adds noise. */
    uint32_t order;
    /* Most evaluations in one step, the one that the host makes included; 1 to 16. */
    uint32_t max_evals_per_step;
    /* How many earlier steps it reads; at most 16. */
    uint32_t history_len;
    /* At most 32. */
    uint32_t n_params;
    uint32_t reserved;
    /* n_params pointers. May be NULL where n_params is 0. The order belongs to this build: values
     * are stored by key. */
    const sigmalab_param *const *params;
    /* Takes one step: writes the latents at sigma_next to step->out. Returns a status code. */
    int32_t (*step)(const sigmalab_step *step, const sigmalab_host *host, sigmalab_error *error);
    /* Whether these values go together: what bounds of single parameters cannot say. Looks at
     * nothing but params: n_params values in the order of params, each within its bounds (NULL
     * where n_params is 0). Called before a run, not before every step. May be absent or NULL. */
    int32_t (*check)(const double *params, uint32_t n_params, sigmalab_error *error);
} sigmalab_plugin;

/* The smallest struct_size that is accepted: what version 1.0 cannot do without. */
#define SIGMALAB_ERROR_MIN_SIZE ((uint32_t)sizeof(sigmalab_error))
#define SIGMALAB_PARAM_MIN_SIZE ((uint32_t)sizeof(sigmalab_param))
#define SIGMALAB_HISTORY_MIN_SIZE ((uint32_t)sizeof(sigmalab_history))
#define SIGMALAB_STEP_MIN_SIZE ((uint32_t)sizeof(sigmalab_step))
#define SIGMALAB_HOST_MIN_SIZE ((uint32_t)offsetof(sigmalab_host, log))
#define SIGMALAB_PLUGIN_MIN_SIZE ((uint32_t)offsetof(sigmalab_plugin, check))

/* The one exported symbol. Takes the host's version of this header; returns what the plugin is,
 * or NULL if it cannot work with that host. It allocates nothing, reads no file and starts no
 * thread: a host calls it only to list what there is. */
SIGMALAB_EXPORT const sigmalab_plugin *sigmalab_plugin_entry(uint32_t host_major,
                                                             uint32_t host_minor);

#ifdef __cplusplus
}
#endif

#endif

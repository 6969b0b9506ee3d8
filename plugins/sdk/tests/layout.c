/* Pins every size and offset of the header. layout.rs holds the same numbers for the mirror. */
#include "sigmalab_sampler.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
/* A static assertion that C99 and C++11 know too: an array of negative size. */
#define HOLDS(condition) typedef char JOIN(holds_, __LINE__)[(condition) ? 1 : -1]
#define AT(type, field, offset) HOLDS(offsetof(type, field) == (offset))
#define SIZE(type, size) HOLDS(sizeof(type) == (size))

SIZE(void *, 8);
SIZE(void (*)(void), 8);
SIZE(float, 4);
SIZE(double, 8);

SIZE(sigmalab_error, 16);
HOLDS(SIGMALAB_ERROR_MIN_SIZE == 16);
AT(sigmalab_error, struct_size, 0);
AT(sigmalab_error, capacity, 4);
AT(sigmalab_error, message, 8);

SIZE(sigmalab_param, 88);
HOLDS(SIGMALAB_PARAM_MIN_SIZE == 88);
AT(sigmalab_param, struct_size, 0);
AT(sigmalab_param, id, 4);
AT(sigmalab_param, kind, 8);
AT(sigmalab_param, flags, 12);
AT(sigmalab_param, key, 16);
AT(sigmalab_param, label, 24);
AT(sigmalab_param, help, 32);
AT(sigmalab_param, min, 40);
AT(sigmalab_param, max, 48);
AT(sigmalab_param, default_value, 56);
AT(sigmalab_param, increment, 64);
AT(sigmalab_param, choices, 72);
AT(sigmalab_param, n_choices, 80);
AT(sigmalab_param, reserved, 84);

SIZE(sigmalab_history, 56);
HOLDS(SIGMALAB_HISTORY_MIN_SIZE == 56);
AT(sigmalab_history, struct_size, 0);
AT(sigmalab_history, reserved, 4);
AT(sigmalab_history, sigma, 8);
AT(sigmalab_history, gw, 16);
AT(sigmalab_history, x, 24);
AT(sigmalab_history, v, 32);
AT(sigmalab_history, v_cond, 40);
AT(sigmalab_history, v_uncond, 48);

SIZE(sigmalab_step, 104);
HOLDS(SIGMALAB_STEP_MIN_SIZE == 104);
AT(sigmalab_step, struct_size, 0);
AT(sigmalab_step, index, 4);
AT(sigmalab_step, sigma, 8);
AT(sigmalab_step, sigma_next, 16);
AT(sigmalab_step, gw, 24);
AT(sigmalab_step, len, 32);
AT(sigmalab_step, x, 40);
AT(sigmalab_step, v, 48);
AT(sigmalab_step, v_cond, 56);
AT(sigmalab_step, v_uncond, 64);
AT(sigmalab_step, params, 72);
AT(sigmalab_step, n_params, 80);
AT(sigmalab_step, n_history, 84);
AT(sigmalab_step, history, 88);
AT(sigmalab_step, out, 96);

SIZE(sigmalab_host, 56);
HOLDS(SIGMALAB_HOST_MIN_SIZE == 48);
AT(sigmalab_host, struct_size, 0);
AT(sigmalab_host, abi_major, 4);
AT(sigmalab_host, abi_minor, 6);
AT(sigmalab_host, ctx, 8);
AT(sigmalab_host, eval, 16);
AT(sigmalab_host, eval_split, 24);
AT(sigmalab_host, gauss, 32);
AT(sigmalab_host, cancelled, 40);
AT(sigmalab_host, log, 48);

SIZE(sigmalab_plugin, 88);
HOLDS(SIGMALAB_PLUGIN_MIN_SIZE == 80);
AT(sigmalab_plugin, struct_size, 0);
AT(sigmalab_plugin, abi_major, 4);
AT(sigmalab_plugin, abi_minor, 6);
AT(sigmalab_plugin, id, 8);
AT(sigmalab_plugin, name, 16);
AT(sigmalab_plugin, version, 24);
AT(sigmalab_plugin, doc, 32);
AT(sigmalab_plugin, flags, 40);
AT(sigmalab_plugin, order, 44);
AT(sigmalab_plugin, max_evals_per_step, 48);
AT(sigmalab_plugin, history_len, 52);
AT(sigmalab_plugin, n_params, 56);
AT(sigmalab_plugin, reserved, 60);
AT(sigmalab_plugin, params, 64);
AT(sigmalab_plugin, step, 72);
AT(sigmalab_plugin, check, 80);

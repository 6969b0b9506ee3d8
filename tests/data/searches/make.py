"""What established implementations make of search problems: `cma-es.json` and `tpe.json`.

    pip install cmaes==0.13.1 optuna==5.0.0
    python make.py

CMA-ES: the state (mean, step size, covariance) after each of some generations of given points and
losses. cmaes.CMA also learns from the worse half (active CMA), which the tutorial's basic form and
ours do not: its negative weights are set to 0.

TPE: the best losses that optuna's multivariate sampler finds in 120 points, for twenty seeds.
"""

import json
import math
import pathlib

import cmaes
import numpy as np
import optuna

HERE = pathlib.Path(__file__).parent


def cma_es():
    cases = []
    for dimensions, seed in [(2, 1), (3, 2), (5, 3)]:
        rng = np.random.default_rng(seed)
        size = 4 + int(3 * math.log(dimensions))
        optimizer = cmaes.CMA(
            mean=np.full(dimensions, 0.5), sigma=0.25, population_size=size, seed=seed
        )
        optimizer._weights = np.where(optimizer._weights > 0, optimizer._weights, 0.0)
        target = rng.uniform(0.35, 0.65, dimensions)
        generations = []
        for _ in range(12):
            # Moved to the sides of the cube, and learnt from as moved.
            spread = np.linalg.cholesky(optimizer._C) * optimizer._sigma
            points = [
                np.clip(optimizer.mean + spread @ rng.normal(size=dimensions), 0.0, 1.0)
                for _ in range(size)
            ]
            losses = [float(np.sum((np.arange(1, dimensions + 1) * (x - target)) ** 2)) for x in points]
            optimizer.tell(list(zip(points, losses)))
            generations.append(
                {
                    "points": [x.tolist() for x in points],
                    "losses": losses,
                    "mean": optimizer.mean.tolist(),
                    "sigma": float(optimizer._sigma),
                    "covariance": optimizer._C.tolist(),
                }
            )
        cases.append({"dimensions": dimensions, "generations": generations})
    return cases


def sphere(x):
    return sum((a - b) ** 2 for a, b in zip(x, [0.3, 0.7, 0.55]))


def ridge(x):
    return 10 * abs(x[0] + x[1] - 1) + abs(x[0] - 0.3)


def tpe():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = {}
    for name, dimensions, loss in [("sphere", 3, sphere), ("ridge", 2, ridge)]:
        best = []
        for seed in range(20):
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=10)
            study = optuna.create_study(sampler=sampler)
            study.optimize(
                lambda trial: loss([trial.suggest_float(str(i), 0, 1) for i in range(dimensions)]),
                n_trials=120,
            )
            best.append(study.best_value)
        found[name] = best
    return found


if __name__ == "__main__":
    (HERE / "cma-es.json").write_text(json.dumps(cma_es()) + "\n")
    (HERE / "tpe.json").write_text(json.dumps(tpe()) + "\n")

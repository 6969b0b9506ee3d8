//! What a reference run says about another grid without any evaluation: a linear solver follows
//! the grid with the velocities that the reference had at the same noise levels. It ranks grids
//! of one solver well; it must not rank solvers, nor guidance weights, which change the way that
//! the velocities are asked along.

use super::gram::{Combination, ReferencePath};
use super::weights::{Stencil, Weights};

/// The steps of a grid as a solver meets them.
pub fn stencils(levels: &[f64], gw: &[f64], looks_back: usize) -> Vec<Stencil> {
    let at = |i: usize| (levels[i], gw[i]);
    (0..gw.len())
        .map(|index| Stencil {
            index,
            sigma: levels[index],
            sigma_next: levels[index + 1],
            gw: gw[index],
            past: (0..index).rev().take(looks_back).map(at).collect(),
        })
        .collect()
}

/// How far the grid `levels` would end from the reference, as a mean over runs. `weights` are the
/// solver's at [`stencils`].
pub fn distance(paths: &[ReferencePath], levels: &[f64], weights: &[Weights]) -> f64 {
    let each = paths.iter().map(|path| path.norm(&end(path, levels, weights)));
    each.sum::<f64>() / paths.len().max(1) as f64
}

/// Where it would end, less where the reference does.
fn end(path: &ReferencePath, levels: &[f64], weights: &[Weights]) -> Combination {
    let places = path.places();
    // The states are sums of vectors of the reference, kept dense.
    let length = places.v_uncond(path.steps());
    let mut states: Vec<Vec<f64>> = vec![vec![0.0; length]];
    states[0][places.x(0)] = 1.0;
    for (index, weights) in weights.iter().enumerate() {
        let mut next = vec![0.0; length];
        for (row, step) in weights.0.iter().zip((0..=index).rev()) {
            let [of_x, of_cond, of_uncond] = *row;
            for (sum, part) in next.iter_mut().zip(&states[step]) {
                *sum += of_x * part;
            }
            for (node, part) in at(path, levels[step]) {
                next[places.v_cond(node)] += of_cond * part;
                next[places.v_uncond(node)] += of_uncond * part;
            }
        }
        states.push(next);
    }
    let mut sum = states.pop().unwrap_or_default();
    sum[places.x(path.steps())] -= 1.0;
    sum.into_iter().enumerate().filter(|(_, weight)| *weight != 0.0).collect()
}

/// The nodes around a level and their shares: the straight line between velocities.
fn at(path: &ReferencePath, sigma: f64) -> Vec<(usize, f64)> {
    let nodes = path.sigmas.get(..path.steps()).unwrap_or_default();
    let Some(after) = nodes.iter().position(|node| *node <= sigma + 1e-7) else {
        return vec![(nodes.len().saturating_sub(1), 1.0)];
    };
    let (Some(before), Some(low)) = (after.checked_sub(1), nodes.get(after)) else {
        return vec![(after, 1.0)];
    };
    let high = nodes[before];
    if (low - sigma).abs() <= 1e-7 {
        return vec![(after, 1.0)];
    }
    let share = (sigma - low) / (high - low);
    vec![(before, share), (after, 1.0 - share)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Run, ab2, rmse, sigmas};
    use crate::gram::Basis;
    use crate::weights::euler;

    #[test]
    fn the_references_own_grid_ends_where_it_did() {
        let run = Run::euler(&sigmas(16), |_| 1.0, 3);
        let weights: Vec<_> = stencils(&run.sigmas, &run.gw, 0).iter().map(euler).collect();
        assert!(distance(&[run.path(Basis::Velocities)], &run.sigmas, &weights) < 1e-6);
    }

    #[test]
    fn predictions_rank_grids_of_one_solver_as_real_runs_do() {
        let fine = sigmas(48);
        let reference = Run::euler(&fine, |_| 1.0, 3);
        let paths = [reference.path(Basis::Velocities)];
        let grids: [Vec<usize>; 3] = [
            (0..=8).map(|k| 6 * k).collect(),
            vec![0, 3, 6, 9, 12, 15, 18, 21, 48],
            vec![0, 24, 28, 32, 35, 38, 41, 44, 48],
        ];
        type Solver = fn(&Stencil) -> Weights;
        let solvers: [(usize, Solver); 2] = [(0, euler), (1, ab2)];
        for (looks_back, solver) in solvers {
            let mut both: Vec<(f64, f64)> = grids
                .iter()
                .map(|grid| {
                    let levels: Vec<f64> = grid.iter().map(|node| fine[*node]).collect();
                    let gw = vec![1.0; 8];
                    let weights: Vec<_> =
                        stencils(&levels, &gw, looks_back).iter().map(solver).collect();
                    let real = Run::with(&levels, &gw, 3, solver);
                    (distance(&paths, &levels, &weights), rmse(real.end(), reference.end()))
                })
                .collect();
            both.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(both.is_sorted_by(|a, b| a.1 < b.1), "{both:?}");
        }
    }
}

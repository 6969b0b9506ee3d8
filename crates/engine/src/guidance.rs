//! Asymmetric classifier-free guidance: the blend of two networks' velocities.

/// Whether a guidance weight needs the unconditional network at all: at gw = 1 the blend is
/// v_cond alone.
pub fn needs_unconditional(gw: f64) -> bool {
    gw != 1.0
}

/// v = gw·v_cond + (1 − gw)·v_uncond; v_cond where there is no v_uncond.
pub fn blend(gw: f64, v_cond: &[f32], v_uncond: Option<&[f32]>) -> Vec<f32> {
    let Some(v_uncond) = v_uncond else {
        return v_cond.to_vec();
    };
    // Both factors are rounded to f32 apart, as torch does with Python's floats.
    let (towards, away) = (gw as f32, (1.0 - gw) as f32);
    v_cond.iter().zip(v_uncond).map(|(cond, uncond)| towards * cond + away * uncond).collect()
}

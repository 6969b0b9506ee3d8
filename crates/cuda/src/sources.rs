//! Which kernels these are, by their sources.

const SOURCES: [&str; 18] = [
    include_str!("../kernels/attention.cu"),
    include_str!("../kernels/blocks.cuh"),
    include_str!("../kernels/dialect.cuh"),
    include_str!("../kernels/finish.cu"),
    include_str!("../kernels/group_norm.cu"),
    include_str!("../kernels/heads.cu"),
    include_str!("../kernels/k_quants.cuh"),
    include_str!("../kernels/patches.cu"),
    include_str!("../kernels/quantise.cu"),
    include_str!("../kernels/residual.cu"),
    include_str!("../kernels/rms_norm.cu"),
    include_str!("../kernels/swiglu.cu"),
    include_str!("../kernels/widen_blocks.cu"),
    include_str!("../kernels/widen_fp8.cu"),
    include_str!("../kernels/widen_nf4.cu"),
    include_str!("../kernels/widen_q4_k.cu"),
    include_str!("../kernels/widen_q6_k.cu"),
    include_str!("../kernels/widen_q8_0.cu"),
];

/// How they are launched: the order of a sum follows from the threads of its block too.
const LAUNCHES: &str = include_str!("launch.rs");

/// Changes whenever the source of a kernel or the launches do (FNV-1a over all of them): results of
/// different kernels are not taken for the same.
pub fn version() -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in SOURCES.iter().chain([&LAUNCHES]).flat_map(|source| source.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::SOURCES;
    use std::path::Path;

    #[test]
    fn every_source_counts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut known: Vec<_> = files
            .filter(|path| path.file_name().is_some_and(|name| name != "all.cu"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        known.sort();
        let mut sources = SOURCES.map(str::to_owned).to_vec();
        sources.sort();
        assert!(known == sources, "a file of kernels/ is missing in SOURCES");
    }
}

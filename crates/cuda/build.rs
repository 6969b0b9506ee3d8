//! Compiles the kernels with nvcc to one binary for every card from compute capability 8.0 on,
//! where the feature `cuda` asks for it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cards that get code of their own; all others compile the PTX for 8.0 when it is loaded.
const CARDS: [&str; 5] = ["80", "86", "89", "90", "120"];

fn main() {
    println!("cargo:rerun-if-changed=kernels");
    println!("cargo:rerun-if-env-changed=NVCC");
    println!("cargo:rerun-if-env-changed=CUDA_HOME");
    println!("cargo:rerun-if-env-changed=PATH");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    if let Err(problem) = compile() {
        println!("cargo:warning={problem}");
        std::process::exit(1);
    }
}

fn compile() -> Result<(), String> {
    let folder = env::var_os("OUT_DIR").ok_or("cargo gave no folder to write to")?;
    let out = Path::new(&folder).join("kernels.fatbin");
    let nvcc = nvcc();
    let mut command = Command::new(&nvcc);
    // A product and a sum are rounded apart, as on the processor.
    command.args(["--fatbin", "--std=c++17", "-O3", "--fmad=false", "-o"]).arg(&out);
    for card in CARDS {
        command.arg(format!("-gencode=arch=compute_{card},code=sm_{card}"));
    }
    command.args(["-gencode=arch=compute_80,code=compute_80", "kernels/all.cu"]);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} could not compile the kernels: {status}", nvcc.display())),
        Err(error) => Err(format!(
            "`{}` cannot be started ({error}): the feature `cuda` needs CUDA's compiler; \
             scripts/cuda-toolkit fetches one",
            nvcc.display()
        )),
    }
}

/// The compiler, where candle's build looks for it too.
fn nvcc() -> PathBuf {
    let named = env::var_os("NVCC").map(PathBuf::from).filter(|path| path.exists());
    let on_path = || {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|folder| folder.join("nvcc")).find(|file| file.is_file())
    };
    let in_toolkit = || Some(PathBuf::from(env::var_os("CUDA_HOME")?).join("bin/nvcc"));
    named.or_else(on_path).or_else(in_toolkit).unwrap_or_else(|| "nvcc".into())
}

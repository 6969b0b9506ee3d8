//! What the boundary of plugins costs: the same solver built in and as a plugin, side by side.
//!
//! `cargo bench --bench plugin_boundary` prints the time of a step of each by itself, on latents of
//! an image of 256×256, and what the difference is of a step on the demo checkpoint. It needs a C
//! compiler.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

use sigmalab_engine::event::Event;
use sigmalab_engine::recipe::SamplerRef;
use sigmalab_engine::request::RunRequest;
use sigmalab_engine::worker::{Engine, EngineOptions};
use sigmalab_sampler::plugin::{
    DEFAULT_LIMIT, DEFAULT_SILENCE, Discovery, Effort, Guardian, Place, PluginSampler, SearchPath,
    Trust, Watch, discover,
};
use sigmalab_sampler::{Euler, Host, Sampler, SamplerError, Samplers, StepInput, Velocities};
use sigmalab_schedule::preset::Step;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Values of the latents of an image of 256×256.
const VALUES: usize = 16 * 16 * 128;

/// Steps of one run on the demo checkpoint.
const STEPS: usize = 12;

/// Runs of each sampler.
const RUNS: usize = 8;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let library = compile(folder.path());
    let alone = Alone::of(&library);
    let (built_in, plugin) = in_runs(folder.path(), &library);
    let difference = alone.plugin - alone.built_in;
    println!("Euler's step on {VALUES} values, by itself, median:");
    println!("  built in                 {:8.2} µs", alone.built_in);
    println!("  plugin                   {:8.2} µs", alone.plugin);
    println!("  difference               {difference:8.2} µs");
    println!("A step of a run on the demo checkpoint, median of {} each:", RUNS * STEPS);
    println!("  built in                 {built_in:8.2} ms");
    println!("  plugin                   {plugin:8.2} ms  (ratio {:.4})", plugin / built_in);
    println!("The boundary is {:.3} % of a step", 100.0 * difference / 1e3 / built_in);
}

/// The fixture that is Euler's method in C.
fn compile(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = folder.join("libeuler.so");
    let done = Command::new("cc")
        .args(["-std=gnu11", "-O2", "-fPIC", "-shared", "-o"])
        .arg(&library)
        .arg("-I")
        .arg(root.join("plugins/sdk/include"))
        .arg(root.join("tests/plugins/c/euler.c"))
        .status()
        .expect("there is a C compiler");
    assert!(done.success());
    library
}

/// Median microseconds of a step by itself.
struct Alone {
    built_in: f64,
    plugin: f64,
}

impl Alone {
    fn of(library: &Path) -> Self {
        let watch = Watch::new(Arc::new(Listened::default()), DEFAULT_LIMIT);
        let plugin = PluginSampler::open(library, watch).unwrap();
        let (mut built_in, mut through) = (Vec::new(), Vec::new());
        for _ in 0..2000 {
            built_in.push(microseconds(&Euler));
            through.push(microseconds(&plugin));
        }
        Alone { built_in: median(built_in), plugin: median(through) }
    }
}

fn microseconds(sampler: &dyn Sampler) -> f64 {
    let (x, v) = (vec![0.5_f32; VALUES], vec![-0.25_f32; VALUES]);
    let mut out = vec![0.0_f32; VALUES];
    let input = StepInput {
        index: 3,
        sigma: 0.5,
        sigma_next: 0.4,
        gw: 1.0,
        params: &[],
        x: &x,
        v: &v,
        v_cond: &v,
        v_uncond: None,
        history: &[],
    };
    let started = Instant::now();
    sampler.step(&input, &mut NoHost, &mut out).unwrap();
    started.elapsed().as_secs_f64() * 1e6
}

/// A listener at the other end of a pipe, as the worker has one.
struct Listened(Mutex<UnixStream>);

impl Default for Listened {
    fn default() -> Self {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while theirs.read(&mut bytes).is_ok_and(|count| count > 0) {}
        });
        Listened(Mutex::new(ours))
    }
}

impl Listened {
    fn say(&self, place: Option<&Place>) {
        let text = serde_json::to_vec(&place).unwrap();
        self.0.lock().unwrap().write_all(&text).unwrap();
    }
}

impl Guardian for Listened {
    fn enters(&self, place: &Place) {
        self.say(Some(place));
    }
    fn leaves(&self) {
        self.say(None);
    }
    fn expired(&self, _: &Place, _: &str) {}
}

/// Euler's method asks for nothing.
struct NoHost;

impl Host for NoHost {
    fn evaluate(&mut self, _: &[f32], _: f64, _: f64, _: &mut [f32]) -> Result<(), SamplerError> {
        Err(SamplerError::Cancelled)
    }
    fn evaluate_split(&mut self, _: &[f32], _: f64) -> Result<Velocities, SamplerError> {
        Err(SamplerError::Cancelled)
    }
    fn gaussian(&mut self, _: u64, _: &mut [f32]) {}
    fn cancelled(&self) -> bool {
        false
    }
}

/// Median milliseconds of a step of whole runs, by turns built in and by the plugin.
fn in_runs(folder: &Path, library: &Path) -> (f64, f64) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_sigmalab"));
    let discovery = Discovery {
        search_path: SearchPath::default().named(library.as_os_str()),
        trust: Trust::default(),
        program: program.clone(),
        cache: Some(folder.join("cache")),
        limit: DEFAULT_SILENCE,
    };
    let mut engine = Engine::new(EngineOptions {
        program: Some(program),
        cache_folder: Some(folder.join("cache")),
        // Every step is computed.
        cache_bytes: Some(0),
        samplers: Samplers::with(discover(&discovery, Effort::Normal)),
        ..EngineOptions::default()
    });
    let mut run = |sampler: &str| {
        let mut times = Vec::new();
        engine
            .run(&request(sampler), &mut |event| {
                if let Some(Event::Step(report)) = event {
                    times.extend(report.ms);
                }
                true
            })
            .unwrap();
        times
    };
    // The first run loads the checkpoint.
    run("euler");
    let (mut built_in, mut plugin) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        built_in.extend(run("euler"));
        plugin.extend(run("test.euler"));
    }
    (median(built_in), median(plugin))
}

fn request(sampler: &str) -> RunRequest {
    let steps = vec![Step { gw: 7.0, mu: 0.5, std: 1.75 }; STEPS];
    support::request::request(steps, SamplerRef::named(sampler))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

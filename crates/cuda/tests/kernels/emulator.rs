//! The kernels compiled as C++, in a process that runs them on fibres.

use sigmalab_cuda::Launch;
use sigmalab_cuda::calls::{Argument, Call};
use std::cell::RefCell;
use std::env;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// Bytes that a kernel reads or writes, at so many bytes after an address that is a multiple of 16.
#[derive(Debug, Clone)]
pub struct Bytes(pub Vec<u8>, pub u8);

/// A buffer of numbers.
pub fn buffer<T: Plain>(values: &[T]) -> Bytes {
    Bytes(values.iter().flat_map(|value| value.bytes()).collect(), 0)
}

/// A buffer that is written to: no numbers stand there at first.
pub fn room<T: Plain>(count: usize) -> Bytes {
    Bytes(vec![0xff; count * size_of::<T>()], 0)
}

/// Numbers that kernels take.
pub trait Plain: Copy {
    fn bytes(self) -> Vec<u8>;
    fn of(bytes: &[u8]) -> Self;
}

macro_rules! plain {
    ($($number:ty),*) => {$(
        impl Plain for $number {
            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
            fn of(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap())
            }
        }
    )*};
}

plain!(u8, f32, f64, half::bf16);

/// The contents of a buffer.
pub fn values<T: Plain>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(T::of).collect()
}

/// Runs a kernel and gives what its buffers hold then, in their order. Whatever order the threads of
/// a block run in, it is the same to the bit.
pub fn run(call: Option<Call<Bytes>>) -> Vec<Vec<u8>> {
    let call = call.expect("a shape that the kernel takes");
    let [first, second] = [1, 0x9e37_79b9_7f4a_7c15].map(|seed| run_once(&call, seed));
    assert!(first == second, "{} depends on the order of its threads", call.launch.kernel);
    first
}

/// Runs it once, with the threads in an order that `seed` says.
fn run_once(call: &Call<Bytes>, seed: u64) -> Vec<Vec<u8>> {
    EMULATOR
        .with_borrow_mut(|emulator| emulator.get_or_insert_with(Emulator::start).run(call, seed))
}

/// The last buffer of the same, which most kernels write to.
pub fn last(call: Option<Call<Bytes>>) -> Vec<u8> {
    run(call).pop().unwrap()
}

thread_local! {
    /// Each test has its own.
    static EMULATOR: RefCell<Option<Emulator>> = const { RefCell::new(None) };
}

struct Emulator {
    child: Child,
    requests: Option<ChildStdin>,
    answers: ChildStdout,
}

impl Emulator {
    fn start() -> Self {
        let mut child = Command::new(program())
            .env("ASAN_OPTIONS", "detect_leaks=0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, answers) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, requests, answers }
    }

    fn run(&mut self, call: &Call<Bytes>, seed: u64) -> Vec<Vec<u8>> {
        let Call { launch, arguments } = call;
        let mut request = Vec::new();
        request.extend((launch.kernel.len() as u32).to_le_bytes());
        request.extend(launch.kernel.bytes());
        for number in [launch.grid[0], launch.grid[1], launch.grid[2], launch.block, launch.shared]
        {
            request.extend(number.to_le_bytes());
        }
        request.extend(seed.to_le_bytes());
        request.extend((arguments.len() as u32).to_le_bytes());
        for argument in arguments {
            let mut number = |bytes: &[u8]| {
                request.extend([2, bytes.len() as u8]);
                request.extend(bytes);
            };
            match argument {
                Argument::I32(value) => number(&value.to_le_bytes()),
                Argument::I64(value) => number(&value.to_le_bytes()),
                Argument::F32(value) => number(&value.to_le_bytes()),
                Argument::Null => request.push(0),
                Argument::Buffer(Bytes(bytes, offset)) => {
                    request.extend([1, *offset]);
                    request.extend((bytes.len() as u64).to_le_bytes());
                    request.extend(bytes);
                }
            }
        }
        let requests = self.requests.as_mut().unwrap();
        // One that ends early says why on standard error.
        let sent = requests.write_all(&request).and_then(|()| requests.flush());
        let buffers = arguments.iter().filter_map(|argument| match argument {
            Argument::Buffer(Bytes(bytes, _)) => Some(vec![0; bytes.len()]),
            _ => None,
        });
        let mut buffers: Vec<Vec<u8>> = buffers.collect();
        for buffer in &mut buffers {
            let read = self.answers.read_exact(buffer);
            assert!(sent.is_ok() && read.is_ok(), "the emulator gave up on {}", launch.kernel);
        }
        buffers
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.requests = None;
        let _ = self.child.wait();
    }
}

/// Whether there is a C++ compiler; without one the kernels cannot be tested here.
pub fn there_is_a_compiler() -> bool {
    let there = Command::new(compiler()).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: no C++ compiler (set CXX)");
    }
    there
}

fn compiler() -> PathBuf {
    env::var_os("CXX").filter(|name| !name.is_empty()).unwrap_or_else(|| "c++".into()).into()
}

/// The emulator, compiled once a process: with every memory access checked where the compiler can.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let name = format!("emulator-{}", std::process::id());
        let (built, program) = (folder.join(name), folder.join("emulator"));
        let checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];
        let output = compile(&built, &checks);
        if !output.status.success() {
            eprintln!("without checks of memory: {}", String::from_utf8_lossy(&output.stderr));
            let output = compile(&built, &[]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        std::fs::rename(&built, &program).unwrap();
        program
    })
}

fn compile(to: &Path, more: &[&str]) -> std::process::Output {
    Command::new(compiler())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-std=c++17", "-O1", "-g", "-ffp-contract=off", "-DSIGMALAB_FIBRES"])
        .args(["-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-unused-function"])
        .args(more)
        .arg("-o")
        .arg(to)
        .arg("emulator/main.cpp")
        .output()
        .unwrap()
}

/// Whether a kernel for 64 threads that reverses rows, or copies every fourth value, does so in every
/// order of its threads.
fn is_right(kernel: &'static str, expected: impl Fn(usize) -> f32) -> bool {
    let x: Vec<f32> = (0..256).map(|i| i as f32).collect();
    let launch = Launch { kernel, grid: [1, 1, 1], block: 64, shared: 1024 };
    let arguments = vec![Argument::Buffer(buffer(&x)), Argument::Buffer(room::<f32>(64))];
    let call = Call { launch, arguments };
    (1..9).all(|seed| {
        let found: Vec<f32> = values(&run_once(&call, seed)[1]);
        found.iter().enumerate().all(|(i, value)| *value == expected(i))
    })
}

#[test]
fn a_kernel_that_forgets_to_wait_is_seen() {
    if !there_is_a_compiler() {
        return;
    }
    let reversed = |i: usize| (63 - i) as f32;
    assert!(is_right("waits", reversed));
    assert!(!is_right("forgets_to_meet", reversed));
    assert!(!is_right("forgets_to_await", |i| 4.0 * i as f32));
}

#[test]
fn a_kernel_that_overwrites_what_others_have_yet_to_read_is_seen() {
    if there_is_a_compiler() {
        assert!(!is_right("forgets_to_meet_again", |i| (63 - i) as f32));
    }
}

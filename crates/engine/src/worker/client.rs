//! The engine as its caller has it: which worker a run goes to, what comes back, and another worker for
//! one that died. It knows nothing of tensors.

use super::cuda::CudaWorker;
use super::failure::RunFailure;
use super::message::Fetch;
use super::options::EngineOptions;
use super::process::Worker;
use super::update::{RunId, RunUpdate};
use crate::event::Event;
use crate::recipe::SamplerRef;
use crate::request::{RunOutput, RunRequest};
use sigmalab_compute::DeviceChoice;
use sigmalab_sampler::Samplers;
use sigmalab_tune::weights::{Stencil, Weights};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Runs in a worker process. Dropping it ends the worker.
///
/// Runs on a GPU have a worker of their own, a program that was built with CUDA.
pub struct Engine {
    options: EngineOptions,
    worker: Option<Worker>,
    cuda_worker: Option<Worker>,
    /// What it said of itself.
    cuda: Option<CudaWorker>,
    last_run: u64,
    sender: Sender<RunUpdate>,
    updates: Receiver<RunUpdate>,
}

impl Engine {
    /// An engine whose worker starts with its first run.
    pub fn new(options: EngineOptions) -> Self {
        let (sender, updates) = mpsc::channel();
        let (worker, cuda_worker, cuda) = (None, None, None);
        Engine { options, worker, cuda_worker, cuda, last_run: 0, sender, updates }
    }

    /// Queues a run; starts a worker if there is none. A recipe that cannot be run is refused here.
    pub fn submit(&mut self, request: &RunRequest) -> Result<RunId, RunFailure> {
        let checked = request.recipe.check(&self.options.samplers);
        let (_, sampler) = checked.map_err(|error| RunFailure::BadInput(error.to_string()))?;
        let plugin = sampler.file.map(|file| file.path);
        let asked = self.options.named_model.as_ref() == Some(&request.recipe.model.name);
        let fetch = asked.then(Fetch::with_own_token);
        let (run, worker) = self.next_run(request.recipe.device)?;
        worker.run(run, request, plugin, fetch);
        Ok(RunId(run))
    }

    /// The number of another run, and the worker that takes it. One for other devices that has
    /// nothing to do gives its memory back.
    fn next_run(&mut self, device: DeviceChoice) -> Result<(u64, &mut Worker), RunFailure> {
        let program = match device {
            DeviceChoice::Cuda(number) => Some(self.cuda_program(number)?),
            DeviceChoice::Cpu | DeviceChoice::Metal => None,
        };
        self.last_run += 1;
        let (worker, other) = match program {
            Some(_) => (&mut self.cuda_worker, &mut self.worker),
            None => (&mut self.worker, &mut self.cuda_worker),
        };
        if other.as_ref().is_some_and(|other| !other.is_busy()) {
            *other = None;
        }
        let ready = match worker.take().filter(Worker::is_alive) {
            Some(worker) => worker,
            None => Worker::start(program, &self.options, self.sender.clone())
                .map_err(|error| RunFailure::NoWorker(error.to_string()))?,
        };
        Ok((self.last_run, worker.insert(ready)))
    }

    /// The program for a GPU, which is asked once what it can do.
    fn cuda_program(&mut self, number: usize) -> Result<PathBuf, RunFailure> {
        let missing = |error: super::cuda::Missing| RunFailure::BadInput(error.to_string());
        let found = match self.cuda.take() {
            Some(found) => found,
            None => CudaWorker::find().map_err(missing)?,
        };
        let found = self.cuda.insert(found);
        found.device(number).map_err(missing)?;
        Ok(found.program.clone())
    }

    fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.worker.iter().chain(&self.cuda_worker)
    }

    /// The weights of a sampler's steps, found out by taking them in the worker; `None` where it
    /// is not linear, or asks for evaluations of its own. Meant for an engine with no runs going:
    /// their news would be lost. `go_on` is asked about ten times a second.
    pub fn weigh(
        &mut self,
        sampler: &SamplerRef,
        stencils: &[Stencil],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Weights>>, RunFailure> {
        let chosen = self.options.samplers.choose(&sampler.id, &sampler.params);
        let chosen = chosen.map_err(|error| RunFailure::BadInput(error.to_string()))?;
        let plugin = chosen.file.map(|file| file.path);
        let (run, worker) = self.next_run(DeviceChoice::Cpu)?;
        worker.weigh(run, sampler.clone(), plugin, stencils.to_vec());
        loop {
            match self.updates.recv_timeout(Duration::from_millis(100)) {
                Ok(RunUpdate::Weighed(RunId(id), weights)) if id == run => return Ok(weights),
                Ok(RunUpdate::Finished(RunId(id), Err(failure))) if id == run => {
                    return Err(failure);
                }
                Ok(_) | Err(_) => {}
            }
            if !go_on() {
                return Err(RunFailure::Cancelled);
            }
        }
    }

    /// Recipes may name these samplers from now on.
    pub fn set_samplers(&mut self, samplers: Samplers) {
        self.options.samplers = samplers;
    }

    /// The samplers that recipes may name.
    pub fn samplers(&self) -> &Samplers {
        &self.options.samplers
    }

    /// Asks a run to stop within one step.
    pub fn cancel(&mut self, run: RunId) {
        for worker in self.worker.iter_mut().chain(&mut self.cuda_worker) {
            if worker.has(run.0) {
                worker.cancel(run.0);
            }
        }
    }

    /// How long the worker has said nothing while it was at work, where that is longer than its
    /// steps let expect: it may hang.
    pub fn silence(&self) -> Option<Duration> {
        let busy = self.workers().filter(|worker| worker.is_busy());
        busy.filter_map(|worker| worker.heard().silence(Instant::now())).max()
    }

    /// Gives the worker up, which ends every run that is not over as a cancelled one. The next
    /// run starts a new worker.
    pub fn replace_worker(&mut self) {
        for worker in [self.worker.take(), self.cuda_worker.take()].into_iter().flatten() {
            worker.give_up();
        }
    }

    /// News of all runs.
    pub fn updates(&self) -> &Receiver<RunUpdate> {
        &self.updates
    }

    /// Gives every update to `receive` from now on, on a thread of its own and until it says
    /// `false`; [`Engine::updates`] has none then. A caller that waits for other things too need
    /// not ask.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn forward_updates(
        &mut self,
        mut receive: impl FnMut(RunUpdate) -> bool + Send + 'static,
    ) -> io::Result<()> {
        let (_, nothing) = mpsc::channel();
        let updates = std::mem::replace(&mut self.updates, nothing);
        thread::Builder::new().name("run updates".to_owned()).spawn(move || {
            for update in updates {
                if !receive(update) {
                    return;
                }
            }
        })?;
        Ok(())
    }

    /// Process id of the worker, if one is alive.
    pub fn worker_id(&self) -> Option<u32> {
        self.workers().find(|worker| worker.is_alive()).map(|worker| worker.process)
    }

    /// Runs `request` to its end on this thread. `on_event` returns whether to go on; returning
    /// `false` cancels. A worker that does not stop for long after that is given up. It is also
    /// called with `None` about ten times a second, with [`Engine::silence`] beside it. Meant for
    /// an engine with no other runs: their news would be lost.
    pub fn run(
        &mut self,
        request: &RunRequest,
        on_event: &mut dyn FnMut(Option<&Event>) -> bool,
    ) -> Result<RunOutput, RunFailure> {
        self.run_watched(request, &mut |event, _| on_event(event))
    }

    /// The same, told how long a worker that may hang has said nothing.
    pub fn run_watched(
        &mut self,
        request: &RunRequest,
        on_event: &mut dyn FnMut(Option<&Event>, Option<Duration>) -> bool,
    ) -> Result<RunOutput, RunFailure> {
        let run = self.submit(request)?;
        let mut cancelled: Option<Instant> = None;
        loop {
            let go_on = match self.updates.recv_timeout(Duration::from_millis(100)) {
                Ok(RunUpdate::Finished(id, result)) if id == run => {
                    return result.map(|output| *output);
                }
                Ok(RunUpdate::Event(id, event)) if id == run => on_event(Some(&event), None),
                Ok(_) => true,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let silence = self.silence();
                    on_event(None, silence)
                }
            };
            match cancelled {
                None if !go_on => {
                    cancelled = Some(Instant::now());
                    self.cancel(run);
                }
                Some(since) if since.elapsed() > self.patience() => self.replace_worker(),
                _ => {}
            }
        }
    }
}

impl Engine {
    /// How long a worker may take to stop.
    fn patience(&self) -> Duration {
        self.workers().map(|worker| worker.heard().patience()).max().unwrap_or(Duration::MAX)
    }
}

//! Repository ids to folders, against a small hub on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cache;
mod explained;
mod interrupted;
mod server;
mod strangers;

use server::{COMMIT, HubServer, REPOSITORY, StoredFile, etag};
use sigmalab_model::hub::{HubError, HubSettings, resolve};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SHARD: &str = "transformer/w-00001-of-00002.safetensors";
const NEEDED: [&str; 13] = [
    "model_index.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/chat_template.jinja",
    "tokenizer/tokenizer.json",
    "transformer/config.json",
    SHARD,
    "transformer/w-00002-of-00002.safetensors",
    "transformer/w.safetensors.index.json",
    "unconditional_transformer/config.json",
    "unconditional_transformer/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
];

/// A hub and an empty cache.
struct Scene {
    hub: HubServer,
    cache: tempfile::TempDir,
    settings: HubSettings,
}

impl Scene {
    fn new() -> Self {
        let hub = HubServer::start();
        let cache = tempfile::tempdir().unwrap();
        let mut settings = HubSettings::from_variables(|_| None);
        settings.endpoint = hub.endpoint.clone();
        settings.cache = cache.path().to_owned();
        settings.stall_timeout = Duration::from_millis(400);
        settings.attempts = 3;
        settings.retry_delay = Duration::from_millis(10);
        Self { hub, cache, settings }
    }

    fn resolve(&self) -> Result<PathBuf, HubError> {
        resolve(REPOSITORY, &self.settings, &mut |_| {})
    }

    fn repository_folder(&self) -> PathBuf {
        self.cache.path().join("models--owner--tiny-fp8")
    }

    fn snapshot(&self) -> PathBuf {
        self.repository_folder().join("snapshots").join(COMMIT)
    }

    fn blob(&self, file: &StoredFile, ending: &str) -> PathBuf {
        self.repository_folder().join("blobs").join(etag(file) + ending)
    }

    /// What `huggingface_hub` leaves behind after downloading `names` of the main branch.
    fn write_as_python(&self, names: &[&str]) {
        let folder = self.repository_folder();
        for sub in ["refs", "blobs"] {
            fs::create_dir_all(folder.join(sub)).unwrap();
        }
        fs::write(folder.join("refs/main"), COMMIT).unwrap();
        for name in names {
            let file = self.hub.file(name);
            fs::write(self.blob(&file, ""), &file.bytes).unwrap();
            let link = self.snapshot().join(name);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            let up = "../".repeat(2 + name.matches('/').count());
            std::os::unix::fs::symlink(format!("{up}blobs/{}", etag(&file)), link).unwrap();
        }
    }

    fn assert_whole(&self, folder: &Path) {
        for name in NEEDED {
            let bytes = fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(bytes == self.hub.file(name).bytes, "{name} differs");
        }
        let left: Vec<_> = fs::read_dir(self.repository_folder().join("blobs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".incomplete"))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

fn say(result: Result<PathBuf, HubError>) -> String {
    result.expect_err("it should have failed").to_string()
}

//! Repository ids to folders, against a small hub on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod hub_server;

use hub_server::{COMMIT, FORMER_NAME, HubServer, OLD_COMMIT, REPOSITORY, StoredFile, etag};
use sigmalab_compute::CancelToken;
use sigmalab_model::hub::{
    DownloadProgress, HubError, HubSettings, looks_like_repository, resolve,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

#[test]
fn a_repository_is_downloaded_once_and_then_found_without_a_request() {
    let scene = Scene::new();
    let folder = scene.resolve().unwrap();
    assert_eq!(folder, scene.snapshot());
    scene.assert_whole(&folder);

    let requests = scene.hub.log().len();
    assert_eq!(scene.resolve().unwrap(), folder);
    assert_eq!(scene.hub.log().len(), requests);
}

#[test]
fn only_what_a_checkpoint_needs_is_downloaded() {
    let scene = Scene::new();
    let folder = scene.resolve().unwrap();
    for name in ["README.md", ".gitattributes", "assets", "scheduler"] {
        assert!(!folder.join(name).exists(), "{name}");
    }
    assert!(scene.hub.content_requests("assets/grid.png").is_empty());
}

#[test]
fn the_cache_is_laid_out_as_python_expects_it() {
    let scene = Scene::new();
    scene.resolve().unwrap();
    let folder = scene.repository_folder();
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), COMMIT);
    for name in NEEDED {
        let file = scene.hub.file(name);
        assert_eq!(fs::read(scene.blob(&file, "")).unwrap(), file.bytes, "{name}");
        let target = fs::read_link(scene.snapshot().join(name)).unwrap();
        let up = "../".repeat(2 + name.matches('/').count());
        assert_eq!(target, Path::new(&format!("{up}blobs/{}", etag(&file))), "{name}");
    }
    let lock = format!(".locks/models--owner--tiny-fp8/{}.lock", etag(&scene.hub.file(SHARD)));
    assert!(scene.cache.path().join(lock).is_file());
}

#[test]
fn what_python_downloaded_is_found_without_a_request() {
    let mut scene = Scene::new();
    scene.write_as_python(&NEEDED);
    assert_eq!(scene.resolve().unwrap(), scene.snapshot());
    scene.settings.offline = true;
    assert_eq!(scene.resolve().unwrap(), scene.snapshot());
    assert!(scene.hub.log().is_empty());
}

#[test]
fn what_python_left_out_is_fetched_and_nothing_else() {
    let scene = Scene::new();
    let (left_out, rest) = NEEDED.split_last().unwrap();
    scene.write_as_python(rest);
    scene.assert_whole(&scene.resolve().unwrap());
    let log = scene.hub.log();
    let of_files: Vec<&str> =
        log.iter().map(|r| r.path.as_str()).filter(|path| !path.starts_with("/api/")).collect();
    assert_eq!(of_files.len(), 3, "{of_files:?}");
    assert!(of_files.iter().all(|path| path.ends_with(left_out)), "{of_files:?}");
}

#[test]
fn a_blob_whose_link_is_missing_is_linked_and_not_downloaded() {
    let scene = Scene::new();
    scene.write_as_python(&NEEDED);
    fs::remove_file(scene.snapshot().join(SHARD)).unwrap();
    scene.assert_whole(&scene.resolve().unwrap());
    assert!(scene.hub.content_requests(SHARD).is_empty());
}

#[test]
fn a_link_to_a_deleted_blob_is_mended() {
    let scene = Scene::new();
    scene.write_as_python(&NEEDED);
    let link = scene.snapshot().join(SHARD);
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("../../../blobs/gone", link).unwrap();
    scene.assert_whole(&scene.resolve().unwrap());

    fs::remove_file(scene.blob(&scene.hub.file(SHARD), "")).unwrap();
    scene.assert_whole(&scene.resolve().unwrap());
    assert_eq!(scene.hub.content_requests(SHARD).len(), 1);
}

#[test]
fn a_broken_connection_is_resumed_with_a_request_for_the_rest_only() {
    let scene = Scene::new();
    scene.write_as_python(&NEEDED);
    fs::remove_file(scene.blob(&scene.hub.file(SHARD), "")).unwrap();
    scene.hub.now().breaks = vec![150_000, 100_000];
    scene.assert_whole(&scene.resolve().unwrap());
    let ranges: Vec<_> =
        scene.hub.content_requests(SHARD).into_iter().map(|request| request.range).collect();
    assert_eq!(ranges, [None, Some("bytes=150000-".into()), Some("bytes=250000-".into())]);
}

#[test]
fn a_connection_that_breaks_often_is_put_up_with_while_the_file_grows() {
    let scene = Scene::new();
    for file in scene.hub.now().files.iter_mut().filter(|file| file.name == SHARD) {
        file.bytes = file.bytes.repeat(20);
    }
    scene.hub.now().breaks = [vec![usize::MAX; 2], vec![1_200_000; 6]].concat();
    scene.assert_whole(&scene.resolve().unwrap());
    assert_eq!(scene.hub.content_requests(SHARD).len(), 7, "more than the attempts in a row");
}

#[test]
fn an_answer_without_a_length_that_ends_early_is_resumed() {
    let scene = Scene::new();
    scene.hub.now().breaks = vec![usize::MAX, usize::MAX, 150_000];
    scene.hub.now().hide_length = true;
    scene.assert_whole(&scene.resolve().unwrap());
    assert_eq!(scene.hub.content_requests(SHARD).len(), 2);
}

#[test]
fn a_later_run_goes_on_where_an_interrupted_one_stopped() {
    let scene = Scene::new();
    scene.hub.now().breaks = vec![usize::MAX, usize::MAX, 90_000, 10_000, 0];
    let message = say(scene.resolve());
    assert!(message.contains("run it again"), "{message}");
    assert!(!scene.snapshot().join(SHARD).exists(), "a part is never visible");
    let incomplete = scene.blob(&scene.hub.file(SHARD), ".incomplete");
    assert_eq!(fs::metadata(&incomplete).unwrap().len(), 100_000);

    scene.hub.now().log.clear();
    scene.assert_whole(&scene.resolve().unwrap());
    let requests = scene.hub.content_requests(SHARD);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].range.as_deref(), Some("bytes=100000-"));
}

#[test]
fn a_server_without_ranges_is_read_from_the_start_again() {
    let scene = Scene::new();
    scene.hub.now().breaks = vec![usize::MAX, usize::MAX, 150_000];
    scene.hub.now().ignore_range = true;
    scene.assert_whole(&scene.resolve().unwrap());
    assert_eq!(scene.hub.content_requests(SHARD).len(), 2);
}

#[test]
fn a_connection_that_stalls_is_given_up_and_resumed() {
    let scene = Scene::new();
    scene.hub.now().breaks = vec![usize::MAX, usize::MAX, 150_000];
    scene.hub.now().stall = true;
    let began = Instant::now();
    scene.assert_whole(&scene.resolve().unwrap());
    assert!(began.elapsed() < Duration::from_secs(4), "it waited for the server");
    let ranges = scene.hub.content_requests(SHARD);
    assert_eq!(ranges[1].range.as_deref(), Some("bytes=150000-"));
}

#[test]
fn a_beginning_that_is_not_the_files_own_is_noticed_and_replaced() {
    let scene = Scene::new();
    let shard = scene.hub.file(SHARD);
    for junk in [vec![0; 1_000], vec![0; shard.bytes.len()], vec![0; shard.bytes.len() + 5]] {
        let _ = fs::remove_dir_all(scene.repository_folder());
        fs::create_dir_all(scene.repository_folder().join("blobs")).unwrap();
        fs::write(scene.blob(&shard, ".incomplete"), junk).unwrap();
        scene.assert_whole(&scene.resolve().unwrap());
    }
}

#[test]
fn bytes_with_another_hash_are_discarded() {
    let scene = Scene::new();
    scene.hub.now().corrupt = true;
    let message = say(scene.resolve());
    assert!(message.contains("text_encoder/model.safetensors"), "{message}");
    assert!(message.contains("damaged") && message.contains("SHA-256"), "{message}");
    let file = scene.hub.file("text_encoder/model.safetensors");
    assert!(!scene.blob(&file, "").exists() && !scene.blob(&file, ".incomplete").exists());

    scene.hub.now().corrupt = false;
    scene.assert_whole(&scene.resolve().unwrap());
}

#[test]
fn a_length_that_differs_from_the_announced_one_is_an_error() {
    let scene = Scene::new();
    scene.hub.now().announce_more = 3;
    let message = say(scene.resolve());
    assert!(message.contains("30000 bytes in it instead of 30003"), "{message}");
    assert!(message.contains(REPOSITORY), "{message}");
}

#[test]
fn a_size_that_the_hub_does_not_tell_is_taken_from_the_answer() {
    let scene = Scene::new();
    scene.hub.now().hide_size = true;
    scene.hub.now().breaks = vec![usize::MAX, usize::MAX, 150_000];
    scene.assert_whole(&scene.resolve().unwrap());
    assert_eq!(scene.hub.content_requests(SHARD).len(), 2);
}

#[test]
fn a_download_larger_than_the_disk_is_refused_before_it_begins() {
    let scene = Scene::new();
    scene.hub.now().announce_more = 1 << 55;
    let message = say(scene.resolve());
    assert!(message.contains("no room") && message.contains("HF_HUB_CACHE"), "{message}");
    assert!(scene.hub.log().iter().all(|request| !request.at_content_server));
}

#[test]
fn the_token_goes_to_the_hub_and_to_no_other_server() {
    let mut scene = Scene::new();
    scene.settings.token = Some("hf_secret".to_owned());
    scene.hub.now().known_token = Some("hf_secret".to_owned());
    scene.assert_whole(&scene.resolve().unwrap());
    let log = scene.hub.log();
    assert!(log.iter().any(|request| request.at_content_server));
    for request in log {
        let expected = (!request.at_content_server).then_some("Bearer hf_secret");
        assert_eq!(request.authorization.as_deref(), expected, "{request:?}");
    }
}

#[test]
fn a_renamed_repository_is_found_and_the_token_goes_along() {
    let mut scene = Scene::new();
    scene.settings.token = Some("hf_secret".to_owned());
    scene.hub.now().known_token = Some("hf_secret".to_owned());
    let folder = resolve(FORMER_NAME, &scene.settings, &mut |_| {}).unwrap();
    let expected = scene.cache.path().join("models--former-owner--tiny/snapshots").join(COMMIT);
    assert_eq!(folder, expected, "the cache knows it by the name that was given");
    for name in NEEDED {
        assert_eq!(fs::read(folder.join(name)).unwrap(), scene.hub.file(name).bytes, "{name}");
    }
    for request in scene.hub.log() {
        assert_eq!(request.authorization.is_some(), !request.at_content_server, "{request:?}");
    }
}

#[test]
fn a_gated_repository_is_explained() {
    let mut scene = Scene::new();
    scene.hub.now().gated = true;
    let message = say(scene.resolve());
    let page = format!("{}/{REPOSITORY}", scene.hub.endpoint);
    for part in ["is gated", &page, "accept its licence", "set HF_TOKEN"] {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }

    scene.settings.token = Some("hf_of_somebody".to_owned());
    scene.hub.now().known_token = Some("hf_of_somebody".to_owned());
    let message = say(scene.resolve());
    assert!(message.contains("is gated") && message.contains("the token in use"), "{message}");
}

#[test]
fn a_token_that_the_hub_does_not_know_is_explained() {
    let mut scene = Scene::new();
    scene.settings.token = Some("hf_expired".to_owned());
    let message = say(scene.resolve());
    assert!(message.contains("refused the token") && message.contains("HF_TOKEN"), "{message}");
    assert!(!message.contains("hf_expired"), "{message}");
}

#[test]
fn a_misspelt_repository_is_explained_with_and_without_a_token() {
    let mut scene = Scene::new();
    let ask = |settings: &HubSettings| say(resolve("owner/tony-fp8", settings, &mut |_| {}));
    let message = ask(&scene.settings);
    for part in ["`owner/tony-fp8`", "check the spelling", "HF_TOKEN", "no folder of that name"] {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
    scene.settings.token = Some("hf_secret".to_owned());
    scene.hub.now().known_token = Some("hf_secret".to_owned());
    let message = ask(&scene.settings);
    assert!(message.contains("no repository `owner/tony-fp8`"), "{message}");
}

#[test]
fn a_revision_that_does_not_exist_is_explained() {
    let scene = Scene::new();
    let message = say(resolve("owner/tiny-fp8@v7", &scene.settings, &mut |_| {}));
    assert!(message.contains("`owner/tiny-fp8@v7` has no such revision"), "{message}");
}

#[test]
fn a_tag_a_ref_and_a_commit_lead_to_their_snapshot() {
    let scene = Scene::new();
    for (revision, commit, ref_file) in [
        ("v0.9", OLD_COMMIT, Some("refs/v0.9")),
        ("refs/pr/1", OLD_COMMIT, Some("refs/refs/pr/1")),
        (COMMIT, COMMIT, None),
    ] {
        let name = format!("{REPOSITORY}@{revision}");
        let folder = resolve(&name, &scene.settings, &mut |_| {}).unwrap();
        assert_eq!(folder, scene.repository_folder().join("snapshots").join(commit));
        scene.assert_whole(&folder);
        if let Some(file) = ref_file {
            assert_eq!(fs::read_to_string(scene.repository_folder().join(file)).unwrap(), commit);
        }
        let requests = scene.hub.log().len();
        assert_eq!(resolve(&name, &scene.settings, &mut |_| {}).unwrap(), folder);
        assert_eq!(scene.hub.log().len(), requests, "{revision} is in the cache now");
    }
    assert!(!scene.repository_folder().join("refs/main").exists());
    assert_eq!(scene.hub.content_requests(SHARD).len(), 1, "a blob serves all revisions");
}

#[test]
fn offline_without_a_cache_says_what_to_do() {
    let mut scene = Scene::new();
    scene.settings.offline = true;
    let message = say(scene.resolve());
    assert!(message.contains("not in the cache"), "{message}");
    assert!(message.contains(scene.cache.path().to_str().unwrap()), "{message}");
    assert!(message.contains("HF_HUB_OFFLINE"), "{message}");
    assert!(scene.hub.log().is_empty());
}

#[test]
fn offline_with_a_part_in_the_cache_names_a_missing_file() {
    let mut scene = Scene::new();
    scene.settings.offline = true;
    for missing in [SHARD, "transformer/config.json", "tokenizer/tokenizer.json"] {
        let rest: Vec<&str> = NEEDED.into_iter().filter(|name| *name != missing).collect();
        let _ = fs::remove_dir_all(scene.repository_folder());
        scene.write_as_python(&rest);
        let message = say(scene.resolve());
        assert!(message.contains(&format!("`{missing}` is missing")), "{message}");
        assert!(message.contains("HF_HUB_OFFLINE"), "{message}");
    }
    assert!(scene.hub.log().is_empty());
}

#[test]
fn a_checkpoint_without_a_model_index_is_asked_about_once() {
    let mut scene = Scene::new();
    scene.hub.now().files.retain(|file| file.name != "model_index.json");
    let names = &NEEDED[1..];
    scene.write_as_python(names);

    scene.settings.offline = true;
    assert_eq!(scene.resolve().unwrap(), scene.snapshot(), "usable where nobody can be asked");
    scene.settings.offline = false;
    scene.hub.now().busy = 9;
    assert_eq!(scene.resolve().unwrap(), scene.snapshot(), "usable where the hub is out of order");
    scene.hub.now().busy = 0;

    scene.resolve().unwrap();
    let requests = scene.hub.log().len();
    assert_eq!(scene.resolve().unwrap(), scene.snapshot());
    assert_eq!(scene.hub.log().len(), requests, "the answer was not kept");
}

#[test]
fn a_hub_that_is_out_of_order_for_a_moment_is_asked_again() {
    let scene = Scene::new();
    scene.hub.now().busy = 2;
    scene.assert_whole(&scene.resolve().unwrap());

    let scene = Scene::new();
    scene.hub.now().busy = 1_000;
    let message = say(scene.resolve());
    assert!(message.contains("503") && message.contains("run it again"), "{message}");
    assert_eq!(scene.hub.log().len(), 3, "attempts are bounded");
}

#[test]
fn a_hub_that_cannot_be_reached_is_named() {
    let mut scene = Scene::new();
    // A port that was free a moment ago: nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    scene.settings.endpoint = format!("http://{free}");
    let message = say(scene.resolve());
    assert!(message.contains(&format!("cannot reach {free}")), "{message}");
    assert!(message.contains(REPOSITORY) && message.contains("connection"), "{message}");
}

#[test]
fn a_listing_with_names_that_lead_out_of_the_folder_is_refused() {
    for name in [
        "../../../.bashrc",
        "transformer/../../x.json",
        "/etc/x.json",
        "transformer//x.json",
        "transformer/..\\x.json",
        "transformer/a\nb.json",
    ] {
        let scene = Scene::new();
        scene.hub.now().listed_too = vec![name.to_owned()];
        let error = scene.resolve().unwrap_err();
        assert!(matches!(error, HubError::BadAnswer { .. }), "{name:?}: {error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert!(fs::read_dir(scene.cache.path()).unwrap().next().is_none(), "{name:?}");
    }
}

#[test]
fn an_etag_that_leads_out_of_the_folder_is_refused() {
    let scene = Scene::new();
    scene.hub.now().etag = Some("../../../outside".to_owned());
    let error = scene.resolve().unwrap_err();
    assert!(matches!(error, HubError::BadAnswer { .. }), "{error}");
    assert!(fs::read_dir(scene.cache.path()).unwrap().next().is_none());
}

#[test]
fn a_file_that_is_listed_and_not_there_is_named() {
    let scene = Scene::new();
    scene.hub.now().listed_too = vec!["vae/ghost.json".to_owned()];
    let message = say(scene.resolve());
    assert!(message.contains("`vae/ghost.json`"), "{message}");
}

#[test]
fn a_repository_that_holds_something_else_is_not_downloaded() {
    let scene = Scene::new();
    scene.hub.now().files.retain(|file| !file.name.starts_with("transformer/"));
    let message = say(scene.resolve());
    assert!(message.contains("no Ideogram 4 checkpoint"), "{message}");
    assert_eq!(scene.hub.log().len(), 1);
}

#[test]
fn two_at_once_download_every_file_once() {
    let scene = Scene::new();
    std::thread::scope(|scope| {
        let both = [scope.spawn(|| scene.resolve()), scope.spawn(|| scene.resolve())];
        for one in both {
            assert_eq!(one.join().unwrap().unwrap(), scene.snapshot());
        }
    });
    scene.assert_whole(&scene.snapshot());
    assert_eq!(scene.hub.content_requests(SHARD).len(), 1);
}

#[test]
fn a_file_that_another_process_downloads_is_waited_for() {
    let scene = Scene::new();
    let shard = scene.hub.file(SHARD);
    let locks = scene.cache.path().join(".locks/models--owner--tiny-fp8");
    fs::create_dir_all(&locks).unwrap();
    fs::create_dir_all(scene.repository_folder().join("blobs")).unwrap();
    let lock = locks.join(format!("{}.lock", etag(&shard)));
    let other = fs::File::create(&lock).unwrap();
    other.lock().unwrap();
    let incomplete = scene.blob(&shard, ".incomplete");
    fs::write(&incomplete, &shard.bytes[..300_000]).unwrap();
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| {
            let mut reports = Vec::new();
            resolve(REPOSITORY, &scene.settings, &mut |p| reports.push(p)).map(|_| reports)
        });
        std::thread::sleep(Duration::from_millis(500));
        assert!(!ours.is_finished());
        fs::write(&incomplete, &shard.bytes).unwrap();
        fs::rename(&incomplete, scene.blob(&shard, "")).unwrap();
        // Some versions of Python's lock delete their file in the end.
        fs::remove_file(&lock).unwrap();
        other.unlock().unwrap();
        let reports = ours.join().unwrap().unwrap();
        let of_other = |p: &DownloadProgress| p.file == SHARD && p.bytes_done > 300_000;
        assert!(reports.iter().any(of_other), "the other's progress is shown: {reports:?}");
    });
    assert!(lock.is_file(), "a lock on a deleted file keeps nobody out");
    assert!(scene.hub.content_requests(SHARD).is_empty());
    scene.assert_whole(&scene.snapshot());
}

#[test]
fn progress_grows_to_the_whole_and_is_not_sent_too_often() {
    let scene = Scene::new();
    let mut reports: Vec<DownloadProgress> = Vec::new();
    let began = Instant::now();
    resolve(REPOSITORY, &scene.settings, &mut |progress| reports.push(progress)).unwrap();
    let most = 2 + began.elapsed().as_millis() / 100;
    assert!(reports.len() as u128 <= most, "{} reports", reports.len());

    let total: u64 = NEEDED.iter().map(|name| scene.hub.file(name).bytes.len() as u64).sum();
    assert!(reports.iter().all(|report| report.bytes_total == total), "{reports:?}");
    assert!(reports.is_sorted_by_key(|report| report.bytes_done), "{reports:?}");
    assert_eq!(reports.last().unwrap().bytes_done, total);
    assert_eq!(reports[0].file, "model_index.json");

    reports.clear();
    resolve(REPOSITORY, &scene.settings, &mut |progress| reports.push(progress)).unwrap();
    assert!(reports.is_empty(), "nothing was downloaded");
}

#[test]
fn a_cancelled_download_stops_and_the_next_one_is_whole() {
    let mut scene = Scene::new();
    let cancel = scene.settings.cancel.clone();
    let mut reports = 0;
    let cancelled = resolve(REPOSITORY, &scene.settings, &mut |_| {
        reports += 1;
        cancel.cancel();
    });
    let error = cancelled.unwrap_err();
    assert!(matches!(error, HubError::Cancelled { .. }), "{error}");
    assert!(!error.is_bad_input());
    assert_eq!(reports, 1);
    assert!(!scene.snapshot().join(SHARD).exists());
    scene.settings.cancel = CancelToken::default();
    resolve(REPOSITORY, &scene.settings, &mut |_| {}).unwrap();
    scene.assert_whole(&scene.snapshot());
}

#[test]
fn a_path_that_exists_is_never_taken_for_a_repository() {
    assert!(looks_like_repository("ideogram-ai/ideogram-4-fp8"));
    assert!(looks_like_repository("ideogram-ai/ideogram-4-fp8@v1"));
    assert!(!looks_like_repository("src/tui"));
    assert!(!looks_like_repository("./checkpoints"));
    assert!(!looks_like_repository("/models/ideogram"));
    assert!(!looks_like_repository("checkpoint"));
    assert!(!looks_like_repository(""));
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let mut scene = Scene::new();
    let message = |settings: &HubSettings| say(resolve(REPOSITORY, settings, &mut |_| {}));

    scene.settings.certificates = Some(scene.cache.path().join("none.pem"));
    assert!(message(&scene.settings).contains("SSL_CERT_FILE"));
    scene.settings.certificates = None;
    scene.settings.token = Some("hf_\u{e9}\n".to_owned());
    assert!(message(&scene.settings).contains("HF_TOKEN"));
    scene.settings.token = None;
    scene.settings.endpoint = "huggingface.co".to_owned();
    assert!(message(&scene.settings).contains("HF_ENDPOINT"));
    scene.settings.cache = PathBuf::new();
    assert!(message(&scene.settings).contains("HF_HUB_CACHE"));
    assert!(scene.hub.log().is_empty());
}

/// A cache that others write to, and a file of the user's that a planted link leads to.
fn planted(scene: &Scene, at: &Path) -> PathBuf {
    let own = scene.cache.path().join("own");
    fs::create_dir_all(&own).unwrap();
    let victim = own.join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&victim, at).unwrap();
    victim
}

#[test]
fn a_planted_link_in_the_cache_overwrites_nothing() {
    let shard = Scene::new().hub.file(SHARD);
    for planted_at in [
        "refs/main".to_owned(),
        format!("blobs/{}.incomplete", etag(&shard)),
        format!("blobs/{}", etag(&shard)),
        format!(".no_exist/{COMMIT}/model_index.json"),
    ] {
        let scene = Scene::new();
        let victim = planted(&scene, &scene.repository_folder().join(&planted_at));
        let folder = scene.resolve().unwrap_or_else(|e| panic!("{planted_at}: {e}"));
        scene.assert_whole(&folder);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{planted_at}");
        let blob = scene.blob(&shard, "");
        assert!(fs::symlink_metadata(blob).unwrap().is_file(), "{planted_at}");
    }
}

#[test]
fn a_folder_of_the_cache_or_a_lock_that_is_a_link_is_refused_by_name() {
    let lock = etag(&Scene::new().hub.file(SHARD)) + ".lock";
    for planted_at in [
        "models--owner--tiny-fp8/blobs".to_owned(),
        "models--owner--tiny-fp8/refs".to_owned(),
        format!("models--owner--tiny-fp8/snapshots/{COMMIT}"),
        format!(".locks/models--owner--tiny-fp8/{lock}"),
    ] {
        let scene = Scene::new();
        let link = scene.cache.path().join(&planted_at);
        let victim = planted(&scene, &link);
        fs::remove_file(&link).unwrap();
        let own = if planted_at.ends_with(".lock") { &victim } else { victim.parent().unwrap() };
        std::os::unix::fs::symlink(own, &link).unwrap();
        let said = say(scene.resolve());
        assert!(said.contains("a link"), "{planted_at}: {said}");
        assert_eq!(fs::read_dir(victim.parent().unwrap()).unwrap().count(), 1, "{planted_at}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{planted_at}");
    }
}

#[test]
fn a_pipe_in_the_cache_is_not_waited_for() {
    let scene = Scene::new();
    let pipe = scene.repository_folder().join("refs/main");
    fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    scene.assert_whole(&scene.resolve().unwrap());
    assert_eq!(fs::read_to_string(pipe).unwrap(), COMMIT);
}

#[test]
fn what_somebody_else_began_is_begun_again() {
    let scene = Scene::new();
    let shard = scene.hub.file(SHARD);
    let begun = scene.blob(&shard, ".incomplete");
    fs::create_dir_all(begun.parent().unwrap()).unwrap();
    fs::write(&begun, &shard.bytes[..10]).unwrap();
    if std::os::unix::fs::chown(&begun, Some(65534), None).is_err() {
        eprintln!("skipped: giving a file to another user needs root");
        return;
    }
    scene.assert_whole(&scene.resolve().unwrap());
    let requests = scene.hub.content_requests(SHARD);
    assert!(requests.iter().all(|request| request.range.is_none()), "{requests:?}");
}

#[test]
fn the_token_crosses_no_network_in_the_open_unless_told() {
    let mut scene = Scene::new();
    scene.settings.endpoint = "http://hub.invalid".to_owned();
    scene.settings.token = Some("hf_secret".to_owned());
    scene.settings.attempts = 1;
    let refused = scene.resolve().unwrap_err();
    assert!(matches!(refused, HubError::TokenInTheOpen { .. }), "{refused}");
    assert!(refused.is_bad_input());
    for words in ["http://hub.invalid", "https", "SIGMALAB_TOKEN_OVER_HTTP=1"] {
        assert!(refused.to_string().contains(words), "{refused}");
    }
    let told = HubSettings { token_over_http: true, ..scene.settings.clone() };
    let without = HubSettings { token: None, ..scene.settings.clone() };
    for settings in [told, without] {
        let error = resolve(REPOSITORY, &settings, &mut |_| {}).unwrap_err();
        assert!(!matches!(error, HubError::TokenInTheOpen { .. }), "{error}");
    }
}

#[test]
fn what_only_a_file_names_is_taken_from_the_cache_and_not_downloaded() {
    let mut scene = Scene::new();
    scene.settings.asked = false;
    let said = say(scene.resolve());
    for words in [REPOSITORY, &scene.hub.endpoint, "sigmalab model inspect --model"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(scene.hub.log().is_empty());
    scene.write_as_python(&NEEDED);
    assert_eq!(scene.resolve().unwrap(), scene.snapshot());
    assert!(scene.hub.log().is_empty());
}

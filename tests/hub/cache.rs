//! What is downloaded and where it lies: once, and as Python has it.

use crate::server::{COMMIT, OLD_COMMIT, REPOSITORY, etag};
use crate::{NEEDED, SHARD, Scene, say};
use sigmalab_model::hub::{DownloadProgress, looks_like_repository, resolve};
use std::fs;
use std::path::Path;
use std::time::Duration;

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

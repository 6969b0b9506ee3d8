//! Connections that break, and files that are not what was announced.

use crate::server::REPOSITORY;
use crate::{NEEDED, SHARD, Scene, say};
use sigmalab_compute::CancelToken;
use sigmalab_model::hub::{DownloadProgress, HubError, resolve};
use std::fs;
use std::time::{Duration, Instant};

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

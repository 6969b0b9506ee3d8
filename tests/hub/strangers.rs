//! Servers and files that mean no good.

use crate::server::{COMMIT, REPOSITORY, etag};
use crate::{SHARD, Scene, say};
use sigmalab_model::hub::{HubError, HubSettings, resolve};
use std::fs;
use std::path::{Path, PathBuf};

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

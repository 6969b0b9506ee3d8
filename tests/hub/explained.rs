//! What cannot be had, and the words for it.

use crate::server::{COMMIT, FORMER_NAME, REPOSITORY};
use crate::{NEEDED, SHARD, Scene, say};
use sigmalab_model::hub::{HubSettings, resolve};
use std::fs;
use std::path::PathBuf;

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

#![allow(clippy::unwrap_used)]
use super::*;
use std::fs;

fn directory() -> (tempfile::TempDir, RunDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::at(folder.path());
    (folder, directory)
}

fn skip(trials: &[&str]) -> Request {
    Request::Skip { trials: trials.iter().map(|id| (*id).to_owned()).collect() }
}

#[test]
fn a_request_of_a_huge_number_is_none_and_the_highest_is_named() {
    let (folder, directory) = directory();
    ask(&directory, Request::Pause {}).unwrap();
    let planted = |number: u64| folder.path().join(file_name(number));
    for number in [u64::MAX, MOST_REQUESTS + 1] {
        fs::copy(planted(1), planted(number)).unwrap();
    }
    ask(&directory, Request::Resume {}).unwrap();
    assert!(!Control::read(&directory).unwrap().paused);
    fs::copy(planted(1), planted(MOST_REQUESTS)).unwrap();
    let told = ask(&directory, Request::Resume {}).unwrap_err().to_string();
    assert!(told.contains("1000000.json") && told.contains("delete it"), "{told}");
}

#[test]
fn what_is_wanted_comes_back_and_requests_add_up() {
    let (folder, directory) = directory();
    assert_eq!(Control::read(&directory).unwrap(), Control::default());
    ask(&directory, Request::Pause {}).unwrap();
    ask(&directory, skip(&["a"])).unwrap();
    ask(&directory, skip(&["a", "b"])).unwrap();
    let control = Control::read(&directory).unwrap();
    let skipped = |control: &Control| control.skipped.iter().cloned().collect::<Vec<_>>();
    assert!(control.paused);
    assert_eq!(skipped(&control), ["a", "b"]);
    ask(&directory, Request::TakeUp { trials: vec!["a".to_owned()] }).unwrap();
    ask(&directory, Request::Resume {}).unwrap();
    let control = Control::read(&directory).unwrap();
    assert_eq!((skipped(&control), control.paused), (vec!["b".to_owned()], false));
    // One that is deleted is as if nobody had asked, and the others stay.
    fs::remove_file(folder.path().join("control/3.json")).unwrap();
    assert_eq!(skipped(&Control::read(&directory).unwrap()), [""; 0]);
    ask(&directory, Request::Pause {}).unwrap();
    assert!(Control::read(&directory).unwrap().paused);
}

#[test]
fn of_many_that_ask_at_once_all_are_heard() {
    let (_folder, directory) = directory();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let directory = &directory;
            scope.spawn(move || ask(directory, skip(&[&number.to_string()])).unwrap());
        }
    });
    assert_eq!(Control::read(&directory).unwrap().skipped.len(), 8);
}

#[test]
fn what_a_build_before_this_one_wrote_still_holds() {
    let (folder, directory) = directory();
    let text = r#"{"version":1,"paused":true,"stops":2,"first":["b"],"skipped":["a"]}"#;
    fs::write(folder.path().join(FORMER), text).unwrap();
    let mut followed = Followed::new(&directory).unwrap();
    let control = followed.control().clone();
    assert!(control.paused && control.first == ["b"] && control.skipped.contains("a"));
    assert!(!followed.is_cancelled());
    ask(&directory, Request::Resume {}).unwrap();
    assert!(!followed.look().paused);
    fs::remove_file(folder.path().join(FORMER)).unwrap();
    followed.look();
    assert!(!followed.is_cancelled(), "without the file nobody asked for a stop");
}

#[test]
fn the_trial_put_first_last_comes_first_and_the_same_again_takes_it_back() {
    let mut control = Control::default();
    ["a", "b"].iter().for_each(|id| control.put_first(id));
    let rank = |control: &Control, id: &str| control.rank(&TrialId(id.to_owned()));
    assert_eq!(["b", "a", "c"].map(|id| rank(&control, id)), [0, 1, 2]);
    control.put_first("b");
    assert_eq!(["a", "b"].map(|id| rank(&control, id)), [0, 1]);
}

#[test]
fn a_file_that_is_none_is_refused_with_a_way_out_and_kept() {
    let (folder, directory) = directory();
    for text in ["{", "{\"version\":1,\"pause\":true}", "{\"version\":9}"] {
        for name in [FORMER, "control/1.json"] {
            fs::create_dir_all(folder.path().join(FOLDER)).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
            let told = Control::read(&directory).unwrap_err().to_string();
            assert!(told.contains("delete it") && told.contains(name), "{told}");
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), text);
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}

#[test]
fn no_damaged_file_panics_and_none_is_lost_by_reading_it() {
    let (folder, directory) = directory();
    ask(&directory, skip(&["a", "b"])).unwrap();
    let path = folder.path().join("control/1.json");
    let whole = fs::read(&path).unwrap();
    for damaged in sigmalab_mutations::Mutations::of(&whole, 20).take(2000) {
        fs::write(&path, &damaged).unwrap();
        let _ = Control::read(&directory);
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn a_process_that_begins_after_a_cancel_is_not_stopped_by_it() {
    let (_folder, directory) = directory();
    let mut early = Followed::new(&directory).unwrap();
    ask(&directory, Request::Stop { cause: None }).unwrap();
    let mut late = Followed::new(&directory).unwrap();
    early.look();
    late.look();
    assert!(early.is_cancelled() && !late.is_cancelled());
}

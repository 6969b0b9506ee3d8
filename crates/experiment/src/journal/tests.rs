#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::Outcome;
use crate::trial::tests::experiment;
use std::fs;

/// The one journal of a folder.
fn only(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let first = entries.next().unwrap();
    assert!(entries.next().is_none());
    first
}

/// As if time had gone by since the last look.
fn age(journals: &mut Journals) {
    let lines = journals.read.values_mut().flat_map(|reading| &mut reading.damaged);
    lines.for_each(|line| line.last = line.last.checked_sub(LOOK_EVERY).unwrap());
}

fn record(number: usize) -> Record {
    let trial = experiment("[parameters]\nmu = [0, 1]").trial(number).unwrap();
    let outcome = Outcome::Failed { error: "a test".to_owned() };
    Record::of_trial(&trial, None).ended(1, 5, outcome)
}

/// A journal with the first records, in a folder of its own, and its file.
fn written(records: usize) -> (tempfile::TempDir, Journal, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::new(folder.path(), "a");
    (0..records).for_each(|number| journal.append(&record(number)).unwrap());
    let path = only(folder.path());
    (folder, journal, path)
}

#[test]
fn records_come_back_as_they_were_written_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut journals = Journals::new(folder.path());
    assert_eq!(journals.refresh().unwrap(), []);
    let mut journal = Journal::new(folder.path(), "a");
    journal.append(&record(0)).unwrap();
    let mut other = Journal::new(folder.path(), "b");
    other.append(&record(1)).unwrap();
    assert_eq!(journals.refresh().unwrap(), [record(0), record(1)]);
    assert_eq!(journals.refresh().unwrap(), []);
    journal.append(&record(2)).unwrap();
    assert_eq!(journals.refresh().unwrap(), [record(2)]);
}

#[test]
fn a_record_is_read_again_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::new(folder.path(), "a");
    (0..3).for_each(|number| journal.append(&record(number)).unwrap());
    let mut other = Journal::new(folder.path(), "b");
    other.append(&record(3)).unwrap();
    // As an editor on Windows leaves it, and with a line that is shown late.
    let path = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let path = path.min().unwrap();
    let whole = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    let whole = format!("\u{feff}{whole}");
    let second = whole.match_indices('\n').next().unwrap().0 + 40;
    fs::write(&path, [&whole[..second], "!", &whole[second + 1..]].concat()).unwrap();
    let (mut journals, mut found) = (Journals::new(folder.path()), Vec::new());
    journals.read_on(&mut |record, place| found.push((record, place))).unwrap();
    fs::write(&path, &whole).unwrap();
    age(&mut journals);
    journals.read_on(&mut |record, place| found.push((record, place))).unwrap();
    let numbers: Vec<usize> = found.iter().map(|(record, _)| record.number).collect();
    assert_eq!(numbers, [0, 2, 3, 1]);
    let mut again = journals.again();
    for (record, place) in &found {
        assert_eq!(again.record(*place).unwrap(), *record);
    }
    let told = |again: &mut Again<'_>| again.record(found[1].1).unwrap_err().to_string();
    fs::write(&path, &whole[..second]).unwrap();
    assert!(told(&mut again).contains("is not what it was"));
    fs::remove_file(&path).unwrap();
    assert!(told(&mut journals.again()).contains("No such file"));
}

#[test]
fn line_ends_and_marks_of_other_programs_damage_nothing() {
    let (folder, _, path) = written(2);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    let mut journals = Journals::new(folder.path());
    assert_eq!(journals.refresh().unwrap(), [record(0), record(1)]);
    assert_eq!(journals.damaged(), 0);
}

#[test]
fn a_line_cut_at_any_byte_is_passed_over_and_the_rest_kept() {
    let (folder, _, path) = written(2);
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [first, first + 1, first + 20, whole.len() - 2] {
        fs::write(&path, &whole[..cut]).unwrap();
        let mut journals = Journals::new(folder.path());
        assert_eq!(journals.refresh().unwrap(), [record(0)], "cut at {cut}");
        assert_eq!(journals.damaged(), 0);
    }
}

#[test]
fn a_line_that_lacks_its_end_alone_counts_once() {
    let (folder, mut journal, path) = written(2);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (mut journals, mut places) = (Journals::new(folder.path()), Vec::new());
    journals.read_on(&mut |_, place| places.push(place)).unwrap();
    let both = |journals: &Journals| {
        let mut again = journals.again();
        places.iter().map(|place| again.record(*place).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(both(&journals), [record(0), record(1)]);
    // The end was only shown late, and more comes after it.
    fs::write(&path, &whole).unwrap();
    assert_eq!(journals.refresh().unwrap(), []);
    assert_eq!(both(&journals), [record(0), record(1)]);
    journal.append(&record(2)).unwrap();
    assert_eq!((journals.refresh().unwrap(), journals.damaged()), (vec![record(2)], 0));
}

#[test]
fn a_flipped_bit_costs_its_own_record_and_is_told() {
    let (folder, _, path) = written(2);
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut journals = Journals::new(folder.path());
    assert_eq!(journals.refresh().unwrap(), [record(1)]);
    assert_eq!(journals.damaged(), 1);
    // It was shown before it was whole.
    fs::write(&path, whole).unwrap();
    age(&mut journals);
    assert_eq!(journals.refresh().unwrap(), [record(0)]);
    assert_eq!((journals.damaged(), journals.refresh().unwrap()), (0, Vec::new()));
}

#[test]
fn zeros_where_lines_will_be_are_read_once_they_are() {
    let (folder, _, path) = written(3);
    let whole = fs::read(&path).unwrap();
    let mut holes = whole.clone();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
    holes[first - 40..first + 60].fill(0);
    fs::write(&path, &holes).unwrap();
    let mut journals = Journals::new(folder.path());
    assert_eq!((journals.refresh().unwrap(), journals.damaged()), (vec![record(2)], 1));
    age(&mut journals);
    assert_eq!((journals.refresh().unwrap(), journals.damaged()), (Vec::new(), 1));
    fs::write(&path, &whole).unwrap();
    age(&mut journals);
    assert_eq!(journals.refresh().unwrap(), [record(0), record(1)]);
}

#[test]
fn a_journal_tells_how_far_it_went_and_a_reader_whether_it_read_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::new(folder.path(), "a");
    let written = journal.written();
    let left = || written.lock().unwrap().clone();
    assert_eq!(left(), []);
    journal.append(&record(0)).unwrap();
    let mut journals = Journals::new(folder.path());
    assert!(!journals.reach(&left()));
    journals.refresh().unwrap();
    assert!(journals.reach(&left()));
    journal.append(&record(1)).unwrap();
    assert!(!journals.reach(&left()));
    let length = fs::metadata(only(folder.path())).unwrap().len();
    assert_eq!(left()[0].length, length);
}

#[test]
fn no_damaged_record_panics_or_names_a_file_that_is_not_its_runs_own() {
    let mut done = record(0);
    done.outcome = crate::record::tests::done(&done.id);
    let json = serde_json::to_string(&done).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut sound = 0;
    for damaged in sigmalab_mutations::Mutations::of(json.as_bytes(), 20).take(4000) {
        // With its right checksum, as a stranger would write it.
        let text = String::from_utf8_lossy(&damaged).replace('\n', " ");
        fs::write(&path, line(&text)).unwrap();
        let mut journals = Journals::new(folder.path());
        let Ok(records) = journals.refresh() else { continue };
        for record in records {
            sound += 1;
            let Some(measured) = record.measured() else { continue };
            let image = measured.image.as_deref().unwrap_or_default();
            assert!(image.is_empty() || image == format!("images/{}.png", record.id.short()));
            // What is made of records survives them.
            let _ = crate::tables::row(&record, &[]);
            let mut ledger = crate::ledger::Ledger::default();
            ledger.take([record.clone(), record]);
        }
    }
    // Many of the damaged ones are records all the same.
    assert!(sound > 100, "{sound}");
}

#[test]
fn a_hole_in_a_file_is_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("a.jsonl")).unwrap();
    file.set_len(LONGEST_LINE + 5).unwrap();
    let told = Journals::new(folder.path()).refresh().unwrap_err().to_string();
    assert!(told.contains("too long") && told.contains("a.jsonl"), "{told}");
    file.set_len(LONGEST + 1).unwrap();
    assert!(Journals::new(folder.path()).refresh().is_err());
}

#[test]
fn records_of_a_later_build_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.jsonl"), line("{\"version\":9,\"x\":1}")).unwrap();
    let told = Journals::new(folder.path()).refresh().unwrap_err().to_string();
    assert!(told.contains("version 9"), "{told}");
}

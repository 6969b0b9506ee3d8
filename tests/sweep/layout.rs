//! Where the pictures of a sweep lie: in one folder, or, of very many trials, in folders by how their
//! names begin. Whoever reads a run directory finds both.

use crate::place::{place, rows, run};
use crate::support::program::Place;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a run directory's folder, by name.
fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.append(&mut files(&path)),
            false => {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                assert!(found.insert(name, path).is_none());
            }
        }
    }
    found
}

/// Lays the files of every other run out as those of a sweep of very many trials are, and has the
/// journals say so.
fn spread(place: &Place) -> usize {
    let at = |name: &str| place.path("runs/small").join(name);
    let mut moved = Vec::new();
    for folder in ["images", "references"] {
        let mut names: Vec<String> = files(&at(folder)).into_keys().collect();
        names.sort();
        // A reference run has two files.
        let stem = |name: &String| name.split('.').next().unwrap().to_owned();
        let mut stems: Vec<String> = names.iter().map(stem).collect();
        stems.dedup();
        let chosen: Vec<String> = stems.into_iter().step_by(2).collect();
        for name in names.iter().filter(|name| chosen.contains(&stem(name))) {
            let part = &name[..2];
            fs::create_dir_all(at(folder).join(part)).unwrap();
            fs::rename(at(folder).join(name), at(folder).join(part).join(name)).unwrap();
            moved.push((format!("\"{folder}/{name}\""), format!("\"{folder}/{part}/{name}\"")));
        }
    }
    for (_, journal) in files(&at("journal")) {
        let text = fs::read_to_string(&journal).unwrap();
        let lines = text.lines().map(|line| {
            let (_, json) = line.split_once(' ').unwrap();
            let json =
                moved.iter().fold(json.to_owned(), |json, (from, to)| json.replace(from, to));
            let sum: String = blake3::hash(json.as_bytes()).to_hex().chars().take(16).collect();
            format!("{sum} {json}\n")
        });
        let text: String = lines.collect();
        fs::write(&journal, text).unwrap();
    }
    moved.len()
}

#[test]
fn pictures_in_one_folder_and_in_many_are_found_alike() {
    let place = place();
    assert_eq!(run(&place, &[]).code, Some(0));
    let directory = place.path("runs/small");
    place.done(&["sweep", "report", "runs/small"]);
    let bytes = |files: BTreeMap<String, PathBuf>| -> BTreeMap<String, Vec<u8>> {
        files.into_iter().map(|(name, path)| (name, fs::read(path).unwrap())).collect()
    };
    let before = bytes(files(&directory.join("images")));
    let shown = |page: &str| page.matches("data:image/jpeg").count();
    let page = || fs::read_to_string(directory.join("report.html")).unwrap();
    let pictures = shown(&page());
    let table = || fs::read_to_string(directory.join("trials.csv")).unwrap();
    let earlier = table();

    assert_eq!(spread(&place), 4 + 2);
    let status = place.done(&["sweep", "status", "runs/small"]);
    assert!(!status.contains("damaged"), "{status}");
    place.done(&["sweep", "report", "runs/small"]);
    assert_eq!(shown(&page()), pictures);
    // Rows differ in nothing but where the picture is, which is where they say.
    let image = |row: &BTreeMap<String, String>| row["image"].clone();
    let found = rows(&directory.join("trials.csv"));
    assert_eq!(found.iter().filter(|row| image(row).split('/').count() == 3).count(), 4);
    assert!(found.iter().all(|row| directory.join(image(row)).is_file()));
    let folded = found.iter().map(image).fold(table(), |text, image| {
        text.replace(&image, &format!("images/{}", image.rsplit('/').next().unwrap()))
    });
    assert_eq!(folded, earlier);

    // A trial whose record was lost is made again, beside a reference run of either layout.
    let journals = files(&directory.join("journal"));
    let (_, journal) = journals.first_key_value().unwrap();
    let text = fs::read_to_string(journal).unwrap();
    let (kept, lost): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| !line.contains("\"kind\":\"trial\""));
    assert_eq!(lost.len(), 8);
    fs::write(journal, format!("{}\n", [kept, lost[3..].to_vec()].concat().join("\n"))).unwrap();
    assert_eq!(run(&place, &[]).code, Some(0));
    let found = rows(&directory.join("trials.csv"));
    assert_eq!(found.iter().filter(|row| row["status"] == "done").count(), 8);
    for row in &found {
        let image = image(row);
        let name = image.rsplit('/').next().unwrap();
        assert_eq!(fs::read(directory.join(&image)).unwrap(), before[name], "{image}");
    }
}

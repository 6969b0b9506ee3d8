//! The report of a sweep: contact sheet, page and summary.

use crate::place::place;
use crate::program::Place;
use std::fs;
use std::process::Command;

fn reported() -> Place {
    let place = place();
    let done = place.done(&["sweep", "run", "small.toml"]);
    assert!(done.contains("8 of 8 trials done"), "{done}");
    place
}

#[test]
fn a_finished_sweep_has_a_sheet_a_page_and_a_summary() {
    let place = reported();
    let directory = place.path("runs/small");
    let decoder = png::Decoder::new(std::io::BufReader::new(
        fs::File::open(directory.join("contact-sheet.png")).unwrap(),
    ));
    let info = decoder.read_info().unwrap();
    // Four settings and the reference run beside each other, two instances below each other.
    assert!(info.info().width > 5 * 190 && info.info().height > 2 * 190);

    let page = fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(!page.contains("<b>square"), "a prompt is text");
    assert!(page.contains("<td class=\"long\">&lt;b&gt;</td>"), "ids are escaped and shown");
    assert!(
        !page.contains("http://")
            || page.matches("http://").count()
                == page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!page.contains("https://") && !page.contains("src=\"images"), "nothing is fetched");
    assert_eq!(page.matches("<tr title").count(), 8);

    let summary = place.done(&["sweep", "report", "runs/small"]);
    for words in
        ["best settings", "latent_rmse", "effect of each parameter", "gw[-2..]", "Wilcoxon"]
    {
        assert!(summary.contains(words), "no `{words}` in {summary}");
    }
}

#[test]
fn a_preset_that_has_changed_since_the_sweep_began_is_told() {
    let place = reported();
    let told = "another preset `V4_TURBO_12` now than when this sweep began";
    let report = ["sweep", "report", "runs/small"];
    assert!(!place.done(&report).contains(told));
    place.write(
        "presets.toml",
        "[V4_TURBO_12]\nmu = 0.5\nstd = 1.75\nruns = [{ steps = 12, gw = 5.0 }]\n".to_owned(),
    );
    let summary = place.done(&report);
    assert!(summary.contains(told), "{summary}");
}

#[test]
fn any_column_is_compared_with_any_other() {
    let place = reported();
    let arguments = ["sweep", "plot", "runs/small", "--across", "gw[-2..]", "--up", "latent_rmse"];
    let told = place.done(&arguments);
    let rows: Vec<&str> = told.lines().filter(|line| line.starts_with('|')).collect();
    // A head, a rule, and one group with a mean at each of two values.
    assert_eq!(rows.len(), 3, "{told}");
    assert_eq!(rows[0].matches('|').count(), 2 + 2, "{told}");
    let svg = fs::read_to_string(place.path("runs/small/plot.svg")).unwrap();
    assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (1, 2));

    let by = [&arguments[..], &["--by", "gw[-2..]", "-o", "by.svg"]].concat();
    place.done(&by);
    let svg = fs::read_to_string(place.path("by.svg")).unwrap();
    assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 2));

    for (up, words) in
        [("latent_rms", "did you mean `latent_rmse`?"), ("x", "there is latent_rmse,")]
    {
        let refused = place.run(&["sweep", "plot", "runs/small", "--across", "nfe", "--up", up]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
}

#[test]
fn a_sweep_without_a_finished_trial_has_nothing_to_report() {
    let place = place();
    let mut child = place
        .command(&["sweep", "run", "small.toml"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !place.path("runs/small/frozen.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(place.path("runs/small/journal")).unwrap();
    let outcome = place.run(&["sweep", "report", "runs/small"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("nothing to report"), "{outcome:?}");
}

/// A browser that can be driven, if one is installed.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome", "headless_shell"];
    names.into_iter().find(|name| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    })
}

/// The page as the browser has it after `script` ran in it.
fn after(browser: &str, place: &Place, script: &str) -> String {
    let page = fs::read_to_string(place.path("runs/small/report.html")).unwrap();
    let driven = page.replace("</body>", &format!("<script>{script}</script></body>"));
    let path = place.path("runs/small/driven.html");
    fs::write(&path, driven).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", place.path("profile").display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The trials of the page in their order, with those that are hidden left out.
fn numbers(dom: &str) -> Vec<usize> {
    let body = dom.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let rows =
        body.split("<tr").skip(1).filter(|row| !row.split('>').next().unwrap().contains("hidden"));
    let cell = |row: &str| {
        row.split("<td class=\"long\">").nth(2).unwrap().split('<').next().unwrap().parse().unwrap()
    };
    rows.map(cell).collect()
}

#[test]
fn the_page_sorts_filters_and_plots_in_a_browser() {
    let Some(browser) = browser() else {
        println!("skipped: there is no Chromium to open the page with");
        return;
    };
    let place = reported();
    let click =
        "[...document.querySelectorAll('th')].find(h => h.textContent === 'latent_rmse').click();";
    let sorted = numbers(&after(browser, &place, click));
    let descending = numbers(&after(browser, &place, &format!("{click}{click}")));
    assert_eq!(sorted.len(), 8);
    assert_eq!(sorted.iter().rev().collect::<Vec<_>>(), descending.iter().collect::<Vec<_>>());
    let filter = "const f = document.getElementById('filter'); f.value = 'param.mu=0.4 seed=1'; f.dispatchEvent(new Event('input'));";
    let dom = after(browser, &place, filter);
    assert_eq!(numbers(&dom).len(), 4);
    assert!(dom.contains("4 of 8"));
    assert_eq!(dom.matches("<circle").count(), 4);
    assert!(dom.contains("<polyline"), "the Pareto front is drawn");
}

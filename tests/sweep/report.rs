//! The report of a sweep: contact sheet, page and summary.

use crate::place::place;
use crate::support::program::Place;
use crate::support::text::AssertHas as _;
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
    assert!(page.contains("<td>&lt;b&gt;</td>"), "ids are escaped and shown");
    assert!(
        !page.contains("http://")
            || page.matches("http://").count()
                == page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!page.contains("https://") && !page.contains("src=\"images"), "nothing is fetched");
    assert_eq!(page.matches("<tr title").count(), 8);

    let summary = place.done(&["sweep", "report", "runs/small"]);
    summary.assert_has([
        "best settings",
        "latent_rmse",
        "effect of each parameter",
        "gw[-2..]",
        "Wilcoxon",
    ]);
}

#[test]
fn a_preset_that_has_changed_since_the_sweep_began_is_told() {
    let place = reported();
    let told = "a different preset `V4_TURBO_12` now than when this sweep began";
    let report = ["sweep", "report", "runs/small"];
    assert!(!place.done(&report).contains(told));
    place.write(
        "presets.toml",
        "[V4_TURBO_12]\nmu = 0.5\nstd = 1.75\nruns = [{ steps = 12, gw = 5.0 }]\n",
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
        [("latent_rms", "did you mean `latent_rmse`?"), ("x", "the columns are latent_rmse,")]
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
    let found = names.into_iter().find(|name| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        println!("skipped: there is no Chromium to open the page with");
    }
    found
}

/// The page of the small sweep, changed by `change`, as the browser has it.
fn opened(browser: &str, place: &Place, change: impl Fn(String) -> String) -> String {
    let page = fs::read_to_string(place.path("runs/small/report.html")).unwrap();
    let path = place.path("runs/small/driven.html");
    fs::write(&path, change(page)).unwrap();
    let output = headless(browser, &place.path("profile"))
        .arg("--dump-dom")
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A browser without a window that asks nobody anything.
fn headless(browser: &str, profile: &std::path::Path) -> Command {
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--no-first-run", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", profile.display()));
    command
}

/// The page after `script` ran in it, which its policy would not let.
fn after(browser: &str, place: &Place, script: &str) -> String {
    opened(browser, place, |page| {
        let page = page.replacen("http-equiv=\"Content-Security-Policy\"", "name=\"lifted\"", 1);
        page.replace("</body>", &format!("<script>{script}</script></body>"))
    })
}

/// The trials of the table in their order, with those that are hidden left out.
fn shown(dom: &str) -> Vec<String> {
    let table = dom.split("id=\"trials\"").nth(1).unwrap();
    let body = table.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let rows =
        body.split("<tr").skip(1).filter(|row| !row.split('>').next().unwrap().contains("hidden"));
    let run =
        |row: &str| row.split("data-run=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    rows.map(run).collect()
}

#[test]
fn the_page_sorts_filters_and_plots_in_a_browser() {
    let Some(browser) = browser() else { return };
    let place = reported();
    let click =
        "[...document.querySelectorAll('th')].find(h => h.textContent === 'latent_rmse').click();";
    let sorted = shown(&after(browser, &place, click));
    let descending = shown(&after(browser, &place, &format!("{click}{click}")));
    assert_eq!(sorted.len(), 8);
    assert_eq!(sorted.iter().rev().collect::<Vec<_>>(), descending.iter().collect::<Vec<_>>());
    let filter = "const f = document.getElementById('filter'); f.value = 'param.mu=0.4 seed=1'; f.dispatchEvent(new Event('input'));";
    let dom = after(browser, &place, &filter.replace(" seed=1", ""));
    assert_eq!(shown(&dom).len(), 4);
    assert!(dom.contains("4 of 8"));
    assert_eq!(dom.matches("<circle").count(), 4);
    assert!(dom.contains("<polyline"), "the Pareto front is drawn");
}

#[test]
fn what_was_swept_what_came_of_it_and_the_picture_lie_in_the_window() {
    let Some(browser) = browser() else { return };
    let place = reported();
    let script = "
        const heads = [...document.getElementById('trials').tHead.rows[0].cells];
        const inside = heads.filter(h => h.getBoundingClientRect().right <= innerWidth);
        const images = [...document.querySelectorAll('#trials td img')].length;
        document.title = inside.map(h => h.textContent).join(' ') + ' images ' + images;";
    let dom = after(browser, &place, script);
    let title = dom.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    let wanted = "param.mu param.gw[-2..] latent_rmse psnr ssim nfe clip_fraction";
    assert!(title.starts_with(wanted), "{title}");
    assert!(title.contains(" picture ") && title.ends_with("images 8"), "{title}");
    let page = fs::read_to_string(place.path("runs/small/report.html")).unwrap();
    let constant = page.split("class=\"constant\">").nth(1).unwrap().split("</p>").next().unwrap();
    constant.assert_has([
        "<b>seed</b> 1",
        "<b>steps</b> 4",
        "<b>sampler</b> euler",
        "<b>status</b> done",
    ]);
}

#[test]
fn pictures_open_large_beside_their_recipe_and_two_are_flipped_with_keys() {
    let Some(browser) = browser() else { return };
    let place = reported();
    let script = "
        const key = key => document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        const said = [];
        const say = () => said.push(
            document.getElementById('side').textContent + ':' + document.getElementById('large').alt);
        const first = document.querySelector('.sheet tbody tr td:nth-child(3) .shot');
        first.focus(); key('ArrowRight');
        said.push(document.activeElement.title);
        first.click(); say();
        key('m'); key('ArrowRight'); say(); key(' '); say(); key(' '); say();
        said.push(document.getElementById('large').getAttribute('src'));
        said.push(document.getElementById('facts').textContent.includes('euler') ? 'facts' : '');
        said.push(JSON.parse(document.getElementById('recipe').textContent).steps.length);
        document.getElementById('close').click();
        said.push(document.getElementById('viewer').open);
        document.title = said.join(' | ');";
    let dom = after(browser, &place, script);
    let title = dom.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    let said: Vec<&str> = title.split(" | ").collect();
    assert_eq!(said.len(), 9, "{title}");
    let (first, second) = (said[1].strip_prefix(':').unwrap(), said[0]);
    assert_ne!(first, second, "the focus moved");
    assert_eq!(said[2], format!("B:{second}"));
    assert_eq!(said[3], format!("A:{first}"));
    assert_eq!(said[4], format!("B:{second}"));
    assert!(said[5].starts_with("images/") && said[5].ends_with(".png"), "{title}");
    assert_eq!(&said[6..], ["facts", "4", "false"]);
}

#[test]
fn the_viewer_goes_back_to_where_it_was_opened() {
    let Some(browser) = browser() else { return };
    let place = reported();
    let script = "
        const said = [];
        // The browser tells of it later than the page is looked at.
        const close = () => {
            document.getElementById('close').click();
            document.getElementById('viewer').dispatchEvent(new Event('close'));
        };
        const shots = [...document.querySelectorAll('#trials .shot')];
        const last = shots[shots.length - 1];
        last.scrollIntoView();
        const before = scrollY;
        last.focus(); last.click(); close();
        said.push(document.activeElement === last ? 'row' : 'elsewhere', scrollY === before);
        const sheet = document.querySelector('.sheet tbody .shot');
        sheet.click(); close();
        said.push(document.activeElement === sheet ? 'sheet' : 'elsewhere');
        document.title = said.join(' | ');";
    let dom = after(browser, &place, script);
    let title = dom.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    assert_eq!(title, "row | true | sheet");
}

#[test]
fn what_runs_happened_to_take_is_no_setting_that_they_share() {
    let place = reported();
    for entry in fs::read_dir(place.path("runs/small/journal")).unwrap() {
        let path = entry.unwrap().path();
        let mut text = String::new();
        for line in fs::read_to_string(&path).unwrap().lines() {
            let (_, json) = line.split_once(' ').unwrap();
            let mut record: serde_json::Value = serde_json::from_str(json).unwrap();
            if record["timings"].is_object() {
                record["timings"]["encode_ms"] = 0.001.into();
                record["peak_memory"] = 5.into();
            }
            let json = record.to_string();
            let sum: String = blake3::hash(json.as_bytes()).to_hex().chars().take(16).collect();
            text.push_str(&format!("{sum} {json}\n"));
        }
        fs::write(&path, text).unwrap();
    }
    place.done(&["sweep", "report", "runs/small"]);
    let page = fs::read_to_string(place.path("runs/small/report.html")).unwrap();
    let constant = page.split("class=\"constant\">").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(constant.contains("<b>seed</b>"), "{constant}");
    for name in ["encode_ms", "peak_memory_bytes"] {
        assert!(!constant.contains(name), "{constant}");
    }
}

#[test]
fn the_page_runs_its_own_script_and_no_other() {
    let Some(browser) = browser() else { return };
    let place = reported();
    let smuggled = "<script>document.title = 'smuggled'</script>\
                    <img src=\"nothing\" onerror=\"document.title = 'smuggled'\"></body>";
    let dom = opened(browser, &place, |page| page.replace("</body>", smuggled));
    assert!(dom.contains("8 of 8"), "its own script ran");
    assert!(dom.contains("<title>small</title>"), "another did");
    assert_eq!(dom.matches("<circle").count(), 8);
}

#[test]
fn the_page_without_its_pictures_says_which_are_gone() {
    let place = reported();
    let images = place.path("runs/small/images");
    let first = fs::read_dir(&images).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(first).unwrap();
    for command in [&["sweep", "report", "runs/small"][..], &["sweep", "run", "runs/small"]] {
        let told = place.run(command);
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(told.stderr.contains("1 picture of finished runs is missing"), "{told:?}");
    }
    let page = fs::read_to_string(place.path("runs/small/report.html")).unwrap();
    assert!(page.contains("the picture is gone"));
}

/// The picture of the quickstart's report in the documentation, drawn anew with `UPDATE_DOCS=1`.
#[test]
fn the_report_of_the_quickstart_is_shown_in_the_documentation() {
    let shown = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens/report.png");
    if std::env::var_os("UPDATE_DOCS").is_none() {
        assert!(shown.is_file(), "{} is missing: UPDATE_DOCS=1 draws it", shown.display());
        return;
    }
    let browser = browser().expect("Chromium draws the page");
    let place = Place::new();
    let root = env!("CARGO_MANIFEST_DIR");
    place.done(&["sweep", "run", &format!("{root}/experiments/quickstart.toml")]);
    let page = place.path("runs/quickstart/report.html");
    let done = headless(browser, &place.path("profile"))
        .args(["--force-device-scale-factor=1", "--window-size=1280,1400"])
        .arg(format!("--screenshot={}", shown.display()))
        .arg(format!("file://{}", page.display()))
        .status()
        .unwrap();
    assert!(done.success());
}

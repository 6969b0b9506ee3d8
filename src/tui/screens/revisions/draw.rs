//! The tree of what was done and undone, newest first, and what going to the revision under the
//! cursor would change.

use crate::tui::app::App;
use crate::tui::screens::gallery::draw::first_row;
use crate::tui::screens::gallery::labels;
use crate::tui::screens::revisions::tree;
use crate::tui::screens::wrapping::cut;
use crate::tui::screens::{curves, inside, list_rows, pane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};
use sigmalab_schedule::diff::Difference;
use sigmalab_schedule::edit::{Change, Revision};

/// What revision 0 is called.
const OPENED: &str = "as it was opened";

pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = tree_area(area).width;
    let right = Rect { x: area.x + width, width: area.width - width, ..area };
    draw_tree(app, area, buffer);
    let height = (right.height / 2).clamp(4.min(right.height), 16);
    let below = Rect { y: right.y + height, height: right.height - height, ..right };
    draw_there(app, Rect { height, ..right }, below, buffer);
}

fn tree_area(area: Rect) -> Rect {
    Rect { width: (area.width * 11 / 20).clamp(30.min(area.width), 76), ..area }
}

/// The rows in view on a screen of that size, the newest revision's being 0, and where each is.
pub(in crate::tui) fn rows(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let (inner, count) = (inside(tree_area(area)), app.document.history().count());
    let rows = usize::from(inner.height);
    let cursor = count.saturating_sub(1 + app.chosen_revision);
    list_rows(first_row(cursor, rows, count), rows, count, inner)
}

fn draw_tree(app: &App, screen: Rect, buffer: &mut Buffer) {
    let area = tree_area(screen);
    let history = app.document.history();
    let count = history.count();
    let title = match count {
        1 => "revisions".to_owned(),
        count => format!("revisions · {count}"),
    };
    let inner = pane(app, &title, area, true, buffer);
    let revisions: Vec<Revision<'_>> = history.revisions().collect();
    let parents: Vec<Option<usize>> = revisions.iter().map(|revision| revision.parent).collect();
    let lanes = tree::lanes(&parents, history.revision());
    let digits = (count - 1).to_string().len();
    let places: Vec<(usize, Rect)> = rows(app, screen).collect();
    let first = places.first().map_or(0, |(at, _)| *at);
    // Labels stand below each other, unless there are more branches than columns to spare.
    let shown = lanes.iter().skip(first).take(places.len()).map(|lanes| lanes.chars().count());
    let wide = shown.max().unwrap_or(0).min(usize::from(inner.width) / 3);
    for ((at, place), lanes) in places.into_iter().zip(lanes.iter().skip(first)) {
        let number = count - 1 - at;
        let label = revisions.get(number).map(done).unwrap_or_default();
        let current = number == history.revision();
        let style = if current { app.theme.title } else { app.theme.text };
        let (number_text, lanes) = (format!(" {number:>digits$} "), format!("{lanes:<wide$}  "));
        let before = Span::raw(number_text.as_str()).width() + Span::raw(lanes.as_str()).width();
        let label = cut(&label, usize::from(place.width).saturating_sub(before), "…");
        Line::from(vec![
            Span::styled(number_text, app.theme.dim),
            Span::styled(lanes, app.theme.key),
            Span::styled(label, style),
        ])
        .render(place, buffer);
        if number == app.chosen_revision {
            buffer.set_style(place, app.theme.cursor);
        }
    }
}

/// What was done, with the values where every cell changed alike: a row of nudges tells by them
/// which is which.
fn done(revision: &Revision<'_>) -> String {
    if revision.parent.is_none() {
        return OPENED.to_owned();
    }
    let values = |change: &Change| match change {
        Change::Set { before, after, .. } => Some((*before, *after)),
        _ => None,
    };
    let mut all = revision.changes.iter().map(values);
    let first = all.next().flatten().filter(|first| all.all(|other| other == Some(*first)));
    match first {
        Some((before, after)) => {
            format!("{}: {} → {}", revision.label, labels::short(before), labels::short(after))
        }
        None => revision.label.to_owned(),
    }
}

/// The curves of the revision under the cursor beside those of the grid, and what differs.
fn draw_there(app: &App, above: Rect, below: Rect, buffer: &mut Buffer) {
    let (document, chosen) = (&app.document, app.chosen_revision);
    let there = document.history().at(chosen, document.draft()).ok();
    let there = there.filter(|_| chosen != document.revision());
    let size = document.size();
    let beside = there.as_ref().map(|there| (format!("revision {chosen}"), there.schedule(size)));
    curves::draw_beside(app, beside, above, buffer);
    let inner = pane(app, &format!("from here to revision {chosen}"), below, false, buffer);
    let changes = match &there {
        None => vec!["nothing: the grid is here".to_owned()],
        Some(there) => {
            let mut changes = labels::edits(&Difference::of_drafts(document.draft(), there));
            if there.name != document.draft().name {
                changes.insert(0, format!("name {}", there.name));
            }
            if changes.is_empty() {
                changes.push("nothing: it is the same schedule".to_owned());
            }
            changes
        }
    };
    let lines: Vec<Line<'_>> = changes
        .into_iter()
        .map(|change| Line::from(Span::styled(format!(" {change}"), app.theme.text)))
        .collect();
    Paragraph::new(lines).wrap(Wrap { trim: false }).render(inner, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigmalab_schedule::edit::Column;

    #[test]
    fn a_revision_tells_its_values_where_all_cells_changed_alike() {
        let set = |step, before, after| Change::Set { step, column: Column::Gw, before, after };
        let done = |changes: &[Change]| {
            let parent = Some(0);
            done(&Revision { number: 1, parent, label: "nudge gw", changes, current: true })
        };
        assert_eq!(done(&[set(1, 3.0, 2.9), set(2, 3.0, 2.9)]), "nudge gw: 3 → 2.9");
        assert_eq!(done(&[set(1, 3.0, 2.9), set(2, 7.0, 6.9)]), "nudge gw");
        assert_eq!(done(&[Change::Insert { at: 0, steps: Vec::new() }]), "nudge gw");
    }
}

//! The tree of what was done and undone, newest first, and what going to the revision under the
//! cursor would change.

use super::gallery::first_row;
use super::{curves, pane};
use crate::schedule::diff::Difference;
use crate::tui::app::App;
use crate::tui::gallery::words;
use crate::tui::revision_tree;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget, Wrap};

/// What revision 0 is called.
const OPENED: &str = "as it was opened";

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = (area.width * 11 / 20).clamp(30.min(area.width), 76);
    let tree = Rect { width, ..area };
    let right = Rect { x: area.x + width, width: area.width - width, ..area };
    draw_tree(app, tree, buffer);
    let height = (right.height / 2).clamp(4.min(right.height), 16);
    let below = Rect { y: right.y + height, height: right.height - height, ..right };
    draw_there(app, Rect { height, ..right }, below, buffer);
}

fn draw_tree(app: &App, area: Rect, buffer: &mut Buffer) {
    let history = app.document.history();
    let count = history.count();
    let title = match count {
        1 => "revisions".to_owned(),
        count => format!("revisions · {count}"),
    };
    let inner = pane(app, &title, area, true, buffer);
    let parents: Vec<Option<usize>> = history.revisions().map(|r| r.parent).collect();
    let labels: Vec<&str> = history.revisions().map(|r| r.label).collect();
    let lanes = revision_tree::lanes(&parents, history.revision());
    let digits = (count - 1).to_string().len();
    let rows = usize::from(inner.height);
    let cursor = count.saturating_sub(1 + app.chosen_revision);
    let first = first_row(cursor, rows, count);
    for (at, lanes) in lanes.iter().enumerate().skip(first).take(rows) {
        let number = count - 1 - at;
        let label = labels.get(number).copied().filter(|label| !label.is_empty());
        let current = number == history.revision();
        let style = if current { app.theme.title } else { app.theme.text };
        let place = Rect { y: inner.y + (at - first) as u16, height: 1, ..inner };
        Line::from(vec![
            Span::styled(format!(" {number:>digits$} "), app.theme.dim),
            Span::styled(format!("{lanes}  "), app.theme.key),
            Span::styled(label.unwrap_or(OPENED), style),
        ])
        .render(place, buffer);
        if number == app.chosen_revision {
            buffer.set_style(place, app.theme.cursor);
        }
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
    let inner = pane(app, &format!("going to {chosen} changes"), below, false, buffer);
    let changes = match &there {
        None => vec!["nothing: the grid is here".to_owned()],
        Some(there) => {
            let mut changes = words::edits(&Difference::of_drafts(document.draft(), there));
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

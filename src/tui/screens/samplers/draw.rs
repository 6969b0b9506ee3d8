//! The samplers there are, and the one under the cursor with its parameters.

use crate::tui::app::App;
use crate::tui::screens::samplers::SamplerCard;
use crate::tui::screens::wrapping::wrapped;
use crate::tui::screens::{inside, list_rows, pane};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};
use sigmalab_sampler::Param;

pub(in crate::tui) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let list = list_area(area);
    let width = list.width;
    let about = Rect { x: area.x + width, width: area.width - width, ..area };
    let among_params = app.sampler_list.param().is_some();
    let inner = pane(app, "samplers", list, !among_params, buffer);
    for (at, place) in rows(app, area) {
        let Some(card) = app.sampler_list.cards().get(at) else { continue };
        let mark = if app.is_present_sampler(&card.id) { "◂" } else { " " };
        let order = match card.order {
            0 => "no order".to_owned(),
            order => format!("order {order}"),
        };
        let cost = format!("{order} {mark}");
        let room = usize::from(inner.width).saturating_sub(cost.chars().count() + 2);
        Line::from(vec![
            Span::styled(format!(" {:<room$} ", card.id), app.theme.text),
            Span::styled(cost, app.theme.dim),
        ])
        .render(place, buffer);
        if at == app.sampler_list.at() {
            let style = if among_params { app.theme.selection } else { app.theme.cursor };
            buffer.set_style(place, style);
        }
    }
    if let Some(card) = app.sampler_list.card() {
        draw_card(app, card, about, buffer);
    }
}

fn list_area(area: Rect) -> Rect {
    Rect { width: (area.width * 2 / 5).clamp(24.min(area.width), 48), ..area }
}

/// The samplers in view on a screen of that size, by number, and where each is.
pub(in crate::tui) fn rows(app: &App, area: Rect) -> impl Iterator<Item = (usize, Rect)> {
    let inner = inside(list_area(area));
    let rows = usize::from(inner.height);
    let first = (app.sampler_list.at() + 1).saturating_sub(rows);
    list_rows(first, rows, app.sampler_list.cards().len(), inner)
}

fn draw_card(app: &App, card: &SamplerCard, area: Rect, buffer: &mut Buffer) {
    let title = format!("{} · version {}", card.id, card.version);
    let inner = pane(app, &title, area, app.sampler_list.param().is_some(), buffer);
    let mut lines = wrapped(&card.description, inner.width);
    lines.push(String::new());
    lines.extend(facts(card));
    lines.push(String::new());
    let height = inner.height.min(lines.len() as u16);
    let lines = lines.into_iter().map(|line| Line::from(Span::styled(line, app.theme.text)));
    Paragraph::new(lines.collect::<Vec<_>>()).render(Rect { height, ..inner }, buffer);
    let below = Rect { y: inner.y + height, height: inner.height - height, ..inner };
    if card.params.is_empty() || below.is_empty() {
        return;
    }
    let header = format!(" {:<14} {:>9} {:>9}  {:<15}", "parameter", "value", "default", "range");
    Span::styled(header, app.theme.dim).render(Rect { height: 1, ..below }, buffer);
    let here = app.sampler_list.param();
    let help = match here.or(card.params.first()) {
        Some(param) => {
            let text = format!("{}: {}; {}", param.key, param.help, param.values_in_words());
            wrapped(&text, inner.width)
        }
        None => Vec::new(),
    };
    let rows = usize::from(below.height).saturating_sub(1 + help.len()).max(1);
    let at = here.and_then(|here| card.params.iter().position(|param| param.key == here.key));
    let first = (at.unwrap_or(0) + 1).saturating_sub(rows);
    for (row, param) in card.params.iter().skip(first).take(rows).enumerate() {
        let place = Rect { y: below.y + 1 + row as u16, height: 1, ..below };
        draw_param(app, card, param, place.intersection(below), buffer);
        if at == Some(first + row) {
            buffer.set_style(place.intersection(below), app.theme.cursor);
        }
    }
    let height = below.height.saturating_sub(1 + rows as u16).min(help.len() as u16);
    let last = Rect { y: below.bottom() - height, height, ..below };
    let help = help.into_iter().map(|line| Line::from(Span::styled(line, app.theme.dim)));
    Paragraph::new(help.collect::<Vec<_>>()).render(last, buffer);
}

/// What a sampler costs and reads.
fn facts(card: &SamplerCard) -> Vec<String> {
    let evaluations = match card.evaluations {
        1 => "1 network evaluation a step".to_owned(),
        count => format!("up to {count} network evaluations a step"),
    };
    let history = match card.history {
        0 => "reads no earlier step".to_owned(),
        1 => "reads the step before".to_owned(),
        count => format!("reads the {count} steps before"),
    };
    let order = match card.order {
        0 => "claims no order of accuracy".to_owned(),
        order => format!("order of accuracy {order}"),
    };
    vec![order, evaluations, history]
}

fn draw_param(app: &App, card: &SamplerCard, param: &Param, place: Rect, buffer: &mut Buffer) {
    let (value, is_set) = app.value_of(&card.id, param);
    let style = if is_set { app.theme.changed } else { app.theme.text };
    let (key, default) = (&param.key, param.write(param.default));
    let (value, range) = (param.write(value), param.values_in_words());
    Line::from(vec![
        Span::styled(format!(" {key:<14} "), app.theme.text),
        Span::styled(format!("{value:>9}"), style),
        Span::styled(format!(" {default:>9}  {range}"), app.theme.dim),
    ])
    .render(place, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sampler_costs_is_told_in_words() {
        let mut card = SamplerCard {
            id: "x".to_owned(),
            version: "1".to_owned(),
            description: String::new(),
            order: 2,
            evaluations: 1,
            history: 0,
            params: Vec::new(),
        };
        let words = ["order of accuracy 2", "1 network evaluation a step", "reads no earlier step"];
        assert_eq!(facts(&card), words);
        (card.order, card.evaluations, card.history) = (0, 2, 3);
        let words = [
            "claims no order of accuracy",
            "up to 2 network evaluations a step",
            "reads the 3 steps before",
        ];
        assert_eq!(facts(&card), words);
    }
}

use super::super::PROTOCOLS;
use super::*;
use crate::input::Reply;
use crate::picture::kitty::POOL;
use ratatui::widgets::{Clear, Widget};
use std::collections::BTreeSet;
use std::time::Duration;

const SCREEN: Size = Size { width: 120, height: 40 };
const AREA: Rect = Rect { x: 60, y: 10, width: 50, height: 20 };
const SLOT: Slot = Slot(0);

/// A picture that differs by `seed`, of `side` × `side` pixels.
fn picture(side: u32, seed: u32) -> Arc<Rgb8> {
    let pixels = (0..side * side * 3).map(|i| ((i / 3 * (seed + 3)) >> 4) as u8).collect();
    let Some(picture) = Rgb8::new(side, side, pixels) else { panic!("{side} × {side}") };
    Arc::new(picture)
}

/// A picture that does not compress.
fn noise(side: u32) -> Arc<Rgb8> {
    let value = |i: u32| (i ^ (i >> 7)).wrapping_mul(2_654_435_761).rotate_left(i % 31) as u8;
    let Some(picture) = Rgb8::new(side, side, (0..side * side * 3).map(value).collect()) else {
        panic!("{side} × {side}")
    };
    Arc::new(picture)
}

fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities::from_environment(&|name| {
        (name == "COLORTERM").then(|| "truecolor".to_owned())
    });
    capabilities.learn(&Reply::CellPixels { width: 10, height: 20 });
    capabilities
}

fn pictures(protocol: ProtocolType) -> Pictures {
    Pictures::new(protocol, &capabilities(), SCREEN)
}

/// Draws one frame, with a popup where one is given.
fn frame(pictures: &mut Pictures, popup: Option<Rect>) -> Buffer {
    let mut buffer = Buffer::empty(Rect::from((ratatui::layout::Position::ORIGIN, SCREEN)));
    let slots: Vec<Slot> = pictures.slots.keys().copied().collect();
    for slot in slots {
        pictures.draw(slot, &mut buffer);
    }
    if let Some(area) = popup {
        Clear.render(area, &mut buffer);
    }
    pictures.observe(&buffer);
    buffer
}

/// Frames, encoding and writing until nothing is left to do: what was written, and the last
/// frame.
fn settle(pictures: &mut Pictures, popup: Option<Rect>) -> (String, Buffer) {
    let mut now = Instant::now();
    let mut written = Vec::new();
    let mut buffer = frame(pictures, popup);
    for _ in 0..500 {
        let job = pictures.take_job();
        let idle = job.is_none();
        if let Some(job) = job {
            pictures.finished(job.run());
        }
        let chunk = pictures.next_chunk(now);
        let idle = idle && chunk.is_none();
        written.extend(chunk.unwrap_or_default());
        now += Duration::from_millis(10);
        pictures.ready(now);
        if pictures.take_changed() {
            buffer = frame(pictures, popup);
        } else if idle {
            break;
        }
    }
    (String::from_utf8_lossy(&written).into_owned(), buffer)
}

fn placeholders(buffer: &Buffer) -> usize {
    buffer
        .content
        .iter()
        .filter(|cell| cell.symbol().starts_with(super::super::PLACEHOLDER))
        .count()
}

fn skipped(buffer: &Buffer) -> usize {
    buffer.content.iter().filter(|cell| cell.diff_option == CellDiffOption::Skip).count()
}

#[test]
fn every_protocol_shows_a_draft_at_once() {
    for (protocol, _) in PROTOCOLS {
        let mut pictures = pictures(protocol);
        pictures.place(SLOT, picture(256, 1), AREA);
        let buffer = frame(&mut pictures, None);
        let coloured = buffer.content.iter().filter(|cell| cell.bg != ratatui::style::Color::Reset);
        assert_eq!(coloured.count(), 40 * 20, "{protocol:?}");
    }
}

#[test]
fn kitty_gets_the_picture_in_chunks_and_then_shows_its_cells() -> Result<(), image::ImageError> {
    let mut pictures = pictures(ProtocolType::Kitty);
    let shown = picture(256, 1);
    pictures.place(SLOT, shown.clone(), AREA);
    let (written, buffer) = settle(&mut pictures, None);
    assert_eq!(placeholders(&buffer), 40 * 20);
    let mut file = String::new();
    for command in written.split("\x1b_G").skip(1) {
        let (control, rest) = command.split_once(';').unwrap_or_default();
        let (payload, _) = rest.split_once('\x1b').unwrap_or_default();
        assert!(payload.len() <= 4096 && control.contains("m="), "{control}");
        file.push_str(payload);
    }
    use base64::Engine;
    let file = base64::engine::general_purpose::STANDARD.decode(file).unwrap_or_default();
    assert_eq!(image::load_from_memory(&file)?.to_rgb8().as_raw(), shown.pixels());
    Ok(())
}

#[test]
fn a_picture_is_never_sent_twice() {
    for protocol in [ProtocolType::Kitty, ProtocolType::Sixel, ProtocolType::Iterm2] {
        let mut pictures = pictures(protocol);
        pictures.place(SLOT, picture(256, 1), AREA);
        assert!(!settle(&mut pictures, None).0.is_empty());
        pictures.place(SLOT, picture(256, 1), AREA);
        assert_eq!(settle(&mut pictures, None).0, "", "{protocol:?}");
    }
}

#[test]
fn kitty_flips_between_two_pictures_and_resizes_without_sending() {
    let mut pictures = pictures(ProtocolType::Kitty);
    for seed in [1, 2] {
        pictures.place(SLOT, picture(256, seed), AREA);
        assert!(settle(&mut pictures, None).0.contains("f=100"));
    }
    for seed in [1, 2, 1] {
        pictures.place(SLOT, picture(256, seed), AREA);
        let (written, buffer) = settle(&mut pictures, None);
        assert_eq!((written.as_str(), placeholders(&buffer)), ("", 40 * 20));
    }
    pictures.place(SLOT, picture(256, 1), Rect { height: 10, ..AREA });
    let (written, buffer) = settle(&mut pictures, None);
    assert!(written.contains("a=p,U=1") && written.len() < 100, "{written:?}");
    assert_eq!(placeholders(&buffer), 20 * 10);
}

#[test]
fn a_popup_over_a_kitty_picture_costs_no_picture_bytes() {
    let mut pictures = pictures(ProtocolType::Kitty);
    pictures.place(SLOT, picture(256, 1), AREA);
    settle(&mut pictures, None);
    let popup = Rect::new(70, 12, 20, 5);
    let (written, buffer) = settle(&mut pictures, Some(popup));
    assert_eq!((written.as_str(), placeholders(&buffer)), ("", 40 * 20 - 20 * 5));
    let (written, buffer) = settle(&mut pictures, None);
    assert_eq!((written.as_str(), placeholders(&buffer)), ("", 40 * 20));
}

#[test]
fn what_a_popup_destroyed_is_painted_again_when_it_is_gone() {
    for protocol in [ProtocolType::Sixel, ProtocolType::Iterm2] {
        let mut pictures = pictures(protocol);
        pictures.place(SLOT, picture(256, 1), AREA);
        let (first, buffer) = settle(&mut pictures, None);
        assert!(first.contains("\x1b7\x1b[11;66H\x1b"), "{protocol:?}");
        assert_eq!(skipped(&buffer), 40 * 20);
        let (covered, buffer) = settle(&mut pictures, Some(Rect::new(70, 12, 20, 5)));
        assert_eq!((covered.as_str(), skipped(&buffer)), ("", 0));
        let (again, buffer) = settle(&mut pictures, None);
        assert_eq!((again == first, skipped(&buffer)), (true, 40 * 20));
    }
}

#[test]
fn after_forgetting_every_shown_picture_is_sent_once_more() {
    for protocol in [ProtocolType::Kitty, ProtocolType::Sixel, ProtocolType::Iterm2] {
        let mut pictures = pictures(protocol);
        pictures.place(SLOT, picture(256, 1), AREA);
        let (first, _) = settle(&mut pictures, None);
        pictures.forget_all();
        assert_eq!(settle(&mut pictures, None).0, first, "{protocol:?}");
    }
}

#[test]
fn leaving_deletes_every_picture_that_kitty_has() {
    let mut pictures = pictures(ProtocolType::Kitty);
    let mut ids = BTreeSet::new();
    for seed in 0..40 {
        pictures.place(SLOT, picture(64, seed), AREA);
        let (written, _) = settle(&mut pictures, None);
        let id = |after: &str| {
            written.split(after).nth(1).and_then(|rest| rest.split(',').next()).map(str::to_owned)
        };
        ids.extend(id("a=T,U=1,f=100,t=d,i="));
        if let Some(deleted) = id("a=d,d=I,i=") {
            ids.remove(&deleted);
            ids.extend(id("a=T,U=1,f=100,t=d,i="));
        }
    }
    assert!(ids.len() <= usize::from(POOL));
    let bytes = String::from_utf8_lossy(&pictures.leave()).into_owned();
    for id in ids {
        assert!(bytes.contains(&format!("a=d,d=I,i={id},")), "{id}");
    }
    assert_eq!(pictures.leave(), b"");
}

#[test]
fn a_picture_that_is_replaced_while_it_is_sent_is_ended_and_deleted() {
    let mut pictures = pictures(ProtocolType::Kitty);
    pictures.place(SLOT, noise(512), AREA);
    frame(&mut pictures, None);
    let Some(job) = pictures.take_job() else { panic!("a job for what is shown") };
    pictures.finished(job.run());
    let now = Instant::now();
    let first = pictures.next_chunk(now).unwrap_or_default();
    assert!(pictures.waiting() > 0 && first.len() < 20 * 1024);
    pictures.place(SLOT, picture(64, 2), AREA);
    pictures.ready(now);
    let next = pictures.next_chunk(now).unwrap_or_default();
    let next = String::from_utf8_lossy(&next).into_owned();
    assert!(next.starts_with("\x1b_Gq=2,m=0\x1b\\\x1b_Ga=d,d=I,i="), "{next:?}");
}

#[test]
fn a_tiny_picture_replaces_the_last_one_without_a_draft_between() {
    for protocol in [ProtocolType::Kitty, ProtocolType::Sixel] {
        let mut pictures = pictures(protocol);
        pictures.place(SLOT, picture(64, 1), AREA);
        let (_, before) = settle(&mut pictures, None);
        pictures.place(SLOT, picture(64, 2), AREA);
        assert_eq!(frame(&mut pictures, None), before, "{protocol:?}");
        let (written, _) = settle(&mut pictures, None);
        assert!(!written.is_empty(), "{protocol:?}");
    }
}

#[test]
fn nothing_is_painted_on_the_last_row() {
    for protocol in [ProtocolType::Sixel, ProtocolType::Iterm2] {
        let mut pictures = pictures(protocol);
        pictures.place(SLOT, picture(256, 1), Rect::new(0, 20, 100, 20));
        assert!(pictures.cells(SLOT).is_some_and(|cells| cells.bottom() < SCREEN.height));
    }
}

#[test]
fn through_tmux_every_command_is_wrapped() {
    let mut capabilities = capabilities();
    capabilities.tmux_passthrough = true;
    let mut pictures = Pictures::new(ProtocolType::Kitty, &capabilities, SCREEN);
    pictures.place(SLOT, picture(64, 1), AREA);
    let (written, _) = settle(&mut pictures, None);
    assert!(written.starts_with("\x1bPtmux;\x1b\x1b_G"));
    assert_eq!(written.matches("_G").count(), written.matches("\x1bPtmux;\x1b\x1b_G").count());
}

#[test]
fn the_protocol_can_be_changed_while_pictures_are_shown() {
    let mut pictures = pictures(ProtocolType::Kitty);
    pictures.place(SLOT, picture(256, 1), AREA);
    settle(&mut pictures, None);
    pictures.adapt(ProtocolType::Sixel, &capabilities(), SCREEN);
    let (written, buffer) = settle(&mut pictures, None);
    assert!(written.contains("a=d,d=I") && written.contains("\x1bP9;1;0q"));
    assert_eq!((placeholders(&buffer), skipped(&buffer)), (0, 40 * 20));
    pictures.adapt(ProtocolType::Halfblocks, &capabilities(), SCREEN);
    let (written, buffer) = settle(&mut pictures, None);
    assert_eq!((written.as_str(), placeholders(&buffer), skipped(&buffer)), ("", 0, 0));
}

#[test]
fn areas_of_every_size_are_harmless() {
    for (protocol, _) in PROTOCOLS {
        let mut pictures = pictures(protocol);
        for (width, height) in [(0, 0), (1, 1), (2, 2), (500, 500), (120, 40)] {
            pictures.place(SLOT, picture(64, 1), Rect::new(0, 0, width, height));
            settle(&mut pictures, None);
        }
        pictures.remove(SLOT);
        settle(&mut pictures, None);
        assert!(pictures.take_job().is_none());
    }
}

#[test]
fn a_newer_draft_takes_the_place_of_the_one_before_without_new_cells() {
    let mut pictures = pictures(ProtocolType::Kitty);
    pictures.place(SLOT, picture(16, 1), AREA);
    let (_, before) = settle(&mut pictures, None);
    pictures.place(SLOT, picture(16, 2), AREA);
    let (written, after) = settle(&mut pictures, None);
    assert!(written.contains("a=T,U=1"), "{written:?}");
    assert_eq!(after, before);

    // The picture itself is kept under another id, and so is what comes after it.
    pictures.place(SLOT, picture(256, 1), AREA);
    let (_, whole) = settle(&mut pictures, None);
    assert_ne!(whole, before);
    pictures.place(SLOT, picture(16, 3), AREA);
    settle(&mut pictures, None);
    pictures.place(SLOT, picture(256, 1), AREA);
    let (written, again) = settle(&mut pictures, None);
    assert!(!written.contains("a=T"), "{written:?}");
    assert_eq!(again, whole);
}

#[test]
fn a_picture_that_was_forgotten_is_deleted_all_the_same() {
    let mut pictures = pictures(ProtocolType::Kitty);
    for seed in 0..3 {
        pictures.place(Slot(seed), picture(64, seed.into()), AREA);
    }
    settle(&mut pictures, None);
    let ids: BTreeSet<u8> = pictures.kept.iter().map(|kept| kept.id).collect();
    assert_eq!(ids.len(), 3);
    pictures.remove(Slot(1));
    pictures.forget_all();
    settle(&mut pictures, None);
    let farewell = String::from_utf8_lossy(&pictures.leave()).into_owned();
    for id in ids {
        assert!(farewell.contains(&format!("a=d,d=I,i={id},")), "{id}: {farewell:?}");
    }
}

#[test]
fn after_a_cleared_screen_only_what_was_painted_on_it_is_written_again() {
    for (protocol, again) in
        [(ProtocolType::Kitty, false), (ProtocolType::Sixel, true), (ProtocolType::Iterm2, true)]
    {
        let mut pictures = pictures(protocol);
        pictures.place(SLOT, picture(256, 1), AREA);
        let (_, before) = settle(&mut pictures, None);
        pictures.repaint();
        let (written, after) = settle(&mut pictures, None);
        assert_eq!(!written.is_empty(), again, "{protocol:?}");
        assert_eq!(after, before, "{protocol:?}");
    }
}

#[test]
fn half_block_drafts_wait_for_a_terminal_that_is_busy_and_the_newest_comes_next() {
    let mut pictures = pictures(ProtocolType::Halfblocks);
    let now = Instant::now();
    pictures.place(SLOT, picture(16, 1), AREA);
    let first = frame(&mut pictures, None);
    assert_eq!(pictures.next_chunk(now).as_deref(), Some(super::super::pace::QUESTION));
    pictures.take_changed();
    for seed in 2..5 {
        pictures.place(SLOT, picture(16, seed), AREA);
        assert_eq!(frame(&mut pictures, None), first);
        assert!(!pictures.take_changed());
    }
    // Anything but a draft does not wait.
    let mut other = Pictures::new(ProtocolType::Halfblocks, &capabilities(), SCREEN);
    std::mem::swap(&mut other.pace, &mut pictures.pace);
    other.place(SLOT, picture(256, 9), AREA);
    assert!(other.take_changed());
    std::mem::swap(&mut other.pace, &mut pictures.pace);

    pictures.ready(now);
    assert!(pictures.take_changed());
    pictures.place(SLOT, picture(16, 4), AREA);
    assert_ne!(frame(&mut pictures, None), first);
}

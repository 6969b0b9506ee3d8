use super::*;
use crate::picture::{PROTOCOLS, ProtocolType, choose, protocol_name, protocol_named};

fn nothing_known() -> Capabilities {
    Capabilities::from_environment(&|_| None)
}

fn after(replies: &[Reply]) -> Capabilities {
    let mut capabilities = nothing_known();
    for reply in replies {
        capabilities.learn(reply);
    }
    capabilities
}

fn version(text: &str) -> Reply {
    Reply::Version(text.to_owned())
}

const KITTY_YES: Reply = Reply::Kitty { id: PROBE_IMAGE, ok: true };
const CELL: Reply = Reply::CellPixels { width: 8, height: 16 };

#[test]
fn before_any_answer_pictures_are_half_blocks() {
    assert_eq!(choose(&nothing_known(), None), ProtocolType::Halfblocks);
}

#[test]
fn each_terminal_gets_what_it_can_show() {
    let sixel = || Reply::Attributes(vec![62, 4]);
    let plain = || Reply::Attributes(vec![62, 22]);
    for (name, replies, protocol) in [
        ("kitty", vec![version("kitty(0.36)"), KITTY_YES, plain()], ProtocolType::Kitty),
        ("ghostty", vec![version("ghostty 1.2"), KITTY_YES, plain()], ProtocolType::Kitty),
        ("unknown with kitty", vec![KITTY_YES, plain()], ProtocolType::Kitty),
        ("WezTerm", vec![version("WezTerm 2024"), KITTY_YES, CELL, sixel()], ProtocolType::Iterm2),
        ("Konsole", vec![version("Konsole 24"), KITTY_YES, CELL, sixel()], ProtocolType::Sixel),
        (
            "Konsole, old",
            vec![version("Konsole 21"), KITTY_YES, CELL, plain()],
            ProtocolType::Halfblocks,
        ),
        ("foot", vec![version("foot(1.20)"), CELL, sixel()], ProtocolType::Sixel),
        ("xterm, cell unknown", vec![version("XTerm(390)"), sixel()], ProtocolType::Halfblocks),
        ("tmux", vec![version("tmux 3.5"), CELL, plain()], ProtocolType::Halfblocks),
        ("tmux with sixel", vec![version("tmux 3.5"), CELL, sixel()], ProtocolType::Sixel),
        ("Alacritty", vec![CELL, plain()], ProtocolType::Halfblocks),
    ] {
        assert_eq!(choose(&after(&replies), None), protocol, "{name}");
    }
}

#[test]
fn what_somebody_asks_for_is_taken() {
    for (protocol, _) in PROTOCOLS {
        assert_eq!(choose(&nothing_known(), Some(protocol)), protocol);
        assert_eq!(protocol_named(protocol_name(protocol)), Ok(protocol));
    }
}

#[test]
fn tmux_passes_images_on_only_when_asked() {
    let mut tmux = after(&[version("tmux 3.5"), KITTY_YES, CELL]);
    assert_eq!(choose(&tmux, None), ProtocolType::Halfblocks);
    tmux.tmux_passthrough = true;
    assert_eq!(choose(&tmux, None), ProtocolType::Kitty);
}

#[test]
fn the_size_of_a_cell_follows_from_the_screen_where_it_is_not_answered() {
    let screen = Reply::ScreenPixels { width: 800, height: 480 };
    let cells = Reply::ScreenCells { columns: 80, rows: 24 };
    assert_eq!(after(&[screen.clone(), cells.clone()]).cell_pixels, CellPixels::new(10, 20));
    // What is said of the cell itself counts for more.
    assert_eq!(after(&[CELL, screen.clone(), cells.clone()]).cell_pixels, CellPixels::new(8, 16));
    assert_eq!(after(&[screen, cells, CELL]).cell_pixels, CellPixels::new(8, 16));
}

#[test]
fn what_tmux_answers_for_the_screen_does_not_outweigh_the_system() {
    let mut capabilities = nothing_known();
    capabilities.measured((1280, 768), (80, 24));
    capabilities.learn(&Reply::ScreenPixels { width: 768, height: 1280 });
    capabilities.learn(&Reply::ScreenCells { columns: 80, rows: 24 });
    assert_eq!(capabilities.cell_pixels, CellPixels::new(16, 32));
}

#[test]
fn another_font_changes_the_size_of_a_cell() {
    let mut capabilities = after(&[CELL]);
    // Margins are not another font.
    capabilities.measured((725, 405), (80, 24));
    assert_eq!(capabilities.cell_pixels, CellPixels::new(8, 16));
    capabilities.measured((640, 384), (53, 16));
    assert_eq!(capabilities.cell_pixels, CellPixels::new(12, 24));
}

#[test]
fn nonsense_sizes_are_not_learnt() {
    let replies = [
        Reply::CellPixels { width: 0, height: 0 },
        Reply::ScreenPixels { width: 0, height: 0 },
        Reply::ScreenCells { columns: 0, rows: 0 },
    ];
    assert_eq!(after(&replies).cell_pixels, None);
}

#[test]
fn the_background_is_dark_or_light() {
    assert_eq!(after(&[Reply::Background([30, 30, 46])]).background, Some(Background::Dark));
    assert_eq!(after(&[Reply::Background([253, 246, 227])]).background, Some(Background::Light));
}

#[test]
fn a_probe_is_settled_by_its_last_answer_or_by_time() {
    let asked = Instant::now();
    assert!(!nothing_known().settled(asked, asked));
    assert!(after(&[Reply::Attributes(vec![62])]).settled(asked, asked));
    assert!(nothing_known().settled(asked, asked + Duration::from_secs(6)));
}

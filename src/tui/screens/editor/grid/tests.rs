use super::*;

#[test]
fn numbers_are_as_short_as_they_are_exact() {
    assert_eq!(number(7.0, 2), "7.00");
    assert_eq!(number(2.505, 2), "2.505");
    assert_eq!(number(-0.125, 3), "-0.125");
    assert_eq!(number(1.0 / 3.0, 3), "0.3333");
}

#[test]
fn a_value_that_has_no_room_is_shown_in_less_or_not_at_all() {
    for (value, room, shown) in [
        (7.0, 6, "7.00"),
        (2.505, 6, "2.505"),
        (1e9, 6, "1e9"),
        (-123_456.0, 7, "-123456"),
        (-123_456.7, 7, "-123457"),
        (123_456_789.0, 6, "!!!"),
        (1.5e9, 6, "!!!"),
    ] {
        let text = fitting(value, 2, room);
        assert!(text.len() <= room, "{text}");
        assert_eq!(text, shown, "{value}");
    }
}

#[test]
fn every_place_of_the_grid_is_what_is_drawn_there() {
    let area = Rect::new(3, 2, 72, 6);
    let mut grid = Grid::default();
    grid.go_to(9);
    grid.fit(20, 5);
    let at = |x, y| place(&grid, 20, area, (x, y));
    let cell = |step, column| Some(Place::Cell(Cell { step, column }));
    assert_eq!(at(3, 3), Some(Place::Step(5)));
    assert_eq!(at(13, 2), Some(Place::Header(GridColumn::Gw)));
    assert_eq!(at(13, 3), cell(5, GridColumn::Gw));
    assert_eq!(at(36, 7), cell(9, GridColumn::Sigma));
    // Δσ belongs to the cursor's column.
    assert_eq!(at(60, 4), cell(6, GridColumn::Gw));
    assert_eq!((at(2, 3), at(13, 8), at(3, 2)), (None, None, None));
}

#[test]
fn a_drag_reaches_the_nearest_cell_and_one_row_beyond_the_edges() {
    let area = Rect::new(0, 0, 72, 6);
    let mut grid = Grid::default();
    grid.scroll(5, 20, 5);
    let reached = |x, y| reach(&grid, 20, area, (x, y));
    assert_eq!(reached(0, 1), Cell { step: 5, column: GridColumn::Gw });
    assert_eq!(reached(71, 3), Cell { step: 7, column: GridColumn::Sigma });
    assert_eq!(reached(20, 0), Cell { step: 4, column: GridColumn::Mu });
    assert_eq!(reached(20, 30), Cell { step: 10, column: GridColumn::Mu });
    grid.scroll(90, 20, 5);
    assert_eq!(reach(&grid, 20, area, (20, 30)).step, 19);
}

#[test]
fn the_cursor_stays_in_view_and_the_view_in_the_grid() {
    let mut grid = Grid::default();
    for (to, first) in [(0, 0), (9, 0), (10, 1), (47, 38), (40, 38), (37, 37), (2, 2)] {
        grid.go_to(to);
        grid.fit(48, 10);
        assert_eq!((grid.cursor.step, grid.first), (to, first));
    }
    grid.go_to(47);
    grid.fit(3, 10);
    assert_eq!((grid.cursor.step, grid.first), (2, 0));
}

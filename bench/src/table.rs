//! Tables for people.

use comfy_table::{CellAlignment, Table, presets};

/// Rows below a header, in columns; those from `numbers` on are numbers.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, numbers: std::ops::RangeFrom<usize>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(numbers.start) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

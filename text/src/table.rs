//! Columns.

use crate::plain;

/// Columns as wide as their widest entry; nothing, if there is only the header. Entries are made [plain](crate::plain).
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    if rows.len() < 2 {
        return String::new();
    }
    let rows: Vec<_> = rows.iter().map(|row| row.each_ref().map(|entry| plain(entry))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, entry) in widths.iter_mut().zip(row) {
            *width = entry.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let line: String = widths.iter().zip(row).map(|(width, entry)| format!("{entry:width$}  ")).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_shown_in_them() {
        let own = |row: [&str; 2]| row.map(str::to_owned);
        assert_eq!(table(&[own(["NODE", "READY"])]), "");
        let text = table(&[own(["NODE", "READY"]), own(["größer", "yes"]), own(["\u{1b}c", "\n"])]);
        assert_eq!(text, "NODE     READY\ngrößer   yes\n\\u{1b}c  \\n\n");
    }
}

//! What commands print: tables and lines for people, JSON for programs.

use serde::Serialize;
use sync_protocol::UnixMillis;
use time::OffsetDateTime;

use crate::failure::Failure;

/// Prints a value as JSON, or in the form for people.
///
/// # Errors
/// [`Failure::Failed`] if the value cannot be written as JSON.
pub fn print<T: Serialize>(json: bool, value: &T, people: impl FnOnce(&T)) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(value).map_err(Failure::from_error)?;
        println!("{text}");
    } else {
        people(value);
    }
    Ok(())
}

/// Prints rows under headings, columns as wide as their widest cell.
pub fn table(headings: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let print_row = |cells: &[String]| {
        let padded: Vec<_> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("{}", padded.join("  ").trim_end());
    };
    print_row(&headings.iter().map(ToString::to_string).collect::<Vec<_>>());
    for row in rows {
        print_row(row);
    }
    if rows.is_empty() {
        println!("(none)");
    }
}

/// A moment as `2026-01-31 13:45:00Z`.
#[must_use]
pub fn moment(at: UnixMillis) -> String {
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)) else {
        return format!("{} ms", at.0);
    };
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}

/// A number of bytes as people read it.
#[must_use]
pub fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{:.1} KB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_gregorian_dates() {
        assert_eq!(moment(UnixMillis(0)), "1970-01-01 00:00:00Z");
        assert_eq!(moment(UnixMillis(951_782_400_000)), "2000-02-29 00:00:00Z");
        assert_eq!(moment(UnixMillis(1_735_689_599_999)), "2024-12-31 23:59:59Z");
        assert_eq!(moment(UnixMillis(-1)), "1969-12-31 23:59:59Z");
    }

    #[test]
    fn sizes_are_rounded_for_people() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(12_345), "12.3 KB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
    }
}

//! What commands print: tables and lines for people, JSON for programs.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde::Serialize;
use sync_protocol::UnixMillis;
use time::OffsetDateTime;

use crate::failure::Failure;

/// The exit code when whoever read the output has gone: that of a process that SIGPIPE ended, as the other tools have it.
pub const NOBODY_READS: u8 = 141;

/// What unwinds a command whose output nobody reads any more.
struct NobodyReads;

/// Prints a line. Where nobody reads the output any more (`satchel ... | head`), the command ends: quietly, and in order.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

/// Prints a line; [`say!`] is the way to call it.
pub fn line(text: Arguments<'_>) {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Ok(()) => {}
        // Unwound and not exited: what a command holds is given back, and the processes it started end with it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => resume_unwind(Box::new(NobodyReads)),
        Err(error) => panic!("cannot write to standard output: {error}"),
    }
}

/// Runs a command; none if it ended because nobody reads its output any more.
pub fn until_nobody_reads<T>(run: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => Some(done),
        Err(reason) if reason.is::<NobodyReads>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Prints a value as JSON, or in the form for people.
///
/// # Errors
/// [`Failure::Failed`] if the value cannot be written as JSON.
pub fn print<T: Serialize>(json: bool, value: &T, people: impl FnOnce(&T)) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(value).map_err(Failure::from_error)?;
        say!("{text}");
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
        say!("{}", padded.join("  ").trim_end());
    };
    print_row(&headings.iter().map(ToString::to_string).collect::<Vec<_>>());
    for row in rows {
        print_row(row);
    }
    if rows.is_empty() {
        say!("(none)");
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

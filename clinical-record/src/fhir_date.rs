//! FHIR's dates and times: their form, and how dates are compared. Months and days are those of the calendar.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime};

/// True for `YYYY`, `YYYY-MM` or `YYYY-MM-DD` of a real day.
pub(crate) fn is_date(text: &str) -> bool {
    first_day(text).is_some()
}

/// True for a date, or a date and time with seconds and a zone.
pub(crate) fn is_date_time(text: &str) -> bool {
    if text.contains('T') { is_instant(text) } else { is_date(text) }
}

/// True for a date and time with seconds and a zone.
pub(crate) fn is_instant(text: &str) -> bool {
    text.as_bytes().get(10) == Some(&b'T') && OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

/// True for `hh:mm:ss` with optional fractions.
pub(crate) fn is_time(text: &str) -> bool {
    is_instant(&format!("2000-01-01T{text}Z"))
}

/// The first day that a date of any precision can mean; a date and time counts as its day.
pub(crate) fn first_day(text: &str) -> Option<Date> {
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    let mut parts = day.split('-');
    let mut next = |digits: usize| match parts.next() {
        Some(part) if part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()) => {
            part.parse::<u16>().ok().map(Some)
        }
        Some(_) => None,
        None => Some(None),
    };
    let (year, month, day_of_month) = (next(4)??, next(2)?.unwrap_or(1), next(2)?.unwrap_or(1));
    if parts.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day_of_month).ok()?).ok()
}

/// Milliseconds since the Unix epoch as a FHIR instant in UTC; `None` beyond the year 9999.
pub(crate) fn instant(time_ms: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_ms) * 1_000_000).ok()?;
    let (hour, minute, second) = time.to_hms();
    let (year, month, day) = time.to_calendar_date();
    let month = u8::from(month);
    let ms = time.millisecond();
    (0..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_precision_are_read_and_days_that_do_not_exist_are_not() {
        for good in ["1970", "1970-12", "2024-02-29"] {
            assert!(is_date(good) && is_date_time(good), "{good}");
        }
        for bad in ["", "70", "1970-13", "2023-02-29", "1970-1-1", "1970-01-01-01", "1970-01-01T", "19700101"] {
            assert!(!is_date(bad) || bad.contains('T'), "{bad}");
            assert!(!is_date_time(bad), "{bad}");
        }
    }

    #[test]
    fn a_time_of_day_needs_seconds_and_a_zone() {
        assert!(
            is_instant("2024-02-29T23:59:59.123+02:00") && is_instant("2024-02-29T23:59:59Z") && is_time("10:00:00")
        );
        for bad in ["2024-02-29T23:59", "2024-02-29T23:59:59", "2024-02-29 23:59:59Z", "2024-02-29T25:00:00Z"] {
            assert!(!is_instant(bad), "{bad}");
        }
    }

    #[test]
    fn an_instant_is_written_with_milliseconds_in_utc() {
        assert_eq!(instant(1_709_247_599_123).as_deref(), Some("2024-02-29T22:59:59.123Z"));
        assert_eq!(instant(-1).as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(instant(i64::MAX), None);
    }
}

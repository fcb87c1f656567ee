//! Moments as FHIR writes them.

use sync_protocol::UnixMillis;
use time::OffsetDateTime;

/// `2024-02-29T12:00:00.000Z`
pub(crate) fn instant(at: UnixMillis) -> String {
    // A clock far outside the calendar is a broken one; its epoch stands for it.
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second, ms) = moment.to_hms_milli();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", u8::from(month))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_utc() {
        assert_eq!(instant(UnixMillis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(instant(UnixMillis(1_709_208_000_123)), "2024-02-29T12:00:00.123Z");
        assert_eq!(instant(UnixMillis(-1)), "1969-12-31T23:59:59.999Z");
    }
}

//! FHIR dateTime to moments and back.

use sync_protocol::UnixMillis;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// A FHIR dateTime as a moment: where it is only a date, a month or a year, its beginning, or for an end the moment after it. Dates
/// are taken as UTC. None if it is no dateTime.
#[must_use]
pub fn parse(text: &str, end: bool) -> Option<UnixMillis> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let parts: Vec<&str> = date.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let numbers: Vec<u16> = parts.iter().map(|part| digits(part)).collect::<Option<_>>()?;
    let (first, after) = match (lengths.as_slice(), numbers.as_slice()) {
        ([4], [year]) => (day(*year, 1, 1)?, day(year + 1, 1, 1)?),
        ([4, 2], [year, month]) => {
            let next = if *month == 12 { (year + 1, 1) } else { (*year, month + 1) };
            (day(*year, *month, 1)?, day(next.0, next.1, 1)?)
        }
        ([4, 2, 2], [year, month, of_month]) => {
            let date = day(*year, *month, *of_month)?;
            (date, date.next_day()?)
        }
        _ => return None,
    };
    match time {
        Some(time) if parts.len() == 3 => at(first, time),
        Some(_) => None,
        None => Some(millis(PrimitiveDateTime::new(if end { after } else { first }, Time::MIDNIGHT).assume_utc())),
    }
}

/// A moment as a dateTime in UTC, to the millisecond.
pub fn format(moment: UnixMillis) -> String {
    let nanos = i128::from(moment.0) * 1_000_000;
    // Beyond the years that a dateTime can write, the nearest that it can.
    let last = PrimitiveDateTime::MAX.assume_utc();
    let bound = if moment.0 < 0 { OffsetDateTime::UNIX_EPOCH } else { last };
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(bound);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// A time of day with its offset, on a date.
fn at(date: Date, text: &str) -> Option<UnixMillis> {
    let (clock, offset) = match text.strip_suffix('Z') {
        Some(clock) => (clock, UtcOffset::UTC),
        None => {
            let sign = text.rfind(['+', '-'])?;
            let (clock, offset) = text.split_at(sign);
            let negative = offset.starts_with('-');
            let (hours, minutes) = offset[1..].split_once(':')?;
            let minutes = i32::from(two(hours)?) * 60 + i32::from(two(minutes)?);
            (clock, UtcOffset::from_whole_seconds(if negative { -minutes } else { minutes } * 60).ok()?)
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let millis_of = digits(&fraction.chars().chain("00".chars()).take(3).collect::<String>())?;
    let parts: Vec<u8> = clock.split(':').map(two).collect::<Option<_>>()?;
    let [hour, minute, second] = parts.as_slice() else { return None };
    let time = Time::from_hms_milli(*hour, *minute, *second, millis_of).ok()?;
    Some(millis(PrimitiveDateTime::new(date, time).assume_offset(offset)))
}

fn millis(at: OffsetDateTime) -> UnixMillis {
    UnixMillis(i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX))
}

fn day(year: u16, month: u16, of_month: u16) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(of_month).ok()?).ok()
}

fn two(text: &str) -> Option<u8> {
    if text.len() == 2 { u8::try_from(digits(text)?).ok() } else { None }
}

fn digits(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    #[test]
    fn dates_begin_at_midnight_utc_and_end_with_their_last_moment() {
        assert_eq!(parse("1970-01-02", false), Some(UnixMillis(DAY)));
        assert_eq!(parse("1970-01-02", true), Some(UnixMillis(2 * DAY)));
        assert_eq!(parse("1970-02", true), Some(UnixMillis((31 + 28) * DAY)));
        assert_eq!(parse("1970", true), Some(UnixMillis(365 * DAY)));
        assert_eq!(parse("1969-12", true), Some(UnixMillis(0)));
    }

    #[test]
    fn times_have_an_offset_and_fractions() {
        assert_eq!(parse("1970-01-01T00:00:01Z", true), Some(UnixMillis(1_000)));
        assert_eq!(parse("1970-01-01T01:00:00.25+01:00", false), Some(UnixMillis(250)));
        assert_eq!(parse("1969-12-31T23:00:00-01:30", false), Some(UnixMillis(30 * 60 * 1000)));
    }

    #[test]
    fn what_is_written_reads_back() {
        for moment in [0, 1, 951_782_400_123, 4_102_444_800_000] {
            assert_eq!(parse(&format(UnixMillis(moment)), false), Some(UnixMillis(moment)));
        }
        assert_eq!(format(UnixMillis(951_782_400_123)), "2000-02-29T00:00:00.123Z");
    }

    #[test]
    fn other_texts_are_no_date_times() {
        let wrong = [
            "",
            "now",
            "70",
            "1970-1-1",
            "1970-13",
            "1970-02-30",
            "1970-01T00:00:00Z",
            "1970-01-01T00:00:00",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00Z",
            "1970-01-01T00:00:00+1:00",
            "+970-01-01",
            "1970-01-01T",
        ];
        for text in wrong {
            assert_eq!(parse(text, false), None, "{text}");
        }
    }
}

//! Moments as FHIR writes them.

use sync_protocol::UnixMillis;

const DAY_MS: i64 = 24 * 3_600_000;
/// First and last moment that FHIR can write with four digits for the year.
const RANGE: (i64, i64) = (-62_135_596_800_000, 253_402_300_799_999);

/// A FHIR instant, e.g. `2026-03-01T09:30:00.125Z`; a clock beyond the years 1 to 9999 is held at their ends.
pub(super) fn instant(at: UnixMillis) -> String {
    let at = at.0.clamp(RANGE.0, RANGE.1);
    let (year, month, day) = date(at.div_euclid(DAY_MS));
    let ms = at.rem_euclid(DAY_MS);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1_000)
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn date(day: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day ends a year; an era is 400 years.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_fhir_instants() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_772_357_400_125, "2026-03-01T09:30:00.125Z"),
            (i64::MIN, "0001-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(instant(UnixMillis(at)), text);
        }
    }
}

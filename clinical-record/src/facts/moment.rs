//! FHIR's dates of any precision as points of one line, for sorting and plotting.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, Time};

use crate::fhir_date::first_day;

/// The first millisecond since the Unix epoch that a FHIR date, dateTime or instant can mean. A date without a time counts
/// from midnight UTC. `None` for what is no date.
pub fn first_millis(text: &str) -> Option<i64> {
    let moment = match text.contains('T') {
        true => OffsetDateTime::parse(text, &Rfc3339).ok()?,
        false => first_day(text)?.with_time(Time::MIDNIGHT).assume_utc(),
    };
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_precision_and_zone_fall_on_one_line() {
        let ordered = ["2023", "2023-02", "2023-02-01T01:00:00+02:00", "2023-02-03", "2023-02-03T00:00:00.001Z"];
        let mut millis: Vec<_> = ordered.iter().map(|text| first_millis(text).unwrap()).collect();
        assert_eq!(first_millis("1970-01-01T00:00:00.123Z"), Some(123));
        // An hour before midnight UTC of the first of February.
        millis.swap(1, 2);
        assert!(millis.is_sorted(), "{millis:?}");
        assert_eq!((first_millis("soon"), first_millis("2023-02-30")), (None, None));
    }
}

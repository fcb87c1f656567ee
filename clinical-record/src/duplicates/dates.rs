//! Compares dates of birth, knowing how they go wrong.

use super::MatchReason;
use crate::fhir_date::first_day;

/// Years by which an estimated year of birth may be off.
const ESTIMATE: i32 = 2;

/// `None` when one is not known, or no date.
pub(super) fn compare_dates(one: Option<&str>, other: Option<&str>) -> Option<MatchReason> {
    let (one, other) = (one?, other?);
    let (first, second) = (first_day(one)?, first_day(other)?);
    let precision = |text: &str| text.split('-').count();
    if precision(one) != precision(other) || precision(one) < 3 {
        let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
        return Some(match long.starts_with(short) {
            true if precision(one) == precision(other) => MatchReason::SameBirthDate,
            true => MatchReason::BirthDateCompatible,
            false if (first.year() - second.year()).abs() <= ESTIMATE && precision(short) == 1 => {
                MatchReason::BirthDateCompatible
            }
            false => MatchReason::DifferentBirthDate,
        });
    }
    let swapped = first.year() == second.year()
        && first.day() == u8::from(second.month())
        && u8::from(first.month()) == second.day();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    // The first of January, or of July, stands for "some day of that year".
    let estimated = [first, second].iter().any(|date| date.day() == 1 && matches!(u8::from(date.month()), 1 | 7));
    Some(if first == second {
        MatchReason::SameBirthDate
    } else if swapped {
        MatchReason::DayAndMonthSwapped
    } else if strsim::osa_distance(&digits(one), &digits(other)) == 1 {
        MatchReason::BirthDateOneDigitApart
    } else if estimated && (first.year() - second.year()).abs() <= ESTIMATE {
        MatchReason::BirthDateCompatible
    } else {
        MatchReason::DifferentBirthDate
    })
}

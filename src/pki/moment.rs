//! Moments in time: how certificates write them (RFC 5280, section 4.1.2.5),
//! and how people read them.

use der::asn1::AnyRef;
use der::{Tag, Tagged};
use time::{Date, Month, OffsetDateTime, Time};

/// The seconds of the Unix epoch that a UTCTime or a GeneralizedTime stands
/// for.  It may lie before 1970, and the seconds may be left out, as in
/// certificates of that time.
pub(super) fn parse(value: &AnyRef<'_>) -> der::Result<i64> {
    let bad = || der::Error::from(value.tag().value_error());
    let text = std::str::from_utf8(value.value()).map_err(|_| bad())?;
    let digits = text.strip_suffix('Z').ok_or_else(bad)?;
    let full = match (value.tag(), digits.len()) {
        // Two digits of the year, of which 50 is 1950.
        (Tag::UtcTime, 10 | 12) if digits.as_bytes()[0] < b'5' => format!("20{digits}"),
        (Tag::UtcTime, 10 | 12) => format!("19{digits}"),
        (Tag::GeneralizedTime, 14) => digits.to_owned(),
        _ => return Err(bad()),
    };
    seconds(&full).ok_or_else(bad)
}

/// The moment `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`.
fn seconds(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year = digits.get(..4)?.parse().ok()?;
    let pair = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let month = Month::try_from(pair(4)?).ok()?;
    let date = Date::from_calendar_date(year, month, pair(6)?).ok()?;
    let time = Time::from_hms(pair(8)?, pair(10)?, pair(12).unwrap_or(0)).ok()?;
    Some(OffsetDateTime::new_utc(date, time).unix_timestamp())
}

/// A moment for people, in UTC.
pub(crate) fn show(seconds: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(at) => {
            let (date, (hour, minute, second)) = (at.date(), at.to_hms());
            format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
        }
        Err(_) => format!("second {seconds} of the Unix epoch"),
    }
}

/// A span of time for people, in the unit that fits.
pub(crate) fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

//! Times in certificates (RFC 5280, section 4.1.2.5), parsed and formatted for people.

use der::asn1::AnyRef;
use der::{Tag, Tagged};
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// Parses a time like [`read`].
pub(super) fn parse(value: &AnyRef<'_>) -> der::Result<i64> {
    let seconds = match value.tag() {
        Tag::UtcTime => read(UTC_TIME, value.value()),
        Tag::GeneralizedTime => read(GENERALIZED_TIME, value.value()),
        _ => None,
    };
    seconds.ok_or_else(|| value.tag().value_error().into())
}

/// Converts a UTCTime or GeneralizedTime to seconds since the Unix epoch, which may be
/// negative.
///
/// As in certificates older than RFC 2459, the seconds may be missing or have a fraction,
/// which is dropped.  The time may have a zone such as `+0200` (X.680, sections 46 and 47).
pub(super) fn read(tag: u8, content: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(content).ok()?;
    let (local, offset) = split_zone(text)?;
    let (digits, fraction) = match local.split_once(['.', ',']) {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (local, None),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_seconds = matches!((tag, digits.len()), (UTC_TIME, 12) | (GENERALIZED_TIME, 14));
    if fraction.is_some_and(|fraction| !is_number(fraction) || !has_seconds)
        || (tag == UTC_TIME && fraction.is_some())
    {
        return None;
    }
    let full = match (tag, digits.len()) {
        // Two-digit years from 50 on are 19xx.
        (UTC_TIME, 10 | 12) if digits.as_bytes()[0] < b'5' => format!("20{digits}"),
        (UTC_TIME, 10 | 12) => format!("19{digits}"),
        (GENERALIZED_TIME, 12 | 14) => digits.to_owned(),
        _ => return None,
    };
    let moment = is_number(&full).then(|| seconds(&full))?? - offset;
    (FIRST..=LAST).contains(&moment).then_some(moment)
}

/// The range of times, the years 1 to 9999: the limits of certificates and of Python's
/// datetime.
pub(super) const FIRST: i64 = -62_135_596_800;
pub(super) const LAST: i64 = 253_402_300_799;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Splits a time from its zone.  Returns the zone's offset from UTC in seconds.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, 0));
    }
    let (local, zone) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number = |digits: &str| digits.parse::<i8>().ok();
    let (hours, minutes) = (number(digits.get(..2)?)?, number(digits.get(2..)?)?);
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let offset = UtcOffset::from_hms(hours, minutes, 0)
        .ok()
        .filter(|_| is_digits)?;
    Some((local, sign * i64::from(offset.whole_seconds())))
}

/// Parses `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`.
fn seconds(digits: &str) -> Option<i64> {
    let year = digits.get(..4)?.parse().ok()?;
    let pair = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let month = Month::try_from(pair(4)?).ok()?;
    let date = Date::from_calendar_date(year, month, pair(6)?).ok()?;
    let time = Time::from_hms(pair(8)?, pair(10)?, pair(12).unwrap_or(0)).ok()?;
    Some(OffsetDateTime::new_utc(date, time).unix_timestamp())
}

/// Formats a time in UTC.
pub(crate) fn format_utc(seconds: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(at) => {
            let (date, (hour, minute, second)) = (at.date(), at.to_hms());
            format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
        }
        Err(_) => format!("second {seconds} of the Unix epoch"),
    }
}

/// Formats a duration in a suitable unit.
pub(crate) fn format_duration(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

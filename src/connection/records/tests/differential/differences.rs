//! The intended differences between our record layer and rustls', with the reason for each.

use rustls::AlertDescription as Alert;

use super::receivers::End;
use super::script::Outcome;
use crate::connection::records::tests::peer::{Sent, Terms};
use crate::connection::records::{FATAL, WARNING};

/// What a peer does that the two judge differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    OuterTypeOfAnother,
    OuterTypeUnknown,
    ChangeCipherSpec,
    PlaintextAlert,
    VersionIgnored,
    VersionAuthenticated,
    EmptyRecord,
    LongRecord,
    LongerRecord,
    LongestRecord,
    NoContentType,
    InnerTypeUnknown,
    EmptyHandshake,
    EmptyAlert,
    Interleaved,
    TooManyEmpty,
    TooManyKeyUpdates,
    RequestedKeyUpdates,
    TooManyWarnings,
    TooManyRenegotiations,
    TooManyTogether,
    LongMessage,
    MalformedUnexpected,
    MalformedHelloRequest,
    MalformedClientHello,
    RenegotiationAfterClose,
}

/// What one of the two makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It continues, or waits for more.
    Nothing,
    /// It continues, after a warning.
    Warns(Alert),
    /// It fails without an alert.
    Silent,
    /// It fails with an alert.
    Alerts(Alert),
}

pub(super) struct Difference {
    pub(super) fault: Fault,
    pub(super) ours: Verdict,
    pub(super) theirs: Verdict,
    pub(super) reason: &'static str,
}

const fn differ(fault: Fault, ours: Verdict, theirs: Verdict, reason: &'static str) -> Difference {
    Difference {
        fault,
        ours,
        theirs,
        reason,
    }
}

const UNEXPECTED: Verdict = Verdict::Alerts(Alert::UnexpectedMessage);
const DECODE: Verdict = Verdict::Alerts(Alert::DecodeError);
const OVERFLOW: Verdict = Verdict::Alerts(Alert::RecordOverflow);
const BAD_MAC: Verdict = Verdict::Alerts(Alert::BadRecordMac);
const NO_RENEGOTIATION: Verdict = Verdict::Warns(Alert::NoRenegotiation);

/// In everything else they have to agree.
#[rustfmt::skip]
pub(super) const DIFFERENCES: [Difference; 26] = [
    differ(Fault::OuterTypeOfAnother, UNEXPECTED, Verdict::Nothing,
        "RFC 8446, 5.2: the type that a protected record shows is application_data; 5: any \
         other is unexpected"),
    differ(Fault::OuterTypeUnknown, UNEXPECTED, DECODE,
        "RFC 8446, 5; RFC 5246, 6.2.1 and 7.2.2: a record type that was not agreed on is \
         unexpected"),
    differ(Fault::ChangeCipherSpec, UNEXPECTED, DECODE,
        "RFC 5246, 7.1: it comes in the handshake, and what is in it then is not looked at"),
    differ(Fault::PlaintextAlert, UNEXPECTED, BAD_MAC,
        "RFC 8446, 5: after the handshake every record is protected, and shows it"),
    differ(Fault::VersionIgnored, Verdict::Nothing, DECODE,
        "RFC 8446, 5.1: the version of a record must be ignored for all purposes"),
    differ(Fault::VersionAuthenticated, BAD_MAC, DECODE,
        "RFC 5246, 6.2.3.3: the version of a record is authenticated, and does not fit"),
    differ(Fault::EmptyRecord, BAD_MAC, DECODE,
        "RFC 5246, 6.2.3.3: what has no room for a tag does not decrypt"),
    differ(Fault::LongRecord, OVERFLOW, Verdict::Nothing,
        "RFC 8446, 5.2: more than 2^14 + 256 bytes are refused, and not waited for"),
    differ(Fault::LongerRecord, OVERFLOW, DECODE,
        "RFC 8446, 5.2; RFC 5246, 7.2.2: a record that is too long is record_overflow"),
    differ(Fault::LongestRecord, Verdict::Nothing, DECODE,
        "RFC 5246, 6.2.3: 2^14 + 2048 bytes are still allowed"),
    differ(Fault::NoContentType, UNEXPECTED, Verdict::Silent,
        "RFC 8446, 5.4: nothing but zeros is an unexpected_message"),
    differ(Fault::InnerTypeUnknown, UNEXPECTED, DECODE,
        "RFC 8446, 5: a record type that was not agreed on is unexpected"),
    differ(Fault::EmptyHandshake, UNEXPECTED, Verdict::Nothing,
        "RFC 8446, 5.4: handshake records without content are an unexpected_message"),
    differ(Fault::EmptyAlert, UNEXPECTED, DECODE,
        "RFC 8446, 5.4: alert records without content are an unexpected_message"),
    differ(Fault::Interleaved, UNEXPECTED, Verdict::Silent,
        "RFC 8446, 5.1: nothing comes between the records of a handshake message"),
    differ(Fault::TooManyEmpty, UNEXPECTED, Verdict::Silent,
        "RFC 8446, 6.2: a failing connection sends an alert"),
    differ(Fault::TooManyKeyUpdates, UNEXPECTED, Verdict::Silent,
        "RFC 8446, 6.2: a failing connection sends an alert"),
    differ(Fault::RequestedKeyUpdates, Verdict::Nothing, Verdict::Silent,
        "RFC 8446, 4.6.3: a KeyUpdate that was requested is no abuse"),
    differ(Fault::TooManyWarnings, UNEXPECTED, Verdict::Silent,
        "RFC 8446, 6.2; RFC 5246, 7.2.2: a failing connection sends an alert"),
    differ(Fault::TooManyRenegotiations, UNEXPECTED, Verdict::Silent,
        "RFC 5246, 7.2.2: a failing connection sends an alert"),
    differ(Fault::TooManyTogether, UNEXPECTED, Verdict::Nothing,
        "RFC 8446, appendix D.5 leaves limits to us: kinds of records without application \
         data that refill each other's allowance keep a receiver busy forever"),
    differ(Fault::LongMessage, DECODE, Verdict::Silent,
        "RFC 8446, 6.2; RFC 5246, 7.2.2: a failing connection sends an alert"),
    differ(Fault::MalformedUnexpected, UNEXPECTED, DECODE,
        "RFC 8446, 4; RFC 5246, 7.4: the message is not allowed here, whatever its content"),
    differ(Fault::MalformedHelloRequest, DECODE, NO_RENEGOTIATION,
        "RFC 5246, 7.4.1.1: HelloRequest has no content"),
    differ(Fault::MalformedClientHello, NO_RENEGOTIATION, DECODE,
        "RFC 5246, 7.4.1.2: it is refused whatever it asks for, and nothing of it is used"),
    differ(Fault::RenegotiationAfterClose, Verdict::Nothing, NO_RENEGOTIATION,
        "RFC 5246, 7.2.1: nothing is sent after close_notify"),
];

impl Fault {
    /// Its place in the table.
    pub(super) fn difference(self) -> usize {
        let place = DIFFERENCES.iter().position(|one| one.fault == self);
        place.expect("every fault is in the table")
    }

    /// Whether there is such a thing.
    pub(super) fn applies(self, terms: &Terms, is_client: bool) -> bool {
        match self {
            Self::OuterTypeOfAnother
            | Self::PlaintextAlert
            | Self::VersionIgnored
            | Self::LongRecord
            | Self::NoContentType
            | Self::InnerTypeUnknown
            | Self::TooManyKeyUpdates
            | Self::RequestedKeyUpdates
            | Self::TooManyTogether => terms.is_tls13(),
            Self::ChangeCipherSpec
            | Self::VersionAuthenticated
            | Self::EmptyRecord
            | Self::LongestRecord
            | Self::TooManyRenegotiations
            | Self::RenegotiationAfterClose => !terms.is_tls13(),
            Self::MalformedHelloRequest => !terms.is_tls13() && is_client,
            Self::MalformedClientHello => !terms.is_tls13() && !is_client,
            _ => true,
        }
    }
}

impl Verdict {
    pub(super) fn fits(self, outcome: &Outcome) -> bool {
        let last = outcome.sent.last();
        let is_fatal = |sent: &Sent| matches!(sent, Sent::Alert(FATAL, _));
        let sent = |level, alert| last == Some(&Sent::Alert(level, u8::from(alert)));
        let failed = matches!(outcome.end, Some(End::Failed(_, None)));
        match self {
            Self::Nothing => !failed && !outcome.sent.iter().any(is_fatal),
            Self::Warns(alert) => !failed && sent(WARNING, alert),
            Self::Silent => failed && !outcome.sent.iter().any(is_fatal),
            Self::Alerts(alert) => failed && sent(FATAL, alert),
        }
    }
}

//! One step of rustls: handles the state that its unbuffered connection returns.

use rustls::client::{ClientConnectionData, EarlyDataError};
use rustls::server::ServerConnectionData;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, ReadEarlyData, TransmitTlsData, UnbufferedStatus,
};

use crate::base::limits::RECORD_PLAINTEXT;
use crate::base::rustls_gaps::is_end_of_early_data;
use crate::connection::records::Buffer;

/// An upper bound on what a record of any version adds to its plaintext, in bytes.
const RECORD_OVERHEAD: usize = 64;

/// What to do as soon as application data may be sent.
#[derive(Clone, Copy)]
pub(crate) enum Goal<'a> {
    Nothing,
    /// Seal this.
    Encrypt(&'a [u8]),
    /// Seal `data` before the handshake is complete, as early data, in records with
    /// `fragment` bytes of it each.
    EncryptEarly {
        data: &'a [u8],
        fragment: usize,
    },
    CloseNotify,
    /// Change the sending keys, and request the same of the peer.
    RefreshKeys,
    /// Queue the KeyUpdate that the peer requested.
    AnswerKeyUpdate,
}

impl Goal<'_> {
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

/// The result of one step.
#[derive(PartialEq, Eq)]
pub(crate) enum Step {
    /// There may be more to do at once.
    Again,
    /// So many bytes of early data were sealed.
    Early(usize),
    /// The sending keys were changed, and the KeyUpdate is to be sealed.
    Refreshed,
    /// Plaintext was opened.
    Plaintext,
    /// The goal is reached, and nothing is left to do without more records.
    Ready,
    /// Nothing can be done without more records, nor the goal be reached.
    Blocked,
    /// The peer sent close_notify.
    PeerClosed,
    /// Both sides have sent close_notify.
    Closed,
}

/// The goal of a step, and where its output goes.
pub(crate) struct StepOutput<'a> {
    pub(crate) goal: Goal<'a>,
    /// The caller's memory for plaintext, and how many bytes of it are filled.
    pub(crate) out: &'a mut [u8],
    pub(crate) filled: usize,
    /// Plaintext that does not fit into `out`.
    pub(crate) plaintext: &'a mut Buffer,
    /// Early data that a server opens.
    pub(crate) early_data: &'a mut Option<Box<Buffer>>,
    /// Records for the peer.
    pub(crate) outgoing: &'a mut Buffer,
    /// Whether a client sent EndOfEarlyData, which it does if the server accepted its early
    /// data.
    pub(crate) sent_end_of_early_data: bool,
}

impl StepOutput<'_> {
    fn put(&mut self, plaintext: &[u8]) {
        let free = &mut self.out[self.filled..];
        let (now, later) = plaintext.split_at(plaintext.len().min(free.len()));
        free[..now.len()].copy_from_slice(now);
        self.filled += now.len();
        if !later.is_empty() {
            self.plaintext.append(later);
        }
    }
}

/// What clients and servers do differently.
pub(crate) trait Side: Sized {
    /// Seals early data after the first flight, in records with `fragment` bytes each, and
    /// returns how many bytes rustls allowed.
    fn seal_early(
        flight: &mut TransmitTlsData<'_, Self>,
        data: &[u8],
        fragment: usize,
        outgoing: &mut Buffer,
    ) -> Result<usize, rustls::Error>;

    /// Stores early data, and returns how many bytes of the records were consumed.
    fn open_early(
        records: ReadEarlyData<'_, '_, Self>,
        early: &mut Option<Box<Buffer>>,
    ) -> Result<usize, rustls::Error>;
}

impl Side for ClientConnectionData {
    fn seal_early(
        flight: &mut TransmitTlsData<'_, Self>,
        data: &[u8],
        fragment: usize,
        outgoing: &mut Buffer,
    ) -> Result<usize, rustls::Error> {
        let mut sealed = 0;
        for record in data.chunks(fragment) {
            let Some(mut early) = flight.may_encrypt_early_data() else {
                break;
            };
            let room = outgoing.spare(record.len() + RECORD_OVERHEAD);
            let count = early.encrypt(record, room);
            outgoing.commit(*count.as_ref().unwrap_or(&0));
            match count {
                Ok(_) => sealed += record.len(),
                Err(EarlyDataError::ExceededAllowedEarlyData) => break,
                Err(EarlyDataError::Encrypt(_)) => return Err(rustls::Error::EncryptError),
            }
        }
        Ok(sealed)
    }

    fn open_early(
        _records: ReadEarlyData<'_, '_, Self>,
        _early: &mut Option<Box<Buffer>>,
    ) -> Result<usize, rustls::Error> {
        Ok(0)
    }
}

impl Side for ServerConnectionData {
    fn seal_early(
        _flight: &mut TransmitTlsData<'_, Self>,
        _data: &[u8],
        _fragment: usize,
        _outgoing: &mut Buffer,
    ) -> Result<usize, rustls::Error> {
        Ok(0)
    }

    fn open_early(
        mut records: ReadEarlyData<'_, '_, Self>,
        early: &mut Option<Box<Buffer>>,
    ) -> Result<usize, rustls::Error> {
        let mut discard = 0;
        while let Some(record) = records.next_record() {
            let record = record?;
            discard += record.discard;
            early.get_or_insert_default().append(record.payload);
        }
        Ok(discard)
    }
}

/// Handles the state that rustls returns.  Also returns how many bytes of the records were
/// consumed.
pub(crate) fn act<Data: Side>(
    status: UnbufferedStatus<'_, '_, Data>,
    output: &mut StepOutput<'_>,
) -> (usize, Result<Step, rustls::Error>) {
    let mut discard = status.discard;
    let outcome = status.state.and_then(|state| match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                let record = record?;
                discard += record.discard;
                output.put(record.payload);
            }
            Ok(Step::Plaintext)
        }
        ConnectionState::EncodeTlsData(mut data) => {
            let before = output.outgoing.len();
            seal(output.outgoing, 1, |spare| match data.encode(spare) {
                Err(EncodeError::InsufficientSize(needed)) => Err(Some(needed.required_size)),
                other => other.map_err(|_| None),
            })?;
            let record = &output.outgoing.filled()[before..];
            output.sent_end_of_early_data |= is_end_of_early_data(record);
            Ok(Step::Again)
        }
        ConnectionState::TransmitTlsData(mut flight) => match output.goal {
            Goal::EncryptEarly { data, fragment } => {
                let sealed = Data::seal_early(&mut flight, data, fragment, output.outgoing)?;
                Ok(Step::Early(sealed))
            }
            // The flight is in `outgoing`, ahead of everything that follows.
            _ => {
                flight.done();
                Ok(Step::Again)
            }
        },
        ConnectionState::ReadEarlyData(records) => {
            discard += Data::open_early(records, output.early_data)?;
            Ok(Step::Again)
        }
        ConnectionState::WriteTraffic(mut traffic) => {
            let space = |len: usize| len + (len / RECORD_PLAINTEXT + 1) * RECORD_OVERHEAD;
            match output.goal {
                Goal::Nothing | Goal::EncryptEarly { .. } => Ok(()),
                Goal::AnswerKeyUpdate => {
                    // rustls queues it before the next record, which has no room here.
                    let _ = traffic.encrypt(&[0], &mut []);
                    Ok(())
                }
                Goal::RefreshKeys => {
                    traffic.refresh_traffic_keys()?;
                    return Ok(Step::Refreshed);
                }
                Goal::Encrypt(data) => seal(output.outgoing, space(data.len()), |spare| {
                    traffic.encrypt(data, spare).map_err(required_size)
                }),
                Goal::CloseNotify => seal(output.outgoing, space(0), |spare| {
                    traffic.queue_close_notify(spare).map_err(required_size)
                }),
            }?;
            Ok(Step::Ready)
        }
        ConnectionState::BlockedHandshake => Ok(Step::Blocked),
        ConnectionState::PeerClosed => Ok(Step::PeerClosed),
        ConnectionState::Closed => Ok(Step::Closed),
        _ => Err(rustls::Error::General(
            "a state of rustls that nothing here asked for".to_owned(),
        )),
    });
    (discard, outcome)
}

fn required_size(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(needed) => Some(needed.required_size),
        EncryptError::EncryptExhausted => None,
    }
}

/// Calls `write` to fill the end of `outgoing`.  It returns how many bytes it wrote, or how much
/// room it needs, or `None` if it failed.
fn seal(
    outgoing: &mut Buffer,
    mut size: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), rustls::Error> {
    loop {
        match write(outgoing.spare(size)) {
            Ok(count) => {
                outgoing.commit(count);
                return Ok(());
            }
            Err(Some(needed)) if needed > size => size = needed,
            Err(_) => {
                outgoing.commit(0);
                return Err(rustls::Error::EncryptError);
            }
        }
    }
}

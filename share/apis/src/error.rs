// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The one error of every call: which service was asked what, and how that went wrong. Bodies never enter it,
//! because they may hold keys and passwords.

use std::fmt;

use crate::error_body::ErrorBody;

/// A call that did not give what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}: {kind}")]
pub struct ApiError {
    pub call: Box<CallName>,
    pub kind: ErrorKind,
}

/// Which call it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallName {
    /// `sapi`, `vmapi`...
    pub service: String,
    /// Base URL that was asked, with the pinned address if there was one. Empty when nothing was asked yet.
    pub at: String,
    /// Empty, with `path`, where a client could not even be made.
    pub method: String,
    /// Without its query.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing answered: the name does not resolve, nothing listens, no route, or time ran out.
    Unreachable {
        timed_out: bool,
        /// The request may have reached the server (time ran out while waiting for its answer).
        sent: bool,
        why: String,
    },
    /// The connection broke while the server answered; a core service that dies does this. What it did before is unknown.
    Closed { why: String },
    /// The server answered, and the answer is an error.
    Answered(Box<ErrorBody>),
    /// The server says that it worked, but the answer is not what its API promises.
    Undecodable {
        status: u16,
        /// Where in the body, such as `[3].uuid`; `.` is all of it.
        json_path: String,
        why: String,
    },
    /// Caught here before anything was sent, because it would confuse or kill the server.
    Invalid { field: String, why: String },
    /// The answer could not be kept on this side, or what was to be sent could not be read.
    Local { why: String },
}

impl ApiError {
    pub fn new(call: CallName, kind: ErrorKind) -> ApiError {
        ApiError {
            call: Box::new(call),
            kind,
        }
    }

    /// HTTP status, if one came.
    pub fn status(&self) -> Option<u16> {
        match &self.kind {
            ErrorKind::Answered(body) => Some(body.status),
            ErrorKind::Undecodable { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The server's error code, such as `ResourceNotFound`; many errors have none.
    pub fn code(&self) -> Option<&str> {
        self.answered().and_then(|body| body.code.as_deref())
    }

    pub fn answered(&self) -> Option<&ErrorBody> {
        match &self.kind {
            ErrorKind::Answered(body) => Some(body),
            _ => None,
        }
    }

    /// Nothing answered, or the connection broke: the service may be down. Not said of an answer, however bad.
    pub fn is_down(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unreachable { .. } | ErrorKind::Closed { .. }
        )
    }

    /// The object does not exist. SAPI (PUT) and CNAPI (VmLoad) say so with a 500; a router's 404 for a path that it
    /// does not know (some other program has that address) does not count.
    pub fn is_not_found(&self) -> bool {
        let Some(body) = self.answered() else {
            return false;
        };
        let message = body.message.as_deref().unwrap_or_default();
        match body.status {
            404 => message != format!("{} does not exist", self.call.path),
            500 => {
                (self.call.service == "sapi" && message.contains("no record for bucket"))
                    || (self.call.service == "cnapi" && message.contains("No such zone configured"))
            }
            _ => false,
        }
    }

    /// Someone else has it, or was faster: a taken UUID, alias or address, or an etag that no longer matches.
    /// 409 alone does not say this: SAPI, VMAPI, PAPI and CNAPI answer bad parameters with it.
    pub fn is_conflict(&self) -> bool {
        let Some(body) = self.answered() else {
            return false;
        };
        body.status == 412
            || matches!(
                body.code.as_deref(),
                Some(
                    "ConflictError"
                        | "EtagConflictError"
                        | "EtagConflict"
                        | "ImageUuidAlreadyExists"
                        | "InUse"
                )
            )
            || body
                .errors
                .iter()
                .any(|e| matches!(e.code.as_deref(), Some("Duplicate" | "UsedBy")))
    }

    /// Trying the same again may help and can't do harm.
    pub fn may_retry(&self) -> bool {
        let only_reads = matches!(self.call.method.as_str(), "GET" | "HEAD");
        match &self.kind {
            ErrorKind::Unreachable { sent, .. } => only_reads || !sent,
            ErrorKind::Closed { .. } => only_reads,
            ErrorKind::Answered(body) => match body.status {
                408 | 429 | 502 | 503 | 504 => true,
                // CNAPI says 500 to a bad parameter, which stays bad.
                500 => {
                    only_reads
                        && body.code.as_deref() != Some("InvalidParameters")
                        && !self.is_not_found()
                }
                _ => false,
            },
            ErrorKind::Undecodable { .. } | ErrorKind::Invalid { .. } | ErrorKind::Local { .. } => {
                false
            }
        }
    }

    /// What an operator can do next, in a sentence.
    pub fn advice(&self) -> String {
        let service = &self.call.service;
        match &self.kind {
            ErrorKind::Unreachable {
                timed_out: true, ..
            } => format!(
                "check that {service}'s zone and the network to it work, or allow more time"
            ),
            ErrorKind::Unreachable { .. } => format!(
                "check that {service}'s zone runs and that its name resolves, or give its address by hand"
            ),
            ErrorKind::Closed { .. } => format!(
                "{service} may have died on this request: read its log in its zone (svcs -L), \
                 and look at what it did before trying again"
            ),
            ErrorKind::Answered(body) if body.status >= 500 => {
                format!(
                    "read {service}'s log for this request, and check what it depends on (its /ping)"
                )
            }
            ErrorKind::Answered(_) => {
                "correct what was asked; the same request will be refused again".to_owned()
            }
            ErrorKind::Undecodable { .. } => format!(
                "check that {service}'s address belongs to {service}, and which version answers there"
            ),
            ErrorKind::Invalid { field, .. } => format!("correct {field}; nothing was sent"),
            ErrorKind::Local { .. } => "correct it on this machine and try again".to_owned(),
        }
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.service)?;
        if !self.method.is_empty() {
            write!(f, " {} {}", self.method, self.path)?;
        }
        if !self.at.is_empty() {
            write!(f, " at {}", self.at)?;
        }
        Ok(())
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Unreachable {
                timed_out: true,
                sent,
                why,
            } => {
                let when = if *sent {
                    "waiting for an answer"
                } else {
                    "connecting"
                };
                write!(f, "timed out {when}: {why}")
            }
            ErrorKind::Unreachable { why, .. } => write!(f, "could not be reached: {why}"),
            ErrorKind::Closed { why } => write!(f, "broke off its answer: {why}"),
            ErrorKind::Answered(body) => body.fmt(f),
            ErrorKind::Undecodable {
                status,
                json_path,
                why,
            } => write!(
                f,
                "answered {status} with a body that is not as its API promises, at {json_path}: {why}"
            ),
            ErrorKind::Invalid { field, why } => write!(f, "not sent: {field} {why}"),
            ErrorKind::Local { why } => f.write_str(why),
        }
    }
}

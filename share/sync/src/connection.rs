// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The asking end's side of a connection: requests out, frames in, and the beats that keep both ends sure of each other.

use std::io::{BufReader, PipeWriter, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use platform::{Command, Dialogue, Host};
use serde_json::Value;

use crate::error::SyncError;
use crate::serve::pieces::Spare;
use crate::serve::protocol::{Answer, BEAT, Frame, Request, SILENCE};

/// Frames that wait for us: with the pieces that streams come in, 16 MiB between the network and the pool. A receive pauses for
/// each transaction group, and a network that is not read from meanwhile takes seconds to come back to its speed.
const WAITING: usize = 32;

pub struct Connection {
    host: String,
    input: Arc<Mutex<Option<PipeWriter>>>,
    frames: Receiver<std::io::Result<Frame>>,
    /// For the frames to come.
    pub spare: Spare,
    /// The stream that is on its way, if one is.
    begun: Option<Request>,
    /// The stream to begin with when that one has ended.
    pub prepared: Option<Request>,
    dialogue: Option<Dialogue>,
}

impl Connection {
    /// Starts the answering end over there.
    pub fn open(there: &Host, command: Command) -> Result<Connection, SyncError> {
        let unreachable = |why: String| SyncError::Unreachable {
            host: there.name().to_owned(),
            why,
        };
        let mut dialogue = there
            .converse(command)
            .map_err(|error| unreachable(error.to_string()))?;
        let input = Arc::new(Mutex::new(dialogue.input.take()));
        beat(Arc::clone(&input));
        let (tell, frames) = mpsc::sync_channel(WAITING);
        let spare = Spare::default();
        if let Some(output) = dialogue.output.take() {
            let spare = spare.clone();
            thread::spawn(move || {
                let mut output = BufReader::new(output);
                while let Some(frame) = Frame::read(&mut output, &spare).transpose() {
                    let broken = frame.is_err();
                    if tell.send(frame).is_err() || broken {
                        return;
                    }
                }
            });
        }
        Ok(Connection {
            host: there.name().to_owned(),
            input,
            frames,
            spare,
            begun: None,
            prepared: None,
            dialogue: Some(dialogue),
        })
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, what: &str, request: &Request) -> Result<Value, SyncError> {
        self.give_up()?;
        self.send(request)?;
        loop {
            if let Frame::Answer(answer) = self.next()? {
                return self.taken(what, answer);
            }
        }
    }

    /// Has a stream sent, unless it is on its way already.
    pub fn begin(&mut self, request: Request) -> Result<(), SyncError> {
        if self.begun.as_ref() == Some(&request) {
            return Ok(());
        }
        self.give_up()?;
        self.send(&request)?;
        self.begun = Some(request);
        Ok(())
    }

    /// The stream's answer is there: it has ended. What was prepared begins.
    pub fn ended(&mut self) -> Result<(), SyncError> {
        self.begun = None;
        match self.prepared.take() {
            Some(next) => self.begin(next),
            None => Ok(()),
        }
    }

    /// Ends a stream that nobody wants: what is still on its way is thrown away.
    fn give_up(&mut self) -> Result<(), SyncError> {
        if self.begun.take().is_none() {
            return Ok(());
        }
        let mut stopped = false;
        loop {
            match self.next()? {
                Frame::Answer(_) => return Ok(()),
                // It is stopped once it has begun: sooner it would not be heard.
                frame => {
                    frame.used(&self.spare);
                    if !stopped {
                        self.send(&Request::Stop {})?;
                        stopped = true;
                    }
                }
            }
        }
    }

    /// What an answer is to us.
    pub fn taken(&self, what: &str, answer: Answer) -> Result<Value, SyncError> {
        match answer {
            Answer::Ok(value) => Ok(value),
            Answer::Failed(why) => Err(SyncError::command(what, why)),
            Answer::Refused(why) => {
                let what = format!("{what}: {} refuses", self.host);
                Err(SyncError::command(what, why))
            }
        }
    }

    pub fn send(&mut self, request: &Request) -> Result<(), SyncError> {
        let mut line = serde_json::to_vec(request).unwrap_or_default();
        line.push(b'\n');
        let written = {
            let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
            input.as_mut().map(|input| input.write_all(&line))
        };
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.gone("the connection broke".to_owned())),
        }
    }

    /// The next frame that is no beat.
    pub fn next(&mut self) -> Result<Frame, SyncError> {
        loop {
            match self.frames.recv_timeout(SILENCE) {
                Ok(Ok(Frame::Beat)) => {}
                Ok(Ok(frame)) => return Ok(frame),
                Ok(Err(error)) => return Err(self.gone(error.to_string())),
                Err(RecvTimeoutError::Timeout) => {
                    let why = format!("nothing was heard of it for {} s", SILENCE.as_secs());
                    return Err(self.gone(why));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.gone("the connection broke".to_owned()));
                }
            }
        }
    }

    /// Hangs up; the error has what ssh, or the other end, said last.
    fn gone(&mut self, why: String) -> SyncError {
        self.input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let said = self.dialogue.take().map(Dialogue::finish);
        let why = match said {
            Some(Err(error)) => error.to_string(),
            Some(Ok(output)) if !output.complaint().trim().is_empty() => {
                format!("{why}: {}", output.complaint().trim())
            }
            _ => why,
        };
        SyncError::Unreachable {
            host: self.host.clone(),
            why,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The other end takes the end of its input for our end.
        self.input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(dialogue) = self.dialogue.take() {
            let _ = dialogue.finish();
        }
    }
}

fn beat(input: Arc<Mutex<Option<PipeWriter>>>) {
    let mut line = serde_json::to_vec(&Request::Beat {}).unwrap_or_default();
    line.push(b'\n');
    thread::spawn(move || {
        loop {
            thread::sleep(BEAT);
            let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
            match input.as_mut().map(|input| input.write_all(&line)) {
                Some(Ok(())) => {}
                _ => return,
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::Uuid;
    use serde_json::json;

    /// An answering end that begins a stream and ends it when it is told to stop.
    const OTHER_END: &str = r#"while read -r line; do case "$line" in
        *'"send"'*) printf 'D\0\0\0\003abc'; read -r line
            case "$line" in *'"stop"'*) printf 'A\0\0\0\022{"failed":"ended"}';; *) exit 1;; esac;;
        *'"zones"'*) printf 'A\0\0\0\011{"ok":[]}';;
    esac; done"#;

    fn connection() -> Connection {
        let command = Command::new("bash").args(["-c", OTHER_END]);
        Connection::open(&Host::local("/"), command).unwrap()
    }

    fn send(snapshot: &str) -> Request {
        Request::Send {
            vm: Uuid::nil(),
            snapshot: snapshot.to_owned(),
            base: None,
        }
    }

    #[test]
    fn a_stream_that_nobody_wants_any_more_is_stopped_before_something_else_is_asked() {
        let mut connection = connection();
        connection.begin(send("a")).unwrap();
        let zones = connection.ask("list the zones", &Request::Zones {});
        assert_eq!(zones.unwrap(), json!([]));
        connection.begin(send("a")).unwrap();
        connection.begin(send("b")).unwrap();
        let zones = connection.ask("list the zones", &Request::Zones {});
        assert_eq!(zones.unwrap(), json!([]));
    }

    #[test]
    fn what_was_prepared_begins_when_the_stream_before_it_has_ended_and_is_asked_for_once() {
        let mut connection = connection();
        connection.prepared = Some(send("b"));
        connection.begin(send("a")).unwrap();
        assert_eq!(connection.next().unwrap(), Frame::Data(b"abc".to_vec()));
        connection.send(&Request::Stop {}).unwrap();
        assert!(matches!(connection.next().unwrap(), Frame::Answer(_)));
        connection.ended().unwrap();
        // Begun already: asked for again, the other end would take it for no stop and hang up.
        connection.begin(send("b")).unwrap();
        assert_eq!(connection.next().unwrap(), Frame::Data(b"abc".to_vec()));
        connection.send(&Request::Stop {}).unwrap();
        assert!(matches!(connection.next().unwrap(), Frame::Answer(_)));
    }
}

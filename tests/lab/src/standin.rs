// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The daemon's side of the command stand-ins: takes their calls, runs them, logs them.

use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::{fs, thread};

use crate::call::Call;
use crate::client::{self, Request};
use crate::error::{Attempted, LabError, Result};
use crate::kill;
use crate::lab::Lab;
use crate::log::Logged;
use crate::{commands, ssh, wire};

/// What a shell says of a command that it doesn't find.
const NOT_FOUND: i32 = 127;

/// Opens the door for the stand-ins of `host`. It is closed by shutting the listener down.
pub fn listen(lab: &Arc<Lab>, host: &str) -> Result<UnixListener> {
    let path = lab.host_path(host, client::SOCKET);
    let on = || format!("listening for the commands of {host}");
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).attempted(on()),
        _ => (),
    }
    let listener = wire::listen(&path).attempted(on())?;
    let accepting = listener.try_clone().attempted(on())?;
    let (lab, host) = (Arc::clone(lab), host.to_owned());
    thread::spawn(move || {
        while let Ok((stream, _)) = accepting.accept() {
            let (lab, host) = (Arc::clone(&lab), host.clone());
            thread::spawn(move || serve(&lab, &host, &stream));
        }
    });
    Ok(listener)
}

/// What a call ends with whose caller was killed: nobody is there to read it.
const KILLED: i32 = 137;

/// One call from its arrival to its answer.
fn serve(lab: &Arc<Lab>, host: &str, stream: &UnixStream) {
    let Ok(mut call) = receive(host, stream) else {
        return;
    };
    let passage = kill::begin_command(lab, &call);
    if passage.stopped {
        let _ = wire::send(stream, &KILLED, &[]);
        return;
    }
    let at = lab.now_ms();
    let result = run(lab, &mut call, stream);
    let entry = Logged {
        at,
        host: host.to_owned(),
        destroys: commands::destroys(&call.name, &call.args),
        command: call.name.clone(),
        args: call.args.clone(),
        result,
        by: None,
    };
    let killed = kill::end(lab, passage, entry);
    // The caller reads its streams to their end before it looks at the exit code, so they close first.
    drop(call);
    let _ = wire::send(stream, if killed { &KILLED } else { &result }, &[]);
}

fn receive(host: &str, stream: &UnixStream) -> Result<Call> {
    let on = || format!("receiving a call on {host}");
    let pid = wire::peer_pid(stream).attempted(on())?;
    let (request, files) = wire::receive::<Request>(stream).attempted(on())?;
    let [stdin, stdout, stderr] = <[fs::File; 3]>::try_from(files)
        .map_err(|files| LabError::Failed(format!("{}: {} streams", on(), files.len())))?;
    let Request {
        name,
        args,
        cwd,
        env,
    } = request;
    Ok(Call {
        host: host.to_owned(),
        name,
        args,
        cwd,
        env,
        pid,
        stdin,
        stdout,
        stderr,
    })
}

fn run(lab: &Arc<Lab>, call: &mut Call, stream: &UnixStream) -> i32 {
    let name = call.name.clone();
    let name = Path::new(&name)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if ssh::NAMES.contains(&name) {
        ssh::run(lab, call, stream)
    } else if commands::NAMES.contains(&name) {
        commands::run(lab, call)
    } else {
        call.fail(NOT_FOUND, format!("{name}: command not found"))
    }
}

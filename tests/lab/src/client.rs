// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A command stand-in: hands its name, arguments and standard streams to the daemon and exits as it is told.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::{env, io};

use serde::{Deserialize, Serialize};

use crate::caller::ON_BEHALF_OF;
use crate::wire;

/// Where a host's stand-ins find the daemon.
pub const SOCKET: &str = "/.lab/socket";

/// What stand-ins look at in the environment.
const ENVIRONMENT: [&str; 4] = [
    "SSH_AUTH_SOCK",
    "SDC_API_VERSION",
    "SSH_CONNECTION",
    ON_BEHALF_OF,
];

/// A call on its way to the daemon.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub name: String,
    pub args: Vec<String>,
    pub cwd: String,
    pub env: BTreeMap<String, String>,
}

/// Runs as the command `name`.
pub fn main(name: String) -> ExitCode {
    match call(name.clone()) {
        Ok(code) => ExitCode::from(code as u8),
        Err(error) => {
            eprintln!(
                "{name}: this command is a stand-in of the lab, and the lab does not answer: {error}"
            );
            ExitCode::from(125)
        }
    }
}

fn call(name: String) -> io::Result<i32> {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let request = Request {
        name,
        args: env::args_os().skip(1).map(lossy).collect(),
        cwd: env::current_dir()?.to_string_lossy().into_owned(),
        env: ENVIRONMENT
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), lossy(env::var_os(key)?))))
            .collect(),
    };
    let stream = UnixStream::connect(SOCKET)?;
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    wire::send(
        &stream,
        &request,
        &[stdin.as_fd(), stdout.as_fd(), stderr.as_fd()],
    )?;
    Ok(wire::receive(&stream)?.0)
}

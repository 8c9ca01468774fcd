// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The stand-in of `ssh`: reaches a host's global zone if it lives and lets the caller in, and runs one command there.

mod arguments;
mod authority;
mod relay;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::call::Call;
use crate::caller::{self, ON_BEHALF_OF};
use crate::host_init::Start;
use crate::host_root::{AGENT, ENVIRONMENT};
use crate::lab::Lab;
use arguments::{Arguments, Control};

pub const NAMES: [&str; 1] = ["ssh"];

/// What ssh exits with when it is ssh that failed, not the command.
const FAILED: i32 = 255;

/// How long TCP tries to reach a host that does not answer, in real seconds.
const CONNECT_SECONDS: f64 = 10.0;

const TCP_KEEPALIVE_SECONDS: f64 = 7200.0;

/// Runs one `ssh`. `client` is the stand-in's connection: when it closes, the ssh client is dead.
pub fn run(lab: &Arc<Lab>, call: &mut Call, client: &UnixStream) -> i32 {
    let arguments = match arguments::parse(&call.args) {
        Ok(arguments) => arguments,
        Err(usage) => return call.fail(FAILED, usage),
    };
    let Some(address) = resolve(lab, &call.host, &arguments.host) else {
        let text = format!(
            "ssh: Could not resolve hostname {}: Name or service not known",
            arguments.host
        );
        return call.fail(FAILED, text);
    };
    // A control connection is an economy that the lab has no need of: there is always one, and closing it is nothing.
    match arguments.control {
        Some(Control::Check) => {
            return call.fail(0, format!("Master running (pid={})\r", call.pid));
        }
        Some(Control::Exit) => return call.fail(0, "Exit request sent.\r"),
        None => (),
    }
    let Some(target) = reachable(lab, address) else {
        let limit = lab.timings.scaled(CONNECT_SECONDS);
        thread::sleep(
            arguments
                .connect_timeout
                .map_or(limit, |asked| limit.min(asked)),
        );
        let port = arguments.port;
        return call.fail(
            FAILED,
            format!("ssh: connect to host {address} port {port}: Connection timed out\r"),
        );
    };
    let Some(authority) = authority::of(lab, call, &arguments, &target) else {
        let refusal = format!(
            "{}@{}: Permission denied (publickey).\r",
            arguments.user, arguments.host
        );
        return call.fail(FAILED, refusal);
    };
    if arguments.background {
        return 0;
    }
    let start = remote(lab, call, &arguments, authority.forced_command);
    let outcome = relay::run(lab, call, client, &target, &start, !arguments.no_stdin);
    outcome.unwrap_or_else(|| lost(lab, call, client, &arguments, &target))
}

/// The session ended without an exit code. A host that lost power says no goodbye: ssh learns of it by its own
/// keep-alives, and without them only after the two hours of TCP's.
fn lost(
    lab: &Lab,
    call: &mut Call,
    client: &UnixStream,
    arguments: &Arguments,
    target: &str,
) -> i32 {
    if lab.machines.is_up(target) {
        let text = format!("Connection to {} closed by remote host.\r", arguments.host);
        return call.fail(FAILED, text);
    }
    let patience = match arguments.alive_interval {
        Some(interval) if !interval.is_zero() => {
            interval.mul_f64(lab.timings.scale) * arguments.alive_count
        }
        _ => lab.timings.scaled(TCP_KEEPALIVE_SECONDS),
    };
    relay::wait_for_end(client, patience);
    call.fail(
        FAILED,
        format!("Timeout, server {} not responding.\r", arguments.host),
    )
}

/// An address, or a name that stands in the caller's own /etc/hosts: the global zones of headnodes are not in DNS.
fn resolve(lab: &Lab, from: &str, name: &str) -> Option<Ipv4Addr> {
    if let Ok(address) = name.parse() {
        return Some(address);
    }
    let hosts = std::fs::read_to_string(lab.host_path(from, "/etc/hosts")).ok()?;
    let line = hosts.lines().find(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).any(|word| word == name)
    })?;
    line.split_whitespace().next()?.parse().ok()
}

/// The live host at an address.
fn reachable(lab: &Lab, address: Ipv4Addr) -> Option<String> {
    let name = lab.dc().host_by_ip(address).map(|host| host.name.clone())?;
    lab.machines.is_up(&name).then_some(name)
}

/// What sshd starts: root's shell with the words of the command line, or what the key is tied to.
fn remote(lab: &Lab, call: &Call, arguments: &Arguments, forced: Option<String>) -> Start {
    let mut env: BTreeMap<String, String> = ENVIRONMENT
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let asked = (!arguments.command.is_empty()).then(|| arguments.command.join(" "));
    if let (Some(_), Some(asked)) = (&forced, &asked) {
        env.insert("SSH_ORIGINAL_COMMAND".to_owned(), asked.clone());
    }
    if arguments.forward_agent && arguments.uses_agent() && authority::agent(lab, call) {
        env.insert("SSH_AUTH_SOCK".to_owned(), AGENT.to_owned());
    }
    let tool = caller::tool_above(lab, call.pid).map(|tool| tool.name);
    if let Some(tool) = tool.or_else(|| call.env.get(ON_BEHALF_OF).cloned()) {
        env.insert(ON_BEHALF_OF.to_owned(), tool);
    }
    let argv = match forced.or(asked) {
        Some(command) => vec!["/bin/sh".to_owned(), "-c".to_owned(), command],
        None => vec!["/bin/bash".to_owned(), "-l".to_owned()],
    };
    Start {
        argv,
        env,
        cwd: "/root".to_owned(),
    }
}

/// Seconds as ssh's options give them.
fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs)
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Whom a host's sshd lets in: the operator's agent, or a key whose line stands in root's authorized_keys.

use std::fs;

use super::arguments::Arguments;
use crate::call::Call;
use crate::lab::Lab;

/// The key that ssh offers when it is told of none.
const DEFAULT_KEY: &str = "/root/.ssh/id_ed25519";

const AUTHORIZED_KEYS: &str = "/root/.ssh/authorized_keys";

/// What the caller may do on the target.
#[derive(Debug, PartialEq, Eq)]
pub struct Authority {
    /// The one command that the key is tied to.
    pub forced_command: Option<String>,
}

/// `None` when nothing that the caller has opens the target.
pub fn of(lab: &Lab, call: &Call, arguments: &Arguments, target: &str) -> Option<Authority> {
    if arguments.user != "root" {
        return None;
    }
    // ssh offers the agent's keys before those in files.
    if arguments.uses_agent() && agent(lab, call) {
        return Some(Authority {
            forced_command: None,
        });
    }
    let from = lab.dc().hosts.get(&call.host)?.admin_ip.to_string();
    let authorized = fs::read_to_string(lab.host_path(target, AUTHORIZED_KEYS)).ok()?;
    let default = [DEFAULT_KEY.to_owned()];
    let files = if arguments.identities.is_empty() {
        &default
    } else {
        &arguments.identities[..]
    };
    files.iter().find_map(|file| {
        let private = lab.host_path(&call.host, file);
        let public = fs::read_to_string(format!("{}.pub", private.display())).ok()?;
        // The public half alone opens nothing.
        private
            .exists()
            .then(|| admitted(&authorized, &public, &from))
            .flatten()
    })
}

/// True when the caller has an agent that answers. The operator's agent opens root on every host.
pub fn agent(lab: &Lab, call: &Call) -> bool {
    let socket = call
        .env
        .get("SSH_AUTH_SOCK")
        .map(String::as_str)
        .unwrap_or_default();
    !socket.is_empty() && lab.host_path(&call.host, socket).exists()
}

/// Looks a public key up in the text of an authorized_keys.
fn admitted(authorized: &str, public: &str, from: &str) -> Option<Authority> {
    let mut words = public.split_whitespace();
    let key = format!("{} {}", words.next()?, words.next()?);
    authorized
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let at = line.find(&key)?;
            let options = options(&line[..at]);
            let value = |name: &str| {
                options
                    .iter()
                    .find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
            };
            if let Some(hosts) = value("from")
                && !hosts.split(',').any(|host| host == from)
            {
                return None;
            }
            Some(Authority {
                forced_command: value("command").map(str::to_owned),
            })
        })
}

/// `restrict,command="a \"b\" c"` cut at its commas, without the quotes.
fn options(text: &str) -> Vec<String> {
    let mut options = vec![String::new()];
    let mut quoted = false;
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                push(&mut options, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => options.push(String::new()),
            other => push(&mut options, other),
        }
    }
    options
}

fn push(options: &mut [String], letter: char) {
    if let Some(last) = options.last_mut() {
        last.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1 sync of headnode1";

    #[test]
    fn a_key_tied_to_a_command_may_run_only_that() {
        let line = "restrict,command=\"triton-sync-data serve --for \\\"headnode1\\\", now\" ssh-ed25519 AAAAC3NzaC1lZDI1 x";
        let authority = admitted(line, KEY, "10.99.99.8").unwrap();
        let command = "triton-sync-data serve --for \"headnode1\", now";
        assert_eq!(authority.forced_command.as_deref(), Some(command));
    }

    #[test]
    fn a_key_is_refused_from_a_host_that_its_line_does_not_name() {
        let line = "from=\"10.99.99.8,10.99.99.9\" ssh-ed25519 AAAAC3NzaC1lZDI1";
        assert!(admitted(line, KEY, "10.99.99.9").is_some());
        assert_eq!(admitted(line, KEY, "10.99.99.7"), None);
    }

    #[test]
    fn a_key_that_no_line_holds_opens_nothing() {
        assert_eq!(
            admitted("# ssh-ed25519 AAAAC3NzaC1lZDI1", KEY, "10.99.99.8"),
            None
        );
        assert_eq!(
            admitted("ssh-ed25519 AAAAother root@elsewhere", KEY, "10.99.99.8"),
            None
        );
    }
}

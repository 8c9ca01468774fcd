// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Another host, reached by ssh as root: which options ssh is given, what its remote end is told to run, and how a command
//! there is ended, since sshd lets it run on when the client goes away.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::command::Command;
use super::quote;

/// A server and how root logs in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// The server's name in errors and logs.
    pub server_name: String,
    /// Its address on the admin network.
    pub address: IpAddr,
    /// The private key to use, and no other; without it, the operator's agent and ssh's own defaults.
    pub identity: Option<PathBuf>,
    /// Pinned host keys; without it, ssh's own defaults.
    pub known_hosts: Option<PathBuf>,
}

/// Precedes the process group's number on the first line that the remote end writes to standard error.
/// The first one that the other end has is taken. AES-GCM is several times as fast as the rest where processors help with it,
/// as all that run SmartOS do.
const FASTEST_FIRST: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr,\
                             chacha20-poly1305@openssh.com";

const ANNOUNCEMENT: &str = "triton-process-group:";

impl SshTarget {
    /// The ssh command whose remote end runs `command`.
    pub(crate) fn wrap(&self, command: &Command) -> Vec<OsString> {
        self.argv(&remote_line(command), command.is_alone())
    }

    /// The ssh command that ends a process group there: it is asked first, and killed when it takes two seconds to end.
    pub(crate) fn ending(&self, group: u32) -> Vec<OsString> {
        let line = format!(
            "kill -TERM -{group} 2>/dev/null || exit 0; n=0; \
             while kill -0 -{group} 2>/dev/null && [ $n -lt 20 ]; do sleep 0.1; n=$((n + 1)); done; \
             kill -KILL -{group} 2>/dev/null; exit 0"
        );
        self.argv(OsStr::new(&line), false)
    }

    fn argv(&self, line: &OsStr, alone: bool) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec!["ssh".into()];
        let mut option = |text: OsString| argv.extend(["-o".into(), text]);
        option("BatchMode=yes".into());
        option("ConnectTimeout=5".into());
        // A host that dies in the middle is noticed after 15 s.
        option("ServerAliveInterval=5".into());
        option("ServerAliveCountMax=3".into());
        if let Some(path) = &self.known_hosts {
            option("StrictHostKeyChecking=yes".into());
            option(with_path("UserKnownHostsFile", path));
        }
        if alone {
            option("ControlPath=none".into());
            option(format!("Ciphers={FASTEST_FIRST}").into());
        } else if let Some(socket) = self.control_socket() {
            option("ControlMaster=auto".into());
            option(with_path("ControlPath", &socket));
            option("ControlPersist=10".into());
        }
        if let Some(path) = &self.identity {
            option("IdentitiesOnly=yes".into());
            argv.extend(["-i".into(), path.clone().into_os_string()]);
        }
        argv.extend([
            format!("root@{}", self.address).into(),
            "--".into(),
            line.to_owned(),
        ]);
        argv
    }

    /// One connection per host and per way of logging in: a step that needs the operator's authority must never travel
    /// over a connection that another key opened.
    fn control_socket(&self) -> Option<PathBuf> {
        let agent = std::env::var_os("SSH_AUTH_SOCK").unwrap_or_default();
        let mut key = self.address.to_string().into_bytes();
        let path_of = |path: &Option<PathBuf>| path.clone().unwrap_or_default().into_os_string();
        for part in [path_of(&self.identity), path_of(&self.known_hosts), agent] {
            key.push(0);
            key.extend_from_slice(part.as_encoded_bytes());
        }
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, &key)
            .simple()
            .to_string();
        Some(private_folder()?.join(name))
    }
}

/// What the remote login shell is told. It announces its process group first (sshd makes each session the leader of one),
/// so that the command can be ended; then it becomes the command.
fn remote_line(command: &Command) -> OsString {
    let mut line = OsString::from(format!("echo {ANNOUNCEMENT}$$ >&2; "));
    for (name, value) in command.variables() {
        line.push(format!("{name}="));
        line.push(quote::quoted(value));
        line.push(format!("; export {name}; "));
    }
    line.push("exec ");
    line.push(quote::line(command.words()));
    line
}

/// The process group that the remote end announced, once it did.
pub(crate) fn announced(stderr: &[u8]) -> Option<u32> {
    let (line, _) = announcement(stderr)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// Standard error without the announcement.
pub(crate) fn without_announcement(mut stderr: Vec<u8>) -> Vec<u8> {
    if let Some((_, range)) = announcement(&stderr) {
        stderr.drain(range);
    }
    stderr
}

/// The number, and the whole line it stands on. A login shell may have said something before it.
fn announcement(stderr: &[u8]) -> Option<(&[u8], std::ops::Range<usize>)> {
    let mark = ANNOUNCEMENT.as_bytes();
    let start = stderr
        .windows(mark.len())
        .position(|window| window == mark)?;
    let number = start + mark.len();
    let end = number + stderr[number..].iter().position(|&byte| byte == b'\n')?;
    Some((&stderr[number..end], start..end + 1))
}

/// `Key=path`, quoted where ssh would otherwise see two values.
fn with_path(key: &str, path: &Path) -> OsString {
    let mut option = OsString::from(key);
    option.push("=");
    if path.as_os_str().as_encoded_bytes().contains(&b' ') {
        option.push("\"");
        option.push(path);
        option.push("\"");
    } else {
        option.push(path);
    }
    option
}

/// The folder of the control sockets, ours alone; `None` where it is not, and then every command has its own connection.
fn private_folder() -> Option<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    // Not TMPDIR: the path of a socket may have some 100 bytes only.
    let folder = PathBuf::from(format!("/tmp/triton-headnode-ssh-{user}"));
    let _ = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    let found = std::fs::symlink_metadata(&folder).ok()?;
    let private = found.is_dir() && found.uid() == user && found.permissions().mode() & 0o077 == 0;
    private.then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> SshTarget {
        SshTarget {
            server_name: "headnode1".to_owned(),
            address: IpAddr::from([10, 99, 99, 8]),
            identity: None,
            known_hosts: None,
        }
    }

    fn words(argv: &[OsString]) -> Vec<&str> {
        argv.iter().map(|word| word.to_str().unwrap()).collect()
    }

    #[test]
    fn ssh_asks_nobody_and_gives_up_soon() {
        let argv = target().wrap(&Command::new("zfs").args(["list", "my pool/x"]));
        let words = words(&argv);
        assert_eq!(
            words[..5],
            ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
        );
        assert_eq!(
            words[words.len() - 3..words.len() - 1],
            ["root@10.99.99.8", "--"]
        );
        assert_eq!(
            *words.last().unwrap(),
            "echo triton-process-group:$$ >&2; exec zfs list 'my pool/x'"
        );
        assert!(!words.contains(&"-i"));
        assert!(
            !words
                .iter()
                .any(|word| word.starts_with("StrictHostKeyChecking"))
        );
    }

    #[test]
    fn a_named_key_is_the_only_one_offered_and_pinned_host_keys_are_held_to() {
        let target = SshTarget {
            identity: Some("/var/sdcadm/sync key".into()),
            known_hosts: Some("/var/sdcadm/known hosts".into()),
            ..target()
        };
        let argv = target.wrap(&Command::new("true"));
        let words = words(&argv);
        let at = words.iter().position(|word| *word == "-i").unwrap();
        assert_eq!(words[at + 1], "/var/sdcadm/sync key");
        assert!(words.contains(&"IdentitiesOnly=yes"));
        assert!(words.contains(&"StrictHostKeyChecking=yes"));
        assert!(words.contains(&"UserKnownHostsFile=\"/var/sdcadm/known hosts\""));
    }

    #[test]
    fn a_command_of_its_own_connection_shares_none_and_takes_the_fastest_cipher() {
        let argv = target().wrap(&Command::new("true").alone());
        let words = words(&argv);
        assert!(words.contains(&"ControlPath=none"));
        assert!(!words.iter().any(|word| word.starts_with("ControlMaster")));
        assert!(
            words
                .iter()
                .any(|word| word.starts_with("Ciphers=aes128-gcm"))
        );
    }

    #[test]
    fn connections_are_not_shared_between_keys() {
        let with_key = SshTarget {
            identity: Some("/var/key".into()),
            ..target()
        };
        assert_eq!(target().control_socket(), target().control_socket());
        assert_ne!(target().control_socket(), with_key.control_socket());
    }

    #[test]
    fn variables_travel_on_the_line() {
        let line = remote_line(&Command::new("svcs").env("LC_ALL", "C D"));
        assert!(
            line.to_str()
                .unwrap()
                .ends_with("LC_ALL='C D'; export LC_ALL; exec svcs")
        );
    }

    #[test]
    fn the_announced_process_group_is_found_and_taken_out() {
        let stderr = b"motd\ntriton-process-group:4711\nno such pool\n".to_vec();
        assert_eq!(announced(&stderr), Some(4711));
        assert_eq!(without_announcement(stderr), b"motd\nno such pool\n");
        assert_eq!(announced(b"triton-process-group:47"), None);
        assert_eq!(without_announcement(b"no pool\n".to_vec()), b"no pool\n");
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Who may pull from whom: each headnode has a key of its own for that, which on the others may run `serve` and nothing else.
//! Keys, pinned host keys and what is known of peers lie under `/var`, which outlives a boot; `/root` does not, and root's
//! authorized keys are written anew at each boot from the boot medium.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use documents::Uuid;
use platform::{Command, Host, sysinfo};
use serde::{Deserialize, Serialize};

use crate::authorized;
use crate::error::SyncError;
use crate::files;
use crate::hosts;

/// Below the platform's root.
pub const FOLDER: &str = "/var/sdcadm/triton-sync";
const KEY: &str = "id_ed25519";
const KNOWN_HOSTS: &str = "known_hosts";
const PEERS: &str = "peers";

/// Where SmartOS keeps the keys that sshd shows; then where others do.
const HOST_KEYS: [&str; 2] = ["/var/ssh", "/etc/ssh"];

pub const OFFER_KIND: &str = "triton.sync-trust/1";

/// What a headnode shows of itself, for the others to trust. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    pub kind: String,
    pub server: Uuid,
    pub hostname: String,
    /// On the admin network.
    pub address: IpAddr,
    /// The key that it pulls with: type and key.
    pub key: String,
    /// The keys that its sshd shows: type and key.
    pub host_keys: Vec<String>,
}

impl Offer {
    /// Reads an offer, and makes sure that no field of it is more than it says: it ends up in files that sshd obeys.
    pub fn read(text: &str) -> Result<Offer, String> {
        let offer: Offer = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if offer.kind != OFFER_KIND {
            return Err(format!("kind: \"{}\" is not {OFFER_KIND}", offer.kind));
        }
        let hostname = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if offer.hostname.is_empty() || !offer.hostname.chars().all(hostname) {
            return Err("hostname: not the name of a host".to_owned());
        }
        if !is_public_key(&offer.key) {
            return Err("key: not a public key of the form \"ssh-ed25519 AAAA...\"".to_owned());
        }
        if offer.host_keys.is_empty() || !offer.host_keys.iter().all(|key| is_public_key(key)) {
            return Err(
                "host_keys: not public keys of the form \"ssh-ed25519 AAAA...\"".to_owned(),
            );
        }
        Ok(offer)
    }
}

fn is_public_key(text: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let kind = |c: char| c.is_ascii_alphanumeric() || "-@.".contains(c);
    match text.split_once(' ') {
        Some((first, key)) => {
            first.starts_with(|c: char| c.is_ascii_lowercase())
                && first.chars().all(kind)
                && key.starts_with("AAAA")
                && key.chars().all(base64)
        }
        None => false,
    }
}

/// This headnode's part.
pub struct Trust {
    host: Host,
}

impl Trust {
    pub fn of(host: &Host) -> Trust {
        Trust { host: host.clone() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.host.path(FOLDER).join(name)
    }

    pub fn identity(&self) -> PathBuf {
        self.path(KEY)
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.path(KNOWN_HOSTS)
    }

    /// What this headnode shows of itself. Its key is made when it has none yet.
    pub fn offer(&self) -> Result<Offer, SyncError> {
        let what = "tell who this headnode is";
        let sysinfo = sysinfo::get(&self.host).map_err(|error| hosts::failed(what, error))?;
        let address = sysinfo.admin_ip();
        let no_address = || SyncError::command(what, "it has no address on the admin network");
        Ok(Offer {
            kind: OFFER_KIND.to_owned(),
            server: sysinfo.uuid,
            hostname: sysinfo.hostname.clone(),
            address: address.ok_or_else(no_address)?,
            key: self.key(sysinfo.uuid)?,
            host_keys: self.host_keys()?,
        })
    }

    fn key(&self, server: Uuid) -> Result<String, SyncError> {
        let private = self.identity();
        let public = private.with_extension("pub");
        if !private.exists() {
            files::make_private_folder(&self.host.path(FOLDER))?;
            let command = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", ""])
                .args(["-C", &comment(server)])
                .arg("-f")
                .arg(private.as_os_str());
            self.host
                .run_ok(&command)
                .map_err(|error| SyncError::command("make the key to pull with", error))?;
        }
        let text = fs::read_to_string(&public).map_err(SyncError::file("read", &public))?;
        first_two_words(&text).ok_or_else(|| {
            SyncError::command(format!("read {}", public.display()), "it is no public key")
        })
    }

    /// The public halves of what sshd shows.
    fn host_keys(&self) -> Result<Vec<String>, SyncError> {
        let mut keys = Vec::new();
        for folder in HOST_KEYS {
            let found = fs::read_dir(self.host.path(folder)).into_iter().flatten();
            for entry in found.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with("ssh_host_") && name.ends_with("_key.pub") {
                    let text = fs::read_to_string(entry.path())
                        .map_err(SyncError::file("read", &entry.path()))?;
                    keys.extend(first_two_words(&text));
                }
            }
            if !keys.is_empty() {
                keys.sort();
                return Ok(keys);
            }
        }
        let where_to = HOST_KEYS.join(" nor in ");
        Err(SyncError::Setup(format!(
            "no public host key is in {where_to}: nobody could pin who this headnode is"
        )))
    }

    /// Lets the headnode of an offer pull from this one by `program`, and pins its host keys for pulling from it.
    pub fn accept(&self, offer: &Offer, program: &str) -> Result<(), SyncError> {
        files::make_private_folder(&self.path(PEERS))?;
        let line = format!(
            "restrict,command=\"{program} serve --for {}\" {} {}",
            offer.server,
            offer.key,
            comment(offer.server)
        );
        authorized::set(&self.host, &comment(offer.server), Some(&line))?;
        let text = serde_json::to_vec(offer).unwrap_or_default();
        files::replace(&self.peer(offer.server), &text)?;
        self.pin()
    }

    /// Takes it back. False when there was nothing to take back.
    pub fn withdraw(&self, server: Uuid) -> Result<bool, SyncError> {
        authorized::set(&self.host, &comment(server), None)?;
        let path = self.peer(server);
        let known = path.exists();
        if known {
            fs::remove_file(&path).map_err(SyncError::file("remove", &path))?;
        }
        self.pin()?;
        Ok(known)
    }

    /// The others, by hostname.
    pub fn peers(&self) -> Result<Vec<Offer>, SyncError> {
        let mut peers = Vec::new();
        for entry in fs::read_dir(self.path(PEERS))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(SyncError::file("read", &path))?;
            let offer = Offer::read(&text)
                .map_err(|why| SyncError::command(format!("read {}", path.display()), why))?;
            peers.push(offer);
        }
        peers.sort_by(|a, b| (&a.hostname, a.server).cmp(&(&b.hostname, b.server)));
        Ok(peers)
    }

    fn peer(&self, server: Uuid) -> PathBuf {
        self.path(PEERS).join(format!("{server}.json"))
    }

    /// Writes the pinned host keys of all peers.
    fn pin(&self) -> Result<(), SyncError> {
        let mut text = String::new();
        for peer in self.peers()? {
            for key in &peer.host_keys {
                text.push_str(&format!("{} {key}\n", peer.address));
            }
        }
        files::replace(&self.known_hosts(), text.as_bytes())
    }
}

/// Marks the line of a server's key.
fn comment(server: Uuid) -> String {
    format!("triton-sync:{server}")
}

fn first_two_words(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    Some(format!("{} {}", words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SERVER: Uuid = Uuid::from_u128(7);

    fn offer() -> Value {
        json!({
            "kind": OFFER_KIND, "server": SERVER, "hostname": "headnode1", "address": "10.99.99.8",
            "key": "ssh-ed25519 AAAAC3NzaC1", "host_keys": ["ssh-ed25519 AAAAC3Nzhost"],
        })
    }

    /// A headnode that an operator's key opens already.
    fn here() -> (tempfile::TempDir, Trust) {
        let root = tempfile::tempdir().unwrap();
        let ssh = root.path().join("root/.ssh");
        fs::create_dir_all(&ssh).unwrap();
        fs::write(ssh.join("authorized_keys"), "ssh-rsa AAAAB3 an operator\n").unwrap();
        let trust = Trust::of(&Host::local(root.path()));
        (root, trust)
    }

    #[test]
    fn an_offer_that_would_add_lines_or_options_is_refused() {
        assert!(Offer::read(&offer().to_string()).is_ok());
        for (field, value) in [
            ("kind", json!("triton.sync-trust/2")),
            ("hostname", json!("headnode1\n10.0.0.1")),
            ("key", json!("ssh-ed25519 AAAA\nssh-ed25519 AAAB")),
            ("key", json!("command=\"id\" ssh-ed25519 AAAA")),
            ("key", json!("AAAA")),
            ("host_keys", json!([])),
            ("host_keys", json!(["ssh-ed25519 AAAA more"])),
            ("address", json!("10.99.99.8,10.99.99.9")),
            ("more", json!(1)),
        ] {
            let mut bad = offer();
            bad[field] = value;
            assert!(Offer::read(&bad.to_string()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_peer_is_tied_to_serve_pinned_and_remembered_where_boots_do_not_reach() {
        let (root, trust) = here();
        let keys = root.path().join("root/.ssh/authorized_keys");
        let offer = Offer::read(&offer().to_string()).unwrap();
        trust.accept(&offer, "/opt/tool").unwrap();
        trust.accept(&offer, "/opt/tool").unwrap();
        let line = format!(
            "restrict,command=\"/opt/tool serve --for {SERVER}\" ssh-ed25519 AAAAC3NzaC1 triton-sync:{SERVER}\n"
        );
        let text = fs::read_to_string(&keys).unwrap();
        assert_eq!(text, format!("ssh-rsa AAAAB3 an operator\n{line}"));
        let next_boot = root.path().join("usbkey/config.inc/root.authorized_keys");
        assert_eq!(fs::read_to_string(next_boot).unwrap(), line);
        assert_eq!(
            fs::read_to_string(trust.known_hosts()).unwrap(),
            "10.99.99.8 ssh-ed25519 AAAAC3Nzhost\n"
        );
        assert_eq!(trust.peers().unwrap(), [offer]);
    }

    #[test]
    fn what_is_withdrawn_leaves_the_lines_of_others() {
        let (root, trust) = here();
        let keys = root.path().join("root/.ssh/authorized_keys");
        let offer = Offer::read(&offer().to_string()).unwrap();
        trust.accept(&offer, "/opt/tool").unwrap();
        assert!(trust.withdraw(SERVER).unwrap());
        assert!(!trust.withdraw(SERVER).unwrap());
        assert_eq!(
            fs::read_to_string(&keys).unwrap(),
            "ssh-rsa AAAAB3 an operator\n"
        );
        assert!(trust.peers().unwrap().is_empty());
        assert_eq!(fs::read_to_string(trust.known_hosts()).unwrap(), "");
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What restore data says of the datacenter it was pulled from, for when no API can be asked: the newest generation of every
//! server.

use std::net::IpAddr;
use std::path::Path;

use apis::cnapi::Server;
use documents::restore_data::Part;
use documents::{Generation, Uuid, read};
use platform::Host;
use serde_json::Value;

/// The newest readable generation of each server. What can't be read is passed over: it is looked at only to learn more.
pub fn newest(host: &Host, folder: &Path) -> Vec<Generation> {
    let servers = host.list(folder).unwrap_or_default();
    servers
        .iter()
        .filter_map(|server| {
            let folder = folder.join(server);
            let mut names = host.list(&folder).ok()?;
            names.sort();
            names.iter().rev().find_map(|name| {
                let bytes = host.read(folder.join(name).join("generation.json")).ok()?;
                read::generation(&bytes).ok()
            })
        })
        .collect()
}

/// A server as CNAPI knew it when the data was pulled; of several tellings the latest.
pub fn server(host: &Host, folder: &Path, uuid: Uuid) -> Option<Server> {
    latest(host, folder, Part::Servers, |servers| {
        let wanted = uuid.to_string();
        let mut servers = servers.as_array()?.iter();
        let found = servers.find(|server| server["uuid"] == wanted.as_str())?;
        serde_json::from_value(found.clone()).ok()
    })
}

/// Addresses of the members of the datacenter's ZooKeeper, as SAPI's application had them.
pub fn zookeeper(host: &Host, folder: &Path) -> Vec<IpAddr> {
    let members = latest(host, folder, Part::SapiApplication, |application| {
        let members = application["metadata"]["ZK_SERVERS"].as_array()?.iter();
        let addresses = members.filter_map(|member| member["host"].as_str()?.parse().ok());
        Some(addresses.collect())
    });
    members.unwrap_or_default()
}

/// What the latest generation says that has such a part.
fn latest<T>(
    host: &Host,
    folder: &Path,
    part: Part,
    says: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    let mut generations = newest(host, folder);
    generations.sort_by_key(|generation| std::cmp::Reverse(generation.taken_at));
    generations.iter().find_map(|generation| {
        let file = generation.of_part(part).next()?;
        let path = folder.join(&generation.secret(file).from);
        says(&serde_json::from_slice(&host.read(path).ok()?).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use documents::{Digest, Timestamp};
    use serde_json::json;

    const SERVER: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);

    fn generation(host: &Host, name: &str, address: &str) {
        let folder = Path::new("/data").join(SERVER.to_string()).join(name);
        let servers = json!([{
            "uuid": SERVER,
            "hostname": "headnode 1.of-two",
            "sysinfo": {"Network Interfaces": {"e1000g0": {"NIC Names": ["admin"], "ip4addr": address}}},
        }]);
        let bytes = servers.to_string().into_bytes();
        let description = json!({
            "kind": "triton.restore-data/1",
            "server": SERVER,
            "hostname": "headnode 1.of-two",
            "pulled_by": Uuid::nil(),
            "generation": name,
            "taken_at": Timestamp::from_millis(1_795_410_600_000),
            "dc": {"name": "east-1", "dns_domain": "example.com", "admin_owner": null, "sapi_app": null},
            "files": [{
                "part": "servers",
                "path": "servers.json",
                "digest": Digest::of_bytes(&bytes),
                "taken_at": Timestamp::from_millis(1_795_410_600_000),
                "from": "cnapi",
            }],
        });
        host.make_dir_all(&folder, 0o700).unwrap();
        host.write_atomic(folder.join("servers.json"), &bytes, 0o600)
            .unwrap();
        let text = description.to_string();
        host.write_atomic(folder.join("generation.json"), text.as_bytes(), 0o600)
            .unwrap();
    }

    #[test]
    fn a_server_is_known_from_the_newest_generation_when_cnapi_is_down() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        generation(&host, "20261123T051000Z", "10.99.99.8");
        generation(&host, "20261123T061000Z", "10.99.99.9");
        // Restore points lie beside the generations, and sort behind them.
        host.make_dir_all(format!("/data/{SERVER}/points"), 0o700)
            .unwrap();
        host.write_atomic("/data/a stray file", b"x", 0o600)
            .unwrap();
        let found = server(&host, Path::new("/data"), SERVER).unwrap();
        assert_eq!(found.admin_ip().unwrap().to_string(), "10.99.99.9");
        assert!(server(&host, Path::new("/data"), Uuid::nil()).is_none());
        assert!(server(&host, Path::new("/nowhere"), SERVER).is_none());
    }
}

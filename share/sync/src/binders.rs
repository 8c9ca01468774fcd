// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Addresses of the datacenter's binders, dead or alive, for names that the system can't resolve: this headnode's configuration
//! may name a single one, and that one may have died.

use std::net::IpAddr;

use documents::restore_data::Part;
use platform::{Host, usbkey};
use serde_json::Value;

use crate::store::Store;

/// Those that this headnode's configuration names, then those of which restore data has each a member of the ensemble.
pub fn known(host: &Host, store: &Store) -> Vec<IpAddr> {
    let mut all = configured(host);
    for server in store.servers().unwrap_or_default() {
        let generation = store
            .newest(server)
            .ok()
            .and_then(|newest| newest.generation);
        for (_, application) in generation
            .iter()
            .flat_map(|generation| generation.part(Part::SapiApplication))
        {
            all.extend(members(&application));
        }
    }
    let mut known = Vec::new();
    for binder in all {
        if !known.contains(&binder) {
            known.push(binder);
        }
    }
    known
}

fn configured(host: &Host) -> Vec<IpAddr> {
    let Ok(config) = usbkey::config(host) else {
        return Vec::new();
    };
    let addresses = config.list("binder_admin_ips").into_iter();
    addresses.filter_map(|ip| ip.parse().ok()).collect()
}

/// `ZK_SERVERS` of SAPI's application.
fn members(application: &Value) -> Vec<IpAddr> {
    let members = application["metadata"]["ZK_SERVERS"].as_array();
    let members = members.into_iter().flatten();
    members
        .filter_map(|member| member["host"].as_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn binders_are_known_from_the_configuration_and_from_what_sapi_said() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::local(root.path());
        let config = "binder_admin_ips=10.99.99.11,10.99.99.51\ndatacenter_name=east-1\n";
        std::fs::create_dir(root.path().join("usbkey")).unwrap();
        std::fs::write(root.path().join("usbkey/config"), config).unwrap();
        let store = Store::new(host.path(documents::restore_data::FOLDER));
        let expected: [IpAddr; 2] = [
            "10.99.99.11".parse().unwrap(),
            "10.99.99.51".parse().unwrap(),
        ];
        assert_eq!(known(&host, &store), expected);
        let application = json!({"metadata": {"ZK_SERVERS": [
            {"host": "10.99.99.52", "port": 2181, "num": 1}, {"host": "binder"}, {"num": 2},
        ]}});
        assert_eq!(
            members(&application),
            ["10.99.99.52".parse::<IpAddr>().unwrap()]
        );
        assert!(members(&json!(null)).is_empty());
    }
}

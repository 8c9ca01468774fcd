// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `sysinfo`: one JSON object about the machine.

use std::sync::Arc;

use serde_json::json;

use crate::call::Call;
use crate::lab::Lab;
use crate::world::PLATFORM;

pub fn run(lab: &Arc<Lab>, call: &mut Call) -> i32 {
    let text = {
        let dc = lab.dc();
        let Some(host) = dc.hosts.get(&call.host) else {
            return 1;
        };
        let interfaces: serde_json::Map<String, serde_json::Value> = host
            .nic_tags
            .iter()
            .enumerate()
            .map(|(n, tag)| {
                let ip = if tag == "admin" { host.admin_ip.to_string() } else { String::new() };
                let mac = format!("00:50:56:{:02x}:00:{:02x}", host.admin_ip.octets()[3], n);
                let nic = json!({"MAC Address": mac, "ip4addr": ip, "Link Status": "up", "NIC Names": [tag]});
                (format!("e1000g{n}"), nic)
            })
            .collect();
        let headnode = if host.headnode {
            json!({"headnode": "true"})
        } else {
            json!({})
        };
        json!({
            "Live Image": PLATFORM,
            "System Type": "SunOS",
            "Boot Time": host.booted.to_string(),
            "Datacenter Name": dc.name,
            "SDC Version": "7.0",
            "Manufacturer": "Lab",
            "Product": "Stand-in",
            "Serial Number": format!("lab-{}", host.name),
            "VM Capable": true,
            "Setup": "true",
            "UUID": host.uuid,
            "Hostname": host.name,
            "MiB of Memory": "65536",
            "Zpool": "zones",
            "Zpool Size in GiB": host.pool_size >> 30,
            "Admin NIC Tag": "admin",
            "Admin IP": host.admin_ip,
            "Boot Parameters": headnode,
            "Network Interfaces": interfaces,
            "Virtual Network Interfaces": {},
            "Link Aggregations": {},
        })
    };
    call.out(format!("{text:#}\n"));
    0
}

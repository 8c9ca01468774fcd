// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! dhcpd (booter): DHCP, TFTP and iPXE for compute nodes. Several live side by side without harm, one per headnode, and any of
//! them answers a booting node; so where one lives nothing is lost. A new one begins with a cold cache.

use contract::documents::plan::Level;
use contract::row::{Count, OperatorNote, Restore, RowNic};
use contract::{Health, Refinement, RestoreAdvice, RestoreFacts, ServicePlugin};
use serde_json::Value;

pub struct Dhcpd;

impl ServicePlugin for Dhcpd {
    fn service(&self) -> &'static str {
        "dhcpd"
    }

    fn describe(&self) -> Refinement {
        Refinement {
            summary: Some("DHCP, TFTP and iPXE (booter): compute nodes boot from it.".to_owned()),
            restore: Some(Restore::Replace {}),
            critical: Some(true),
            count: Some(Count::PerHeadnode),
            // It has none: its caches are in the zone's root and refill from CNAPI and NAPI.
            delegate_dataset: None,
            nics: Some(vec![serving_nic()]),
            // serverIp in its template is its own address; nodes find it by broadcast.
            fixed_ip_consumers: Some(Vec::new()),
            needs: Some(vec!["sapi".to_owned()]),
            health: Some(Health::Smf {}),
            operator: Some(vec![
                OperatorNote::new(
                    Level::Must,
                    "It hands out what is in this headnode's /usbkey/os: check that every boot \
                     platform of a compute node is there (sdcadm platform list) before one \
                     reboots.",
                ),
                OperatorNote::new(
                    Level::Info,
                    "dhcpd_admin_ips in the metadata of SAPI's application sdc is read at first \
                     setup only; it can be put right later.",
                ),
            ]),
        }
    }

    fn plan_restore(&self, facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        let mut advice = RestoreAdvice::default();
        if let Some(survivor) = facts.survivors.first() {
            let name = survivor.alias.as_deref().unwrap_or("a dhcpd");
            let text =
                format!("{name} lives and serves every compute node; nothing needs this one back");
            advice.tell(facts, Level::Info, text);
        }
        let text = format!(
            "its cache is cold: should CNAPI or NAPI fail now, it can't boot a compute node. Warm \
             it as soon as both answer: zlogin {} /opt/smartdc/booter/bin/booter \
             full-cache-refresh",
            facts.new.uuid
        );
        advice.tell(facts, Level::Warn, text);
        Ok(advice)
    }
}

/// Without `dhcp_server` antispoof drops every answer it sends.
fn serving_nic() -> RowNic {
    let mut nic = RowNic::admin();
    nic.properties
        .insert("dhcp_server".to_owned(), Value::Bool(true));
    nic
}

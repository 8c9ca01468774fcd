// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! SAPI: the configuration of every core zone. It comes back first, because the first boot of all others asks it. With a moray
//! alive it reads only moray, so its own record must be there before it boots; its dataset is a copy for when none lives.

use contract::documents::plan::Level;
use contract::row::{Count, DelegateDataset, OperatorNote, Restore, RowNic, SyncUse};
use contract::{Expectation, Health, Refinement, RestoreAdvice, RestoreFacts, ServicePlugin};
use serde_json::Value;

const CONFIG_AGENT: &str = "/opt/smartdc/config-agent/etc/config.json";

pub struct Sapi;

impl ServicePlugin for Sapi {
    fn service(&self) -> &'static str {
        "sapi"
    }

    fn describe(&self) -> Refinement {
        Refinement {
            summary: Some(
                "Services, instances and their configuration: every core zone's first boot asks \
                 it."
                .to_owned(),
            ),
            restore: Some(Restore::Replace {}),
            critical: Some(true),
            count: Some(Count::Any),
            delegate_dataset: Some(DelegateDataset {
                mountpoint: "/sapi".to_owned(),
                holds: "/sapi/sapi_applications, sapi_services, sapi_instances, sapi_manifests: \
                        one JSON file per object, refreshed from moray every hour and on POST \
                        /cache."
                    .to_owned(),
                sync: SyncUse::Required,
                regenerates: Some(
                    "It is a copy of what moray holds: with a moray alive SAPI fills it again by \
                     itself."
                        .to_owned(),
                ),
            }),
            nics: Some(vec![RowNic::admin()]),
            // plan_restore says it with the addresses and commands at hand.
            fixed_ip_consumers: Some(Vec::new()),
            // A moray must have survived, which plan_restore checks; one that is itself being restored can't serve, as its
            // first boot asks SAPI.
            needs: Some(vec!["binder".to_owned()]),
            health: Some(Health::Http {
                port: 80,
                path: "/ping".to_owned(),
                expect: vec![Expectation::new("/storAvailable", true)],
            }),
            operator: Some(vec![
                OperatorNote::new(
                    Level::Warn,
                    "Never delete the lost instance through SAPI: in full mode that destroys its \
                     VM, and for a VM on a dead server it hangs or fails.",
                ),
                OperatorNote::new(
                    Level::Info,
                    "sapi_admin_ips in the metadata of SAPI's application sdc and in the \
                     headnodes' config is read at first setup only; it can be put right later.",
                ),
            ]),
        }
    }

    fn plan_restore(&self, facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        if facts.dns_domain.is_empty() {
            return Err(
                "the datacenter's dns_domain is not known, and SAPI's setup fails \
                        without it; give the inventory a SAPI or restore data that says it"
                    .to_owned(),
            );
        }
        let mut advice = RestoreAdvice::default();
        // The platform answers `local` for sdc:dns_domain where the VM has none, and the setup needs the real one.
        let domain = Value::from(facts.dns_domain.as_str());
        advice.payload_set.insert("dns_domain".to_owned(), domain);
        if facts.moray.is_none() {
            advice.refuse(
                facts,
                "no moray lives to take its instance record, and starting it from the copy in \
                 its dataset is not built yet; bring back a manatee primary (manatee-adm show) \
                 and a moray first, then take the inventory again",
            );
        }
        if facts.lost.alias.is_none() {
            let text = format!(
                "the lost zone had no alias in SAPI, as on old installations; the new one is {}",
                facts.new.alias
            );
            advice.tell(facts, Level::Info, text);
        }
        by_address(facts, &mut advice);
        Ok(advice)
    }
}

/// binder and assets are told SAPI's address instead of its name, as they start before names resolve.
fn by_address(facts: &RestoreFacts, advice: &mut RestoreAdvice) {
    let new = facts.new.uuid;
    let old = match facts.lost.nics.iter().find_map(|nic| nic.ip) {
        Some(ip) => format!("http://{ip}"),
        None => "http://<the old address>".to_owned(),
    };
    let text = format!(
        "binder zones hold sapi-url as {old}. With NEW the new address (vmadm get {new} | json \
         nics.0.ip), for each binder zone UUID on its own headnode: \
         echo '{{\"set_customer_metadata\":{{\"sapi-url\":\"http://NEW\"}}}}' | vmadm update UUID; \
         set sapi.url in /zones/UUID/root{CONFIG_AGENT} to http://NEW; \
         svcadm -z UUID restart config-agent"
    );
    advice.tell(facts, Level::Must, text);
    // sapiadm and sdc-sapi are missing on a headnode without an sdc zone, so curl.
    let text = format!(
        "SAPI's service binder holds sapi-url as {old} in its metadata, which new binders get: \
         curl -sS -X PUT -H 'content-type: application/json' \
         -d '{{\"metadata\":{{\"sapi-url\":\"http://NEW\"}}}}' \
         http://NEW/services/$(curl -sS 'http://NEW/services?name=binder' | json -a uuid)"
    );
    advice.tell(facts, Level::Must, text);
    let text = format!(
        "the assets zone may hold sapi-url as {old} in its customer_metadata: set it by vmadm \
         update as for binder; it has no config-agent and no SAPI service"
    );
    advice.tell(facts, Level::Must, text);
}

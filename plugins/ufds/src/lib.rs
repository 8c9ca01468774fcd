// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! UFDS: accounts, users and keys, an LDAP directory over moray. The directory survives with moray; the zone holds only the
//! certificate that it shows.

use contract::documents::plan::Level;
use contract::row::{Count, DelegateDataset, OperatorNote, Restore, RowNic, SyncUse};
use contract::{Health, Refinement, RestoreAdvice, RestoreFacts, ServicePlugin};

pub struct Ufds;

impl ServicePlugin for Ufds {
    fn service(&self) -> &'static str {
        "ufds"
    }

    fn describe(&self) -> Refinement {
        Refinement {
            summary: Some("Accounts, users and keys (LDAP over moray).".to_owned()),
            restore: Some(Restore::Replace {}),
            critical: Some(true),
            count: Some(Count::Singleton),
            delegate_dataset: Some(DelegateDataset {
                mountpoint: "/data".to_owned(),
                holds: "/data/tls/key.pem and cert.pem; the directory itself is in moray."
                    .to_owned(),
                sync: SyncUse::Required,
                regenerates: Some(
                    "The first boot makes a new self-signed certificate. Clients inside the \
                     datacenter don't check it; those outside that pin the old one must be given \
                     the new."
                        .to_owned(),
                ),
            }),
            nics: Some(vec![RowNic::admin()]),
            fixed_ip_consumers: Some(
                [
                    "ufds_remote_ip in SAPI's application sdc of every other datacenter of this \
                     region: its replicator and cloudapi come here",
                    "firewalls that let those datacenters in on port 636",
                    "capi_client_url in SAPI's application sdc and in node.config",
                ]
                .map(str::to_owned)
                .to_vec(),
            ),
            // Its setup waits some 50 s for ldaps, then reconciles the directory in moray, and fails when it can't.
            needs: Some(vec!["moray".to_owned(), "sapi".to_owned()]),
            health: Some(Health::Smf {}),
            operator: Some(vec![
                OperatorNote::new(
                    Level::Warn,
                    "Should its setup end with ufds-master instances in maintenance, moray did \
                     not answer in time: when it does, svcadm -z <uuid> clear ufds-master for \
                     each.",
                ),
                OperatorNote::new(
                    Level::Info,
                    "In a datacenter with ufds_is_master=false it runs the replicator too, whose \
                     checkpoint is in the directory: it goes on where the lost one stopped, and \
                     needs the way out to ufds_remote_ip on port 636.",
                ),
            ]),
        }
    }

    fn plan_restore(&self, facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        let mut advice = RestoreAdvice::default();
        if facts.lost.delegate_dataset && facts.restore_point.is_none() {
            advice.tell(
                facts,
                Level::Warn,
                "it has no restore point: it will show a new self-signed certificate",
            );
        }
        if !facts.lost.delegate_dataset {
            advice.tell(
                facts,
                Level::Info,
                "the lost zone was older than TRITON-2179 and had no dataset for its certificate",
            );
        }
        Ok(advice)
    }
}

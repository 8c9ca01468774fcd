// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! CNS: DNS for containers and services. All its records can be built anew; what can't is the history of SOA serials, and the
//! address at which outside name servers look for it.

use contract::documents::plan::Level;
use contract::row::{Count, DelegateDataset, OperatorNote, Restore, RowNic, SyncUse};
use contract::{Health, Refinement, RestoreAdvice, RestoreFacts, ServicePlugin};

pub struct Cns;

impl ServicePlugin for Cns {
    fn service(&self) -> &'static str {
        "cns"
    }

    fn describe(&self) -> Refinement {
        Refinement {
            summary: Some(
                "DNS for containers and services, and zone transfers to outside name servers."
                    .to_owned(),
            ),
            restore: Some(Restore::Replace {}),
            critical: Some(false),
            // Each counts serials of its own: a secondary that follows both goes back and forth.
            count: Some(Count::Singleton),
            delegate_dataset: Some(DelegateDataset {
                mountpoint: "/data".to_owned(),
                holds: "/data/redis: records, serials and the state of each peer.".to_owned(),
                sync: SyncUse::Useful,
                regenerates: Some(
                    "Everything is built anew from VMAPI, NAPI, CNAPI and UFDS; the history of \
                     SOA serials is lost, so secondaries need a full transfer."
                        .to_owned(),
                ),
            }),
            nics: Some(vec![RowNic::admin(), RowNic::optional_external()]),
            fixed_ip_consumers: Some(vec![
                "outside name servers (BIND secondaries): masters in their zone statements, \
                 allow-notify and firewalls on port 53"
                    .to_owned(),
            ]),
            needs: Some(vec!["sapi".to_owned()]),
            // Its /ping has an empty body and proves nothing. /zones is read from redis and fails when redis does.
            health: Some(Health::ZoneCommand {
                argv: [
                    "/usr/bin/curl",
                    "-fsS",
                    "--max-time",
                    "5",
                    "http://127.0.0.1/zones",
                ]
                .map(str::to_owned)
                .to_vec(),
                expect: Vec::new(),
            }),
            operator: Some(vec![
                OperatorNote::new(
                    Level::Info,
                    "allow_transfer and its other settings are in SAPI metadata and stay.",
                ),
                OperatorNote::new(
                    Level::Info,
                    "Until its pollers went through all of VMAPI once, answers lag behind; \
                     secondaries go on serving what they have.",
                ),
            ]),
        }
    }

    fn plan_restore(&self, facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        let mut advice = RestoreAdvice::default();
        let text = match &facts.restore_point {
            Some(point) => format!(
                "its SOA serials may go back to those of {}: a secondary that saw a newer one \
                 ignores its zones until told to transfer them anew (rndc retransfer ZONE)",
                point.as_of
            ),
            None => "it starts with new SOA serials: have each secondary transfer every zone anew \
                     (rndc retransfer ZONE)"
                .to_owned(),
        };
        advice.tell(facts, Level::Must, text);
        Ok(advice)
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! sdc: the zone of the operators' tools. It keeps nothing, but some of what runs in it must run only once in a datacenter,
//! and the headnode it lives on links its tools into the global zone.

use contract::documents::Verb;
use contract::documents::plan::Level;
use contract::documents::verb::{Expects, LinkSet};
use contract::row::{Count, OperatorNote, Restore, RowNic};
use contract::{ExtraStep, Health, Refinement, RestoreAdvice, RestoreFacts, ServicePlugin};

/// Where the global zone's sdc-* commands look for the zone's tools.
const TOOLS: &str = "/opt/smartdc/sdc";

pub struct Sdc;

impl ServicePlugin for Sdc {
    fn service(&self) -> &'static str {
        "sdc"
    }

    fn describe(&self) -> Refinement {
        Refinement {
            summary: Some(
                "Operators' tools (sdc-*), hourly dumps, and the watchers that exist once: hermes, \
                 hermes-proxy, napi-ufds-watcher."
                    .to_owned(),
            ),
            restore: Some(Restore::Replace {}),
            critical: Some(false),
            // hermes and napi-ufds-watcher do harm when they run twice.
            count: Some(Count::Singleton),
            // Its keys are rendered from SAPI metadata (SDC_PRIVATE_KEY, SDC_PUBLIC_KEY).
            delegate_dataset: None,
            nics: Some(vec![RowNic::admin(), RowNic::optional_external()]),
            fixed_ip_consumers: Some(vec![
                "firewalls that let it out to Manta: it uploads hourly dumps and logs".to_owned(),
            ]),
            needs: Some(vec!["sapi".to_owned()]),
            health: Some(Health::Smf {}),
            operator: Some(vec![
                OperatorNote::new(
                    Level::Warn,
                    "The sdc-* commands of a headnode run in the sdc zone on that same headnode; \
                     without one they say \"unable to find a 'sdc' core zone on this node\".",
                ),
                OperatorNote::new(
                    Level::Info,
                    "Hourly dumps (:00) and their upload (:10) of the time between are missing; \
                     nothing makes them up.",
                ),
            ]),
        }
    }

    fn plan_restore(&self, facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        let mut advice = RestoreAdvice::default();
        let new = facts.new.uuid;
        advice.steps.push(link(facts));
        let old = facts.lost.uuid;
        let name = facts.lost.alias.as_deref().unwrap_or("the lost zone");
        let text = format!(
            "should the lost headnode ever return, {name} must not run beside {}: svcadm -z {old} \
             disable '*hermes*' napi-ufds-watcher, and take its crontab away",
            facts.new.alias
        );
        advice.tell(facts, Level::Must, text);
        if !facts.survivors.is_empty() {
            let text = format!(
                "another sdc zone lives; let hermes, hermes-proxy, napi-ufds-watcher and the \
                 crontab run in one of them only: svcadm -z {new} disable '*hermes*' \
                 napi-ufds-watcher"
            );
            advice.tell(facts, Level::Must, text);
        }
        Ok(advice)
    }
}

fn link(facts: &RestoreFacts) -> ExtraStep {
    ExtraStep {
        id: "link".to_owned(),
        verb: Verb::LinkSet(LinkSet {
            path: TOOLS.to_owned(),
            to: format!("/zones/{}/root{TOOLS}", facts.new.uuid),
        }),
        expects: Expects::default(),
        after: vec!["setup".to_owned()],
        before: Vec::new(),
        why: format!(
            "the global zone's sdc-* commands are those of {}",
            facts.new.alias
        ),
    }
}

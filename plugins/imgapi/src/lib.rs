// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! IMGAPI: images. Their manifests are in moray and survive; their files are in this zone's dataset and nowhere else. So a
//! restore stands and falls with the restore point, and afterwards each file is checked against its manifest.

use contract::documents::Verb;
use contract::documents::plan::Level;
use contract::documents::verb::{CheckZone, Expects};
use contract::row::{Count, DelegateDataset, OperatorNote, Restore, RowNic, SyncUse};
use contract::{
    Expectation, ExtraStep, Health, Refinement, RestoreAdvice, RestoreFacts, ServicePlugin,
};

const NODE: &str = "/opt/smartdc/imgapi/build/node/bin/node";
const IMGAPIADM: &str = "/opt/smartdc/imgapi/bin/imgapiadm";

pub struct Imgapi;

impl ServicePlugin for Imgapi {
    fn service(&self) -> &'static str {
        "imgapi"
    }

    fn describe(&self) -> Refinement {
        Refinement {
            summary: Some("Images: manifests in moray, files in its own dataset.".to_owned()),
            restore: Some(Restore::Replace {}),
            critical: Some(true),
            // Each instance would know files that the other lacks.
            count: Some(Count::Singleton),
            delegate_dataset: Some(DelegateDataset {
                mountpoint: "/data".to_owned(),
                holds: "/data/imgapi/images/<uuid's first 3>/<uuid>/file0 and archive: files and \
                        archived manifests of every image that is stored locally (all core \
                        images are)."
                    .to_owned(),
                sync: SyncUse::Required,
                regenerates: Some(
                    "The manifests survive in moray. Core images can be imported again from the \
                     updates server; files of images made in this datacenter are gone."
                        .to_owned(),
                ),
            }),
            nics: Some(vec![RowNic::admin(), RowNic::optional_external()]),
            // Everyone finds it by name; imgapi_admin_ips is read at first setup only.
            fixed_ip_consumers: Some(Vec::new()),
            needs: Some(vec!["sapi".to_owned()]),
            health: Some(Health::Http {
                port: 80,
                path: "/ping".to_owned(),
                expect: vec![Expectation::new("/ping", "pong")],
            }),
            operator: Some(vec![
                OperatorNote::new(
                    Level::Info,
                    "Its configuration lies in the dataset and is written anew at first boot; \
                     settings and key for Manta come from SAPI. Nothing of these is lost with \
                     the zone.",
                ),
                OperatorNote::new(
                    Level::Info,
                    "imgapi_admin_ips in the metadata of SAPI's application sdc and in the \
                     headnodes' config is read at first setup only; it can be put right later.",
                ),
            ]),
        }
    }

    fn plan_restore(&self, facts: &RestoreFacts) -> Result<RestoreAdvice, String> {
        let mut advice = RestoreAdvice::default();
        let Some(point) = &facts.restore_point else {
            advice.refuse(
                facts,
                "there is no restore point of its files, and without them every image is a \
                 manifest that can't be installed; look for one on the other headnodes \
                 (triton-sync-data)",
            );
            return Ok(advice);
        };
        let age = facts.taken_at.seconds_since(point.as_of);
        advice.tell(
            facts,
            Level::Must,
            format!(
                "images that were imported or created after {} ({age} s before the facts were \
                 taken) have a manifest but no file; the step check-files names them, and each \
                 must be deleted and imported or created again (sdc-imgadm)",
                point.as_of
            ),
        );
        advice.steps.push(check_files(facts));
        advice.steps.push(check_contents(facts));
        Ok(advice)
    }
}

/// Compares the size of each local image file with its manifest. It exits with the number of images at fault.
fn check_files(facts: &RestoreFacts) -> ExtraStep {
    ExtraStep {
        id: "check-files".to_owned(),
        verb: Verb::CheckZone(CheckZone {
            vm: facts.new.uuid,
            argv: [NODE, IMGAPIADM, "check-files", "-s"]
                .map(str::to_owned)
                .to_vec(),
        }),
        expects: Expects::default(),
        after: vec!["healthy".to_owned()],
        before: Vec::new(),
        why: format!(
            "check that {} has a file of the right size for every image",
            facts.new.alias
        ),
    }
}

/// Reads every image file, which may take long: nothing waits for it but the end of the run.
fn check_contents(facts: &RestoreFacts) -> ExtraStep {
    ExtraStep {
        id: "check-contents".to_owned(),
        verb: Verb::CheckZone(CheckZone {
            vm: facts.new.uuid,
            argv: [NODE, IMGAPIADM, "check-files"].map(str::to_owned).to_vec(),
        }),
        expects: Expects::default(),
        after: vec!["healthy".to_owned()],
        before: Vec::new(),
        why: format!(
            "check that every image file of {} has the SHA-1 of its manifest",
            facts.new.alias
        ),
    }
}

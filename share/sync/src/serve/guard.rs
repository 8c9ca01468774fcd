// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the asking headnode may have: core zones of the administrator, delegate datasets of services that are synced, snapshots
//! that it took itself.

use documents::Uuid;
use serde_json::Value;

use crate::names;
use crate::pull;
use crate::run::Services;

pub struct Guard {
    target: Uuid,
    admin: Option<Uuid>,
    services: Services,
    zones: Option<Vec<Value>>,
}

impl Guard {
    pub fn new(target: Uuid, admin: Option<Uuid>, services: Services) -> Guard {
        Guard {
            target,
            admin,
            services,
            zones: None,
        }
    }

    pub fn knows(&self) -> bool {
        self.zones.is_some()
    }

    /// Remembers which of these zones are core zones, and returns those.
    pub fn learn(&mut self, zones: Vec<Value>) -> Vec<Value> {
        // Without the administrator's UUID no zone can be told to be the administrator's.
        let core = match self.admin {
            Some(_) => pull::core_zones(zones, self.admin),
            None => Vec::new(),
        };
        self.zones = Some(core.clone());
        core
    }

    pub fn all(&self) -> &[Value] {
        self.zones.as_deref().unwrap_or_default()
    }

    /// The core zone, or why it is refused.
    pub fn core(&self, vm: Uuid) -> Result<&Value, String> {
        let uuid = vm.to_string();
        let found = self.all().iter().find(|zone| zone["uuid"] == uuid.as_str());
        found.ok_or_else(|| format!("{vm} is no core zone of the administrator here"))
    }

    /// The name of the zone's delegate dataset, where that may be had.
    pub fn dataset(&self, vm: Uuid) -> Result<String, String> {
        let zone = self.core(vm)?;
        let wanted = pull::wanted(std::slice::from_ref(zone), &self.services);
        match wanted.first() {
            Some(_) => Ok(names::delegate(vm)),
            None => Err(format!(
                "the delegate dataset of {vm} ({}) is not synced",
                zone["tags"]["smartdc_role"].as_str().unwrap_or("no role")
            )),
        }
    }

    /// Fine for the name of a snapshot that some headnode's sync took: it may be sent, as the asking headnode's own may.
    pub fn any_syncs(&self, snapshot: &str) -> Result<(), String> {
        match names::taken_by(snapshot).is_some() && is_plain(snapshot) {
            true => Ok(()),
            false => Err(format!(
                "the snapshot {} is none that a sync took",
                snapshot.escape_default()
            )),
        }
    }

    /// Fine for the name of a snapshot that the asking headnode took.
    pub fn ours(&self, snapshot: &str) -> Result<(), String> {
        match names::is_ours(snapshot, self.target) && is_plain(snapshot) {
            true => Ok(()),
            false => Err(format!(
                "the snapshot {} is none that the server {} took",
                snapshot.escape_default(),
                self.target
            )),
        }
    }
}

/// Nothing that `zfs` could take for more than a name.
fn is_plain(snapshot: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    snapshot.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Importance;
    use serde_json::json;

    const TARGET: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334731);
    const ADMIN: Uuid = Uuid::from_u128(7);
    const IMGAPI: Uuid = Uuid::from_u128(1);
    const MANATEE: Uuid = Uuid::from_u128(2);
    const CUSTOMERS: Uuid = Uuid::from_u128(3);
    const WITHOUT_DATA: Uuid = Uuid::from_u128(4);

    fn guard(admin: Option<Uuid>) -> Guard {
        let services = [
            ("imgapi", Importance::Required),
            ("papi", Importance::Useful),
        ];
        let services = services.map(|(name, worth)| (name.to_owned(), worth));
        let mut guard = Guard::new(TARGET, admin, services.into_iter().collect());
        let zone = |vm: Uuid, role: &str, owner: Uuid, data: bool| {
            let datasets = data.then(|| names::delegate(vm));
            json!({"uuid": vm, "owner_uuid": owner, "tags": {"smartdc_role": role}, "datasets": datasets.as_slice()})
        };
        guard.learn(vec![
            zone(IMGAPI, "imgapi", ADMIN, true),
            zone(MANATEE, "manatee", ADMIN, true),
            // A customer may call a tag what they like.
            zone(CUSTOMERS, "imgapi", Uuid::from_u128(8), true),
            zone(WITHOUT_DATA, "papi", ADMIN, false),
        ]);
        guard
    }

    #[test]
    fn only_synced_datasets_of_the_administrators_core_zones_may_be_had() {
        let guard = guard(Some(ADMIN));
        assert_eq!(guard.dataset(IMGAPI).unwrap(), names::delegate(IMGAPI));
        for vm in [MANATEE, CUSTOMERS, WITHOUT_DATA, Uuid::from_u128(9)] {
            assert!(guard.dataset(vm).is_err(), "{vm}");
        }
        assert!(guard.core(MANATEE).is_ok() && guard.core(CUSTOMERS).is_err());
    }

    #[test]
    fn without_the_administrators_uuid_nothing_may_be_had() {
        let guard = guard(None);
        assert!(guard.core(IMGAPI).is_err() && guard.dataset(IMGAPI).is_err());
    }

    #[test]
    fn snapshots_of_others_and_names_that_are_more_than_names_are_refused() {
        let guard = guard(Some(ADMIN));
        assert!(
            guard
                .ours("triton-sync-b4c04f334731-20261123T000000Z")
                .is_ok()
        );
        for name in [
            "triton-sync-b4c04f334732-20261123T000000Z",
            "backup",
            "triton-sync-b4c04f334731-2%x,y",
            "triton-sync-b4c04f334731-1@other",
            "triton-sync-b4c04f334731-1/../x",
            "",
        ] {
            assert!(guard.ours(name).is_err(), "{name}");
            let anothers = name == "triton-sync-b4c04f334732-20261123T000000Z";
            assert_eq!(guard.any_syncs(name).is_ok(), anothers, "{name}");
        }
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The steps that every replacement takes, each as a small function: what it does, what it needs, why.

use contract::Row;
use documents::plan::{Step, StepId};
use documents::verb::{
    CheckImage, CheckSilent, Composed, DatasetAttach, Expects, MorayZone, RecordDelete, RecordPut,
    VmRetire, WaitHealthy, WaitListed, WaitName, WaitSetup, ZoneCreate, ZoneStart,
};
use documents::{Uuid, Verb};
use serde_json::{Map, Value, json};

use super::addresses::Addresses;
use super::facts::World;
use super::nics::{address_step, nics};
use super::select::Replacement;
use super::{fences, headnodes};
use crate::payload;

/// Seconds. headnode.sh gives a setup 180 s on an idle machine; a restore starts many at once.
const SETUP_TIMEOUT: u64 = 900;
const HEALTH_TIMEOUT: u64 = 600;
/// Session timeout of a dead registrar (60 s) + binder's cache (60 s) + the client's TTL (60 s), doubled.
const NAME_TIMEOUT: u64 = 360;
const LISTED_TIMEOUT: u64 = 600;

/// SAPI's bucket of instance records.
pub const INSTANCES: &str = "sapi_instances";

/// The steps of one replacement under construction.
pub struct Builder<'a, 'w> {
    pub world: &'a World<'w>,
    pub replacement: &'a Replacement<'w>,
    pub row: &'a Row,
    pub steps: Vec<Step>,
}

impl Builder<'_, '_> {
    pub fn id(&self, name: &str) -> StepId {
        StepId(format!("{}/{name}", self.replacement.prefix))
    }

    pub fn has(&self, name: &str) -> bool {
        let id = self.id(name);
        self.steps.iter().any(|step| step.id == id)
    }

    pub fn push(
        &mut self,
        name: &str,
        verb: Verb,
        expects: Expects,
        needs: Vec<StepId>,
        why: String,
    ) {
        self.steps.push(Step {
            id: self.id(name),
            host: self.world.goal.on,
            verb,
            expects,
            needs,
            service: self.replacement.service.to_owned(),
            why,
        });
    }

    pub fn ids(&self, names: &[&str]) -> Vec<StepId> {
        names
            .iter()
            .filter(|name| self.has(name))
            .map(|name| self.id(name))
            .collect()
    }

    pub fn old(&self) -> String {
        let lost = self.replacement.lost;
        lost.alias.clone().unwrap_or_else(|| lost.uuid.to_string())
    }

    pub fn image(&mut self, image: Uuid) {
        let why = format!(
            "{} is made from the image that {} had",
            self.replacement.alias,
            self.old()
        );
        let verb = Verb::CheckImage(CheckImage { image });
        self.push(
            "image",
            verb,
            Expects::default(),
            fences::ids(self.world),
            why,
        );
    }

    /// The SAPI instance record, which must be in moray before the zone's first boot asks for its configuration.
    pub fn record(&mut self, through: MorayZone, sapi_service: Uuid) {
        let replacement = self.replacement;
        let mut set = Map::new();
        set.insert("uuid".to_owned(), json!(replacement.new));
        set.insert("service_uuid".to_owned(), json!(sapi_service));
        set.insert("type".to_owned(), json!("vm"));
        let params = json!({"alias": replacement.alias, "server_uuid": self.world.goal.on});
        set.insert("params".to_owned(), params);
        let verb = Verb::RecordPut(RecordPut {
            bucket: INSTANCES.to_owned(),
            key: replacement.new.to_string(),
            object: Composed {
                base: replacement.lost.sapi_record.clone(),
                drop: Vec::new(),
                set,
            },
            through,
        });
        let why = format!(
            "give {} its SAPI record before its first boot asks for it",
            replacement.alias
        );
        self.push(
            "record",
            verb,
            Expects::default(),
            headnodes::first(self.world),
            why,
        );
    }

    pub fn create(&mut self, advice_set: &Map<String, Value>, advice_drop: &[String]) {
        let replacement = self.replacement;
        let mut set = self.payload();
        merge(&mut set, advice_set);
        let payload = Composed {
            base: replacement.lost.payload.clone(),
            drop: payload::dropped(advice_drop),
            set,
        };
        let mut needs: Vec<StepId> = self.ids(&["image"]);
        for (interface, _) in nics(replacement) {
            needs.extend(self.ids(&[address_step(&interface).as_str()]));
        }
        needs.extend(headnodes::first(self.world));
        let verb = Verb::ZoneCreate(ZoneCreate {
            vm: replacement.new,
            payload,
        });
        let why = format!(
            "make the zone {} on {} in place of {}, without booting it",
            replacement.alias,
            self.world.hostname(self.world.goal.on),
            self.old()
        );
        self.push("create", verb, Expects::default(), needs, why);
    }

    /// What every new zone gets, whatever its service.
    fn payload(&self) -> Map<String, Value> {
        let replacement = self.replacement;
        let nics: Vec<Value> = nics(replacement)
            .map(|(interface, _)| json!({"from": format!("{}.nic", self.id(&address_step(&interface)))}))
            .collect();
        let mut set = Map::new();
        set.insert("alias".to_owned(), json!(replacement.alias));
        set.insert("nics".to_owned(), Value::Array(nics));
        let resolvers = self.world.resolvers();
        if !resolvers.is_empty() {
            set.insert("resolvers".to_owned(), json!(resolvers));
        }
        if replacement.lost.delegate_dataset {
            set.insert("delegate_dataset".to_owned(), json!(true));
        }
        // Payloads of early zones name SAPI by its address of then, which may be gone.
        let sapi_url = format!("http://{}", self.world.name_of("sapi"));
        set.insert(
            "customer_metadata".to_owned(),
            json!({"sapi-url": sapi_url}),
        );
        set
    }

    pub fn attach(&mut self) {
        let replacement = self.replacement;
        let Some(point) = self
            .world
            .inventory
            .newest_restore_point(replacement.lost.uuid)
        else {
            return;
        };
        let verb = Verb::DatasetAttach(DatasetAttach {
            vm: replacement.new,
            dataset: format!("zones/{}/data", replacement.new),
            snapshot: format!("{}@{}", point.dataset, point.snapshot),
        });
        let expects = Expects {
            guid: Some(point.guid.clone()),
            state: Some("stopped".to_owned()),
            absent: None,
        };
        let age = self.world.inventory.taken_at.seconds_since(point.as_of);
        let why = format!(
            "give {} the data of {}, {age} s before the inventory was taken",
            replacement.alias,
            self.old()
        );
        self.push("attach", verb, expects, self.ids(&["create"]), why);
    }

    /// Its needs that are restored in the same plan must answer at their names first.
    pub fn start(&mut self, others: Vec<StepId>) {
        let mut needs = self.ids(&["create", "attach", "record"]);
        needs.extend(others);
        let expects = Expects {
            state: Some("stopped".to_owned()),
            ..Expects::default()
        };
        let verb = Verb::ZoneStart(ZoneStart {
            vm: self.replacement.new,
        });
        let why = format!(
            "start {}; from here the way is forward",
            self.replacement.alias
        );
        self.push("start", verb, expects, needs, why);
    }

    pub fn setup(&mut self) {
        let verb = Verb::WaitSetup(WaitSetup {
            vm: self.replacement.new,
            timeout: SETUP_TIMEOUT,
        });
        let why = format!(
            "wait until {}'s first boot has set it up",
            self.replacement.alias
        );
        self.push("setup", verb, Expects::default(), self.ids(&["start"]), why);
    }

    pub fn healthy(&mut self) {
        let verb = Verb::WaitHealthy(WaitHealthy {
            vm: self.replacement.new,
            address: self.admin_address(),
            check: self.row.health.clone(),
            timeout: HEALTH_TIMEOUT,
        });
        let why = format!("wait until {} says that it works", self.replacement.alias);
        self.push(
            "healthy",
            verb,
            Expects::default(),
            self.ids(&["setup"]),
            why,
        );
    }

    pub fn named(&mut self, addresses: &Addresses) {
        if !self.row.registered {
            return;
        }
        let old = self.world.admin_ip(self.replacement.lost);
        let gone = old.filter(|old| !addresses.gives(self.replacement.new, *old));
        let name = self.world.name_of(self.replacement.service);
        let why = format!(
            "wait until {name} leads to {} alone",
            self.replacement.alias
        );
        let verb = Verb::WaitName(WaitName {
            name,
            address: self.admin_address(),
            gone: gone.into_iter().collect(),
            timeout: NAME_TIMEOUT,
        });
        self.push(
            "named",
            verb,
            Expects::default(),
            self.ids(&["healthy"]),
            why,
        );
    }

    fn admin_address(&self) -> Value {
        let interface = nics(self.replacement)
            .find(|(_, nic)| super::facts::is_admin(nic))
            .map_or_else(|| "net0".to_owned(), |(interface, _)| interface);
        json!({"from": format!("{}.nic.ip", self.id(&address_step(&interface)))})
    }

    /// The agents must have told VMAPI before the old records are retired: SAPI and VMAPI then agree.
    pub fn listed(&mut self, vmapi: Vec<StepId>) {
        let mut needs = self.ids(&["start"]);
        needs.extend(vmapi);
        let verb = Verb::WaitListed(WaitListed {
            vm: self.replacement.new,
            server: self.world.goal.on,
            timeout: LISTED_TIMEOUT,
        });
        let why = format!("wait until VMAPI lists {}", self.replacement.alias);
        self.push("listed", verb, Expects::default(), needs, why);
    }

    /// The truth about the lost zone: SAPI and VMAPI forget it, its data stays in restore data.
    pub fn retire(&mut self, through: Option<MorayZone>, server: Uuid) {
        let lost = self.replacement.lost;
        let old = self.old();
        if let Some(through) = through {
            let verb = Verb::RecordDelete(RecordDelete {
                bucket: INSTANCES.to_owned(),
                key: lost.uuid.to_string(),
                through,
            });
            let why = format!(
                "{old} is no instance any more; SAPI can't delete it, as its server is dead"
            );
            let needs = self.ids(&["healthy", "listed"]);
            self.push("retire-record", verb, Expects::default(), needs, why);
        }
        let verb = Verb::VmRetire(VmRetire {
            vm: lost.uuid,
            server,
        });
        let why = format!("{old} is gone with its server; VMAPI must not list it as active");
        self.push(
            "retire-vm",
            verb,
            Expects::default(),
            self.ids(&["healthy", "listed"]),
            why,
        );
    }
}

/// A lost server must answer nowhere: the first step of all.
pub fn silence(world: &World<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for server in &world.goal.lost {
        let Some(address) = world
            .inventory
            .server_by_uuid(*server)
            .and_then(|s| s.admin_ip)
        else {
            continue;
        };
        let mut apis: Vec<String> = world
            .lost_instances()
            .filter(|instance| instance.server == Some(*server))
            .filter_map(|instance| {
                let port = match &world.row(&instance.service)?.health {
                    documents::Health::Http { port, .. } => *port,
                    _ => return None,
                };
                Some(format!("{}:{port}", world.admin_ip(instance)?))
            })
            .collect();
        apis.sort();
        apis.dedup();
        let of_server = world
            .lost_instances()
            .filter(|one| one.server == Some(*server));
        let mut zones: Vec<Uuid> = of_server.map(|one| one.uuid).collect();
        zones.sort();
        let hostname = world.hostname(*server);
        steps.push(Step {
            id: silence_id(&hostname),
            host: world.goal.on,
            verb: Verb::CheckSilent(CheckSilent {
                server: *server,
                address,
                apis,
                zones,
            }),
            expects: Expects::default(),
            needs: Vec::new(),
            service: "dc".to_owned(),
            why: format!("{hostname} is given up as lost, so nothing of it may answer"),
        });
    }
    steps
}

pub fn silence_id(hostname: &str) -> StepId {
    StepId(format!("{hostname}/silent"))
}

/// RFC 7396 on maps: null removes, objects merge, all else replaces.
fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match (into.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

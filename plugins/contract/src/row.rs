// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A row of the catalogue: the facts about one core service. Data, one file per service in `share/services`; a plugin refines
//! its row field by field.

use documents::Health;
use documents::plan::Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Name in SAPI and in `tags.smartdc_role`.
    pub service: String,
    /// What it is for, in a sentence.
    pub summary: String,
    pub restore: Restore,
    /// The datacenter can't be operated without it.
    pub critical: bool,
    pub count: Count,
    /// Package of the catalogue that it is provisioned with.
    pub package: Option<String>,
    pub delegate_dataset: Option<DelegateDataset>,
    pub nics: Vec<RowNic>,
    /// Who holds its address instead of its name, and must be told when it changes.
    pub fixed_ip_consumers: Vec<String>,
    /// Keys that hold its admin address, in the metadata of SAPI's application `sdc` and in the configuration of headnodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address_keys: Vec<String>,
    /// Services that must answer before its first boot can succeed.
    pub needs: Vec<String>,
    /// It can only run on a headnode, as it mounts that headnode's folders.
    pub only_on_headnode: bool,
    /// Its first boot fetches `/configs/<uuid>` from SAPI, and fails without a record.
    pub first_boot_fetches_config: bool,
    /// Its registrar puts `<service>.<dc>.<domain>` into DNS.
    pub registered: bool,
    pub health: Health,
    pub plugin: PluginUse,
    /// What the operator must be told when it is restored.
    pub operator: Vec<OperatorNote>,
    /// Where the code differs from what RFD 67 says.
    pub differs_from_rfd67: Vec<String>,
    /// Where the facts come from: repositories and files.
    pub sources: Vec<String>,
}

/// What a restore does about a lost instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Restore {
    /// A new instance takes its place, with its data where it has any.
    Replace {},
    /// A member of a cluster: never copied, the surviving members carry on.
    Rejoin { why: String },
    /// Left as it is.
    Leave { why: String },
}

/// How many instances a datacenter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// Exactly one; a second would do harm.
    Singleton,
    /// Usually one; several are allowed.
    Any,
    /// One on each headnode, each for itself.
    PerHeadnode,
    /// Three members of a cluster.
    Members,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegateDataset {
    /// In the zone.
    pub mountpoint: String,
    /// What lies in it.
    pub holds: String,
    pub sync: SyncUse,
    /// What can be made anew without it, and at which cost.
    pub regenerates: Option<String>,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SyncUse {
    /// Without it the service can't be restored: synced first, and a restore without it is refused.
    Required,
    /// Worth having; a restore goes on without it and says so.
    Useful,
    /// Cluster data or nothing at all: not synced.
    Never,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowNic {
    /// NIC tag: `admin`, `external`.
    pub tag: String,
    pub primary: bool,
    /// Not every datacenter gives it one.
    pub optional: bool,
    /// Properties that the NIC must have (`dhcp_server`).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PluginUse {
    /// The row says all there is to say.
    None,
    /// A plugin may add to it.
    Optional,
    /// Without its plugin this service is refused rather than planned without its quirks.
    Required,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorNote {
    pub level: Level,
    pub text: String,
}

impl RowNic {
    /// The admin NIC that every core zone has.
    pub fn admin() -> RowNic {
        RowNic {
            tag: "admin".to_owned(),
            primary: true,
            optional: false,
            properties: Map::new(),
        }
    }

    /// An external NIC that operators give or leave out.
    pub fn optional_external() -> RowNic {
        RowNic {
            tag: "external".to_owned(),
            primary: false,
            optional: true,
            properties: Map::new(),
        }
    }
}

impl OperatorNote {
    pub fn new(level: Level, text: impl Into<String>) -> OperatorNote {
        OperatorNote {
            level,
            text: text.into(),
        }
    }
}

/// The fields of a row that a plugin replaces. What it leaves out stays as the catalogue has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Refinement {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate_dataset: Option<DelegateDataset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nics: Option<Vec<RowNic>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_ip_consumers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Vec<OperatorNote>>,
}

impl Row {
    /// The row as its plugin sees it.
    pub fn refined(mut self, refinement: Refinement) -> Row {
        let Refinement {
            summary,
            restore,
            critical,
            count,
            delegate_dataset,
            nics,
            fixed_ip_consumers,
            needs,
            health,
            operator,
        } = refinement;
        fn replace<T>(field: &mut T, by: Option<T>) {
            if let Some(value) = by {
                *field = value;
            }
        }
        replace(&mut self.summary, summary);
        replace(&mut self.restore, restore);
        replace(&mut self.critical, critical);
        replace(&mut self.count, count);
        if delegate_dataset.is_some() {
            self.delegate_dataset = delegate_dataset;
        }
        replace(&mut self.nics, nics);
        replace(&mut self.fixed_ip_consumers, fixed_ip_consumers);
        replace(&mut self.needs, needs);
        replace(&mut self.health, health);
        replace(&mut self.operator, operator);
        self
    }
}

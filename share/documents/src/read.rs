// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Reading documents. Commands (plans) are strict: an unknown field, verb or version is refused. Facts (inventories, restore
//! data) are tolerant: they may come from another version, so unknown fields are kept and reported. Either way an error names
//! the document, the index and the JSON path.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::inventory::{self, Inventory};
use crate::plan::{self, Goal, Notice, Plan, PlanDc, Refusal, Step, StepId};
use crate::verb::{Expects, Verb};
use crate::{Digest, Event, Generation, restore_data};

/// Why a document can't be used. Nothing was changed; the same bytes will fail the same way.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DocumentError {
    #[error("{document}: the input is empty; a tool further up the pipe may have failed")]
    Empty { document: &'static str },
    #[error(
        "{document}: not whole JSON, it breaks off or goes wrong at line {line} column {column}: {why}"
    )]
    Json {
        document: &'static str,
        line: usize,
        column: usize,
        why: String,
    },
    #[error("{document}: {path}: {why}")]
    Content {
        document: &'static str,
        path: String,
        why: String,
    },
    #[error("{document}: kind: this is \"{found}\", and only \"{wanted}\" is understood here")]
    Kind {
        document: &'static str,
        found: String,
        wanted: &'static str,
    },
    #[error("{document}: line {line}: {why}")]
    Line {
        document: &'static str,
        line: usize,
        why: String,
    },
}

/// Reads a plan, strictly, and checks its shape.
pub fn plan(bytes: &[u8]) -> Result<Plan, DocumentError> {
    const DOCUMENT: &str = "plan";
    let value = json(DOCUMENT, bytes)?;
    kind(DOCUMENT, &value, plan::KIND)?;
    let raw: RawPlan = typed(DOCUMENT, "", value)?;
    let mut steps = Vec::with_capacity(raw.steps.len());
    for (index, step) in raw.steps.into_iter().enumerate() {
        steps.push(step_at(DOCUMENT, index, step)?);
    }
    let plan = Plan {
        kind: raw.kind,
        dc: raw.dc,
        run: raw.run,
        made_by: raw.made_by,
        inventory: raw.inventory,
        goal: raw.goal,
        steps,
        notices: raw.notices,
        refusals: raw.refusals,
    };
    plan.check_shape().map_err(|fault| {
        let text = fault.to_string();
        let (path, why) = text.split_once(": ").unwrap_or(("steps", text.as_str()));
        DocumentError::Content {
            document: DOCUMENT,
            path: path.to_owned(),
            why: why.to_owned(),
        }
    })?;
    Ok(plan)
}

/// Reads an inventory, tolerantly. The second value warns of each field that this version does not know.
pub fn inventory(bytes: &[u8]) -> Result<(Inventory, Vec<String>), DocumentError> {
    const DOCUMENT: &str = "inventory";
    let value = json(DOCUMENT, bytes)?;
    kind(DOCUMENT, &value, inventory::KIND)?;
    let inventory: Inventory = typed(DOCUMENT, "", value)?;
    let warnings = inventory
        .rest
        .keys()
        .map(|key| format!("inventory: {key}: not known to this version, left as it is"))
        .collect();
    Ok((inventory, warnings))
}

/// Reads the description of a generation of restore data, tolerantly.
pub fn generation(bytes: &[u8]) -> Result<Generation, DocumentError> {
    const DOCUMENT: &str = "restore data generation";
    let value = json(DOCUMENT, bytes)?;
    kind(DOCUMENT, &value, restore_data::GENERATION_KIND)?;
    typed(DOCUMENT, "", value)
}

/// Reads the restore points of a zone, tolerantly.
pub fn restore_points(bytes: &[u8]) -> Result<restore_data::RestorePoints, DocumentError> {
    const DOCUMENT: &str = "restore points";
    let value = json(DOCUMENT, bytes)?;
    kind(DOCUMENT, &value, restore_data::POINTS_KIND)?;
    typed(DOCUMENT, "", value)
}

/// Reads an event stream, one event a line. A last line that was cut short by a crash is left out; any other bad line is an
/// error.
pub fn events(bytes: &[u8]) -> Result<Vec<Event>, DocumentError> {
    const DOCUMENT: &str = "event stream";
    let mut events = Vec::new();
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    for (index, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        events.push(
            serde_json::from_slice(line).map_err(|error| DocumentError::Line {
                document: DOCUMENT,
                line: index + 1,
                why: error.to_string(),
            })?,
        );
    }
    Ok(events)
}

/// Parses JSON, telling empty input and a document cut short apart from other faults.
pub fn json(document: &'static str, bytes: &[u8]) -> Result<Value, DocumentError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(DocumentError::Empty { document });
    }
    serde_json::from_slice(bytes).map_err(|error| DocumentError::Json {
        document,
        line: error.line(),
        column: error.column(),
        why: error.to_string(),
    })
}

/// Decodes a value; an error names its path below `prefix`.
pub fn typed<T: DeserializeOwned>(
    document: &'static str,
    prefix: &str,
    value: Value,
) -> Result<T, DocumentError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let path = match (prefix, inner.as_str()) {
            ("", ".") => "the top level".to_owned(),
            ("", path) => path.to_owned(),
            (prefix, ".") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}.{path}"),
        };
        DocumentError::Content {
            document,
            path,
            why: error.into_inner().to_string(),
        }
    })
}

fn kind(document: &'static str, value: &Value, wanted: &'static str) -> Result<(), DocumentError> {
    match value.get("kind").and_then(Value::as_str) {
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(DocumentError::Kind {
            document,
            found: found.to_owned(),
            wanted,
        }),
        None => Err(DocumentError::Content {
            document,
            path: "kind".to_owned(),
            why: format!("missing; it should be \"{wanted}\""),
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    kind: String,
    dc: PlanDc,
    run: Uuid,
    made_by: String,
    inventory: Digest,
    goal: Goal,
    steps: Vec<RawStep>,
    notices: Vec<Notice>,
    refusals: Vec<Refusal>,
}

/// A step before its verb is known: `with` can be decoded only then.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    id: StepId,
    host: Uuid,
    verb: String,
    with: Value,
    #[serde(default)]
    expects: Option<Value>,
    needs: Vec<StepId>,
    service: String,
    why: String,
}

fn step_at(document: &'static str, index: usize, raw: RawStep) -> Result<Step, DocumentError> {
    if !Verb::NAMES.contains(&raw.verb.as_str()) {
        return Err(DocumentError::Content {
            document,
            path: format!("steps[{index}].verb"),
            why: format!("\"{}\" is not one of {}", raw.verb, Verb::NAMES.join(", ")),
        });
    }
    let verb = verb_of(
        document,
        &format!("steps[{index}].with"),
        &raw.verb,
        raw.with,
    )?;
    let expects = match raw.expects {
        Some(value) => typed::<Expects>(document, &format!("steps[{index}].expects"), value)?,
        None => Expects::default(),
    };
    Ok(Step {
        id: raw.id,
        host: raw.host,
        verb,
        expects,
        needs: raw.needs,
        service: raw.service,
        why: raw.why,
    })
}

/// Decodes a verb's parameters.
pub fn verb_of(
    document: &'static str,
    path: &str,
    name: &str,
    with: Value,
) -> Result<Verb, DocumentError> {
    Ok(match name {
        "check.silent" => Verb::CheckSilent(typed(document, path, with)?),
        "check.gone" => Verb::CheckGone(typed(document, path, with)?),
        "fence.declare" => Verb::FenceDeclare(typed(document, path, with)?),
        "check.image" => Verb::CheckImage(typed(document, path, with)?),
        "check.zone" => Verb::CheckZone(typed(document, path, with)?),
        "address.take" => Verb::AddressTake(typed(document, path, with)?),
        "address.assign" => Verb::AddressAssign(typed(document, path, with)?),
        "address.register" => Verb::AddressRegister(typed(document, path, with)?),
        "address.release" => Verb::AddressRelease(typed(document, path, with)?),
        "record.put" => Verb::RecordPut(typed(document, path, with)?),
        "record.delete" => Verb::RecordDelete(typed(document, path, with)?),
        "zone.create" => Verb::ZoneCreate(typed(document, path, with)?),
        "dataset.attach" => Verb::DatasetAttach(typed(document, path, with)?),
        "zone.start" => Verb::ZoneStart(typed(document, path, with)?),
        "wait.setup" => Verb::WaitSetup(typed(document, path, with)?),
        "wait.healthy" => Verb::WaitHealthy(typed(document, path, with)?),
        "wait.name" => Verb::WaitName(typed(document, path, with)?),
        "wait.listed" => Verb::WaitListed(typed(document, path, with)?),
        "vm.retire" => Verb::VmRetire(typed(document, path, with)?),
        "resolvers.set" => Verb::ResolversSet(typed(document, path, with)?),
        "zones.resolvers" => Verb::ZonesResolvers(typed(document, path, with)?),
        "network.resolvers" => Verb::NetworkResolvers(typed(document, path, with)?),
        "config.set" => Verb::ConfigSet(typed(document, path, with)?),
        "metadata.set" => Verb::MetadataSet(typed(document, path, with)?),
        "link.set" => Verb::LinkSet(typed(document, path, with)?),
        "check.server" => Verb::CheckServer(typed(document, path, with)?),
        "toolkit.install" => Verb::ToolkitInstall(typed(document, path, with)?),
        "dataset.create" => Verb::DatasetCreate(typed(document, path, with)?),
        "medium.write" => Verb::MediumWrite(typed(document, path, with)?),
        "server.reboot" => Verb::ServerReboot(typed(document, path, with)?),
        "wait.headnode" => Verb::WaitHeadnode(typed(document, path, with)?),
        "wait.server" => Verb::WaitServer(typed(document, path, with)?),
        "medium.sync" => Verb::MediumSync(typed(document, path, with)?),
        "file.park" => Verb::FilePark(typed(document, path, with)?),
        "service.import" => Verb::ServiceImport(typed(document, path, with)?),
        "trust.join" => Verb::TrustJoin(typed(document, path, with)?),
        "addresses.reserve" => Verb::AddressesReserve(typed(document, path, with)?),
        other => {
            return Err(DocumentError::Content {
                document,
                path: path.to_owned(),
                why: format!("\"{other}\" is no verb"),
            });
        }
    })
}

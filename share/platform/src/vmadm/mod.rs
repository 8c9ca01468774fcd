// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! vmadm(8): zones and other VMs of a host. There is no delete.
//!
//! Payloads go to vmadm's standard input: they hold keys and passwords, and so lie in no file and on no command line.

mod vm;

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::json;
use crate::{Command, CommandError, Error, Host, Output, ParseError};

pub use vm::{Nic, Vm, VmState};

/// The VM, or `None` when the host has none of that UUID.
pub fn get(host: &Host, uuid: Uuid) -> Result<Option<Vm>, Error> {
    let Some(text) = get_text(host, uuid)? else {
        return Ok(None);
    };
    Ok(Some(parse_vm(&text).map_err(|error| {
        Error::parse(host, "what vmadm get printed", error)
    })?))
}

/// The VM as vmadm printed it, every key.
pub fn get_json(host: &Host, uuid: Uuid) -> Result<Option<Map<String, Value>>, Error> {
    let Some(text) = get_text(host, uuid)? else {
        return Ok(None);
    };
    Ok(Some(json(&text).map_err(|error| {
        Error::parse(host, "what vmadm get printed", error)
    })?))
}

fn get_text(host: &Host, uuid: Uuid) -> Result<Option<String>, Error> {
    let command = Command::new("vmadm").args(["get", &uuid.to_string()]);
    let output = host.run(&command)?;
    if !output.success() {
        if says_absent(&output) {
            return Ok(None);
        }
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    Ok(Some(output.text().into_owned()))
}

/// `zoneadm: 0c7e5d11-...: No such zone configured`
fn says_absent(output: &Output) -> bool {
    output.complaint().contains("No such zone configured")
}

/// `vmadm get 0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d` (shortened):
///
/// ```text
/// {
///   "zonename": "0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d",
///   "autoboot": true,
///   "brand": "joyent-minimal",
///   "image_uuid": "6a1d0c52-3b7e-4f0a-9d11-8b2c4e6f7a01",
///   "datasets": [ "zones/0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d/data" ],
///   "alias": "imgapi0",
///   "nics": [ { "interface": "net0", "mac": "90:b8:d0:17:02:3a", "nic_tag": "admin", "ip": "10.99.99.21", ... } ],
///   "uuid": "0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d",
///   "zone_state": "running",
///   "state": "running",
///   "tags": { "smartdc_role": "imgapi", "smartdc_type": "core" },
///   ...
/// }
/// ```
pub fn parse_vm(text: &str) -> Result<Vm, ParseError> {
    json(text)
}

/// The VMs that all `filters` (`tags.smartdc_role=imgapi`, `alias=~^moray`) match, in full; all VMs without a filter.
pub fn lookup(host: &Host, filters: &[&str]) -> Result<Vec<Vm>, Error> {
    let text = host.run_ok(&lookup_command(host, filters)?)?;
    parse_lookup_json(&text).map_err(|error| Error::parse(host, "what vmadm lookup printed", error))
}

/// Like [`lookup`], every key as vmadm printed it.
pub fn lookup_json(host: &Host, filters: &[&str]) -> Result<Vec<Map<String, Value>>, Error> {
    let text = host.run_ok(&lookup_command(host, filters)?)?;
    json(&text).map_err(|error| Error::parse(host, "what vmadm lookup printed", error))
}

fn lookup_command(host: &Host, filters: &[&str]) -> Result<Command, Error> {
    let option = filters
        .iter()
        .find(|filter| filter.starts_with('-') || !filter.contains('='));
    match option {
        Some(filter) => Err(Error::refused(
            host,
            format!("'{filter}' is no filter of the form key=value"),
        )),
        None => Ok(Command::new("vmadm").args(["lookup", "-j"]).args(filters)),
    }
}

/// `vmadm lookup -j tags.smartdc_role=imgapi`: an array of what `vmadm get` prints.
pub fn parse_lookup_json(text: &str) -> Result<Vec<Vm>, ParseError> {
    json(text)
}

/// `vmadm lookup tags.smartdc_role=imgapi`, nothing when none matches:
///
/// ```text
/// 0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d
/// ```
pub fn parse_lookup(text: &str) -> Result<Vec<Uuid>, ParseError> {
    let uuid = |(at, line): (usize, &str)| {
        // Only as vmadm writes them: Uuid itself would also read other spellings.
        let uuid = Uuid::try_parse(line)
            .ok()
            .filter(|uuid| uuid.to_string() == line);
        uuid.ok_or_else(|| ParseError::at(at + 1, format!("'{line}' is no UUID")))
    };
    text.lines().enumerate().map(uuid).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub uuid: Uuid,
    /// What vmadm said besides: properties that it does not know are dropped with a warning.
    pub warnings: Vec<String>,
}

/// Makes a VM. It boots at once, and this returns when its first boot is over, unless the payload has `autoboot: false`.
pub fn create(host: &Host, payload: &Map<String, Value>) -> Result<Created, Error> {
    let command = with_payload(Command::new("vmadm").arg("create"), payload);
    let output = host.run(&command)?;
    if !output.success() {
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    let said = output.complaint().into_owned();
    parse_created(&said).map_err(|error| Error::parse(host, "what vmadm create said", error))
}

/// `vmadm create`, on standard error:
///
/// ```text
/// Successfully created VM 0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d
/// ```
pub fn parse_created(text: &str) -> Result<Created, ParseError> {
    const SUCCESS: &str = "Successfully created VM ";
    let (created, warnings): (Vec<&str>, Vec<&str>) = text
        .lines()
        .filter(|line| !line.is_empty())
        .partition(|line| line.starts_with(SUCCESS));
    let uuid = created
        .first()
        .and_then(|line| Uuid::try_parse(line[SUCCESS.len()..].trim()).ok());
    Ok(Created {
        uuid: uuid.ok_or_else(|| ParseError::new("it does not name the VM it created"))?,
        warnings: warnings.into_iter().map(str::to_owned).collect(),
    })
}

/// What is wrong with a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Objections {
    #[serde(default)]
    pub bad_values: Vec<String>,
    /// Only dropped with a warning by `vmadm create`.
    #[serde(default)]
    pub bad_properties: Vec<String>,
    #[serde(default)]
    pub missing_properties: Vec<String>,
}

impl Objections {
    /// Whether `vmadm create` would refuse the payload.
    pub fn are_fatal(&self) -> bool {
        !self.bad_values.is_empty() || !self.missing_properties.is_empty()
    }
}

/// Asks vmadm what it would say to a payload for `create`; nothing is made.
pub fn validate_create(host: &Host, payload: &Map<String, Value>) -> Result<Objections, Error> {
    let command = with_payload(Command::new("vmadm").args(["validate", "create"]), payload);
    let output = host.run(&command)?;
    if output.success() {
        return Ok(Objections::default());
    }
    // The object stands somewhere in what it says; without one it failed for another reason.
    let said = format!("{}{}", output.text(), output.complaint());
    parse_objections(&said).map_err(|_| CommandError::of_output(host, &command, &output).into())
}

/// `vmadm validate create` of a payload it would refuse (exit 1; `VALID 'create' payload for joyent-minimal brand VMs.` and
/// exit 0 otherwise):
///
/// ```text
/// {"bad_values":[],"bad_properties":["networks"],"missing_properties":["brand"]}
/// ```
pub fn parse_objections(text: &str) -> Result<Objections, ParseError> {
    match (text.find('{'), text.rfind('}')) {
        (Some(start), Some(end)) if start < end => json(&text[start..=end]),
        _ => Err(ParseError::new("no JSON object in it")),
    }
}

/// Starts a VM. One that runs already is fine. vmadm sets `autoboot` by it.
pub fn start(host: &Host, uuid: Uuid) -> Result<(), Error> {
    run(
        host,
        Command::new("vmadm").args(["start", &uuid.to_string()]),
    )
}

/// Stops a VM; with `force`, without asking it to shut down.
pub fn stop(host: &Host, uuid: Uuid, force: bool) -> Result<(), Error> {
    run(
        host,
        Command::new("vmadm")
            .args(["stop", &uuid.to_string()])
            .args(force.then_some("-F")),
    )
}

/// Changes properties: `{"autoboot": false}`, `{"set_tags": {...}}`, `{"remove_nics": [mac]}`.
pub fn update(host: &Host, uuid: Uuid, changes: &Map<String, Value>) -> Result<(), Error> {
    run(
        host,
        with_payload(
            Command::new("vmadm").args(["update", &uuid.to_string()]),
            changes,
        ),
    )
}

fn with_payload(command: Command, payload: &Map<String, Value>) -> Command {
    command.stdin(Value::Object(payload.clone()).to_string())
}

fn run(host: &Host, command: Command) -> Result<(), Error> {
    host.run_ok(&command)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMGAPI: &str = include_str!("../../../../tests/fixtures/platform/vmadm-get-imgapi0.json");

    #[test]
    fn a_core_zone_is_read_and_none_of_its_keys_is_lost() {
        let vm = parse_vm(IMGAPI).unwrap();
        assert_eq!(vm.uuid.to_string(), "0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d");
        assert_eq!(vm.state, VmState::Running);
        assert_eq!(vm.smartdc_role(), Some("imgapi"));
        assert_eq!(
            vm.delegate_dataset(),
            Some("zones/0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d/data")
        );
        assert_eq!(vm.admin_nic().unwrap().ip.as_deref(), Some("10.99.99.21"));
        assert_eq!(vm.rest["quota"], 500);
        let given: Map<String, Value> = serde_json::from_str(IMGAPI).unwrap();
        let Value::Object(kept) = serde_json::to_value(&vm).unwrap() else {
            panic!("a VM is an object")
        };
        for (key, value) in &given {
            let empty = value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty);
            assert!(
                kept.get(key) == Some(value) || (empty && !kept.contains_key(key)),
                "{key}"
            );
        }
    }

    #[test]
    fn every_recorded_zone_is_read() {
        let vmapi = parse_vm(include_str!(
            "../../../../tests/fixtures/platform/vmadm-get-vmapi0.json"
        ))
        .unwrap();
        assert_eq!(
            (vmapi.smartdc_role(), vmapi.delegate_dataset()),
            (Some("vmapi"), None)
        );
        let sapi = parse_vm(include_str!(
            "../../../../tests/fixtures/platform/vmadm-get-sapi0.json"
        ))
        .unwrap();
        assert_eq!(sapi.smartdc_role(), Some("sapi"));
        assert!(sapi.delegate_dataset().is_some());
    }

    #[test]
    fn a_state_that_is_new_to_us_is_kept_as_it_is() {
        let text = IMGAPI.replace(
            "\"state\": \"running\",\n  \"type\"",
            "\"state\": \"hibernating\",\n  \"type\"",
        );
        let text = if text == IMGAPI {
            IMGAPI.replacen("\"state\": \"running\"", "\"state\": \"hibernating\"", 1)
        } else {
            text
        };
        let vm = parse_vm(&text).unwrap();
        assert_eq!(vm.state, VmState::Unknown("hibernating".to_owned()));
        assert_eq!(vm.state.to_string(), "hibernating");
        assert_eq!(VmState::ShuttingDown.as_str(), "shutting_down");
    }

    #[test]
    fn a_vm_that_is_printed_shows_no_metadata() {
        let text = IMGAPI.replace("http://sapi.coal.joyent.us", "CANARY");
        let shown = format!("{:?}", parse_vm(&text).unwrap());
        assert_eq!(
            shown,
            "Vm(0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d imgapi0 running)"
        );
    }

    #[test]
    fn what_is_cut_short_or_names_no_uuid_is_refused() {
        assert!(parse_vm(&IMGAPI[..IMGAPI.len() / 2]).is_err());
        assert!(parse_vm("").unwrap_err().why.contains("empty"));
        assert!(
            parse_vm(&IMGAPI.replace("0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d", "imgapi")).is_err()
        );
        assert!(parse_lookup_json("[{\"alias\":\"x\"}]").is_err());
    }

    #[test]
    fn a_lookup_finds_uuids_or_nothing() {
        let found = parse_lookup(include_str!(
            "../../../../tests/fixtures/platform/vmadm-lookup-imgapi.txt"
        ))
        .unwrap();
        assert_eq!(found.len(), 1);
        assert!(parse_lookup("").unwrap().is_empty());
        assert!(parse_lookup("0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c\n").is_err());
        assert!(parse_lookup("Requested unique lookup but found 2 results.\n").is_err());
    }

    #[test]
    fn a_new_vm_is_named_and_warnings_are_kept() {
        let said = "WARN: dropping unknown property: networks\n\
                    Successfully created VM 0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d\n";
        let created = parse_created(said).unwrap();
        assert_eq!(
            created.uuid.to_string(),
            "0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d"
        );
        assert_eq!(
            created.warnings,
            ["WARN: dropping unknown property: networks"]
        );
        assert!(parse_created("").is_err());
        assert!(parse_created("Successfully created VM 0c7e\n").is_err());
    }

    #[test]
    fn unknown_properties_alone_do_not_make_a_payload_bad() {
        let text =
            "{\"bad_values\":[],\"bad_properties\":[\"networks\"],\"missing_properties\":[]}\n";
        assert!(!parse_objections(text).unwrap().are_fatal());
        let text = "{\"bad_values\":[\"quota\"],\"bad_properties\":[],\"missing_properties\":[\"brand\"]}\n";
        assert!(parse_objections(text).unwrap().are_fatal());
        assert!(parse_objections("vmadm: something broke\n").is_err());
    }

    #[test]
    fn a_filter_that_would_be_an_option_is_refused() {
        let host = Host::local("/");
        for filter in ["-1", "uuid", "-o=x"] {
            assert!(matches!(
                lookup(&host, &[filter]).unwrap_err(),
                Error::Refused { .. }
            ));
        }
    }
}

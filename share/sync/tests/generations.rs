// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Generations of records: whole or not there, carried over where a source is away, kept while a run needs them.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use documents::restore_data::{Generation, GenerationDc, Part};
use documents::{Timestamp, Uuid};
use serde_json::{Value, json};
use sync::generation::{self, Origin};
use sync::records::{self, Asked};
use sync::store::Store;
use sync::{Pins, SyncError};

const SERVER: Uuid = Uuid::from_u128(0x44454c4c_4700_1051_8031_b4c04f334730);
const VM: Uuid = Uuid::from_u128(0x0c7e5d11_4a9b_4f65_8c3d_2e1f0a9b8c7d);

fn at(minute: u32) -> Timestamp {
    format!("2026-11-23T05:{minute:02}:00Z").parse().unwrap()
}

fn asked(part: Part, minute: u32, answer: Result<Value, &str>) -> Asked {
    let answer = match answer {
        Ok(Value::Object(one)) => Ok(records::one_file_each(part, vec![Value::Object(one)])),
        Ok(list) => Ok(vec![(records::path_of(part).to_owned(), list)]),
        Err(why) => Err(why.to_owned()),
    };
    Asked {
        part,
        from: "sapi".to_owned(),
        at: at(minute),
        answer,
    }
}

fn vm(minute: u32) -> Asked {
    asked(
        Part::Vm,
        minute,
        Ok(json!({"uuid": VM, "alias": "imgapi0"})),
    )
}

fn pull(store: &Store, minute: u32, asked: Vec<Asked>) -> (Generation, records::Composed) {
    let origin = Origin {
        server: SERVER,
        hostname: "headnode0".to_owned(),
        pulled_by: Uuid::nil(),
        dc: GenerationDc {
            name: "east-1".to_owned(),
            dns_domain: "triton.example".to_owned(),
            admin_owner: None,
            sapi_app: None,
        },
    };
    let previous = store.newest(SERVER).unwrap().generation;
    let composed = records::compose(asked, previous.as_ref());
    let written = generation::write(store, &origin, &composed.files, at(minute)).unwrap();
    (written, composed)
}

#[test]
fn a_generation_reads_back_as_it_was_written_and_only_root_can() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("svc-restore-data"));
    let (written, _) = pull(&store, 10, vec![vm(10)]);
    let read = store.newest(SERVER).unwrap().generation.unwrap();
    assert_eq!(read.description, written);
    let (file, content) = read.part(Part::Vm).next().unwrap();
    assert_eq!(content["alias"], "imgapi0");
    assert_eq!(file.path, format!("vms/{VM}.json"));
    let path = store.of(SERVER).join(&written.generation);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("vms")), 0o700);
    assert_eq!(mode(&path.join(&file.path)), 0o600);
    assert_eq!(mode(&path.join("generation.json")), 0o600);
}

#[test]
fn the_payload_of_a_zone_that_vanished_stays_while_sapi_has_the_zone_as_an_instance() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let on_record = |minute| {
        let record = json!({"uuid": VM, "service_uuid": SERVER});
        asked(Part::SapiInstance, minute, Ok(record))
    };
    let nothing = |part, minute| Asked {
        answer: Ok(Vec::new()),
        ..asked(part, minute, Err(""))
    };
    let other = json!({"uuid": SERVER, "service_uuid": SERVER});
    pull(&store, 10, vec![vm(10), on_record(10)]);
    pull(&store, 15, vec![nothing(Part::Vm, 15), on_record(15)]);
    let kept = store.newest(SERVER).unwrap().generation.unwrap();
    let (file, payload) = kept.part(Part::Vm).next().unwrap();
    assert_eq!(payload["alias"], "imgapi0");
    assert_eq!(file.taken_at, at(10), "it is as old as it is");

    let retired = asked(Part::SapiInstance, 20, Ok(other));
    pull(&store, 20, vec![nothing(Part::Vm, 20), retired]);
    let gone = store.newest(SERVER).unwrap().generation.unwrap();
    assert!(gone.part(Part::Vm).next().is_none());
}

#[test]
fn a_damaged_generation_is_told_of_and_the_one_before_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let (good, _) = pull(&store, 10, vec![vm(10)]);
    let (damaged, _) = pull(&store, 15, vec![vm(15)]);
    let path = store.of(SERVER).join(&damaged.generation);
    fs::write(path.join(format!("vms/{VM}.json")), "{}").unwrap();
    let newest = store.newest(SERVER).unwrap();
    assert_eq!(
        newest.generation.unwrap().description.generation,
        good.generation
    );
    assert!(
        matches!(&newest.faults[..], [SyncError::Damaged { why, .. }] if why.contains("digest"))
    );
}

#[test]
fn a_pull_that_broke_off_is_not_seen_and_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    pull(&store, 10, vec![vm(10)]);
    let partial = store.of(SERVER).join(".partial-20261123T051500Z-0a0b0c0d");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("generation.json"), "{").unwrap();
    let newest = store.newest(SERVER).unwrap();
    assert!(newest.faults.is_empty());
    assert!(newest.generation.is_some());
    generation::remove_old(&store, SERVER, &Pins::none()).unwrap();
    assert!(!partial.exists());
}

#[test]
fn a_folder_without_its_description_is_no_generation() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    fs::create_dir_all(store.of(SERVER).join("20261123T051500Z-0a0b0c0d")).unwrap();
    let newest = store.newest(SERVER).unwrap();
    assert!(newest.generation.is_none());
    assert_eq!(newest.faults.len(), 1);
}

#[test]
fn a_path_that_leads_out_of_a_generation_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let (written, _) = pull(&store, 10, vec![vm(10)]);
    let path = store
        .of(SERVER)
        .join(&written.generation)
        .join("generation.json");
    let text = fs::read_to_string(&path).unwrap();
    let moved = text.replace(&format!("vms/{VM}.json"), "../../../etc/shadow");
    fs::write(&path, moved).unwrap();
    let newest = store.newest(SERVER).unwrap();
    assert!(newest.generation.is_none());
    assert!(newest.faults[0].to_string().contains("leads out"));
}

#[test]
fn a_part_whose_service_is_down_keeps_its_content_and_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let services = json!([{"uuid": VM, "name": "imgapi"}]);
    pull(
        &store,
        10,
        vec![vm(10), asked(Part::SapiServices, 10, Ok(services.clone()))],
    );
    let down = asked(Part::SapiServices, 15, Err("connection refused"));
    let (second, composed) = pull(&store, 15, vec![vm(15), down]);
    assert_eq!(composed.carried.len(), 1);
    assert_eq!(composed.carried[0].taken_at, Some(at(10)));
    assert_eq!(composed.carried[0].why, "connection refused");
    assert_eq!(
        second.of_part(Part::SapiServices).next().unwrap().taken_at,
        at(10)
    );
    assert_eq!(second.of_part(Part::Vm).next().unwrap().taken_at, at(15));
    let read = store.newest(SERVER).unwrap().generation.unwrap();
    assert_eq!(read.part(Part::SapiServices).next().unwrap().1, services);
}

#[test]
fn a_service_that_suddenly_has_nothing_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    pull(
        &store,
        10,
        vec![asked(Part::Networks, 10, Ok(json!([{"name": "admin"}])))],
    );
    let (_, composed) = pull(&store, 15, vec![asked(Part::Networks, 15, Ok(json!([])))]);
    assert!(
        composed.carried[0]
            .why
            .contains("there was something before")
    );
    assert_eq!(composed.files[0].taken_at, at(10));
}

#[test]
fn what_is_gone_from_a_headnode_is_gone_from_its_next_generation() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    pull(&store, 10, vec![vm(10)]);
    let none = Asked {
        answer: Ok(Vec::new()),
        ..vm(15)
    };
    let (second, composed) = pull(&store, 15, vec![none]);
    assert!(second.files.is_empty());
    assert!(composed.carried.is_empty());
}

#[test]
fn a_part_that_was_never_had_is_named() {
    let composed = records::compose(vec![asked(Part::Servers, 10, Err("timed out"))], None);
    assert!(composed.files.is_empty());
    assert_eq!(composed.carried[0].taken_at, None);
}

#[test]
fn twelve_generations_are_kept_and_those_that_a_run_needs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let all: Vec<String> = (10..25)
        .map(|minute| pull(&store, minute, vec![vm(minute)]).0.generation)
        .collect();
    let pins = Pins::of(vec![(
        "journal/x".to_owned(),
        format!("{{\"from\":\"{}\"}}", all[1]),
    )]);
    let removed = generation::remove_old(&store, SERVER, &pins).unwrap();
    assert_eq!(removed, [all[0].clone(), all[2].clone()]);
    let left = store.generations(SERVER).unwrap();
    assert_eq!(left.len(), 13);
    assert_eq!(left[0], all[1]);
}

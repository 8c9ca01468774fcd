// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What kills or confuses the real servers never leaves the client. Names, maps and flags of the wrong JSON type can't
//! even be written (they are typed); what JSON may still hide is refused here, with nothing sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod server;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use apis::cnapi::Script;
use apis::imgapi::{Compression, Image, ImageFile};
use apis::job::Execution;
use apis::napi::{IpChange, NicFields, NicFilter, Page};
use apis::papi::PackageFilter;
use apis::sapi::{Action, Change, NewInstance};
use apis::vmapi::{Vm, VmFilter};
use apis::{
    ApiError, Client, Cnapi, Endpoint, ErrorKind, Imgapi, Napi, Papi, Sapi, Uuid, Vmapi, Workflow,
};
use serde_json::{Map, Value, json};
use server::{Reply, Server, options};

const SOME: Uuid = Uuid::from_u128(0x0a4b_1c6e_7d52_4f0e_9a53_3c1d_5e8f_7001);
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 99, 60));

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// Makes the call on a client of a listening server: it must fail over that field, and the server must have heard nothing.
fn refused<T>(field: &str, call: impl FnOnce(Client) -> Result<T, ApiError>) {
    let server = Server::one(Reply::empty(200));
    match call(server.client("any")) {
        Ok(_) => panic!("{field} was let through"),
        Err(error) => {
            let ErrorKind::Invalid { field: found, .. } = &error.kind else {
                panic!("{field}: {error}");
            };
            assert_eq!(found, field, "{error}");
            assert!(!error.may_retry() && !error.is_down());
        }
    }
    assert!(server.asked().is_empty(), "{field}: something was sent");
}

fn create(params: Value) -> impl FnOnce(Client) -> Result<(), ApiError> {
    let mut new = NewInstance::of(SOME);
    new.params = map(params);
    move |client| Sapi::new(client).create_instance(&new).map(drop)
}

#[test]
fn sapi_is_not_given_vm_parameters_that_kill_vmapi() {
    refused("params.owner_uuid", create(json!({"owner_uuid": "zz"})));
    refused("params.owner_uuid", create(json!({"owner_uuid": 5})));
    refused(
        "params.server_uuid",
        create(json!({"server_uuid": "headnode1"})),
    );
    refused("params.alias", create(json!({"alias": 7})));
    refused("params.sync", create(json!({"sync": true})));
}

#[test]
fn sapi_is_not_given_manifests_that_are_no_uuids() {
    let change = Change::new(Action::Update).manifests(map(json!({"registrar": 5})));
    refused("manifests.registrar", |c| {
        Sapi::new(c).update_service(SOME, &change)
    });
    let change = Change::new(Action::Replace).manifests(map(json!({"registrar": "xyz"})));
    refused("manifests.registrar", |c| {
        Sapi::new(c).update_application(SOME, &change)
    });
}

#[test]
fn sapi_is_not_given_changes_that_change_nothing_nor_empty_names() {
    let change = Change::new(Action::Delete);
    refused("change", |c| Sapi::new(c).update_instance(SOME, &change));
    refused("name", |c| Sapi::new(c).list_applications(Some("")));
    refused("if-none-match", |c| {
        Sapi::new(c).configs(SOME, Some("a\r\nb: c"))
    });
}

#[test]
fn a_key_is_deleted_whatever_its_value() {
    let server = Server::one(Reply::json(
        200,
        json!({"uuid": SOME, "service_uuid": SOME}),
    ));
    let change = Change::new(Action::Delete).params(map(json!({"owner_uuid": ""})));
    Sapi::new(server.client("sapi"))
        .update_instance(SOME, &change)
        .unwrap();
    let sent = server.asked()[0].json();
    assert_eq!(
        sent,
        json!({"action": "delete", "params": {"owner_uuid": ""}})
    );
}

fn vm(changes: Value) -> Vm {
    let mut vm = map(json!({
        "uuid": SOME, "owner_uuid": SOME, "server_uuid": SOME, "brand": "joyent-minimal", "state": "running"
    }));
    vm.extend(map(changes));
    serde_json::from_value(Value::Object(vm)).unwrap()
}

#[test]
fn vmapi_is_not_put_a_record_that_lacks_what_it_would_forget() {
    refused("owner_uuid", |c| {
        Vmapi::new(c).put_vm(&vm(json!({"owner_uuid": null})))
    });
    refused("server_uuid", |c| {
        Vmapi::new(c).mark_destroyed(&vm(json!({"server_uuid": ""})))
    });
    refused("brand", |c| {
        Vmapi::new(c).put_vm(&vm(json!({"brand": null})))
    });
    refused("params.sync", |c| {
        Vmapi::new(c).put_vm(&vm(json!({"sync": true})))
    });
}

#[test]
fn a_malformed_owner_is_never_a_vm() {
    let wrong = json!({"uuid": SOME, "owner_uuid": "zz"});
    assert!(serde_json::from_value::<Vm>(wrong).is_err());
}

#[test]
fn vmapi_is_not_asked_for_what_it_does_not_know() {
    let fields = VmFilter {
        fields: vec!["alias,limit".to_owned()],
        ..VmFilter::default()
    };
    refused("fields", |c| Vmapi::new(c).list_vms(&fields));
    let tags = VmFilter {
        tags: vec![("a&state".to_owned(), "x".to_owned())],
        ..VmFilter::default()
    };
    refused("tags", |c| Vmapi::new(c).list_vms(&tags));
}

#[test]
fn napi_is_asked_for_pages_that_it_gives() {
    let page = |limit| Page { limit, offset: 0 };
    refused("limit", |c| Napi::new(c).list_ips_page("admin", page(0)));
    refused("limit", |c| Napi::new(c).list_ips_page("admin", page(1001)));
    refused("limit", |c| {
        Napi::new(c).list_nics_page(&NicFilter::default(), page(5000))
    });
}

#[test]
fn napi_is_asked_for_networks_and_nics_by_names_that_name_one() {
    refused("network", |c| Napi::new(c).get_network("../nics"));
    refused("network", |c| Napi::new(c).list_ips(""));
    refused("mac", |c| Napi::new(c).delete_nic("90:b8:d0"));
    refused("mac", |c| Napi::new(c).get_nic(""));
    refused("mac", |c| {
        Napi::new(c).update_nic("zz", &NicFields::of_zone(SOME, SOME), None)
    });
}

#[test]
fn napi_is_not_given_half_a_change() {
    let half = IpChange {
        belongs_to_uuid: Some(SOME),
        ..IpChange::default()
    };
    refused("belongs_to_type", |c| {
        Napi::new(c).update_ip("admin", ADDRESS, &half, None)
    });
    let both = IpChange {
        unassign: true,
        ..IpChange::free()
    };
    refused("free", |c| {
        Napi::new(c).update_ip("admin", ADDRESS, &both, None)
    });
    refused("owner_uuid", |c| {
        Napi::new(c).provision_nic("admin", &NicFields::default())
    });
}

#[test]
fn cnapi_is_not_sent_keys_or_values_that_it_refuses() {
    let update = |changes: Value| move |c| Cnapi::new(c).update_server(SOME, &map(changes));
    refused("headnode", update(json!({"headnode": true})));
    refused("reserved", update(json!({"reserved": "zz"})));
    refused("change", update(json!({})));
    let script = Script {
        text: "reboot".to_owned(),
        ..Script::default()
    };
    refused("script", |c| {
        Cnapi::new(c).execute(SOME, &script, Duration::from_secs(1))
    });
    refused("id", |c| Cnapi::new(c).get_task(".."));
    refused("id", |c| {
        Cnapi::new(c).wait_task("", Duration::from_secs(1))
    });
}

fn image_file(changes: Value) -> ImageFile {
    let mut file = map(
        json!({"sha1": "a9993e364706816aba3e25717850c26c9cd0d89d", "size": 3, "compression": "gzip"}),
    );
    file.extend(map(changes));
    serde_json::from_value(Value::Object(file)).unwrap()
}

#[test]
fn imgapi_is_not_given_manifests_that_kill_it() {
    let import = |changes: Value| {
        let mut manifest = map(json!({
            "uuid": SOME, "owner": SOME, "name": "base", "version": "1.0.0", "type": "zone-dataset", "os": "smartos"
        }));
        manifest.extend(map(changes));
        move |c| Imgapi::new(c).import_image(&manifest, false)
    };
    refused("owner", import(json!({"owner": "abc"})));
    refused("uuid", import(json!({"uuid": "../x"})));
    refused("name", import(json!({"name": 5})));
    refused("version", import(json!({"version": ""})));
    refused("public", import(json!({"public": "zz"})));
    refused("origin", import(json!({"origin": null})));
}

#[test]
fn imgapi_is_not_given_files_that_it_refuses() {
    let add = |changes: Value| {
        let file = image_file(changes);
        move |c| Imgapi::new(c).add_file(SOME, &file, &b"abc"[..])
    };
    refused("size", add(json!({"size": 0})));
    refused("sha1", add(json!({"sha1": "xyz"})));
    refused("compression", add(json!({"compression": "zip"})));
    refused("compression", add(json!({"compression": null})));
    let bare: Image =
        serde_json::from_value(json!({"uuid": SOME, "name": "a", "version": "1"})).unwrap();
    refused("files", |c| {
        Imgapi::new(c).get_image_file(&bare, &mut Vec::new())
    });
    assert_eq!(image_file(json!({})).compression, Some(Compression::Gzip));
}

#[test]
fn workflow_and_papi_are_not_asked_nonsense() {
    let strange = Execution::Unknown("zz".to_owned());
    refused("execution", |c| {
        Workflow::new(c).list_jobs(Some(&strange), 10)
    });
    refused("limit", |c| Workflow::new(c).list_jobs(None, 0));
    let unnamed = PackageFilter {
        name: Some(" ".to_owned()),
        active: None,
    };
    refused("name", |c| Papi::new(c).list_packages(&unnamed));
}

#[test]
fn a_url_that_is_no_plain_one_of_a_host_is_refused() {
    for url in [
        "",
        "sapi",
        "https://sapi.dc1",
        "http://root:secret@sapi",
        "http://sapi/x",
        "http://sapi?a=b",
        "file:///etc",
    ] {
        let error = Client::new(&Endpoint::new("sapi", url), &options()).unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::Invalid { .. }),
            "{url}: {error}"
        );
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What the functions of the platform's commands make of an exit status and of what was said: with scripts on PATH that say
//! what the real commands say.

#![allow(clippy::unwrap_used)]

mod support;

use platform::moray::{Moray, Put};
use platform::{Error, Host, imgadm, smf, vmadm, zfs, zlogin, zpool};
use serde_json::{Map, Value, json};
use support::in_its_own_process;
use uuid::Uuid;

const ZONE: Uuid = Uuid::from_u128(0x0c7e5d11_4a9b_4f65_8c3d_2e1f0a9b8c7d);
const ABSENT: Uuid = Uuid::from_u128(0x11111111_4a9b_4f65_8c3d_2e1f0a9b8c7d);

fn here() -> Host {
    Host::local("/")
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

const ZFS: &str = r#"#!/bin/sh
for last; do :; done
case "$1 $last" in
"list zones/broken"*) echo "cannot open '$last': I/O error" >&2; exit 1;;
"list zones/absent"*|"get zones/absent"*) echo "cannot open '$last': dataset does not exist" >&2; exit 1;;
"list zones/a b/data") printf '%s\tfilesystem\t7\t1\t2\t3\t4\t0\t-\t/data\tyes\ton\toff\ton\t-\n' "$last";;
"list zones/a b/data@x") printf '%s\t8\t1\t0\t0\t\n' "$last";;
"destroy zones/a b/data@absent") echo 'could not find any snapshots to destroy; check snapshot names.' >&2; exit 1;;
"destroy zones/a b/data@held") echo "cannot destroy snapshot $last: dataset is busy" >&2; exit 1;;
"hold "*) echo "cannot hold snapshot '$last': tag already exists on this dataset" >&2; exit 1;;
*) echo "unexpected: $*" >&2; exit 9;;
esac
"#;

#[test]
fn what_is_not_there_is_no_failure_to_look_at_zfs() {
    in_its_own_process(&[("zfs", ZFS)], "case_zfs");
}

#[test]
#[ignore = "run by the test above"]
fn case_zfs() {
    let host = here();
    let dataset = zfs::dataset(&host, "zones/a b/data").unwrap().unwrap();
    assert!(dataset.zoned);
    assert_eq!(zfs::dataset(&host, "zones/absent").unwrap(), None);
    assert!(zfs::tree(&host, "zones/absent").unwrap().is_empty());
    assert!(zfs::snapshots(&host, "zones/absent").unwrap().is_empty());
    assert_eq!(zfs::get(&host, "zones/absent", &["zoned"]).unwrap(), None);
    let snapshot = zfs::snapshot_named(&host, "zones/a b/data@x").unwrap();
    assert_eq!(snapshot.unwrap().guid, 8);

    let broken = zfs::dataset(&host, "zones/broken").unwrap_err();
    assert!(broken.to_string().contains("I/O error"), "{broken}");

    zfs::destroy_snapshot(&host, "zones/a b/data@absent").unwrap();
    let held = zfs::destroy_snapshot(&host, "zones/a b/data@held").unwrap_err();
    assert!(held.to_string().contains("dataset is busy"), "{held}");
    zfs::hold(&host, "triton-restore", "zones/a b/data@x").unwrap();
}

const VMADM: &str = r#"#!/bin/sh
case "$*" in
"get 0c7e5d11-"*) printf '{"uuid":"%s","state":"stopped","tags":{"smartdc_role":"imgapi"}}\n' "$2";;
get*) echo "zoneadm: $2: No such zone configured" >&2; exit 1;;
"lookup -j tags.smartdc_role=none") echo '[]';;
create|"validate create")
    payload=$(cat)
    case "$payload" in
    *'"brand"'*) ;;
    *) echo '{"bad_values":[],"bad_properties":[],"missing_properties":["brand"]}' >&2; exit 1;;
    esac
    test "$1" = validate && { echo "VALID 'create' payload for joyent-minimal brand VMs."; exit 0; }
    echo 'WARNING: unknown property networks removed' >&2
    echo "Successfully created VM 0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d" >&2;;
"update 0c7e5d11-"*) test "$(cat)" = '{"autoboot":false}';;
"start 0c7e5d11-"*|"stop 0c7e5d11-"*" -F") ;;
*) echo "unexpected: $*" >&2; exit 9;;
esac
"#;

#[test]
fn a_payload_reaches_vmadm_without_a_file_or_a_command_line() {
    in_its_own_process(&[("vmadm", VMADM)], "case_vmadm");
}

#[test]
#[ignore = "run by the test above"]
fn case_vmadm() {
    let host = here();
    let vm = vmadm::get(&host, ZONE).unwrap().unwrap();
    assert_eq!(
        (vm.smartdc_role(), &vm.state),
        (Some("imgapi"), &vmadm::VmState::Stopped)
    );
    assert!(vmadm::get(&host, ABSENT).unwrap().is_none());
    assert!(vmadm::get_json(&host, ABSENT).unwrap().is_none());
    assert!(
        vmadm::lookup(&host, &["tags.smartdc_role=none"])
            .unwrap()
            .is_empty()
    );

    let whole = object(json!({"brand": "joyent-minimal", "customer_metadata": {"key": "CANARY"}}));
    let created = vmadm::create(&host, &whole).unwrap();
    assert_eq!(created.uuid, ZONE);
    assert_eq!(
        created.warnings,
        ["WARNING: unknown property networks removed"]
    );
    assert!(!vmadm::validate_create(&host, &whole).unwrap().are_fatal());

    let partial = object(json!({"customer_metadata": {"key": "CANARY"}}));
    assert_eq!(
        vmadm::validate_create(&host, &partial)
            .unwrap()
            .missing_properties,
        ["brand"]
    );
    let refused = vmadm::create(&host, &partial).unwrap_err().to_string();
    assert!(
        refused.contains("`vmadm create` failed") && !refused.contains("CANARY"),
        "{refused}"
    );

    vmadm::update(&host, ZONE, &object(json!({"autoboot": false}))).unwrap();
    vmadm::start(&host, ZONE).unwrap();
    vmadm::stop(&host, ZONE, true).unwrap();
    assert!(vmadm::start(&host, ABSENT).is_err());
}

/// As zlogin does it: the words joined by spaces, for a shell. The zone's programs are stood in for here.
const ZLOGIN: &str = r#"#!/bin/sh
test "$1" = -Q || exit 9
case "$2" in 1*) echo "zlogin: login allowed only to running zones ($2 is 'installed')." >&2; exit 1;; esac
shift 2
eval "set -- $*"
case "$4" in
*/getobject)
    case "$7" in
    absent) echo "getobject: $6::$7 does not exist" >&2; exit 1;;
    *) test "$6" = sapi_instances || { echo "getobject: $6 does not exist" >&2; exit 1; }
       printf '{\n  "bucket": "%s",\n  "key": "%s",\n  "value": {"a": 1},\n  "_etag": "E1"\n}\n' "$6" "$7";;
    esac;;
*/putobject)
    test "$6" = '{"a":"it'"'"'s \"$HOME\""}' || { echo "putobject: other data: $6" >&2; exit 1; }
    test "$7 $8" = '-e E2' || exit 0
    echo "putobject: $9::k was expected to have etag \"E2\", but was \"E1\"" >&2; exit 1;;
*/delobject) test "$6" = k || { echo "delobject: $5::$6 does not exist" >&2; exit 1; };;
*/findobjects)
    # 1001 objects, thus two pages.
    n=$8; end=$(($8 + 1000)); test $end -le 1001 || end=1001
    while [ $n -lt $end ]; do
        printf '{\n"bucket":"b","key":"%s","value":{},"_etag":"E"\n}\n' $n
        n=$((n + 1))
    done;;
*) "$@";;
esac
"#;

#[test]
fn a_zone_s_commands_get_their_words_unharmed() {
    in_its_own_process(&[("zlogin", ZLOGIN)], "case_zlogin");
}

#[test]
#[ignore = "run by the test above"]
fn case_zlogin() {
    let words = ["printf", "%s\\n", "a b", "it's", "$HOME", "*"];
    let output = zlogin::run(&here(), ZONE, words).unwrap();
    assert_eq!(output.text().lines().collect::<Vec<_>>(), words[2..]);
    let halted = zlogin::run(&here(), ABSENT, ["true"]).unwrap();
    assert!(
        halted
            .complaint()
            .starts_with("zlogin: login allowed only to running zones")
    );
}

#[test]
fn records_of_moray_are_read_written_and_guarded_by_their_etag() {
    in_its_own_process(&[("zlogin", ZLOGIN)], "case_moray");
}

#[test]
#[ignore = "run by the test above"]
fn case_moray() {
    let moray = Moray {
        host: here(),
        zone: ZONE,
    };
    let found = moray.get("sapi_instances", "k").unwrap().unwrap();
    assert_eq!(found.etag, "E1");
    assert!(moray.get("sapi_instances", "absent").unwrap().is_none());
    let no_bucket = moray.get("sapi_instance", "k").unwrap_err();
    assert!(
        no_bucket
            .to_string()
            .contains("sapi_instance does not exist"),
        "{no_bucket}"
    );

    let value = object(json!({"a": "it's \"$HOME\""}));
    assert_eq!(
        moray
            .put("sapi_instances", "k", &value, Some("E1"))
            .unwrap(),
        Put::Written
    );
    assert_eq!(
        moray.put("sapi_instances", "k", &value, None).unwrap(),
        Put::Written
    );
    let lost = moray
        .put("sapi_instances", "k", &value, Some("E2"))
        .unwrap();
    let words = "sapi_instances::k was expected to have etag \"E2\", but was \"E1\"".to_owned();
    assert_eq!(lost, Put::Conflict { words });
    let other = object(json!({"password": "CANARY"}));
    let failed = moray
        .put("sapi_instances", "k", &other, None)
        .unwrap_err()
        .to_string();
    assert!(failed.contains("-d *** sapi_instances k"), "{failed}");
    assert!(
        failed.contains("other data: ***") && !failed.contains("CANARY"),
        "{failed}"
    );

    assert!(moray.delete("sapi_instances", "k").unwrap());
    assert!(!moray.delete("sapi_instances", "absent").unwrap());
    assert_eq!(moray.find("b", "(uuid=*)").unwrap().len(), 1001);
    assert!(matches!(
        moray.get("a b", "k").unwrap_err(),
        Error::Refused { .. }
    ));

    let halted = Moray {
        host: here(),
        zone: ABSENT,
    };
    assert!(
        halted
            .get("sapi_instances", "k")
            .unwrap_err()
            .command()
            .is_some()
    );
}

const IMGADM: &str = r#"#!/bin/sh
echo "imgadm: $1: error (ImageNotInstalled): image \"$2\" was not found on zpool \"zones\"" >&2
exit 3
"#;
const SVCS: &str = r#"#!/bin/sh
case "$*" in
*absent*) echo "svcs: Pattern 'svc:/absent:default' doesn't match any instances" >&2; exit 1;;
"-z 0c7e5d11-"*) echo maintenance;;
*) echo online;;
esac
"#;
const ZPOOL: &str = "#!/bin/sh\nprintf 'zones\\t9\\t1\\t8\\tONLINE\\t-\\n'\n";

#[test]
fn images_services_and_pools_are_asked_for() {
    let scripts = [("imgadm", IMGADM), ("svcs", SVCS), ("zpool", ZPOOL)];
    in_its_own_process(&scripts, "case_others");
}

#[test]
#[ignore = "run by the test above"]
fn case_others() {
    let host = here();
    assert_eq!(imgadm::get(&host, ZONE).unwrap(), None);
    assert!(
        imgadm::list(&host)
            .unwrap_err()
            .to_string()
            .contains("exit 3")
    );
    let fmri = "svc:/smartdc/application/imgapi:default";
    assert_eq!(
        smf::state(&host, None, fmri).unwrap(),
        Some(smf::State::Online)
    );
    assert_eq!(
        smf::state(&host, Some(ZONE), fmri).unwrap(),
        Some(smf::State::Maintenance)
    );
    assert_eq!(
        smf::state(&host, None, "svc:/absent:default").unwrap(),
        None
    );
    assert_eq!(zpool::list(&host).unwrap()[0].size, 9);
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What bash makes of a new headnode's config is what it made of the datacenter's, whatever the values are.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use usbkey::{Node, config_of};

/// How a value may stand in a config.
#[derive(Debug, Clone, Copy)]
enum Quotes {
    Single,
    Double,
    Backslashes,
    /// `printf %q` of a bash that runs in no locale, as the installer's does.
    Bash,
}

fn quoted(value: &str, quotes: Quotes) -> String {
    match quotes {
        Quotes::Single => format!("'{}'", value.replace('\'', "'\\''")),
        Quotes::Double => {
            let escaped = value.chars().flat_map(|c| {
                let slash = "\\\"$`".contains(c).then_some('\\');
                slash.into_iter().chain([c])
            });
            format!("\"{}\"", escaped.collect::<String>())
        }
        // A backslash before the end of a line would join it with the next.
        Quotes::Backslashes if !value.contains('\n') => {
            value.chars().flat_map(|c| ['\\', c]).collect()
        }
        Quotes::Backslashes | Quotes::Bash => {
            let output = Command::new("bash")
                .args(["-c", "printf %q \"$1\"", "-", value])
                .env("LC_ALL", "C")
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        }
    }
}

/// The variables that a fresh bash has of these names after it sourced the file.
fn sourced(file: &Path, keys: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let script = "PATH=/nowhere; . \"$1\" || exit 9; shift; for key; do printf '%s=%s\\0' \"$key\" \"${!key-UNSET}\"; done";
    let output = Command::new("bash")
        .args(["-c", script, "-"])
        .arg(file)
        .args(keys)
        .env_clear()
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let all = output.stdout.split(|byte| *byte == 0);
    all.filter_map(|one| {
        let at = one.iter().position(|byte| *byte == b'=')?;
        Some((
            String::from_utf8(one[..at].to_vec()).unwrap(),
            one[at + 1..].to_vec(),
        ))
    })
    .collect()
}

fn value() -> impl Strategy<Value = String> {
    let hostile = "[ \\n\\t'\"$`\\\\!#;&|<>(){}\\[\\]*?~=:,a-c0-9\u{e9}\u{20ac}\u{1f511}\u{7}\u{1b}%^-]{0,16}";
    prop_oneof![
        4 => hostile,
        1 => "\\PC{0,12}",
        1 => Just("$(touch /tmp/never)".to_owned()),
    ]
}

fn quotes() -> impl Strategy<Value = Quotes> {
    prop_oneof![
        Just(Quotes::Single),
        Just(Quotes::Double),
        Just(Quotes::Backslashes),
        Just(Quotes::Bash)
    ]
}

const KEYS: [&str; 8] = [
    "root_shadow",
    "ufds_admin_pw",
    "datacenter_company_name",
    "external_ip",
    "mail_to",
    "admin_ip",
    "swap",
    "hostname",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_values_source_to_the_same_values(
        values in prop::collection::vec((value(), quotes()), KEYS.len()),
        hostname in value(),
        ended in any::<bool>(),
    ) {
        let mut before = "# by the installer\ndatacenter_name=\"coal\"\nbinder_admin_ips=10.99.99.11\n".to_owned();
        for (key, (value, quotes)) in KEYS.iter().zip(&values) {
            before.push_str(&format!("{key}={}  # of {key}\n", quoted(value, *quotes)));
        }
        if !ended {
            before.push_str("last='it is'");
        }
        let admin_ip: IpAddr = [10, 99, 99, 45].into();
        let node = Node {
            hostname: hostname.clone(),
            admin_nic: "00:50:56:2b:44:10".into(),
            admin_ip,
            datacenter: Some("coal".into()),
        };
        let binders = [[10, 99, 99, 11].into(), [10, 99, 99, 51].into()];
        let after = config_of(&before, &node, &binders).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("before"), folder.path().join("after"));
        std::fs::write(&one, &before).unwrap();
        std::fs::write(&two, &after).unwrap();
        let keys: Vec<&str> = KEYS.into_iter().chain(["binder_admin_ips", "admin_nic", "last"]).collect();
        let (one, two) = (sourced(&one, &keys), sourced(&two, &keys));
        for (key, (value, _)) in KEYS.iter().zip(&values) {
            // The test's own quoting says what it means to say.
            prop_assert_eq!(&one[*key], value.as_bytes());
        }
        let mut wanted = one;
        wanted.insert("external_ip".into(), b"UNSET".to_vec());
        wanted.insert("hostname".into(), hostname.into_bytes());
        wanted.insert("admin_ip".into(), b"10.99.99.45".to_vec());
        wanted.insert("admin_nic".into(), b"00:50:56:2b:44:10".to_vec());
        wanted.insert("binder_admin_ips".into(), b"10.99.99.11,10.99.99.51".to_vec());
        prop_assert_eq!(two, wanted);
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The tool as an operator meets it: what it prints, where, and how it exits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "../../../plugins/loader/tests/common/staged.rs"]
mod staged;

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const SERVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../share/services");
const EXAMPLE: &str = include_str!("../../../plugins/imgapi/examples/restore.json");

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(services: &str, plugins: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_triton-plugin"))
        .args(["--catalogue", services])
        .arg("--plugins")
        .arg(plugins)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A tool that does not read its input may be gone before all of it is written.
    let written = child.stdin.take().unwrap().write_all(input.as_bytes());
    drop(written);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn ask(plugins: &Path, arguments: &[&str], input: &str) -> Ran {
    run(SERVICES, plugins, arguments, input)
}

/// An empty plugin folder that is trusted.
fn no_plugins() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    dir
}

#[test]
fn ls_shows_each_service_with_its_plugin() {
    let plugins = staged::plugins();
    let ran = ask(
        plugins.path(),
        &["ls", "-o", "service,plugin,restore,critical,count,dataset"],
        "",
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = ran
        .out
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "SERVICE", "PLUGIN", "RESTORE", "CRITICAL", "COUNT", "DATASET"
        ]
    );
    assert_eq!(lines.len(), 35);
    let line = |service: &str| {
        lines
            .iter()
            .find(|line| line[0] == service)
            .unwrap()
            .clone()
    };
    assert_eq!(
        line("imgapi"),
        ["imgapi", "yes", "replace", "true", "singleton", "/data"]
    );
    assert_eq!(
        line("vmapi"),
        ["vmapi", "none", "replace", "true", "singleton", "-"]
    );
    assert_eq!(
        line("binder"),
        ["binder", "none", "rejoin", "true", "members", "/zookeeper"]
    );
    assert_eq!(
        line("dhcpd"),
        ["dhcpd", "yes", "replace", "true", "per-headnode", "-"]
    );
}

#[test]
fn ls_tells_a_missing_plugin_from_a_broken_one() {
    let dir = no_plugins();
    fs::write(dir.path().join("imgapi.so"), "no library").unwrap();
    fs::set_permissions(dir.path().join("imgapi.so"), Permissions::from_mode(0o644)).unwrap();
    let ran = ask(dir.path(), &["ls", "-j"], "");
    assert_eq!(ran.code, 0);
    let rows: Vec<Value> = ran
        .out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let row = |service: &str| rows.iter().find(|row| row["service"] == service).unwrap();
    assert_eq!(row("imgapi")["plugin"], "broken");
    assert!(
        row("imgapi")["fault"]
            .as_str()
            .unwrap()
            .contains("can't be loaded")
    );
    assert_eq!(row("sapi")["plugin"], "required-missing");
    assert_eq!(row("cloudapi")["plugin"], "none");
}

#[test]
fn describe_prints_the_refined_row() {
    let plugins = staged::plugins();
    let ran = ask(plugins.path(), &["describe", "dhcpd"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let row: contract::Row = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(row.nics[0].properties["dhcp_server"], true);
    assert_eq!(row.operator.len(), 2, "the plugin's notes");
}

#[test]
fn describe_shows_no_bare_row_where_the_plugin_is_missing() {
    let ran = ask(no_plugins().path(), &["describe", "imgapi"], "");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("imgapi.so"), "{}", ran.err);
    let ran = ask(no_plugins().path(), &["describe", "imapi"], "");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("no core service \"imapi\""), "{}", ran.err);
}

#[test]
fn check_is_content_with_what_is_shipped() {
    let plugins = staged::plugins();
    let ran = ask(plugins.path(), &["check", "-o", "service,verdict,why"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(ran.out.matches(" ok ").count(), 6, "{}", ran.out);
}

#[test]
fn check_tells_every_fault_and_exits_1() {
    let plugins = staged::plugins();
    fs::remove_file(plugins.path().join("sapi.so")).unwrap();
    let imgapi = plugins.path().join("imgapi.so");
    fs::set_permissions(&imgapi, Permissions::from_mode(0o777)).unwrap();
    fs::rename(plugins.path().join("cns.so"), plugins.path().join("nsc.so")).unwrap();
    let ran = ask(plugins.path(), &["check", "-j"], "");
    assert_eq!(ran.code, 1);
    let told = |service: &str| {
        let lines = ran
            .out
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap());
        let mut found = lines.filter(|line| line["service"] == service);
        let found = found.next().unwrap();
        format!("{}: {}", found["verdict"], found["why"])
    };
    assert!(told("sapi").contains("broken") && told("sapi").contains("not installed"));
    assert!(told("imgapi").contains("mode 0777"), "{}", told("imgapi"));
    assert!(told("cns").contains("not installed"), "{}", told("cns"));
    assert!(told("nsc").starts_with("\"unused\""), "{}", told("nsc"));
    assert!(told("dhcpd").starts_with("\"ok\""), "{}", told("dhcpd"));
}

#[test]
fn call_answers_one_question_on_one_line() {
    let plugins = staged::plugins();
    let ran = ask(plugins.path(), &["call", "imgapi"], EXAMPLE);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out.lines().count(), 1);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["restore"]["steps"][0]["id"], "check-files");
    let ran = ask(
        plugins.path(),
        &["call", "imgapi"],
        r#"{"question":"describe"}"#,
    );
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["describe"]["service"], "imgapi");
}

#[test]
fn call_exits_1_with_the_answer_when_the_plugin_can_not_say_yes() {
    let plugins = staged::plugins();
    let question = EXAMPLE.replace("\"triton.example\"", "\"\"");
    let ran = ask(plugins.path(), &["call", "sapi"], &question);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert!(
        ran.out
            .starts_with(r#"{"error":"the datacenter's dns_domain"#),
        "{}",
        ran.out
    );
}

#[test]
fn call_refuses_bad_input_with_its_path() {
    let plugins = no_plugins();
    let bad = |input: &str| {
        let ran = ask(plugins.path(), &["call", "imgapi"], input);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{input}");
        ran.err
    };
    assert!(bad("").contains("the input is empty"));
    assert!(bad("{\"question\":").contains("line 1"));
    let wrong = EXAMPLE.replace("\"lost\"", "\"last\"");
    assert!(
        bad(&wrong).contains("facts: missing field `lost`"),
        "{}",
        bad(&wrong)
    );
    let ran = ask(
        plugins.path(),
        &["call", "imgapi"],
        r#"{"question":"describe"}"#,
    );
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("imgapi has no plugin"), "{}", ran.err);
}

#[test]
fn a_catalogue_that_is_not_there_or_spoilt_is_named() {
    let dir = no_plugins();
    let ran = run("/nonexistent", dir.path(), &["ls"], "");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("/nonexistent"), "{}", ran.err);
    let row = fs::read_to_string(format!("{SERVICES}/vmapi.json")).unwrap();
    fs::write(
        dir.path().join("vmapi.json"),
        row.replace("\"count\"", "\"cuont\""),
    )
    .unwrap();
    let ran = run(dir.path().to_str().unwrap(), dir.path(), &["check"], "");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("vmapi.json"), "{}", ran.err);
    assert!(ran.err.contains("cuont"), "{}", ran.err);
}

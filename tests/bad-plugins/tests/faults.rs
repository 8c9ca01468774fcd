// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Each way in which a plugin can be bad is told apart, names the file, and is a fault of that plugin's service alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use contract::{Answer, Plugins, Question, RestoreFacts};
use loader::Loaded;
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../../../plugins/imgapi/examples/restore.json");

/// A trusted folder with the bad plugins in `files`, each as `(service, example)`, and a good one.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    mode(dir.path(), 0o755);
    for (service, example) in files.iter().chain(&[("panics", "panics")]) {
        put(dir.path(), service, example);
    }
    dir
}

fn put(dir: &Path, service: &str, example: &str) {
    let to = dir.join(format!("{service}.so"));
    fs::copy(bad_plugins::built(example).unwrap(), &to).unwrap();
    mode(&to, 0o755);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn fault(dir: &Path, service: &str) -> String {
    let fault = Loaded::from_dir(dir).refinement(service).unwrap_err();
    assert_eq!(fault.service, service);
    fault.why
}

/// `panics` describes itself well, so it stands for the other services of the folder.
fn the_others_work(dir: &Path) {
    assert!(
        Loaded::from_dir(dir)
            .refinement("panics")
            .unwrap()
            .is_some()
    );
}

#[test]
fn another_version_of_the_interface_is_told_with_both_versions() {
    let dir = folder(&[("imgapi", "wrong_version")]);
    let why = fault(dir.path(), "imgapi");
    assert!(why.contains("imgapi.so speaks version 2"), "{why}");
    assert!(why.contains("this tool version 1"), "{why}");
    the_others_work(dir.path());
}

#[test]
fn a_missing_symbol_is_named() {
    let dir = folder(&[("imgapi", "missing_symbol")]);
    let why = fault(dir.path(), "imgapi");
    assert!(
        why.contains("lacks the symbol triton_plugin_answer"),
        "{why}"
    );
    the_others_work(dir.path());
}

#[test]
fn an_answer_that_is_no_json_is_shown_from_its_beginning() {
    let dir = folder(&[("imgapi", "garbage")]);
    let why = fault(dir.path(), "imgapi");
    assert!(why.contains("can't be read"), "{why}");
    assert!(why.contains("<html>502"), "{why}");
    the_others_work(dir.path());
}

#[test]
fn a_null_answer_is_a_fault_and_no_crash() {
    let dir = folder(&[("imgapi", "no_answer")]);
    let why = fault(dir.path(), "imgapi");
    assert!(why.contains("gave no answer"), "{why}");
    the_others_work(dir.path());
}

#[test]
fn a_panic_comes_back_as_an_error_with_its_words() {
    let dir = folder(&[]);
    let Ok(Question::Restore { facts }) = serde_json::from_str(EXAMPLE) else {
        panic!("the example asks for a restore");
    };
    let loaded = Loaded::from_dir(dir.path());
    let ask = |facts: Box<RestoreFacts>| loaded.ask("panics", &Question::Restore { facts });
    let Ok(Some(Answer::Error(text))) = ask(facts.clone()) else {
        panic!("a panic must be an error answer");
    };
    assert!(text.starts_with("panicked: index out of bounds"), "{text}");
    assert!(
        text.contains("examples/panics.rs:16"),
        "it says where: {text}"
    );
    let fault = loaded.restore("panics", *facts).unwrap_err();
    assert!(
        fault.to_string().starts_with("plugin panics: panicked"),
        "{fault}"
    );
    assert!(
        loaded.refinement("panics").unwrap().is_some(),
        "it still answers"
    );
}

#[test]
fn a_file_that_is_no_library_is_told_in_the_loaders_words() {
    let dir = folder(&[]);
    fs::write(dir.path().join("imgapi.so"), "#!/bin/sh\n").unwrap();
    mode(&dir.path().join("imgapi.so"), 0o755);
    let why = fault(dir.path(), "imgapi");
    assert!(why.contains("can't be loaded as a library"), "{why}");
    assert!(why.contains("imgapi.so: "), "{why}");
    the_others_work(dir.path());
}

#[test]
fn a_file_that_others_may_write_is_not_loaded() {
    let dir = folder(&[("imgapi", "garbage")]);
    for bits in [0o757, 0o775, 0o666] {
        mode(&dir.path().join("imgapi.so"), bits);
        let why = fault(dir.path(), "imgapi");
        assert!(
            why.contains(&format!("imgapi.so has mode {bits:04o}")),
            "{why}"
        );
        assert!(why.contains("chmod go-w"), "{why}");
    }
    the_others_work(dir.path());
}

#[test]
fn a_folder_that_others_may_write_makes_every_plugin_a_fault() {
    let dir = folder(&[]);
    mode(dir.path(), 0o777);
    let why = fault(dir.path(), "panics");
    assert!(why.contains("has mode 0777"), "{why}");
    assert!(why.contains("chmod go-w"), "{why}");
}

#[test]
fn a_file_of_another_owner_is_not_loaded() {
    let dir = folder(&[("imgapi", "garbage")]);
    let file = dir.path().join("imgapi.so");
    // Only root can give files away; others can't be tricked this way in the first place.
    if std::os::unix::fs::chown(&file, Some(4711), None).is_err() {
        return;
    }
    let why = fault(dir.path(), "imgapi");
    assert!(why.contains("belongs to uid 4711"), "{why}");
    assert!(why.contains("chown root"), "{why}");
    the_others_work(dir.path());
}

#[test]
fn a_link_out_of_the_folder_is_not_followed() {
    let dir = folder(&[]);
    symlink(
        bad_plugins::built("panics").unwrap(),
        dir.path().join("imgapi.so"),
    )
    .unwrap();
    let why = fault(dir.path(), "imgapi");
    assert!(why.contains("is a link out of its folder"), "{why}");
}

#[test]
fn a_plugin_of_another_service_is_asked_nothing_more() {
    let dir = folder(&[("imgapi", "panics")]);
    let why = fault(dir.path(), "imgapi");
    assert!(why.contains("it describes \"panics\""), "{why}");
    assert!(why.contains("panics.so?"), "{why}");
    let question = br#"{"question":"describe"}"#;
    let asked = Loaded::from_dir(dir.path()).ask_bytes("imgapi", question);
    assert!(asked.is_err());
    the_others_work(dir.path());
}

#[test]
fn a_missing_folder_is_named() {
    let why = fault(Path::new("/nonexistent/plugins"), "imgapi");
    assert!(why.contains("can't look at /nonexistent/plugins"), "{why}");
}

#[test]
fn a_service_without_a_file_has_no_plugin() {
    let dir = folder(&[]);
    let loaded = Loaded::from_dir(dir.path());
    assert_eq!(loaded.refinement("cnapi"), Ok(None));
    assert_eq!(loaded.services().collect::<Vec<_>>(), ["panics"]);
}

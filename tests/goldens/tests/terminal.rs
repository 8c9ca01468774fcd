// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Tools on a terminal, where a person sits: what they say there is plain text too.
// Helpers of tests may panic as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, Stdio};

use goldens::tool;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs a tool with a terminal for all its streams; returns what it showed, and its exit code.
fn on_a_terminal(tool: &str, words: &[&str]) -> (String, Option<i32>) {
    let mut terminal: std::fs::File = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)
        .unwrap()
        .into();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let end = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let stream = || Stdio::from(end.try_clone().unwrap());
    let mut child = Command::new(tool::install().join("bin").join(tool))
        .args(words)
        .env_clear()
        .env("PATH", "/nowhere")
        .env("TERM", "xterm-256color")
        .stdin(stream())
        .stdout(stream())
        .stderr(stream())
        .spawn()
        .unwrap();
    drop(end);
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        // Reading fails when the last of the other ends is closed.
        let _ = terminal.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let code = child.wait().unwrap().code();
    (reader.join().unwrap(), code)
}

#[test]
fn every_tool_works_on_a_terminal_and_its_logs_are_plain_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for tool in tool::all() {
        let words: &[&str] = match tool.as_str() {
            "triton-hn-guard" => &["-vv", "-R", folder, "run"],
            "triton-hn-setup" => &["-vv", "-R", folder, "check", "cn0"],
            "triton-plugin" => &["ls", "-vv"],
            "triton-usbkey-image" => &["-vv", "-R", folder, "manifest", folder],
            "triton-svc-restore" => &["-vv", "--lost", "headnode0", "--plan"],
            _ => &["-vv", "-R", folder],
        };
        let (shown, code) = on_a_terminal(&tool, words);
        assert!(
            code.is_some_and(|code| code < 4),
            "{tool} {code:?}: {shown}"
        );
        assert!(
            !shown.contains("panicked") && !shown.contains('\x1b'),
            "{tool}: {shown}"
        );
    }
}

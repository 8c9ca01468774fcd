// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The lab's machinery, tried from outside as the demo uses it: shells, ssh, the call log, killed tools and hosts.

// What the tests share is test code too, though clippy sees only the tests themselves as such.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lab::running::{Options, Running};
use serde_json::{Value, json};

/// A lab whose only installed tool is a shell by the name of one of the product's tools.
struct Room {
    lab: Running,
    _temp: tempfile::TempDir,
}

fn room() -> Room {
    static ROOMS: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("lab room {} ", ROOMS.fetch_add(1, Ordering::SeqCst));
    let temp = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap();
    let bin = temp.path().join("product/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::copy("/bin/bash", bin.join("triton-apply")).unwrap();
    let mut options = Options::new(temp.path().join("lab"), temp.path().join("product"));
    options.timings.scale = 0.01;
    let lab = Running::start(&options).unwrap_or_else(|error| panic!("{error}"));
    Room { lab, _temp: temp }
}

impl Room {
    fn run(&self, host: &str, script: &str) -> Output {
        self.lab.script(host, script, b"").unwrap()
    }

    fn text(&self, host: &str, script: &str) -> String {
        String::from_utf8(self.run(host, script).stdout).unwrap()
    }

    fn arm(&self, call: u64, when: &str) {
        let order = json!({
            "do": "kill-tool", "host": "headnode1", "tool": "triton-apply", "call": call, "when": when
        });
        self.lab.control(&order).unwrap();
    }

    fn report(&self) -> Value {
        self.lab.control(&json!({ "do": "kill-report" })).unwrap()
    }

    /// Logged calls of `ssh`, which is the one stand-in that the machinery itself brings.
    fn ssh_calls(&self) -> Vec<Value> {
        let log = self.lab.control(&json!({ "do": "log" })).unwrap();
        let calls = log["calls"].as_array().unwrap().iter();
        calls
            .filter(|call| call["command"] == "ssh")
            .cloned()
            .collect()
    }
}

/// A tool that makes three external calls, each with an effect on headnode2.
const THREE_CALLS: &str = "triton-apply -c 'for n in 1 2 3; do ssh 10.99.99.9 \"echo $n >> /var/tmp/seen\"; done; echo finished'";

#[test]
fn a_command_on_a_host_gets_its_input_and_gives_its_output_and_exit_code() {
    let room = room();
    let output = room
        .lab
        .script(
            "headnode1",
            "hostname; pwd; cat; echo oops >&2; exit 7",
            b"typed",
        )
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "headnode1\n/root\ntyped"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "oops\n");
    assert_eq!(output.status.code(), Some(7));
    let words = room
        .lab
        .shell("headnode1", &["printf", "%s|", "a b", "it's"], b"")
        .unwrap();
    assert_eq!(words.stdout, b"a b|it's|");
}

#[test]
fn a_host_sees_its_own_files_and_processes_and_can_not_change_the_machine() {
    let room = room();
    room.run("headnode1", "echo mine > /var/tmp/file");
    assert_eq!(room.text("headnode1", "cat /var/tmp/file"), "mine\n");
    assert!(!room.run("headnode2", "cat /var/tmp/file").status.success());
    assert!(!room.run("headnode1", "touch /usr/file").status.success());
    assert_eq!(room.text("headnode1", "cat /proc/1/comm"), "lab\n");
}

#[test]
fn a_host_or_a_lab_that_is_not_there_is_refused_by_name() {
    let room = room();
    let unknown = room.run("headnode9", "true");
    assert_eq!(unknown.status.code(), Some(3));
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        text.contains("no host headnode9") && text.contains("headnode0"),
        "{text}"
    );
    let verb = room
        .lab
        .control(&json!({ "do": "tea" }))
        .unwrap_err()
        .to_string();
    assert!(verb.contains("tea"), "{verb}");
}

#[test]
fn a_script_has_no_terminal_to_ask_at_and_signals_nobody_outside() {
    let room = room();
    assert!(!room.run("headnode1", "exec < /dev/tty").status.success());
    let output = room.run("headnode1", "trap '' TERM; kill 0; echo still here; exit 4");
    assert_eq!(output.stdout, b"still here\n");
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn ssh_runs_a_command_on_the_other_host_with_streams_and_exit_code() {
    let room = room();
    let script = "ssh -qT -o ConnectTimeout=5 root@10.99.99.9 'hostname; cat; exit 5'";
    let output = room.lab.script("headnode1", script, b"over there").unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "headnode2\nover there"
    );
    assert_eq!(output.status.code(), Some(5));
    let megabytes = "head -c 3000000 /dev/zero | ssh 10.99.99.9 cat | wc -c";
    assert_eq!(room.text("headnode1", megabytes).trim(), "3000000");
}

#[test]
fn ssh_lets_in_the_operators_agent_or_an_authorized_key_and_nobody_else() {
    let room = room();
    room.run("headnode2", "rm .ssh/authorized_keys");
    let refused = room.run("headnode1", "SSH_AUTH_SOCK= ssh 10.99.99.9 true");
    assert_eq!(refused.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Permission denied (publickey)"));
    room.run(
        "headnode1",
        "echo private > .ssh/id_ed25519; echo ssh-ed25519 AAAAsync > .ssh/id_ed25519.pub",
    );
    let line = r#"restrict,command="echo only this; echo asked: $SSH_ORIGINAL_COMMAND" ssh-ed25519 AAAAsync"#;
    room.run(
        "headnode2",
        &format!("echo '{line}' > .ssh/authorized_keys"),
    );
    let forced = room.text("headnode1", "SSH_AUTH_SOCK= ssh 10.99.99.9 rm -rf /zones");
    assert_eq!(forced, "only this\nasked: rm -rf /zones\n");
}

#[test]
fn the_agent_travels_on_only_when_it_is_forwarded() {
    let room = room();
    // Without this line the headnodes' own keys open each other.
    room.run("headnode0", "rm .ssh/authorized_keys");
    let twice = |options: &str| {
        room.run(
            "headnode1",
            &format!("ssh {options} 10.99.99.9 'ssh 10.99.99.7 hostname'"),
        )
    };
    assert_eq!(twice("").status.code(), Some(255));
    assert_eq!(twice("-A").stdout, b"headnode0\n");
}

#[test]
fn when_the_ssh_client_is_killed_the_remote_command_sees_its_streams_close() {
    let room = room();
    // A pipe that its reader holds open for writing too never ends by itself.
    let script = "mkfifo /var/tmp/endless
        ssh 10.99.99.9 'echo > /var/tmp/begun; cat; echo closed > /var/tmp/end' <> /var/tmp/endless &
        until ssh 10.99.99.9 test -e /var/tmp/begun; do :; done
        kill -9 $!";
    room.run("headnode1", script);
    let wait = "until [ -s /var/tmp/end ]; do :; done; cat /var/tmp/end";
    let waited = room.text("headnode2", &format!("timeout 5 sh -c '{wait}'"));
    assert_eq!(waited, "closed\n");
}

#[test]
fn a_call_is_logged_with_the_tool_that_made_it() {
    let room = room();
    room.run(
        "headnode1",
        "ssh 10.99.99.9 true; triton-apply -c 'ssh 10.99.99.9 false; :'",
    );
    let calls = room.ssh_calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["by"], Value::Null);
    assert_eq!(calls[1]["by"], "triton-apply");
    assert_eq!(calls[1]["args"], json!(["10.99.99.9", "false"]));
    assert_eq!(calls[1]["result"], 1);
    assert_eq!(calls[1]["host"], "headnode1");
}

#[test]
fn a_tool_dies_before_its_nth_call_and_the_call_never_happens() {
    let room = room();
    room.arm(2, "before");
    let output = room.run("headnode1", THREE_CALLS);
    assert_eq!(output.status.code(), Some(137));
    assert_eq!(output.stdout, b"");
    assert_eq!(room.text("headnode2", "cat /var/tmp/seen"), "1\n");
    assert_eq!(room.report(), json!({ "calls": 2, "killed": true }));
}

#[test]
fn a_tool_dies_after_its_nth_call_took_effect() {
    let room = room();
    room.arm(2, "after");
    let output = room.run("headnode1", THREE_CALLS);
    assert_eq!(output.status.code(), Some(137));
    assert_eq!(room.text("headnode2", "cat /var/tmp/seen"), "1\n2\n");
    assert_eq!(room.report(), json!({ "calls": 2, "killed": true }));
}

#[test]
fn calls_can_be_counted_without_killing() {
    let room = room();
    room.arm(0, "before");
    assert_eq!(room.text("headnode1", THREE_CALLS), "finished\n");
    assert_eq!(room.report(), json!({ "calls": 3, "killed": false }));
}

#[test]
fn killing_a_host_ends_its_processes_and_ssh_to_it_times_out() {
    let room = room();
    let mut sleeper = Command::new(room.lab.dir().join("lab"))
        .args(["shell", "--dir"])
        .arg(room.lab.dir())
        .args(["headnode0", "-c", "echo started; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    std::io::Read::read_exact(sleeper.stdout.as_mut().unwrap(), &mut first).unwrap();
    room.lab.kill_host("headnode0").unwrap();
    assert_eq!(sleeper.wait().unwrap().code(), Some(137));
    let shell = room.run("headnode0", "true");
    assert!(String::from_utf8_lossy(&shell.stderr).contains("headnode0 is down"));
    let ssh = room.run("headnode1", "ssh 10.99.99.7 true");
    assert_eq!(ssh.status.code(), Some(255));
    let text = String::from_utf8_lossy(&ssh.stderr).into_owned();
    assert_eq!(
        text.trim_end(),
        "ssh: connect to host 10.99.99.7 port 22: Connection timed out"
    );
    assert!(
        room.lab.kill_host("headnode0").is_err(),
        "a dead host can't be killed again"
    );
}

#[test]
fn two_labs_at_once_do_not_disturb_each_other() {
    let (first, second) = (room(), room());
    first.run("headnode1", "echo first > /var/tmp/whose");
    second.run("headnode1", "echo second > /var/tmp/whose");
    assert_eq!(
        first.text("headnode1", "ssh 10.99.99.8 cat /var/tmp/whose"),
        "first\n"
    );
    assert_eq!(
        second.text("headnode1", "ssh 10.99.99.8 cat /var/tmp/whose"),
        "second\n"
    );
    first.lab.kill_host("headnode1").unwrap();
    assert!(second.run("headnode1", "true").status.success());
}

#[test]
fn a_lab_that_goes_down_leaves_no_process_and_no_folder() {
    let room = room();
    let dir = room.lab.dir().to_owned();
    drop(room.lab);
    assert!(!dir.exists());
    let alive = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*dir.to_string_lossy())
    });
    assert_eq!(alive.count(), 0);
}

#[test]
fn a_lab_outlives_the_command_that_brought_it_up_and_ends_when_told() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, product) = (temp.path().join("lab"), temp.path().join("product"));
    fs::create_dir_all(product.join("bin")).unwrap();
    let lab = |args: &[&str], dir: &Path| {
        Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(args)
            .arg("--dir")
            .arg(dir)
            .output()
            .unwrap()
    };
    let up = lab(
        &[
            "up",
            "--scale",
            "0.01",
            "--install",
            &product.to_string_lossy(),
        ],
        &dir,
    );
    assert!(
        up.status.success(),
        "{}",
        String::from_utf8_lossy(&up.stderr)
    );
    assert!(String::from_utf8_lossy(&up.stdout).contains("headnode2    10.99.99.9      up"));
    let again = lab(&["up", "--install", &product.to_string_lossy()], &dir);
    assert_eq!(again.status.code(), Some(3));
    assert!(lab(&["down"], &dir).status.success());
    let limit = Instant::now() + Duration::from_secs(5);
    while dir.exists() {
        assert!(Instant::now() < limit, "the lab's folder is still there");
    }
    assert_eq!(lab(&["status"], &dir).status.code(), Some(3));
}

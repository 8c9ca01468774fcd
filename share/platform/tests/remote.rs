// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Commands on another host. The `ssh` of these tests is a script on PATH that does what sshd does: it runs the line in a
//! shell, in a session of its own, and leaves it alone when the client is killed.
//!
//! The end of all children belongs to the whole process, as PATH does: each case has a process of its own.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use platform::{Canceller, Command, FailureKind, Host, LinkState, SshTarget, end_all_children};
use support::{eventually, in_its_own_process, lives, pid_in};

const SSH: &str = r#"#!/bin/sh
while [ "$1" != -- ]; do
    case "$1" in root@10.99.99.13) echo 'ssh: connect to host 10.99.99.13 port 22: No route to host' >&2; exit 255;; esac
    shift
done
echo 'a message of the day' >&2
exec 3<&0
setsid sh -c "$2" <&3 3<&- &
wait $!
"#;

fn folder() -> PathBuf {
    std::env::var_os("TEST_FOLDER").unwrap().into()
}

fn there() -> Host {
    host([10, 99, 99, 8])
}

fn host(address: [u8; 4]) -> Host {
    Host::ssh(SshTarget {
        server_name: "headnode1".to_owned(),
        address: address.into(),
        identity: None,
        known_hosts: None,
    })
}

/// Writes the number of a process that would live on, and waits.
fn lasting(file: &Path) -> Command {
    let script = "sleep 300 & echo $! > \"$1\"; wait";
    Command::new("sh").args(["-c", script, "sh"]).arg(file)
}

#[test]
fn words_streams_and_status_come_through_a_shell_unharmed() {
    in_its_own_process(&[("ssh", SSH)], "case_words");
}

#[test]
#[ignore = "run by the test above"]
fn case_words() {
    let words = ["%s\\n", "a b", "it's", "$HOME", "", "*", "a\\b"];
    let text = there().run_ok(&Command::new("printf").args(words)).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), words[1..]);

    let command = Command::new("sh").args(["-c", "cat; echo \"$MINE\"; echo no >&2; exit 3"]);
    let output = there()
        .run(&command.stdin("in\n").env("MINE", "my 'own'"))
        .unwrap();
    assert_eq!(output.text(), "in\nmy 'own'\n");
    assert_eq!(output.complaint(), "a message of the day\nno\n");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_host_that_is_not_reached_is_told_apart_from_a_command_that_failed() {
    in_its_own_process(&[("ssh", SSH)], "case_unreachable");
}

#[test]
#[ignore = "run by the test above"]
fn case_unreachable() {
    let error = host([10, 99, 99, 13])
        .run(&Command::new("true"))
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Unreachable);
    assert!(error.may_retry());
    assert!(error.to_string().contains("No route to host"), "{error}");
    assert_eq!(
        there().run(&Command::new("false")).unwrap().status.code(),
        Some(1)
    );
}

#[test]
fn a_file_is_read_and_looked_for_there() {
    in_its_own_process(&[("ssh", SSH)], "case_files");
}

#[test]
#[ignore = "run by the test above"]
fn case_files() {
    let file = folder().join("a file");
    fs::write(&file, [0, 255, 10]).unwrap();
    assert_eq!(there().read(&file).unwrap(), [0, 255, 10]);
    assert!(there().exists(&file).unwrap());
    let absent = folder().join("absent");
    assert!(!there().exists(&absent).unwrap());
    assert_eq!(there().read_if_there(&absent).unwrap(), None);
    assert!(!there().read_if_there(folder()).unwrap_err().is_absent());
}

#[test]
fn what_takes_too_long_or_is_cancelled_is_ended_there_as_well() {
    in_its_own_process(&[("ssh", SSH)], "case_ended_there");
}

#[test]
#[ignore = "run by the test above"]
fn case_ended_there() {
    let file = folder().join("pid");
    let pid = [50, 500, 5000].into_iter().find_map(|milliseconds| {
        let command = lasting(&file).timeout(Duration::from_millis(milliseconds));
        assert_eq!(
            there().run(&command).unwrap_err().kind(),
            FailureKind::TimedOut
        );
        pid_in(&file)
    });
    assert!(eventually(|| !lives(pid.unwrap())));

    let file = folder().join("other pid");
    let canceller = Canceller::new();
    let host = there().with_canceller(canceller.clone());
    let command = lasting(&file);
    let running = thread::spawn(move || host.run(&command));
    assert!(eventually(|| pid_in(&file).is_some()));
    canceller.cancel();
    assert_eq!(
        running.join().unwrap().unwrap_err().kind(),
        FailureKind::Cancelled
    );
    assert!(eventually(|| !lives(pid_in(&file).unwrap())));
}

#[test]
fn a_stream_goes_from_one_host_to_another() {
    in_its_own_process(&[("ssh", SSH)], "case_stream");
}

#[test]
#[ignore = "run by the test above"]
fn case_stream() {
    let file = folder().join("copy");
    let to = Command::new("sh")
        .args(["-c", "cat > \"$1\"", "sh"])
        .arg(&file);
    let from = Command::new("head").args(["-c", "500000", "/dev/zero"]);
    there().pipe(&from, &Host::local("/"), &to).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().len(), 500_000);
}

#[test]
fn a_file_is_written_on_another_host_with_its_mode_and_as_a_whole() {
    in_its_own_process(&[("ssh", SSH)], "case_file");
}

#[test]
#[ignore = "run by the test above"]
fn case_file() {
    let path = folder().join("made/of two/a fence.json");
    let (parent, host) = (path.parent().unwrap(), there());
    host.make_dir_all(parent, 0o700).unwrap();
    for content in ["first", "second, and longer"] {
        host.write_atomic(&path, content.as_bytes(), 0o600).unwrap();
        assert_eq!(host.read(&path).unwrap(), content.as_bytes());
    }
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(parent), mode(&path)), (0o700, 0o600));
    assert_eq!(
        fs::read_dir(parent).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn a_path_leads_elsewhere_by_a_link_here_and_there_and_what_is_no_link_is_left_alone() {
    in_its_own_process(&[("ssh", SSH)], "case_link");
}

#[test]
#[ignore = "run by the test above"]
fn case_link() {
    for (name, host) in [("here", Host::local("/")), ("there", there())] {
        let folder = folder().join(name);
        let zones = ["old", "new"].map(|zone| folder.join(zone).display().to_string());
        for zone in &zones {
            fs::create_dir_all(zone).unwrap();
        }
        let link = folder.join("opt/smartdc/sdc");
        host.make_dir_all(link.parent().unwrap(), 0o755).unwrap();
        for zone in &zones {
            assert_eq!(host.link_state(&link, zone).unwrap(), LinkState::Open);
            host.link(&link, zone).unwrap();
            assert_eq!(host.link_state(&link, zone).unwrap(), LinkState::Right);
        }
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(&zones[1]));
        assert_eq!(fs::read_dir(&zones[0]).unwrap().count(), 0, "{name}");
        let state = host.link_state(&folder, &zones[0]).unwrap();
        assert_eq!(state, LinkState::Taken);
    }
}

#[test]
fn the_end_of_all_children_is_the_end_of_everything_here_and_there() {
    in_its_own_process(&[("ssh", SSH)], "case_end_of_all");
}

#[test]
#[ignore = "run by the test above"]
fn case_end_of_all() {
    let files = [folder().join("here"), folder().join("there")];
    let running: Vec<_> = [Host::local("/"), there()]
        .into_iter()
        .zip(&files)
        .map(|(host, file)| {
            let command = lasting(file);
            thread::spawn(move || host.run(&command))
        })
        .collect();
    assert!(eventually(|| files
        .iter()
        .all(|file| pid_in(file).is_some())));
    end_all_children();
    for (waiter, file) in running.into_iter().zip(&files) {
        assert_eq!(
            waiter.join().unwrap().unwrap_err().kind(),
            FailureKind::Cancelled
        );
        assert!(eventually(|| !lives(pid_in(file).unwrap())));
    }
    let late = Host::local("/").run(&Command::new("true"));
    assert_eq!(late.unwrap_err().kind(), FailureKind::Cancelled);
}

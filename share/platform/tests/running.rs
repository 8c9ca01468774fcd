// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Commands on this host, with real processes: what they are given, how they end, and that nothing of them stays behind.

#![allow(clippy::unwrap_used)]

mod support;

use std::thread;
use std::time::Duration;

use platform::{Canceller, Command, FailureKind, Host, Status};
use support::{eventually, lives, pid_in};

fn here() -> Host {
    Host::local("/")
}

fn shell(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

#[test]
fn a_command_is_run_with_its_words_as_they_are() {
    let command = Command::new("printf").args(["%s\\n", "a b", "$HOME", "*", ""]);
    assert_eq!(here().run_ok(&command).unwrap(), "a b\n$HOME\n*\n\n");
}

#[test]
fn a_command_reads_what_it_is_given_and_nothing_otherwise() {
    let bytes = vec![b'x'; 300_000];
    let output = here()
        .run(&Command::new("cat").stdin(bytes.clone()))
        .unwrap();
    assert_eq!(output.stdout, bytes);
    assert_eq!(here().run_ok(&Command::new("cat")).unwrap(), "");
}

#[test]
fn both_streams_and_the_status_are_kept_whatever_the_end() {
    let output = here()
        .run(&shell("echo out; echo err >&2; exit 3"))
        .unwrap();
    assert_eq!(
        (output.stdout, output.stderr),
        (b"out\n".to_vec(), b"err\n".to_vec())
    );
    assert_eq!(output.status, Status::Exit(3));
    let killed = here().run(&shell("kill -9 $$")).unwrap();
    assert_eq!(killed.status, Status::Signal(9));
}

#[test]
fn a_failure_says_what_was_run_where_and_why() {
    let error = here()
        .run_ok(&shell("echo no such pool >&2; exit 1"))
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Failed);
    let expected = format!(
        "`sh -c 'echo no such pool >&2; exit 1'` failed on {} (exit 1): no such pool",
        here().name()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_program_that_is_not_there_could_not_be_started() {
    let error = here()
        .run(&Command::new("zfs-of-another-world"))
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::NotStarted);
    assert!(
        error
            .to_string()
            .contains("check that it is installed there and on PATH"),
        "{error}"
    );
}

#[test]
fn the_environment_is_ours_only_as_far_as_it_is_named() {
    // Cargo gives a test variables enough that must not reach a command.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let text = here()
        .run_ok(&Command::new("env").env("LC_ALL", "C").env("MINE", "a b"))
        .unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    assert!(
        text.contains("MINE=a b\n") && text.contains("LC_ALL=C\n"),
        "{text}"
    );
    let known = ["PATH", "HOME", "TERM", "LANG", "SSH_AUTH_SOCK", "MINE"];
    for name in names {
        assert!(known.contains(&name) || name.starts_with("LC_"), "{name}");
    }
}

#[test]
fn a_secret_is_neither_in_an_error_nor_in_what_the_command_repeats_of_it() {
    let command = shell("echo \"bad payload: $1\" >&2; exit 1")
        .arg("sh")
        .secret_arg("CANARY-1");
    let command = command.stdin("CANARY-2").env("SECRET", "CANARY-3");
    let error = here().run_ok(&command).unwrap_err();
    assert!(error.to_string().contains("bad payload: ***"), "{error}");
    assert!(!format!("{error} {error:?} {command:?}").contains("CANARY"));
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_all_it_started() {
    // A busy machine may take longer than the shortest limit to come as far as the echo.
    let pid = [50, 500, 5000].into_iter().find_map(|milliseconds| {
        let limit = Duration::from_millis(milliseconds);
        let error = here()
            .run(&shell("sleep 300 & echo $!; wait").timeout(limit))
            .unwrap_err();
        assert_eq!(error.kind(), FailureKind::TimedOut);
        assert!(error.may_retry());
        error.stdout().trim().parse().ok()
    });
    assert!(eventually(|| !lives(pid.unwrap())));
}

#[test]
fn a_leftover_that_holds_the_streams_open_does_not_outstay_the_limit() {
    let command = shell("sleep 300 & exit 0").timeout(Duration::from_millis(50));
    assert_eq!(
        here().run(&command).unwrap_err().kind(),
        FailureKind::TimedOut
    );
}

#[test]
fn cancelling_ends_what_runs_and_starts_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let canceller = Canceller::new();
    let host = here().with_canceller(canceller.clone());
    let command = shell("sleep 300 & echo $! > \"$1\"; wait")
        .arg("sh")
        .arg(&file);
    let running = thread::spawn(move || host.run(&command));
    assert!(eventually(|| pid_in(&file).is_some()));
    canceller.cancel();
    let error = running.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), FailureKind::Cancelled);
    assert!(eventually(|| !lives(pid_in(&file).unwrap())));

    let host = here().with_canceller(canceller);
    assert_eq!(
        host.run(&Command::new("true")).unwrap_err().kind(),
        FailureKind::Cancelled
    );
    assert!(here().run(&Command::new("true")).unwrap().success());
}

#[test]
fn a_pipeline_moves_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy");
    let from = shell("head -c 1000000 /dev/zero");
    let to = shell("cat > \"$1\"").arg("sh").arg(&file);
    here().pipe(&from, &here(), &to).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 1_000_000);
}

#[test]
fn a_pipeline_tells_the_side_that_failed() {
    let cat = Command::new("cat");
    let sender = here()
        .pipe(&shell("echo x; echo gone >&2; exit 1"), &here(), &cat)
        .unwrap_err();
    assert!(sender.to.is_none());
    assert!(sender.to_string().contains("gone"), "{sender}");

    let receiver = shell("echo destination exists >&2; exit 1");
    let failed = here()
        .pipe(&Command::new("yes"), &here(), &receiver)
        .unwrap_err();
    assert!(failed.from.is_none(), "{failed}");
    assert!(failed.to_string().contains("destination exists"));

    let both = here()
        .pipe(&shell("exit 2"), &here(), &shell("cat; exit 3"))
        .unwrap_err();
    assert_eq!(both.from.unwrap().status(), Some(Status::Exit(2)));
    assert_eq!(both.to.unwrap().status(), Some(Status::Exit(3)));
}

#[test]
fn a_sender_that_says_nothing_ends_with_its_receiver() {
    let failed = here()
        .pipe(&Command::new("sleep").arg("300"), &here(), &shell("exit 1"))
        .unwrap_err();
    assert!(failed.from.is_none() && failed.to.is_some(), "{failed}");
}

#[test]
fn a_pipeline_whose_side_cannot_start_fails_at_once() {
    let absent = Command::new("zfs-of-another-world");
    let sleep = Command::new("sleep").arg("300");
    let no_receiver = here().pipe(&sleep, &here(), &absent).unwrap_err();
    assert_eq!(no_receiver.to.unwrap().kind(), FailureKind::NotStarted);
    let no_sender = here().pipe(&absent, &here(), &sleep).unwrap_err();
    assert_eq!(no_sender.from.unwrap().kind(), FailureKind::NotStarted);
}

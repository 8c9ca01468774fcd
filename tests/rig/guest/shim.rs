// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `zfs`, `zpool` and `ssh` in a guest: logs each call, refuses what illumos' zfs would not understand, and becomes the
//! real program. Built alone, without cargo, into one static program: every exec is dear in a guest.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Command, ExitCode, id};
use std::time::{SystemTime, UNIX_EPOCH};

/// One JSON line per call; forgotten when the guest reboots.
const LOG: &str = "/run/rig/calls";

/// The subcommands of illumos' zfs and their options in getopt's notation, as its zfs(8) has them. Options that came
/// later, or came to OpenZFS alone, are left out: a tool that wants one must find out that it is missing.
const SUBCOMMANDS: [(&str, &str, &[&str]); 32] = [
    ("allow", "*", &[]),
    ("bookmark", "", &[]),
    ("change-key", "*", &[]),
    ("clone", "po:", &[]),
    ("create", "b:no:pPsvV:", &[]),
    ("destroy", "dfnprRv", &[]),
    ("diff", "FHt", &[]),
    ("get", "d:Ho:prs:t:", &[]),
    ("groupspace", "*", &[]),
    ("hold", "r", &[]),
    ("holds", "rH", &[]),
    ("inherit", "rS", &[]),
    ("list", "d:Ho:prs:S:t:", &[]),
    ("load-key", "*", &[]),
    ("mount", "afo:Ov", &[]),
    ("program", "jm:nt:", &[]),
    ("promote", "", &[]),
    ("receive", "AdeFnsuv", &[]),
    ("recv", "AdeFnsuv", &[]),
    ("release", "r", &[]),
    ("rename", "fpr", &[]),
    ("rollback", "frR", &[]),
    ("send", "bcDehi:I:LnpPRt:vw", SEND),
    ("set", "", &[]),
    ("share", "a", &[]),
    ("snap", "o:r", &[]),
    ("snapshot", "o:r", &[]),
    ("umount", "afu", &[]),
    ("unallow", "*", &[]),
    ("unload-key", "*", &[]),
    ("unmount", "afu", &[]),
    ("upgrade", "*", &[]),
];

const SEND: &[&str] = &[
    "backup",
    "compressed",
    "dedup",
    "dryrun",
    "embed",
    "holds",
    "large-block",
    "parsable",
    "props",
    "raw",
    "replicate",
    "verbose",
];

/// Native properties that OpenZFS has and illumos lacks, or that can't be assumed there.
const FOREIGN_PROPERTIES: [&str; 17] = [
    "acltype",
    "context",
    "defcontext",
    "direct",
    "fscontext",
    "ivsetguid",
    "longname",
    "objsetid",
    "overlay",
    "prefetch",
    "redact_snaps",
    "redacted",
    "relatime",
    "rootcontext",
    "snapdev",
    "snapshots_changed",
    "volmode",
];

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let called = if words.is_empty() {
        String::new()
    } else {
        words.remove(0)
    };
    let name = called.rsplit('/').next().unwrap_or_default().to_owned();
    let refusal = if name == "zfs" { refuse(&words) } else { None };
    log(&name, &words, refusal.is_some());
    if let Some((text, code)) = refusal {
        eprintln!("{text}");
        return ExitCode::from(code);
    }
    // illumos' getopt stops at the first operand; glibc's does so when asked.
    let error = Command::new(format!("/rig/real/{name}"))
        .arg0(&name)
        .args(std::env::args_os().skip(1))
        .env("POSIXLY_CORRECT", "1")
        .exec();
    eprintln!("{name}: {error}");
    ExitCode::from(127)
}

/// What illumos' zfs would answer to a call that only OpenZFS understands: text and exit code.
pub fn refuse(words: &[String]) -> Option<(String, u8)> {
    let (subcommand, rest) = words.split_first()?;
    if matches!(subcommand.as_str(), "-?" | "-h" | "--help" | "help") {
        return None;
    }
    let Some((_, letters, long)) = SUBCOMMANDS.iter().find(|(name, ..)| name == subcommand) else {
        return Some((format!("unrecognized command '{subcommand}'"), 2));
    };
    if *letters == "*" {
        return None;
    }
    match options(rest, letters, long) {
        Err(option) => Some((
            format!("invalid option '{option}'\nusage:\n\t{subcommand}"),
            2,
        )),
        Ok((properties, operands)) => foreign(subcommand, &properties, operands),
    }
}

/// Reads options as getopt does: the arguments of `-o` and `-s`/`-S`, and what follows the options; or the option
/// that is not known.
fn options<'a>(
    words: &'a [String],
    letters: &str,
    long: &[&str],
) -> Result<(Vec<&'a str>, &'a [String]), String> {
    let mut properties = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word == "--" {
            at += 1;
            break;
        }
        if let Some(name) = word.strip_prefix("--") {
            if !long.contains(&name) {
                return Err(name.to_owned());
            }
            at += 1;
            continue;
        }
        let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) else {
            break;
        };
        at += 1;
        for (position, letter) in cluster.char_indices() {
            let Some(found) = letters.find(letter).filter(|_| letter != ':') else {
                return Err(letter.to_string());
            };
            if !letters[found + 1..].starts_with(':') {
                continue;
            }
            let attached = &cluster[position + letter.len_utf8()..];
            let value = if attached.is_empty() {
                at += 1;
                words.get(at - 1).map_or("", String::as_str)
            } else {
                attached
            };
            if matches!(letter, 'o' | 's' | 'S') {
                properties.push(value);
            }
            break;
        }
    }
    Ok((properties, words.get(at..).unwrap_or_default()))
}

fn foreign(subcommand: &str, options: &[&str], operands: &[String]) -> Option<(String, u8)> {
    let mut named: Vec<&str> = options.iter().flat_map(|list| list.split(',')).collect();
    let operand = operands.first().map(String::as_str).unwrap_or_default();
    match subcommand {
        "get" | "inherit" => named.extend(operand.split(',')),
        "set" => named.extend(operands.iter().map(String::as_str)),
        _ => (),
    }
    let property = named
        .iter()
        .map(|word| word.split('=').next().unwrap_or_default())
        .find(|name| FOREIGN_PROPERTIES.contains(name) || name.starts_with("written#"))?;
    let last = operands.last().map(String::as_str).unwrap_or_default();
    Some(match subcommand {
        "get" | "list" => (
            format!("bad property list: invalid property '{property}'"),
            2,
        ),
        "set" => (
            format!("cannot set property for '{last}': invalid property '{property}'"),
            1,
        ),
        "inherit" => (format!("invalid property '{property}'"), 2),
        _ => (
            format!("cannot {subcommand} '{last}': invalid property '{property}'"),
            1,
        ),
    })
}

fn log(name: &str, words: &[String], refused: bool) {
    let at = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let arguments: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let line = format!(
        "{{\"at\":{at},\"pid\":{},\"parent\":{},\"command\":\"{name}\",\"arguments\":[{}],\"refused\":{refused}}}\n",
        id(),
        parent_id(),
        arguments.join(","),
    );
    // One write per line, so that lines of processes that run at once don't mix. No log, no harm.
    if let Ok(mut file) = OpenOptions::new().append(true).open(LOG) {
        let _ = file.write_all(line.as_bytes());
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", control as u32)),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Who made a call: the product's tool among a process's ancestors, read from /proc as the daemon sees it.

use std::fs;

use crate::lab::Lab;

/// Environment variable by which a remote shell knows the tool whose `ssh` started it.
pub const ON_BEHALF_OF: &str = "LAB_ON_BEHALF_OF";

/// Linux cuts a process's name at this many characters.
const COMM: usize = 15;

/// A process that runs one of the product's tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    pub name: String,
    pub pid: i32,
}

/// The nearest of the product's tools among `pid` and its ancestors.
pub fn tool_above(lab: &Lab, mut pid: i32) -> Option<Tool> {
    let tools = installed(lab);
    // Init is process 1, and a process whose parent lies outside of the namespace has parent 0.
    while pid > 1 {
        let (comm, parent) = name_and_parent(pid)?;
        if let Some(name) = tools.iter().find(|tool| cut(tool) == comm) {
            return Some(Tool {
                name: name.clone(),
                pid,
            });
        }
        pid = parent;
    }
    None
}

/// The process of `tool` on `host`; the youngest, should there be several.
pub fn find_tool(lab: &Lab, host: &str, tool: &str) -> Option<i32> {
    let init = lab.machines.init_pid(host)?;
    let namespace = fs::read_link(format!("/proc/{init}/ns/pid")).ok()?;
    let mut found = None;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // A child that it has forked bears its name until it is another program.
        let runs_tool = name_and_parent(pid).is_some_and(|(comm, parent)| {
            comm == cut(tool) && name_and_parent(parent).is_none_or(|(above, _)| above != comm)
        });
        let here = fs::read_link(entry.path().join("ns/pid")).is_ok_and(|ns| ns == namespace);
        if runs_tool && here {
            found = found.max(Some(pid));
        }
    }
    found
}

/// Names of the tools that this lab has installed.
fn installed(lab: &Lab) -> Vec<String> {
    let Ok(entries) = fs::read_dir(lab.install().join("bin")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn cut(name: &str) -> &str {
    name.get(..COMM).unwrap_or(name)
}

fn name_and_parent(pid: i32) -> Option<(String, i32)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `7 (triton-apply) S 6 7 ...`: the name may itself hold blanks and parentheses, so the last `)` ends it.
fn parse_stat(stat: &str) -> Option<(String, i32)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, comm) = head.split_once('(')?;
    let parent = tail.split_whitespace().nth(1)?.parse().ok()?;
    Some((comm.to_owned(), parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_blanks_and_parentheses_is_read_whole() {
        let stat = "7 (a (b) c) S 6 7 7 0 -1";
        assert_eq!(parse_stat(stat), Some(("a (b) c".to_owned(), 6)));
    }

    #[test]
    fn a_long_tool_name_is_compared_as_linux_cuts_it() {
        assert_eq!(cut("triton-svc-restore"), "triton-svc-rest");
        assert_eq!(cut("triton-apply"), "triton-apply");
    }
}

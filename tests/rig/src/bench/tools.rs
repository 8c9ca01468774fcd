// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The tools that are measured, and how each is called: as its own manual has it for pulling over ssh.

use super::peers::Layer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// A loop by hand over one ssh connection for each dataset's stream: what no tool can be faster than.
    Limit,
    Ours,
    /// Without snapshots of its own, which is its fastest way: it sends those that somebody else takes.
    Syncoid,
    Autobackup,
}

/// Where the peers' datasets are, on the source: the same data as ours.
pub const TREE: &str = "zones/bench";

/// A master connection that the loop's ssh calls share.
const SHARED: &str =
    "ssh -o ControlMaster=auto -o ControlPath=/tmp/limit-%h -o ControlPersist=600 root@headnode0";

impl Tool {
    pub fn all(layer: &Layer) -> Vec<Tool> {
        let has = |name: &str| layer.versions.iter().any(|line| line.starts_with(name));
        let mut tools = vec![Tool::Limit, Tool::Ours];
        if has("syncoid") {
            tools.push(Tool::Syncoid);
        }
        if has("zfs_autobackup") {
            tools.push(Tool::Autobackup);
        }
        tools
    }

    pub fn name(self) -> &'static str {
        match self {
            Tool::Limit => "bare pipe",
            Tool::Ours => "triton-sync-data",
            Tool::Syncoid => "syncoid --no-sync-snap",
            Tool::Autobackup => "zfs_autobackup",
        }
    }

    /// The dataset on the target that all of it is received below.
    pub fn container(self) -> &'static str {
        match self {
            Tool::Limit => "zones/limit",
            Tool::Ours => "zones/triton-restore",
            Tool::Syncoid => "zones/syncoid",
            Tool::Autobackup => "zones/autobackup",
        }
    }

    /// Quick enough to be run several times from nothing.
    pub fn is_quick(self) -> bool {
        matches!(self, Tool::Limit | Tool::Ours)
    }

    /// Run once per case, and not with thousands of snapshots about: it is never the fastest peer.
    pub fn is_slowest(self) -> bool {
        self == Tool::Autobackup
    }

    pub fn is_peer(self) -> bool {
        matches!(self, Tool::Syncoid | Tool::Autobackup)
    }

    /// Everything, into nothing.
    pub fn first(self) -> String {
        match self {
            Tool::Limit => format!(
                // A name that was never used: the peers send everybody's snapshots, and keep those of an earlier run.
                "set -e; zfs create -o mountpoint=none zones/limit; first=limit-$(date +%s); \
                 {SHARED} \"zfs snapshot -r {TREE}@$first\"; \
                 for name in $({SHARED} 'zfs list -H -o name -r {TREE}' | grep {TREE}/); do \
                 {SHARED} \"zfs send -L -e -c $name@$first\" | zfs receive -s -u zones/limit/${{name##*/}}; done"
            ),
            // It has nothing to send unless somebody took a snapshot.
            Tool::Syncoid => format!(
                "ssh root@headnode0 'zfs snapshot -r {TREE}@anybodys-0'; {}",
                self.again(false)
            ),
            other => other.again(false),
        }
    }

    /// One round after the first.
    pub fn again(self, writes: bool) -> String {
        match self {
            // Looks by one command at each end; what changed is sent, and nothing else.
            Tool::Limit => format!(
                "set -e; last=$(zfs list -H -t snapshot -o name -s creation -d 1 zones/limit/d0 | tail -1); last=${{last#*@}}; \
                 next=limit-$(({{$last#limit-}} + 1)); \
                 changed=$({SHARED} \"zfs get -r -t filesystem -Hp -o name,value written@$last {TREE}\" | awk '$2 > 0 {{print $1}}' | grep {TREE}/ || true); \
                 if [ -n \"$changed\" ]; then {SHARED} \"zfs snapshot -r {TREE}@$next\"; for name in $changed; do \
                 {SHARED} \"zfs send -L -e -c -i @$last $name@$next\" | zfs receive -s -u zones/limit/${{name##*/}}; done; fi"
            )
            .replace("{$last#limit-}", "${last#limit-}"),
            Tool::Ours => "/opt/triton-headnode/bin/triton-sync-data --json --from headnode0 --reserve 64M".to_owned(),
            Tool::Syncoid => {
                // Somebody's snapshot, without which it would see no change.
                let snapshot = match writes {
                    true => format!("ssh root@headnode0 'zfs snapshot -r {TREE}@anybodys-'$(date +%s); "),
                    false => String::new(),
                };
                format!(
                    "{snapshot}syncoid --recursive --skip-parent --no-sync-snap --sendoptions='L e c' --recvoptions=u \
                     root@headnode0:{TREE} zones/syncoid"
                )
            }
            Tool::Autobackup => "PYTHONPATH=/peers/python python3 -m zfs_autobackup.ZfsAutobackup --ssh-source root@headnode0 \
                 --keep-source 2 --keep-target 2 bench zones/autobackup"
                .to_owned(),
        }
    }
}

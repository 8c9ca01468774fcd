// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a host's root folder holds before its init starts: the platform's small files and the command stand-ins.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::commands;
use crate::error::{Attempted, Result};
use crate::lab::Lab;
use crate::ssh;

/// Folders of the machine that a host sees, read-only.
pub const MACHINE: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Files and folders of the machine's /etc without which its programs don't run: names under which Debian installs
/// awk and others, and where libraries lie.
pub const MACHINE_ETC: [&str; 2] = ["etc/alternatives", "etc/ld.so.cache"];

/// Device nodes of the machine that a host sees.
pub const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// What an operator's shell, and whatever ssh starts, has in its environment.
pub const ENVIRONMENT: [(&str, &str); 6] = [
    (
        "PATH",
        "/.lab/bin:/opt/triton-headnode/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    ),
    ("HOME", "/root"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("SHELL", "/bin/bash"),
    ("LANG", "C.UTF-8"),
];

/// The agent that an operator who logged in with `ssh -A` finds in SSH_AUTH_SOCK.
pub const AGENT: &str = "/.lab/agent";

/// SmartOS keeps /root, /tmp and /etc in memory: they begin anew at every boot.
const FORGOTTEN_AT_BOOT: [&str; 3] = ["root", "tmp", "etc"];

const FOLDERS: [&str; 12] = [
    ".lab/bin",
    ".lab/datasets",
    "dev",
    "etc/alternatives",
    "opt/triton-headnode",
    "proc",
    "root/.ssh",
    "tmp",
    "usbkey",
    "var/log",
    "var/tmp",
    "zones",
];

/// Lays out (or, at a later boot, lays out anew) the root folder of `host`.
pub fn lay(lab: &Lab, host: &str) -> Result<()> {
    let root = lab.host_root(host);
    let on = |path: &str| format!("preparing {path} of the lab's host {host}");
    for path in FORGOTTEN_AT_BOOT {
        let path = root.join(path);
        if path.exists() {
            fs::remove_dir_all(&path).attempted(on(&path.display().to_string()))?;
        }
    }
    for path in FOLDERS {
        fs::create_dir_all(root.join(path)).attempted(on(path))?;
    }
    machine_folders(&root).attempted(on("the machine's folders"))?;
    for (path, text) in small_files(lab, host) {
        fs::write(root.join(path), text).attempted(on(path))?;
    }
    stand_ins(lab, &root).attempted(on("the command stand-ins"))
}

/// Mount points for what the init mounts; where the machine has a link (`/bin -> usr/bin`), the same link.
fn machine_folders(root: &Path) -> std::io::Result<()> {
    for name in MACHINE {
        let (machine, ours) = (Path::new("/").join(name), root.join(name));
        let Ok(found) = fs::symlink_metadata(&machine) else {
            continue;
        };
        if fs::symlink_metadata(&ours).is_ok() {
            continue;
        }
        if found.is_symlink() {
            symlink(fs::read_link(&machine)?, ours)?;
        } else {
            fs::create_dir_all(ours)?;
        }
    }
    for device in DEVICES {
        fs::write(root.join("dev").join(device), "")?;
    }
    for (name, target) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        let link = root.join("dev").join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("/proc/self").join(target), link)?;
        }
    }
    Ok(())
}

fn small_files(lab: &Lab, host: &str) -> Vec<(&'static str, String)> {
    let dc = lab.dc();
    let address = dc
        .hosts
        .get(host)
        .map_or(Ipv4Addr::LOCALHOST, |host| host.admin_ip);
    let domain = format!("{}.{}", dc.name, dc.dns_domain);
    // A headnode's resolv.conf is built from `binder_admin_ips`, and a healthy DC names all binders there; operators put
    // the one of the same headnode first.
    let mut resolvers: Vec<_> = dc
        .hosts
        .values()
        .flat_map(|at| at.vms.values().map(move |vm| (at.name != host, vm)))
        .filter(|(_, vm)| vm.role() == Some("binder"))
        .filter_map(|(elsewhere, vm)| Some((elsewhere, vm.admin_ip()?)))
        .collect();
    resolvers.sort();
    // The resolver's own five seconds would stand still in a lab that runs twenty times as fast.
    let mut resolv = format!("search {domain}\noptions timeout:1 attempts:2\n");
    for (_, resolver) in resolvers {
        resolv.push_str(&format!("nameserver {resolver}\n"));
    }
    vec![
        ("etc/resolv.conf", resolv),
        (
            "etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\n".to_owned(),
        ),
        (
            "etc/hosts",
            format!("127.0.0.1 localhost\n{address} {host}\n"),
        ),
        ("etc/hostname", format!("{host}\n")),
        (
            "etc/passwd",
            "root:x:0:0:Super-User:/root:/bin/bash\nnobody:x:60001:60001:NFS Anonymous:/:\n"
                .to_owned(),
        ),
        ("etc/group", "root::0:\nnobody::60001:\n".to_owned()),
        ("etc/ld.so.cache", String::new()),
        (".lab/agent", String::new()),
    ]
}

/// One link per command to the `lab` binary, which acts as the command that it is called as.
pub fn stand_ins(lab: &Lab, root: &Path) -> std::io::Result<()> {
    let binary = root.join(".lab/lab");
    if !binary.exists() {
        link_or_copy(&lab.dir.join("lab"), &binary)?;
    }
    // SmartOS's name for it.
    let gtar = root.join(".lab/bin/gtar");
    if fs::symlink_metadata(&gtar).is_err() {
        symlink("/usr/bin/tar", gtar)?;
    }
    for name in commands::NAMES.iter().chain(ssh::NAMES.iter()) {
        let link = root.join(".lab/bin").join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink("/.lab/lab", link)?;
        }
    }
    Ok(())
}

/// A second name for a file, or a copy where file systems differ.
pub fn link_or_copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

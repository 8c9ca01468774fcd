// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Process 1 of a host: makes the host's root out of its folder, then starts what ssh asks for. When it dies, every
//! process of its host dies with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind_recursive, mount_remount, unmount};
use rustix::process::{WaitOptions, WaitStatus, fchdir, pivot_root, wait};
use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGCHLD;
use signal_hook::iterator::Signals;

use crate::error::{Attempted, LabError, Result};
use crate::host_root::{DEVICES, MACHINE, MACHINE_ETC};
use crate::{namespace, wire};

/// Where the init listens, in its host's root.
pub const SOCKET: &str = "/.lab/init";

/// What the init is asked to start; the three standard streams come with it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Start {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: String,
}

/// Never returns while the host lives.
pub fn main(root: &Path, install: Option<&Path>, hostname: &str) -> Result<()> {
    rustix::system::sethostname(hostname.as_bytes()).attempted("setting the host's name")?;
    enter_root(root, install)?;
    let listener = match fs::remove_file(SOCKET).and_then(|()| wire::listen(Path::new(SOCKET))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => wire::listen(Path::new(SOCKET)),
        result => result,
    }
    .attempted("listening for commands to start")?;
    let mut signals = Signals::new([SIGCHLD]).attempted("watching for processes that end")?;
    let children = Children::default();
    let mut stdout = io::stdout();
    stdout
        .write_all(b"up\n")
        .and_then(|()| stdout.flush())
        .attempted("reporting the host as up")?;
    let starters = children.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let children = starters.clone();
            thread::spawn(move || children.serve(&stream));
        }
    });
    for _ in signals.forever() {
        children.reap();
    }
    Ok(())
}

/// Makes `root` the root of this process, with the machine's programs in it.
fn enter_root(root: &Path, install: Option<&Path>) -> Result<()> {
    bind(root, root, false)?;
    for name in MACHINE.iter().chain(MACHINE_ETC.iter()) {
        let machine = Path::new("/").join(name);
        if fs::symlink_metadata(&machine).is_ok_and(|found| !found.is_symlink()) {
            bind(&machine, &root.join(name), true)?;
        }
    }
    for device in DEVICES {
        bind(
            &Path::new("/dev").join(device),
            &root.join("dev").join(device),
            false,
        )?;
    }
    if let Some(install) = install {
        bind(install, &root.join("opt/triton-headnode"), true)?;
    }
    namespace::mount_proc(&root.join("proc").to_string_lossy())?;
    let folder = fs::File::open(root).attempted(format!("opening {}", root.display()))?;
    // The old root comes to lie on top of the new one, and is taken off.
    fchdir(&folder)
        .and_then(|()| pivot_root(".", "."))
        .and_then(|()| unmount(".", UnmountFlags::DETACH))
        .and_then(|()| rustix::process::chdir("/"))
        .attempted(format!("making {} the root of its host", root.display()))
}

fn bind(from: &Path, to: &Path, read_only: bool) -> Result<()> {
    let denied = |source: rustix::io::Errno| LabError::Namespaces {
        attempted: format!("mounting {} at {}", from.display(), to.display()),
        source: source.into(),
    };
    mount_bind_recursive(from, to).map_err(denied)?;
    if !read_only {
        return Ok(());
    }
    // In a user namespace the flags of a mount that was there before can't be dropped: repeat them.
    let found = statvfs(to).map_err(denied)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY;
    for (has, keep) in [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if found.contains(has) {
            flags |= keep;
        }
    }
    mount_remount(to, flags, "").map_err(denied)
}

/// Processes that somebody waits for, and those that nobody does: both end as children of the init.
#[derive(Clone, Default)]
struct Children {
    awaited: Arc<Mutex<BTreeMap<i32, Sender<i32>>>>,
}

impl Children {
    /// Starts one process and answers with its exit code.
    fn serve(&self, stream: &UnixStream) {
        let Ok((start, streams)) = wire::receive::<Start>(stream) else {
            return;
        };
        let code = self.start(&start, streams).unwrap_or(127);
        // Whoever asked may be gone by now.
        let _ = wire::send(stream, &code, &[]);
    }

    fn start(&self, start: &Start, streams: Vec<fs::File>) -> Option<i32> {
        let (program, args) = start.argv.split_first()?;
        let [stdin, stdout, stderr] = <[fs::File; 3]>::try_from(streams).ok()?.map(Stdio::from);
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(&start.env)
            .current_dir(&start.cwd)
            .process_group(0);
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let (ended, end) = mpsc::channel();
        {
            // Held while the process starts, so that it can't be reaped before somebody waits for it.
            let mut awaited = self.awaited.lock().ok()?;
            let child = command.spawn().ok()?;
            awaited.insert(child.id() as i32, ended);
        }
        // The command holds copies of the streams: a reader must see them close when the process ends.
        drop(command);
        end.recv().ok()
    }

    fn reap(&self) {
        let Ok(mut awaited) = self.awaited.lock() else {
            return;
        };
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(waiting) = awaited.remove(&pid.as_raw_nonzero().get()) {
                let _ = waiting.send(exit_code(status));
            }
        }
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    let signalled = || status.terminating_signal().map(|signal| 128 + signal);
    status.exit_status().or_else(signalled).unwrap_or(1)
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A datacenter as it stands, kept in a folder, to go on from as often as one likes: each lab that is brought up from it begins
//! with the same zones, datasets, records and files.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use walkdir::WalkDir;

use crate::error::{Attempted, LabError, Result};
use crate::host_root;
use crate::lab::Lab;
use crate::model::{Dc, HostState};

const MODEL: &str = "dc.json";
const HOSTS: &str = "hosts";

/// The lab's own program, in every host's root: linked anew, as it is large.
const PROGRAM: &str = ".lab/lab";

/// Keeps the datacenter in a new folder. Nothing must be on its way: sessions of what died must have run out.
pub fn save(lab: &Lab, to: &Path) -> Result<()> {
    let on = || format!("keeping the datacenter in {}", to.display());
    let text = {
        let dc = lab.dc();
        if dc.registrations.iter().any(|one| one.expires.is_some()) {
            let text = "sessions of zones that died have not run out yet; try again when they have";
            return Err(LabError::Refused(text.to_owned()));
        }
        serde_json::to_vec(&*dc).attempted(on())?
    };
    fs::create_dir_all(to).attempted(on())?;
    copy(&lab.dir.join(HOSTS), &to.join(HOSTS)).attempted(on())?;
    fs::write(to.join(MODEL), text).attempted(on())
}

/// The datacenter that is kept in a folder; its files come to lie in the lab's.
pub fn load(from: &Path, dir: &Path) -> Result<Dc> {
    let on = || format!("going on from {}", from.display());
    let text = fs::read(from.join(MODEL)).attempted(on())?;
    copy(&from.join(HOSTS), &dir.join(HOSTS)).attempted(on())?;
    serde_json::from_slice(&text).attempted(on())
}

/// What a copy does not bring along.
pub fn complete(lab: &Lab) -> Result<()> {
    let hosts: Vec<String> = lab.dc().hosts.keys().cloned().collect();
    for host in hosts {
        let on = format!("preparing the lab's host {host}");
        host_root::stand_ins(lab, &lab.host_root(&host)).attempted(on)?;
    }
    Ok(())
}

/// Hosts that have power.
pub fn hosts_up(lab: &Lab) -> Vec<String> {
    let dc = lab.dc();
    let up = dc.hosts.values().filter(|host| host.state == HostState::Up);
    up.map(|host| host.name.clone()).collect()
}

/// Folders, files and links; sockets belong to processes, and end with them.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let path = entry.path();
        if path.ends_with(PROGRAM) {
            continue;
        }
        let to = to.join(path.strip_prefix(from).unwrap_or(path));
        let kind = entry.file_type();
        if kind.is_dir() {
            fs::create_dir_all(&to)?;
            let mode = entry.metadata()?.permissions().mode();
            fs::set_permissions(&to, fs::Permissions::from_mode(mode | 0o700))?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(path)?, &to)?;
        } else if kind.is_file() {
            fs::copy(path, &to)?;
        }
    }
    Ok(())
}

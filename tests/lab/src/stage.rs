// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `lab stage`: builds the workspace and lays the product out as it is installed on a headnode.
//!
//! Cargo says in JSON what it built; names and folders of its own layout are not guessed at.

use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Deserialize;
use walkdir::WalkDir;

use crate::error::{Attempted, LabError, Result};
use crate::host_root::link_or_copy;

/// A plugin's cdylib is named so; its service's name follows.
const PLUGIN: &str = "triton_plugin_";

/// Folders of the repository that are installed as they are.
const FOLDERS: [&str; 4] = ["share/services", "share/schema", "share/smf", "man"];

/// A line of `cargo build --message-format=json`.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// A built file and where it is installed.
#[derive(Debug, PartialEq, Eq)]
struct Artifact {
    built: PathBuf,
    installed: PathBuf,
}

/// Builds and stages; returns the install directory.
pub fn stage(release: bool) -> Result<PathBuf> {
    let artifacts = build(release)?;
    let Some(profile) = artifacts
        .first()
        .and_then(|artifact| artifact.built.parent())
    else {
        return Err(LabError::Failed(
            "staging: cargo built no tool and no plugin".to_owned(),
        ));
    };
    let name = if release { "release" } else { "debug" };
    let stage = profile.parent().unwrap_or(profile).join("stage").join(name);
    let on = format!("staging into {}", stage.display());
    let fresh = stage.with_file_name(format!(".{name}-{}", std::process::id()));
    lay_out(&artifacts, &stage, &fresh).attempted(&on)?;
    if stage.exists() {
        renameat_with(CWD, &fresh, CWD, &stage, RenameFlags::EXCHANGE).attempted(&on)?;
        fs::remove_dir_all(&fresh).attempted(&on)?;
    } else {
        fs::rename(&fresh, &stage).attempted(&on)?;
    }
    Ok(stage)
}

fn build(release: bool) -> Result<Vec<Artifact>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args([
        "build",
        "--workspace",
        "--message-format=json-render-diagnostics",
    ]);
    if release {
        build.arg("--release");
    }
    let mut child = build
        .current_dir(repository())
        .stdout(Stdio::piped())
        .spawn()
        .attempted("starting cargo build")?;
    let mut artifacts = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.attempted("reading what cargo built")?;
            artifacts.extend(artifact(&line));
        }
    }
    if child.wait().attempted("waiting for cargo build")?.success() {
        Ok(artifacts)
    } else {
        Err(LabError::Failed(
            "the workspace does not build; cargo says why above".to_owned(),
        ))
    }
}

/// What one message of cargo's adds to the installation, if anything.
fn artifact(line: &str) -> Option<Artifact> {
    let message: Message = serde_json::from_str(line).ok()?;
    let target = message
        .target
        .filter(|_| message.reason == "compiler-artifact")?;
    if let (Some(built), true) = (message.executable, target.name.starts_with("triton-")) {
        return Some(Artifact {
            built,
            installed: Path::new("bin").join(target.name),
        });
    }
    let service = target.name.strip_prefix(PLUGIN)?;
    let built = message
        .filenames
        .into_iter()
        .find(|file| file.extension().is_some_and(|e| e == "so"))?;
    let installed = Path::new("lib/plugins").join(format!("{service}.so"));
    target
        .kind
        .iter()
        .any(|kind| kind == "cdylib")
        .then_some(Artifact { built, installed })
}

fn lay_out(artifacts: &[Artifact], stage: &Path, fresh: &Path) -> io::Result<()> {
    if fresh.exists() {
        fs::remove_dir_all(fresh)?;
    }
    fs::create_dir_all(fresh.join("bin"))?;
    fs::create_dir_all(fresh.join("lib/plugins"))?;
    for artifact in artifacts {
        let (to, before) = (
            fresh.join(&artifact.installed),
            stage.join(&artifact.installed),
        );
        if same(&artifact.built, &before) {
            link_or_copy(&before, &to)?;
        } else {
            install(&artifact.built, &to, 0o755)?;
        }
    }
    for folder in FOLDERS {
        let from = repository().join(folder);
        for entry in WalkDir::new(&from)
            .sort_by_file_name()
            .into_iter()
            .filter_map(io_ok)
        {
            if let (true, Ok(inner)) = (
                entry.file_type().is_file(),
                entry.path().strip_prefix(&from),
            ) {
                install(entry.path(), &fresh.join(folder).join(inner), 0o644)?;
            }
        }
    }
    // The product refuses plugins in a folder that others may write to, whatever the umask says.
    for entry in WalkDir::new(fresh)
        .into_iter()
        .filter_map(io_ok)
        .filter(|e| e.file_type().is_dir())
    {
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// A folder that the repository doesn't have (yet) is nothing to install.
fn io_ok(entry: walkdir::Result<walkdir::DirEntry>) -> Option<walkdir::DirEntry> {
    entry.ok()
}

/// Copies, and keeps the time of the last change, by which the next staging knows the file again.
fn install(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    let changed = fs::metadata(from)?.modified()?;
    fs::File::options()
        .append(true)
        .open(to)?
        .set_modified(changed)
}

fn same(built: &Path, staged: &Path) -> bool {
    let (Ok(built), Ok(staged)) = (fs::metadata(built), fs::metadata(staged)) else {
        return false;
    };
    built.len() == staged.len() && built.modified().ok() == staged.modified().ok()
}

/// A folder with second names (or copies) of all files of another.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let to = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            fs::create_dir_all(&to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        } else {
            link_or_copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// The `lab` binary: this program, or, for a test, what lies above the folder of test programs.
pub fn lab_binary() -> Result<PathBuf> {
    let this = env::current_exe().attempted("finding the lab's own program")?;
    let candidates = this
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("lab"));
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            LabError::Failed(format!(
                "there is no `lab` program near {}; `cargo build -p lab`",
                this.display()
            ))
        })
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn tools_and_plugins_are_told_from_everything_else_that_cargo_builds() {
        let line = |name: &str, kind: &str, file: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["{kind}"]}},
                    "filenames":["/t/debug/{file}"],"executable":{executable},"fresh":true}}"#
            )
        };
        let tool = artifact(&line(
            "triton-apply",
            "bin",
            "triton-apply",
            r#""/t/debug/triton-apply""#,
        ));
        assert_eq!(tool.unwrap().installed, Path::new("bin/triton-apply"));
        let plugin = artifact(&line(
            "triton_plugin_imgapi",
            "cdylib",
            "libtriton_plugin_imgapi.so",
            "null",
        ));
        assert_eq!(
            plugin.unwrap().installed,
            Path::new("lib/plugins/imgapi.so")
        );
        assert_eq!(
            artifact(&line("imgapi", "lib", "libimgapi.rlib", "null")),
            None
        );
        assert_eq!(
            artifact(&line("lab", "bin", "lab", r#""/t/debug/lab""#)),
            None
        );
    }

    #[test]
    fn a_file_that_did_not_change_is_not_copied_again_and_nobody_else_may_write_to_it() {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        fs::write(path("triton-apply"), "built").unwrap();
        fs::set_permissions(path("triton-apply"), fs::Permissions::from_mode(0o777)).unwrap();
        let artifact = Artifact {
            built: path("triton-apply"),
            installed: "bin/triton-apply".into(),
        };
        let artifacts = [artifact];
        let inode = |stage: &str| {
            let found = fs::metadata(path(stage).join("bin/triton-apply")).unwrap();
            assert_eq!(found.permissions().mode() & 0o777, 0o755);
            found.ino()
        };
        lay_out(&artifacts, &path("none"), &path("first")).unwrap();
        lay_out(&artifacts, &path("first"), &path("second")).unwrap();
        assert_eq!(inode("first"), inode("second"));
        fs::write(path("triton-apply"), "built again").unwrap();
        lay_out(&artifacts, &path("second"), &path("third")).unwrap();
        assert_ne!(inode("second"), inode("third"));
        let folder = fs::metadata(path("third").join("lib/plugins")).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o755);
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A machine, this one or another: the only way the product touches one.

mod child;
mod command;
mod dialogue;
mod environment;
mod failure;
mod files;
mod groups;
mod links;
mod output;
mod pipe;
mod quote;
mod ssh;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

pub use command::Command;
pub use dialogue::Dialogue;
pub use failure::{CommandError, FailureKind};
pub use files::{FileError, FileFailure};
pub use groups::{Canceller, end_all_children};
pub use links::LinkState;
pub use output::{Output, Status};
pub use pipe::PipeError;
pub(crate) use quote::{line as shell_line, quoted};
pub use ssh::SshTarget;

use child::{Child, Stdin, Stdout};

/// A machine, this one or one reached by ssh as root. Cheap to clone.
///
/// A command is given PATH, HOME, TERM, LANG, LC_*, SSH_AUTH_SOCK and what it names itself, and nothing else of our
/// environment. It runs in a process group of its own.
#[derive(Clone)]
pub struct Host {
    place: Arc<Place>,
    canceller: Option<Canceller>,
}

enum Place {
    Local { name: String, root: PathBuf },
    Ssh(SshTarget),
}

impl Host {
    /// This machine. The platform's own paths lie below `root`, which is `/` but for an alternate root (`-R`).
    pub fn local(root: impl Into<PathBuf>) -> Host {
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Host::place(Place::Local {
            name,
            root: root.into(),
        })
    }

    /// A machine reached by ssh.
    pub fn ssh(target: SshTarget) -> Host {
        Host::place(Place::Ssh(target))
    }

    fn place(place: Place) -> Host {
        Host {
            place: Arc::new(place),
            canceller: None,
        }
    }

    /// The same machine; its commands end when `canceller` is cancelled.
    pub fn with_canceller(&self, canceller: Canceller) -> Host {
        Host {
            place: self.place.clone(),
            canceller: Some(canceller),
        }
    }

    /// The machine's name, for people.
    pub fn name(&self) -> &str {
        match &*self.place {
            Place::Local { name, .. } => name,
            Place::Ssh(target) => &target.server_name,
        }
    }

    pub fn is_local(&self) -> bool {
        matches!(*self.place, Place::Local { .. })
    }

    /// An absolute path of the platform, below the alternate root. `..` leads out of that root no more than out of `/`.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let mut below = match &*self.place {
            Place::Local { root, .. } => root.clone(),
            Place::Ssh(_) => PathBuf::from("/"),
        };
        let mut depth = 0;
        for component in path.as_ref().components() {
            match component {
                Component::Normal(name) => {
                    below.push(name);
                    depth += 1;
                }
                Component::ParentDir if depth > 0 => {
                    below.pop();
                    depth -= 1;
                }
                _ => (),
            }
        }
        below
    }

    /// Runs the command to its end, however it ends: an error is a command that did not run, or was ended by us.
    pub fn run(&self, command: &Command) -> Result<Output, CommandError> {
        Child::start(self, command, Stdin::Own, Stdout::Capture)?.wait()
    }

    /// Runs the command and returns its standard output; another exit status than 0 is an error.
    pub fn run_ok(&self, command: &Command) -> Result<String, CommandError> {
        let output = self.run(command)?;
        if !output.success() {
            return Err(CommandError::of_output(self, command, &output));
        }
        Ok(match String::from_utf8(output.stdout) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Host({})", self.name())
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The host seam: the only way the product touches a machine.
//!
//! - [`Host`] runs argv (never a shell string), reads, writes atomically, lists; here, or by ssh.
//! - A module per command of SmartOS: a pure parser of its output, with the real output pasted above it, and thin functions
//!   that run it on a host.
//! - Commands come from PATH. The platform's absolute paths lie below the host's alternate root.
//! - Nothing here destroys: no dataset, no VM. The one exception is a snapshot, see [`zfs::destroy_snapshot`].
//! - What other people's programs print is read tolerantly (keys may be missing or new, enums have an unknown arm), but never
//!   guessed: a line that is not understood is an error.

pub mod bootparams;
mod error;
mod host;
pub mod imgadm;
mod lock;
pub mod manatee;
pub mod moray;
pub mod oneachnode;
pub mod resolv_conf;
pub mod sdc_config;
pub mod setup_json;
pub mod smf;
pub mod sysinfo;
pub mod trust;
pub mod usbkey;
pub mod vmadm;
pub mod zfs;
pub mod zlogin;
pub mod zpool;

pub use error::{Error, ParseError};
pub use host::{
    Canceller, Command, CommandError, Dialogue, FailureKind, FileError, FileFailure, Host,
    LinkState, Output, PipeError, SshTarget, Status, end_all_children,
};
pub use lock::{Holder, Lock, LockError, LockHeld};

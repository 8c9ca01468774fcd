// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The risks that an operator may take by name, each by its flag.

pub const OLD_DATA: &str = "--accept-old-data";
pub const UNREACHED: &str = "--accept-unreached";
pub const LITTLE_ROOM: &str = "--accept-little-room";
pub const OLD_PLATFORM: &str = "--accept-old-platform";
pub const NO_FIREWALL_RULES: &str = "--accept-no-firewall-rules";
pub const MISSING_PLATFORMS: &str = "--accept-missing-platforms";

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The command stand-ins as the product meets them, without namespaces: its own parsers read what they print, a first boot needs
//! its record in SAPI, and nothing that is kept goes. How they refuse, word by word, is in `platform_commands`.

// What the tests share is test code too, though clippy sees only the tests themselves as such.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "commands/boots.rs"]
mod boots;
#[path = "commands/kept.rs"]
mod kept;
#[path = "commands/shapes.rs"]
mod shapes;
#[path = "commands/world.rs"]
mod world;

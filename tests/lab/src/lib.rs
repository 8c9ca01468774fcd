// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! The lab: a whole datacenter on one Linux machine, with the physics that make a restore hard.

pub mod agents;
pub mod bench;
pub mod call;
pub mod caller;
pub mod checker;
pub mod cli;
pub mod client;
pub mod commands;
pub mod control;
pub mod crash;
pub mod daemon;
pub mod demo;
pub mod dns;
pub mod error;
pub mod fork;
mod host;
pub mod host_init;
pub mod host_root;
pub mod http;
pub mod kill;
pub mod lab;
pub mod listener;
pub mod log;
pub mod machine;
pub mod model;
pub mod namespace;
pub mod offline;
pub mod physics;
pub mod running;
pub mod servers;
pub mod shell;
pub mod size;
mod smf;
pub mod ssh;
pub mod stage;
pub mod standin;
mod suite;
pub mod trouble;
pub mod wire;
pub mod world;
pub mod zookeeper;

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! SMF: states of services, in the global zone or in another, by svcs(1) and svcadm(8).

use std::fmt;

use uuid::Uuid;

use crate::{Command, CommandError, Error, Host, ParseError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Online,
    Offline,
    Disabled,
    Maintenance,
    Degraded,
    Uninitialized,
    LegacyRun,
    Unknown(String),
}

impl From<&str> for State {
    fn from(name: &str) -> State {
        match name {
            "online" => State::Online,
            "offline" => State::Offline,
            "disabled" => State::Disabled,
            "maintenance" => State::Maintenance,
            "degraded" => State::Degraded,
            "uninitialized" => State::Uninitialized,
            "legacy_run" => State::LegacyRun,
            other => State::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Online => "online",
            State::Offline => "offline",
            State::Disabled => "disabled",
            State::Maintenance => "maintenance",
            State::Degraded => "degraded",
            State::Uninitialized => "uninitialized",
            State::LegacyRun => "legacy_run",
            State::Unknown(name) => name,
        })
    }
}

/// What to do to a service. Returns when SMF has taken note, or with `wait` when the service has done it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Enable {
        wait: bool,
    },
    Disable {
        wait: bool,
    },
    Restart,
    Refresh,
    /// Out of maintenance.
    Clear,
}

/// State of one service instance, in a zone or in the global one; `None` when there is no such service.
pub fn state(host: &Host, zone: Option<Uuid>, fmri: &str) -> Result<Option<State>, Error> {
    check_fmri(host, fmri)?;
    let command = in_zone(Command::new("svcs"), zone).args(["-H", "-o", "state", fmri]);
    let output = host.run(&command)?;
    if !output.success() {
        // svcs: Pattern 'svc:/x:default' doesn't match any instances
        if output.complaint().contains("doesn't match any instances") {
            return Ok(None);
        }
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    let parsed = parse_state(&output.text());
    Ok(Some(parsed.map_err(|error| {
        Error::parse(host, "what svcs printed", error)
    })?))
}

/// `svcs -H -o state svc:/system/smartdc/vmadmd:default`:
///
/// ```text
/// online
/// ```
pub fn parse_state(text: &str) -> Result<State, ParseError> {
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        // A `*` tells that it is about to change.
        [state]
            if state
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c == '*') =>
        {
            Ok(State::from(state.trim_end_matches('*')))
        }
        [] => Err(ParseError::new("it is empty")),
        _ => Err(ParseError::new("more than the state of one service")),
    }
}

/// What SMF says is wrong in a zone: empty when all that should run does.
pub fn complaints(host: &Host, zone: Uuid) -> Result<String, Error> {
    let text = host.run_ok(&Command::new("svcs").args(["-xvz", &zone.to_string()]))?;
    Ok(text.trim().to_owned())
}

pub fn change(host: &Host, zone: Option<Uuid>, change: Change, fmri: &str) -> Result<(), Error> {
    check_fmri(host, fmri)?;
    let words: &[&str] = match change {
        Change::Enable { wait: true } => &["enable", "-s"],
        Change::Enable { wait: false } => &["enable"],
        Change::Disable { wait: true } => &["disable", "-s"],
        Change::Disable { wait: false } => &["disable"],
        Change::Restart => &["restart"],
        Change::Refresh => &["refresh"],
        Change::Clear => &["clear"],
    };
    host.run_ok(&in_zone(Command::new("svcadm"), zone).args(words).arg(fmri))?;
    Ok(())
}

fn in_zone(command: Command, zone: Option<Uuid>) -> Command {
    match zone {
        Some(zone) => command.args(["-z", &zone.to_string()]),
        None => command,
    }
}

/// One instance: svcs and svcadm take patterns, which could be many.
fn check_fmri(host: &Host, fmri: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-:/.,".contains(c);
    if fmri.is_empty() || fmri.starts_with('-') || !fmri.chars().all(plain) {
        return Err(Error::refused(
            host,
            format!("'{fmri}' is no name of one service instance"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_word() {
        assert_eq!(parse_state("online\n").unwrap(), State::Online);
        assert_eq!(parse_state("offline*\n").unwrap(), State::Offline);
        assert_eq!(
            parse_state("pondering\n").unwrap(),
            State::Unknown("pondering".to_owned())
        );
        assert_eq!(State::Maintenance.to_string(), "maintenance");
    }

    #[test]
    fn two_services_or_none_are_refused() {
        assert!(parse_state("").is_err());
        assert!(parse_state("online\nonline\n").is_err());
        assert!(parse_state("STATE\n").is_err());
    }

    #[test]
    fn a_pattern_is_refused() {
        let host = Host::local("/");
        for fmri in ["", "*hermes*", "-a", "svc:/x y"] {
            assert!(
                matches!(state(&host, None, fmri).unwrap_err(), Error::Refused { .. }),
                "{fmri}"
            );
        }
    }
}

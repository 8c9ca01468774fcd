// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Snapshots, what holds them, and bookmarks.

use super::dataset::{Row, rows};
use super::name::{check_bookmark, check_property, check_tag};
use super::{check_dataset, check_snapshot, checked, says_absent, zfs};
use crate::{CommandError, Error, Host, ParseError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// `dataset@snapshot`.
    pub name: String,
    /// The same for a snapshot and all its received copies.
    pub guid: u64,
    /// Seconds since 1970, on the clock of the host that took it.
    pub creation: i64,
    /// Bytes that only this snapshot keeps.
    pub used: u64,
    /// How many holds keep it.
    pub userrefs: u64,
    /// Datasets that are clones of it.
    pub clones: Vec<String>,
}

impl Snapshot {
    pub fn dataset(&self) -> &str {
        self.name
            .split_once('@')
            .map_or(self.name.as_str(), |(dataset, _)| dataset)
    }

    /// The part after the `@`.
    pub fn own_name(&self) -> &str {
        self.name.split_once('@').map_or("", |(_, own)| own)
    }
}

/// The columns, in the order that [`parse_snapshots`] reads them.
pub const SNAPSHOT_COLUMNS: &str = "name,guid,creation,used,userrefs,clones";

/// The dataset's snapshots, oldest first; empty when the dataset is not there.
pub fn snapshots(host: &Host, dataset: &str) -> Result<Vec<Snapshot>, Error> {
    listed(host, dataset, check_dataset, &["-s", "creation", "-d", "1"])
}

/// The snapshots of the dataset and of all below it, by dataset and oldest first, in one command.
pub fn snapshot_tree(host: &Host, dataset: &str) -> Result<Vec<Snapshot>, Error> {
    let mut all = listed(host, dataset, check_dataset, &["-s", "creation", "-r"])?;
    // Stable: within a dataset the order of creation stays.
    all.sort_by(|a, b| a.dataset().cmp(b.dataset()));
    Ok(all)
}

/// The snapshots of these names that are there, in one command.
pub fn snapshots_named(host: &Host, names: &[String]) -> Result<Vec<Snapshot>, Error> {
    for name in names {
        checked(host, [(name.as_str(), check_snapshot)])?;
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let command = zfs("list")
        .args(["-Hp", "-t", "snapshot", "-o", SNAPSHOT_COLUMNS])
        .args(names);
    let output = host.run(&command)?;
    if !output.success() && !says_absent(&output) {
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    parse_snapshots(&output.text())
        .map_err(|error| Error::parse(host, "what zfs list printed", error))
}

/// The one snapshot, or `None` when it is not there.
pub fn snapshot_named(host: &Host, name: &str) -> Result<Option<Snapshot>, Error> {
    Ok(listed(host, name, check_snapshot, &[])?.into_iter().next())
}

fn listed(
    host: &Host,
    name: &str,
    check: super::Check,
    more: &[&str],
) -> Result<Vec<Snapshot>, Error> {
    checked(host, [(name, check)])?;
    let command = zfs("list")
        .args(["-Hp", "-t", "snapshot", "-o", SNAPSHOT_COLUMNS])
        .args(more)
        .arg(name);
    let output = host.run(&command)?;
    if !output.success() {
        if says_absent(&output) {
            return Ok(Vec::new());
        }
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    parse_snapshots(&output.text())
        .map_err(|error| Error::parse(host, "what zfs list printed", error))
}

/// `zfs list -Hp -t snapshot -o name,guid,creation,used,userrefs,clones -s creation -d 1 zones/U/data`:
///
/// ```text
/// zones/U/data@triton-20261123T051000Z    17331924801764320401    1795497000    12288    1    zones/V/data,zones/W/data
/// ```
pub fn parse_snapshots(text: &str) -> Result<Vec<Snapshot>, ParseError> {
    rows(text, SNAPSHOT_COLUMNS)?
        .iter()
        .map(|row| row.snapshot())
        .collect()
}

impl Row<'_> {
    pub(super) fn snapshot(&self) -> Result<Snapshot, ParseError> {
        // A platform that has no clones of it to tell of says nothing, or `-`.
        let clones = self.optional("clones")?.unwrap_or_default();
        let clones = clones.split(',').filter(|name| !name.is_empty());
        Ok(Snapshot {
            name: marked(self, '@')?,
            guid: self.guid()?,
            creation: self.number("creation")?,
            used: self.number("used")?,
            userrefs: self.number("userrefs")?,
            clones: clones.map(str::to_owned).collect(),
        })
    }
}

fn marked(row: &Row<'_>, mark: char) -> Result<String, ParseError> {
    let name = row.text("name")?;
    if !name.contains(mark) {
        return Err(ParseError::new(format!("'{name}' has no {mark}")));
    }
    Ok(name)
}

/// Takes a snapshot of each of these names, with user properties, all at one moment. One that is there already is an error,
/// and then none is taken.
pub fn snapshot(host: &Host, names: &[String], properties: &[(&str, &str)]) -> Result<(), Error> {
    for name in names {
        checked(host, [(name.as_str(), check_snapshot)])?;
    }
    let mut command = zfs("snapshot");
    for (property, value) in properties {
        checked(host, [(*property, check_property)])?;
        command = command.arg("-o").arg(format!("{property}={value}"));
    }
    host.run_ok(&command.args(names))?;
    Ok(())
}

/// Destroys one snapshot. Refused for anything that is not exactly one snapshot; zfs itself refuses one that is held or has
/// a clone. One that is not there is fine.
pub fn destroy_snapshot(host: &Host, name: &str) -> Result<(), Error> {
    checked(host, [(name, check_snapshot)])?;
    let command = zfs("destroy").arg(name);
    let output = host.run(&command)?;
    if output.success() || says_absent(&output) {
        return Ok(());
    }
    Err(CommandError::of_output(host, &command, &output).into())
}

/// Removes a bookmark. One that is gone already is fine.
pub fn destroy_bookmark(host: &Host, name: &str) -> Result<(), Error> {
    checked(host, [(name, check_bookmark)])?;
    let command = zfs("destroy").arg(name);
    let output = host.run(&command)?;
    if output.success() || says_absent(&output) {
        return Ok(());
    }
    Err(CommandError::of_output(host, &command, &output).into())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub snapshot: String,
    pub tag: String,
}

/// Keeps a snapshot from being destroyed. A hold of that tag that is there already is fine.
pub fn hold(host: &Host, tag: &str, snapshot: &str) -> Result<(), Error> {
    tagged(
        host,
        "hold",
        tag,
        snapshot,
        "tag already exists on this dataset",
    )
}

/// Takes a hold away. One that is not there is fine.
pub fn release(host: &Host, tag: &str, snapshot: &str) -> Result<(), Error> {
    tagged(
        host,
        "release",
        tag,
        snapshot,
        "no such tag on this dataset",
    )
}

fn tagged(
    host: &Host,
    subcommand: &str,
    tag: &str,
    snapshot: &str,
    done: &str,
) -> Result<(), Error> {
    checked(host, [(tag, check_tag), (snapshot, check_snapshot)])?;
    let command = zfs(subcommand).args([tag, snapshot]);
    let output = host.run(&command)?;
    if output.success() || output.complaint().contains(done) {
        return Ok(());
    }
    Err(CommandError::of_output(host, &command, &output).into())
}

pub fn holds(host: &Host, snapshot: &str) -> Result<Vec<Hold>, Error> {
    checked(host, [(snapshot, check_snapshot)])?;
    let text = host.run_ok(&zfs("holds").args(["-H", snapshot]))?;
    parse_holds(&text).map_err(|error| Error::parse(host, "what zfs holds printed", error))
}

/// `zfs holds -H zones/U/data@x`:
///
/// ```text
/// zones/U/data@x    triton-restore    Fri Mar 13 10:00 2026
/// ```
pub fn parse_holds(text: &str) -> Result<Vec<Hold>, ParseError> {
    let hold = |row: Row<'_>| {
        Ok(Hold {
            snapshot: marked(&row, '@')?,
            tag: row.text("tag")?,
        })
    };
    rows(text, "name,tag,timestamp")?
        .into_iter()
        .map(hold)
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// `dataset#bookmark`.
    pub name: String,
    /// That of the snapshot it was made of.
    pub guid: u64,
    pub creation: i64,
}

/// Makes a bookmark of a snapshot: enough to send increments from after the snapshot is gone.
pub fn bookmark(host: &Host, snapshot: &str, bookmark: &str) -> Result<(), Error> {
    checked(
        host,
        [(snapshot, check_snapshot), (bookmark, check_bookmark)],
    )?;
    host.run_ok(&zfs("bookmark").args([snapshot, bookmark]))?;
    Ok(())
}

/// The dataset's bookmarks, oldest first.
pub fn bookmarks(host: &Host, dataset: &str) -> Result<Vec<Bookmark>, Error> {
    checked(host, [(dataset, check_dataset)])?;
    let command = zfs("list").args(["-Hp", "-t", "bookmark", "-o", "name,guid,creation"]);
    let text = host.run_ok(&command.args(["-s", "creation", "-d", "1"]).arg(dataset))?;
    parse_bookmarks(&text).map_err(|error| Error::parse(host, "what zfs list printed", error))
}

/// `zfs list -Hp -t bookmark -o name,guid,creation -s creation -d 1 zones/U/data`:
///
/// ```text
/// zones/U/data#triton-20261123T051000Z    17331924801764320401    1795497000
/// ```
pub fn parse_bookmarks(text: &str) -> Result<Vec<Bookmark>, ParseError> {
    let bookmark = |row: Row<'_>| {
        Ok(Bookmark {
            name: marked(&row, '#')?,
            guid: row.guid()?,
            creation: row.number("creation")?,
        })
    };
    rows(text, "name,guid,creation")?
        .into_iter()
        .map(bookmark)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_known_by_its_guid() {
        let text =
            "zones/a b/data@before it\t17331924801764320401\t1795497000\t12288\t1\tz/a,z/b c\n";
        let snapshot = &parse_snapshots(text).unwrap()[0];
        assert_eq!(snapshot.guid, 17_331_924_801_764_320_401);
        assert_eq!(
            (snapshot.dataset(), snapshot.own_name()),
            ("zones/a b/data", "before it")
        );
        assert_eq!(snapshot.userrefs, 1);
        assert_eq!(snapshot.clones, ["z/a", "z/b c"]);
    }

    #[test]
    fn a_line_that_is_no_snapshot_is_refused() {
        assert!(parse_snapshots("zones\t1\t1\t1\t0\t\n").is_err());
        assert!(parse_snapshots("zones@a\t1\t1\t1\t0\n").is_err());
        assert!(parse_snapshots("zones@a\t-\t1\t1\t0\t\n").is_err());
        assert!(parse_snapshots("zones@a\t1\t1\t1\t0\t").is_err());
    }

    #[test]
    fn holds_and_bookmarks_are_read() {
        let holds = parse_holds("z@x\ttriton-restore\tFri Mar 13 10:00 2026\n").unwrap();
        assert_eq!(
            (holds[0].snapshot.as_str(), holds[0].tag.as_str()),
            ("z@x", "triton-restore")
        );
        assert_eq!(parse_bookmarks("z#x\t7\t1\n").unwrap()[0].guid, 7);
        assert!(parse_bookmarks("z@x\t7\t1\n").is_err());
        assert!(parse_holds("z@x\n").is_err());
    }

    #[test]
    fn only_one_snapshot_can_be_destroyed_and_nothing_else() {
        let host = Host::local("/");
        for name in ["zones/U/data", "zones/U/data@a%b", "zones@a,b", "-r@x"] {
            let error = destroy_snapshot(&host, name).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{name}: {error}");
        }
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Datasets and their properties, by `zfs list`: one command for one dataset or for a whole tree.

use super::snapshot::Snapshot;
use super::{check_dataset, checked, says_absent, zfs};
use crate::{CommandError, Error, Host, ParseError};

/// A filesystem or volume. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    pub name: String,
    /// `filesystem` or `volume`.
    pub kind: String,
    pub guid: u64,
    /// Seconds since 1970.
    pub creation: i64,
    pub used: u64,
    pub avail: u64,
    /// What it refers to itself, without snapshots and children.
    pub refer: u64,
    /// Written since the newest snapshot of anyone: 0 does not mean unchanged since one of ours.
    pub written: u64,
    /// The snapshot it is a clone of.
    pub origin: Option<String>,
    /// A path, `legacy` or `none`; absent for a volume.
    pub mountpoint: Option<String>,
    pub mounted: bool,
    /// `on`, `off`, `noauto`; absent for a volume.
    pub canmount: Option<String>,
    pub readonly: bool,
    /// Belongs to a zone: it can't be mounted in the global zone.
    pub zoned: bool,
    /// Left by a receive that was cut: what the sender goes on from.
    pub receive_resume_token: Option<String>,
}

/// Datasets with their snapshots, which are oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    pub datasets: Vec<Dataset>,
    pub snapshots: Vec<Snapshot>,
}

/// The columns, in the order that [`parse_list`] reads them.
pub(crate) const COLUMNS: &str = "name,type,guid,creation,used,avail,refer,written,origin,mountpoint,\
                                  mounted,canmount,readonly,zoned,receive_resume_token";

/// The dataset, or `None` when it is not there.
pub fn dataset(host: &Host, name: &str) -> Result<Option<Dataset>, Error> {
    Ok(listed(host, name, &[])?.and_then(|datasets| datasets.into_iter().next()))
}

/// The dataset and all below it, parents first; empty when it is not there.
pub fn tree(host: &Host, name: &str) -> Result<Vec<Dataset>, Error> {
    Ok(listed(host, name, &["-r"])?.unwrap_or_default())
}

/// Every dataset of every pool.
pub fn list(host: &Host) -> Result<Vec<Dataset>, Error> {
    let command = zfs("list").args(["-Hp", "-t", "filesystem,volume", "-o", COLUMNS]);
    parse_list(&host.run_ok(&command)?)
        .map_err(|error| Error::parse(host, "what zfs list printed", error))
}

/// These datasets and what is below them as deep as `depth` says, with all their snapshots: one command. Those that are not
/// there are left out.
pub fn with_snapshots(host: &Host, names: &[String], depth: u32) -> Result<Tree, Error> {
    for name in names {
        checked(host, [(name.as_str(), check_dataset)])?;
    }
    let columns = format!("{COLUMNS},userrefs,clones");
    let command = zfs("list")
        .args(["-Hp", "-t", "filesystem,snapshot", "-o", &columns])
        .args(["-s", "creation", "-d", &depth.to_string()])
        .args(names);
    let output = host.run(&command)?;
    if !output.success() && !says_absent(&output) {
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    parse_with_snapshots(&output.text(), &columns)
        .map_err(|error| Error::parse(host, "what zfs list printed", error))
}

fn parse_with_snapshots(text: &str, columns: &str) -> Result<Tree, ParseError> {
    let mut tree = Tree::default();
    for row in rows(text, columns)? {
        match row.text("type")?.as_str() {
            "snapshot" => tree.snapshots.push(row.snapshot()?),
            _ => tree.datasets.push(row.dataset()?),
        }
    }
    Ok(tree)
}

fn listed(host: &Host, name: &str, more: &[&str]) -> Result<Option<Vec<Dataset>>, Error> {
    checked(host, [(name, check_dataset)])?;
    let command = zfs("list").args(["-Hp", "-t", "filesystem,volume", "-o", COLUMNS]);
    let command = command.args(more).arg(name);
    let output = host.run(&command)?;
    if !output.success() {
        if says_absent(&output) {
            return Ok(None);
        }
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    let parsed = parse_list(&output.text());
    Ok(Some(parsed.map_err(|error| {
        Error::parse(host, "what zfs list printed", error)
    })?))
}

/// `zfs list -Hp -o name,type,guid,creation,used,avail,refer,written,origin,mountpoint,mounted,canmount,readonly,zoned,receive_resume_token`,
/// columns parted by one tab, `-` where a property does not apply:
///
/// ```text
/// zones    filesystem    11372935071428366471    1771000000    52613349376    206158430208    1376256    0    -    /zones    yes    on    off    off    -
/// zones/U/data    filesystem    4270113873466158264    1771001539    20803747840    206158430208    20803747840    4096    -    /data    yes    on    off    on    -
/// ```
pub fn parse_list(text: &str) -> Result<Vec<Dataset>, ParseError> {
    rows(text, COLUMNS)?
        .into_iter()
        .map(|row| row.dataset())
        .collect()
}

/// The lines of a table, each with as many columns as were asked for.
pub(crate) fn rows<'a>(text: &'a str, columns: &'a str) -> Result<Vec<Row<'a>>, ParseError> {
    let columns: Vec<&str> = columns.split(',').collect();
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        if fields.len() != columns.len() {
            let why = format!("{} columns instead of {}", fields.len(), columns.len());
            return Err(ParseError::at(at + 1, why));
        }
        rows.push(Row {
            line: at + 1,
            columns: columns.clone(),
            fields,
        });
    }
    // The last line of a whole output ends with a newline; a number that was cut in two still is a number.
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(ParseError::at(rows.len(), "it is cut short"));
    }
    Ok(rows)
}

pub(crate) struct Row<'a> {
    line: usize,
    columns: Vec<&'a str>,
    fields: Vec<&'a str>,
}

impl Row<'_> {
    pub(crate) fn text(&self, column: &str) -> Result<String, ParseError> {
        let at = self.columns.iter().position(|name| *name == column);
        let field = at.and_then(|at| self.fields.get(at));
        let field =
            field.ok_or_else(|| ParseError::at(self.line, format!("no column {column}")))?;
        Ok((*field).to_owned())
    }

    /// `None` for `-`.
    pub(crate) fn optional(&self, column: &str) -> Result<Option<String>, ParseError> {
        Ok(Some(self.text(column)?).filter(|text| text != "-"))
    }

    pub(crate) fn number<T: std::str::FromStr + Default>(
        &self,
        column: &str,
    ) -> Result<T, ParseError> {
        let Some(text) = self.optional(column)? else {
            return Ok(T::default());
        };
        let why = |_| ParseError::at(self.line, format!("{column} is '{text}', not a number"));
        text.parse().map_err(why)
    }

    /// A number that is always there and never nothing.
    pub(crate) fn guid(&self) -> Result<u64, ParseError> {
        let text = self.text("guid")?;
        text.parse()
            .map_err(|_| ParseError::at(self.line, format!("guid is '{text}', not a number")))
    }

    fn flag(&self, column: &str) -> Result<bool, ParseError> {
        let text = self.text(column)?;
        match text.as_str() {
            "on" | "yes" => Ok(true),
            "off" | "no" | "-" => Ok(false),
            _ => Err(ParseError::at(
                self.line,
                format!("{column} is '{text}', not on or off"),
            )),
        }
    }

    fn dataset(&self) -> Result<Dataset, ParseError> {
        Ok(Dataset {
            name: self.text("name")?,
            kind: self.text("type")?,
            guid: self.guid()?,
            creation: self.number("creation")?,
            used: self.number("used")?,
            avail: self.number("avail")?,
            refer: self.number("refer")?,
            written: self.number("written")?,
            origin: self.optional("origin")?,
            mountpoint: self.optional("mountpoint")?,
            mounted: self.flag("mounted")?,
            canmount: self.optional("canmount")?,
            readonly: self.flag("readonly")?,
            zoned: self.flag("zoned")?,
            receive_resume_token: self.optional("receive_resume_token")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "zones/U u/data\tfilesystem\t4270113873466158264\t1771001539\t20803747840\t206158430208\t\
                        20803747840\t4096\tzones/r@p\t/data\tyes\ton\toff\ton\t-\n";

    #[test]
    fn a_delegate_dataset_is_read_with_all_its_properties() {
        let [dataset] = &parse_list(LINE).unwrap()[..] else {
            panic!("one line, one dataset")
        };
        assert_eq!(dataset.name, "zones/U u/data");
        assert_eq!(dataset.guid, 4_270_113_873_466_158_264);
        assert_eq!(dataset.origin.as_deref(), Some("zones/r@p"));
        assert_eq!(dataset.mountpoint.as_deref(), Some("/data"));
        assert!(dataset.zoned && dataset.mounted && !dataset.readonly);
        assert_eq!(dataset.receive_resume_token, None);
    }

    #[test]
    fn a_volume_has_no_mountpoint() {
        let line = "z/v\tvolume\t7\t1\t2\t3\t4\t0\t-\t-\t-\t-\toff\toff\t-\n";
        let dataset = &parse_list(line).unwrap()[0];
        assert_eq!(
            (dataset.mountpoint.as_deref(), dataset.mounted),
            (None, false)
        );
    }

    #[test]
    fn the_recorded_listing_is_read_column_by_column() {
        let text = include_str!("../../../../tests/fixtures/platform/zfs-list-Hp.txt");
        let rows = rows(text, "name,used,avail,refer,mountpoint").unwrap();
        assert_eq!(rows.len(), 7);
        assert_eq!(
            rows[4].text("name").unwrap(),
            "zones/0c7e5d11-4a9b-4f65-8c3d-2e1f0a9b8c7d/data"
        );
        assert_eq!(rows[4].number::<u64>("used").unwrap(), 20_803_747_840);
        assert_eq!(rows[6].text("mountpoint").unwrap(), "/sapi");
    }

    #[test]
    fn no_dataset_is_no_line() {
        assert_eq!(parse_list("").unwrap(), []);
    }

    #[test]
    fn what_is_cut_short_or_has_other_columns_is_refused() {
        assert_eq!(
            parse_list(&LINE[..LINE.len() - 1]).unwrap_err().why,
            "it is cut short"
        );
        assert!(parse_list(&LINE[..40]).is_err());
        assert!(
            parse_list("NAME  USED\nzones 12K\n")
                .unwrap_err()
                .why
                .contains("columns")
        );
        let no_guid = LINE.replace("4270113873466158264", "-");
        assert!(parse_list(&no_guid).unwrap_err().why.contains("guid"));
        let human = LINE.replace("20803747840\t206", "19.4G\t206");
        assert_eq!(
            parse_list(&human).unwrap_err().to_string(),
            "line 1: used is '19.4G', not a number"
        );
    }
}

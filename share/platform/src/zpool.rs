// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! zpool(8): the pools of a host.

use crate::zfs::rows;
use crate::{Command, Error, Host, ParseError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    /// Bytes, before redundancy.
    pub size: u64,
    pub alloc: u64,
    pub free: u64,
    pub health: Health,
    /// Bytes of each disk that are set apart for booting; absent on a pool that can't be booted from.
    pub bootsize: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Online,
    Degraded,
    Faulted,
    Offline,
    Removed,
    Unavailable,
    Suspended,
    Unknown(String),
}

impl From<&str> for Health {
    fn from(name: &str) -> Health {
        match name {
            "ONLINE" => Health::Online,
            "DEGRADED" => Health::Degraded,
            "FAULTED" => Health::Faulted,
            "OFFLINE" => Health::Offline,
            "REMOVED" => Health::Removed,
            "UNAVAIL" => Health::Unavailable,
            "SUSPENDED" => Health::Suspended,
            other => Health::Unknown(other.to_owned()),
        }
    }
}

const COLUMNS: &str = "name,size,alloc,free,health,bootsize";

pub fn list(host: &Host) -> Result<Vec<Pool>, Error> {
    let text = host.run_ok(&Command::new("zpool").args(["list", "-Hp", "-o", COLUMNS]))?;
    parse_list(&text).map_err(|error| Error::parse(host, "what zpool list printed", error))
}

/// `zpool list -Hp -o name,size,alloc,free,health,bootsize`:
///
/// ```text
/// zones    258603024384    52613349376    205989675008    ONLINE    268435456
/// ```
pub fn parse_list(text: &str) -> Result<Vec<Pool>, ParseError> {
    let pool = |row: crate::zfs::Row<'_>| {
        Ok(Pool {
            name: row.text("name")?,
            size: row.number("size")?,
            alloc: row.number("alloc")?,
            free: row.number("free")?,
            health: Health::from(row.text("health")?.as_str()),
            bootsize: match row.optional("bootsize")? {
                Some(_) => Some(row.number("bootsize")?),
                None => None,
            },
        })
    };
    rows(text, COLUMNS)?.into_iter().map(pool).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_cannot_be_booted_from_has_no_bootsize() {
        let text = "zones\t258603024384\t5\t6\tONLINE\t268435456\ndata\t9\t1\t8\tDEGRADED\t-\n";
        let pools = parse_list(text).unwrap();
        assert_eq!(
            (pools[0].size, pools[0].bootsize),
            (258_603_024_384, Some(268_435_456))
        );
        assert_eq!(
            (&pools[1].health, pools[1].bootsize),
            (&Health::Degraded, None)
        );
    }

    #[test]
    fn a_health_that_is_new_to_us_is_kept() {
        let pools = parse_list("z\t1\t1\t1\tSPLIT\t-\n").unwrap();
        assert_eq!(pools[0].health, Health::Unknown("SPLIT".to_owned()));
    }

    #[test]
    fn rounded_sizes_and_other_columns_are_refused() {
        assert!(parse_list("zones\t241G\t5\t6\tONLINE\t-\n").is_err());
        assert!(parse_list("zones\t1\t5\t6\tONLINE\n").is_err());
        assert!(parse_list("no pools available").is_err());
    }
}

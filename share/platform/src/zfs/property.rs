// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Properties by name, with where each value comes from: `zfs get`.

use super::dataset::rows;
use super::name::check_property;
use super::{check_dataset, check_snapshot, says_absent, zfs};
use crate::{CommandError, Error, Host, ParseError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    pub dataset: String,
    pub name: String,
    /// `-` where the property does not apply, or a user property is not set.
    pub value: String,
    /// `local`, `default`, `received`, `inherited from X`, `temporary`, `-`.
    pub source: String,
}

impl Property {
    /// `None` where the property does not apply or is not set.
    pub fn set(&self) -> Option<&str> {
        Some(self.value.as_str()).filter(|value| *value != "-")
    }
}

/// Properties of one dataset or snapshot, in the order asked for; `None` when it is not there.
pub fn get(host: &Host, name: &str, properties: &[&str]) -> Result<Option<Vec<Property>>, Error> {
    let check = if name.contains('@') {
        check_snapshot
    } else {
        check_dataset
    };
    super::checked(host, [(name, check)])?;
    for property in properties {
        super::checked(host, [(*property, check_property)])?;
    }
    let command = zfs("get").args(["-Hp", "-o", "name,property,value,source"]);
    let command = command.arg(properties.join(",")).arg(name);
    let output = host.run(&command)?;
    if !output.success() {
        if says_absent(&output) {
            return Ok(None);
        }
        return Err(CommandError::of_output(host, &command, &output).into());
    }
    let parsed = parse_get(&output.text());
    Ok(Some(parsed.map_err(|error| {
        Error::parse(host, "what zfs get printed", error)
    })?))
}

/// `zfs get -Hp -o name,property,value,source mountpoint,zoned zones/U/data`:
///
/// ```text
/// zones/U/data    mountpoint    /data    local
/// zones/U/data    zoned    on    local
/// ```
pub fn parse_get(text: &str) -> Result<Vec<Property>, ParseError> {
    rows(text, "name,property,value,source")?
        .into_iter()
        .map(|row| {
            Ok(Property {
                dataset: row.text("name")?,
                name: row.text("property")?,
                value: row.text("value")?,
                source: row.text("source")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_comes_with_its_source() {
        let text =
            "zones/a b\tmountpoint\t/zones/a b\tinherited from zones\nzones/a b\ttriton:of\t-\t-\n";
        let properties = parse_get(text).unwrap();
        assert_eq!(properties[0].set(), Some("/zones/a b"));
        assert_eq!(properties[0].source, "inherited from zones");
        assert_eq!(properties[1].set(), None);
    }

    #[test]
    fn another_table_is_refused() {
        assert!(parse_get("zones\tmountpoint\t/zones\n").is_err());
        assert!(parse_get("zones\tmountpoint\t/zones\tloc").is_err());
    }
}

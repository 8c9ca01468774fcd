// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Names of datasets, snapshots and bookmarks, checked before they reach a command line.

/// A name that zfs must not be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is no name of a {what}: {why}")]
pub struct InvalidName {
    pub name: String,
    pub what: &'static str,
    pub why: &'static str,
}

/// A filesystem or volume: `pool/a/b`. Spaces are legal inside a component, as in zfs itself.
pub fn check_dataset(name: &str) -> Result<(), InvalidName> {
    let invalid = |why| Err(invalid(name, "dataset", why));
    if name.len() > 255 {
        return invalid("it is longer than 255 bytes");
    }
    if name.starts_with('-') {
        return invalid("it would be taken for an option");
    }
    for component in name.split('/') {
        if let Err(why) = check_component(component) {
            return invalid(why);
        }
    }
    Ok(())
}

/// `dataset@snapshot`, exactly one: `zfs` takes `a@b%c` for a range and `a@b,c` for a list.
pub fn check_snapshot(name: &str) -> Result<(), InvalidName> {
    split_snapshot(name).map(|_| ())
}

/// `dataset#bookmark`.
pub(crate) fn check_bookmark(name: &str) -> Result<(), InvalidName> {
    parts(name, '#', "bookmark").map(|_| ())
}

/// The dataset and the snapshot's own name.
pub fn split_snapshot(name: &str) -> Result<(&str, &str), InvalidName> {
    parts(name, '@', "snapshot")
}

/// A property: `readonly`, `org.example:purpose`.
pub(crate) fn check_property(name: &str) -> Result<(), InvalidName> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.:-@#".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
        return Err(invalid(
            name,
            "property",
            "it may hold lower case letters, digits and _ . : - only",
        ));
    }
    Ok(())
}

/// The tag of a hold.
pub(crate) fn check_tag(name: &str) -> Result<(), InvalidName> {
    match check_component(name) {
        Ok(()) if name.starts_with('-') => {
            Err(invalid(name, "hold", "it would be taken for an option"))
        }
        Ok(()) => Ok(()),
        Err(why) => Err(invalid(name, "hold", why)),
    }
}

fn parts<'a>(
    name: &'a str,
    mark: char,
    what: &'static str,
) -> Result<(&'a str, &'a str), InvalidName> {
    let invalid = |why| invalid(name, what, why);
    let missing = || invalid("it needs a dataset, a mark (@ or #) and a name");
    let (dataset, own) = name.split_once(mark).ok_or_else(missing)?;
    check_dataset(dataset).map_err(|error| invalid(error.why))?;
    check_component(own).map_err(invalid)?;
    Ok((dataset, own))
}

fn check_component(component: &str) -> Result<(), &'static str> {
    if component.is_empty() {
        return Err("a part of it is empty");
    }
    if component == "." || component == ".." {
        return Err("a part of it is . or ..");
    }
    if component.starts_with(' ') || component.ends_with(' ') {
        return Err("a part of it begins or ends with a space");
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.: ".contains(c);
    if !component.chars().all(legal) {
        return Err("it may hold letters, digits, spaces and _ - . : only");
    }
    Ok(())
}

fn invalid(name: &str, what: &'static str, why: &'static str) -> InvalidName {
    InvalidName {
        name: name.to_owned(),
        what,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_inside_a_name_are_legal() {
        check_dataset("zones/my data/x y").unwrap();
        check_snapshot("zones/my data@before it").unwrap();
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        for name in [
            "", "-r", "/zones", "zones/", "zones//x", "zones/..", "zones/ x", "a\tb", "a\nb",
            "a@b", "a#b", "é",
        ] {
            assert!(check_dataset(name).is_err(), "{name}");
        }
        for name in [
            "zones",
            "@x",
            "zones@",
            "zones@a@b",
            "zones@a%b",
            "zones@a,b",
            "zones@%",
            "-r@x",
            "zones#x",
        ] {
            assert!(check_snapshot(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_refusal_names_the_name_and_the_reason() {
        assert_eq!(
            check_snapshot("zones@a%b").unwrap_err().to_string(),
            "'zones@a%b' is no name of a snapshot: it may hold letters, digits, spaces and _ - . : only"
        );
    }

    #[test]
    fn properties_of_users_have_a_colon() {
        check_property("triton:restore-of").unwrap();
        for name in ["", "-o", "a=b", "A", "a b"] {
            assert!(check_property(name).is_err(), "{name}");
        }
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What changes datasets: create, set, snapshot, clone, rename, destroy.

use std::collections::{BTreeMap, BTreeSet};

use crate::lab::Lab;
use crate::model::{Dataset, Host, Snapshot};
use crate::trouble::Trouble;

use super::{Outcome, Refused, bookmark, files, fresh, guid, properties};

pub fn no_dataset(verb: &str, name: &str) -> Refused {
    Refused::new(format!("cannot {verb} '{name}': dataset does not exist"))
}

fn parent_exists(host: &Host, verb: &str, name: &str) -> Result<(), Refused> {
    let parent = name.rsplit_once('/').map(|(parent, _)| parent);
    if host.datasets.contains_key(name) {
        return Err(Refused::new(format!(
            "cannot {verb} '{name}': dataset already exists"
        )));
    }
    match parent {
        Some(parent) if host.datasets.contains_key(parent) => Ok(()),
        _ => Err(Refused::new(format!(
            "cannot {verb} '{name}': parent does not exist"
        ))),
    }
}

/// `-o key=value`, and what is left.
fn options<'a>(args: &[&'a str]) -> Result<(BTreeMap<String, String>, Vec<&'a str>), Refused> {
    let mut set = BTreeMap::new();
    let mut rest = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "-o" => {
                let pair = args.next().and_then(|pair| pair.split_once('='));
                let (key, value) =
                    pair.ok_or_else(|| Refused::usage("missing '=' for property"))?;
                set.insert(key.to_owned(), value.to_owned());
            }
            option if option.starts_with('-') => {
                return Err(Refused::usage(format!("invalid option '{option}'")));
            }
            name => rest.push(name),
        }
    }
    Ok((set, rest))
}

pub fn new_dataset(lab: &Lab) -> Dataset {
    Dataset {
        guid: guid(lab),
        creation: lab.now_ms() / 1000,
        store: format!("d{}-{}", lab.now_ms(), fresh()),
        ..Dataset::default()
    }
}

pub fn io(verb: &str, name: &str, error: &std::io::Error) -> Refused {
    Refused::new(format!("cannot {verb} '{name}': {error}"))
}

pub fn create(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let (set, names) = options(args)?;
    let [name] = names[..] else {
        return Err(Refused::usage(
            "usage: create [-o property=value] filesystem",
        ));
    };
    let dataset = Dataset {
        properties: set,
        ..new_dataset(lab)
    };
    let folder = lab.dataset_files(host, &dataset.store);
    let mut dc = lab.dc();
    let host = dc
        .hosts
        .get_mut(host)
        .ok_or_else(|| no_dataset("create", name))?;
    parent_exists(host, "create", name)?;
    std::fs::create_dir_all(folder).map_err(|error| io("create", name, &error))?;
    host.datasets.insert(name.to_owned(), dataset);
    Ok(String::new())
}

pub fn set(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let (pairs, names): (Vec<&str>, Vec<&str>) = args.iter().partition(|arg| arg.contains('='));
    let [name] = names[..] else {
        return Err(Refused::usage(
            "usage: set <property=value> ... <filesystem>",
        ));
    };
    let mut dc = lab.dc();
    let host = dc
        .hosts
        .get_mut(host)
        .ok_or_else(|| no_dataset("open", name))?;
    let zoned = properties::zoned(host, name);
    let dataset = host
        .datasets
        .get_mut(name)
        .ok_or_else(|| no_dataset("open", name))?;
    // Only the zone itself says where its dataset is mounted.
    if zoned && pairs.iter().any(|pair| pair.starts_with("mountpoint=")) {
        return Err(Refused::new(format!(
            "cannot set property for '{name}': 'mountpoint' cannot be set on dataset in a non-global zone"
        )));
    }
    for (key, value) in pairs.iter().filter_map(|pair| pair.split_once('=')) {
        dataset.properties.insert(key.to_owned(), value.to_owned());
    }
    Ok(String::new())
}

/// All of them or none.
pub fn snapshot(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let (set, names) = options(args)?;
    if names.is_empty() {
        return Err(Refused::usage(
            "usage: snapshot [-o property=value] <dataset@snap>",
        ));
    }
    let of: BTreeSet<_> = names
        .iter()
        .filter_map(|full| full.split_once('@'))
        .map(|(name, _)| name)
        .collect();
    if of.len() < names.len() && names.iter().all(|full| full.contains('@')) {
        let why = "cannot create snapshots : multiple snapshots of same fs not allowed\nno snapshots were created";
        return Err(Refused::new(why));
    }
    let mut made = Vec::new();
    for full in names {
        let Some((name, own)) = full.split_once('@') else {
            return Err(Refused::usage(format!(
                "cannot create snapshot '{full}': missing '@' delimiter in snapshot name"
            )));
        };
        let live = {
            let dc = lab.dc();
            may_snapshot(dc.hosts.get(host), full, name, own)?;
            let live = dc.hosts.get(host).and_then(|at| at.datasets.get(name));
            lab.dataset_files(host, live.map_or("", |dataset| &dataset.store))
        };
        let store = format!("s{}-{}", lab.now_ms(), fresh());
        let frozen = lab.dataset_files(host, &store);
        files::copy(&live, &frozen).map_err(|error| io("create snapshot", full, &error))?;
        let snapshot = Snapshot {
            name: own.to_owned(),
            guid: guid(lab),
            creation: lab.now_ms() / 1000,
            createtxg: fresh(),
            referenced: files::size(&frozen),
            holds: Vec::new(),
            properties: set.clone(),
            store,
        };
        made.push((full, name, own, snapshot));
    }
    let mut dc = lab.dc();
    // Somebody may have been faster while the files were copied.
    for (full, name, own, _) in &made {
        may_snapshot(dc.hosts.get(host), full, name, own)?;
    }
    for (_, name, _, snapshot) in made {
        let at = dc.hosts.get_mut(host);
        if let Some(dataset) = at.and_then(|at| at.datasets.get_mut(name)) {
            dataset.snapshots.push(snapshot);
        }
    }
    Ok(String::new())
}

fn may_snapshot(host: Option<&Host>, full: &str, name: &str, own: &str) -> Result<(), Refused> {
    let dataset = host
        .and_then(|host| host.datasets.get(name))
        .ok_or_else(|| Refused::absent(name))?;
    match dataset.snapshots.iter().any(|known| known.name == own) {
        true => Err(taken(full)),
        false => Ok(()),
    }
}

fn taken(full: &str) -> Refused {
    Refused::new(format!(
        "cannot create snapshot '{full}': dataset already exists"
    ))
}

pub fn clone(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let (set, names) = options(args)?;
    let [full, to] = names[..] else {
        return Err(Refused::usage(
            "usage: clone [-o property=value] <snapshot> <filesystem>",
        ));
    };
    if lab.troubles.there_is(&Trouble::PoolFull(host.to_owned())) {
        return Err(Refused::new(format!("cannot create '{to}': out of space")));
    }
    let frozen = {
        let dc = lab.dc();
        let at = dc.hosts.get(host).ok_or_else(|| no_dataset("open", full))?;
        parent_exists(at, "create", to)?;
        lab.dataset_files(host, &origin(at, full)?.store)
    };
    let dataset = Dataset {
        properties: set,
        origin: Some(full.to_owned()),
        ..new_dataset(lab)
    };
    files::copy(&frozen, &lab.dataset_files(host, &dataset.store))
        .map_err(|error| io("create", to, &error))?;
    let mut dc = lab.dc();
    let at = dc
        .hosts
        .get_mut(host)
        .ok_or_else(|| no_dataset("open", full))?;
    // The snapshot may be gone, or the name taken, since the files were copied.
    origin(at, full)?;
    parent_exists(at, "create", to)?;
    at.datasets.insert(to.to_owned(), dataset);
    Ok(String::new())
}

fn origin<'a>(host: &'a Host, full: &str) -> Result<&'a Snapshot, Refused> {
    let found = full.split_once('@').and_then(|(name, own)| {
        let snapshots = &host.datasets.get(name)?.snapshots;
        snapshots.iter().find(|snapshot| snapshot.name == own)
    });
    found.ok_or_else(|| no_dataset("open", full))
}

/// Renames a dataset with all below it, or a snapshot within its dataset.
pub fn rename(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let [from, to] = *args else {
        return Err(Refused::usage("usage: rename <filesystem|snapshot> <name>"));
    };
    let mut dc = lab.dc();
    let at = dc
        .hosts
        .get_mut(host)
        .ok_or_else(|| no_dataset("open", from))?;
    if let Some((name, own)) = from.split_once('@') {
        let new = to.rsplit('@').next().unwrap_or(to);
        let dataset = at
            .datasets
            .get_mut(name)
            .ok_or_else(|| no_dataset("open", from))?;
        let snapshot = dataset
            .snapshots
            .iter_mut()
            .find(|snapshot| snapshot.name == own);
        snapshot.ok_or_else(|| no_dataset("open", from))?.name = new.to_owned();
        return Ok(String::new());
    }
    // libzfs asks no kernel for that.
    if properties::zoned(at, from) {
        return Err(Refused::new(format!(
            "cannot rename '{from}': dataset is used in a non-global zone"
        )));
    }
    if !at.datasets.contains_key(from) {
        return Err(no_dataset("open", from));
    }
    if at.datasets.contains_key(to) {
        return Err(Refused::new(format!(
            "cannot rename '{from}': dataset already exists"
        )));
    }
    // A missing parent is told in the words of a creation.
    parent_exists(at, "create", to)?;
    let prefix = format!("{from}/");
    let moved: Vec<String> = at
        .datasets
        .keys()
        .filter(|name| *name == from || name.starts_with(&prefix))
        .cloned()
        .collect();
    for old in moved {
        if let Some(dataset) = at.datasets.remove(&old) {
            at.datasets
                .insert(format!("{to}{}", &old[from.len()..]), dataset);
        }
    }
    // An origin is known by what it is, not by what it was called.
    for dataset in at.datasets.values_mut() {
        if let Some((name, own)) = dataset
            .origin
            .as_deref()
            .and_then(|origin| origin.split_once('@'))
            && (name == from || name.starts_with(&prefix))
        {
            dataset.origin = Some(format!("{to}{}@{own}", &name[from.len()..]));
        }
    }
    Ok(String::new())
}

/// Destroys a snapshot, or a dataset that nothing hangs on.
pub fn destroy(lab: &Lab, host: &str, args: &[&str]) -> Outcome {
    let [full] = *args else {
        return Err(Refused::usage("usage: destroy <filesystem|snapshot>"));
    };
    if let Some((name, own)) = full.split_once('#') {
        return bookmark::destroy(lab, host, full, name, own);
    }
    let mut dc = lab.dc();
    let at = dc
        .hosts
        .get_mut(host)
        .ok_or_else(|| no_dataset("open", full))?;
    let Some((name, own)) = full.split_once('@') else {
        let dataset = at
            .datasets
            .get(full)
            .ok_or_else(|| no_dataset("open", full))?;
        let snapshots = dataset.snapshots.iter();
        let mut children: Vec<String> = snapshots.map(|s| format!("{full}@{}", s.name)).collect();
        let below = format!("{full}/");
        children.extend(
            at.datasets
                .keys()
                .filter(|n| n.starts_with(&below))
                .cloned(),
        );
        if !children.is_empty() {
            let list = children.join("\n");
            return Err(Refused::new(format!(
                "cannot destroy '{full}': filesystem has children\nuse '-r' to destroy the following datasets:\n{list}"
            )));
        }
        let files = lab.dataset_files(&at.name, &dataset.store);
        at.datasets.remove(full);
        // The folder goes with it; one that stays behind takes room and nothing else.
        let _ = std::fs::remove_dir_all(files);
        return Ok(String::new());
    };
    let clones = properties::clones(at, name, own);
    let dataset = at
        .datasets
        .get_mut(name)
        .ok_or_else(|| no_dataset("open", full))?;
    let index = dataset
        .snapshots
        .iter()
        .position(|snapshot| snapshot.name == own);
    let Some(index) = index else {
        return Err(Refused::new(
            "could not find any snapshots to destroy; check snapshot names.",
        ));
    };
    if !clones.is_empty() {
        let list = clones.join("\n");
        return Err(Refused::new(format!(
            "cannot destroy '{full}': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\n{list}"
        )));
    }
    if !dataset.snapshots[index].holds.is_empty() {
        return Err(Refused::new(format!(
            "cannot destroy snapshot {full}: dataset is busy"
        )));
    }
    let gone = dataset.snapshots.remove(index);
    // The folder goes with it; one that stays behind takes room and nothing else.
    let _ = std::fs::remove_dir_all(lab.dataset_files(host, &gone.store));
    Ok(String::new())
}

/// Why a dataset can't go with everything below it: a clone elsewhere, or a hold.
pub fn held_tree(lab: &Lab, host: &str, name: &str) -> Option<String> {
    let dc = lab.dc();
    let at = dc.hosts.get(host)?;
    let below = |one: &str| one == name || one.starts_with(&format!("{name}/"));
    for (dataset, found) in at.datasets.iter().filter(|(one, _)| below(one)) {
        for snapshot in &found.snapshots {
            let clones = properties::clones(at, dataset, &snapshot.name);
            if let Some(clone) = clones.iter().find(|clone| !below(clone)) {
                return Some(format!("{dataset}@{} has the clone {clone}", snapshot.name));
            }
            if !snapshot.holds.is_empty() {
                return Some(format!("{dataset}@{} is held", snapshot.name));
            }
        }
    }
    None
}

/// Destroys a dataset with everything below it, as `vmadm delete` has it done.
pub fn destroy_tree(lab: &Lab, host: &str, name: &str) {
    let mut stores = Vec::new();
    if let Some(at) = lab.dc().hosts.get_mut(host) {
        let prefix = format!("{name}/");
        at.datasets.retain(|one, dataset| {
            let goes = one == name || one.starts_with(&prefix);
            if goes {
                stores.push(dataset.store.clone());
                stores.extend(dataset.snapshots.iter().map(|s| s.store.clone()));
            }
            !goes
        });
    }
    for store in stores {
        // A folder that stays behind takes room and nothing else.
        let _ = std::fs::remove_dir_all(lab.dataset_files(host, &store));
    }
}

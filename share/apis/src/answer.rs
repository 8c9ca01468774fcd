// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! An answer as it came over the wire, and how a success is read from it. Nothing here touches the network, so that
//! recorded exchanges are read exactly as live ones are.

use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why an answer is not what was promised, and where in its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    pub json_path: String,
    pub why: String,
}

/// A list whose odd entries were set apart instead of making all of it unreadable: SAPI, for one, accepts any string
/// as a UUID. Reads as a slice of the good ones; who plans on completeness must look at `misfits`.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub misfits: Vec<Misread>,
}

/// An object with its etag, which guards a change of it. Services here send and take etags without quotes.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged<T> {
    pub value: T,
    pub etag: Option<String>,
}

impl Answer {
    pub fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// First header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads one JSON value.
pub fn json<T: DeserializeOwned>(answer: &Answer) -> Result<T, Misread> {
    if answer.body.is_empty() {
        return Err(Misread::whole("the body is empty"));
    }
    let mut reader = serde_json::Deserializer::from_slice(&answer.body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
        let json_path = e.path().to_string();
        Misread::at(json_path, e.into_inner())
    })?;
    reader.end().map_err(Misread::whole)?;
    Ok(value)
}

/// Reads a JSON array, entry by entry.
pub fn list<T: DeserializeOwned>(answer: &Answer) -> Result<Listed<T>, Misread> {
    let entries: Vec<Value> = json(answer)?;
    let mut listed = Listed {
        items: Vec::with_capacity(entries.len()),
        misfits: Vec::new(),
    };
    for (index, entry) in entries.into_iter().enumerate() {
        match serde_path_to_error::deserialize(entry) {
            Ok(item) => listed.items.push(item),
            Err(e) => {
                let json_path = format!("[{index}].{}", e.path());
                listed.misfits.push(Misread::at(json_path, e.into_inner()));
            }
        }
    }
    Ok(listed)
}

/// Reads one JSON value and keeps its etag.
pub fn tagged<T: DeserializeOwned>(answer: &Answer) -> Result<Tagged<T>, Misread> {
    Ok(Tagged {
        value: json(answer)?,
        etag: answer.header("etag").map(str::to_owned),
    })
}

/// For calls whose success says nothing: 204, or a 200 without a body.
pub fn nothing(_: &Answer) -> Result<(), Misread> {
    Ok(())
}

impl Misread {
    pub fn whole(why: impl ToString) -> Misread {
        Misread::at(".", why)
    }

    /// serde_json's line and column are dropped: nobody has the body in front of them to count in.
    pub fn at(json_path: impl Into<String>, why: impl ToString) -> Misread {
        let why = why.to_string();
        let why = match why.rfind(" at line ") {
            Some(end) => why[..end].to_owned(),
            None => why,
        };
        Misread {
            json_path: json_path.into(),
            why,
        }
    }
}

impl<T> Listed<T> {
    pub fn append(&mut self, mut more: Listed<T>) {
        self.items.append(&mut more.items);
        self.misfits.append(&mut more.misfits);
    }

    /// Entries that came, readable or not: what a page's fullness is judged by.
    pub fn came(&self) -> usize {
        self.items.len() + self.misfits.len()
    }
}

impl<T> Deref for Tagged<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Listed<T> {
        Listed {
            items: Vec::new(),
            misfits: Vec::new(),
        }
    }
}

impl<T> Deref for Listed<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> IntoIterator for Listed<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Listed<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[derive(Debug, serde::Deserialize)]
    struct Thing {
        uuid: Uuid,
    }

    #[test]
    fn one_odd_entry_does_not_hide_the_others_and_is_told() {
        let body = r#"[{"uuid":"xyz"},{"uuid":"0a4b1c6e-7d52-4f0e-9a53-3c1d5e8f7001"}]"#;
        let things: Listed<Thing> = list(&Answer::new(200, &[], body)).unwrap();
        assert_eq!(things.len(), 1);
        assert_eq!(
            things[0].uuid.to_string(),
            "0a4b1c6e-7d52-4f0e-9a53-3c1d5e8f7001"
        );
        assert_eq!(things.misfits[0].json_path, "[0].uuid");
        assert_eq!(things.came(), 2);
    }

    #[test]
    fn a_misread_names_the_place_in_the_body() {
        let wrong = json::<Vec<Thing>>(&Answer::new(200, &[], r#"[{"uuid":5}]"#)).unwrap_err();
        assert_eq!(wrong.json_path, "[0].uuid");
        assert!(wrong.why.contains("UUID"), "{}", wrong.why);
    }

    #[test]
    fn an_empty_body_and_a_cut_one_are_not_a_value() {
        assert_eq!(
            json::<Value>(&Answer::new(200, &[], "")).unwrap_err().why,
            "the body is empty"
        );
        assert!(json::<Value>(&Answer::new(200, &[], "{\"a\":")).is_err());
        assert!(json::<Value>(&Answer::new(200, &[], "{} trailing")).is_err());
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let answer = Answer::new(200, &[("Etag", "8DC44000")], "");
        assert_eq!(answer.header("ETag"), Some("8DC44000"));
        assert_eq!(answer.header("date"), None);
    }
}

// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Reads what a server says went wrong. The status is trusted first; the body may be JSON, a bare string, text of
//! another program, or nothing, and each of its fields may be missing.

use std::fmt;

use serde_json::Value;

use crate::answer::Answer;

/// Longest piece of a body that is not JSON which is quoted as its message.
const LONGEST_QUOTE: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    pub status: u16,
    pub code: Option<String>,
    pub message: Option<String>,
    pub errors: Vec<FieldError>,
    /// As the server echoed it. PAPI and Workflow put other things there, so theirs is not taken.
    pub request_id: Option<String>,
}

/// One complaint of a validation, or one user of something that is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldError {
    /// NAPI names several at once in `UnknownParameters`; `UsedBy` names none.
    pub fields: Vec<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    /// Kind and name of what uses it (`UsedBy`): `zone` and its UUID, `network` and its UUID...
    pub used_by: Option<(String, String)>,
}

impl ErrorBody {
    /// Never fails: whatever came, the status remains.
    pub fn read(answer: &Answer) -> ErrorBody {
        let mut body = ErrorBody {
            status: answer.status,
            code: None,
            message: None,
            errors: Vec::new(),
            request_id: answer.header("x-request-id").map(str::to_owned),
        };
        if (300..400).contains(&answer.status) {
            let to = answer.header("location").unwrap_or("an unnamed place");
            body.message = Some(format!("redirected to {to}, which is not followed"));
            return body;
        }
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(Value::Object(mut object)) => {
                body.code = text(object.remove("code"));
                body.message = text(object.remove("message"));
                if let Some(Value::Array(errors)) = object.remove("errors") {
                    body.errors = errors.into_iter().map(FieldError::read).collect();
                }
            }
            Ok(Value::String(message)) => body.message = nonempty(message),
            Ok(_) => {}
            Err(_) => body.message = quote(&answer.body),
        }
        body
    }
}

impl FieldError {
    fn read(entry: Value) -> FieldError {
        let Value::Object(mut entry) = entry else {
            return FieldError {
                message: text(Some(entry)),
                ..FieldError::default()
            };
        };
        let fields = match entry.remove("field") {
            Some(Value::Array(names)) => names.into_iter().filter_map(|n| text(Some(n))).collect(),
            one => text(one).into_iter().collect(),
        };
        let used_by = text(entry.remove("type")).zip(text(entry.remove("id")));
        FieldError {
            fields,
            code: text(entry.remove("code")),
            message: text(entry.remove("message")),
            used_by,
        }
    }
}

fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::String(text) => nonempty(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

fn nonempty(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

/// First line of something that is not JSON, such as a proxy's page, cut to what fits in a message.
fn quote(body: &[u8]) -> Option<String> {
    let all = String::from_utf8_lossy(body);
    let line = all.lines().map(str::trim).find(|line| !line.is_empty())?;
    let mut short: String = line
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_QUOTE)
        .collect();
    if short.len() < line.len() {
        short.push_str("...");
    }
    Some(short)
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {message}")?,
            None if self.code.is_none() && self.errors.is_empty() => {
                write!(f, " and said no more")?
            }
            None => {}
        }
        for (index, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { " (" } else { "; " })?;
        }
        if !self.errors.is_empty() {
            write!(f, ")")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " [request {id}]")?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.fields.is_empty() {
            parts.push(self.fields.join(", "));
        }
        parts.extend(self.code.clone());
        match (&self.message, &self.used_by) {
            (Some(message), _) => parts.push(message.clone()),
            (None, Some((kind, id))) => parts.push(format!("used by {kind} {id}")),
            (None, None) => {}
        }
        f.write_str(&parts.join(": "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> ErrorBody {
        ErrorBody::read(&Answer::new(status, &[("x-request-id", "r-1")], body))
    }

    #[test]
    fn an_error_without_a_code_keeps_its_message() {
        let body = read(500, r#"{"message":"no such manifest: x"}"#);
        assert_eq!(body.code, None);
        assert_eq!(body.message.as_deref(), Some("no such manifest: x"));
        assert_eq!(
            body.to_string(),
            "answered 500: no such manifest: x [request r-1]"
        );
    }

    #[test]
    fn an_empty_body_leaves_the_status() {
        let body = read(404, "");
        assert_eq!((body.status, body.code, body.message), (404, None, None));
    }

    #[test]
    fn a_bare_json_string_is_the_message() {
        let body = read(409, "\"Server may not be reset because it has 1 vms\"");
        assert_eq!(
            body.message.as_deref(),
            Some("Server may not be reset because it has 1 vms")
        );
    }

    #[test]
    fn a_page_of_another_program_is_quoted_by_its_first_line() {
        let body = read(502, "\n<html>\n<body>Bad gateway</body>");
        assert_eq!(body.message.as_deref(), Some("<html>"));
        let long = read(500, &"x".repeat(5000));
        assert_eq!(long.message.map(|m| m.len()), Some(LONGEST_QUOTE + 3));
    }

    #[test]
    fn fields_come_as_one_name_or_as_several() {
        let body = read(
            422,
            r#"{"code":"InvalidParameters","message":"Invalid parameters","errors":[
                {"field":["foo","bar"],"code":"UnknownParameters","message":"Unknown parameters: foo, bar"},
                {"field":"ip","code":"UsedBy","type":"zone","id":"z1","message":"IP in use"},
                {"type":"network","id":"n1","code":"UsedBy"},
                {"field":"owner_uuid","code":"MissingParameter"}]}"#,
        );
        assert_eq!(body.errors[0].fields, ["foo", "bar"]);
        assert_eq!(
            body.errors[1].used_by,
            Some(("zone".to_owned(), "z1".to_owned()))
        );
        assert_eq!(body.errors[2].fields, Vec::<String>::new());
        assert_eq!(body.errors[2].to_string(), "UsedBy: used by network n1");
        assert_eq!(body.errors[3].to_string(), "owner_uuid: MissingParameter");
    }

    #[test]
    fn a_redirect_is_told_and_not_followed() {
        let answer = Answer::new(301, &[("Location", "/images")], "");
        let body = ErrorBody::read(&answer);
        assert_eq!(
            body.message.as_deref(),
            Some("redirected to /images, which is not followed")
        );
    }
}

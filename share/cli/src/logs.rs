// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Logs, on stderr only: text for people, or one bunyan record a line for Triton's own tools.

use std::fmt;

use documents::Timestamp;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::flags::{Common, LogForm};

/// Starts logging for the whole process. A second start is ignored.
pub fn start(tool: &str, common: &Common) {
    let level = match common.verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::new(level);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match common.log {
        LogForm::Text => builder
            // No colours, on a terminal either: what a person copies from there is plain text.
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .try_init(),
        LogForm::Json => builder.event_format(Bunyan::new(tool)).try_init(),
    };
    // Only a test that runs two tools in one process gets here twice.
    drop(started);
}

/// `{"v":0,"level":40,"name":...,"hostname":...,"pid":...,"time":...,"msg":...}`
struct Bunyan {
    name: String,
    hostname: String,
}

impl Bunyan {
    fn new(name: &str) -> Bunyan {
        let hostname = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        Bunyan {
            name: name.to_owned(),
            hostname,
        }
    }
}

fn bunyan_level(level: &Level) -> u64 {
    match *level {
        Level::TRACE => 10,
        Level::DEBUG => 20,
        Level::INFO => 30,
        Level::WARN => 40,
        Level::ERROR => 50,
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().to_owned(), json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), json!(value));
    }
}

impl<S, N> FormatEvent<S, N> for Bunyan
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_else(|| json!(""));
        let mut record = Map::new();
        record.insert("v".to_owned(), json!(0));
        record.insert(
            "level".to_owned(),
            json!(bunyan_level(event.metadata().level())),
        );
        record.insert("name".to_owned(), json!(self.name));
        record.insert("hostname".to_owned(), json!(self.hostname));
        record.insert("pid".to_owned(), json!(std::process::id()));
        record.insert("time".to_owned(), json!(Timestamp::now()));
        record.insert("msg".to_owned(), message);
        record.extend(fields.0);
        writeln!(writer, "{}", Value::Object(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_that_bunyan_prints() {
        assert_eq!(bunyan_level(&Level::ERROR), 50);
        assert_eq!(bunyan_level(&Level::INFO), 30);
    }
}

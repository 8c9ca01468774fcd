// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Flags that every tool has.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Alternate root: /usbkey, /var/sdcadm and /zones are looked for below it
    #[arg(
        short = 'R',
        long = "root",
        value_name = "DIR",
        default_value = "/",
        global = true
    )]
    pub root: PathBuf,

    /// How logs look on stderr; `json` is bunyan's form
    #[arg(long, value_name = "FORM", default_value = "text", global = true)]
    pub log: LogForm,

    /// Say more on stderr (twice: every command that is run)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Where the plugins are [default: beside this program, ../lib/plugins]
    #[arg(long, value_name = "DIR", global = true)]
    pub plugins: Option<PathBuf>,

    /// Where the service catalogue is [default: beside this program, ../share/services]
    #[arg(long, value_name = "DIR", global = true)]
    pub catalogue: Option<PathBuf>,
}

impl AsRef<Common> for Common {
    fn as_ref(&self) -> &Common {
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    Text,
    Json,
}

/// `--url SERVICE=URL`: where a service is, when its name can't say.
pub fn service_url(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((service, url)) if !service.is_empty() && url.starts_with("http://") => {
            Ok((service.to_owned(), url.trim_end_matches('/').to_owned()))
        }
        _ => Err(format!(
            "\"{text}\" is not of the form imgapi=http://10.99.99.21"
        )),
    }
}

/// `--jobs N`: none at all would never end.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("\"{text}\" is not a number of one or more")),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_given_with_the_service_it_is_for() {
        assert_eq!(
            service_url("sapi=http://10.99.99.30/"),
            Ok(("sapi".to_owned(), "http://10.99.99.30".to_owned()))
        );
        for text in [
            "http://10.99.99.30",
            "sapi=10.99.99.30",
            "=http://x",
            "sapi",
        ] {
            assert!(service_url(text).is_err(), "{text}");
        }
    }
}

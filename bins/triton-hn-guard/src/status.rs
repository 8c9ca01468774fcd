// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! `status`: what the guard found last, as one line of JSON.

use cli::{Common, Exit, Failure, output};
use platform::Host;

use crate::report::{Report, Word};

/// Exits 1 while this headnode is declared dead, or nobody could tell.
pub fn run(common: &Common) -> Result<Exit, Failure> {
    let host = Host::local(&common.root);
    let Some(report) = Report::last(&host).map_err(Failure::failed)? else {
        return Err(Failure::failed(
            "the guard has not run on this headnode yet; `triton-hn-guard run` asks the other headnodes now",
        ));
    };
    output::json_line(&report)?;
    Ok(match report.verdict {
        Word::Clear => Exit::Done,
        Word::Dead | Word::Unknown => Exit::Failed,
    })
}

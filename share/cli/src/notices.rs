// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A plan's notices as a person reads them: what they must do, what they should know.

use std::fmt::Write;

use documents::Notice;
use documents::plan::Level;

/// One line each.
pub fn text(notices: &[Notice]) -> String {
    let mut text = String::new();
    for notice in notices {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "{}: {}: {}",
            label(notice.level),
            notice.service,
            notice.text
        );
    }
    text
}

/// After a run: what is left for a person to do, and what is not as it was, but for services that were left out. On stderr, so
/// that it is seen whoever reads stdout.
pub fn remind(notices: &[Notice], left_out: &[String]) {
    let concerns =
        |notice: &&Notice| notice.level != Level::Info && !left_out.contains(&notice.service);
    for notice in notices.iter().filter(concerns) {
        eprintln!(
            "{}: {}: {}",
            label(notice.level),
            notice.service,
            notice.text
        );
    }
}

fn label(level: Level) -> &'static str {
    match level {
        Level::Must => "you must",
        Level::Warn => "warning",
        Level::Info => "info",
    }
}

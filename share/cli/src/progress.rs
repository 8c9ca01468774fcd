// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Live progress on a terminal, and none when piped. Written to stderr, never mixed with results.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One spinner line per thing under way, and a count of what is done.
pub struct Progress {
    lines: MultiProgress,
    total: ProgressBar,
}

impl Progress {
    pub fn new(total: usize) -> Progress {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let lines = MultiProgress::with_draw_target(target);
        let total = lines.add(ProgressBar::new(total as u64));
        // A style that does not parse leaves indicatif's own, which serves as well.
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} steps  {elapsed}") {
            total.set_style(style);
        }
        Progress { lines, total }
    }

    /// Shows that something began; finish the returned line with [`Progress::end`].
    pub fn begin(&self, what: &str) -> ProgressBar {
        let line = self
            .lines
            .insert_before(&self.total, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}  {elapsed}") {
            line.set_style(style);
        }
        line.set_message(what.to_owned());
        line.enable_steady_tick(Duration::from_millis(120));
        line
    }

    pub fn end(&self, line: &ProgressBar) {
        line.finish_and_clear();
        self.total.inc(1);
    }

    pub fn finish(&self) {
        self.total.finish_and_clear();
    }
}

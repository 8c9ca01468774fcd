// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! A plan as a person reads it: refusals first, then what they must do, then the steps in words.

use std::fmt::Write;

use documents::Plan;

/// The refusals, one line each, with the flag that accepts each.
pub fn refusals(plan: &Plan) -> String {
    let mut text = String::new();
    for refusal in &plan.refusals {
        let accept = match &refusal.accepted_by {
            Some(flag) => format!(" ({flag} accepts this)"),
            None => String::new(),
        };
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "refused: {}: {}{accept}",
            refusal.service, refusal.text
        );
    }
    text
}

/// The whole plan, for the question before it is applied.
pub fn plan(plan: &Plan) -> String {
    let mut text = refusals(plan);
    text.push_str(&crate::notices::text(&plan.notices));
    let width = plan
        .steps
        .iter()
        .map(|step| step.id.0.len())
        .max()
        .unwrap_or(0);
    for step in &plan.steps {
        let _ = writeln!(text, "  {:<width$}  {}", step.id.0, step.why);
    }
    text
}

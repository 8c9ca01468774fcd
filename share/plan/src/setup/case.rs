// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! What a guard looks at, and what it says.

use documents::Timestamp;
use documents::inventory::{Instance, Inventory, Learnt, Server};

use super::{Accepted, Finding, Prospect, Seen, Verdict};

/// What is said about a server: the verdict, its reason, the flag that accepts it, by whose word.
pub(super) struct Word {
    pub(super) verdict: Verdict,
    pub(super) why: String,
    pub(super) accept: Option<(&'static str, bool)>,
    pub(super) learnt: Learnt,
}

/// What a guard looks at.
pub(super) struct Case<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) server: &'a Server,
    pub(super) prospect: &'a Prospect,
    /// Headnodes afterwards.
    pub(super) headnodes: usize,
    pub(super) accepted: Accepted,
}

pub(super) fn finding(server: &Server, guard: &'static str, word: Word) -> Finding {
    let taken = word.accept.is_some_and(|(_, taken)| taken);
    Finding {
        server: server.hostname.clone(),
        guard,
        verdict: match word.verdict {
            Verdict::Refused | Verdict::Unknown if taken => Verdict::Accepted,
            verdict => verdict,
        },
        why: word.why,
        accept: word.accept.map(|(flag, _)| flag),
        from: word.learnt.from,
        at: word.learnt.at,
    }
}

impl Word {
    pub(super) fn new(verdict: Verdict, why: impl Into<String>, learnt: &Learnt) -> Word {
        Word {
            verdict,
            why: why.into(),
            accept: None,
            learnt: learnt.clone(),
        }
    }

    pub(super) fn fit(why: impl Into<String>, learnt: &Learnt) -> Word {
        Word::new(Verdict::Fit, why, learnt)
    }

    pub(super) fn refused(why: impl Into<String>, learnt: &Learnt) -> Word {
        Word::new(Verdict::Refused, why, learnt)
    }

    pub(super) fn unknown(why: impl Into<String>, learnt: &Learnt) -> Word {
        Word::new(Verdict::Unknown, why, learnt)
    }

    pub(super) fn accepted_by(self, flag: &'static str, taken: bool) -> Word {
        Word {
            accept: Some((flag, taken)),
            ..self
        }
    }
}

impl Case<'_> {
    /// What was found on the server itself just now.
    pub(super) fn seen(&self, what: impl FnOnce(&Seen, &Learnt) -> Word) -> Word {
        let learnt = Learnt::new(format!("ssh@{}", self.server.hostname), self.prospect.at);
        match &self.prospect.seen {
            Ok(seen) => what(seen, &learnt),
            Err(why) => Word::unknown(
                format!(
                    "it could not be looked at: {why}; log in there as root by your agent first"
                ),
                &learnt,
            ),
        }
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = &Instance> {
        let alive = |instance: &&Instance| !instance.is_destroyed();
        self.inventory.instances.iter().filter(alive)
    }
}

/// The inventory as a whole.
pub(super) fn taken(case: &Case<'_>) -> Learnt {
    let at: Timestamp = case.inventory.taken_at;
    Learnt::new("inventory", at)
}

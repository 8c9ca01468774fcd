// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! How long a run had to take: the longest chain of steps that need one another, as long as each took, beside all of them one
//! after the other.

use std::collections::BTreeMap;

use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Path {
    /// Seconds of the longest chain.
    pub critical: f64,
    /// Seconds of all steps one after the other.
    pub serial: f64,
    /// Seconds of one zone after the other, as headnode.sh makes them: of each the longest chain of its own steps.
    pub zone_by_zone: f64,
    /// From the first event to the last.
    pub wall: f64,
    /// The chain, and the seconds of each step.
    pub steps: Vec<(String, f64)>,
}

/// Of a plan and the events of its run.
pub fn of(plan: &Value, events: &[Value]) -> Path {
    let took: BTreeMap<&str, f64> = events
        .iter()
        .filter(|event| event["event"] == "step-done")
        .filter_map(|event| Some((event["step"].as_str()?, event["millis"].as_f64()? / 1000.0)))
        .collect();
    let needs: BTreeMap<&str, Vec<&str>> = plan["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|step| {
            let needs = step["needs"].as_array().into_iter().flatten();
            Some((
                step["id"].as_str()?,
                needs.filter_map(Value::as_str).collect(),
            ))
        })
        .collect();
    let mut chains: BTreeMap<&str, (f64, Option<&str>)> = BTreeMap::new();
    for step in needs.keys() {
        chain(step, &needs, &took, &mut chains);
    }
    let last = chains.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0));
    let mut steps = Vec::new();
    let mut at = last.map(|(step, _)| *step);
    while let Some(step) = at {
        steps.push((step.to_owned(), took.get(step).copied().unwrap_or_default()));
        at = chains.get(step).and_then(|(_, before)| *before);
    }
    steps.reverse();
    Path {
        critical: last.map_or(0.0, |(_, (seconds, _))| *seconds),
        serial: took.values().sum(),
        zone_by_zone: zone_by_zone(&needs, &took),
        wall: wall(events),
        steps,
    }
}

/// The longest chain that ends with a step, and the step before it there.
fn chain<'a>(
    step: &'a str,
    needs: &BTreeMap<&'a str, Vec<&'a str>>,
    took: &BTreeMap<&str, f64>,
    known: &mut BTreeMap<&'a str, (f64, Option<&'a str>)>,
) -> f64 {
    if let Some((seconds, _)) = known.get(step) {
        return *seconds;
    }
    let mut before = (0.0, None);
    for need in needs.get(step).into_iter().flatten() {
        let seconds = chain(need, needs, took, known);
        if seconds > before.0 {
            before = (seconds, Some(*need));
        }
    }
    let seconds = before.0 + took.get(step).copied().unwrap_or_default();
    known.insert(step, (seconds, before.1));
    seconds
}

fn zone_by_zone(needs: &BTreeMap<&str, Vec<&str>>, took: &BTreeMap<&str, f64>) -> f64 {
    let service = |step: &str| step.split('/').next().unwrap_or_default().to_owned();
    let mut of_services: BTreeMap<String, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for (step, needs) in needs {
        let own = needs.iter().copied();
        let own = own.filter(|need| service(need) == service(step)).collect();
        let steps = of_services.entry(service(step)).or_default();
        steps.insert(step, own);
    }
    let longest = |steps: &BTreeMap<&str, Vec<&str>>| {
        let mut chains = BTreeMap::new();
        let chains = steps
            .keys()
            .map(|step| chain(step, steps, took, &mut chains));
        chains.fold(0.0, f64::max)
    };
    of_services.values().map(longest).sum()
}

fn wall(events: &[Value]) -> f64 {
    let at = |event: Option<&Value>| event?["at"].as_str()?.parse::<jiff::Timestamp>().ok();
    match (at(events.first()), at(events.last())) {
        (Some(first), Some(last)) => last.duration_since(first).as_secs_f64(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_longest_chain_counts_and_not_the_longest_step() {
        let plan = json!({"steps": [
            {"id": "a", "needs": []},
            {"id": "b", "needs": ["a"]},
            {"id": "c", "needs": ["a"]},
            {"id": "d", "needs": ["b", "c"]},
        ]});
        let done = |step: &str, millis: u64| json!({"event": "step-done", "step": step, "millis": millis, "at": "2026-11-23T05:10:00Z"});
        let events = [
            done("a", 1000),
            done("b", 500),
            done("c", 2000),
            done("d", 250),
        ];
        let path = of(&plan, &events);
        assert_eq!(path.critical, 3.25);
        assert_eq!(path.serial, 3.75);
        let names: Vec<&str> = path.steps.iter().map(|(step, _)| step.as_str()).collect();
        assert_eq!(names, ["a", "c", "d"]);
    }

    #[test]
    fn one_zone_after_the_other_takes_the_longest_chain_of_each() {
        let plan = json!({"steps": [
            {"id": "sapi/create", "needs": []},
            {"id": "sapi/check", "needs": []},
            {"id": "sapi/start", "needs": ["sapi/create"]},
            {"id": "papi/create", "needs": []},
            {"id": "papi/start", "needs": ["papi/create", "sapi/start"]},
        ]});
        let done = |step: &str, millis: u64| json!({"event": "step-done", "step": step, "millis": millis, "at": "2026-11-23T05:10:00Z"});
        let events = [
            done("sapi/create", 1000),
            done("sapi/check", 500),
            done("sapi/start", 2000),
            done("papi/create", 1000),
            done("papi/start", 4000),
        ];
        let path = of(&plan, &events);
        assert_eq!(path.zone_by_zone, 8.0);
        assert_eq!(path.critical, 7.0);
    }
}

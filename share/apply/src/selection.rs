// This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
// If a copy of the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/.
//! Which steps of a plan a run takes, or takes back: all, all but some services', or a few by name.

use std::collections::BTreeSet;

use documents::Plan;
use documents::plan::{Step, StepId};

use crate::executor::Refused;

/// The steps that a run takes, in the plan's order.
pub fn select<'a>(
    plan: &'a Plan,
    only: &[StepId],
    skip: &[String],
) -> Result<Vec<&'a Step>, Refused> {
    let taken = chosen(plan, only, skip).map_err(Refused::input)?;
    refuse_orphans(plan, &taken, skip).map_err(|why| Refused::before(vec![why]))?;
    Ok(taken)
}

/// The steps that `--undo` takes back. Leaving out what others need is fine here: those are what goes.
pub fn select_to_undo<'a>(plan: &'a Plan, skip: &[String]) -> Result<Vec<&'a Step>, Refused> {
    chosen(plan, &[], skip).map_err(Refused::input)
}

fn chosen<'a>(plan: &'a Plan, only: &[StepId], skip: &[String]) -> Result<Vec<&'a Step>, String> {
    if let Some(unknown) = only.iter().find(|id| plan.step(id).is_none()) {
        return Err(format!("--only {unknown}: the plan has no such step"));
    }
    let services: BTreeSet<&str> = plan
        .steps
        .iter()
        .map(|step| step.service.as_str())
        .collect();
    if let Some(unknown) = skip.iter().find(|name| !services.contains(name.as_str())) {
        return Err(format!(
            "--skip {unknown}: the plan has no step of that service"
        ));
    }
    Ok(plan
        .steps
        .iter()
        .filter(|step| only.is_empty() || only.contains(&step.id))
        .filter(|step| !skip.contains(&step.service))
        .collect())
}

/// A step that needs one of a service left out can't be done.
fn refuse_orphans(plan: &Plan, taken: &[&Step], skip: &[String]) -> Result<(), String> {
    let left_out = |id: &StepId| {
        plan.step(id)
            .is_some_and(|step| skip.contains(&step.service))
    };
    let mut needers: BTreeSet<(&str, &str)> = BTreeSet::new();
    for step in taken {
        for need in step.needs.iter().filter(|need| left_out(need)) {
            let service = plan
                .step(need)
                .map(|step| step.service.as_str())
                .unwrap_or_default();
            needers.insert((service, step.service.as_str()));
        }
    }
    if needers.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = needers
        .iter()
        .map(|(service, needer)| format!("{needer} needs {service}"))
        .collect();
    Err(format!(
        "--skip: {}; skip those too, or none",
        texts.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plan, step};

    #[test]
    fn a_service_that_others_need_is_not_left_out_alone() {
        let plan = plan(vec![
            step("sapi/start", &[]),
            step("imgapi/start", &["sapi/start"]),
        ]);
        let error = select(&plan, &[], &["sapi".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--skip: imgapi needs sapi; skip those too, or none"
        );
        let rest = select(&plan, &[], &["imgapi".to_owned()]).unwrap();
        assert_eq!(rest.len(), 1);
    }

    #[test]
    fn a_service_that_others_need_may_stay_when_those_are_taken_back() {
        let plan = plan(vec![
            step("sapi/start", &[]),
            step("imgapi/start", &["sapi/start"]),
        ]);
        let taken = select_to_undo(&plan, &["sapi".to_owned()]).unwrap();
        assert_eq!(taken[0].service, "imgapi");
        assert_eq!(taken.len(), 1);
    }

    #[test]
    fn a_step_or_service_that_is_not_there_is_refused_by_name() {
        let plan = plan(vec![step("sapi/start", &[])]);
        assert!(
            select(&plan, &[StepId::from("sapi/stop")], &[])
                .unwrap_err()
                .to_string()
                .contains("sapi/stop")
        );
        assert!(
            select(&plan, &[], &["cns".to_owned()])
                .unwrap_err()
                .to_string()
                .contains("cns")
        );
    }
}

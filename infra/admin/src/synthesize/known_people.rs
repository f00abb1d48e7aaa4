//! The two people who are always there: Jane, the developer preview's sample person, and Jack, whose diabetes drug
//! was changed.

use super::calendar::{Period, plus_days, plus_months};
use super::person::{Name, Person};
use super::plan::{Care, Event, PRIMARY_CARE, plan, settle};
use super::random::Random;
use super::tables::conditions as c;
use super::tables::drugs;
use super::tables::facilities::{KNEE_REPLACEMENT, PNEUMONIA};
use super::tables::services::{self as s, Service};
use super::tables::stories::{Ending, Story};

/// `BBUser29998`.
pub(super) const JACK: u32 = 29_998;
/// `BBUser29999`, with the preview's patient id in place of the one her number would give.
pub(super) const JANE: u32 = 29_999;

const JANE_PATIENT_ID: &str = "20140000008325";
const JANE_HICN: &str = "1000044680";

static JACK_STORY: Story = quiet_story(&[&c::TYPE_2_DIABETES, &c::HYPERTENSION], (70, 70));
static JANE_STORY: Story = quiet_story(&[&c::HYPERTENSION, &c::HYPERLIPIDEMIA], (74, 74));

/// Jane's visits: who, why, and which services; repeated in this order until there are enough.
static JANE_VISITS: [(&str, &[&str], &[&Service]); 5] = [
    (
        PRIMARY_CARE,
        &["I10", "E785"],
        &[
            &s::LONG_OFFICE_VISIT,
            &s::BLOOD_DRAW,
            &s::METABOLIC_PANEL,
            &s::LIPID_PANEL,
        ],
    ),
    (
        "06",
        &["I10"],
        &[
            &s::OFFICE_VISIT,
            &s::ELECTROCARDIOGRAM,
            &s::ECHOCARDIOGRAM,
            &s::CHEST_XRAY,
        ],
    ),
    (
        PRIMARY_CARE,
        &["Z0000", "Z23"],
        &[
            &s::WELLNESS_VISIT,
            &s::FLU_VACCINE,
            &s::VACCINE_ADMINISTRATION,
            &s::BLOOD_DRAW,
            &s::LIPID_PANEL,
        ],
    ),
    (
        "20",
        &["M1711"],
        &[
            &s::OFFICE_VISIT,
            &s::KNEE_XRAY,
            &s::JOINT_INJECTION,
            &s::THERAPEUTIC_EXERCISE,
        ],
    ),
    (
        PRIMARY_CARE,
        &["I10", "E785", "M1711"],
        &[
            &s::OFFICE_VISIT,
            &s::BLOOD_DRAW,
            &s::METABOLIC_PANEL,
            &s::BLOOD_COUNT,
            &s::URINALYSIS,
        ],
    ),
];
const JANE_VISIT_COUNT: i64 = 25;
const JANE_FILL_COUNT: i64 = 5;

const fn quiet_story(conditions: &'static [&'static c::Condition], age: (i64, i64)) -> Story {
    Story {
        conditions,
        afterwards: &[],
        age,
        women_only: false,
        disabled: false,
        medicaid_percent: 0,
        turn: None,
        ending: Ending::LivesOn,
        came_from_advantage: false,
    }
}

/// Jack and what happened to him: metformin until the middle of the period, then a visit, then glimepiride.
pub(super) fn jack(random: &mut Random, period: Period) -> (Person, Vec<Event>) {
    let name = Name {
        female: false,
        given: "Jack",
        middle: "",
        surname: "Miller",
    };
    let mut jack = Person::of_story(JACK, &JACK_STORY, name, random, period);
    jack.drug_plan = Some(jack.entitled);
    let mut events = plan(&jack, random, period);
    let change = plus_months(period.from, 24);
    events.retain(|event| match event.care {
        Care::Prescription { drug, .. } => drug.ndc != drugs::METFORMIN.ndc || event.from < change,
        _ => true,
    });
    let services = vec![&s::LONG_OFFICE_VISIT, &s::BLOOD_DRAW, &s::HEMOGLOBIN_A1C];
    events.push(Event::visit(
        change,
        PRIMARY_CARE,
        vec!["E1165", "I10"],
        services,
    ));
    let fills = period.days() / drugs::GLIMEPIRIDE.days;
    for fill in 0..fills {
        let day = plus_days(change, fill * drugs::GLIMEPIRIDE.days);
        let mut event = Event::fill(day, &drugs::GLIMEPIRIDE, fill % 4);
        if let Care::Prescription { therapy_change, .. } = &mut event.care {
            *therapy_change = fill == 0;
        }
        events.push(event);
    }
    let events = settle(events, &jack, period);
    (jack, events)
}

/// Jane with exactly 25 carrier claims (110 lines), 2 inpatient claims (25 lines) and 5 Part D events.
pub(super) fn jane(random: &mut Random, period: Period) -> (Person, Vec<Event>) {
    let name = Name {
        female: true,
        given: "Jane",
        middle: "X",
        surname: "Doe",
    };
    let mut jane = Person::of_story(JANE, &JANE_STORY, name, random, period);
    jane.id = JANE_PATIENT_ID.to_owned();
    jane.hicn = JANE_HICN.to_owned();
    jane.earlier_card = None;
    jane.drug_plan = Some(jane.entitled);
    let visits = (0..JANE_VISIT_COUNT).zip(JANE_VISITS.iter().cycle());
    let visits = visits.map(|(count, (specialty, diagnoses, services))| {
        let day = plus_days(period.from, 20 + count * 55);
        Event::visit(day, specialty, diagnoses.to_vec(), services.to_vec())
    });
    let fills = (0..JANE_FILL_COUNT).map(|count| {
        let day = plus_days(period.from, 400 + count * drugs::ATORVASTATIN.days);
        Event::fill(day, &drugs::ATORVASTATIN, count % 4)
    });
    // Both stays lie between two visits.
    let stays = [(30, &PNEUMONIA), (30 + 55 * 23, &KNEE_REPLACEMENT)];
    let stays = stays
        .map(|(day, admission)| Event::admission(plus_days(period.from, day), admission, "01"));
    let events = settle(visits.chain(fills).chain(stays).collect(), &jane, period);
    (jane, events)
}

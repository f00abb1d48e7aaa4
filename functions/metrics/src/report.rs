//! What is counted, and the report that comes of it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use bluebutton::oauth::DataAccess;
use bluebutton::store::{CountedApplication, CountedGrant, PatientAccess};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

/// Blue Button's classes of how many applications a person is connected to: the largest number of each, and its name.
const CLASSES: [(usize, &str); 7] = [
    (1, "1"),
    (2, "2"),
    (3, "3"),
    (5, "4-5"),
    (8, "6-8"),
    (13, "9-13"),
    (usize::MAX, "more"),
];

/// A day's report.
pub struct Report {
    /// The day before the run, in UTC.
    pub day: Date,
    /// Requests with an access token on that day.
    pub calls: u64,
    /// The numbers of the day's year so far.
    pub patient_access: PatientAccess,
    /// How old the newest data are, where it is known.
    pub data_age_hours: Option<u64>,
    /// Applications and grants at the time of the run.
    pub counted: Counted,
}

/// Applications and grants, counted one by one.
pub struct Counted {
    now: Timestamp,
    /// Applications that may be used.
    pub applications_active: u64,
    /// Applications that are switched off.
    pub applications_inactive: u64,
    access: HashMap<String, DataAccess>,
    connected: HashSet<String>,
    kinds: Kinds,
    /// Each grant's person, as a hash with a key of this run: equal ones are one person, and nobody can tell who.
    people: Vec<u64>,
    key: RandomState,
}

#[derive(Default)]
struct Kinds {
    one_time: u64,
    thirteen_month: u64,
    research_study: u64,
    /// Of applications that are no longer there.
    other: u64,
    with_personal_data: u64,
    without_personal_data: u64,
    with_substance_use: u64,
    ended: u64,
}

impl Counted {
    /// Nothing yet. Grants that end before that moment have ended.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            applications_active: 0,
            applications_inactive: 0,
            access: HashMap::new(),
            connected: HashSet::new(),
            kinds: Kinds::default(),
            people: Vec::new(),
            key: RandomState::new(),
        }
    }

    /// Counts an application. They come before what was granted to them.
    pub fn add_application(&mut self, application: CountedApplication) {
        match application.active {
            true => self.applications_active += 1,
            false => self.applications_inactive += 1,
        }
        let CountedApplication {
            client_id,
            data_access,
            ..
        } = application;
        self.access.insert(client_id, data_access);
    }

    /// Counts a grant.
    pub fn add_grant(&mut self, grant: &CountedGrant) {
        let kinds = &mut self.kinds;
        if grant.expires_at.is_some_and(|end| end <= self.now) {
            kinds.ended += 1;
            return;
        }
        *match self.access.get(&grant.client_id) {
            Some(DataAccess::OneTime) => &mut kinds.one_time,
            Some(DataAccess::ThirteenMonth) => &mut kinds.thirteen_month,
            Some(DataAccess::ResearchStudy) => &mut kinds.research_study,
            None => &mut kinds.other,
        } += 1;
        *match grant.scopes.has_profile() {
            true => &mut kinds.with_personal_data,
            false => &mut kinds.without_personal_data,
        } += 1;
        kinds.with_substance_use += u64::from(grant.substance_use);
        self.connected.insert(grant.client_id.clone());
        self.people.push(self.key.hash_one(grant.patient.as_str()));
    }

    /// Grants that hold.
    #[must_use]
    pub fn grants(&self) -> u64 {
        self.people.len() as u64
    }

    /// Applications with a grant that holds.
    #[must_use]
    pub fn applications_connected(&self) -> u64 {
        self.connected.len() as u64
    }

    /// People with a grant that holds.
    #[must_use]
    pub fn people(&self) -> u64 {
        self.classes().iter().sum()
    }

    /// How many people are in each class of [`CLASSES`].
    fn classes(&self) -> [u64; CLASSES.len()] {
        let mut people = self.people.clone();
        people.sort_unstable();
        let mut classes = [0; CLASSES.len()];
        for of_one in people.chunk_by(PartialEq::eq) {
            let class = CLASSES.iter().position(|(most, _)| of_one.len() <= *most);
            classes[class.unwrap_or_default()] += 1;
        }
        classes
    }
}

impl Report {
    /// The report as it is kept and told.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (counted, kinds) = (&self.counted, &self.counted.kinds);
        let names = CLASSES.iter().map(|(_, name)| (*name).to_owned());
        let numbers = counted.classes().into_iter().map(Value::from);
        let classes: Map<_, _> = names.zip(numbers).collect();
        json!({
            "day": self.day.to_string(),
            "people": {"connected": counted.people(), "by_applications": classes},
            "applications": {
                "active": counted.applications_active,
                "inactive": counted.applications_inactive,
                "connected": counted.applications_connected(),
            },
            "grants": {
                "held": counted.grants(),
                "ended": kinds.ended,
                "one_time": kinds.one_time,
                "thirteen_month": kinds.thirteen_month,
                "research_study": kinds.research_study,
                "of_removed_applications": kinds.other,
                "with_personal_data": kinds.with_personal_data,
                "without_personal_data": kinds.without_personal_data,
                "with_substance_use": kinds.with_substance_use,
            },
            "calls": self.calls,
            "patient_access": {
                "year": self.day.year(),
                "people": self.patient_access.people,
                "people_more_than_once": self.patient_access.people_again,
            },
            "data_age_hours": self.data_age_hours,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bluebutton::identity::BeneId;
    use bluebutton::oauth::Scopes;
    use jiff::ToSpan;

    fn now() -> Timestamp {
        "2026-11-22T03:00:00Z".parse().expect("a time")
    }

    fn grant(patient: usize, client_id: &str) -> CountedGrant {
        CountedGrant {
            patient: BeneId::parse(&format!("-{patient}")).expect("an id"),
            client_id: client_id.to_owned(),
            scopes: Scopes::defaults(),
            substance_use: false,
            expires_at: None,
        }
    }

    fn counted(grants: impl IntoIterator<Item = CountedGrant>) -> Report {
        let mut counted = Counted::new(now());
        for (client_id, active, data_access) in [
            ("once", true, DataAccess::OneTime),
            ("year", true, DataAccess::ThirteenMonth),
            ("study", false, DataAccess::ResearchStudy),
        ] {
            counted.add_application(CountedApplication {
                client_id: client_id.to_owned(),
                active,
                data_access,
            });
        }
        for grant in grants {
            counted.add_grant(&grant);
        }
        Report {
            day: jiff::civil::date(2026, 11, 21),
            calls: 7,
            patient_access: PatientAccess {
                people: 5,
                people_again: 2,
            },
            data_age_hours: Some(4),
            counted,
        }
    }

    #[test]
    fn counts_people_applications_and_grants_by_kind() {
        let report = counted([
            grant(1, "once"),
            grant(1, "year"),
            grant(2, "year"),
            CountedGrant {
                scopes: Scopes::defaults().without_demographics(),
                substance_use: true,
                ..grant(3, "year")
            },
            CountedGrant {
                expires_at: Some(now() + 1.hour()),
                ..grant(4, "study")
            },
            CountedGrant {
                expires_at: Some(now()),
                ..grant(5, "study")
            },
            grant(6, "gone"),
        ]);
        let expected = json!({
            "day": "2026-11-21",
            "people": {
                "connected": 5,
                "by_applications": {"1": 4, "2": 1, "3": 0, "4-5": 0, "6-8": 0, "9-13": 0, "more": 0},
            },
            "applications": {"active": 2, "inactive": 1, "connected": 4},
            "grants": {
                "held": 6, "ended": 1, "one_time": 1, "thirteen_month": 3, "research_study": 1,
                "of_removed_applications": 1, "with_personal_data": 5, "without_personal_data": 1,
                "with_substance_use": 1,
            },
            "calls": 7,
            "patient_access": {"year": 2026, "people": 5, "people_more_than_once": 2},
            "data_age_hours": 4,
        });
        assert_eq!(report.to_json(), expected);
    }

    #[test]
    fn people_are_classed_by_how_many_applications_they_have() {
        for (applications, class) in [
            (1, "1"),
            (2, "2"),
            (3, "3"),
            (4, "4-5"),
            (5, "4-5"),
            (6, "6-8"),
            (8, "6-8"),
            (9, "9-13"),
            (13, "9-13"),
            (14, "more"),
            (100, "more"),
        ] {
            let grants = (0..applications).map(|at| grant(1, &at.to_string()));
            let report = counted(grants).to_json();
            let people = &report["people"];
            assert_eq!(people["connected"], 1);
            assert_eq!(people["by_applications"][class], 1, "{applications}");
        }
    }
}

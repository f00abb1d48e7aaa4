//! What happens to a person within the four years: visits, tests, prescriptions, admissions and what follows them.

use jiff::civil::{Date, date};

use super::calendar::{Period, days_between, plus_days, weekly_processing};
use super::person::Person;
use super::random::Random;
use super::tables::conditions::{Appointments, Condition, ILLNESSES, Illness, Supplies};
use super::tables::drugs::Drug;
use super::tables::facilities::{
    Admission, Department, EMERGENCY_ROOM, EMERGENCY_ROOM_AFTER_FALL, SCREENING_COLONOSCOPY,
};
use super::tables::services::{self, Service};
use super::tables::stories::{Ending, Turn};

/// One thing for which somebody sends a bill.
pub(super) struct Event {
    pub(super) from: Date,
    pub(super) thru: Date,
    /// ICD-10-CM, the principal one first.
    pub(super) diagnoses: Vec<&'static str>,
    pub(super) care: Care,
}

/// Who does what.
pub(super) enum Care {
    /// A physician, therapist or laboratory.
    Services {
        specialty: &'static str,
        /// CMS place of service.
        place: &'static str,
        services: Vec<&'static Service>,
    },
    /// A supplier of equipment.
    Equipment {
        supplier: &'static str,
        items: &'static [&'static Service],
    },
    /// A hospital, overnight.
    Admission {
        admission: &'static Admission,
        discharged_to: &'static str,
    },
    /// A skilled nursing facility, after that stay in hospital.
    NursingFacility {
        hospital: Period,
        admission: &'static Admission,
    },
    /// A home health agency, for thirty days or less.
    HomeHealth { since: Date, last: bool },
    /// A hospice, for a calendar month or less.
    Hospice { since: Date, last: bool },
    /// A hospital's outpatient department.
    Department(&'static Department),
    /// A pharmacy.
    Prescription {
        drug: &'static Drug,
        fill: i64,
        therapy_change: bool,
    },
}

/// CMS place of service codes.
const OFFICE: &str = "11";
const INPATIENT_HOSPITAL: &str = "21";
const OUTPATIENT_HOSPITAL: &str = "22";
const EMERGENCY_DEPARTMENT: &str = "23";
const NURSING_FACILITY: &str = "31";
const AMBULANCE: &str = "41";
const LABORATORY: &str = "81";

/// CMS specialty codes.
pub(super) const PRIMARY_CARE: &str = "11";
pub(super) const ANESTHESIOLOGY: &str = "05";
const EMERGENCY_MEDICINE: &str = "93";
const CLINICAL_LABORATORY: &str = "69";
const AMBULANCE_SERVICE: &str = "59";
const MASS_IMMUNIZATION: &str = "73";

/// Home health is paid by periods of so many days.
const HOME_HEALTH_PERIOD_DAYS: i64 = 30;
/// After the turn a person needs this long for nursing facility and home health, and the claims to be processed.
const TURN_BEFORE_END_DAYS: i64 = 130;

impl Event {
    fn on(day: Date, diagnoses: Vec<&'static str>, care: Care) -> Self {
        Self {
            from: day,
            thru: day,
            diagnoses,
            care,
        }
    }

    /// A visit on one day.
    pub(super) fn visit(
        day: Date,
        specialty: &'static str,
        diagnoses: Vec<&'static str>,
        services: Vec<&'static Service>,
    ) -> Self {
        let care = Care::Services {
            specialty,
            place: OFFICE,
            services,
        };
        Self::on(day, diagnoses, care)
    }

    /// A fill of a prescription.
    pub(super) fn fill(day: Date, drug: &'static Drug, fill: i64) -> Self {
        let care = Care::Prescription {
            drug,
            fill,
            therapy_change: false,
        };
        Self::on(day, Vec::new(), care)
    }

    /// A stay in hospital; `diagnoses` come from the admission.
    pub(super) fn admission(
        day: Date,
        admission: &'static Admission,
        discharged_to: &'static str,
    ) -> Self {
        let mut diagnoses = vec![admission.principal];
        diagnoses.extend(admission.secondary);
        Self {
            from: day,
            thru: plus_days(day, admission.days),
            diagnoses,
            care: Care::Admission {
                admission,
                discharged_to,
            },
        }
    }

    /// Whether it happens while the person is up and about, so that it cannot fall into a stay.
    fn is_ambulatory(&self) -> bool {
        match &self.care {
            Care::Services { place, .. } => {
                matches!(*place, OFFICE | LABORATORY | OUTPATIENT_HOSPITAL)
            }
            Care::Equipment { .. } | Care::Department(_) => true,
            Care::Admission { .. }
            | Care::NursingFacility { .. }
            | Care::HomeHealth { .. }
            | Care::Hospice { .. }
            | Care::Prescription { .. } => false,
        }
    }

    /// The last day of a stay during which the person is nowhere else.
    fn stays_until(&self) -> Option<Date> {
        matches!(
            self.care,
            Care::Admission { .. } | Care::NursingFacility { .. }
        )
        .then_some(self.thru)
    }
}

/// Everything that happens to the person, in order of time.
pub(super) fn plan(person: &Person, random: &mut Random, period: Period) -> Vec<Event> {
    let mut planner = Planner::new(person, random, period);
    planner.turn();
    planner.visits();
    planner.prevention();
    planner.illnesses();
    for (condition, since) in planner.conditions.clone() {
        planner.condition(condition, since);
    }
    planner.ending();
    settle(planner.events, person, period)
}

/// Brings events into order and leaves out what cannot be: care outside coverage, a visit during a stay, a claim that
/// Medicare would process only after the period.
pub(super) fn settle(mut events: Vec<Event>, person: &Person, period: Period) -> Vec<Event> {
    let stays: Vec<Period> = events
        .iter()
        .filter_map(|event| {
            Some(Period {
                from: event.from,
                thru: event.stays_until()?,
            })
        })
        .collect();
    let hospice_since = events.iter().find_map(|event| match event.care {
        Care::Hospice { since, .. } => Some(since),
        _ => None,
    });
    for event in &mut events {
        // A prescription is filled on the way home.
        if let (Care::Prescription { .. }, Some(stay)) = (&event.care, within(&stays, event.from)) {
            (event.from, event.thru) = (stay.thru, stay.thru);
        }
    }
    events.retain(|event| {
        let possible = !event.is_ambulatory()
            || (within(&stays, event.from).is_none()
                && hospice_since.is_none_or(|since| event.from < since));
        possible
            && is_covered(event, person, period)
            && weekly_processing(event.thru) <= period.thru
    });
    events.sort_by_key(|event| event.from);
    events
}

fn within(stays: &[Period], day: Date) -> Option<&Period> {
    stays.iter().find(|stay| stay.contains(day))
}

fn is_covered(event: &Event, person: &Person, period: Period) -> bool {
    let covered = match event.care {
        Care::Prescription { .. } => person.covered_for_drugs(period),
        _ => Some(person.covered(period)),
    };
    covered.is_some_and(|covered| covered.contains(event.from) && covered.contains(event.thru))
}

struct Planner<'a> {
    person: &'a Person,
    random: &'a mut Random,
    window: Period,
    /// Each condition and since when it is known.
    conditions: Vec<(&'static Condition, Date)>,
    turn: Option<(&'static Turn, Date)>,
    events: Vec<Event>,
}

impl<'a> Planner<'a> {
    fn new(person: &'a Person, random: &'a mut Random, period: Period) -> Self {
        let window = person.covered(period);
        let story = person.story;
        let turn = story.turn.as_ref().map(|turn| {
            let day = match story.ending {
                Ending::DiesInHospice => plus_days(window.thru, -random.between(200, 320)),
                Ending::LivesOn => {
                    let last = (window.days() - TURN_BEFORE_END_DAYS).max(31);
                    plus_days(window.from, random.between(last / 4, last))
                }
            };
            (turn, day)
        });
        let known = story
            .conditions
            .iter()
            .map(|condition| (*condition, window.from));
        let later = turn.iter().flat_map(|(turn, day)| {
            let home = plus_days(*day, turn.admission.days + turn.nursing_days + 1);
            story
                .afterwards
                .iter()
                .map(move |condition| (*condition, home))
        });
        let conditions = known.chain(later).collect();
        Self {
            person,
            random,
            window,
            conditions,
            turn,
            events: Vec::new(),
        }
    }

    /// Diagnoses that everybody who sees the person on that day knows of.
    fn diagnoses(&self, day: Date) -> Vec<&'static str> {
        let known =
            |(condition, since): &&(&Condition, Date)| *since <= day && !condition.confidential;
        let known = self.conditions.iter().filter(known);
        known.map(|(condition, _)| condition.diagnosis).collect()
    }

    /// That diagnosis, and after it what else is known on that day.
    fn diagnoses_after(&self, first: &'static str, day: Date) -> Vec<&'static str> {
        let others = self
            .diagnoses(day)
            .into_iter()
            .filter(|other| *other != first);
        std::iter::once(first).chain(others).collect()
    }

    /// Days about `every` apart, from a random one in the first interval on.
    fn days(&mut self, since: Date, every: i64) -> Vec<Date> {
        let mut days = Vec::new();
        let mut day = plus_days(since, self.random.between(0, every.max(1)));
        while day <= self.window.thru {
            days.push(day);
            day = plus_days(day, every + self.random.between(-every / 8, every / 8));
        }
        days
    }

    fn services(
        &mut self,
        (from, thru): (Date, Date),
        (specialty, place): (&'static str, &'static str),
        diagnoses: Vec<&'static str>,
        services: Vec<&'static Service>,
    ) {
        let care = Care::Services {
            specialty,
            place,
            services,
        };
        self.events.push(Event {
            from,
            thru,
            diagnoses,
            care,
        });
    }

    /// The family doctor, more often the more there is to look after, and the laboratory after every other visit.
    fn visits(&mut self) {
        const DAYS_BETWEEN_VISITS: [i64; 4] = [240, 200, 150, 115];
        let every = DAYS_BETWEEN_VISITS[self.conditions.len().min(3)];
        for (count, day) in self.days(self.window.from, every).into_iter().enumerate() {
            let diagnoses = self.diagnoses(day);
            let long = diagnoses.len() > 2 || self.random.chance(30);
            let visit = if long {
                &services::LONG_OFFICE_VISIT
            } else {
                &services::OFFICE_VISIT
            };
            self.services(
                (day, day),
                (PRIMARY_CARE, OFFICE),
                diagnoses.clone(),
                vec![visit],
            );
            if count % 2 == 0 {
                self.laboratory(day, diagnoses);
            }
        }
    }

    fn laboratory(&mut self, day: Date, diagnoses: Vec<&'static str>) {
        let mut tests: Vec<&'static Service> = vec![&services::BLOOD_DRAW];
        for (condition, since) in &self.conditions {
            for test in condition.tests {
                if *since <= day && tests.iter().all(|known| known.hcpcs != test.hcpcs) {
                    tests.push(test);
                }
            }
        }
        if tests.len() > 1 {
            let day = plus_days(day, 1);
            self.services(
                (day, day),
                (CLINICAL_LABORATORY, LABORATORY),
                diagnoses,
                tests,
            );
        }
    }

    /// Flu shots in autumn, wellness visits, one colonoscopy.
    fn prevention(&mut self) {
        for year in self.window.from.year()..=self.window.thru.year() {
            let autumn = plus_days(date(year, 9, 20), self.random.between(0, 60));
            if self.random.chance(60) {
                let shot = vec![&services::FLU_VACCINE, &services::VACCINE_ADMINISTRATION];
                self.services(
                    (autumn, autumn),
                    (MASS_IMMUNIZATION, OFFICE),
                    vec!["Z23"],
                    shot,
                );
            }
            let day = plus_days(date(year, 1, 10), self.random.between(0, 300));
            if self.random.chance(50) {
                let visit = vec![&services::WELLNESS_VISIT];
                self.services((day, day), (PRIMARY_CARE, OFFICE), vec!["Z0000"], visit);
            }
        }
        if self.random.chance(30) {
            let day = plus_days(self.window.from, self.random.between(30, 1_200));
            self.department(day, &SCREENING_COLONOSCOPY, "");
        }
    }

    /// Now and then an illness, some of which end in the emergency room.
    fn illnesses(&mut self) {
        for day in self.days(self.window.from, 420) {
            if self.random.chance(25) {
                let rooms = [&EMERGENCY_ROOM, &EMERGENCY_ROOM_AFTER_FALL];
                let room = *self.random.pick(&rooms);
                self.department(day, room, "");
            } else {
                let illness: &Illness = self.random.pick(ILLNESSES);
                let care = illness.services.to_vec();
                self.services(
                    (day, day),
                    (PRIMARY_CARE, OFFICE),
                    vec![illness.diagnosis],
                    care,
                );
                self.events
                    .extend(illness.drug.map(|drug| Event::fill(day, drug, 0)));
            }
        }
    }

    /// The specialist, the outpatient department, the supplier and the pharmacy of a chronic condition.
    fn condition(&mut self, condition: &'static Condition, since: Date) {
        if let Some(specialist) = condition.specialist {
            for day in self.days(since, 260) {
                let examination = condition.examination.to_vec();
                self.services(
                    (day, day),
                    (specialist, OFFICE),
                    self.diagnoses_after(condition.diagnosis, day),
                    examination,
                );
            }
        }
        if let Some(Appointments {
            department,
            every_days,
            count_max,
        }) = condition.appointments
        {
            let first = plus_days(since, self.random.between(20, 200));
            for day in self.days(first, every_days).into_iter().take(count_max) {
                self.department(day, department, condition.diagnosis);
            }
        }
        if let Some(supplies) = condition.supplies {
            let first = plus_days(since, self.random.between(0, 300));
            self.supplies(first, supplies, condition.diagnosis);
        }
        for drug in condition.drugs {
            self.prescriptions(since, drug);
        }
    }

    fn department(&mut self, day: Date, department: &'static Department, diagnosis: &'static str) {
        let diagnosis = if department.diagnosis.is_empty() {
            diagnosis
        } else {
            department.diagnosis
        };
        let diagnoses = self.diagnoses_after(diagnosis, day);
        self.events
            .push(Event::on(day, diagnoses, Care::Department(department)));
        if let Some((specialty, service)) = department.physician {
            let place = if specialty == EMERGENCY_MEDICINE {
                EMERGENCY_DEPARTMENT
            } else {
                OUTPATIENT_HOSPITAL
            };
            self.services(
                (day, day),
                (specialty, place),
                vec![diagnosis],
                vec![service],
            );
        }
    }

    fn supplies(&mut self, first: Date, supplies: Supplies, diagnosis: &'static str) {
        for count in 0..supplies.deliveries_max {
            let count = i64::try_from(count).expect("deliveries are few");
            let day = plus_days(first, count * supplies.every_days);
            let care = Care::Equipment {
                supplier: supplies.supplier,
                items: supplies.items,
            };
            let diagnoses = self.diagnoses_after(diagnosis, day);
            self.events.push(Event::on(day, diagnoses, care));
        }
    }

    /// Fills as the supply runs out, now and then some days late or not at all.
    fn prescriptions(&mut self, since: Date, drug: &'static Drug) {
        let mut day = plus_days(since, self.random.between(0, drug.days));
        let mut fill = 0;
        while day <= self.window.thru {
            if self.random.chance(92) {
                self.events.push(Event::fill(day, drug, fill));
                // A prescription is good for a year.
                fill = (fill + 1) % (365 / drug.days);
            }
            day = plus_days(day, drug.days + self.random.between(0, 6));
        }
    }

    /// The admission and what follows it.
    fn turn(&mut self) {
        let Some((turn, day)) = self.turn else { return };
        let admission = turn.admission;
        let discharged_to = match turn {
            Turn {
                nursing_days: 1.., ..
            } => "03",
            Turn {
                home_health_periods: 1..,
                ..
            } => "06",
            _ => "01",
        };
        let stay = Event::admission(day, admission, discharged_to);
        let hospital = Period {
            from: stay.from,
            thru: stay.thru,
        };
        self.physicians_in_hospital(hospital, admission);
        self.events.push(stay);
        let mut home = hospital.thru;
        if turn.nursing_days > 0 {
            home = plus_days(home, turn.nursing_days);
            self.nursing_facility(hospital, home, admission);
        }
        self.home_health(home, turn);
        if let Some(equipment) = turn.equipment {
            self.supplies(plus_days(home, 1), equipment, admission.aftercare);
        }
        let follow_up = plus_days(home, self.random.between(7, 16));
        let visit = vec![&services::LONG_OFFICE_VISIT];
        self.services(
            (follow_up, follow_up),
            (PRIMARY_CARE, OFFICE),
            self.diagnoses(follow_up),
            visit,
        );
    }

    fn physicians_in_hospital(&mut self, stay: Period, admission: &'static Admission) {
        let diagnoses = vec![admission.principal, admission.secondary[0]];
        let first = (stay.from, stay.from);
        if admission.kind == "1" {
            let emergency = (EMERGENCY_MEDICINE, EMERGENCY_DEPARTMENT);
            self.services(
                first,
                emergency,
                vec![admission.admitting],
                vec![&services::EMERGENCY_VISIT],
            );
            if self.random.chance(50) {
                let ride = vec![&services::AMBULANCE];
                self.services(
                    first,
                    (AMBULANCE_SERVICE, AMBULANCE),
                    vec![admission.admitting],
                    ride,
                );
            }
        }
        let mut visits: Vec<&'static Service> = vec![&services::HOSPITAL_FIRST_DAY];
        visits.extend((1..stay.days()).map(|_| &services::HOSPITAL_DAY));
        let last = plus_days(stay.thru, -1);
        self.services(
            (stay.from, last),
            (PRIMARY_CARE, INPATIENT_HOSPITAL),
            diagnoses.clone(),
            visits,
        );
        if let Some((specialty, operation)) = admission.surgery {
            let day = plus_days(stay.from, 1);
            let surgeon = (specialty, INPATIENT_HOSPITAL);
            self.services((day, day), surgeon, diagnoses.clone(), vec![operation]);
            let anesthetist = (ANESTHESIOLOGY, INPATIENT_HOSPITAL);
            self.services(
                (day, day),
                anesthetist,
                diagnoses,
                vec![&services::ANESTHESIA],
            );
        }
    }

    fn nursing_facility(&mut self, hospital: Period, home: Date, admission: &'static Admission) {
        let diagnoses = self.diagnoses_after(admission.aftercare, hospital.thru);
        self.events.push(Event {
            from: hospital.thru,
            thru: home,
            diagnoses,
            care: Care::NursingFacility {
                hospital,
                admission,
            },
        });
        for week in 0..days_between(hospital.thru, home) / 7 {
            let day = plus_days(hospital.thru, 2 + 7 * week);
            let rounds = vec![&services::NURSING_HOME_VISIT];
            self.services(
                (day, day),
                (PRIMARY_CARE, NURSING_FACILITY),
                vec![admission.aftercare],
                rounds,
            );
        }
    }

    fn home_health(&mut self, home: Date, turn: &Turn) {
        let since = plus_days(home, 1);
        for count in 0..turn.home_health_periods {
            let from = plus_days(since, count * HOME_HEALTH_PERIOD_DAYS);
            let diagnoses = self.diagnoses_after(turn.admission.aftercare, from);
            self.events.push(Event {
                from,
                thru: plus_days(from, HOME_HEALTH_PERIOD_DAYS - 1),
                diagnoses,
                care: Care::HomeHealth {
                    since,
                    last: count + 1 == turn.home_health_periods,
                },
            });
        }
    }

    /// Hospice care in the last weeks, one claim for each calendar month.
    fn ending(&mut self) {
        let Some(death) = self.person.death else {
            return;
        };
        let since = plus_days(death, -self.random.between(20, 75));
        let diagnoses = self.diagnoses(since).into_iter().rev().collect::<Vec<_>>();
        let mut from = since;
        while from <= death {
            let thru = from.last_of_month().min(death);
            let care = Care::Hospice {
                since,
                last: thru == death,
            };
            self.events.push(Event {
                from,
                thru,
                diagnoses: diagnoses.clone(),
                care,
            });
            from = plus_days(thru, 1);
        }
    }
}

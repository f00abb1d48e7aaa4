//! A person: who they are, where they live, when and why Medicare covers them.

use jiff::civil::{Date, date};

use super::calendar::{Period, plus_days, plus_months};
use super::random::Random;
use super::tables::names::{FEMALE, MALE, STREETS, SURNAMES};
use super::tables::places::{PLACES, Place};
use super::tables::stories::{Ending, STORIES, Story};

/// A synthetic beneficiary.
pub(super) struct Person {
    /// The number behind `BBUser<n>`.
    pub(super) number: u32,
    /// The beneficiary id, which is the FHIR Patient id.
    pub(super) id: String,
    pub(super) name: Name,
    pub(super) birth: Date,
    pub(super) death: Option<Date>,
    /// CMS race code.
    pub(super) race: &'static str,
    pub(super) place: &'static Place,
    pub(super) street: String,
    pub(super) zip: String,
    pub(super) mbi: String,
    pub(super) hicn: String,
    /// A card that was replaced, and until when it was good.
    pub(super) earlier_card: Option<(String, Date)>,
    pub(super) disabled: bool,
    pub(super) medicaid: bool,
    /// First day of Parts A and B.
    pub(super) entitled: Date,
    /// First day of Part D; none for people without a drug plan.
    pub(super) drug_plan: Option<Date>,
    /// Last day in a Medicare Advantage plan.
    pub(super) advantage_until: Option<Date>,
    pub(super) story: &'static Story,
}

/// Name and sex.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) female: bool,
    pub(super) given: &'static str,
    pub(super) middle: &'static str,
    pub(super) surname: &'static str,
}

/// Every so many people one had a card replaced, and so has a row in `beneficiary_history`.
const REPLACED_CARD_EVERY: u32 = 10;
/// Contract and benefit package of the Medicare Advantage plan, which includes drugs.
pub(super) const ADVANTAGE_PLAN: (&str, &str) = ("H9701", "001");
/// Contract and benefit package of the drug plan of everybody else.
const DRUG_PLAN: (&str, &str) = ("S9701", "004");
/// Medicare Beneficiary Identifiers replaced the older numbers from this day on.
const FIRST_CARDS: Date = date(2018, 4, 1);
const RACES: &[&str] = &[
    "1", "1", "1", "1", "1", "1", "2", "2", "3", "4", "5", "5", "6",
];
const MIDDLE_INITIALS: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "R", "S", "T", "",
];

impl Person {
    /// The person behind `BBUser<number>`, whose story the number chooses.
    pub(super) fn of_number(number: u32, random: &mut Random, period: Period) -> Self {
        let story = &STORIES[number as usize % STORIES.len()];
        let name = Name::invent(story.women_only || random.chance(55), random);
        Self::of_story(number, story, name, random, period)
    }

    /// A person of that name living that story.
    pub(super) fn of_story(
        number: u32,
        story: &'static Story,
        name: Name,
        random: &mut Random,
        period: Period,
    ) -> Self {
        let years = random.between(story.age.0, story.age.1);
        let birth = plus_days(
            plus_months(period.thru, -12 * years),
            -random.between(0, 364),
        );
        let entitled = (if story.disabled {
            plus_days(period.from, -random.between(30, 1_800))
        } else {
            plus_months(birth, 12 * 65)
        })
        .first_of_month();
        let place = random.pick(PLACES);
        let medicaid = random.chance(story.medicaid_percent);
        let has_drug_plan = medicaid || random.chance(90);
        Self {
            number,
            id: format!("-{}", 20_140_000_000_001 + u64::from(number)),
            name,
            birth,
            death: death(story, random, period),
            race: *random.pick(RACES),
            place,
            street: format!("{} {}", random.between(2, 980), random.pick(STREETS)),
            zip: format!(
                "{}{:02}",
                place.zip,
                random.between(place.zip_last.0, place.zip_last.1)
            ),
            mbi: card_number("1S00J00", number),
            hicn: format!("T2{number:07}{}", if name.female { "B" } else { "A" }),
            earlier_card: earlier_card(number, random, period.from.max(entitled)),
            disabled: story.disabled,
            medicaid,
            entitled,
            drug_plan: has_drug_plan.then_some(entitled),
            advantage_until: story
                .came_from_advantage
                .then(|| date(period.from.year(), 12, 31)),
            story,
        }
    }

    /// The part of the period in which Medicare itself pays hospitals and physicians for this person.
    pub(super) fn covered(&self, period: Period) -> Period {
        let after_advantage = self.advantage_until.map(|last| plus_days(last, 1));
        let from = period.from.max(self.entitled);
        Period {
            from: after_advantage.map_or(from, |first| first.max(from)),
            thru: self.death.unwrap_or(period.thru),
        }
    }

    /// The part of the period in which a Part D plan pays drugs for this person.
    pub(super) fn covered_for_drugs(&self, period: Period) -> Option<Period> {
        Some(Period {
            from: period.from.max(self.drug_plan?),
            thru: self.death.unwrap_or(period.thru),
        })
    }

    /// Whether a Medicare Advantage plan covers the person on that day.
    pub(super) fn in_advantage_plan(&self, day: Date) -> bool {
        self.advantage_until.is_some_and(|last| day <= last)
    }

    /// Contract and benefit package of the plan that pays drugs on that day.
    pub(super) fn drug_contract(&self, day: Date) -> (&'static str, &'static str) {
        if self.in_advantage_plan(day) {
            ADVANTAGE_PLAN
        } else {
            DRUG_PLAN
        }
    }

    /// First day of the current card.
    pub(super) fn card_since(&self) -> Date {
        let replaced = self.earlier_card.as_ref();
        replaced.map_or(self.first_card_since(), |(_, last)| plus_days(*last, 1))
    }

    /// First day of the first card.
    pub(super) fn first_card_since(&self) -> Date {
        self.entitled.max(FIRST_CARDS)
    }
}

impl Name {
    fn invent(female: bool, random: &mut Random) -> Self {
        Self {
            female,
            given: *random.pick(if female { FEMALE } else { MALE }),
            middle: *random.pick(MIDDLE_INITIALS),
            surname: *random.pick(SURNAMES),
        }
    }
}

/// Lives that end do so early enough that the last claims are processed within the period.
fn death(story: &Story, random: &mut Random, period: Period) -> Option<Date> {
    (story.ending == Ending::DiesInHospice)
        .then(|| plus_days(period.thru, -random.between(60, 300)))
}

fn earlier_card(number: u32, random: &mut Random, since: Date) -> Option<(String, Date)> {
    let replaced = number % REPLACED_CARD_EVERY == 4;
    let last = plus_days(since, random.between(60, 300));
    replaced.then(|| (card_number("1S00K00", number), last))
}

/// A Medicare Beneficiary Identifier as CMS gives them to synthetic people: the letter S, which no real one has, stands
/// second, and the letters S, L, O, I, B and Z are used nowhere else.
fn card_number(prefix: &str, number: u32) -> String {
    const LETTERS: &[u8] = b"ACDEFGHJKMNPQRTUVWXY";
    let letter = |position: u32| char::from(LETTERS[(position as usize) % LETTERS.len()]);
    let (first, second) = (letter(number / 2_000), letter(number / 100));
    format!("{prefix}{first}{second}{:02}", number % 100)
}

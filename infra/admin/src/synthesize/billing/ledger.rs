//! Who pays what: deductibles, coinsurance and the phases of Part D, as they are used up over the years.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::calendar::days_between;
use super::super::record::Cents;
use super::super::tables::drugs::{Class, Drug};
use super::super::tables::rates::rates;

/// What a person has paid so far.
#[derive(Default)]
pub(super) struct Ledger {
    /// Part B deductible paid, by year.
    part_b: BTreeMap<i16, Cents>,
    /// Last day in a hospital or nursing facility, with which a benefit period goes on.
    last_inpatient_day: Option<Date>,
    /// Part D: gross cost and the person's own spending, by year.
    drugs: BTreeMap<i16, (Cents, Cents)>,
}

/// How one allowed amount is shared.
#[derive(Clone, Copy)]
pub(super) struct Share {
    pub(super) allowed: Cents,
    pub(super) deductible: Cents,
    pub(super) coinsurance: Cents,
    pub(super) paid: Cents,
}

/// How the cost of one drug is shared.
#[derive(Default)]
pub(super) struct DrugShare {
    pub(super) cost: Cents,
    pub(super) patient: Cents,
    pub(super) low_income_subsidy: Cents,
    pub(super) gap_discount: Cents,
    pub(super) plan: Cents,
    pub(super) catastrophic: bool,
}

/// A benefit period ends when a person has been out of hospital and nursing facility for so many days.
const BENEFIT_PERIOD_GAP_DAYS: i64 = 60;
const COINSURANCE_PERCENT: Cents = 20;
/// In the coverage gap a person pays a quarter; makers of brand drugs take 70 per cent.
const GAP_PATIENT_PERCENT: Cents = 25;
const GAP_DISCOUNT_PERCENT: Cents = 70;
/// Since 2024 catastrophic coverage costs the person nothing.
const FREE_CATASTROPHIC_SINCE: i16 = 2024;

impl Ledger {
    /// Shares an amount under Part B: first the deductible, then a fifth, unless the service is free.
    pub(super) fn part_b(&mut self, day: Date, allowed: Cents, free: bool) -> Share {
        if free {
            return Share {
                allowed,
                deductible: 0,
                coinsurance: 0,
                paid: allowed,
            };
        }
        let used = self.part_b.entry(day.year()).or_default();
        let deductible = allowed.min(rates(day.year()).part_b_deductible - *used);
        *used += deductible;
        let coinsurance = percent(allowed - deductible, COINSURANCE_PERCENT);
        Share {
            allowed,
            deductible,
            coinsurance,
            paid: allowed - deductible - coinsurance,
        }
    }

    /// The Part A deductible that a stay costs: none where it belongs to the benefit period of an earlier one.
    pub(super) fn hospital_deductible(&mut self, from: Date, thru: Date) -> Cents {
        let last = self.last_inpatient_day.replace(thru);
        let same_period =
            last.is_some_and(|last| days_between(last, from) < BENEFIT_PERIOD_GAP_DAYS);
        if same_period {
            0
        } else {
            rates(from.year()).hospital_deductible
        }
    }

    /// What a day in a nursing facility costs from the twenty-first on: an eighth of the hospital deductible.
    pub(super) fn nursing_day_coinsurance(&mut self, from: Date, thru: Date) -> Cents {
        self.last_inpatient_day = Some(thru);
        rates(from.year()).hospital_deductible / 8
    }

    /// Shares the cost of a drug under Part D by the phase in which the person is.
    pub(super) fn drug(
        &mut self,
        day: Date,
        drug: &Drug,
        cost: Cents,
        low_income: bool,
    ) -> DrugShare {
        let year = day.year();
        let (gross, out_of_pocket) = self.drugs.entry(year).or_default();
        let catastrophic = *out_of_pocket >= rates(year).out_of_pocket_threshold;
        let in_gap = *gross >= rates(year).coverage_limit && !catastrophic;
        let patient = match (catastrophic, in_gap) {
            (true, _) if year >= FREE_CATASTROPHIC_SINCE => 0,
            (true, _) => percent(cost, 5),
            (_, true) => percent(cost, GAP_PATIENT_PERCENT),
            _ => copayment(drug.class, cost).min(cost),
        };
        // People with little income pay a small copayment; the subsidy pays what others would pay beyond it.
        let own = if low_income {
            patient.min(low_income_copayment(drug.class))
        } else {
            patient
        };
        let discounted =
            in_gap && !low_income && matches!(drug.class, Class::Brand | Class::Specialty);
        let gap_discount = if discounted {
            percent(cost, GAP_DISCOUNT_PERCENT)
        } else {
            0
        };
        let share = DrugShare {
            cost,
            patient: own,
            low_income_subsidy: patient - own,
            gap_discount,
            plan: cost - patient - gap_discount,
            catastrophic,
        };
        *gross += cost;
        *out_of_pocket += patient + gap_discount;
        share
    }
}

fn copayment(class: Class, cost: Cents) -> Cents {
    match class {
        Class::PreferredGeneric => 3_00,
        Class::Generic => 10_00,
        Class::Brand => 47_00,
        Class::Specialty => percent(cost, 25),
    }
}

fn low_income_copayment(class: Class) -> Cents {
    match class {
        Class::PreferredGeneric | Class::Generic => 1_45,
        Class::Brand | Class::Specialty => 4_30,
    }
}

/// That share of an amount, rounded to the cent.
fn percent(amount: Cents, percent: Cents) -> Cents {
    (amount * percent + 50) / 100
}

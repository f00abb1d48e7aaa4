//! What the programme charges its beneficiaries, by year, as published each autumn by the Centers for Medicare &
//! Medicaid Services. Years outside the table use the nearest one.

use super::super::record::Cents;

/// The cost-sharing figures of one year.
pub(crate) struct Rates {
    year: i16,
    /// Part B: what a person pays before Medicare does, once a year.
    pub(crate) part_b_deductible: Cents,
    /// Part A: what a person pays for the first sixty days of a benefit period.
    pub(crate) hospital_deductible: Cents,
    /// Part D: gross drug cost at which the coverage gap begins.
    pub(crate) coverage_limit: Cents,
    /// Part D: the person's own spending at which catastrophic coverage begins.
    pub(crate) out_of_pocket_threshold: Cents,
}

#[rustfmt::skip]
static RATES: &[Rates] = &[
    Rates { year: 2018, part_b_deductible: 183_00, hospital_deductible: 1_340_00, coverage_limit: 3_750_00, out_of_pocket_threshold: 5_000_00 },
    Rates { year: 2019, part_b_deductible: 185_00, hospital_deductible: 1_364_00, coverage_limit: 3_820_00, out_of_pocket_threshold: 5_100_00 },
    Rates { year: 2020, part_b_deductible: 198_00, hospital_deductible: 1_408_00, coverage_limit: 4_020_00, out_of_pocket_threshold: 6_350_00 },
    Rates { year: 2021, part_b_deductible: 203_00, hospital_deductible: 1_484_00, coverage_limit: 4_130_00, out_of_pocket_threshold: 6_550_00 },
    Rates { year: 2022, part_b_deductible: 233_00, hospital_deductible: 1_556_00, coverage_limit: 4_430_00, out_of_pocket_threshold: 7_050_00 },
    Rates { year: 2023, part_b_deductible: 226_00, hospital_deductible: 1_600_00, coverage_limit: 4_660_00, out_of_pocket_threshold: 7_400_00 },
    Rates { year: 2024, part_b_deductible: 240_00, hospital_deductible: 1_632_00, coverage_limit: 5_030_00, out_of_pocket_threshold: 8_000_00 },
    // From 2025 on there is no coverage gap: the limit lies beyond the threshold of the person's own spending.
    Rates { year: 2025, part_b_deductible: 257_00, hospital_deductible: 1_676_00, coverage_limit: Cents::MAX, out_of_pocket_threshold: 2_000_00 },
    Rates { year: 2026, part_b_deductible: 283_00, hospital_deductible: 1_736_00, coverage_limit: Cents::MAX, out_of_pocket_threshold: 2_100_00 },
];

/// The figures of that year.
pub(crate) fn rates(year: i16) -> &'static Rates {
    let known = RATES.iter().rev().find(|rates| rates.year <= year);
    known.unwrap_or(&RATES[0])
}

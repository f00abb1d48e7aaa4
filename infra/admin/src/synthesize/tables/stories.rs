//! Life stories: which conditions come together, and what turn a life takes within the four years.
//!
//! A person's number chooses the story, so that every run of twenty people has all eight claim types.

use super::conditions::{self as c, Condition, Supplies};
use super::facilities::{self, Admission};
use super::services;

/// One story.
pub(crate) struct Story {
    pub(crate) conditions: &'static [&'static Condition],
    /// Conditions that begin with the turn.
    pub(crate) afterwards: &'static [&'static Condition],
    /// Age at the end of the period, from and to.
    pub(crate) age: (i64, i64),
    pub(crate) women_only: bool,
    /// Entitled by disability and poor enough for Medicaid, rather than by age.
    pub(crate) disabled: bool,
    /// Per cent of these people who have Medicaid too.
    pub(crate) medicaid_percent: u32,
    pub(crate) turn: Option<Turn>,
    pub(crate) ending: Ending,
    /// Was in a Medicare Advantage plan before, whose claims Medicare does not see.
    pub(crate) came_from_advantage: bool,
}

/// An admission and what follows it.
pub(crate) struct Turn {
    pub(crate) admission: &'static Admission,
    pub(crate) nursing_days: i64,
    pub(crate) home_health_periods: i64,
    pub(crate) equipment: Option<Supplies>,
}

/// How the story ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    LivesOn,
    DiesInHospice,
}

const fn story(conditions: &'static [&'static Condition], age: (i64, i64)) -> Story {
    Story {
        conditions,
        afterwards: &[],
        age,
        women_only: false,
        disabled: false,
        medicaid_percent: 10,
        turn: None,
        ending: Ending::LivesOn,
        came_from_advantage: false,
    }
}

const fn turn(
    admission: &'static Admission,
    nursing_days: i64,
    home_health_periods: i64,
    equipment: Option<Supplies>,
) -> Option<Turn> {
    Some(Turn {
        admission,
        nursing_days,
        home_health_periods,
        equipment,
    })
}

const WALKER: Option<Supplies> = Some(Supplies {
    items: &[&services::WALKER],
    supplier: "54",
    every_days: 1,
    deliveries_max: 1,
});

const WHEELCHAIR: Option<Supplies> = Some(Supplies {
    items: &[&services::WHEELCHAIR],
    supplier: "54",
    every_days: 30,
    deliveries_max: 6,
});

pub(crate) static STORIES: [Story; 20] = [
    story(
        &[&c::TYPE_2_DIABETES, &c::HYPERTENSION, &c::HYPERLIPIDEMIA],
        (67, 82),
    ),
    story(&[&c::HYPERTENSION], (70, 88)),
    Story {
        turn: turn(&facilities::LUNG_DISEASE_CRISIS, 0, 0, None),
        ..story(&[&c::LUNG_DISEASE, &c::RESISTANT_HYPERTENSION], (70, 84))
    },
    Story {
        turn: turn(&facilities::BOWEL_RESECTION, 0, 0, None),
        afterwards: &[&c::COLON_CANCER],
        ending: Ending::DiesInHospice,
        ..story(&[&c::HYPERTENSION], (72, 86))
    },
    Story {
        turn: turn(&facilities::HEART_FAILURE_CRISIS, 0, 2, None),
        ..story(
            &[&c::HEART_FAILURE, &c::KIDNEY_DISEASE, &c::HYPERLIPIDEMIA],
            (72, 88),
        )
    },
    story(
        &[&c::HYPERTENSION, &c::HYPERLIPIDEMIA, &c::REFLUX],
        (66, 80),
    ),
    Story {
        turn: turn(&facilities::HIP_FRACTURE, 21, 2, WALKER),
        ..story(&[&c::OSTEOPOROSIS, &c::HYPERTENSION], (78, 92))
    },
    story(&[&c::DEPRESSION, &c::OSTEOARTHRITIS], (66, 79)),
    Story {
        turn: turn(&facilities::STROKE, 18, 2, WHEELCHAIR),
        afterwards: &[&c::STROKE_AFTERMATH],
        ..story(&[&c::RESISTANT_HYPERTENSION, &c::HYPERLIPIDEMIA], (74, 88))
    },
    Story {
        turn: turn(&facilities::KNEE_REPLACEMENT, 0, 1, WALKER),
        ..story(&[&c::OSTEOARTHRITIS, &c::HYPERLIPIDEMIA], (68, 80))
    },
    Story {
        medicaid_percent: 40,
        ..story(
            &[
                &c::INSULIN_TREATED_DIABETES,
                &c::KIDNEY_DISEASE,
                &c::HYPERTENSION,
            ],
            (69, 83),
        )
    },
    Story {
        came_from_advantage: true,
        ..story(&[&c::HYPOTHYROIDISM, &c::CATARACT], (69, 78))
    },
    Story {
        disabled: true,
        medicaid_percent: 70,
        turn: turn(&facilities::ALCOHOL_WITHDRAWAL, 0, 0, None),
        ..story(
            &[&c::DEPRESSION, &c::BACK_PAIN, &c::ALCOHOL_DEPENDENCE],
            (45, 62),
        )
    },
    Story {
        medicaid_percent: 35,
        ..story(&[&c::DEMENTIA, &c::HYPERTENSION], (79, 93))
    },
    Story {
        turn: turn(&facilities::HEART_ATTACK, 0, 0, None),
        afterwards: &[&c::CORONARY_DISEASE],
        ..story(&[&c::HYPERLIPIDEMIA, &c::HYPERTENSION], (68, 82))
    },
    story(&[&c::ATRIAL_FIBRILLATION, &c::HYPERTENSION], (72, 87)),
    Story {
        turn: turn(&facilities::PNEUMONIA, 0, 0, None),
        ..story(&[&c::HYPERTENSION, &c::REFLUX], (75, 90))
    },
    Story {
        medicaid_percent: 100,
        ..story(
            &[
                &c::TYPE_2_DIABETES,
                &c::RESISTANT_HYPERTENSION,
                &c::DEPRESSION,
            ],
            (68, 80),
        )
    },
    Story {
        women_only: true,
        ..story(&[&c::BREAST_CANCER, &c::HYPERLIPIDEMIA], (67, 79))
    },
    // Turned 65 within the four years: enrolment begins in the middle of a year.
    story(&[&c::OSTEOARTHRITIS, &c::HYPERLIPIDEMIA], (65, 67)),
];

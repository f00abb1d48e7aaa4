//! Chronic conditions: the diagnosis, who follows it, the tests it needs, the drugs that treat it, the supplies it
//! uses.

use super::drugs::{self, Drug};
use super::facilities::{self, Department};
use super::services::{self, Service};

/// A chronic condition and the care that goes with it.
pub(crate) struct Condition {
    /// ICD-10-CM.
    pub(crate) diagnosis: &'static str,
    /// The specialist who sees the person once or twice a year, as a CMS specialty code.
    pub(crate) specialist: Option<&'static str>,
    /// What the specialist does at each visit, besides talking.
    pub(crate) examination: &'static [&'static Service],
    /// What the laboratory measures twice a year.
    pub(crate) tests: &'static [&'static Service],
    pub(crate) drugs: &'static [&'static Drug],
    /// Delivered every so many days.
    pub(crate) supplies: Option<Supplies>,
    /// Named only on the claims of those who treat it, not by the family doctor.
    pub(crate) confidential: bool,
    /// Appointments in the hospital's outpatient department.
    pub(crate) appointments: Option<Appointments>,
}

/// Appointments in an outpatient department: how far apart and how many at most.
#[derive(Clone, Copy)]
pub(crate) struct Appointments {
    pub(crate) department: &'static Department,
    pub(crate) every_days: i64,
    pub(crate) count_max: usize,
}

/// Equipment or supplies that come again and again.
#[derive(Clone, Copy)]
pub(crate) struct Supplies {
    pub(crate) items: &'static [&'static Service],
    /// CMS specialty code of the supplier: pharmacy, oxygen or medical supply company.
    pub(crate) supplier: &'static str,
    pub(crate) every_days: i64,
    pub(crate) deliveries_max: usize,
}

const fn condition(diagnosis: &'static str) -> Condition {
    Condition {
        diagnosis,
        specialist: None,
        examination: &[],
        tests: &[],
        drugs: &[],
        supplies: None,
        confidential: false,
        appointments: None,
    }
}

const fn appointments(
    department: &'static Department,
    every_days: i64,
    count_max: usize,
) -> Option<Appointments> {
    Some(Appointments {
        department,
        every_days,
        count_max,
    })
}

pub(crate) static HYPERTENSION: Condition = Condition {
    tests: &[&services::METABOLIC_PANEL],
    drugs: &[&drugs::LISINOPRIL],
    ..condition("I10")
};

pub(crate) static RESISTANT_HYPERTENSION: Condition = Condition {
    tests: &[&services::METABOLIC_PANEL],
    drugs: &[&drugs::LOSARTAN, &drugs::AMLODIPINE],
    ..condition("I10")
};

pub(crate) static HYPERLIPIDEMIA: Condition = Condition {
    tests: &[&services::LIPID_PANEL],
    drugs: &[&drugs::ATORVASTATIN],
    ..condition("E785")
};

pub(crate) static TYPE_2_DIABETES: Condition = Condition {
    specialist: Some("18"),
    examination: &[&services::EYE_EXAM, &services::RETINAL_PHOTOGRAPHY],
    tests: &[&services::HEMOGLOBIN_A1C, &services::URINE_ALBUMIN],
    drugs: &[&drugs::METFORMIN],
    ..condition("E119")
};

pub(crate) static INSULIN_TREATED_DIABETES: Condition = Condition {
    specialist: Some("46"),
    examination: &[&services::LONG_OFFICE_VISIT],
    tests: &[&services::HEMOGLOBIN_A1C, &services::URINE_ALBUMIN],
    drugs: &[&drugs::INSULIN_GLARGINE, &drugs::METFORMIN],
    supplies: Some(Supplies {
        items: &[&services::TEST_STRIPS, &services::LANCETS],
        supplier: "A5",
        every_days: 90,
        deliveries_max: 16,
    }),
    ..condition("E1122")
};

pub(crate) static KIDNEY_DISEASE: Condition = Condition {
    specialist: Some("39"),
    examination: &[&services::LONG_OFFICE_VISIT],
    tests: &[&services::METABOLIC_PANEL, &services::BLOOD_COUNT],
    ..condition("N1831")
};

pub(crate) static LUNG_DISEASE: Condition = Condition {
    specialist: Some("29"),
    examination: &[&services::LONG_OFFICE_VISIT, &services::SPIROMETRY],
    drugs: &[&drugs::ALBUTEROL, &drugs::TIOTROPIUM],
    supplies: Some(Supplies {
        items: &[&services::OXYGEN_CONCENTRATOR, &services::PORTABLE_OXYGEN],
        supplier: "B1",
        every_days: 30,
        deliveries_max: 12,
    }),
    appointments: appointments(&facilities::CHEST_IMAGING, 365, 4),
    ..condition("J449")
};

pub(crate) static HEART_FAILURE: Condition = Condition {
    specialist: Some("06"),
    examination: &[&services::LONG_OFFICE_VISIT, &services::ELECTROCARDIOGRAM],
    tests: &[&services::METABOLIC_PANEL, &services::NATRIURETIC_PEPTIDE],
    drugs: &[
        &drugs::FUROSEMIDE,
        &drugs::METOPROLOL,
        &drugs::SACUBITRIL_VALSARTAN,
    ],
    appointments: appointments(&facilities::ECHOCARDIOGRAPHY, 365, 4),
    ..condition("I5022")
};

pub(crate) static CORONARY_DISEASE: Condition = Condition {
    specialist: Some("06"),
    examination: &[&services::LONG_OFFICE_VISIT, &services::ELECTROCARDIOGRAM],
    tests: &[&services::LIPID_PANEL],
    drugs: &[&drugs::CLOPIDOGREL, &drugs::METOPROLOL],
    ..condition("I2510")
};

pub(crate) static ATRIAL_FIBRILLATION: Condition = Condition {
    specialist: Some("06"),
    examination: &[&services::OFFICE_VISIT, &services::ELECTROCARDIOGRAM],
    tests: &[&services::PROTHROMBIN_TIME, &services::BLOOD_COUNT],
    drugs: &[&drugs::APIXABAN],
    appointments: appointments(&facilities::ECHOCARDIOGRAPHY, 365, 4),
    ..condition("I4891")
};

pub(crate) static OSTEOARTHRITIS: Condition = Condition {
    specialist: Some("20"),
    examination: &[
        &services::OFFICE_VISIT,
        &services::KNEE_XRAY,
        &services::JOINT_INJECTION,
    ],
    drugs: &[&drugs::CELECOXIB],
    ..condition("M1711")
};

pub(crate) static OSTEOPOROSIS: Condition = Condition {
    drugs: &[&drugs::ALENDRONATE],
    appointments: appointments(&facilities::BONE_DENSITY_SCAN, 730, 2),
    ..condition("M810")
};

pub(crate) static DEPRESSION: Condition = Condition {
    specialist: Some("26"),
    examination: &[&services::PSYCHOTHERAPY],
    drugs: &[&drugs::SERTRALINE],
    ..condition("F339")
};

pub(crate) static DEMENTIA: Condition = Condition {
    specialist: Some("13"),
    examination: &[&services::LONG_OFFICE_VISIT],
    drugs: &[&drugs::DONEPEZIL],
    ..condition("G309")
};

pub(crate) static HYPOTHYROIDISM: Condition = Condition {
    tests: &[&services::THYROID_TEST],
    drugs: &[&drugs::LEVOTHYROXINE],
    ..condition("E039")
};

pub(crate) static REFLUX: Condition = Condition {
    drugs: &[&drugs::OMEPRAZOLE],
    ..condition("K219")
};

pub(crate) static STROKE_AFTERMATH: Condition = Condition {
    specialist: Some("13"),
    examination: &[&services::LONG_OFFICE_VISIT],
    drugs: &[&drugs::CLOPIDOGREL],
    ..condition("I69351")
};

pub(crate) static BREAST_CANCER: Condition = Condition {
    specialist: Some("83"),
    examination: &[&services::LONG_OFFICE_VISIT, &services::MAMMOGRAM],
    tests: &[&services::BLOOD_COUNT, &services::METABOLIC_PANEL],
    drugs: &[&drugs::ANASTROZOLE, &drugs::PALBOCICLIB],
    appointments: appointments(&facilities::INFUSION_CENTER, 21, 6),
    ..condition("C50911")
};

pub(crate) static COLON_CANCER: Condition = Condition {
    specialist: Some("83"),
    examination: &[&services::LONG_OFFICE_VISIT, &services::CHEMOTHERAPY],
    tests: &[&services::BLOOD_COUNT, &services::METABOLIC_PANEL],
    appointments: appointments(&facilities::INFUSION_CENTER, 21, 6),
    ..condition("C187")
};

pub(crate) static BACK_PAIN: Condition = Condition {
    specialist: Some("65"),
    examination: &[&services::THERAPEUTIC_EXERCISE],
    appointments: appointments(&facilities::PHYSICAL_THERAPY, 14, 6),
    ..condition("M5450")
};

pub(crate) static CATARACT: Condition = Condition {
    specialist: Some("18"),
    examination: &[&services::EYE_EXAM],
    appointments: appointments(&facilities::CATARACT_ROOM, 60, 2),
    ..condition("H2511")
};

/// Substance-use care is protected by 42 CFR part 2: such claims stay out of answers without extra consent.
pub(crate) static ALCOHOL_DEPENDENCE: Condition = Condition {
    specialist: Some("79"),
    examination: &[&services::PSYCHOTHERAPY],
    drugs: &[&drugs::NALTREXONE],
    confidential: true,
    ..condition("F1020")
};

/// An illness of some days: what it is, what was done, what was prescribed.
pub(crate) struct Illness {
    pub(crate) diagnosis: &'static str,
    pub(crate) services: &'static [&'static Service],
    pub(crate) drug: Option<&'static Drug>,
}

pub(crate) static ILLNESSES: &[Illness] = &[
    Illness {
        diagnosis: "J069",
        services: &[&services::OFFICE_VISIT],
        drug: None,
    },
    Illness {
        diagnosis: "J209",
        services: &[&services::OFFICE_VISIT, &services::CHEST_XRAY],
        drug: Some(&drugs::AZITHROMYCIN),
    },
    Illness {
        diagnosis: "N390",
        services: &[&services::OFFICE_VISIT, &services::URINALYSIS],
        drug: Some(&drugs::NITROFURANTOIN),
    },
    Illness {
        diagnosis: "J0190",
        services: &[&services::OFFICE_VISIT],
        drug: Some(&drugs::AMOXICILLIN),
    },
    Illness {
        diagnosis: "L309",
        services: &[&services::OFFICE_VISIT],
        drug: Some(&drugs::PREDNISONE),
    },
    Illness {
        diagnosis: "M25511",
        services: &[&services::LONG_OFFICE_VISIT, &services::JOINT_INJECTION],
        drug: None,
    },
];

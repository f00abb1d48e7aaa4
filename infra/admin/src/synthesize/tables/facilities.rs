//! Hospital stays and outpatient departments: groups, procedures and revenue lines.

use super::super::record::Cents;
use super::services::{self, Service};

/// An inpatient admission that Medicare pays by diagnosis-related group.
pub(crate) struct Admission {
    /// MS-DRG and its weight in ten-thousandths.
    pub(crate) group: &'static str,
    pub(crate) weight: i64,
    /// CMS type of admission: 1 emergency, 3 elective.
    pub(crate) kind: &'static str,
    /// Why the person came, what it was, what else there was (ICD-10-CM).
    pub(crate) admitting: &'static str,
    pub(crate) principal: &'static str,
    pub(crate) secondary: &'static [&'static str],
    /// What nursing facility, home health agency and suppliers write afterwards (ICD-10-CM).
    pub(crate) aftercare: &'static str,
    /// ICD-10-PCS.
    pub(crate) procedures: &'static [&'static str],
    pub(crate) days: i64,
    /// Revenue centre and daily charge of the room; then all other revenue lines.
    pub(crate) room: (&'static str, Cents),
    pub(crate) charges: &'static [(&'static str, Cents)],
    /// The operation, billed by the surgeon of that specialty.
    pub(crate) surgery: Option<(&'static str, &'static Service)>,
}

/// A visit to a hospital's outpatient department.
pub(crate) struct Department {
    /// Blank where the chronic condition itself is the reason.
    pub(crate) diagnosis: &'static str,
    /// What the physician does there, billed apart, with the CMS specialty code.
    pub(crate) physician: Option<(&'static str, &'static Service)>,
    pub(crate) lines: &'static [DepartmentLine],
}

/// One revenue line of the outpatient department.
pub(crate) struct DepartmentLine {
    pub(crate) revenue_center: &'static str,
    pub(crate) hcpcs: &'static str,
    pub(crate) modifier: &'static str,
    /// National Drug Code of a drug given by injection, and how many millilitres of it.
    pub(crate) drug: Option<(&'static str, i64)>,
    /// Ambulatory payment classification; blank where the line is packaged into another.
    pub(crate) payment_class: &'static str,
    /// OPPS status: S or T procedures, V visits, X ancillary, N packaged, A by fee schedule, K drugs.
    pub(crate) status: &'static str,
    pub(crate) charge: Cents,
    pub(crate) allowed: Cents,
    /// Laboratory tests and screenings cost the person nothing.
    pub(crate) free: bool,
}

pub(crate) static PNEUMONIA: Admission = Admission {
    group: "194",
    weight: 8_639,
    kind: "1",
    admitting: "R0602",
    principal: "J189",
    secondary: &["I10", "E785", "E8720"],
    aftercare: "J189",
    procedures: &[],
    days: 4,
    room: ("0120", 1_840_00),
    charges: &[
        ("0250", 2_310_40),
        ("0258", 412_75),
        ("0270", 388_10),
        ("0300", 1_964_20),
        ("0306", 702_35),
        ("0324", 655_00),
        ("0410", 1_126_80),
        ("0420", 318_60),
        ("0450", 1_875_90),
        ("0730", 421_00),
    ],
    surgery: None,
};

pub(crate) static KNEE_REPLACEMENT: Admission = Admission {
    group: "470",
    weight: 18_999,
    kind: "3",
    admitting: "M1711",
    principal: "M1711",
    secondary: &["I10", "E785"],
    aftercare: "Z471",
    procedures: &["0SRC0J9"],
    days: 2,
    room: ("0120", 1_910_00),
    charges: &[
        ("0250", 1_844_65),
        ("0258", 377_20),
        ("0270", 2_204_35),
        ("0278", 18_460_00),
        ("0300", 892_15),
        ("0320", 511_40),
        ("0360", 14_225_00),
        ("0370", 3_180_50),
        ("0420", 964_80),
        ("0430", 541_30),
        ("0710", 1_990_25),
    ],
    surgery: Some(("20", &services::KNEE_REPLACEMENT)),
};

pub(crate) static HIP_FRACTURE: Admission = Admission {
    group: "481",
    weight: 21_265,
    kind: "1",
    admitting: "S72141A",
    principal: "S72141A",
    secondary: &["I10", "M810", "D62"],
    aftercare: "S72141D",
    procedures: &["0QS634Z"],
    days: 5,
    room: ("0120", 1_910_00),
    charges: &[
        ("0250", 2_912_60),
        ("0270", 1_704_90),
        ("0278", 7_860_00),
        ("0300", 2_215_30),
        ("0320", 1_022_80),
        ("0360", 12_640_00),
        ("0370", 3_420_75),
        ("0390", 1_280_00),
        ("0420", 1_405_20),
        ("0450", 2_140_35),
    ],
    surgery: Some(("20", &services::HIP_FRACTURE_REPAIR)),
};

pub(crate) static STROKE: Admission = Admission {
    group: "065",
    weight: 10_171,
    kind: "1",
    admitting: "R4701",
    principal: "I639",
    secondary: &["I10", "E785", "G8191"],
    aftercare: "I69351",
    procedures: &["B030ZZZ"],
    days: 5,
    room: ("0206", 2_680_00),
    charges: &[
        ("0250", 1_960_30),
        ("0270", 544_10),
        ("0300", 1_802_25),
        ("0351", 2_210_00),
        ("0420", 1_188_40),
        ("0430", 922_60),
        ("0450", 2_330_70),
        ("0483", 1_940_00),
        ("0730", 421_00),
    ],
    surgery: None,
};

pub(crate) static HEART_ATTACK: Admission = Admission {
    group: "247",
    weight: 19_576,
    kind: "1",
    admitting: "R079",
    principal: "I214",
    secondary: &["I2510", "I10", "E785"],
    aftercare: "I214",
    procedures: &["027034Z", "4A023N7"],
    days: 3,
    room: ("0210", 3_350_00),
    charges: &[
        ("0250", 3_105_80),
        ("0270", 2_960_40),
        ("0278", 9_870_00),
        ("0300", 2_044_90),
        ("0450", 2_512_15),
        ("0481", 16_340_00),
        ("0730", 842_00),
    ],
    surgery: Some(("06", &services::CORONARY_STENT)),
};

pub(crate) static HEART_FAILURE_CRISIS: Admission = Admission {
    group: "291",
    weight: 12_683,
    kind: "1",
    admitting: "R0602",
    principal: "I110",
    secondary: &["I5023", "N1831", "E876"],
    aftercare: "I110",
    procedures: &[],
    days: 5,
    room: ("0206", 2_540_00),
    charges: &[
        ("0250", 2_418_60),
        ("0270", 402_15),
        ("0300", 2_366_40),
        ("0324", 655_00),
        ("0410", 988_20),
        ("0450", 1_990_45),
        ("0483", 1_940_00),
        ("0730", 421_00),
    ],
    surgery: None,
};

pub(crate) static LUNG_DISEASE_CRISIS: Admission = Admission {
    group: "190",
    weight: 11_138,
    kind: "1",
    admitting: "R0602",
    principal: "J441",
    secondary: &["J9601", "I10"],
    aftercare: "J449",
    procedures: &["5A09357"],
    days: 4,
    room: ("0120", 1_840_00),
    charges: &[
        ("0250", 2_102_35),
        ("0258", 398_40),
        ("0300", 1_820_60),
        ("0324", 655_00),
        ("0410", 2_640_80),
        ("0450", 1_875_90),
        ("0460", 520_00),
    ],
    surgery: None,
};

pub(crate) static BOWEL_RESECTION: Admission = Admission {
    group: "330",
    weight: 25_241,
    kind: "2",
    admitting: "K56609",
    principal: "C187",
    secondary: &["C787", "D630", "E440"],
    aftercare: "C187",
    procedures: &["0DTG0ZZ"],
    days: 7,
    room: ("0120", 1_910_00),
    charges: &[
        ("0250", 4_210_25),
        ("0258", 960_10),
        ("0270", 2_870_60),
        ("0300", 2_985_40),
        ("0310", 1_320_00),
        ("0352", 3_240_00),
        ("0360", 13_850_00),
        ("0370", 4_060_30),
        ("0710", 2_010_00),
    ],
    surgery: None,
};

pub(crate) static ALCOHOL_WITHDRAWAL: Admission = Admission {
    group: "897",
    weight: 7_542,
    kind: "1",
    admitting: "R569",
    principal: "F10239",
    secondary: &["F339", "I10"],
    aftercare: "F1020",
    procedures: &["HZ2ZZZZ"],
    days: 4,
    room: ("0126", 1_720_00),
    charges: &[
        ("0250", 1_240_70),
        ("0258", 366_30),
        ("0300", 1_510_85),
        ("0450", 1_790_20),
        ("0942", 480_00),
    ],
    surgery: None,
};

const fn line(
    revenue_center: &'static str,
    hcpcs: &'static str,
    (payment_class, status): (&'static str, &'static str),
    charge: Cents,
    allowed: Cents,
) -> DepartmentLine {
    DepartmentLine {
        revenue_center,
        hcpcs,
        modifier: "",
        drug: None,
        payment_class,
        status,
        charge,
        allowed,
        free: false,
    }
}

const fn free(mut line: DepartmentLine) -> DepartmentLine {
    line.free = true;
    line
}

const fn modified(mut line: DepartmentLine, modifier: &'static str) -> DepartmentLine {
    line.modifier = modifier;
    line
}

const fn injected(
    mut line: DepartmentLine,
    code: &'static str,
    millilitres: i64,
) -> DepartmentLine {
    line.drug = Some((code, millilitres));
    line
}

pub(crate) static EMERGENCY_ROOM: Department = Department {
    diagnosis: "R079",
    physician: Some(("93", &services::EMERGENCY_VISIT)),
    lines: &[
        line("0450", "99284", ("0612", "V"), 1_480_00, 377_20),
        free(line("0301", "80053", ("", "A"), 212_00, 10_56)),
        free(line("0305", "85025", ("", "A"), 98_00, 7_77)),
        line("0324", "71046", ("0260", "X"), 412_00, 86_90),
        line("0730", "93005", ("0099", "S"), 305_00, 26_10),
        line("0250", "", ("", "N"), 64_20, 0),
    ],
};

pub(crate) static EMERGENCY_ROOM_AFTER_FALL: Department = Department {
    diagnosis: "S0083XA",
    physician: Some(("93", &services::EMERGENCY_VISIT)),
    lines: &[
        line("0450", "99284", ("0612", "V"), 1_480_00, 377_20),
        line("0351", "70450", ("0283", "S"), 2_210_00, 193_80),
        line("0320", "73562", ("0260", "X"), 388_00, 86_90),
        line("0250", "", ("", "N"), 38_60, 0),
    ],
};

pub(crate) static CHEST_IMAGING: Department = Department {
    diagnosis: "",
    physician: None,
    lines: &[
        line("0324", "71046", ("0260", "X"), 412_00, 86_90),
        line("0460", "94060", ("0368", "X"), 518_00, 131_40),
    ],
};

pub(crate) static ECHOCARDIOGRAPHY: Department = Department {
    diagnosis: "",
    physician: None,
    lines: &[line("0483", "93306", ("0269", "S"), 1_940_00, 509_80)],
};

pub(crate) static BONE_DENSITY_SCAN: Department = Department {
    diagnosis: "",
    physician: None,
    lines: &[line("0320", "77080", ("0260", "S"), 486_00, 108_30)],
};

pub(crate) static SCREENING_COLONOSCOPY: Department = Department {
    diagnosis: "Z1211",
    physician: Some(("10", &services::COLONOSCOPY)),
    lines: &[
        free(line("0750", "G0121", ("0158", "T"), 2_860_00, 816_40)),
        line("0250", "", ("", "N"), 118_40, 0),
        line("0370", "", ("", "N"), 640_00, 0),
        line("0710", "", ("", "N"), 415_00, 0),
    ],
};

pub(crate) static CATARACT_ROOM: Department = Department {
    diagnosis: "",
    physician: Some(("18", &services::CATARACT_SURGERY)),
    lines: &[
        modified(
            line("0360", "66984", ("0246", "T"), 6_240_00, 2_079_60),
            "RT",
        ),
        line("0276", "V2632", ("", "N"), 780_00, 0),
        line("0250", "", ("", "N"), 212_60, 0),
        line("0710", "", ("", "N"), 388_00, 0),
    ],
};

pub(crate) static INFUSION_CENTER: Department = Department {
    diagnosis: "",
    physician: None,
    lines: &[
        line("0335", "96413", ("0117", "S"), 1_120_00, 324_70),
        injected(
            line("0636", "J9190", ("", "N"), 86_40, 0),
            "16729027611",
            20,
        ),
        injected(line("0636", "J2405", ("", "N"), 41_20, 0), "00409475503", 4),
        free(line("0305", "85025", ("", "A"), 98_00, 7_77)),
        free(line("0301", "80053", ("", "A"), 212_00, 10_56)),
    ],
};

pub(crate) static PHYSICAL_THERAPY: Department = Department {
    diagnosis: "",
    physician: None,
    lines: &[
        modified(line("0420", "97110", ("", "A"), 264_00, 58_60), "GP"),
        modified(line("0420", "97140", ("", "A"), 188_00, 27_40), "GP"),
    ],
};

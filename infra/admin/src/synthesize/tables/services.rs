//! Services of physicians, laboratories and suppliers (HCPCS), with their BETOS class and what Medicare allows.

use super::super::record::Cents;

/// One service or item as it stands on a Part B line.
pub(crate) struct Service {
    pub(crate) hcpcs: &'static str,
    pub(crate) modifier: &'static str,
    /// National Drug Code of what was given, if it was a drug.
    pub(crate) ndc: &'static str,
    pub(crate) betos: &'static str,
    /// CMS type of service.
    pub(crate) kind: &'static str,
    pub(crate) units: i64,
    pub(crate) allowed: Cents,
    /// Laboratory tests and preventive care cost the person nothing: no deductible, no coinsurance.
    pub(crate) free: bool,
}

const fn usual(
    hcpcs: &'static str,
    betos: &'static str,
    kind: &'static str,
    allowed: Cents,
) -> Service {
    Service {
        hcpcs,
        modifier: "",
        ndc: "",
        betos,
        kind,
        units: 1,
        allowed,
        free: false,
    }
}

const fn free(
    hcpcs: &'static str,
    betos: &'static str,
    kind: &'static str,
    allowed: Cents,
) -> Service {
    let mut service = usual(hcpcs, betos, kind, allowed);
    service.free = true;
    service
}

const fn with(mut service: Service, modifier: &'static str, units: i64) -> Service {
    service.modifier = modifier;
    service.units = units;
    service
}

// Visits.
pub(crate) static OFFICE_VISIT: Service = usual("99213", "M1B", "1", 92_05);
pub(crate) static LONG_OFFICE_VISIT: Service = usual("99214", "M1B", "1", 129_77);
pub(crate) static WELLNESS_VISIT: Service = free("G0439", "M1B", "1", 129_60);
pub(crate) static HOSPITAL_FIRST_DAY: Service = usual("99223", "M2A", "1", 191_30);
pub(crate) static HOSPITAL_DAY: Service = usual("99232", "M2B", "1", 80_85);
pub(crate) static EMERGENCY_VISIT: Service = usual("99284", "M3", "1", 121_20);
pub(crate) static NURSING_HOME_VISIT: Service = usual("99309", "M4B", "1", 103_60);
pub(crate) static PSYCHOTHERAPY: Service = usual("90834", "M5B", "T", 103_90);
pub(crate) static EYE_EXAM: Service = usual("92014", "M5C", "1", 123_80);

// Laboratory.
pub(crate) static BLOOD_DRAW: Service = free("36415", "T1A", "5", 8_57);
pub(crate) static HEMOGLOBIN_A1C: Service = free("83036", "T1H", "5", 9_71);
pub(crate) static METABOLIC_PANEL: Service = free("80053", "T1B", "5", 10_56);
pub(crate) static LIPID_PANEL: Service = free("80061", "T1B", "5", 13_39);
pub(crate) static BLOOD_COUNT: Service = free("85025", "T1D", "5", 7_77);
pub(crate) static URINALYSIS: Service = free("81001", "T1C", "5", 3_17);
pub(crate) static URINE_ALBUMIN: Service = free("82043", "T1H", "5", 5_78);
pub(crate) static THYROID_TEST: Service = free("84443", "T1H", "5", 16_80);
pub(crate) static NATRIURETIC_PEPTIDE: Service = free("83880", "T1H", "5", 39_26);
pub(crate) static PROTHROMBIN_TIME: Service = free("85610", "T1G", "5", 4_29);

// Tests and imaging.
pub(crate) static ELECTROCARDIOGRAM: Service = usual("93000", "T2A", "5", 15_40);
pub(crate) static SPIROMETRY: Service = usual("94010", "T2D", "5", 27_10);
pub(crate) static RETINAL_PHOTOGRAPHY: Service = usual("92250", "T2D", "5", 37_60);
pub(crate) static CHEST_XRAY: Service = usual("71046", "I1A", "4", 26_30);
pub(crate) static KNEE_XRAY: Service = with(usual("73562", "I1B", "4", 34_70), "RT", 1);
pub(crate) static MAMMOGRAM: Service = free("77067", "I1C", "4", 132_60);
pub(crate) static ECHOCARDIOGRAM: Service = usual("93306", "I3C", "4", 197_40);

// Treatment.
pub(crate) static FLU_VACCINE: Service = Service {
    ndc: "49281012465",
    ..free("90662", "O1G", "V", 69_94)
};
pub(crate) static VACCINE_ADMINISTRATION: Service = free("G0008", "O1G", "V", 31_10);
pub(crate) static JOINT_INJECTION: Service = with(usual("20610", "P6B", "2", 64_20), "RT", 1);
pub(crate) static THERAPEUTIC_EXERCISE: Service = with(usual("97110", "M5D", "W", 58_60), "GP", 2);
pub(crate) static HIP_FRACTURE_REPAIR: Service =
    with(usual("27236", "P3A", "2", 1_178_30), "RT", 1);
pub(crate) static KNEE_REPLACEMENT: Service = with(usual("27447", "P3C", "2", 1_264_80), "RT", 1);
pub(crate) static CORONARY_STENT: Service = usual("92928", "P2D", "2", 596_10);
pub(crate) static ANESTHESIA: Service = with(usual("01402", "P0", "7", 248_90), "AA", 7);
pub(crate) static CATARACT_SURGERY: Service = with(usual("66984", "P4B", "2", 548_70), "RT", 1);
pub(crate) static COLONOSCOPY: Service = free("G0121", "P8D", "2", 184_30);
pub(crate) static CHEMOTHERAPY: Service = usual("96413", "O1D", "1", 131_90);
pub(crate) static AMBULANCE: Service = with(usual("A0427", "O1A", "D", 512_60), "RH", 1);

// Equipment and supplies.
pub(crate) static TEST_STRIPS: Service = with(usual("A4253", "D1E", "P", 33_28), "KX", 4);
pub(crate) static LANCETS: Service = with(usual("A4259", "D1E", "P", 3_12), "KX", 2);
pub(crate) static OXYGEN_CONCENTRATOR: Service = with(usual("E1390", "D1C", "R", 96_70), "RR", 1);
pub(crate) static PORTABLE_OXYGEN: Service = with(usual("E0431", "D1C", "R", 19_60), "RR", 1);
pub(crate) static WALKER: Service = with(usual("E0143", "D1E", "P", 73_30), "NU", 1);
pub(crate) static WHEELCHAIR: Service = with(usual("K0001", "D1D", "R", 29_80), "RR", 1);

//! Drugs by National Drug Code (eleven digits: labeler, product, package), with the supply of one fill and its price.

use super::super::record::Cents;

/// A drug as the pharmacy dispenses it.
pub(crate) struct Drug {
    pub(crate) ndc: &'static str,
    pub(crate) quantity: i64,
    pub(crate) days: i64,
    pub(crate) cost: Cents,
    pub(crate) class: Class,
}

/// How plans class a drug, which decides the copayment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    PreferredGeneric,
    Generic,
    Brand,
    /// Dear enough that the person pays a quarter of it.
    Specialty,
}

use Class::{Brand, Generic, PreferredGeneric, Specialty};

const fn drug(ndc: &'static str, quantity: i64, days: i64, cost: Cents, class: Class) -> Drug {
    Drug {
        ndc,
        quantity,
        days,
        cost,
        class,
    }
}

pub(crate) static METFORMIN: Drug = drug("00093104810", 180, 90, 11_40, PreferredGeneric);
pub(crate) static GLIMEPIRIDE: Drug = drug("55111032101", 90, 90, 14_90, PreferredGeneric);
pub(crate) static INSULIN_GLARGINE: Drug = drug("00088221905", 15, 60, 447_30, Brand);
pub(crate) static LISINOPRIL: Drug = drug("68180098001", 90, 90, 9_80, PreferredGeneric);
pub(crate) static AMLODIPINE: Drug = drug("59762153003", 90, 90, 10_60, PreferredGeneric);
pub(crate) static LOSARTAN: Drug = drug("00093736598", 90, 90, 17_20, PreferredGeneric);
pub(crate) static ATORVASTATIN: Drug = drug("60505257909", 90, 90, 16_70, PreferredGeneric);
pub(crate) static METOPROLOL: Drug = drug("00378459777", 90, 90, 29_50, Generic);
pub(crate) static FUROSEMIDE: Drug = drug("00054429925", 90, 90, 12_10, PreferredGeneric);
pub(crate) static SACUBITRIL_VALSARTAN: Drug = drug("00078069620", 60, 30, 658_40, Brand);
pub(crate) static APIXABAN: Drug = drug("00003089421", 60, 30, 574_60, Brand);
pub(crate) static CLOPIDOGREL: Drug = drug("00093731498", 90, 90, 21_30, Generic);
pub(crate) static TIOTROPIUM: Drug = drug("00597007541", 30, 30, 512_80, Brand);
pub(crate) static ALBUTEROL: Drug = drug("59310057922", 17, 90, 64_20, Generic);
pub(crate) static PREDNISONE: Drug = drug("00054001825", 20, 10, 7_90, Generic);
pub(crate) static SERTRALINE: Drug = drug("59762490003", 90, 90, 15_80, PreferredGeneric);
pub(crate) static DONEPEZIL: Drug = drug("13668010390", 90, 90, 27_60, Generic);
pub(crate) static LEVOTHYROXINE: Drug = drug("00378180377", 90, 90, 24_40, Generic);
pub(crate) static ALENDRONATE: Drug = drug("00093517144", 12, 84, 22_70, Generic);
pub(crate) static CELECOXIB: Drug = drug("59762151701", 90, 90, 38_90, Generic);
pub(crate) static ANASTROZOLE: Drug = drug("16729003510", 90, 90, 31_50, Generic);
pub(crate) static PALBOCICLIB: Drug = drug("00069018721", 21, 28, 12_910_00, Specialty);
pub(crate) static NALTREXONE: Drug = drug("00555090202", 30, 30, 46_20, Generic);
pub(crate) static AMOXICILLIN: Drug = drug("00093310905", 21, 7, 8_60, Generic);
pub(crate) static AZITHROMYCIN: Drug = drug("59762306002", 6, 5, 13_40, Generic);
pub(crate) static NITROFURANTOIN: Drug = drug("00185012201", 10, 5, 18_90, Generic);
pub(crate) static OMEPRAZOLE: Drug = drug("55111015810", 90, 90, 14_20, PreferredGeneric);

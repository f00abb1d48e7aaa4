//! RIF, the Research Identifiable File format of the Chronic Conditions Warehouse: columns, layouts and typed rows.
//!
//! Pure: no AWS type, no clock, no I/O beyond the reader it is given.

pub mod beneficiary;
pub mod columns;
pub mod layouts;
pub mod reader;
mod record;
#[cfg(test)]
pub(crate) mod reference;
mod row;
pub mod value;

pub use beneficiary::Beneficiary;
pub use columns::{Column, Kind};
pub use layouts::Layout;
pub use reader::Reader;
pub use record::{Action, Entry, Record, Rejection};
pub use row::{Claim, Row, RowPart};
pub use value::{DateForm, Decimal, Value};

/// The eight claim types, in CMS's order, which breaks ties between equal claim ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimType {
    /// Physicians and suppliers, Part B.
    Carrier,
    /// Durable medical equipment, Part B.
    Dme,
    /// Home health agencies.
    Hha,
    /// Hospice.
    Hospice,
    /// Inpatient hospital, Part A.
    Inpatient,
    /// Outpatient hospital, Part B.
    Outpatient,
    /// Prescription drug events, Part D.
    Pde,
    /// Skilled nursing facilities, Part A.
    Snf,
}

impl ClaimType {
    /// All types, in order.
    pub const ALL: [ClaimType; 8] = [
        ClaimType::Carrier,
        ClaimType::Dme,
        ClaimType::Hha,
        ClaimType::Hospice,
        ClaimType::Inpatient,
        ClaimType::Outpatient,
        ClaimType::Pde,
        ClaimType::Snf,
    ];

    /// The lower-case name, as in an ExplanationOfBenefit id (`carrier-9991831999`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ClaimType::Carrier => "carrier",
            ClaimType::Dme => "dme",
            ClaimType::Hha => "hha",
            ClaimType::Hospice => "hospice",
            ClaimType::Inpatient => "inpatient",
            ClaimType::Outpatient => "outpatient",
            ClaimType::Pde => "pde",
            ClaimType::Snf => "snf",
        }
    }

    /// The type of that lower-case name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|claim_type| claim_type.name() == name)
    }

    /// The columns of its files.
    #[must_use]
    pub const fn layout(self) -> &'static Layout {
        FileType::Claim(self).layout()
    }

    /// The column that holds the claim id.
    #[must_use]
    pub const fn id_column(self) -> Column {
        match self {
            ClaimType::Pde => Column::PDE_ID,
            _ => Column::CLM_ID,
        }
    }

    /// The column with the last day of service, against which `service-date` is compared.
    #[must_use]
    pub const fn service_through_column(self) -> Column {
        match self {
            ClaimType::Pde => Column::SRVC_DT,
            _ => Column::CLM_THRU_DT,
        }
    }
}

/// The ten kinds of RIF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// One row per person and reference year.
    Beneficiary,
    /// Earlier identifiers of a person.
    BeneficiaryHistory,
    /// Claims of one type.
    Claim(ClaimType),
}

impl FileType {
    /// All kinds, in the order in which they are loaded.
    pub const ALL: [FileType; 10] = [
        FileType::Beneficiary,
        FileType::BeneficiaryHistory,
        FileType::Claim(ClaimType::Carrier),
        FileType::Claim(ClaimType::Dme),
        FileType::Claim(ClaimType::Hha),
        FileType::Claim(ClaimType::Hospice),
        FileType::Claim(ClaimType::Inpatient),
        FileType::Claim(ClaimType::Outpatient),
        FileType::Claim(ClaimType::Pde),
        FileType::Claim(ClaimType::Snf),
    ];

    /// The lower-case name, as in messages and in most files' names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FileType::Beneficiary => "beneficiary",
            FileType::BeneficiaryHistory => "beneficiary_history",
            FileType::Claim(claim_type) => claim_type.name(),
        }
    }

    /// The columns of the file.
    #[must_use]
    pub const fn layout(self) -> &'static Layout {
        match self {
            FileType::Beneficiary => &layouts::BENEFICIARY,
            FileType::BeneficiaryHistory => &layouts::BENEFICIARY_HISTORY,
            FileType::Claim(ClaimType::Carrier) => &layouts::CARRIER,
            FileType::Claim(ClaimType::Dme) => &layouts::DME,
            FileType::Claim(ClaimType::Hha) => &layouts::HHA,
            FileType::Claim(ClaimType::Hospice) => &layouts::HOSPICE,
            FileType::Claim(ClaimType::Inpatient) => &layouts::INPATIENT,
            FileType::Claim(ClaimType::Outpatient) => &layouts::OUTPATIENT,
            FileType::Claim(ClaimType::Pde) => &layouts::PDE,
            FileType::Claim(ClaimType::Snf) => &layouts::SNF,
        }
    }
}

//! A person as stored: the last row loaded, the reference years, and the earlier identifiers.

use super::{Column, FileType, Row, RowPart};

/// A person with everything that the beneficiary and beneficiary history files said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beneficiary<'a> {
    /// The row as last loaded, all columns of the beneficiary layout.
    pub row: Row<'a>,
    /// Rows of the history file, and identities that an update replaced.
    pub earlier: Vec<Row<'a>>,
    /// One row per reference year, ascending, with the columns of [`year_row`].
    pub years: Vec<Row<'a>>,
    /// The hash of the present Medicare number (MBI), made when the person was loaded.
    pub mbi_hash: Option<&'a str>,
}

impl Beneficiary<'_> {
    /// Whether everything that is stored of the person is that beneficiary's. The person's row and each earlier one
    /// must say so; the rows of reference years hold no id, and one that does must hold the same.
    #[must_use]
    pub fn belongs_to(&self, beneficiary: &str) -> bool {
        let mut identities = std::iter::once(&self.row).chain(&self.earlier);
        let is_or_may_be =
            |year: &Row<'_>| year.get(Column::BENE_ID).is_none() || year.belongs_to(beneficiary);
        identities.all(|row| row.belongs_to(beneficiary)) && self.years.iter().all(is_or_may_be)
    }
}

/// The part of a beneficiary row that belongs to its reference year: the year itself, the counts of months and the
/// columns of single months. `None` where the row names no year.
#[must_use]
pub fn year_row<'a>(row: &Row<'a>) -> Option<Row<'a>> {
    row.decimal(Column::RFRNC_YR)?;
    let mut year = Row::new(FileType::Beneficiary.layout(), RowPart::Header);
    for (position, column) in row.columns().iter().enumerate() {
        if is_yearly(*column) {
            year.set_at(position, row.values()[position]);
        }
    }
    Some(year)
}

/// Whether a column of the beneficiary file says something about its reference year only.
#[must_use]
pub fn is_yearly(column: Column) -> bool {
    const YEARLY_PREFIXES: [&str; 13] = [
        "RFRNC_YR",
        "FIPS_STATE_CNTY_",
        "MDCR_STUS_",
        "MDCR_ENTLMT_BUYIN_",
        "HMO_",
        "PTC_CNTRCT_",
        "PTC_PBP_",
        "PTC_PLAN_TYPE_",
        "PTD_CNTRCT_",
        "PTD_PBP_",
        "PTD_SGMT_",
        "META_DUAL_ELGBL_STUS_",
        "CST_SHR_GRP_",
    ];
    let name = column.name();
    let is_month_count = name.ends_with("_MO_CNT");
    let is_retiree_subsidy = name.starts_with("RDS_") && name.ends_with("_IND");
    is_month_count
        || is_retiree_subsidy
        || YEARLY_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_year_the_counts_and_twelve_months_of_each_monthly_column() {
        let yearly = FileType::Beneficiary
            .layout()
            .header
            .iter()
            .filter(|column| is_yearly(**column))
            .count();
        let monthly_columns = 13;
        let counts = 7;
        assert_eq!(yearly, 1 + counts + 12 * monthly_columns);
    }
}

//! Providers: invented, but always the same for the same place, specialty and number.

use super::tables::places::{PLACES, Place};

/// Kinds of organizations, in place of a specialty code.
pub(super) const HOSPITAL: &str = "HO";
pub(super) const NURSING_FACILITY: &str = "NF";
pub(super) const HOME_HEALTH_AGENCY: &str = "HH";
pub(super) const HOSPICE: &str = "HS";
pub(super) const PHARMACY: &str = "PH";
pub(super) const GROUP_PRACTICE: &str = "GP";

/// How many of each kind a place has.
const PER_PLACE: u32 = 7;

/// A physician, supplier or organization.
pub(super) struct Provider {
    /// National Provider Identifier: ten digits, the last a check digit.
    pub(super) npi: String,
    number: u32,
}

impl Provider {
    /// The provider of that kind to whom this person goes, always the same one.
    pub(super) fn of(place: &Place, kind: &str, person: u32) -> Self {
        let number = person.wrapping_mul(2_654_435_761) >> 16;
        let number = (number ^ code(kind)) % PER_PLACE + 1;
        let city = PLACES
            .iter()
            .position(|candidate| candidate.city == place.city)
            .expect("places come from the table");
        // Real identifiers begin with 1 or 2, so that one beginning with 9 belongs to nobody.
        let digits = format!("9{city:02}{:04}{number:02}", code(kind));
        let npi = format!("{digits}{}", check_digit(&digits));
        Self { npi, number }
    }

    /// Tax number, in the range that is not issued to employers.
    pub(super) fn tax_number(&self) -> String {
        format!("00{}", &self.npi[3..])
    }

    /// The older identifier that carriers gave.
    pub(super) fn pin(&self) -> String {
        format!("P{}", &self.npi[3..])
    }

    /// CMS certification number of an organization: state, then a range for each kind.
    pub(super) fn certification(&self, place: &Place, kind: &str) -> String {
        let first = match kind {
            HOSPICE => 1_500,
            NURSING_FACILITY => 5_000,
            HOME_HEALTH_AGENCY => 7_000,
            _ => 0,
        };
        format!("{}{:04}", place.ssa_state, first + 10 + self.number)
    }

    /// Number under the Clinical Laboratory Improvement Amendments.
    pub(super) fn laboratory_number(&self, place: &Place) -> String {
        format!("{}D9{:06}", place.ssa_state, self.number)
    }
}

/// Two letters or digits as a number below 1,296.
fn code(kind: &str) -> u32 {
    kind.bytes().fold(0, |sum, byte| {
        let digit = char::from(byte).to_digit(36);
        sum * 36 + digit.expect("kinds are letters and digits")
    })
}

/// The Luhn check digit over the nine digits behind the prefix 80840 (45 CFR 162.406, which takes ISO/IEC 7812).
fn check_digit(digits: &str) -> u32 {
    const PREFIX_SUM: u32 = 24;
    let doubled = digits.bytes().rev().enumerate().map(|(position, byte)| {
        let digit = u32::from(byte - b'0');
        let value = if position % 2 == 0 { digit * 2 } else { digit };
        value / 10 + value % 10
    });
    (10 - (PREFIX_SUM + doubled.sum::<u32>()) % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_check_digit_of_the_published_example() {
        // "Requirements for National Provider Identifier (NPI) and NPI Check Digit", CMS: 123456789 has 3.
        assert_eq!(check_digit("123456789"), 3);
    }
}

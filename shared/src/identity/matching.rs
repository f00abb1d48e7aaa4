//! Whose records a Medicare number stands for.

use super::{BeneId, MedicareNumber, MedicareNumberHasher};
use crate::store::{IdentityTable, StoreError};

/// The Medicare numbers of a person who signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MedicareNumbers {
    /// Today's number.
    pub mbi: Option<MedicareNumber>,
    /// The number before it.
    pub hicn: Option<MedicareNumber>,
}

/// What the records say to a person's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Exactly one person has that number.
    One(BeneId),
    /// Nobody has it.
    Nobody,
    /// More than one person has it, so that it is not known who signed in.
    Several,
}

/// Finds people by their Medicare numbers.
#[derive(Clone, Debug)]
pub struct Matcher {
    hasher: MedicareNumberHasher,
    identities: IdentityTable,
}

impl Matcher {
    /// A matcher over that table, which was loaded with the same hasher.
    #[must_use]
    pub fn new(hasher: MedicareNumberHasher, identities: IdentityTable) -> Self {
        Self { hasher, identities }
    }

    /// The person whom the MBI stands for; the HICN is asked only where the MBI is nobody's.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn find(&self, numbers: &MedicareNumbers) -> Result<Match, StoreError> {
        for number in numbers.mbi.iter().chain(&numbers.hicn) {
            let hash = number.hash(&self.hasher);
            match self.identities.beneficiaries(&hash).await?.as_slice() {
                [] => {}
                [one] => return Ok(Match::One(one.clone())),
                _ => return Ok(Match::Several),
            }
        }
        Ok(Match::Nobody)
    }
}

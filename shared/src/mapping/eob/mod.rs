//! ExplanationOfBenefit: one claim with its lines.

use super::{Context, Version};
use crate::fhir::json::Writer;
use crate::rif::{Claim, ClaimType};

/// Whether claims of this type can be answered in this version.
#[must_use]
pub const fn is_mapped(claim_type: ClaimType, version: Version) -> bool {
    matches!(version, Version::R4)
        && matches!(
            claim_type,
            ClaimType::Carrier | ClaimType::Inpatient | ClaimType::Pde
        )
}

/// Writes the claim as an ExplanationOfBenefit.
pub fn write(w: &mut Writer, claim: &Claim, _context: &Context) {
    w.object(|w| {
        w.text("resourceType", "ExplanationOfBenefit");
        w.key("id");
        let claim_id = claim.header.text(claim.claim_type.id_column());
        w.string_of(&[claim.claim_type.name(), "-", claim_id.unwrap_or_default()]);
    });
}

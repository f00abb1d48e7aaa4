//! ExplanationOfBenefit: one claim with its lines.
//!
//! `tables` says where each column goes, in the words of `rule` and `terms`; `plan` sorts the rows by what
//! they write, `head` says what stands before their values, `engine` follows what they say.

mod engine;
mod head;
mod plan;
mod rule;
mod tables;
mod terms;
#[cfg(test)]
mod tests;

use super::Context;
use crate::fhir::json::Writer;
use crate::rif::Claim;

/// Writes the claim as an ExplanationOfBenefit.
pub fn write(w: &mut Writer, claim: &Claim, context: &Context) {
    engine::write(w, tables::kind(claim.claim_type), claim, context);
}

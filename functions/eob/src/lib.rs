//! The `eob` function: the claims of the token's beneficiary as ExplanationOfBenefit, by id or by search.

use bluebutton::exchange::{self, Exchange, Failure, Interaction, State};
use bluebutton::fhir::bundle::{self, Entry};
use bluebutton::fhir::json::Writer;
use bluebutton::fhir::outcome::Refusal;
use bluebutton::fhir::search::{ClaimHead, EXPLANATION_OF_BENEFIT, EobId, EobSearch};
use bluebutton::http::{Call, Response};
use bluebutton::mapping::lookups::Lookups;
use bluebutton::mapping::{self, Context};
use bluebutton::oauth::Resource;
use bluebutton::oauth::access::Access;
use bluebutton::rif::ClaimType;
use bluebutton::store::{Facts, StoreError, StoredClaim};
use jiff::Timestamp;

/// Answers one call.
pub async fn handle(state: &State, lookups: &dyn Lookups, call: Call) -> Response {
    let resource = Resource::ExplanationOfBenefit;
    match state.open(&call, resource, Timestamp::now()).await {
        Ok(exchange) => {
            let answer = answer(state, lookups, &exchange);
            state.limited(&exchange, answer).await
        }
        Err(failure) => exchange::respond(&call, Err(failure)),
    }
}

async fn answer(
    state: &State,
    lookups: &dyn Lookups,
    exchange: &Exchange<'_>,
) -> Result<Response, Failure> {
    match exchange.interaction {
        Interaction::Read(id) => read(state, lookups, exchange, id).await,
        Interaction::Search => search(state, lookups, exchange).await,
    }
}

async fn read(
    state: &State,
    lookups: &dyn Lookups,
    exchange: &Exchange<'_>,
    id: &str,
) -> Result<Response, Failure> {
    let id = EobId::parse(id)?.ok_or(Refusal::NotFound)?;
    // Another person's claim does not stand in the subject's partition, so it is unknown like any other.
    let data = state
        .claims
        .claim(exchange.subject(), id.claim_type, &id.claim_id);
    let (access, claim) = state.read(exchange, data).await?;
    let claim = claim.ok_or(Refusal::NotFound)?;
    let eob = ExplanationOfBenefit::of(exchange, lookups, &claim)?;
    if !eob.may_be_answered(&access) {
        return Err(Refusal::NotFound.into());
    }
    exchange.resource(&eob)
}

async fn search(
    state: &State,
    lookups: &dyn Lookups,
    exchange: &Exchange<'_>,
) -> Result<Response, Failure> {
    let query = exchange.query(EXPLANATION_OF_BENEFIT)?;
    let search = EobSearch::parse(&query, exchange.subject())?;
    let request = query.page()?;
    let data = state.claims.claims(exchange.subject());
    let (access, claims) = state.read(exchange, data).await?;
    let mut matches = Vec::with_capacity(claims.len());
    let mut last_load = None;
    for claim in &claims {
        let eob = ExplanationOfBenefit::of(exchange, lookups, claim)?;
        if !eob.may_be_answered(&access) {
            continue;
        }
        last_load = last_load.max(Some(eob.facts.last_updated));
        if search.matches(&eob.head()) {
            matches.push(eob);
        }
    }
    let last_updated = matches.iter().map(|eob| eob.facts.last_updated).max();
    let page = bundle::page(matches, request)?;
    let bundle = exchange.bundle(&query, &page, last_updated)?;
    Ok(exchange::loaded_at(bundle, last_load))
}

/// A claim of which only the facts are read until it is written.
struct ExplanationOfBenefit<'a> {
    exchange: &'a Exchange<'a>,
    lookups: &'a dyn Lookups,
    claim: &'a StoredClaim,
    facts: Facts,
}

impl<'a> ExplanationOfBenefit<'a> {
    fn of(
        exchange: &'a Exchange<'a>,
        lookups: &'a dyn Lookups,
        claim: &'a StoredClaim,
    ) -> Result<Self, Failure> {
        Ok(Self {
            exchange,
            lookups,
            claim,
            facts: claim.facts().map_err(StoreError::from)?,
        })
    }

    /// Claims about substance use only with consent to show them (42 CFR part 2), and to an application for
    /// prescription drugs those claims only, whatever else its tokens were issued for.
    fn may_be_answered(&self, access: &Access) -> bool {
        let is_permitted_type = !access.part_d_eob_only || self.facts.claim_type == ClaimType::Pde;
        is_permitted_type && (access.substance_use || !self.facts.sensitive)
    }

    fn head(&self) -> ClaimHead<'_> {
        ClaimHead {
            claim_id: &self.claim.claim_id,
            claim_type: self.facts.claim_type,
            service_through: self.facts.service_through,
            last_updated: self.facts.last_updated,
        }
    }
}

impl Entry for ExplanationOfBenefit<'_> {
    type Error = Failure;

    fn id(&self) -> String {
        format!("{}-{}", self.facts.claim_type.name(), self.claim.claim_id)
    }

    fn last_updated(&self) -> Timestamp {
        self.facts.last_updated
    }

    fn write(&self, w: &mut Writer) -> Result<(), Failure> {
        let claim = self.claim.claim().map_err(StoreError::from)?;
        self.exchange.check_claim(&claim)?;
        let context = Context::new(self.exchange.version(), self.facts.last_updated);
        mapping::eob::write(w, &claim, &context.with_lookups(self.lookups));
        Ok(())
    }
}

#[cfg(test)]
mod tests;

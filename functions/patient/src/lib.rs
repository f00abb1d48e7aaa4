//! The `patient` function: who the token's beneficiary is, by id or by search.

use bluebutton::exchange::{self, Exchange, Failure, Interaction, State};
use bluebutton::fhir::bundle::{self, Entry};
use bluebutton::fhir::json::Writer;
use bluebutton::fhir::outcome::Refusal;
use bluebutton::fhir::search::{PATIENT, PatientSearch};
use bluebutton::http::{Call, Response};
use bluebutton::identity::BeneId;
use bluebutton::mapping::{self, Context};
use bluebutton::oauth::Resource;
use bluebutton::store::StoredBeneficiary;
use jiff::Timestamp;

/// Answers one call.
pub async fn handle(state: &State, call: Call) -> Response {
    let answer = answer(state, &call, Timestamp::now()).await;
    exchange::respond(&call, answer)
}

async fn answer(state: &State, call: &Call, now: Timestamp) -> Result<Vec<u8>, Failure> {
    let exchange = state.open(call, Resource::Patient, now).await?;
    match exchange.interaction {
        Interaction::Read(id) => read(state, &exchange, id).await,
        Interaction::Search => search(state, &exchange).await,
    }
}

async fn read(state: &State, exchange: &Exchange<'_>, id: &str) -> Result<Vec<u8>, Failure> {
    let asked = BeneId::parse(id).ok_or(Refusal::MalformedId {
        expected: "{patient id}",
    })?;
    let data = state.claims.beneficiary(exchange.subject());
    let (_, person) = state.read(exchange, data).await?;
    // Another person is answered as if they did not exist.
    let person = person
        .filter(|_| asked == *exchange.subject())
        .ok_or(Refusal::NotFound)?;
    exchange.resource(&Patient {
        exchange,
        person: &person,
    })
}

async fn search(state: &State, exchange: &Exchange<'_>) -> Result<Vec<u8>, Failure> {
    let query = exchange.query(PATIENT)?;
    let search = PatientSearch::parse(&query, exchange.subject())?;
    let request = query.page()?;
    let data = state.claims.beneficiary(exchange.subject());
    let (_, person) = state.read(exchange, data).await?;
    let person = person.filter(|person| search.matches(person.last_updated()));
    let patients = person.iter().map(|person| Patient { exchange, person });
    let page = bundle::page(patients, request)?;
    let last_updated = person.as_ref().map(StoredBeneficiary::last_updated);
    exchange.bundle(&query, &page, last_updated)
}

struct Patient<'a> {
    exchange: &'a Exchange<'a>,
    person: &'a StoredBeneficiary,
}

impl Entry for Patient<'_> {
    type Error = Failure;

    fn id(&self) -> String {
        self.exchange.subject().as_str().to_owned()
    }

    fn write(&self, w: &mut Writer) -> Result<(), Failure> {
        let beneficiary = self.person.beneficiary()?;
        self.exchange.check_owner(&beneficiary.row)?;
        let context = Context::new(self.exchange.version(), self.person.last_updated());
        mapping::patient::write(w, &beneficiary, &context);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

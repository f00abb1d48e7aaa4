//! The `coverage` function: the parts of Medicare that the token's beneficiary has, by id or by search.

use bluebutton::exchange::{self, Exchange, Failure, Interaction, State};
use bluebutton::fhir::bundle::{self, Entry};
use bluebutton::fhir::json::Writer;
use bluebutton::fhir::outcome::Refusal;
use bluebutton::fhir::search::{COVERAGE, CoverageSearch};
use bluebutton::http::{Call, Response};
use bluebutton::identity::BeneId;
use bluebutton::mapping::coverage::Part;
use bluebutton::mapping::{self, Context};
use bluebutton::oauth::Resource;
use bluebutton::store::StoredBeneficiary;
use jiff::Timestamp;

/// Answers one call.
pub async fn handle(state: &State, call: Call) -> Response {
    match state
        .open(&call, Resource::Coverage, Timestamp::now())
        .await
    {
        Ok(exchange) => state.limited(&exchange, answer(state, &exchange)).await,
        Err(failure) => exchange::respond(&call, Err(failure)),
    }
}

async fn answer(state: &State, exchange: &Exchange<'_>) -> Result<Response, Failure> {
    match exchange.interaction {
        Interaction::Read(id) => read(state, exchange, id).await,
        Interaction::Search => search(state, exchange).await,
    }
}

async fn read(state: &State, exchange: &Exchange<'_>, id: &str) -> Result<Response, Failure> {
    let asked = CoverageId::parse(id)?;
    let data = state.claims.beneficiary(exchange.subject());
    let (_, person) = state.read(exchange, data).await?;
    // Another person's coverage is answered as if it did not exist.
    let person = person
        .filter(|_| asked.beneficiary == *exchange.subject())
        .ok_or(Refusal::NotFound)?;
    exchange.resource(&Coverage {
        exchange,
        person: &person,
        part: asked.part.ok_or(Refusal::NotFound)?,
    })
}

async fn search(state: &State, exchange: &Exchange<'_>) -> Result<Response, Failure> {
    let query = exchange.query(COVERAGE)?;
    let search = CoverageSearch::parse(&query, exchange.subject())?;
    let request = query.page()?;
    let data = state.claims.beneficiary(exchange.subject());
    let (_, person) = state.read(exchange, data).await?;
    let last_load = person.as_ref().map(StoredBeneficiary::last_updated);
    let person = person.filter(|person| search.matches(person.last_updated()));
    let coverages = person.iter().flat_map(|person| {
        Part::ALL.map(|part| Coverage {
            exchange,
            person,
            part,
        })
    });
    let page = bundle::page(coverages, request)?;
    let last_updated = person.as_ref().map(StoredBeneficiary::last_updated);
    let bundle = exchange.bundle(&query, &page, last_updated)?;
    Ok(exchange::loaded_at(bundle, last_load))
}

struct Coverage<'a> {
    exchange: &'a Exchange<'a>,
    person: &'a StoredBeneficiary,
    part: Part,
}

impl Entry for Coverage<'_> {
    type Error = Failure;

    fn id(&self) -> String {
        let subject = self.exchange.subject().as_str();
        format!("part-{}-{subject}", self.part.letter())
    }

    fn last_updated(&self) -> Timestamp {
        self.person.last_updated()
    }

    fn write(&self, w: &mut Writer) -> Result<(), Failure> {
        let beneficiary = self.person.beneficiary()?;
        self.exchange.check_person(&beneficiary)?;
        let context = Context::new(self.exchange.version(), self.person.last_updated());
        mapping::coverage::write(w, self.part, &beneficiary, &context);
        Ok(())
    }
}

/// The id of a Coverage: `part-a-567834`. A letter that names no part has the form of an id, but no resource.
struct CoverageId {
    part: Option<Part>,
    beneficiary: BeneId,
}

impl CoverageId {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed = Refusal::MalformedId {
            expected: "part-{a, b, c or d}-{patient id}",
        };
        let parts = text
            .strip_prefix("part-")
            .and_then(|rest| rest.split_once('-'));
        let Some((letter, id)) = parts else {
            return Err(malformed);
        };
        let is_letter = letter.len() == 1 && letter.bytes().all(|b| b.is_ascii_alphanumeric());
        match BeneId::parse(id) {
            Some(beneficiary) if is_letter => Ok(CoverageId {
                part: Part::from_letter(letter),
                beneficiary,
            }),
            _ => Err(malformed),
        }
    }
}

#[cfg(test)]
mod tests;

//! The `patient` function: who the token's beneficiary is, by id or by search.

use bluebutton::exchange::{self, Exchange, Failure, Interaction, State};
use bluebutton::fhir::bundle::{self, Entry};
use bluebutton::fhir::json::Writer;
use bluebutton::fhir::outcome::Refusal;
use bluebutton::fhir::search::{Identifier, PATIENT, PatientSearch};
use bluebutton::http::{Call, Response};
use bluebutton::identity::BeneId;
use bluebutton::mapping::{self, Context};
use bluebutton::oauth::Resource;
use bluebutton::rif::{Beneficiary, Column};
use bluebutton::store::{IdentityTable, StoreError, StoredBeneficiary};
use jiff::Timestamp;

/// Answers one call.
pub async fn handle(state: &State, identity: &IdentityTable, call: Call) -> Response {
    match state.open(&call, Resource::Patient, Timestamp::now()).await {
        Ok(exchange) => {
            let answer = answer(state, identity, &exchange);
            state.limited(&exchange, answer).await
        }
        Err(failure) => exchange::respond(&call, Err(failure)),
    }
}

async fn answer(
    state: &State,
    identity: &IdentityTable,
    exchange: &Exchange<'_>,
) -> Result<Response, Failure> {
    let patients = Patients { exchange, identity };
    match exchange.interaction {
        Interaction::Read(id) => patients.read(state, id).await,
        Interaction::Search => patients.search(state).await,
    }
}

struct Patients<'a> {
    exchange: &'a Exchange<'a>,
    identity: &'a IdentityTable,
}

impl Patients<'_> {
    async fn read(&self, state: &State, id: &str) -> Result<Response, Failure> {
        let asked = BeneId::parse(id).ok_or(Refusal::MalformedId {
            expected: "{patient id}",
        })?;
        let data = state.claims.beneficiary(self.exchange.subject());
        let (_, person) = state.read(self.exchange, data).await?;
        // Another person is answered as if they did not exist.
        let person = person
            .filter(|_| asked == *self.exchange.subject())
            .ok_or(Refusal::NotFound)?;
        self.exchange.resource(&self.patient(&person))
    }

    async fn search(&self, state: &State) -> Result<Response, Failure> {
        let query = self.exchange.query(PATIENT)?;
        let search = PatientSearch::parse(&query, self.exchange.subject())?;
        let request = query.page()?;
        let person = state.claims.beneficiary(self.exchange.subject());
        let data = async { tokio::try_join!(person, self.own_hashes(&search)) };
        let (_, (person, own_hashes)) = state.read(self.exchange, data).await?;
        let known = person.as_ref().map(StoredBeneficiary::beneficiary);
        let known = known.transpose()?;
        search.check_identifiers(|identifier| match identifier {
            Identifier::Hash(hash) => own_hashes.contains(&&**hash),
            Identifier::Mbi(number) => known.as_ref().is_some_and(|person| has(person, number)),
        })?;
        let last_load = person.as_ref().map(StoredBeneficiary::last_updated);
        let person = person
            .as_ref()
            .filter(|person| search.matches(person.last_updated()));
        let page = bundle::page(person.map(|person| self.patient(person)), request)?;
        let last_updated = person.map(StoredBeneficiary::last_updated);
        let bundle = self.exchange.bundle(&query, &page, last_updated)?;
        Ok(exchange::loaded_at(bundle, last_load))
    }

    /// Those of the search's hashes that stand, or stood, for the subject.
    async fn own_hashes<'a>(&self, search: &'a PatientSearch) -> Result<Vec<&'a str>, StoreError> {
        let mut own = Vec::new();
        for hash in search.hashes() {
            let people = self.identity.beneficiaries(hash).await?;
            if people.contains(self.exchange.subject()) {
                own.push(hash);
            }
        }
        Ok(own)
    }

    fn patient<'a>(&'a self, person: &'a StoredBeneficiary) -> Patient<'a> {
        Patient {
            patients: self,
            person,
        }
    }
}

/// Whether that is or was the person's Medicare number.
fn has(person: &Beneficiary, number: &str) -> bool {
    let rows = std::iter::once(&person.row).chain(&person.earlier);
    let mut numbers = rows.filter_map(|row| row.text(Column::MBI_NUM));
    numbers.any(|known| known.trim() == number)
}

struct Patient<'a> {
    patients: &'a Patients<'a>,
    person: &'a StoredBeneficiary,
}

impl Entry for Patient<'_> {
    type Error = Failure;

    fn id(&self) -> String {
        self.patients.exchange.subject().as_str().to_owned()
    }

    fn last_updated(&self) -> Timestamp {
        self.person.last_updated()
    }

    fn write(&self, w: &mut Writer) -> Result<(), Failure> {
        let exchange = self.patients.exchange;
        let beneficiary = self.person.beneficiary()?;
        exchange.check_person(&beneficiary)?;
        let context = Context::new(exchange.version(), self.person.last_updated());
        mapping::patient::write(w, &beneficiary, &context);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

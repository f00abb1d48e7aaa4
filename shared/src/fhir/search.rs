//! Search parameters: which each resource takes, and their values as types.
//!
//! The tables below are also what the CapabilityStatement advertises, so that the two cannot differ.
//! Rules follow Blue Button's public front; a bad value is 400, an unknown parameter is ignored
//! unless the client asks for strict handling (<https://hl7.org/fhir/R4/search.html#errors>).

use jiff::Timestamp;
use jiff::civil::Date;

use super::date::Period;
use super::outcome::Refusal;
use crate::identity::BeneId;
use crate::mapping::patient::{MBI_HASH, US_MBI};
use crate::rif::ClaimType;

/// Results per page when the client does not say.
pub const COUNT_DEFAULT: usize = 10;
/// The most results per page.
pub const COUNT_MAX: usize = 50;
/// The most parameters of one request, repeated ones included.
pub const PARAMETERS_MAX: usize = 100;

/// The system of the claim type in `type=system|carrier`.
const EOB_TYPE_SYSTEM: &str = "https://bluebutton.cms.gov/resources/codesystem/eob-type";
/// The system of the tag that says which of CMS's systems a claim comes from.
const SYSTEM_TYPE: &str = "https://bluebutton.cms.gov/fhir/CodeSystem/System-Type";

/// A search parameter that is served.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// An older spelling that is taken as well.
    pub alias: Option<&'static str>,
    /// Its FHIR type; `None` for parameters of the request as such, which are not advertised.
    pub kind: Option<&'static str>,
    /// What it does, for the CapabilityStatement.
    pub documentation: &'static str,
}

const fn parameter(
    name: &'static str,
    kind: &'static str,
    documentation: &'static str,
) -> Parameter {
    Parameter {
        name,
        alias: None,
        kind: Some(kind),
        documentation,
    }
}

const COUNT: Parameter = Parameter {
    alias: Some("count"),
    ..parameter(
        "_count",
        "number",
        "Results per page, 0 to 50; 10 unless given.",
    )
};
const START_INDEX: Parameter = parameter(
    "startIndex",
    "number",
    "How many results to skip; follow the links of the bundle instead of computing it.",
);
const LAST_UPDATED: Parameter = parameter(
    "_lastUpdated",
    "date",
    "When the data was loaded, with prefix gt, ge, lt or le; repeat it for an interval.",
);
const FORMAT: Parameter = Parameter {
    name: "_format",
    alias: Some("format"),
    kind: None,
    documentation: "",
};

const IDENTIFIER: &str = "identifier";

/// What a search for Patient takes.
pub const PATIENT: &[Parameter] = &[
    parameter("_id", "token", "The token's own patient id."),
    parameter(
        IDENTIFIER,
        "token",
        "The token's own person by system and hash of a Medicare number, in a POST's body also by the number itself.",
    ),
    LAST_UPDATED,
    COUNT,
    START_INDEX,
    FORMAT,
];

/// What a search for Coverage takes.
pub const COVERAGE: &[Parameter] = &[
    parameter(
        "beneficiary",
        "reference",
        "The token's own patient: ID or Patient/ID.",
    ),
    parameter(
        "patient",
        "reference",
        "The same, as older documents spell it.",
    ),
    LAST_UPDATED,
    COUNT,
    START_INDEX,
    FORMAT,
];

/// What a search for ExplanationOfBenefit takes.
pub const EXPLANATION_OF_BENEFIT: &[Parameter] = &[
    parameter(
        "patient",
        "reference",
        "The token's own patient: ID or Patient/ID.",
    ),
    parameter(
        "_id",
        "token",
        "Ids such as carrier-123, separated by commas.",
    ),
    parameter(
        "type",
        "token",
        "Claim types, separated by commas: carrier, dme, hha, hospice, inpatient, outpatient, pde, snf.",
    ),
    parameter(
        "_tag",
        "token",
        "The system that the claim comes from, such as NationalClaimsHistory, which has all claims but those of drugs.",
    ),
    parameter(
        "service-date",
        "date",
        "The last day of the service, with prefix gt, ge, lt or le; repeat it for an interval.",
    ),
    LAST_UPDATED,
    COUNT,
    START_INDEX,
    FORMAT,
];

/// What to do with parameters that are not known: the `Prefer` header's `handling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Ignore them.
    Lenient,
    /// Refuse the request.
    Strict,
}

impl Handling {
    /// Reads the `Prefer` headers (RFC 7240).
    #[must_use]
    pub fn of<'a>(prefer: impl Iterator<Item = &'a str>) -> Self {
        let strict = prefer
            .flat_map(|header| header.split([',', ';']))
            .any(|preference| {
                preference
                    .trim()
                    .replace(['"', ' '], "")
                    .eq_ignore_ascii_case("handling=strict")
            });
        if strict {
            Handling::Strict
        } else {
            Handling::Lenient
        }
    }
}

/// The pairs of one request, where they stood.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// In the URL.
    pub url: &'a [(String, String)],
    /// In the body of a POST to `_search`.
    pub form: &'a [(String, String)],
}

/// The parameters of one request by their present names, unknown ones dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Query<'a> {
    pairs: Vec<Pair<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Pair<'a> {
    name: &'static str,
    value: &'a str,
    place: Place,
}

/// Where a parameter stood: URLs are logged on their way, bodies are not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Url,
    Form,
}

impl<'a> Query<'a> {
    /// Sorts out what was sent.
    ///
    /// # Errors
    /// When there are too many parameters, or unknown ones under strict handling.
    pub fn new(
        sent: Sent<'a>,
        parameters: &'static [Parameter],
        handling: Handling,
    ) -> Result<Self, Refusal> {
        if sent.url.len() + sent.form.len() > PARAMETERS_MAX {
            return Err(Refusal::TooManyParameters {
                limit: PARAMETERS_MAX,
            });
        }
        let url = sent.url.iter().map(|pair| (Place::Url, pair));
        let form = sent.form.iter().map(|pair| (Place::Form, pair));
        let mut query = Query { pairs: Vec::new() };
        let mut unknown = Vec::new();
        for (place, (name, value)) in url.chain(form) {
            match parameters.iter().find(|parameter| parameter.is(name)) {
                Some(Parameter { name, .. }) => query.add(Pair { name, value, place }),
                None => unknown.push(name.clone()),
            }
        }
        if handling == Handling::Strict && !unknown.is_empty() {
            return Err(Refusal::UnknownParameters(unknown));
        }
        Ok(query)
    }

    /// The SDKs send their parameters again on top of a next link that has them already.
    fn add(&mut self, pair: Pair<'a>) {
        let is_same = |other: &Pair| other.name == pair.name && other.value == pair.value;
        if !self.pairs.iter().any(is_same) {
            self.pairs.push(pair);
        }
    }

    /// The parameters that decide which resources match, as links may repeat them: all but those of the page, and no
    /// Medicare number.
    pub fn filters(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.pairs
            .iter()
            .map(|pair| (pair.name, pair.value))
            .filter(|(name, _)| ![COUNT.name, START_INDEX.name].contains(name))
            .filter(|(name, value)| *name != IDENTIFIER || !value.contains(US_MBI))
    }

    /// The page asked for.
    ///
    /// # Errors
    /// When a number is not one, is out of its bounds, or came twice and differs.
    pub fn page(&self) -> Result<PageRequest, Refusal> {
        Ok(PageRequest {
            count: self
                .number(COUNT.name, COUNT_MAX, "a whole number from 0 to 50")?
                .unwrap_or(COUNT_DEFAULT),
            start_index: self
                .number(START_INDEX.name, usize::MAX, "a whole number, 0 or more")?
                .unwrap_or(0),
        })
    }

    /// Refuses every person but the token's: parameters may narrow a search, never widen it.
    fn only(&self, name: &'static str, subject: &BeneId) -> Result<(), Refusal> {
        for value in self.all(name) {
            let id = value.strip_prefix("Patient/").unwrap_or(value);
            let Some(id) = BeneId::parse(id) else {
                return Err(Refusal::InvalidParameter {
                    name,
                    value: None,
                    expected: "a patient id or Patient/id",
                });
            };
            if id != *subject {
                return Err(Refusal::AnotherPatient { name });
            }
        }
        Ok(())
    }

    fn last_updated(&self) -> Result<Vec<Bound>, Refusal> {
        self.bounds(LAST_UPDATED.name)
    }

    fn bounds(&self, name: &'static str) -> Result<Vec<Bound>, Refusal> {
        self.all(name)
            .map(|value| {
                Bound::parse(value).ok_or_else(|| Refusal::InvalidParameter {
                    name,
                    value: Some(value.to_owned()),
                    expected: "gt, ge, lt or le and a date or instant, such as ge2024-01-31",
                })
            })
            .collect()
    }

    fn number(
        &self,
        name: &'static str,
        max: usize,
        expected: &'static str,
    ) -> Result<Option<usize>, Refusal> {
        let mut values = self.all(name).map(|value| {
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let number = value.parse().ok().filter(|number| digits && *number <= max);
            number.ok_or_else(|| Refusal::InvalidParameter {
                name,
                value: Some(value.to_owned()),
                expected,
            })
        });
        let Some(first) = values.next().transpose()? else {
            return Ok(None);
        };
        for other in values {
            let other = other?;
            if other != first {
                let values = [first, other];
                return Err(Refusal::RepeatedParameter { name, values });
            }
        }
        Ok(Some(first))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs_of(name).map(|pair| pair.value)
    }

    fn pairs_of(&self, name: &str) -> impl Iterator<Item = Pair<'a>> {
        let pairs = self.pairs.iter().copied();
        pairs.filter(move |pair| pair.name == name)
    }
}

impl Parameter {
    fn is(&self, name: &str) -> bool {
        self.name == name || self.alias == Some(name)
    }
}

/// The part of the results asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Results per page.
    pub count: usize,
    /// Results to skip.
    pub start_index: usize,
}

/// A search for Patient: the token's own person, or nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientSearch {
    identifiers: Vec<Vec<Identifier>>,
    last_updated: Vec<Bound>,
}

/// A number that a person has from Medicare, as a search may name it.
#[derive(Clone, PartialEq, Eq)]
pub enum Identifier {
    /// The hash of a Medicare number (MBI) or of a claim number of old (HICN), in lower case.
    Hash(Box<str>),
    /// A Medicare number itself.
    Mbi(Box<str>),
}

/// The systems of hashes.
const HASH_SYSTEMS: [&str; 3] = [
    MBI_HASH,
    "https://bluebutton.cms.gov/resources/identifier/hicn-hash",
    "http://bluebutton.cms.hhs.gov/identifier#hicnHash",
];
const HASH_DIGITS: usize = 64;
/// The most identifiers of one search: each may cost a read.
pub const IDENTIFIERS_MAX: usize = 10;

impl PatientSearch {
    /// Reads the parameters.
    ///
    /// # Errors
    /// When a value cannot be read, names another person, or is a Medicare number in a URL.
    pub fn parse(query: &Query, subject: &BeneId) -> Result<Self, Refusal> {
        query.only("_id", subject)?;
        let identifiers = query.pairs_of(IDENTIFIER).map(identifiers);
        let identifiers: Vec<Vec<Identifier>> = identifiers.collect::<Result<_, _>>()?;
        if identifiers.iter().flatten().count() > IDENTIFIERS_MAX {
            return Err(Refusal::InvalidParameter {
                name: IDENTIFIER,
                value: None,
                expected: "10 identifiers at most",
            });
        }
        Ok(PatientSearch {
            identifiers,
            last_updated: query.last_updated()?,
        })
    }

    /// The hashes that the search names.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        let identifiers = self.identifiers.iter().flatten();
        identifiers.filter_map(|identifier| match identifier {
            Identifier::Hash(hash) => Some(&**hash),
            Identifier::Mbi(_) => None,
        })
    }

    /// Refuses identifiers that are none of the subject's, as another person's `_id` is refused: commas are an OR, a
    /// repeated parameter is an AND.
    ///
    /// # Errors
    /// When an `identifier` names somebody else, or nobody.
    pub fn check_identifiers(&self, is_own: impl Fn(&Identifier) -> bool) -> Result<(), Refusal> {
        match self.identifiers.iter().all(|any| any.iter().any(&is_own)) {
            true => Ok(()),
            false => Err(Refusal::AnotherPatient { name: IDENTIFIER }),
        }
    }

    /// Whether data loaded then is asked for.
    #[must_use]
    pub fn matches(&self, last_updated: Timestamp) -> bool {
        includes_instant(&self.last_updated, last_updated)
    }
}

/// Each with its system: a comma is an OR.
fn identifiers(pair: Pair) -> Result<Vec<Identifier>, Refusal> {
    pair.value
        .split(',')
        .map(|token| identifier(token, pair.place))
        .collect()
}

fn identifier(token: &str, place: Place) -> Result<Identifier, Refusal> {
    let (system, value) = token.split_once('|').unwrap_or(("", token));
    let is_hash = value.len() == HASH_DIGITS && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if HASH_SYSTEMS.contains(&system) && is_hash {
        return Ok(Identifier::Hash(value.to_ascii_lowercase().into()));
    }
    match (system, place) {
        (US_MBI, Place::Url) => Err(Refusal::UnsupportedParameter {
            name: IDENTIFIER,
            instead: "a Medicare number must not stand in a URL, send it in the body of a POST to Patient/_search",
        }),
        (US_MBI, Place::Form) if !value.is_empty() => Ok(Identifier::Mbi(value.into())),
        _ => Err(Refusal::InvalidParameter {
            name: IDENTIFIER,
            value: None,
            expected: "system|value with the system and hash of an MBI or HICN or, in the body of a POST, an MBI",
        }),
    }
}

/// A search for Coverage of the token's own person.
#[derive(Clone, PartialEq, Eq)]
pub struct CoverageSearch {
    last_updated: Vec<Bound>,
}

impl CoverageSearch {
    /// Reads the parameters.
    ///
    /// # Errors
    /// When a value cannot be read or names another person.
    pub fn parse(query: &Query, subject: &BeneId) -> Result<Self, Refusal> {
        query.only("beneficiary", subject)?;
        query.only("patient", subject)?;
        Ok(CoverageSearch {
            last_updated: query.last_updated()?,
        })
    }

    /// Whether data loaded then is asked for.
    #[must_use]
    pub fn matches(&self, last_updated: Timestamp) -> bool {
        includes_instant(&self.last_updated, last_updated)
    }
}

/// A search for ExplanationOfBenefit of the token's own person.
#[derive(Clone, PartialEq, Eq)]
pub struct EobSearch {
    ids: Vec<Vec<EobId>>,
    types: Vec<Vec<ClaimType>>,
    tags: Vec<Vec<Tag>>,
    service_date: Vec<Bound>,
    last_updated: Vec<Bound>,
}

/// What a search looks at, without decoding the claim.
#[derive(Clone, Copy)]
pub struct ClaimHead<'a> {
    /// The claim id.
    pub claim_id: &'a str,
    /// The claim type.
    pub claim_type: ClaimType,
    /// The last day of service.
    pub service_through: Option<Date>,
    /// When the claim was loaded.
    pub last_updated: Timestamp,
}

impl EobSearch {
    /// Reads the parameters.
    ///
    /// # Errors
    /// When a value cannot be read or names another person.
    pub fn parse(query: &Query, subject: &BeneId) -> Result<Self, Refusal> {
        query.only("patient", subject)?;
        Ok(EobSearch {
            ids: query.all("_id").map(eob_ids).collect::<Result<_, _>>()?,
            types: query
                .all("type")
                .map(claim_types)
                .collect::<Result<_, _>>()?,
            tags: query.all("_tag").map(tags).collect::<Result<_, _>>()?,
            service_date: query.bounds("service-date")?,
            last_updated: query.last_updated()?,
        })
    }

    /// Whether the claim is asked for: a repeated parameter is an AND, commas are an OR.
    #[must_use]
    pub fn matches(&self, claim: &ClaimHead) -> bool {
        let is = |id: &EobId| id.claim_type == claim.claim_type && *id.claim_id == *claim.claim_id;
        self.types
            .iter()
            .all(|types| types.contains(&claim.claim_type))
            && self.ids.iter().all(|ids| ids.iter().any(is))
            && self
                .tags
                .iter()
                .all(|tags| tags.contains(&Tag::of(claim.claim_type)))
            && includes_date(&self.service_date, claim.service_through)
            && includes_instant(&self.last_updated, claim.last_updated)
    }
}

/// The id of an ExplanationOfBenefit: `carrier-9991831999`, `pde--4894712975`.
#[derive(Clone, PartialEq, Eq)]
pub struct EobId {
    /// The claim type.
    pub claim_type: ClaimType,
    /// The claim id, negative for synthetic claims.
    pub claim_id: Box<str>,
}

impl EobId {
    /// What an id looks like.
    pub const PATTERN: &'static str = "{claim type}-{claim id}";
    const DIGITS_MAX: usize = 38;

    /// Reads an id. A word that is no claim type is `Ok(None)`: such a resource can only be unknown.
    ///
    /// # Errors
    /// When the id does not have the form of one.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let malformed = Refusal::MalformedId {
            expected: Self::PATTERN,
        };
        let Some((name, claim_id)) = text.split_once('-') else {
            return Err(malformed);
        };
        let digits = claim_id.strip_prefix('-').unwrap_or(claim_id);
        let number = (1..=Self::DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        let word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !word || !number {
            return Err(malformed);
        }
        Ok(ClaimType::from_name(name).map(|claim_type| EobId {
            claim_type,
            claim_id: claim_id.into(),
        }))
    }
}

fn eob_ids(value: &str) -> Result<Vec<EobId>, Refusal> {
    let ids = value.split(',').map(EobId::parse);
    let ids: Result<Vec<Option<EobId>>, Refusal> = ids.collect();
    let ids = ids.map_err(|_| Refusal::InvalidParameter {
        name: "_id",
        value: Some(value.to_owned()),
        expected: EobId::PATTERN,
    })?;
    Ok(ids.into_iter().flatten().collect())
}

fn claim_types(value: &str) -> Result<Vec<ClaimType>, Refusal> {
    value
        .split(',')
        .map(|token| {
            let code = match token.split_once('|') {
                Some((EOB_TYPE_SYSTEM, code)) => Some(code),
                Some(_) => None,
                None => Some(token),
            };
            code.and_then(|code| ClaimType::from_name(&code.to_ascii_lowercase()))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::InvalidParameter {
            name: "type",
            value: Some(value.to_owned()),
            expected: "carrier, dme, hha, hospice, inpatient, outpatient, pde or snf, separated by commas",
        })
}

/// What `_tag` tells apart. Answers of v1 and v2 carry no tags; a claim is found by the one it has in CMS's newer API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    NationalClaimsHistory,
    DrugEvents,
    /// A tag that no claim has.
    Unknown,
}

impl Tag {
    /// Drug events come from a system of their own, all other claims in RIF files from the National Claims History.
    fn of(claim_type: ClaimType) -> Self {
        match claim_type {
            ClaimType::Pde => Tag::DrugEvents,
            _ => Tag::NationalClaimsHistory,
        }
    }

    fn parse(token: &str) -> Option<Self> {
        let (system, code) = match token.split_once('|') {
            Some((system, code)) => (system, code),
            None => (SYSTEM_TYPE, token),
        };
        match (system, code) {
            (_, "") => None,
            (SYSTEM_TYPE, "NationalClaimsHistory") => Some(Tag::NationalClaimsHistory),
            _ => Some(Tag::Unknown),
        }
    }
}

fn tags(value: &str) -> Result<Vec<Tag>, Refusal> {
    let tags = value.split(',').map(Tag::parse).collect::<Option<_>>();
    tags.ok_or_else(|| Refusal::InvalidParameter {
        name: "_tag",
        value: Some(value.to_owned()),
        expected: "tags as code or system|code, separated by commas",
    })
}

/// One side of an interval: a prefix and a date or instant of any precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    prefix: Prefix,
    period: Period,
}

/// The prefixes that are served; `eq`, `ne`, `sa`, `eb` and `ap` are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    Gt,
    Ge,
    Lt,
    Le,
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let prefix = match text.get(..2)? {
            "gt" => Prefix::Gt,
            "ge" => Prefix::Ge,
            "lt" => Prefix::Lt,
            "le" => Prefix::Le,
            _ => return None,
        };
        let period = Period::parse(&text[2..])?;
        Some(Bound { prefix, period })
    }

    /// A date that is not whole stands for all of its days (<https://hl7.org/fhir/R4/search.html#date>).
    fn includes_date(self, date: Date) -> bool {
        match self.prefix {
            Prefix::Gt => date > self.period.last_day,
            Prefix::Ge => date >= self.period.first_day,
            Prefix::Lt => date < self.period.first_day,
            Prefix::Le => date <= self.period.last_day,
        }
    }

    fn includes_instant(self, instant: Timestamp) -> bool {
        match self.prefix {
            Prefix::Gt => instant >= self.period.end,
            Prefix::Ge => instant >= self.period.start,
            Prefix::Lt => instant < self.period.start,
            Prefix::Le => instant < self.period.end,
        }
    }
}

fn includes_instant(bounds: &[Bound], instant: Timestamp) -> bool {
    bounds.iter().all(|bound| bound.includes_instant(instant))
}

/// A claim without a date is in no interval.
fn includes_date(bounds: &[Bound], date: Option<Date>) -> bool {
    match date {
        Some(date) => bounds.iter().all(|bound| bound.includes_date(date)),
        None => bounds.is_empty(),
    }
}

#[cfg(test)]
mod tests;

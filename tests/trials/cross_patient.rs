//! One person's token and another person's ids: in every path and parameter of every version, no answer holds anything
//! that is another person's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bluebutton::config::{Stage, variable};
use bluebutton::identity::MedicareNumberHasher;
use bluebutton::mapping::patient::{MBI_HASH, US_MBI};
use serde_json::Value;
use stand::local::UNHURRIED;
use stand::proxy::Proxy;
use tokio::task::JoinSet;

use crate::instance::{Answer, Instance, Request, form_encoded};
use crate::pair::{Pair, Sandbox, Tokens};
use crate::rounds::{Rounds, report};

/// How many people, each asking for each other.
const PEOPLE: u64 = 50;
const OVER_HTTP: Rounds = Rounds {
    test: 5_000,
    soak: 5_000,
};
const IN_PROCESS: Rounds = Rounds {
    test: 500,
    soak: 95_000,
};
/// Requests under way at once.
const AT_ONCE: usize = 8;
/// A shorter text may be part of anybody's answer.
const IDENTIFIER_CHARS_MIN: usize = 5;
/// How often a request is sent again that came too fast.
const TRIES_MAX: usize = 20;

/// Requests with another person's ids. `ID` stands for their patient id, `OWN` for one's own, `EOB` for one of their
/// claims as `{type}-{claim id}`, `CLAIM` for its claim id, `MBI` for their Medicare number, `HASH` for its hash,
/// `NAME` for their family name, `TOKEN` for their access token, `BASE` for the base URL. What follows a space is the
/// form of a POST.
const FORMS: [&str; 110] = [
    "fhir/Patient/ID",
    "fhir/Patient/ID/",
    "fhir/Patient/ID?_format=json",
    "fhir/Patient/ID/_history/1",
    "fhir/Patient/ID/$everything",
    "fhir/Patient/OWN/../ID",
    "fhir/Patient/OWN%2F..%2FID",
    "fhir/Patient/OWN,ID",
    "fhir/Patient/OWN?_id=ID",
    "fhir/Patient/OWN?patient=ID",
    "fhir/Patient?_id=ID",
    "fhir/Patient?_id=OWN,ID",
    "fhir/Patient?_id=ID,OWN",
    "fhir/Patient?_id=OWN&_id=ID",
    "fhir/Patient?_id=ID&_id=OWN",
    "fhir/Patient?_id=Patient/ID",
    "fhir/Patient?_id=BASE/v2/fhir/Patient/ID",
    "fhir/Patient?_Id=ID",
    "fhir/Patient?_id:not=OWN",
    "fhir/Patient?_id:exact=ID",
    "fhir/Patient?_id[]=ID",
    "fhir/Patient?id=ID",
    "fhir/Patient?patient=ID",
    "fhir/Patient?beneficiary=ID",
    "fhir/Patient?_id=ID&_lastUpdated=gt2000-01-01",
    "fhir/Patient?_lastUpdated=gt2000-01-01&_count=50",
    "fhir/Patient?_id=ID&_count=50&startIndex=0",
    "fhir/Patient?_id=OWN&startIndex=1",
    "fhir/Patient?identifier=HASHSYSTEM|HASH",
    "fhir/Patient?identifier=HASHSYSTEM%7CHASH&_id=OWN",
    "fhir/Patient?identifier=HASHSYSTEM|HASH,HASHSYSTEM|HASH",
    "fhir/Patient?identifier=MBISYSTEM|MBI",
    "fhir/Patient?identifier=MBI",
    "fhir/Patient?identifier=|MBI",
    "fhir/Patient?family=NAME",
    "fhir/Patient?name=NAME",
    "fhir/Patient?_content=NAME",
    "fhir/Patient?_revinclude=ExplanationOfBenefit:patient&_id=ID",
    "fhir/Patient?_has:ExplanationOfBenefit:patient:_id=EOB",
    "fhir/Patient?_filter=id+eq+ID",
    "fhir/Patient?cursor=ID",
    "fhir/Patient/_search _id=ID",
    "fhir/Patient/_search _id=OWN,ID",
    "fhir/Patient/_search?_id=OWN _id=ID",
    "fhir/Patient/_search?_id=ID _id=OWN",
    "fhir/Patient/_search identifier=MBISYSTEM|MBI",
    "fhir/Patient/_search identifier=HASHSYSTEM|HASH",
    "fhir/Patient/_search identifier=MBISYSTEM|MBI&_id=OWN",
    "fhir/Coverage/part-a-ID",
    "fhir/Coverage/part-b-ID",
    "fhir/Coverage/part-c-ID",
    "fhir/Coverage/part-d-ID",
    "fhir/Coverage/part-x-ID",
    "fhir/Coverage/part-a-ID/",
    "fhir/Coverage/ID",
    "fhir/Coverage/part-a-OWN,part-a-ID",
    "fhir/Coverage/part-a-OWN?beneficiary=ID",
    "fhir/Coverage?beneficiary=ID",
    "fhir/Coverage?beneficiary=Patient/ID",
    "fhir/Coverage?beneficiary=BASE/v1/fhir/Patient/ID",
    "fhir/Coverage?beneficiary=OWN,ID",
    "fhir/Coverage?beneficiary=OWN&beneficiary=ID",
    "fhir/Coverage?beneficiary:Patient=ID",
    "fhir/Coverage?beneficiary.identifier=MBISYSTEM|MBI",
    "fhir/Coverage?_id=part-a-ID",
    "fhir/Coverage?patient=ID",
    "fhir/Coverage?subscriber=Patient/ID",
    "fhir/Coverage?beneficiary=ID&_count=1&startIndex=1",
    "fhir/Coverage?beneficiary=ID&_lastUpdated=gt2000-01-01",
    "fhir/Coverage/_search beneficiary=ID",
    "fhir/Coverage/_search beneficiary=Patient/ID&_count=50",
    "fhir/Coverage/_search?beneficiary=OWN beneficiary=ID",
    "fhir/ExplanationOfBenefit/EOB",
    "fhir/ExplanationOfBenefit/EOB/",
    "fhir/ExplanationOfBenefit/carrier-CLAIM",
    "fhir/ExplanationOfBenefit/pde-CLAIM",
    "fhir/ExplanationOfBenefit/outpatient-CLAIM",
    "fhir/ExplanationOfBenefit/inpatient-CLAIM",
    "fhir/ExplanationOfBenefit/CLAIM",
    "fhir/ExplanationOfBenefit/EOB?patient=ID",
    "fhir/ExplanationOfBenefit/EOB?patient=OWN",
    "fhir/ExplanationOfBenefit/EOB%23",
    "fhir/ExplanationOfBenefit?patient=ID&_count=2",
    "fhir/ExplanationOfBenefit?patient=Patient/ID&_count=2",
    "fhir/ExplanationOfBenefit?patient=BASE/v2/fhir/Patient/ID&_count=2",
    "fhir/ExplanationOfBenefit?patient=OWN,ID&_count=2",
    "fhir/ExplanationOfBenefit?patient=OWN&patient=ID&_count=2",
    "fhir/ExplanationOfBenefit?patient:Patient=ID&_count=2",
    "fhir/ExplanationOfBenefit?patient.identifier=MBISYSTEM|MBI&_count=2",
    "fhir/ExplanationOfBenefit?_id=EOB&_count=2",
    "fhir/ExplanationOfBenefit?_id=OWN,EOB&patient=OWN&_count=2",
    "fhir/ExplanationOfBenefit?claim=CLAIM&_count=2",
    "fhir/ExplanationOfBenefit?identifier=CLAIM&_count=2",
    "fhir/ExplanationOfBenefit?patient=ID&type=carrier&_count=2",
    "fhir/ExplanationOfBenefit?patient=ID&service-date=gt2000-01-01&_count=2",
    "fhir/ExplanationOfBenefit?patient=ID&_lastUpdated=gt2000-01-01&_count=2",
    "fhir/ExplanationOfBenefit?patient=ID&startIndex=1&_count=2",
    "fhir/ExplanationOfBenefit?patient=OWN&startIndex=2&_count=2",
    "fhir/ExplanationOfBenefit?patient=ID&excludeSAMHSA=true&_count=2",
    "fhir/ExplanationOfBenefit?patient=OWN&_include=ExplanationOfBenefit:patient&_count=2",
    "fhir/ExplanationOfBenefit/_search patient=ID&_count=2",
    "fhir/ExplanationOfBenefit/_search?patient=OWN patient=ID&_count=2",
    "fhir/ExplanationOfBenefit/_search _id=EOB&_count=2",
    "connect/userinfo?patient=ID",
    "connect/userinfo?sub=ID",
    "connect/userinfo/ID",
    "o/introspect/ token=TOKEN",
    "o/revoke/ token=TOKEN",
    "o/expire_authenticated_user/ID/ patient=ID",
    "o/token/ grant_type=refresh_token&refresh_token=TOKEN&patient=ID",
];

/// Where the forms stand: the versions, and the older spelling of v1.
const PREFIXES: [&str; 4] = ["/v1/", "/v2/", "/v3/", "/v1/protected/bluebutton/"];

/// How an id may be spelled that somebody hopes is read otherwise.
const SPELLINGS: [fn(&str) -> String; 6] = [
    str::to_owned,
    |id| id.bytes().map(|byte| format!("%{byte:02X}")).collect(),
    |id| format!("%20{id}"),
    |id| format!("{id}%00"),
    |id| id.replacen('-', "-0", 1),
    |id| format!("{id}.json"),
];

/// A person with a token, and what their own answers say about them.
struct Person {
    pair: Pair,
    tokens: Tokens,
    mbi: String,
    hash: String,
    name: String,
    eob: String,
}

/// Everybody, and whose each identifier is.
struct Everybody {
    people: Vec<Person>,
    owner_of: HashMap<String, usize>,
}

/// Where requests are answered.
enum Api {
    Http(ureq::Agent, String),
    InProcess(Box<Instance>),
}

#[tokio::test]
async fn no_answer_holds_what_is_another_persons() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let aws = Proxy::before(&sandbox.aws).aws(UNHURRIED).await;
    let instance = Instance::start(&aws).await;
    let everybody = Arc::new(Everybody::meet(&sandbox, &instance).await);
    let base_url = variable("PUBLIC_BASE_URL").unwrap();
    let agent = ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    let http = Arc::new(Api::Http(agent.into(), base_url.clone()));
    let in_process = Arc::new(Api::InProcess(Box::new(instance)));
    let over_http = 0..OVER_HTTP.count();
    let others = over_http.end..over_http.end + IN_PROCESS.count();
    for (name, api, numbers) in [
        ("over HTTP", http, over_http),
        ("in process", in_process, others),
    ] {
        let mut asking = JoinSet::new();
        for first in 0..AT_ONCE {
            let (api, everybody) = (Arc::clone(&api), Arc::clone(&everybody));
            let base_url = base_url.clone();
            let numbers: Vec<_> = numbers.clone().skip(first).step_by(AT_ONCE).collect();
            asking.spawn(async move { everybody.ask(&api, &base_url, &numbers).await });
        }
        let mut statuses = BTreeMap::new();
        for (status, count) in asking.join_all().await.into_iter().flatten() {
            *statuses.entry(status).or_insert(0) += count;
        }
        report(format!(
            "{} cross-patient requests {name}, {} people, {} forms, {} identifiers looked for: none foreign; \
             by status {statuses:?}",
            numbers.len(),
            everybody.people.len(),
            FORMS.len() * PREFIXES.len() * SPELLINGS.len(),
            everybody.owner_of.len(),
        ));
    }
}

impl Everybody {
    async fn meet(sandbox: &Sandbox, instance: &Instance) -> Self {
        let hasher = MedicareNumberHasher::read(&sandbox.aws, Stage::Sandbox).await;
        let hasher = hasher.unwrap();
        let mut people = Vec::new();
        let (mut identifying, mut said) = (Vec::new(), Vec::new());
        for number in 0..PEOPLE {
            let pair = sandbox.pair(number).await;
            let tokens = sandbox.tokens(&pair, instance).await;
            let mut own = Vec::new();
            for path in ["Patient", "Coverage", "ExplanationOfBenefit?_count=50"] {
                for version in ["v1", "v2"] {
                    let request = Request::get(format!("/{version}/fhir/{path}"));
                    let answer = instance.answer(&request.bearer(&tokens.access)).await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                    own.push(answer);
                }
            }
            let bundles: Vec<_> = own.iter().map(Answer::json).collect();
            let resources = bundles.iter().flat_map(resources);
            let texts = resources.flat_map(identifiers).collect::<BTreeSet<_>>();
            identifying.push(words(&texts.into_iter().collect::<Vec<_>>().join(" ")));
            let bodies = own.iter().map(|answer| answer.body.as_str());
            said.push(words(&bodies.collect::<Vec<_>>().join(" ")));

            let patient = resources_of(&bundles[1]).next().expect("the person");
            let mbi = value_of(patient, US_MBI).expect("a Medicare number");
            let eob = resources_of(&bundles[5]).next();
            let eob = eob
                .and_then(|eob| eob["id"].as_str())
                .unwrap_or("carrier-1");
            people.push(Person {
                hash: hasher.hash(&mbi),
                name: patient["name"][0]["family"].as_str().unwrap().to_owned(),
                eob: eob.to_owned(),
                mbi,
                pair,
                tokens,
            });
        }
        let owner_of = owners(&identifying, &said);
        let mut identified: BTreeMap<usize, usize> = BTreeMap::new();
        for owner in owner_of.values() {
            *identified.entry(*owner).or_default() += 1;
        }
        // The patient id and the Medicare number at least; a person of many claims has hundreds.
        assert!(identified.len() == people.len() && identified.values().all(|&count| count >= 2));
        Self { people, owner_of }
    }

    /// Sends the requests of those numbers and counts the answers by status.
    async fn ask(&self, api: &Api, base_url: &str, numbers: &[usize]) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for &number in numbers {
            let (asker, request) = self.request(number, base_url);
            let answer = api.answer(&request).await;
            assert!(answer.status < 500, "{request:?}: {answer:?}");
            let body = beyond_repetition(&request, &answer);
            if let Some(foreign) = self.foreign(asker, &body) {
                let (target, form) = (&request.target, &request.form);
                panic!("{foreign} in the answer of {target} {form:?}: {body}");
            }
            *statuses.entry(answer.status).or_default() += 1;
        }
        statuses
    }

    /// The request of that number: pairs of people take turns fastest, then forms, versions and spellings.
    fn request(&self, number: usize, base_url: &str) -> (usize, Request) {
        let count = self.people.len();
        let asker = number % count;
        let other = (asker + 1 + (number / count) % (count - 1)) % count;
        // A prime number of steps, so that every form meets every distance between two people.
        let form = number * 7919;
        let (own, other) = (&self.people[asker], &self.people[other]);
        let prefix = PREFIXES[(form / FORMS.len()) % PREFIXES.len()];
        let spelling = SPELLINGS[(number / 11) % SPELLINGS.len()];
        let text = FORMS[form % FORMS.len()];
        let (target, body) = text
            .split_once(' ')
            .map_or((text, None), |(t, b)| (t, Some(b)));
        let target = target.strip_prefix("fhir/").map_or_else(
            || format!("/{}{target}", &prefix[1..4]),
            |rest| match prefix {
                "/v1/protected/bluebutton/" => format!("{prefix}fhir/v1/{rest}"),
                _ => format!("{prefix}fhir/{rest}"),
            },
        );
        let target = other.fill(&target, own, base_url, spelling);
        let request = match body {
            None => Request::get(target),
            Some(body) => {
                let body = other.fill(body, own, base_url, spelling);
                let pairs = url::form_urlencoded::parse(body.as_bytes()).into_owned();
                Request::post(target, pairs)
            }
        };
        (asker, own.identify(request))
    }

    /// What stands in a body and is another person's.
    fn foreign(&self, asker: usize, body: &str) -> Option<String> {
        let found = words(body);
        let mut found = found.into_iter();
        found.find(|word| self.owner_of.get(word).is_some_and(|owner| *owner != asker))
    }
}

impl Person {
    /// The form with this person's ids, asked for by another.
    fn fill(&self, form: &str, own: &Self, base_url: &str, spelling: fn(&str) -> String) -> String {
        let claim = self.eob.split_once('-').map_or("1", |(_, claim)| claim);
        [
            ("HASHSYSTEM", MBI_HASH.to_owned()),
            ("MBISYSTEM", US_MBI.to_owned()),
            ("BASE", base_url.to_owned()),
            ("OWN", own.pair.patient.as_str().to_owned()),
            ("CLAIM", spelling(claim)),
            ("EOB", spelling(&self.eob)),
            ("HASH", self.hash.clone()),
            ("MBI", self.mbi.clone()),
            ("NAME", self.name.clone()),
            ("TOKEN", self.tokens.access.clone()),
        ]
        .into_iter()
        .fold(
            form.replace("ID", &spelling(self.pair.patient.as_str())),
            |form, (name, value)| form.replace(name, &value),
        )
        .replace('|', "%7C")
    }

    /// With the token, or with the application's credentials where those are asked for.
    fn identify(&self, mut request: Request) -> Request {
        if request.target.contains("/o/") {
            let credentials = self.pair.post("", &[]).form;
            request.form.extend(credentials);
            return request;
        }
        request.bearer(&self.tokens.access)
    }
}

impl Api {
    async fn answer(&self, request: &Request) -> Answer {
        match self {
            Self::InProcess(instance) => instance.answer(request).await,
            Self::Http(agent, base_url) => {
                let (agent, request) = (agent.clone(), request.clone());
                let url = format!("{base_url}{}", request.target);
                let sending = tokio::task::spawn_blocking(move || send(&agent, &url, &request));
                sending.await.expect("the API answers")
            }
        }
    }
}

/// The answer's body. What refuses a value may repeat it, and so do the links of a bundle (R4 search, 3.1.1.1: the self
/// link says which parameters were heeded): of these only what the request did not hold itself.
fn beyond_repetition(request: &Request, answer: &Answer) -> String {
    let mut body = answer.json();
    let repeating = match body["resourceType"].as_str() {
        Some("OperationOutcome") => body["issue"].take().to_string(),
        Some("Bundle") => {
            let links = body["link"].take();
            let links = links.as_array().into_iter().flatten();
            let urls: Vec<_> = links.filter_map(|link| link["url"].as_str()).collect();
            decoded(&urls.join(" "))
        }
        _ => return answer.body.clone(),
    };
    let asked = format!("{} {}", request.target, form_encoded(&request.form));
    let (asked, repeated) = (words(&decoded(&asked)), words(&repeating));
    let more: Vec<_> = repeated.difference(&asked).map(String::as_str).collect();
    format!("{body} {}", more.join(" "))
}

/// Text in which nothing is percent-encoded any more.
fn decoded(text: &str) -> String {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs
        .map(|(name, value)| format!("{name} {value} "))
        .collect()
}

/// Over HTTP, again where the API asks for patience.
fn send(agent: &ureq::Agent, url: &str, request: &Request) -> Answer {
    for _ in 0..TRIES_MAX {
        let answer = send_once(agent, url, request);
        if answer.status != 429 {
            return answer;
        }
        let seconds = answer.retry_after.and_then(|text| text.parse().ok());
        std::thread::sleep(Duration::from_secs(seconds.unwrap_or(1)));
    }
    panic!("{url} is limited {TRIES_MAX} times");
}

fn send_once(agent: &ureq::Agent, url: &str, request: &Request) -> Answer {
    let answer = match request.method {
        "POST" => {
            let mut sent = agent.post(url);
            for (name, value) in &request.headers {
                sent = sent.header(*name, value);
            }
            sent.content_type("application/x-www-form-urlencoded")
                .send(form_encoded(&request.form))
        }
        _ => {
            let mut sent = agent.get(url);
            for (name, value) in &request.headers {
                sent = sent.header(*name, value);
            }
            sent.call()
        }
    };
    let mut answer = answer.unwrap_or_else(|error| panic!("{url}: {error}"));
    let retry_after = answer.headers().get("retry-after");
    Answer {
        status: answer.status().as_u16(),
        retry_after: retry_after.and_then(|value| Some(value.to_str().ok()?.to_owned())),
        location: None,
        cookie: None,
        body: answer.body_mut().read_to_string().expect("text"),
    }
}

/// The identifying words that stand in one person's answers only.
fn owners(identifying: &[BTreeSet<String>], said: &[BTreeSet<String>]) -> HashMap<String, usize> {
    let mut sayers: HashMap<&str, usize> = HashMap::new();
    for word in said.iter().flatten() {
        *sayers.entry(word).or_default() += 1;
    }
    let mut owner_of = HashMap::new();
    for (owner, words) in identifying.iter().enumerate() {
        let own = words.iter().filter(|word| sayers[word.as_str()] == 1);
        owner_of.extend(own.map(|word| (word.clone(), owner)));
    }
    owner_of
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() >= IDENTIFIER_CHARS_MIN)
        .map(str::to_owned)
        .collect()
}

fn resources_of(bundle: &Value) -> impl Iterator<Item = &Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|entry| &entry["resource"])
}

fn resources(bundle: &Value) -> Vec<&Value> {
    resources_of(bundle).collect()
}

/// What tells a resource from others: its id, its identifiers, a person's names.
fn identifiers(resource: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let identifiers = resource["identifier"].as_array().into_iter().flatten();
    let names = resource["name"].as_array().into_iter().flatten();
    let texts = [&resource["id"]]
        .into_iter()
        .chain(identifiers.map(|identifier| &identifier["value"]))
        .chain(names.clone().map(|name| &name["family"]))
        .chain(names.map(|name| &name["given"][0]));
    found.extend(texts.filter_map(|text| Some(text.as_str()?.to_owned())));
    found
}

fn value_of(patient: &Value, system: &str) -> Option<String> {
    let identifiers = patient["identifier"].as_array().into_iter().flatten();
    let mut values = identifiers.filter(|identifier| identifier["system"] == system);
    values.find_map(|identifier| Some(identifier["value"].as_str()?.to_owned()))
}

#[test]
fn a_foreign_identifier_would_be_found() {
    let set = |text: &str| words(text);
    let said = [
        set("Parker 20140000000001 shared"),
        set("Silva 20140000000002 shared"),
    ];
    let identifying = [
        set("Parker 20140000000001"),
        set("Silva 20140000000002 shared"),
    ];
    let everybody = Everybody {
        people: Vec::new(),
        owner_of: owners(&identifying, &said),
    };
    let check = |asker: usize, body: &str, expected: Option<&str>| {
        let found = everybody.foreign(asker, body);
        assert_eq!(found.as_deref(), expected, "{body}");
    };
    check(0, r#"{"id": "-20140000000001", "family": "Parker"}"#, None);
    check(
        0,
        r#"{"reference": "Patient/-20140000000002"}"#,
        Some("20140000000002"),
    );
    check(
        0,
        r#"{"id": "part-a-20140000000002"}"#,
        Some("20140000000002"),
    );
    check(1, r#"{"family": "Parker"}"#, Some("Parker"));
    check(1, "shared", None);
}

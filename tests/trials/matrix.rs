//! The fault matrix: every fault at every call to AWS of every endpoint, once and from then on.
//!
//! The requests are good ones, so the answer is what it is without a fault, or 503 (429) and nothing is half-made: the
//! same request, sent again when AWS is well, does what it did not do before.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bluebutton::{
    config::Stage,
    identity::MedicareNumberHasher,
    mapping::patient::{MBI_HASH, US_MBI},
};
use serde_json::Value;
use stand::proxy::{Fault, Patience, Proxy, Rule, Seen, WRITES, When};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::instance::{Answer, Instance, Request};
use crate::pair::{Browser, Decision, Pair, Sandbox, Tokens};
use crate::rounds::{is_soak, report};

/// Short, so that a call that nobody answers costs little; the functions' own are 1, 2 and 5 seconds.
const PATIENCE: Patience = Patience {
    connect: Duration::from_millis(400),
    attempt: Duration::from_millis(600),
    operation: Duration::from_secs(2),
};
/// Longer than an attempt.
const LATENCY: Duration = Duration::from_millis(900);
/// Beyond it a request has no answer: the template gives a function so much. How long the slowest took is told at the
/// end.
const FUNCTION_SECONDS: u64 = 26;
/// The people of the matrix, one for each worker.
const PEOPLE: [u64; 7] = [78, 79, 80, 81, 82, 83, 84];
/// In `cargo xtask test` every so manieth case: not a divisor of the number of faults, so that all take their turn.
const SUBSET: usize = 7;

/// A good request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Endpoint {
    Authorize,
    SignInPage,
    SignIn,
    ConsentPage,
    Connect,
    Cancel,
    Redeem,
    Refresh,
    RevokeAccessToken,
    RevokeRefreshToken,
    RevokeGrant,
    Introspect,
    Userinfo,
    PatientRead,
    PatientSearch,
    CoverageRead,
    CoverageSearch,
    EobRead,
    EobSearch,
    Jwks,
    Metadata,
}

const ENDPOINTS: [Endpoint; 21] = [
    Endpoint::Authorize,
    Endpoint::SignInPage,
    Endpoint::SignIn,
    Endpoint::ConsentPage,
    Endpoint::Connect,
    Endpoint::Cancel,
    Endpoint::Redeem,
    Endpoint::Refresh,
    Endpoint::RevokeAccessToken,
    Endpoint::RevokeRefreshToken,
    Endpoint::RevokeGrant,
    Endpoint::Introspect,
    Endpoint::Userinfo,
    Endpoint::PatientRead,
    Endpoint::PatientSearch,
    Endpoint::CoverageRead,
    Endpoint::CoverageSearch,
    Endpoint::EobRead,
    Endpoint::EobSearch,
    Endpoint::Jwks,
    Endpoint::Metadata,
];

/// One fault at one call of one endpoint.
#[derive(Clone, Copy, Debug)]
struct Case {
    endpoint: Endpoint,
    when: When,
    fault: Fault,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    AsWithoutFault,
    /// With 503, and the same request succeeds when AWS is well.
    Refused,
    /// With 503, and done all the same: the one who asked begins again.
    DoneUnseen,
}

/// What a case showed.
struct Outcome {
    end: End,
    /// The calls that the fault struck.
    struck: usize,
    took: Duration,
}

#[derive(Default)]
struct Figures {
    outcomes: Vec<Outcome>,
    failed: Vec<Case>,
}

/// A person, an application, and functions whose calls go through a proxy of their own.
struct Worker {
    sandbox: Arc<Sandbox>,
    /// Without faults, and patient: for what comes before and after.
    calm: Arc<Instance>,
    struck: Arc<Instance>,
    proxy: Proxy,
    pair: Pair,
    /// Another application of the same person, whose tokens stay.
    reader: Pair,
    reading: Tokens,
    known: Known,
}

/// What the person's own answers hold.
struct Known {
    hash: String,
    eob: String,
    answers: BTreeMap<Endpoint, Value>,
    personal: Vec<String>,
}

/// A request that is ready to be sent, and what it is about.
struct Ready {
    request: Request,
    tokens: Option<Tokens>,
    grant: Option<String>,
}

#[tokio::test]
async fn whatever_aws_does_at_whatever_call_nothing_is_half_made() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let sandbox = Arc::new(sandbox);
    let calm = Arc::new(Instance::start(&sandbox.aws).await);
    let mut starting = JoinSet::new();
    for person in PEOPLE {
        let (sandbox, calm) = (Arc::clone(&sandbox), Arc::clone(&calm));
        starting.spawn(async move { Worker::start(&sandbox, &calm, person).await });
    }
    let workers = starting.join_all().await;
    let cases = cases(&workers[0]).await;
    let all = cases.len();
    let cases: Vec<_> = match is_soak() {
        true => cases,
        false => cases.into_iter().step_by(SUBSET).collect(),
    };
    let mut running = JoinSet::new();
    let count = workers.len();
    for (number, worker) in workers.into_iter().enumerate() {
        let cases: Vec<_> = cases.iter().copied().skip(number).step_by(count).collect();
        running.spawn(async move { worker.run(&cases).await });
    }
    let mut figures = Figures::default();
    for done in running.join_all().await {
        figures.outcomes.extend(done.outcomes);
        figures.failed.extend(done.failed);
    }
    report(format!(
        "fault matrix, {} of {all} cases: {figures}",
        cases.len()
    ));
    assert_eq!(figures.failed.len(), 0, "{:#?}", figures.failed);
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let count = |end| {
            let outcomes = self.outcomes.iter();
            outcomes.filter(|outcome| outcome.end == end).count()
        };
        let struck: usize = self.outcomes.iter().map(|outcome| outcome.struck).sum();
        let slowest = self.outcomes.iter().map(|outcome| outcome.took).max();
        write!(
            f,
            "{} answered as without a fault, {} refused with 503 and good when sent again, {} refused and done; \
             {struck} calls struck; the slowest answer took {:?}; {} failed",
            count(End::AsWithoutFault),
            count(End::Refused),
            count(End::DoneUnseen),
            slowest.unwrap_or_default(),
            self.failed.len()
        )
    }
}

/// Every fault at every call that each endpoint makes without one. Single faults come first: lasting ones use up the
/// budget of the SDK's retries.
async fn cases(worker: &Worker) -> Vec<Case> {
    let mut cases = Vec::new();
    for endpoint in ENDPOINTS {
        let calls = worker.calls(endpoint).await.len();
        for position in 0..calls {
            for fault in Fault::all(LATENCY) {
                for when in [When::Nth(position), When::From(position)] {
                    cases.push(Case {
                        endpoint,
                        when,
                        fault,
                    });
                }
            }
        }
    }
    cases.sort_by_key(|case| matches!(case.when, When::From(_)));
    cases
}

impl Worker {
    async fn start(sandbox: &Arc<Sandbox>, calm: &Arc<Instance>, person: u64) -> Self {
        let proxy = Proxy::before(&sandbox.aws);
        let reader = sandbox.pair(person).await;
        let reading = sandbox.tokens(&reader, calm).await;
        let mut worker = Self {
            struck: Arc::new(Instance::start(&proxy.aws(PATIENCE).await).await),
            sandbox: Arc::clone(sandbox),
            calm: Arc::clone(calm),
            proxy,
            pair: sandbox.pair(person).await,
            reader,
            reading,
            known: Known {
                hash: String::new(),
                eob: String::new(),
                answers: BTreeMap::new(),
                personal: Vec::new(),
            },
        };
        worker.get_to_know().await;
        worker
    }

    /// Reads what the person's own answers are without faults.
    async fn get_to_know(&mut self) {
        let patient = self.read("Patient").await;
        let identifiers = patient["entry"][0]["resource"]["identifier"].as_array();
        let mbi = identifiers
            .into_iter()
            .flatten()
            .find(|identifier| identifier["system"] == US_MBI);
        let mbi = mbi.and_then(|identifier| identifier["value"].as_str());
        let hasher = MedicareNumberHasher::read(&self.sandbox.aws, Stage::Sandbox).await;
        self.known.hash = hasher.unwrap().hash(mbi.expect("a Medicare number"));
        let eobs = self.read("ExplanationOfBenefit?_count=1").await;
        let eob = eobs["entry"][0]["resource"]["id"].as_str();
        self.known.eob = eob.expect("a claim").to_owned();
        for endpoint in ENDPOINTS.into_iter().filter(|endpoint| endpoint.is_read()) {
            let ready = self.ready(endpoint).await;
            let answer = self.calm.answer(&ready.request).await;
            assert_eq!(answer.status, 200, "{endpoint:?}: {answer:?}");
            self.known.answers.insert(endpoint, lasting(&answer));
        }
        self.known.personal = personal(&patient["entry"][0]["resource"]);
        self.known.personal.push(self.known.eob.clone());
    }

    async fn read(&self, path: &str) -> Value {
        let request = Request::get(format!("/v2/fhir/{path}"));
        let answer = self
            .calm
            .answer(&request.bearer(&self.reading.access))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The calls to AWS that the endpoint makes. On a busy machine one may come too late without any fault, and then
    /// the request does not make them all.
    async fn calls(&self, endpoint: Endpoint) -> Vec<Seen> {
        const TRIES_MAX: usize = 10;
        for _ in 0..TRIES_MAX {
            let ready = self.ready(endpoint).await;
            let _ = self.proxy.take_seen();
            let answer = self.struck.answer(&ready.request).await;
            if answer.status == endpoint.success() {
                return self.proxy.take_seen();
            }
        }
        panic!("{endpoint:?} does not succeed without a fault");
    }

    /// Each case in a task of its own: one that fails says so and the others go on.
    async fn run(self, cases: &[Case]) -> Figures {
        let worker = Arc::new(self);
        let mut figures = Figures::default();
        for &case in cases {
            let worker = Arc::clone(&worker);
            match tokio::spawn(async move { worker.check(case).await }).await {
                Ok(outcome) => figures.outcomes.push(outcome),
                Err(_) => figures.failed.push(case),
            }
        }
        figures
    }

    async fn check(&self, case: Case) -> Outcome {
        let ready = self.ready(case.endpoint).await;
        let _ = self.proxy.take_seen();
        self.proxy.set([Rule::of(&[], case.when, case.fault)]);
        let started = Instant::now();
        let answer = self.struck.answer(&ready.request);
        let answer = timeout(Duration::from_secs(FUNCTION_SECONDS), answer).await;
        let took = started.elapsed();
        self.proxy.heal();
        let answer = answer.unwrap_or_else(|_| panic!("{case:?} has no answer"));
        let seen = self.proxy.take_seen();
        let struck: Vec<_> = seen.iter().filter(|call| call.fault.is_some()).collect();
        let outcome = |end| Outcome {
            end,
            struck: struck.len(),
            took,
        };
        if answer.status == case.endpoint.success() {
            self.judge_success(case, &ready, &answer).await;
            return outcome(End::AsWithoutFault);
        }
        self.judge_refusal(case, &answer);
        let again = self.calm.answer(&ready.request).await;
        if again.status == case.endpoint.success() {
            self.judge_success(case, &ready, &again).await;
            return outcome(End::Refused);
        }
        // Where the refused request may have been carried out, one that can only be sent once is over.
        let done_unseen =
            struck.iter().any(|call| may_have_been_done(call)) || was_given_up(&seen, took);
        assert!(
            done_unseen && case.endpoint.is_sent_once() && again.status == 400,
            "{case:?}: {answer:?}, then {again:?}"
        );
        self.judge_nothing_revoked(case, &ready).await;
        outcome(End::DoneUnseen)
    }

    async fn ready(&self, endpoint: Endpoint) -> Ready {
        let (pair, calm) = (&self.pair, &*self.calm);
        let get = |path: &str| Request::get(format!("/v2/{path}")).bearer(&self.reading.access);
        let patient = self.reader.patient.as_str();
        let mut tokens = None;
        let request = match endpoint {
            Endpoint::Authorize => pair.authorization(),
            Endpoint::SignInPage => self.begun().await.look(),
            Endpoint::SignIn => {
                let browser = self.begun().await;
                let page = calm.answer(&browser.look()).await;
                pair.sign_in(&browser, &page)
            }
            Endpoint::ConsentPage => pair.signed_in(calm).await.look(),
            Endpoint::Connect => self.decision(Decision::Connect).await,
            Endpoint::Cancel => self.decision(Decision::Cancel).await,
            Endpoint::Redeem => pair.redemption(&self.sandbox.consent(pair).await),
            Endpoint::Refresh
            | Endpoint::RevokeAccessToken
            | Endpoint::RevokeRefreshToken
            | Endpoint::RevokeGrant => {
                let first = self.sandbox.tokens(pair, calm).await;
                let request = match endpoint {
                    Endpoint::Refresh => pair.refreshment(&first.refresh),
                    Endpoint::RevokeAccessToken => {
                        pair.post("revoke_token", &[("token", &first.access)])
                    }
                    Endpoint::RevokeRefreshToken => {
                        pair.post("revoke_token", &[("token", &first.refresh)])
                    }
                    _ => pair.post("revoke", &[("token", &first.access)]),
                };
                tokens = Some(first);
                request
            }
            Endpoint::Introspect => self
                .reader
                .post("introspect", &[("token", &self.reading.access)]),
            Endpoint::Userinfo => get("connect/userinfo"),
            Endpoint::PatientRead => get(&format!("fhir/Patient/{patient}")),
            Endpoint::PatientSearch => get(&format!(
                "fhir/Patient?identifier={MBI_HASH}|{}",
                self.known.hash
            )),
            Endpoint::CoverageRead => get(&format!("fhir/Coverage/part-a-{patient}")),
            Endpoint::CoverageSearch => get("fhir/Coverage"),
            Endpoint::EobRead => get(&format!("fhir/ExplanationOfBenefit/{}", self.known.eob)),
            Endpoint::EobSearch => get("fhir/ExplanationOfBenefit?_count=5"),
            Endpoint::Jwks => Request::get("/.well-known/jwks.json"),
            Endpoint::Metadata => Request::get("/v2/fhir/metadata"),
        };
        Ready {
            request,
            tokens,
            grant: self.sandbox.grant_id(pair).await,
        }
    }

    async fn begun(&self) -> Browser {
        let mut browser = Browser::default();
        browser.follow(&self.calm.answer(&self.pair.authorization()).await);
        browser
    }

    async fn decision(&self, decision: Decision) -> Request {
        let browser = self.pair.signed_in(&self.calm).await;
        let page = self.calm.answer(&browser.look()).await;
        Pair::decision(&browser, &page, decision)
    }

    /// The request did what it does.
    async fn judge_success(&self, case: Case, ready: &Ready, answer: &Answer) {
        let (pair, calm) = (&self.pair, &*self.calm);
        match case.endpoint {
            Endpoint::Connect => {
                let mut back = Browser::default();
                back.follow(answer);
                let code = back.code().expect("a code");
                let answer = calm.answer(&pair.redemption(&code)).await;
                pair.works(calm, &Tokens::of(&answer).expect("tokens"))
                    .await;
            }
            Endpoint::Redeem | Endpoint::Refresh => {
                pair.works(calm, &Tokens::of(answer).expect("tokens")).await;
                let grant = self.sandbox.grant_id(pair).await;
                assert_eq!(grant, ready.grant, "{case:?}: nothing is revoked");
            }
            Endpoint::RevokeAccessToken | Endpoint::RevokeRefreshToken | Endpoint::RevokeGrant => {
                let tokens = ready.tokens.as_ref().expect("tokens");
                let access = pair.has_access(calm, &tokens.access).await;
                assert!(!access, "{case:?}: the token is revoked");
                let again = calm.answer(&pair.refreshment(&tokens.refresh)).await;
                let lives = case.endpoint == Endpoint::RevokeAccessToken;
                assert_eq!(again.status == 200, lives, "{case:?}: {again:?}");
            }
            endpoint if endpoint.is_read() => {
                let whole = &self.known.answers[&endpoint];
                assert_eq!(lasting(answer), *whole, "{case:?}: the answer is whole");
            }
            _ => {}
        }
    }

    /// The refusal is one of those that ask to come again, and tells nothing.
    fn judge_refusal(&self, case: Case, answer: &Answer) {
        let asks_to_come_again = matches!(answer.status, 429 | 503);
        assert!(asks_to_come_again, "{case:?}: {answer:?}");
        assert!(answer.retry_after.is_some(), "{case:?}: {answer:?}");
        for text in &self.known.personal {
            assert!(!answer.body.contains(text), "{case:?}: {text}");
        }
    }

    /// What was done and not seen to be done has revoked nothing.
    async fn judge_nothing_revoked(&self, case: Case, ready: &Ready) {
        if case.endpoint == Endpoint::Redeem {
            let grant = self.sandbox.grant_id(&self.pair).await;
            assert_eq!(grant, ready.grant, "{case:?}: nothing is revoked");
        }
    }
}

impl Endpoint {
    fn success(self) -> u16 {
        match self {
            Self::Authorize => 302,
            Self::SignIn | Self::Connect | Self::Cancel => 303,
            _ => 200,
        }
    }

    /// Whether the answer is the same each time.
    fn is_read(self) -> bool {
        self >= Self::Introspect
    }

    /// Whether the request uses something up, so that it cannot be sent again once it was carried out.
    fn is_sent_once(self) -> bool {
        matches!(
            self,
            Self::SignIn | Self::Connect | Self::Cancel | Self::Redeem
        )
    }
}

/// A write that AWS may have carried out although nobody heard of it.
fn may_have_been_done(call: &Seen) -> bool {
    let unheard = matches!(
        call.fault,
        Some(Fault::CommitThenDrop | Fault::TruncatedBody | Fault::InvalidJson | Fault::Latency(_))
    );
    unheard && WRITES.contains(&call.operation.as_str())
}

/// Whether a busy machine may have carried out a write that nobody waited for any more: without a fault of its own, but
/// later than an attempt lasts.
fn was_given_up(seen: &[Seen], took: Duration) -> bool {
    let mut writes = seen.iter().filter(|call| call.fault.is_none());
    took >= PATIENCE.attempt && writes.any(|call| WRITES.contains(&call.operation.as_str()))
}

/// An answer's body without what differs in each of two equal answers.
fn lasting(answer: &Answer) -> Value {
    let mut body = answer.json();
    if body["resourceType"] == "Bundle"
        && let Some(bundle) = body.as_object_mut()
    {
        bundle.remove("id");
        bundle.remove("meta");
    }
    body
}

/// What a Patient says about who the person is.
fn personal(patient: &Value) -> Vec<String> {
    /// Shorter texts are part of too many others.
    const CHARS_MIN: usize = 4;
    let members = ["id", "birthDate", "name", "address"].map(|name| &patient[name]);
    let identifiers = patient["identifier"].as_array().into_iter().flatten();
    let mut texts = Vec::new();
    for value in members
        .into_iter()
        .chain(identifiers.map(|identifier| &identifier["value"]))
    {
        texts_of(value, &mut texts);
    }
    texts.retain(|text| text.len() >= CHARS_MIN && text != "usual");
    texts
}

/// Every text in a resource.
fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts_of(value, texts)),
        Value::Object(members) => members.values().for_each(|value| texts_of(value, texts)),
        _ => {}
    }
}

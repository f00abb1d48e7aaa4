//! The claims of CMS's larger sample, as whole collections: what paging reaches, what searches find, what claims say.
//! Beside it stands what scripts that share nothing with the API take straight from the files.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::approved;
use crate::client::{Consent, Person, Sandbox};
use crate::conformance::{SYNTHEA_PATIENTS, TYPES, load, rif_folder};
use crate::script;
use crate::straight_path::all_pages;

const VERSIONS: [&str; 2] = ["v1", "v2"];
/// Applications that no other test signs these people in to.
const APPLICATIONS: [(&str, Sharing); 2] = [
    ("Research app", Sharing::Everything),
    ("One-time app", Sharing::Usual),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// Claims about substance use as well.
    Everything,
    Usual,
}

/// One of the people and what an app may see of them.
struct Reader {
    patient: &'static str,
    sharing: Sharing,
    access_token: String,
}

/// What somebody asks for.
struct Search<'a> {
    reader: &'a Reader,
    query: String,
}

/// A page of a search.
struct Page {
    ids: Vec<String>,
    next: Option<String>,
    previous: Option<String>,
}

#[test]
fn every_answered_claim_is_reached_exactly_once_by_paging_there_and_back() {
    let Some((sandbox, readers)) = readers() else {
        return;
    };
    for reader in readers {
        let expected = expected(&[reader.search("")])[0];
        // One version for each choice is enough, since both page alike.
        let version = VERSIONS[reader.sharing as usize];
        for count in [1, 7, 10, 50] {
            check_paging(sandbox, reader, version, count, expected);
        }
    }
}

#[test]
fn searches_by_type_and_service_date_find_as_many_claims_as_the_files_hold() {
    let Some((sandbox, readers)) = readers() else {
        return;
    };
    // Both choices and both versions take turns, since they differ in what may be seen and in how it is written, not
    // in how it is found.
    let searches: Vec<_> = (readers.chunks(APPLICATIONS.len()))
        .flat_map(|choices| {
            let queries = queries(&choices[0].days(sandbox)).into_iter();
            let choices = choices.iter().cycle();
            choices
                .zip(queries)
                .map(|(reader, query)| reader.search(&query))
        })
        .collect();
    let counts = expected(&searches);
    let several = counts.iter().filter(|count| **count > 1).count();
    assert!(several > counts.len() / 2, "most searches find claims");
    for ((at, search), expected) in searches.iter().enumerate().zip(counts) {
        let version = VERSIONS[at / APPLICATIONS.len() % VERSIONS.len()];
        let path = format!(
            "/{version}/fhir/ExplanationOfBenefit?{}&_count=0",
            search.query
        );
        let bundle = sandbox.get(&path, &search.reader.access_token).json();
        assert_eq!(
            bundle["total"], expected,
            "{} {path}",
            search.reader.patient
        );
    }
}

#[test]
fn every_claim_says_what_its_rows_say_read_by_another_script() {
    let Some((sandbox, readers)) = readers() else {
        return;
    };
    let mut answers = Vec::new();
    let all_seen = |reader: &&Reader| reader.sharing == Sharing::Everything;
    for reader in readers.iter().filter(all_seen) {
        for version in VERSIONS {
            let path = format!("/{version}/fhir/ExplanationOfBenefit?_count=50");
            let claims = all_pages(sandbox, &path, &reader.access_token);
            answers.extend(claims.into_iter().map(|claim| (version, claim)));
        }
    }
    assert_eq!(answers.len(), 107 * VERSIONS.len());
    assert_eq!(mistakes(&answers), [""; 0]);

    // The script would have seen it.
    let (version, claim) = answers.last_mut().unwrap();
    claim["patient"]["reference"] = json!("Patient/1");
    claim["item"][0]["sequence"] = json!(77);
    let id = claim["id"].as_str().unwrap();
    let wrong = ["patient", "sequence"].map(|what| format!("{version} {id}: {what}"));
    assert_eq!(mistakes(&answers), wrong);
}

fn check_paging(sandbox: &Sandbox, reader: &Reader, version: &str, count: usize, expected: usize) {
    let what = format!("{} {version} _count={count}", reader.patient);
    let start = format!("/{version}/fhir/ExplanationOfBenefit?_count={count}");
    let pages = reader.follow(sandbox, start, |page| page.next);
    let ids: Vec<_> = pages.iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(ids.len(), expected, "{what}");
    assert_eq!(
        BTreeSet::from_iter(&ids).len(),
        expected,
        "{what}: each once"
    );
    assert_eq!(pages.len(), expected.div_ceil(count), "{what}: pages");

    let (last, _) = pages.last().expect("a first page, if no other").clone();
    let mut back = reader.follow(sandbox, last, |page| page.previous);
    back.reverse();
    let ids_of = |pages: &[(String, Vec<String>)]| -> Vec<Vec<String>> {
        pages.iter().map(|(_, ids)| ids.clone()).collect()
    };
    assert_eq!(ids_of(&back), ids_of(&pages), "{what}: the same pages back");
}

/// Searches of every kind: types in each spelling, and of the days of a person's claims the bounds and intervals of
/// each precision.
fn queries(days: &BTreeSet<String>) -> Vec<String> {
    const SYSTEM: &str = "https://bluebutton.cms.gov/resources/codesystem/eob-type";
    let mut queries = vec![
        "type=carrier,pde".to_owned(),
        format!("type={SYSTEM}%7Csnf,{SYSTEM}%7COutpatient,hha"),
        format!("type={}", TYPES.join(",")),
        "type=carrier&type=pde".to_owned(),
        "type=carrier,pde&type=pde,dme".to_owned(),
        "type=pde&type=pde".to_owned(),
    ];
    for name in TYPES {
        let upper = name.to_uppercase();
        let mixed = [&upper[..1], &name[1..]].concat();
        queries.extend([name, &upper, &mixed].map(|name| format!("type={name}")));
        queries.extend([name, &upper].map(|name| format!("type={SYSTEM}%7C{name}")));
    }
    // 2016, 2016-07 and 2016-07-09: every year, some months, fewer days.
    for precision in [4, 7, 10] {
        let dates: BTreeSet<_> = days.iter().map(|day| &day[..precision]).collect();
        let dates: Vec<_> = dates.into_iter().step_by(precision - 3).collect();
        for date in &dates {
            let bounds = ["ge", "gt", "le", "lt"];
            queries.extend(bounds.map(|prefix| format!("service-date={prefix}{date}")));
            queries.push(format!("service-date=ge{date}&service-date=le{date}"));
            queries.push(format!("service-date=gt{date}&service-date=lt{date}"));
        }
        for pair in dates.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            queries.push(format!("service-date=ge{from}&service-date=le{to}"));
            queries.push(format!("service-date=gt{from}&service-date=lt{to}"));
            queries.push(format!(
                "service-date=ge{from}&service-date=lt{to}&type=carrier,hha"
            ));
            queries.push(format!("service-date=lt{from}&service-date=gt{to}"));
        }
    }
    queries
}

impl Reader {
    fn sign_in(
        sandbox: &Sandbox,
        patient: &'static str,
        application: &str,
        sharing: Sharing,
    ) -> Self {
        let consent = Consent {
            share_samhsa_data: sharing == Sharing::Everything,
            ..Consent::connect()
        };
        let application = sandbox.application_named(application);
        let person = Person::with_patient_id(patient);
        let tokens = sandbox.exchange(&application, &person, None, consent);
        Self {
            patient,
            sharing,
            access_token: tokens["access_token"].as_str().unwrap().to_owned(),
        }
    }

    fn search(&self, query: &str) -> Search<'_> {
        Search {
            reader: self,
            query: query.to_owned(),
        }
    }

    /// The last days of service of the person's claims.
    fn days(&self, sandbox: &Sandbox) -> BTreeSet<String> {
        let path = "/v2/fhir/ExplanationOfBenefit?_count=50";
        let claims = all_pages(sandbox, path, &self.access_token);
        let day = |claim: &Value| claim["billablePeriod"]["end"].as_str().unwrap().to_owned();
        claims.iter().map(day).collect()
    }

    /// The pages from that one on, each with its path.
    fn follow(
        &self,
        sandbox: &Sandbox,
        start: String,
        onward: impl Fn(Page) -> Option<String>,
    ) -> Vec<(String, Vec<String>)> {
        let mut pages = Vec::new();
        let mut path = Some(start);
        while let Some(now) = path {
            let page = self.page(sandbox, &now);
            pages.push((now, page.ids.clone()));
            path = onward(page);
        }
        pages
    }

    fn page(&self, sandbox: &Sandbox, path: &str) -> Page {
        let bundle = sandbox.get(path, &self.access_token).json();
        let list = |key: &str| bundle[key].as_array().cloned().unwrap_or_default();
        let link = |relation: &str| {
            let link = list("link")
                .into_iter()
                .find(|link| link["relation"] == relation)?;
            let url = link["url"].as_str().unwrap();
            Some(url.strip_prefix(&sandbox.base_url).unwrap().to_owned())
        };
        let id = |entry: &Value| entry["resource"]["id"].as_str().unwrap().to_owned();
        Page {
            ids: list("entry").iter().map(id).collect(),
            next: link("next"),
            previous: link("previous"),
        }
    }
}

/// The sandbox and, signed in once for all tests, each of the people with either choice about substance use.
fn readers() -> Option<(&'static Sandbox, &'static [Reader])> {
    static READERS: OnceLock<Option<(Sandbox, Vec<Reader>)>> = OnceLock::new();
    let found = READERS.get_or_init(|| {
        let sandbox = Sandbox::running()?;
        approved::reference_path("rif/synthea")?;
        load(&[rif_folder().join("synthea")]);
        let readers = (SYNTHEA_PATIENTS.iter())
            .flat_map(|patient| APPLICATIONS.map(|application| (*patient, application)))
            .map(|(patient, (name, sharing))| Reader::sign_in(&sandbox, patient, name, sharing))
            .collect();
        Some((sandbox, readers))
    });
    let (sandbox, readers) = found.as_ref()?;
    Some((sandbox, readers))
}

/// How many claims each search must find, by `counts.py`.
fn expected(searches: &[Search]) -> Vec<usize> {
    let searches = searches.iter().map(|Search { reader, query }| {
        let shares = reader.sharing == Sharing::Everything;
        json!({"patient": reader.patient, "shares": shares, "query": query})
    });
    let counts = script::answer(&mut python("counts.py"), &searches.collect());
    serde_json::from_value(counts).unwrap()
}

/// What of the answers is not as the rows of the files say, by `claims.py`.
fn mistakes(answers: &[(&str, Value)]) -> Vec<String> {
    let answers = answers
        .iter()
        .map(|(version, resource)| json!({"version": version, "resource": resource}));
    let mistakes = script::answer(&mut python("claims.py"), &answers.collect());
    serde_json::from_value(mistakes).unwrap()
}

/// A script beside the tests that reads CMS's files.
fn python(name: &str) -> Command {
    let python = env::var_os("BLUEBUTTON_VALIDATOR_PYTHON");
    let mut command = Command::new(python.unwrap_or_else(|| OsString::from("python3")));
    // What it compiles would stand beside it.
    command
        .arg("-B")
        .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name))
        .arg(rif_folder().parent().unwrap());
    command
}

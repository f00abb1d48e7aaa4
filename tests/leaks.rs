//! The search for leaks, the last step of `cargo xtask test`: whatever the run printed, logged and used as a key is
//! searched for every personal value that was loaded and every secret that was issued.
//!
//! Searched are the logs of the functions, which say all they can while tests run (`LOG_OF_TESTS`), of the local AWS
//! and of the commands that made the sandbox, what `cargo test` printed and what it complained of, and all tables. Not
//! searched are the files that hold those values by purpose: the RIF files, the list of sign-ins and `sandbox.json`,
//! with which a developer signs in.
//!
//! What may stand where: a patient id and a claim id in keys, where the design puts them, and in no output; the hash of
//! a Medicare number in keys of the identity table and with the person in the claims table, and nowhere else. Secrets
//! stand nowhere, in no attribute of any table; an application's `state` is kept with an approval until it is answered,
//! is none of our secrets and is not looked for in attributes.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};

use aho_corasick::{AhoCorasick, MatchKind};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Shorter values are searched as whole JSON strings only: as parts of words they are everywhere.
const PART_CHARS_MIN: usize = 6;
/// Random digits as long as a date are among so many ids by chance; none of this length are.
const RARE_DIGITS_MIN: usize = 12;
/// The same of words: random letters spell a short name.
const RARE_LETTERS_MIN: usize = 8;
/// A run that knows fewer values has not loaded its people.
const NEEDLES_MIN: usize = 50_000;
/// The logs that no run leaves empty.
const LOGS: [&str; 4] = ["functions.log", "ministack.log", "calls.log", "tests.log"];
/// The tables that no run leaves empty.
const TABLES: [&str; 6] = [
    "APPLICATIONS_TABLE",
    "AUDIT_TABLE",
    "CLAIMS_TABLE",
    "GRANTS_TABLE",
    "IDENTITY_TABLE",
    "TRANSIENT_TABLE",
];
/// The sandbox's published values, with which it hashes Medicare numbers.
const PEPPER: &[u8] = b"nottherealpepper";
const ITERATIONS: NonZeroU32 = NonZeroU32::new(2).expect("not zero");

/// What a value is, which decides where it may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Names, dates, addresses, Medicare numbers.
    Personal,
    /// Hashes of Medicare numbers.
    Hash,
    /// Ids of patients and claims, user names and passwords by rule.
    Identifier,
    /// Codes, tokens, cookies, client secrets.
    Secret,
}

/// A place that is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// What was printed or logged.
    Output,
    /// The keys of a table.
    Keys { identity: Identity },
    /// All attributes of a table.
    Items,
}

/// Whether a table is the one whose keys are hashes of Medicare numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Table,
    Other,
}

impl Place {
    fn may_hold(self, kind: Kind) -> bool {
        match self {
            Self::Output => false,
            Self::Keys { identity } => match kind {
                Kind::Hash => identity == Identity::Table,
                Kind::Identifier => true,
                Kind::Personal | Kind::Secret => false,
            },
            Self::Items => kind != Kind::Secret,
        }
    }
}

/// A text and where it was found.
struct Searched {
    place: Place,
    name: String,
    text: String,
}

/// All values to look for.
#[derive(Default)]
struct Needles {
    forms: BTreeSet<(String, Kind)>,
    /// Those that are secrets, as they were issued.
    secrets: Vec<String>,
}

impl Needles {
    /// A value in all the forms in which it could be written.
    fn add(&mut self, kind: Kind, value: &str) {
        let value = value.trim();
        if value.chars().count() < PART_CHARS_MIN {
            if value.chars().count() > 1 {
                self.forms.insert((format!("\"{value}\""), kind));
            }
            return;
        }
        for text in [value.to_owned(), value.to_lowercase(), value.to_uppercase()] {
            self.forms
                .extend(encoded(&text).into_iter().map(|form| (form, kind)));
        }
    }

    fn add_secret(&mut self, secret: &str) {
        self.add(Kind::Secret, secret);
        self.secrets.push(secret.to_owned());
    }

    fn add_person(&mut self, row: &Row<'_>) {
        let (given, family) = (row.get("BENE_GVN_NAME"), row.get("BENE_SRNM_NAME"));
        for name in [
            given.to_owned(),
            family.to_owned(),
            format!("{given} {family}"),
            format!("{family} {given}"),
            format!("{family}, {given}"),
            format!("{family},{given}"),
            format!("{given}{family}"),
            format!("{family}{given}"),
        ] {
            self.add(Kind::Personal, &name);
        }
        for column in ["BENE_BIRTH_DT", "DEATH_DT"] {
            dates(row.get(column))
                .iter()
                .for_each(|date| self.add(Kind::Personal, date));
        }
        for column in ADDRESS {
            self.add(Kind::Personal, row.get(column));
        }
        for column in ["MBI_NUM", "BENE_CRNT_HIC_NUM"] {
            let number = row.get(column);
            if !number.is_empty() {
                self.add(Kind::Personal, number);
                self.add(Kind::Personal, &dashed(number));
                self.add(Kind::Hash, &hash(number));
            }
        }
        self.add(Kind::Identifier, row.get("BENE_ID"));
    }
}

const ADDRESS: [&str; 7] = [
    "BENE_ZIP_CD",
    "DRVD_LINE_1_ADR",
    "DRVD_LINE_2_ADR",
    "DRVD_LINE_3_ADR",
    "DRVD_LINE_4_ADR",
    "DRVD_LINE_5_ADR",
    "DRVD_LINE_6_ADR",
];

/// The text as it is, and as URLs, JSON, hexadecimal digits and base64 would have it.
fn encoded(text: &str) -> Vec<String> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let form: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let json = json!(text).to_string();
    let mut forms = vec![
        text.to_owned(),
        form.replace('+', "%20"),
        form,
        json.trim_matches('"').to_owned(),
        hex.to_uppercase(),
        hex,
    ];
    for before in 0..3 {
        forms.extend(in_base64(text, before));
    }
    forms
}

/// What base64 of a longer text shows of this one after so many other bytes (modulo three), in both alphabets.
fn in_base64(text: &str, before: usize) -> [String; 2] {
    const BITS_PER_BYTE: usize = 8;
    const BITS_PER_DIGIT: usize = 6;
    let bytes = [&vec![0; before], text.as_bytes()].concat();
    let first = (before * BITS_PER_BYTE).div_ceil(BITS_PER_DIGIT);
    let end = bytes.len() * BITS_PER_BYTE / BITS_PER_DIGIT;
    [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD]
        .map(|base64| base64.encode(&bytes)[first..end].to_owned())
}

/// A date of a RIF file (`23-Jan-1956`) in the forms in which dates are written.
fn dates(rif: &str) -> Vec<String> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let parts: Vec<_> = rif.split('-').collect();
    let [day, name, year] = parts[..] else {
        return Vec::new();
    };
    let month = MONTHS
        .iter()
        .position(|month| *month == name.to_lowercase());
    let month = month.expect("a month of a RIF file") + 1;
    vec![
        rif.to_owned(),
        format!("{year}-{month:02}-{day}"),
        format!("{year}{month:02}{day}"),
        format!("{month:02}/{day}/{year}"),
    ]
}

/// A Medicare number as it is printed on cards.
fn dashed(number: &str) -> String {
    match number.len() {
        11 => format!("{}-{}-{}", &number[..4], &number[4..7], &number[7..]),
        _ => number.to_owned(),
    }
}

fn hash(number: &str) -> String {
    let mut bytes = [0; 32];
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(algorithm, ITERATIONS, PEPPER, number.as_bytes(), &mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line of a RIF file.
struct Row<'a> {
    columns: &'a [&'a str],
    values: Vec<&'a str>,
}

impl Row<'_> {
    fn get(&self, column: &str) -> &str {
        let position = self.columns.iter().position(|name| *name == column);
        position
            .and_then(|position| self.values.get(position))
            .copied()
            .unwrap_or_default()
    }
}

/// Every value of the run, from the files that were loaded, the list of sign-ins, `sandbox.json` and the ledger.
fn needles(run: &Path) -> Needles {
    let mut needles = Needles::default();
    for file in files(&run.join("rif"), "csv") {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        let columns: Vec<_> = lines.next().unwrap_or_default().split('|').collect();
        let is_person = columns.contains(&"BENE_SRNM_NAME");
        for line in lines {
            let row = Row {
                columns: &columns,
                values: line.split('|').collect(),
            };
            match is_person {
                true => needles.add_person(&row),
                false => ["CLM_ID", "PDE_ID"]
                    .iter()
                    .for_each(|column| needles.add(Kind::Identifier, row.get(column))),
            }
        }
    }
    let sign_ins = fs::read_to_string(run.join("sign-ins.csv")).unwrap();
    for line in sign_ins.lines().skip(1) {
        line.split(',')
            .take(2)
            .for_each(|text| needles.add(Kind::Identifier, text));
    }
    let sandbox = fs::read_to_string(run.join("sandbox.json")).unwrap();
    let sandbox: Value = serde_json::from_str(&sandbox).unwrap();
    for application in sandbox["applications"].as_array().unwrap() {
        needles.add_secret(application["client_secret"].as_str().unwrap());
    }
    let ledger = fs::read_to_string(run.join("ledger")).expect("the suite notes its secrets");
    ledger.lines().for_each(|secret| needles.add_secret(secret));
    needles
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

/// What is searched: the run's logs, and the tables' keys and items.
fn searched(run: &Path) -> Vec<Searched> {
    let mut searched = Vec::new();
    for file in files(run, "log") {
        searched.push(Searched {
            place: Place::Output,
            name: file.file_name().unwrap().to_string_lossy().into_owned(),
            text: String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned(),
        });
    }
    for (variable, table) in env::vars().filter(|(name, _)| name.ends_with("_TABLE")) {
        let identity = match variable == "IDENTITY_TABLE" {
            true => Identity::Table,
            false => Identity::Other,
        };
        let described = dynamodb("DescribeTable", &json!({"TableName": table}));
        let schema = described["Table"]["KeySchema"].as_array().unwrap().clone();
        let keys: Vec<_> = schema
            .iter()
            .filter_map(|key| key["AttributeName"].as_str())
            .collect();
        for item in scan(&table) {
            let key: Vec<_> = keys.iter().map(|name| &item[name]["S"]).collect();
            searched.push(Searched {
                place: Place::Keys { identity },
                name: variable.clone(),
                text: json!(key).to_string(),
            });
            searched.push(Searched {
                place: Place::Items,
                name: variable.clone(),
                text: item.to_string(),
            });
        }
    }
    searched
}

fn scan(table: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut request = json!({"TableName": table});
    loop {
        let answer = dynamodb("Scan", &request);
        items.extend(answer["Items"].as_array().unwrap().iter().cloned());
        match answer.get("LastEvaluatedKey") {
            Some(key) => request["ExclusiveStartKey"] = key.clone(),
            None => return items,
        }
    }
}

/// A call of the local AWS, which wants a signature and does not check it.
fn dynamodb(operation: &str, request: &Value) -> Value {
    let url = env::var("AWS_ENDPOINT_URL").unwrap();
    let region = env::var("AWS_REGION").unwrap();
    let credential = format!("Credential=test/20260101/{region}/dynamodb/aws4_request");
    let mut answer = ureq::post(&url)
        .header("X-Amz-Target", format!("DynamoDB_20120810.{operation}"))
        .header("Content-Type", "application/x-amz-json-1.0")
        .header(
            "Authorization",
            format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"),
        )
        .send(request.to_string())
        .unwrap();
    let body = answer
        .body_mut()
        .with_config()
        .limit(u64::MAX)
        .read_to_string()
        .unwrap();
    serde_json::from_str(&body).unwrap()
}

/// Where values stand that may not: kind, place and line, never the value.
fn leaks(
    needles: &[(String, Kind)],
    search: &AhoCorasick,
    searched: &[Searched],
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for Searched { place, name, text } in searched {
        for hit in search.find_overlapping_iter(text) {
            let kind = needles[hit.pattern().as_usize()].1;
            if !place.may_hold(kind) && !is_chance(text, hit.range()) {
                let line = text[..hit.start()].matches('\n').count() + 1;
                found.insert(format!("{kind:?} in {place:?} of {name}, line {line}"));
            }
        }
    }
    found
}

/// Whether what was found is a part of something random, as ids and hashes are. Digits that mean something stand by
/// themselves, and so does at least one end of a short name.
fn is_chance(text: &str, found: Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let value = &bytes[found.clone()];
    let goes_on = |neighbour: Option<&u8>| neighbour.is_some_and(u8::is_ascii_alphanumeric);
    let before = goes_on(bytes[..found.start].last());
    let after = goes_on(bytes[found.end..].first());
    match value.iter().all(u8::is_ascii_digit) {
        true => value.len() < RARE_DIGITS_MIN && (before || after),
        false => value.len() < RARE_LETTERS_MIN && before && after,
    }
}

/// That the logs and the tables were there to be searched.
fn check_that_all_is_searched(searched: &[Searched]) {
    for name in LOGS.into_iter().chain(TABLES) {
        let mut of_name = searched.iter().filter(|one| one.name == name);
        assert!(of_name.any(|one| !one.text.is_empty()), "{name} is empty");
    }
}

/// Values planted where none may stand, each in another form.
fn canaries(needles: &Needles) -> Vec<Searched> {
    let of = |kind: Kind| {
        let mut values = needles
            .forms
            .iter()
            .filter(move |(_, found)| *found == kind);
        values
            .next()
            .map(|(value, _)| value.clone())
            .expect("a value of each kind")
    };
    let is_short = |(value, _): &&(String, Kind)| value.starts_with('"');
    let short = needles.forms.iter().find(is_short).expect("a short value");
    let secret = needles.secrets.last().expect("a secret");
    let other = Place::Keys {
        identity: Identity::Other,
    };
    let plant = |place, number: usize, text: String| Searched {
        place,
        name: format!("canary {number}"),
        text,
    };
    vec![
        plant(Place::Output, 1, format!("{{\"name\":{}}}", short.0)),
        plant(
            Place::Output,
            2,
            format!("one line\nand {} there", of(Kind::Personal)),
        ),
        plant(other, 3, format!("[\"x#{}\"]", of(Kind::Hash))),
        plant(Place::Output, 4, format!("GET /{}", of(Kind::Identifier))),
        plant(
            Place::Items,
            5,
            json!({"S": in_base64(&format!("..{secret}.."), 1)[0]}).to_string(),
        ),
    ]
}

#[test]
fn nothing_personal_and_no_secret_stands_in_an_output_or_a_key() {
    let Some(run) = env::var_os("BLUEBUTTON_RUN").map(PathBuf::from) else {
        eprintln!("skipped: the last step of `cargo xtask test` (BLUEBUTTON_RUN is not set)");
        return;
    };
    let needles = needles(&run);
    let list: Vec<_> = needles.forms.iter().cloned().collect();
    assert!(list.len() >= NEEDLES_MIN, "only {} values", list.len());
    let search = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .build(list.iter().map(|(value, _)| value))
        .expect("the values fit in memory");
    for canary in canaries(&needles) {
        let found = leaks(&list, &search, std::slice::from_ref(&canary));
        assert!(!found.is_empty(), "{} is not found", canary.name);
    }
    let searched = searched(&run);
    check_that_all_is_searched(&searched);
    let bytes: usize = searched.iter().map(|one| one.text.len()).sum();
    let leaks = leaks(&list, &search, &searched);
    eprintln!(
        "{} values in {bytes} bytes of {} texts",
        list.len(),
        searched.len()
    );
    assert!(leaks.is_empty(), "{} leaks:\n{leaks:#?}", leaks.len());
}

#[test]
fn what_spells_a_date_or_a_name_within_an_id_is_no_leak() {
    let check = |text: &str, value: &str, expected: bool| {
        let start = text.find(value).unwrap();
        let found = start..start + value.len();
        assert_eq!(is_chance(text, found), expected, "{text}");
    };
    check("GET /19560123?x", "19560123", false);
    check("19560123", "19560123", false);
    check("born 19560123", "19560123", false);
    check("6f1956012399-4b", "19560123", true);
    check("0.195601234Z", "19560123", true);
    check("a313935363031", "313935363031", false);
    check("x#Rachel_2", "Rachel", false);
    check("SmithRachel,", "Rachel", false);
    check("q0Rachel7Z", "Rachel", true);
    check("q0rosemary7Z", "rosemary", false);
}

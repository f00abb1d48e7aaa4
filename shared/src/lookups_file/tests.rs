use std::path::{Path, PathBuf};
use std::{env, fs, process};

use super::*;
use crate::http::logged;
use crate::mapping::approved::reference;
use crate::mapping::lookups::{BuiltIn, Lookups};

/// A file of this test's own, gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("bluebutton-lookups-{}-{name}", process::id())))
    }

    fn with(name: &str, providers: &str, drugs: &str) -> Self {
        let scratch = Self::new(name);
        let mut names = Names::default();
        names.add_providers(providers.as_bytes()).unwrap();
        names.add_drugs(drugs.as_bytes()).unwrap();
        names.write(&scratch.0).unwrap();
        scratch
    }

    fn installed(&self) -> Installed {
        Installed::at(Some(self.0.clone()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

const PROVIDERS: &str = r#"
    {"npi": "1111111111", "providerOrganizationName": "Tabs\tand\nlines, Inc. "}
    {"npi": "4444", "providerFirstName": "ANA", "providerLastName": "Núñez", "providerCredential": "MD", "unused": 1}
    [{"npi": "44445", "taxonomyCode": "207R00000X", "taxonomyDisplay": "Internal Medicine Physician"},
     {"npi": "9", "providerOrganizationName": "", "providerNamePrefix": null}]
    {"npi": "1111111112", "providerOrganizationName": "Old"} {"npi": "1111111112", "providerOrganizationName": "New"}
"#;
const DRUGS: &str =
    r#"{"code": "0002-143", "display": "Hyphens"} {"code": "12345678901", "display": "Digits"}"#;

#[test]
fn finds_what_was_written_and_nothing_else() {
    let scratch = Scratch::with("found", PROVIDERS, DRUGS);
    let names = scratch.installed();
    for (npi, expected) in [
        ("1111111111", Some("Tabs and lines, Inc.")),
        ("1111111112", Some("New")),
        ("1111111110", None),
        ("1111111113", None),
        ("4444", Some("ANA Núñez MD")),
        ("44445", Some("")),
        ("444", None),
        ("9", None),
        ("", None),
        ("\0", None),
        ("a number that is too long", None),
    ] {
        let found = names.provider(npi);
        let name = found.as_ref().map(|provider| &*provider.name);
        assert_eq!(name, expected, "{npi:?}");
    }
    let taxonomy = names.provider("44445").unwrap().taxonomy.unwrap();
    assert_eq!(taxonomy.code, "207R00000X");
    assert_eq!(taxonomy.display, "Internal Medicine Physician");
    for (ndc, expected) in [
        ("00002014301", Some("Hyphens")),
        ("000020143", Some("Hyphens")),
        ("12345678999", Some("Digits")),
        ("1111111111", None),
        ("", None),
    ] {
        assert_eq!(names.drug(ndc).as_deref(), expected, "{ndc:?}");
    }
}

#[test]
fn finds_every_one_of_many() {
    let row = |n: u32| {
        format!(
            r#"{{"npi": "{}", "providerOrganizationName": "N{n}"}}"#,
            n * 2
        )
    };
    let rows: String = (1..=2_001).map(row).collect();
    let scratch = Scratch::with("many", &rows, "");
    let names = scratch.installed();
    for n in 1..=2_001_u32 {
        let found = names.provider(&(n * 2).to_string()).unwrap();
        assert_eq!(found.name, format!("N{n}"));
        assert_eq!(names.provider(&(n * 2 + 1).to_string()), None);
    }
}

#[test]
fn what_the_file_does_not_know_is_looked_up_among_the_built_in_names() {
    let empty = Scratch::with("empty", "", "");
    let missing = Scratch::new("missing");
    for names in [empty.installed(), missing.installed(), Installed::at(None)] {
        assert_eq!(names.provider("0000000000"), BuiltIn.provider("0000000000"));
        assert_eq!(names.drug("00000000012"), BuiltIn.drug("00000000012"));
        assert_eq!(names.provider("1"), None);
    }
    let overridden = r#"{"npi": "0000000000", "providerOrganizationName": "Ours"}"#;
    let scratch = Scratch::with("overridden", overridden, "");
    let names = scratch.installed();
    assert_eq!(names.provider("0000000000").unwrap().name, "Ours");
}

#[test]
fn takes_the_files_that_the_approved_answers_were_made_with() {
    let read = |file: &str| reference(&format!("codes/{file}"));
    let (Some(first), Some(second)) = (read("fakeOrgData.tsv"), read("npi_e2e_it.json")) else {
        return;
    };
    let drugs = read("fakeDrugOrg.json").unwrap();
    let scratch = Scratch::with("approved", &(first + &second), &drugs);
    let names = scratch.installed();
    for npi in [
        "0000000000",
        "1306849450",
        "1497758544",
        "1679576722",
        "4444",
    ] {
        let key = provider_key(npi).unwrap();
        let file = NamesFile::open(&scratch.0).unwrap();
        assert!(file.find(&key).unwrap().is_some(), "{npi}");
        assert_eq!(names.provider(npi), BuiltIn.provider(npi));
    }
    assert_eq!(names.drug("000000000"), BuiltIn.drug("000000000"));
}

#[test]
fn refuses_rows_that_could_not_be_looked_up() {
    let check = |providers: &str, drugs: &str, expected: &str| {
        let mut names = Names::default();
        let added = names.add_providers(providers.as_bytes());
        let error = added.and_then(|_| names.add_drugs(drugs.as_bytes()));
        assert!(
            error.unwrap_err().to_string().contains(expected),
            "{providers}{drugs}"
        );
    };
    check("{} ", "", "row 1: an NPI");
    check(
        r#"{"npi": "1"} {"npi": "123456789012"}"#,
        "",
        "row 2: an NPI",
    );
    check("{", "", "EOF");
    check("{} 1", "", "row 1: an NPI");
    check("1", "", "row 1: invalid type");
    check(
        "",
        r#"{"code": "0002-143"}"#,
        "row 1: missing field `display`",
    );
    for code in [
        "",
        "-",
        "0002-",
        "-143",
        "000002-143",
        "0002-14300",
        "12345678",
        "0002-14a",
    ] {
        let drug = format!(r#"{{"code": "{code}", "display": "x"}}"#);
        check("", &drug, "row 1: a drug's code");
    }
    let long = format!(
        r#"{{"code": "0002-143", "display": "{}"}}"#,
        "x".repeat(2_001)
    );
    check("", &long, "row 1: a name is longer");
}

#[test]
fn says_what_is_wrong_with_a_damaged_file() {
    let scratch = Scratch::with("damaged", PROVIDERS, DRUGS);
    let whole = fs::read(&scratch.0).unwrap();
    let check = |bytes: &[u8], expected: &str| {
        fs::write(&scratch.0, bytes).unwrap();
        let error =
            NamesFile::open(&scratch.0).and_then(|file| file.find(&provider_key("4444").unwrap()));
        assert_eq!(error.unwrap_err().to_string(), expected);
        // The names that are built in are there all the same.
        assert!(scratch.installed().provider("0000000000").is_some());
        assert_eq!(
            scratch.installed().provider("4444"),
            BuiltIn.provider("4444")
        );
    };
    check(b"", "the file is too short");
    check(&whole[..23], "the file is too short");
    check(&whole[..whole.len() - 1], "the file is not whole");
    check(&[&whole[..], b"x"].concat(), "the file is not whole");
    check(
        &[b"BBNAMES2", &whole[8..]].concat(),
        "the file holds no names",
    );
    check(
        &[&whole[..8], &[0xff; 8], &whole[16..]].concat(),
        "the file is not whole",
    );
    let entry = whole
        .windows(5)
        .position(|bytes| bytes == b"P4444")
        .unwrap();
    let mut behind = whole.clone();
    behind[entry + KEY_BYTES] = 0xff;
    check(&behind, "an entry points behind the end");
    let mut broken = whole.clone();
    let name = whole.windows(3).position(|bytes| bytes == b"ANA").unwrap();
    broken[name] = 0xff;
    check(&broken, "a name is not UTF-8");
}

#[test]
fn never_panics_whatever_byte_is_wrong() {
    let scratch = Scratch::with("flipped", PROVIDERS, DRUGS);
    let whole = fs::read(&scratch.0).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&scratch.0, &bytes).unwrap();
        let names = scratch.installed();
        drop((names.provider("4444"), names.drug("00002014301")));
    }
    assert!(NamesFile::open(Path::new("/")).is_err());
}

/// The operator's file is nothing that claims depend on, so that the log is the only place that tells.
#[test]
fn a_file_that_cannot_be_used_is_told_once_with_its_name_and_the_cause() {
    let scratch = Scratch::new("told");
    fs::write(&scratch.0, "These are notes.\n").unwrap();
    let names = scratch.installed();
    let line = logged(|| assert!(names.provider("1111111111").is_none()));
    assert_eq!(line["file"], scratch.0.display().to_string());
    let cause = NamesFile::open(&scratch.0).err().unwrap().to_string();
    assert_eq!(line["cause"], cause);
    assert_eq!(line["level"], "ERROR");
}

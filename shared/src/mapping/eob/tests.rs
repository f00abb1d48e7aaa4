use jiff::Timestamp;

use super::*;
use crate::mapping::approved::{assert_approved, reference};
use crate::rif::Record;
use crate::rif::reader::Reader;

fn answer(claim: &Claim) -> Vec<u8> {
    let mut w = Writer::new();
    let context = Context::new(Version::R4, Timestamp::UNIX_EPOCH);
    write(&mut w, claim, &context);
    w.into_bytes()
}

/// Calls back with each claim of a RIF file.
fn each_claim(name: &str, text: &str, mut with: impl FnMut(&Claim)) {
    let mut reader = Reader::open(text.as_bytes(), name).expect("a RIF file");
    while let Some(entry) = reader.read().unwrap() {
        if let Record::Claim(claim) = entry.expect("a good claim").record {
            with(&claim);
        }
    }
}

#[test]
fn equals_the_approved_answers() {
    for (file, approved) in [
        ("rif/static/sample-a-bcarrier.txt", "v2/eobReadCarrier.json"),
        (
            "rif/static/sample-a-inpatient.txt",
            "v2/eobReadInpatient.json",
        ),
        ("rif/static/sample-a-pde.txt", "v2/eobReadPde.json"),
    ] {
        let Some(text) = reference(file) else { return };
        each_claim(file, &text, |claim| {
            assert_approved(approved, &answer(claim))
        });
    }
}

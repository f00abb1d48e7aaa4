//! The binary form over generated claims, the reference files and damaged bytes.

use std::collections::BTreeMap;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::rif::{Kind, Reader, Record, reference};

/// Mean sizes to stay below, by `claims of every type` and `Part D events`.
const CLAIM_BYTES_MEAN_MAX: usize = 330;
const PDE_BYTES_MEAN_MAX: usize = 165;

fn facts(claim: &Claim<'_>) -> Facts {
    Facts::of(claim, "2026-08-01T12:00:00.123Z".parse().unwrap())
}

fn assert_comes_back(claim: &Claim<'_>) {
    let facts = facts(claim);
    let bytes = encode(claim, &facts);
    let stored = StoredClaim::new("1", bytes);
    assert_eq!(stored.facts(), Ok(facts));
    let decoded = stored.claim().unwrap();
    assert!(decoded == *claim, "{:?}", claim.claim_type);
    for (row, decoded) in rows_of(claim).zip(rows_of(&decoded)) {
        let texts = |row: &Row<'_>| -> Vec<_> {
            row.values()
                .iter()
                .map(|value| value.map(|v| v.to_string()))
                .collect()
        };
        assert!(texts(row) == texts(decoded), "{:?}", claim.claim_type);
    }
}

fn rows_of<'a, 'b>(claim: &'a Claim<'b>) -> impl Iterator<Item = &'a Row<'b>> {
    std::iter::once(&claim.header).chain(&claim.lines)
}

/// The texts of one row, by position, as a column of that kind may hold them.
fn texts(columns: &'static [Column]) -> impl Strategy<Value = Vec<String>> {
    let texts: Vec<_> = columns.iter().map(|column| text(column.kind())).collect();
    // Claims repeat themselves: empty, a few common values, and whatever else the kind allows.
    let density = prop_oneof![Just(0.0), Just(0.1), Just(0.5), Just(1.0)];
    (
        texts,
        density,
        prop::collection::vec(0.0..1.0, columns.len()),
    )
        .prop_map(|(texts, density, chances)| {
            let kept = texts.into_iter().zip(chances);
            kept.map(|(text, chance)| {
                if chance < density {
                    text
                } else {
                    String::new()
                }
            })
            .collect()
        })
}

fn text(kind: Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::Text => {
            prop_oneof!["[0-9A-Z]{0,3}", "9{10}|[A-C][0-9]{2}", " ?[a-z|é]{0,70}"].boxed()
        }
        Kind::Char => prop_oneof!["[0-9A-Z ]?", "[a-zé*]"].boxed(),
        Kind::Integer => prop_oneof!["[0-9]", "-?[1-9][0-9]{0,18}", "0{1,3}[0-9]?"].boxed(),
        Kind::Decimal => prop_oneof![
            "[0-9]",
            "-?[1-9][0-9]{0,3}(\\.[0-9]{2})?",
            "[-+]?[0-9]{1,9}(\\.[0-9]{0,9})?",
            " {0,3}",
        ]
        .boxed(),
        Kind::Date => prop_oneof![
            "[0-2][1-8]-(JAN|Feb|MAR|dec)-20[0-2][0-9]",
            "(19|20)[0-9][1-9]0[1-9][12][0-8]",
            "[0-2][1-8]-Jun-[0-9]{3}[1-9]",
        ]
        .boxed(),
    }
}

/// The texts of a claim: of its header, and of its lines, some of which repeat the one before them.
fn claim_texts() -> impl Strategy<Value = (ClaimType, Vec<String>, Vec<Vec<String>>)> {
    let claim_type = prop::sample::select(ClaimType::ALL.to_vec());
    claim_type.prop_flat_map(|claim_type| {
        let layout = claim_type.layout();
        let lines = prop::collection::vec(texts(layout.line), 0..4);
        let repeats = prop::collection::vec(1..3_usize, 4);
        (Just(claim_type), texts(layout.header), lines, repeats).prop_map(
            |(claim_type, header, lines, repeats)| {
                let lines = lines.into_iter().zip(repeats);
                let lines = lines.flat_map(|(line, times)| vec![line; times]).collect();
                (claim_type, header, lines)
            },
        )
    })
}

fn row<'a>(layout: &'static crate::rif::Layout, part: RowPart, texts: &'a [String]) -> Row<'a> {
    let mut row = Row::new(layout, part);
    for (position, column) in layout.columns(part).iter().enumerate() {
        let value = Value::parse(column.kind(), &texts[position]);
        row.set_at(position, value.unwrap_or_default());
    }
    row
}

fn claim<'a>(claim_type: ClaimType, header: &'a [String], lines: &'a [Vec<String>]) -> Claim<'a> {
    let layout = claim_type.layout();
    let line = |texts: &'a Vec<String>| row(layout, RowPart::Line, texts);
    Claim {
        claim_type,
        header: row(layout, RowPart::Header, header),
        lines: lines.iter().map(line).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn gives_back_every_value_as_written((claim_type, header, lines) in claim_texts()) {
        assert_comes_back(&claim(claim_type, &header, &lines));
    }

    #[test]
    fn gives_back_the_rows_of_a_person(
        person in texts(FileType::Beneficiary.layout().header),
        earlier in prop::collection::vec(texts(FileType::BeneficiaryHistory.layout().header), 0..4),
    ) {
        let person = row(FileType::Beneficiary.layout(), RowPart::Header, &person);
        prop_assert!(decode_row(&encode_row(&person)).unwrap() == person);
        let mut rows = vec![person.clone(), person];
        let history = FileType::BeneficiaryHistory.layout();
        rows.extend(earlier.iter().map(|texts| row(history, RowPart::Header, texts)));
        prop_assert!(decode_rows(&encode_rows(&rows)).unwrap() == rows);
    }

    #[test]
    fn never_panics_on_damaged_bytes(
        (claim_type, header, lines) in claim_texts(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let claim = claim(claim_type, &header, &lines);
        let mut bytes = encode(&claim, &facts(&claim));
        let mut rows = encode_rows(&claim.lines);
        for (at, byte) in damage {
            let at_row = at.index(rows.len());
            rows[at_row] = byte;
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            if let Ok(claim) = StoredClaim::new("1", bytes).claim() {
                // What can be read can be shown.
                rows_of(&claim).flat_map(Row::values).flatten().for_each(|v| drop(v.to_string()));
            }
        }
        let _ = decode_rows(&rows);
    }

    #[test]
    fn never_panics_on_any_bytes(mut bytes in any::<Vec<u8>>()) {
        let _ = (StoredClaim::new("1", bytes.clone()).claim(), decode_rows(&bytes));
        if let Some(version) = bytes.first_mut() {
            *version = FORMAT_VERSION;
        }
        let _ = (StoredClaim::new("1", bytes.clone()).claim(), decode_rows(&bytes));
    }
}

#[test]
fn keeps_values_that_no_reader_would_set() {
    let layout = ClaimType::Carrier.layout();
    let mut header = Row::new(layout, RowPart::Header);
    let number = |units, scale| Some(Value::Decimal(crate::rif::Decimal { units, scale }));
    header.set(Column::CLM_PMT_AMT, number(i64::MIN, 0));
    header.set(Column::NCH_CLM_BENE_PMT_AMT, number(i64::MAX, 2));
    header.set(Column::NCH_CLM_PRVDR_PMT_AMT, number(i64::MIN, 18));
    header.set(Column::DML_IND, Some(Value::Text("MERGE")));
    let claim = Claim {
        claim_type: ClaimType::Carrier,
        header,
        lines: Vec::new(),
    };
    assert_comes_back(&claim);
}

#[test]
fn refuses_what_a_later_version_wrote() {
    let stored = StoredClaim::new("1", [FORMAT_VERSION + 1, 0, 0]);
    let later = FormatError::UnknownVersion(FORMAT_VERSION + 1);
    assert_eq!(stored.facts(), Err(later));
    assert_eq!(stored.claim().err(), Some(later));
    assert_eq!(decode_rows(stored.bytes()).err(), Some(later));
    assert_eq!(StoredClaim::new("1", []).facts(), Err(FormatError::Damaged));
}

#[test]
fn reads_columns_that_were_appended_later_as_empty() {
    let layout = ClaimType::Pde.layout();
    let mut header = Row::new(layout, RowPart::Header);
    header.set(
        Column::SRVC_DT,
        Some(Value::Date(
            date(2026, 1, 2),
            crate::rif::DateForm::YearMonthDay,
        )),
    );
    let claim = Claim {
        claim_type: ClaimType::Pde,
        header,
        lines: Vec::new(),
    };
    let bytes = encode(&claim, &facts(&claim));
    // The row ends behind the last column that says anything: a wider layout would read the same bytes.
    let end_of_row = [0, 0];
    assert!(bytes.ends_with(&end_of_row));
    assert_eq!(StoredClaim::new("1", bytes).claim().unwrap(), claim);
}

#[test]
fn tells_new_content_from_a_new_load() {
    let layout = ClaimType::Pde.layout();
    let encoded = |action, amount, time: &str| {
        let mut header = Row::new(layout, RowPart::Header);
        header.set(Column::DML_IND, Some(Value::Text(action)));
        header.set(
            Column::TOT_RX_CST_AMT,
            Value::parse(Kind::Decimal, amount).unwrap(),
        );
        let claim = Claim {
            claim_type: ClaimType::Pde,
            header,
            lines: Vec::new(),
        };
        encode(&claim, &Facts::of(&claim, time.parse().unwrap()))
    };
    let stored = encoded("INSERT", "1.00", "2026-08-01T12:00:00Z");
    assert!(same_content(
        &stored,
        &encoded("UPDATE", "1.00", "2026-08-08T12:00:00Z")
    ));
    assert!(!same_content(
        &stored,
        &encoded("INSERT", "1.0", "2026-08-01T12:00:00Z")
    ));
}

/// Mean bytes by claim type; `cargo test -- --nocapture bytes` prints them.
#[test]
fn stores_the_reference_files_in_few_bytes_and_gives_them_back() {
    let synthea = measure("synthea");
    let static_samples = measure("static");
    if synthea.is_empty() {
        return;
    }
    for (folder, sizes) in [("synthea", &synthea), ("static", &static_samples)] {
        for (name, sizes) in sizes {
            eprintln!(
                "{folder} {name}: {} claims, {} bytes on average",
                sizes.len(),
                mean(sizes)
            );
        }
    }
    let all: Vec<usize> = synthea.values().flatten().copied().collect();
    eprintln!(
        "synthea: {} claims, {} bytes on average",
        all.len(),
        mean(&all)
    );
    assert!(mean(&all) <= CLAIM_BYTES_MEAN_MAX);
    for sizes in [&synthea["pde"], &static_samples["pde"]] {
        assert!(mean(sizes) <= PDE_BYTES_MEAN_MAX);
    }
}

/// The sizes of the claims of a folder by their type, each of which was read back.
fn measure(folder: &str) -> BTreeMap<&'static str, Vec<usize>> {
    let mut sizes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for file in reference::files(folder) {
        let Ok(mut reader) = Reader::open(&file.bytes[..], &file.name) else {
            continue;
        };
        while let Some(entry) = reader.read().unwrap() {
            match entry.unwrap().record {
                Record::Claim(claim) => {
                    assert_comes_back(&claim);
                    let size = encode(&claim, &facts(&claim)).len();
                    sizes.entry(claim.claim_type.name()).or_default().push(size);
                }
                Record::Beneficiary(row) | Record::History(row) => {
                    let bytes = encode_row(&row);
                    assert!(decode_row(&bytes).unwrap() == row);
                    sizes.entry("persons").or_default().push(bytes.len());
                }
            }
        }
    }
    if let Some(persons) = sizes.remove("persons") {
        eprintln!(
            "{folder} persons: {} rows, {} bytes on average",
            persons.len(),
            mean(&persons)
        );
    }
    sizes
}

fn mean(sizes: &[usize]) -> usize {
    sizes.iter().sum::<usize>() / sizes.len().max(1)
}

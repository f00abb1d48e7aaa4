//! The reader over tables of rows, the reference files and arbitrary bytes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rif::{ClaimType, reference};

/// What reading a file came to, in one line per record or rejection.
fn outline(file_name: &str, bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = Reader::open(bytes, file_name).map_err(|error| error.to_string())?;
    let mut outline = Vec::new();
    while let Some(outcome) = reader.read().unwrap() {
        match outcome {
            Ok(entry) => outline.push(describe(&entry)),
            Err(rejections) => outline.extend(rejections.iter().map(Rejection::to_string)),
        }
    }
    Ok(outline)
}

fn describe(entry: &Entry<'_>) -> String {
    let text = |column| entry.record.header().get(column).map(|v| v.to_string());
    let name = match &entry.record {
        Record::Claim(claim) => {
            let id = claim.id().map(|id| id.to_string()).unwrap_or_default();
            format!("{} {id} x{}", claim.claim_type.name(), claim.lines.len())
        }
        Record::Beneficiary(_) => format!("person {}", text(Column::BENE_ID).unwrap()),
        Record::History(_) => format!("history {}", text(Column::BENE_ID).unwrap()),
    };
    let city = text(Column::CITY_NAME).map(|city| format!(" in {city}"));
    let action = match entry.action {
        Action::Insert => "insert",
        Action::Update => "update",
    };
    format!("{action} {name}{}", city.unwrap_or_default())
}

/// A row with these fields filled, and the others empty.
fn row(file_type: FileType, filled: &[(Column, &str)]) -> String {
    let layout = file_type.layout();
    let fields: Vec<_> = layout
        .header
        .iter()
        .chain(layout.line)
        .map(|column| {
            let found = filled.iter().rev().find(|(filled, _)| filled == column);
            found.map_or("", |(_, text)| *text)
        })
        .collect();
    fields.join("|")
}

fn header(file_type: FileType) -> String {
    let layout = file_type.layout();
    let names: Vec<_> = layout
        .header
        .iter()
        .chain(layout.line)
        .map(|c| c.name())
        .collect();
    names.join("|")
}

const CARRIER: FileType = FileType::Claim(ClaimType::Carrier);

fn person(filled: &[(Column, &str)]) -> String {
    let mut fields = vec![(Column::DML_IND, "INSERT"), (Column::BENE_ID, "-1")];
    fields.extend(filled);
    row(FileType::Beneficiary, &fields)
}

fn line(claim: &str, number: &str, filled: &[(Column, &str)]) -> String {
    let mut fields = vec![
        (Column::DML_IND, "INSERT"),
        (Column::BENE_ID, "-1"),
        (Column::CLM_ID, claim),
        (Column::LINE_NUM, number),
    ];
    fields.extend(filled);
    row(CARRIER, &fields)
}

fn check(file_type: FileType, rows: &[String], expected: &[&str]) {
    let file = format!("{}\n{}\n", header(file_type), rows.join("\n"));
    check_bytes(file.as_bytes(), expected);
}

fn check_bytes(file: &[u8], expected: &[&str]) {
    let shown = String::from_utf8_lossy(file);
    let shown: String = shown.chars().skip_while(|c| *c != '\n').take(300).collect();
    assert_eq!(outline("data.csv", file).unwrap(), expected, "{shown}");
}

#[test]
fn reads_rows_in_every_spelling() {
    let header = header(FileType::Beneficiary);
    let row = person(&[(Column::CITY_NAME, "BOSTON")]);
    for file in [
        format!("{header}\n{row}\n"),
        format!("{header}\n{row}"),
        format!("\u{feff}{header}\r\n{row}\r\n"),
        format!("{header}\n\n{row}|\n\r\n"),
        format!("{header}|\n{row}|\n"),
        format!("{header}\n{row}|behind the last column\n"),
        format!("{header}\n{}\n", row.replace("BOSTON|", "BOSTON\\|")),
        format!("{header}\n{}\n", row.replace("BOSTON", "\"BOSTON\"")),
        format!("{}\n{row}\n", header.to_lowercase()),
        format!("{header}|LATER_COLUMN\n{row}|x\n"),
    ] {
        check_bytes(file.as_bytes(), &["insert person -1 in BOSTON"]);
    }
    let in_city = |city| person(&[(Column::CITY_NAME, city)]);
    for (city, expected) in [
        ("\"A|B\"", "A|B"),
        ("\"A \"\"B\"\"\"", "A \"B\""),
        ("A \"B\"", "A \"B\""),
        ("A\\B", "A\\B"),
        ("Zürich", "Zürich"),
        (" ", " "),
    ] {
        let expected = format!("insert person -1 in {expected}");
        check(FileType::Beneficiary, &[in_city(city)], &[&expected]);
    }
    for (city, reason) in [
        ("\"A", "expected the closing quote of a quoted field"),
        ("\"A\"B", "expected the field to end with its closing quote"),
        ("A||B", "expected 210 fields, found 212"),
    ] {
        let expected = format!("2: row: {reason}");
        check(FileType::Beneficiary, &[in_city(city)], &[&expected]);
    }
}

#[test]
fn finds_columns_by_name_in_any_order() {
    let rows = [
        line("5", "1", &[(Column::TAX_NUM, "9")]),
        line("5", "2", &[]),
    ];
    let reverse = |row: &str| row.split('|').rev().collect::<Vec<_>>().join("|");
    let mut file = reverse(&header(CARRIER));
    for row in &rows {
        file = format!("{file}\n{}", reverse(row));
    }
    check_bytes(file.as_bytes(), &["insert carrier 5 x2"]);
    let bad = reverse(&line("5", "3", &[(Column::CLM_PMT_AMT, "x")]));
    check_bytes(
        format!("{file}\n{bad}").as_bytes(),
        &[
            "2: row: line 4 of the same claim was rejected",
            "3: row: line 4 of the same claim was rejected",
            "4: CLM_PMT_AMT: expected a decimal number of at most 18 digits",
        ],
    );
}

#[test]
fn rejects_a_bad_row_and_reads_on() {
    let good = "insert person -1";
    for (column, text, reason) in [
        (Column::DML_IND, "DELETE", "expected INSERT or UPDATE"),
        (Column::DML_IND, "", "expected INSERT or UPDATE"),
        (Column::BENE_ID, "", "expected a value"),
        (Column::BENE_ID, " ", "expected a value"),
        (
            Column::BENE_ID,
            "x",
            "expected a whole number of at most 19 digits",
        ),
        (Column::BENE_SEX_IDENT_CD, "12", "expected one character"),
        (
            Column::BENE_BIRTH_DT,
            "1999-10-27",
            "expected a date such as 27-OCT-1999 or 19991027",
        ),
        (
            Column::A_MO_CNT,
            "1,2",
            "expected a decimal number of at most 18 digits",
        ),
        (
            Column::CITY_NAME,
            "A\0B",
            "expected text without control characters",
        ),
        (
            Column::CITY_NAME,
            &"x".repeat(256),
            "expected at most 255 bytes",
        ),
    ] {
        let expected = format!("3: {}: {reason}", column.name());
        let rows = [person(&[]), person(&[(column, text)]), person(&[])];
        check(FileType::Beneficiary, &rows, &[good, &expected, good]);
    }
    let long = person(&[(Column::CITY_NAME, &"x".repeat(LINE_BYTES_MAX))]);
    let rows = [long, "INSERT|-1".into(), person(&[])];
    let too_long = "2: row: expected a line of at most 65536 bytes";
    let too_short = "3: row: expected 210 fields, found 2";
    check(FileType::Beneficiary, &rows, &[too_long, too_short, good]);

    let city = person(&[(Column::CITY_NAME, "?")]);
    let mut file =
        format!("{}\n{city}\n{}", header(FileType::Beneficiary), person(&[])).into_bytes();
    let at = file.iter().position(|byte| *byte == b'?').unwrap();
    file[at] = 0xff;
    check_bytes(&file, &["2: CITY_NAME: expected text in UTF-8", good]);
}

#[test]
fn never_takes_over_half_a_claim() {
    let bad = line("1", "2", &[(Column::CLM_FROM_DT, "x")]);
    let cut_off = bad[..30].to_owned();
    let no_number = line("1", " ", &[]);
    let other_person = line("1", "2", &[(Column::BENE_ID, "-2")]);
    for (bad, reason) in [
        (
            bad,
            "CLM_FROM_DT: expected a date such as 27-OCT-1999 or 19991027",
        ),
        (cut_off, "row: expected 100 fields, found 21"),
        (no_number, "LINE_NUM: expected a value"),
        (
            other_person,
            "BENE_ID: expected the beneficiary of the claim's first row",
        ),
    ] {
        let rows = [line("1", "1", &[]), bad.clone(), line("2", "1", &[])];
        let expected = [
            "2: row: line 3 of the same claim was rejected".to_owned(),
            format!("3: {reason}"),
            "insert carrier 2 x1".to_owned(),
        ];
        check(CARRIER, &rows, &expected.each_ref().map(String::as_str));
    }
    let stray = "INSERT|-1|1".to_owned();
    let rows = [
        line("1", "1", &[]),
        stray.clone(),
        line("1", "2", &[]),
        stray,
        line("2", "1", &[]),
    ];
    check(
        CARRIER,
        &rows,
        &[
            "3: row: expected 100 fields, found 3",
            "5: row: expected 100 fields, found 3",
            "2: row: line 4 of the same claim was rejected",
            "4: row: line 3, amid the rows of this claim, was rejected",
            "insert carrier 2 x1",
        ],
    );
    check(
        CARRIER,
        &[
            line("1", "1", &[]),
            line("x", "1", &[]),
            line("2", "1", &[]),
        ],
        &[
            "3: CLM_ID: expected the id of a claim, a whole number of at most 19 digits",
            "insert carrier 1 x1",
            "insert carrier 2 x1",
        ],
    );
}

/// The first part of a torn claim is read before anybody can know; what follows it is told and not left out unseen.
#[test]
fn rejects_rows_of_a_claim_that_do_not_stand_with_its_others() {
    let update = [(Column::DML_IND, "UPDATE")];
    let [first, last] = ["1", "2"].map(|number| line("1", number, &[]));
    let between = line("2", "1", &[]);
    let torn = "4: row: expected the rows of a claim one after another";
    let (whole, other) = ("insert carrier 1 x1", "insert carrier 2 x1");
    for rows in [
        [first.clone(), between.clone(), last.clone()],
        [last.clone(), between.clone(), first.clone()],
        [last.clone(), between.clone(), last],
        [first.clone(), between.clone(), line("1", "2", &update)],
    ] {
        check(CARRIER, &rows, &[whole, other, torn]);
    }
    let rows = [
        first.clone(),
        between.clone(),
        line("1", "3", &[]),
        line("1", "4", &[]),
    ];
    let with_it = "5: row: line 4 of the same claim was rejected";
    check(CARRIER, &rows, &[whole, other, torn, with_it]);
    // The whole claim again.
    let rows = [first.clone(), between.clone(), first.clone()];
    check(CARRIER, &rows, &[whole, other, whole]);
    let rows = [first, between, line("1", "1", &update)];
    check(CARRIER, &rows, &[whole, other, "update carrier 1 x1"]);
}

#[test]
fn takes_the_action_of_the_first_row() {
    let update = [(Column::DML_IND, "UPDATE")];
    let rows = [
        line("1", "1", &update),
        line("1", "2", &[]),
        line("2", "1", &[]),
    ];
    check(
        CARRIER,
        &rows,
        &["update carrier 1 x2", "insert carrier 2 x1"],
    );
}

#[test]
fn rejects_every_row_of_a_claim_with_too_many_lines() {
    let mut rows: Vec<_> = (0..LINES_PER_CLAIM_MAX + 2)
        .map(|number| line("1", &number.to_string(), &[]))
        .collect();
    rows.push(line("2", "1", &[]));
    let file = format!("{}\n{}\n", header(CARRIER), rows.join("\n"));
    let outline = outline("data.csv", file.as_bytes()).unwrap();
    assert_eq!(outline.len(), LINES_PER_CLAIM_MAX + 3);
    assert!(outline[0].starts_with("2: row: expected at most 1000 lines"));
    assert!(outline[LINES_PER_CLAIM_MAX + 1].starts_with("1003: row: expected at most"));
    assert_eq!(outline.last().unwrap(), "insert carrier 2 x1");
}

#[test]
fn recognises_each_kind_of_file_by_its_header() {
    for file_type in FileType::ALL {
        let header = header(file_type);
        let reader = Reader::open(header.as_bytes(), "data.csv").unwrap();
        assert_eq!(reader.file_type(), file_type);
        assert!(reader.unknown_columns().is_empty());
    }
    let header = format!("{}|LATER|Jane Doe, Boston", header(CARRIER));
    let reader = Reader::open(header.as_bytes(), "pde.csv").unwrap();
    assert_eq!(reader.file_type(), CARRIER);
    assert_eq!(reader.unknown_columns(), ["LATER", "column 102"]);
}

#[test]
fn refuses_what_is_not_rif() {
    let carrier = header(CARRIER);
    let lacking = carrier.replace("|CLM_ID|", "|CLAIM|");
    let person = header(FileType::Beneficiary).replace("|AGE|", "|");
    let twice = format!("{carrier}|CLM_ID");
    let long = "x".repeat(LINE_BYTES_MAX + 1);
    for (file, expected) in [
        (&b""[..], "it is empty"),
        (b"\n", "does not name the columns"),
        (
            b"BENE_ID,CARRIER_CLAIMS\n-1,5\n",
            "does not name the columns",
        ),
        (b"\xff\xfeD\0M\0L\0", "not text in UTF-8"),
        (long.as_bytes(), "longer than 65536 bytes"),
        (
            lacking.as_bytes(),
            "looks like a carrier file, but lacks CLM_ID",
        ),
        (
            person.as_bytes(),
            "looks like a beneficiary file, but lacks AGE",
        ),
        (twice.as_bytes(), "names CLM_ID twice"),
        (line("1", "1", &[]).as_bytes(), "does not name the columns"),
    ] {
        let error = outline("carrier.csv", file).expect_err(expected);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn reads_the_reference_files_without_a_rejection() {
    let mut claims = BTreeMap::new();
    for file in reference::files("synthea") {
        let outline = match outline(&file.name, &file.bytes) {
            Ok(outline) => outline,
            Err(error) => {
                assert_eq!(file.name, "export_summary.csv", "{error}");
                continue;
            }
        };
        for entry in outline {
            let words: Vec<_> = entry.split(' ').collect();
            assert!(is_taken_over(&entry), "{}: {entry}", file.name);
            let kind = words[1].to_owned();
            *claims.entry(kind).or_insert(0) += 1;
        }
    }
    for file in reference::files("static") {
        for entry in outline(&file.name, &file.bytes).unwrap() {
            assert!(is_taken_over(&entry), "{}: {entry}", file.name);
        }
    }
    if claims.is_empty() {
        return;
    }
    let counts: Vec<_> = ClaimType::ALL
        .iter()
        .map(|t| (t.name(), claims[t.name()]))
        .collect();
    assert_eq!(
        counts,
        [
            ("carrier", 37),
            ("dme", 1),
            ("hha", 14),
            ("hospice", 1),
            ("inpatient", 16),
            ("outpatient", 19),
            ("pde", 18),
            ("snf", 1)
        ]
    );
}

fn is_taken_over(outline: &str) -> bool {
    outline.starts_with("insert ") || outline.starts_with("update ")
}

/// Bytes that look like RIF here and there.
fn rif_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        Just(b"\n".to_vec()),
        Just(b"|".to_vec()),
        Just(b"\\|\"\r\n".to_vec()),
        Just(b"\xff\0".to_vec()),
        Just(line("1", "1", &[]).into_bytes()),
        Just(line("2", "1", &[]).into_bytes()),
        Just([b'|'; 40_000].to_vec()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn never_panics_and_accounts_for_every_row(bytes in rif_like(), has_header in any::<bool>()) {
        let mut file = Vec::new();
        if has_header {
            file = format!("{}\n", header(CARRIER)).into_bytes();
        }
        file.extend(bytes);
        let Ok(mut reader) = Reader::open(&file[..], "data.csv") else { return Ok(()) };
        let mut rows = 0;
        while let Some(outcome) = reader.read().unwrap() {
            rows += match outcome {
                Ok(entry) => entry.rows as usize,
                Err(rejections) => rejections.len(),
            };
        }
        let lines = file.split(|byte| *byte == b'\n').skip(1);
        let expected = lines.filter(|line| !line.is_empty() && *line != b"\r").count();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn never_panics_on_a_damaged_file(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let rows = [line("1", "1", &[]), line("1", "2", &[]), line("2", "1", &[])];
        let mut file = format!("{}\n{}\n", header(CARRIER), rows.join("\n")).into_bytes();
        for (at, byte) in flips {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = outline("carrier.csv", &file);
    }
}

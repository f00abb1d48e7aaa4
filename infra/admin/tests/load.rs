//! Loading into a real DynamoDB API: every test makes its own two tables at `AWS_ENDPOINT_URL`, with the secrets that
//! the environment names, and runs `bluebutton-admin`.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod deployment;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use bluebutton::identity::BeneId;
use bluebutton::rif::{ClaimType, Column, Row};
use bluebutton::store::ItemKey;

use deployment::Deployment;
use run::Run;

#[tokio::test]
async fn the_sample_loads_and_loading_it_again_changes_nothing() {
    let Some(sample) = sample_a() else {
        return;
    };
    let Some(deployment) = Deployment::start("sample").await else {
        return;
    };
    let first = deployment.load(&sample);
    assert!(first.succeeded, "{}", first.output);
    let stored = deployment.items().await;
    let keys: Vec<_> = stored.keys().map(|(_, key)| key.as_str()).collect();
    let claims = keys.iter().filter(|key| key.starts_with("C#")).count();
    assert_eq!((keys.len(), claims), (10, 8), "{keys:?}");

    let again = deployment.load(&sample);
    assert!(again.succeeded && again.says("0 records inserted, 0 updated, 14 unchanged"));
    assert!(deployment.items().await == stored);

    let person = BeneId::parse("567834").unwrap();
    let loaded = deployment.claims.beneficiary(&person).await.unwrap();
    let loaded = loaded.unwrap();
    let mbi_hash = loaded.beneficiary().unwrap().mbi_hash;
    assert_eq!(mbi_hash, Some(deployment.hash("3456789").as_str()));
    for number in ["543217066U", "3456789", "543217066Z", "9AB2WW3GR44"] {
        let found = deployment.behind(number).await;
        assert_eq!(found.as_slice(), std::slice::from_ref(&person), "{number}");
    }
    deployment.end().await;
}

#[tokio::test]
async fn a_folder_loads_whole_and_what_is_not_rif_is_skipped() {
    let Some(folder) = reference("rif/synthea") else {
        return;
    };
    let Some(deployment) = Deployment::start("folder").await else {
        return;
    };
    let run = deployment.load(&[folder]);
    assert!(run.succeeded, "{}", run.output);
    assert!(run.says("export_summary.csv: skipped"));

    let (mut counts, mut sensitive) = (BTreeMap::new(), BTreeMap::new());
    for id in ["-1000006", "-1000014", "-1000018"].map(|id| BeneId::parse(id).unwrap()) {
        for claim in deployment.claims.claims(&id).await.unwrap() {
            let facts = claim.facts().unwrap();
            *counts.entry(facts.claim_type).or_insert(0) += 1;
            *sensitive.entry(facts.claim_type).or_insert(0) += i32::from(facts.sensitive);
        }
        let stored = deployment.claims.beneficiary(&id).await.unwrap().unwrap();
        let person = stored.beneficiary().unwrap();
        assert_eq!(year_of(&person.row), "2021");
        let years: Vec<_> = person.years.iter().map(year_of).collect();
        // The file of 2018 carries reference year 2019.
        let expected = [2011, 2012, 2013, 2014, 2015, 2016, 2017, 2019, 2020, 2021];
        assert_eq!(years, expected.map(|year| year.to_string()));
    }
    use ClaimType::*;
    let expected = [
        (Carrier, 37),
        (Dme, 1),
        (Hha, 14),
        (Hospice, 1),
        (Inpatient, 16),
    ];
    let expected = expected
        .into_iter()
        .chain([(Outpatient, 19), (Pde, 18), (Snf, 1)]);
    assert!(counts == expected.collect(), "{counts:?}");
    assert_eq!(sensitive[&Inpatient], 15);
    deployment.end().await;
}

#[tokio::test]
async fn an_update_replaces_one_claim_and_one_year_and_keeps_the_earlier_identity() {
    let Some(sample) = sample_a() else {
        return;
    };
    let Some(deployment) = Deployment::start("update").await else {
        return;
    };
    let updates =
        ["beneficiaries", "bcarrier"].map(|name| format!("rif/static/sample-u-{name}.txt"));
    let updates: Vec<_> = updates.iter().filter_map(|file| reference(file)).collect();
    deployment.load(&sample);
    let before = deployment.items().await;
    let run = deployment.load(&updates);
    assert!(run.succeeded, "{}", run.output);
    let after = deployment.items().await;
    let changed = after
        .iter()
        .filter(|(key, item)| before.get(*key) != Some(*item));
    let changed: Vec<_> = changed.map(|((_, key), _)| key.as_str()).collect();
    assert_eq!(changed, ["B", "C#9991831999#carrier", "Y#2019"]);

    let id = BeneId::parse("567834").unwrap();
    let stored = deployment.claims.beneficiary(&id).await.unwrap().unwrap();
    let person = stored.beneficiary().unwrap();
    assert_eq!(person.row.text(Column::BENE_SRNM_NAME), Some("Johnson"));
    let hicns = person
        .earlier
        .iter()
        .map(|row| row.text(Column::BENE_CRNT_HIC_NUM));
    assert!(hicns.flatten().any(|hicn| hicn == "543217066U"));
    for number in ["543217066U", "543217066A", "SSSS", "3456789"] {
        assert_eq!(deployment.behind(number).await.len(), 1, "{number}");
    }

    // Neither the updates again nor the rows that they replaced change anything.
    for files in [&updates, &sample] {
        assert!(deployment.load(files).succeeded);
        assert!(deployment.items().await == after);
    }
    deployment.end().await;
}

#[tokio::test]
async fn a_bad_row_is_named_and_the_rest_loads() {
    let Some(sample) = sample_a() else {
        return;
    };
    let Some(deployment) = Deployment::start("bad-row").await else {
        return;
    };
    let good = fs::read_to_string(&sample[2]).unwrap();
    let (header, row) = good.trim_end().split_once('\n').unwrap();
    let bad = row
        .replace("9991831999", "1")
        .replace("27-OCT-1999", "27-OKT-1999");
    let file = deployment.file("carrier.txt", &format!("{header}\n{bad}\n{row}\n"));
    let run = deployment.load(&[file]);
    assert!(!run.succeeded);
    assert!(run.says("carrier.txt:2: CLM_FROM_DT: "), "{}", run.output);
    assert!(run.says("2 rows: 1 records inserted, 0 updated, 0 unchanged; 1 rows rejected"));
    assert!(!run.says("OKT"), "a rejection quotes nothing");
    assert_eq!(deployment.items().await.len(), 1);
    deployment.end().await;
}

#[tokio::test]
async fn a_named_file_that_is_not_rif_is_refused_before_anything_loads() {
    let Some(mut files) = sample_a() else {
        return;
    };
    let Some(deployment) = Deployment::start("not-rif").await else {
        return;
    };
    files.push(deployment.file("notes.txt", "These are notes.\n"));
    let run = deployment.load(&files);
    assert!(
        !run.succeeded && run.says("notes.txt: not a RIF file"),
        "{}",
        run.output
    );
    assert!(deployment.items().await.is_empty());
    deployment.end().await;
}

#[tokio::test]
async fn reset_empties_the_tables_first_and_only_in_a_sandbox() {
    let Some(sample) = sample_a() else {
        return;
    };
    let Some(deployment) = Deployment::start("reset").await else {
        return;
    };
    deployment.load(&sample);
    let stored = deployment.items().await;
    let arguments = |files: &[PathBuf]| {
        let files = files.iter().map(|file| file.display().to_string());
        ["load", "--reset"]
            .map(str::to_owned)
            .into_iter()
            .chain(files)
            .collect::<Vec<_>>()
    };
    let mut elsewhere = deployment.command(&arguments(&sample[..1]));
    let refused = Run::of(elsewhere.env_remove("CONFIGURATION_SECRET"));
    assert!(
        !refused.succeeded && refused.says("only a sandbox allows"),
        "{}",
        refused.output
    );
    assert!(deployment.items().await == stored);

    let run = Run::of(&mut deployment.command(&arguments(&sample[..1])));
    assert!(run.succeeded, "{}", run.output);
    let keys = deployment.items().await.into_keys().map(|(_, key)| key);
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [ItemKey::Person.text(), ItemKey::Year(2018).text()]
    );
    assert!(deployment.behind("543217066Z").await.is_empty());
    deployment.end().await;
}

fn year_of(row: &Row) -> String {
    row.get(Column::RFRNC_YR).unwrap().to_string()
}

/// The ten files of CMS's sample whose answers are approved, people first.
fn sample_a() -> Option<Vec<PathBuf>> {
    let manifest = fs::read_to_string(reference("golden/manifest.json")?).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let files = manifest["groups"]["SAMPLE_A"].as_array().unwrap().iter();
    let files = files.map(|file| reference(&format!("rif/{}", file.as_str().unwrap())));
    files.collect()
}

/// A path in the folder of reference data; `None`, said aloud, where there is none.
fn reference(path: &str) -> Option<PathBuf> {
    let Some(folder) = env::var_os("BLUEBUTTON_REFERENCE") else {
        let required = env::var("BLUEBUTTON_REFERENCE_REQUIRED").is_ok_and(|value| value == "1");
        assert!(!required, "BLUEBUTTON_REFERENCE is not set");
        eprintln!("skipped: BLUEBUTTON_REFERENCE is not set, so there are no files to load");
        return None;
    };
    Some(PathBuf::from(folder).join(path))
}

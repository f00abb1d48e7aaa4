use proptest::prelude::*;

use super::*;

const OWN: &str = "-20140000008325";
const LOADED: &str = "2023-06-01T12:00:00.500Z";

fn subject() -> BeneId {
    BeneId::parse(OWN).unwrap()
}

fn in_url(pairs: &[(String, String)]) -> Sent<'_> {
    Sent {
        url: pairs,
        form: &[],
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The page and whether a carrier claim of 2023-05-15, loaded 2023-06-01, is found; or the refusal's status and code.
fn eob(query: &str, handling: Handling) -> String {
    let pairs = pairs(query);
    let found = Query::new(in_url(&pairs), EXPLANATION_OF_BENEFIT, handling).and_then(|query| {
        let search = EobSearch::parse(&query, &subject())?;
        let page = query.page()?;
        let found = search.matches(&ClaimHead {
            claim_id: "-123",
            claim_type: ClaimType::Carrier,
            service_through: Some(jiff::civil::date(2023, 5, 15)),
            last_updated: LOADED.parse().unwrap(),
        });
        Ok(format!("{found} {}@{}", page.count, page.start_index))
    });
    found.unwrap_or_else(|refusal| refusal.status().to_string())
}

fn check(query: &str, expected: &str) {
    assert_eq!(eob(query, Handling::Lenient), expected, "{query}");
}

#[test]
fn reads_the_page() {
    check("", "true 10@0");
    check("_count=50&startIndex=20", "true 50@20");
    check("count=7", "true 7@0");
    check("_count=0", "true 0@0");
    check("_count=5&_count=5", "true 5@0");
    check("_count=5&count=5&startIndex=1&startIndex=1", "true 5@1");
    check("_count=5&_count=05", "true 5@0");
    check(
        "startIndex=18446744073709551615",
        "true 10@18446744073709551615",
    );
    for bad in [
        "_count=51",
        "_count=-1",
        "_count=",
        "_count=x",
        "_count=%2B5",
        "_count=1.0",
        "_count=5&_count=6",
        "_count=5&count=6",
        "startIndex=-1",
        "startIndex=",
        "startIndex=1e3",
        "startIndex=18446744073709551616",
    ] {
        check(bad, "400");
    }
}

#[test]
fn answers_the_tokens_own_person_only() {
    check("patient=-20140000008325", "true 10@0");
    check("patient=Patient/-20140000008325", "true 10@0");
    check(
        "patient=-20140000008325&patient=Patient/-20140000008325",
        "true 10@0",
    );
    check("patient=567834", "403");
    check("patient=20140000008325", "403");
    check("patient=-20140000008325&patient=567834", "403");
    check("patient=Patient/567834", "403");
    for bad in [
        "patient=",
        "patient=x",
        "patient=Patient/",
        "patient=Coverage/1",
        "patient=-20140000008325,567834",
    ] {
        check(bad, "400");
    }
}

#[test]
fn filters_by_type() {
    const SYSTEM: &str = "https://bluebutton.cms.gov/resources/codesystem/eob-type";
    check("type=carrier", "true 10@0");
    check("type=CARRIER", "true 10@0");
    check("type=pde,Carrier", "true 10@0");
    check("type=pde", "false 10@0");
    check("type=pde&type=carrier", "false 10@0");
    check("type=carrier&type=carrier,pde", "true 10@0");
    check(&format!("type={SYSTEM}|carrier"), "true 10@0");
    check(&format!("type={SYSTEM}%7CSNF,carrier"), "true 10@0");
    for bad in [
        "type=",
        "type=partx",
        "type=carrier,",
        "type=|carrier",
        "type=http://other|carrier",
    ] {
        check(bad, "400");
    }
}

#[test]
fn filters_by_id() {
    check("_id=carrier--123", "true 10@0");
    check("_id=carrier-123", "false 10@0");
    check("_id=pde--123,carrier--123", "true 10@0");
    check("_id=unknown-1", "false 10@0");
    check("_id=carrier", "400");
    check("_id=", "400");
}

#[test]
fn filters_by_the_system_that_a_claim_comes_from() {
    const SYSTEM: &str = "https://bluebutton.cms.gov/fhir/CodeSystem/System-Type";
    check("_tag=NationalClaimsHistory", "true 10@0");
    check(&format!("_tag={SYSTEM}|NationalClaimsHistory"), "true 10@0");
    check(&format!("_tag={SYSTEM}%7CSharedSystem"), "false 10@0");
    check("_tag=http://other|NationalClaimsHistory", "false 10@0");
    check("_tag=SharedSystem,NationalClaimsHistory", "true 10@0");
    check("_tag=SharedSystem&_tag=NationalClaimsHistory", "false 10@0");
    for bad in ["_tag=", "_tag=,", &format!("_tag={SYSTEM}|")] {
        check(bad, "400");
    }
}

#[test]
fn filters_by_service_date_and_last_update() {
    check(
        "service-date=ge2023-05-15&service-date=le2023-05-15",
        "true 10@0",
    );
    check("service-date=gt2023-05-15", "false 10@0");
    check("service-date=lt2023-05-15", "false 10@0");
    check("service-date=le2023", "true 10@0");
    check("service-date=gt2023", "false 10@0");
    check("service-date=ge2023-05", "true 10@0");
    check("service-date=ge2023-05-15T23:00:00Z", "true 10@0");
    check("_lastUpdated=ge2023-06-01T12:00:00.500Z", "true 10@0");
    check("_lastUpdated=gt2023-06-01T12:00:00.500Z", "false 10@0");
    check("_lastUpdated=lt2023-06-01T12:00:00.500Z", "false 10@0");
    check(
        "_lastUpdated=gt2023-05-31&_lastUpdated=lt2023-06-02",
        "true 10@0",
    );
    check("_lastUpdated=gt2023-06-01T00:00+00:00", "true 10@0");
    for bad in [
        "2023-05-15",
        "eq2023-05-15",
        "ne2023-05-15",
        "ap2023",
        "sa2023",
        "ge",
        "ge2023-02-30",
        "gt",
        "",
        "g",
        "é2023",
    ] {
        check(&format!("service-date={bad}"), "400");
        check(&format!("_lastUpdated={bad}"), "400");
    }
}

#[test]
fn ignores_unknown_parameters_unless_asked_to_be_strict() {
    check("hello=1&_sort=x&_format=json", "true 10@0");
    for (prefer, expected) in [
        ("handling=strict", "400"),
        ("return=minimal; handling=\"strict\"", "400"),
        ("respond-async, Handling = Strict", "400"),
        ("handling=lenient", "true 10@0"),
        ("", "true 10@0"),
    ] {
        assert_eq!(
            eob("hello=1", Handling::of([prefer].into_iter())),
            expected,
            "{prefer}"
        );
        assert_eq!(
            eob("_count=10", Handling::of([prefer].into_iter())),
            "true 10@0",
            "{prefer}"
        );
    }
}

#[test]
fn reads_searches_for_patient_and_coverage() {
    let check = |parameters: &'static [Parameter], query: &str, expected: u16| {
        let pairs = pairs(query);
        let parsed = Query::new(in_url(&pairs), parameters, Handling::Lenient).and_then(|query| {
            if parameters == PATIENT {
                PatientSearch::parse(&query, &subject()).map(|_| ())
            } else {
                CoverageSearch::parse(&query, &subject()).map(|_| ())
            }
        });
        assert_eq!(
            parsed.map_or_else(|refusal| refusal.status(), |()| 200),
            expected,
            "{query}"
        );
    };
    check(PATIENT, "", 200);
    check(PATIENT, "_id=-20140000008325", 200);
    check(PATIENT, "_id=1", 403);
    check(PATIENT, "_id=x", 400);
    check(PATIENT, "identifier=a|b", 400);
    check(PATIENT, "patient=1", 200);
    check(PATIENT, "_lastUpdated=eq2023", 400);
    check(COVERAGE, "beneficiary=Patient/-20140000008325", 200);
    check(COVERAGE, "patient=-20140000008325", 200);
    check(COVERAGE, "beneficiary=1", 403);
    check(COVERAGE, "patient=1", 403);
    check(COVERAGE, "_lastUpdated=gt2023", 200);
}

#[test]
fn limits_the_number_of_parameters() {
    check(&"a=1&".repeat(PARAMETERS_MAX), "true 10@0");
    check(&"a=1&".repeat(PARAMETERS_MAX + 1), "400");
}

#[test]
fn keeps_the_filters_it_used_for_the_links() {
    let pairs = pairs("a=1&type=carrier&count=5&_count=5&type=carrier&startIndex=0&patient=1");
    let query = Query::new(in_url(&pairs), EXPLANATION_OF_BENEFIT, Handling::Lenient).unwrap();
    let filters: Vec<_> = query.filters().collect();
    assert_eq!(filters, [("type", "carrier"), ("patient", "1")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Names that are known and values near valid ones reach further than noise does.
    #[test]
    fn answers_any_query_with_a_documented_status(
        pairs in prop::collection::vec(
            (
                prop_oneof![
                    prop::sample::select(vec![
                        "_count", "count", "startIndex", "_lastUpdated", "service-date", "type", "_id", "patient",
                        "beneficiary", "identifier", "_tag", "_format", "format", "access_token",
                    ]).prop_map(str::to_owned),
                    any::<String>(),
                ],
                prop_oneof![
                    any::<String>(),
                    "(gt|ge|lt|le|eq)?[0-9]{0,5}(-[0-9]{0,3}){0,3}(T[0-9:.]{0,20}(Z|[+ -][0-9]{2}:[0-9]{2})?)?",
                    "-?[0-9]{0,22}",
                    "(Patient/)?-?[0-9]{0,20}",
                    "[a-z|,-]{0,20}",
                    "http://hl7.org/fhir/sid/us-mbi[|]?[0-9A-Z,|]{0,11}",
                    "https://bluebutton.cms.gov/resources/identifier/(mbi|hicn)-hash[|]?([0-9a-fA-F]{64})?",
                    "(https://bluebutton.cms.gov/fhir/CodeSystem/System-Type[|])?[A-Za-z,|]{0,21}",
                ],
            ),
            0..6,
        ),
        in_form in 0..6_usize,
    ) {
        let strict = pairs.len() % 2 == 0;
        let (form, url) = pairs.split_at(in_form.min(pairs.len()));
        let handling = if strict { Handling::Strict } else { Handling::Lenient };
        for parameters in [PATIENT, COVERAGE, EXPLANATION_OF_BENEFIT] {
            let parsed = Query::new(Sent { url, form }, parameters, handling).and_then(|query| {
                let is_own = |identifier: &Identifier| matches!(identifier, Identifier::Hash(_));
                PatientSearch::parse(&query, &subject())?.check_identifiers(is_own)?;
                CoverageSearch::parse(&query, &subject())?;
                EobSearch::parse(&query, &subject())?;
                let page = query.page()?;
                crate::fhir::bundle::page(0..7, page)
            });
            if let Err(refusal) = parsed {
                prop_assert!([400, 403].contains(&refusal.status()), "{:?}", refusal);
                let outcome: serde_json::Value = serde_json::from_slice(&refusal.outcome(crate::mapping::Version::R4)).unwrap();
                prop_assert_eq!(&outcome["resourceType"], "OperationOutcome");
            }
        }
    }
}

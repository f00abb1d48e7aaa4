//! What happens to a call on its way is counted for the line that it ends in.
#![allow(missing_docs, reason = "the name of a test is its sentence")]

use bluebutton::config;
use bluebutton::identity::BeneId;
use bluebutton::metrics::{Ids, Metric, Record};
use bluebutton::store::{Probe, StoreError, Transfer, Transfers};
use jiff::civil::date;
use stand::{OWN, Stand, get};

#[tokio::test]
async fn throttled_tables_failed_records_and_pages_are_counted() {
    use Metric::{AuditFailures, PageSize, StoreThrottles};
    let check = async |fault: Option<(&'static str, &'static str)>,
                       status: u16,
                       expected: &[(Metric, Option<u64>)]| {
        let stand = Stand::new().await;
        stand.load_person(OWN);
        if let Some((table, code)) = fault {
            stand.tables.fail(table, code);
        }
        let call = get("/v2/fhir/Patient", &stand.own_token());
        let record = Record::new(Ids::default());
        let answer = Box::pin(patient::handle(&stand.state, &stand.identity, call));
        let answer = record.of(answer).await;
        assert_eq!(answer.status.as_u16(), status, "{fault:?}");
        for (metric, count) in expected {
            assert_eq!(record.get(*metric), *count, "{metric:?} after {fault:?}");
        }
    };
    const THROTTLED: &str = "ThrottlingException";
    const MISSING: &str = "ResourceNotFoundException";
    let [none, one] = [None, Some(1)];
    check(
        None,
        200,
        &[
            (PageSize, one),
            (AuditFailures, none),
            (StoreThrottles, none),
        ],
    )
    .await;
    check(
        Some(("audit", THROTTLED)),
        503,
        &[(AuditFailures, one), (StoreThrottles, one)],
    )
    .await;
    check(
        Some(("audit", MISSING)),
        503,
        &[(AuditFailures, one), (StoreThrottles, none)],
    )
    .await;
    // A person and their years are read at once.
    check(
        Some(("claims", THROTTLED)),
        503,
        &[(AuditFailures, none), (StoreThrottles, Some(2))],
    )
    .await;
    // Statistics decide nothing.
    check(
        Some(("usage", MISSING)),
        200,
        &[(PageSize, one), (AuditFailures, none)],
    )
    .await;
}

/// The numbers of people that regulators ask for would otherwise be too small without anybody knowing.
#[tokio::test]
async fn a_transfer_that_is_not_noted_is_told() {
    const CONFLICT: &str = "TransactionConflict";
    let taken = Ok(());
    check(&[], taken.clone(), None).await;
    check(&["ConditionalCheckFailed"], taken.clone(), None).await;
    check(&[CONFLICT; 2], taken, None).await;
    check(&[CONFLICT; 3], Err(StoreError::Conflict), None).await;
    let throttled = || Err(StoreError::Throttled);
    check(&["ThrottlingError"], throttled(), Some(1)).await;
    let throttled_later = &[CONFLICT, "ProvisionedThroughputExceeded"];
    check(throttled_later, throttled(), Some(1)).await;

    async fn check(
        reasons: &[&'static str],
        expected: Result<(), StoreError>,
        throttles: Option<u64>,
    ) {
        let stand = Stand::new().await;
        stand.tables.cancel(reasons);
        let patient = BeneId::parse(OWN).expect("an id");
        let transfer = Transfer {
            patient: &patient,
            client_id: "app",
            day: date(2026, 3, 1),
        };
        let record = Record::new(Ids::default());
        let noting = stand.state.usage.note_transfer(&transfer, &Transfers::None);
        assert_eq!(record.of(noting).await, expected, "{reasons:?}");
        assert_eq!(record.get(Metric::StoreThrottles), throttles, "{reasons:?}");
    }
}

#[tokio::test]
async fn every_call_of_aws_is_counted_for_the_work_that_makes_it() {
    let stand = Stand::new().await;
    let probe = Probe::new(config::dynamodb(&stand.aws), "claims", &["pk", "sk"]);
    let [one, other] = [Ids::default(), Ids::default()].map(Record::new);
    for record in [&one, &one, &other] {
        let asked = record.of(probe.ask()).await;
        assert_eq!(asked, Ok(()));
    }
    assert_eq!(probe.ask().await, Ok(()));
    let counted = [one, other].map(|record| record.get(Metric::StoreCalls));
    assert_eq!(counted, [Some(2), Some(1)]);
}

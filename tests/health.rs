//! Health over HTTP, and what ties an answer to the lines about it.

use crate::client::{Browser, Sandbox};

/// Blue Button's addresses, in both spellings.
const ADDRESSES: [&str; 7] = [
    "/health",
    "/health/db",
    "/health/bfd",
    "/health/bfd_v2",
    "/health/sls",
    "/health/external",
    "/health/external_v2",
];

#[test]
fn everything_that_the_api_rests_on_is_well() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let browser = Browser::new();
    for address in ADDRESSES {
        for path in [address.to_owned(), format!("{address}/")] {
            let answer = browser.get(&format!("{}{path}", sandbox.base_url));
            let said = (answer.status, answer.body.as_str());
            assert_eq!(said, (200, r#"{"message":"all's well"}"#), "{path}");
            assert_eq!(answer.headers["content-type"], "application/json");
            assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        }
    }
    let unknown = browser.get(&format!("{}/health/nothing", sandbox.base_url));
    assert_eq!(
        (unknown.status, unknown.body.as_str()),
        (404, r#"{"detail":"Not found."}"#)
    );
    let posted = browser.post(&format!("{}/health/db", sandbox.base_url), &[]);
    let refused = r#"{"detail":"Method \"POST\" not allowed."}"#;
    assert_eq!((posted.status, posted.body.as_str()), (405, refused));
    assert_eq!(posted.headers["allow"], "GET, HEAD, OPTIONS");
}

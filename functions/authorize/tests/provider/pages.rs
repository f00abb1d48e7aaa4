//! The pages that a person sees when the sign-in at a provider fails, in a real browser.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::{env, fs, thread};

use authorize::State;
use bluebutton::http::Response;
use url::Url;

use crate::driver::Driver;
use crate::forged::{CONFIGURATION, ONE, Stand, replace};
use crate::page::check_page;
use crate::site::Fate;
use crate::walk::{BASE_URL, Browser, text};

#[tokio::test]
async fn every_page_of_a_sign_in_that_fails_is_accessible_small_and_safe() {
    let Some((stand, driver)) = Stand::new().await.zip(Driver::start()) else {
        return;
    };
    let packages = env::var_os("BLUEBUTTON_NODE_MODULES").expect("the provider runs with it");
    let axe = Path::new(&packages).join("axe-core/axe.min.js");
    let axe = fs::read_to_string(axe).expect("axe-core is a package of Node");
    let mut report = String::new();
    for language in ["en", "es"] {
        for (name, response) in pages(&stand, language).await {
            assert!(response.status.is_client_error() || response.status.is_server_error());
            driver.open(&shown(response));
            check_page(&driver, &axe, name, language, &mut report);
        }
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe-provider.txt");
    fs::write(file, &report).expect("a file");
    assert!(!report.contains("VIOLATION"), "{report}");
}

/// Each page, by the way there.
async fn pages(stand: &Stand, language: &'static str) -> Vec<(&'static str, Response)> {
    let (records, site) = (&stand.records, &stand.site);
    site.tamper(Some(Box::new(|_, reply| {
        reply.at(CONFIGURATION, |reply| reply.fate = Fate::Dropped);
    })));
    let state: State = records.state(site).await;
    let (_, down) = Browser::in_language(language).begin(&state, records).await;
    let mut pages = vec![("provider-down", down)];

    site.tamper(None);
    let mut browser = Browser::in_language(language);
    let (id, mut callback) = browser.visit(&state, records, ONE).await;
    replace(&mut callback, "code", |_| None);
    pages.push(("not-confirmed", browser.get(&state, &callback).await));
    for (name, reason) in [
        ("number-missing", "no-number"),
        ("records-missing", "nobody"),
        ("records-several", "several"),
    ] {
        let url = format!("{BASE_URL}/login?state={id}.{reason}");
        let url = Url::parse(&url).expect("a URL");
        pages.push((name, browser.get(&state, &url).await));
    }
    pages
}

/// Shows an answer to whoever asks, at an address of its own.
fn shown(response: Response) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A browser that goes away has seen enough.
            let _ = answer(connection, &response);
        }
    });
    url
}

fn answer(mut connection: TcpStream, response: &Response) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let mut head = format!("HTTP/1.1 {} X\r\n", response.status.as_u16());
    for (name, value) in &response.headers {
        head += &format!("{name}: {}\r\n", value.to_str().expect("text"));
    }
    let body = text(response);
    write!(
        connection,
        "{head}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

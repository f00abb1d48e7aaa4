//! Redirect URIs that look like a registered one and are not: for tests that none of them is ever redirected to. The
//! acceptance suite includes this file, too.

use std::collections::BTreeSet;

/// What is inserted: what browsers and libraries strip, fold, decode, or take for something else than it is.
const INSERTED: [&str; 38] = [
    "\0", "\t", "\n", "\r", "\r\n", " ", "\u{b}", "\u{a0}", "\u{200b}", "\u{feff}", "\u{202e}",
    "%00", "%09", "%0d%0a", "%20", "%23", "%2e", "%2f", "%40", "%5c", "\\", "/", "//", "/.", "/..",
    ".", "\u{2024}", "\u{3002}", "\u{ff0e}", "\u{ff0f}", "@", "#", "?", "&", "*", ";", "+", "x",
];

/// What is replaced by what.
const REPLACED: [(&str, &str); 44] = [
    ("http:", "https:"),
    ("http:", "HTTP:"),
    ("http:", "hTTp:"),
    ("http:", "httpx:"),
    ("http:", "ftp:"),
    ("http:", "javascript:"),
    ("http:", "data:"),
    ("http:", "com.example.app:"),
    ("http:", ""),
    ("http://", ""),
    ("http://", "http:"),
    ("http://", "http:/"),
    ("http://", "http:///"),
    ("http://", "http:\\\\"),
    ("http://", "http:/\\"),
    ("http://", "http:\\/"),
    ("localhost", "LOCALHOST"),
    ("localhost", "Localhost"),
    ("localhost", "localhost.evil.example"),
    ("localhost", "evil.example"),
    ("localhost", "evil.example@localhost"),
    ("localhost", "localhost@evil.example"),
    ("localhost", "user:password@localhost"),
    ("localhost", "127.0.0.1"),
    ("localhost", "127.1"),
    ("localhost", "0x7f000001"),
    ("localhost", "2130706433"),
    ("localhost", "[::1]"),
    ("localhost", "[::ffff:127.0.0.1]"),
    ("localhost", "\u{217c}ocalhost"),
    ("localhost", "loca\u{217c}host"),
    ("localhost", "l\u{43e}calhost"),
    ("localhost", "\u{ff4c}ocalhost"),
    ("localhost", "xn--localhost-x.example"),
    ("localhost:3001", "localhost"),
    ("localhost:3001", "localhost:3001@evil.example"),
    (":3001", ":3002"),
    (":3001", ":03001"),
    (":3001", ":80"),
    (":3001", ":\u{ff13}001"),
    ("/api/", "/API/"),
    ("/api/", "/%61pi/"),
    ("/api/", "/%2561pi/"),
    ("/api/", "/x/../api/"),
];

/// At least 200 different URIs made from `http://localhost:3001/api/bluebutton/callback/`, of which none is that or
/// another of those that are registered.
pub(crate) fn mutations(registered: &[&str]) -> BTreeSet<String> {
    const URI: &str = "http://localhost:3001/api/bluebutton/callback/";
    const PLACES: [&str; 6] = [
        "http:",
        "http://",
        "localhost",
        ":3001",
        "/api",
        "callback/",
    ];
    let mut mutations = BTreeSet::new();
    for inserted in INSERTED {
        for place in PLACES {
            mutations.insert(URI.replacen(place, &format!("{place}{inserted}"), 1));
        }
        mutations.insert(format!("{inserted}{URI}"));
    }
    for (from, to) in REPLACED {
        mutations.insert(URI.replacen(from, to, 1));
    }
    mutations.extend([
        URI.to_uppercase(),
        URI.replace('/', "%2F"),
        URI.replace('/', "\\"),
        format!("{URI}?x=1"),
        format!("{URI}#x"),
        format!("{URI}{URI}"),
        format!("{URI},{URI}"),
        format!("{URI} https://evil.example/"),
        format!("https://evil.example/?{URI}"),
        format!("https://evil.example/#{URI}"),
        "//localhost:3001/api/bluebutton/callback/".to_owned(),
        "/api/bluebutton/callback/".to_owned(),
        "null".to_owned(),
    ]);
    mutations.retain(|mutation| !registered.contains(&mutation.as_str()));
    assert!(mutations.len() >= 200, "{} are too few", mutations.len());
    mutations
}

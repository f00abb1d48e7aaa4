//! What holds of every page of ours, whoever shows it: the acceptance suite, and the tests of sign-in at a provider.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::driver::{Driver, wait_until};

/// The most bytes of a page on the wire.
const PAGE_BYTES_MAX: u64 = 40 * 1024;

/// A desk, and a telephone or a desk at 400 % zoom, in CSS pixels.
const WIDTHS: [u32; 2] = [1280, 320];

/// One page: what axe says, wide and narrow; that nothing is cut off; that it is small and that nothing foreign runs.
pub(crate) fn check_page(
    driver: &Driver,
    axe: &str,
    page: &str,
    language: &str,
    report: &mut String,
) {
    assert_eq!(driver.run("return document.documentElement.lang"), language);
    assert_eq!(driver.console(), Vec::<String>::new(), "{page} {language}");
    let bytes = compressed_bytes(driver);
    assert!(bytes <= PAGE_BYTES_MAX, "{page} {language}: {bytes} bytes");
    for width in WIDTHS {
        driver.set_width(width);
        driver.picture(&format!("{page}-{language}-{width}.png"));
        assert_eq!(overflowing(driver), json!([]), "{page} {language} {width}");
        let findings = findings(driver, axe);
        writeln!(
            report,
            "{page} {language} {width}: {bytes} bytes, {findings}"
        )
        .unwrap();
    }
    assert_eq!(
        with_wide_text(driver, overflowing),
        json!([]),
        "{page} {language} with wide text"
    );
    driver.set_media(&[
        ("forced-colors", "active"),
        ("prefers-reduced-motion", "reduce"),
    ]);
    driver.picture(&format!("{page}-{language}-forced-colors.png"));
    assert_eq!(driver.run("return document.getAnimations().length"), 0);
    let bare = driver.run(
        "return [...document.querySelectorAll('.button, .field input, .choice')]
           .filter(e => getComputedStyle(e).borderTopStyle !== 'solid').length",
    );
    assert_eq!(bare, 0, "what can be used has an edge in forced colours");
    driver.set_media(&[]);
    driver.set_width(WIDTHS[0]);
    assert_nothing_foreign_runs(driver, page);
}

/// What axe finds: `VIOLATION` for each broken rule, with the elements.
fn findings(driver: &Driver, axe: &str) -> String {
    driver.run(axe);
    let result = driver.run_async(
        "const done = arguments[arguments.length - 1];
         const values = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
         const list = rules => rules.map(rule => rule.id + ' at ' + rule.nodes.map(node => node.target.join(' ')).join(', '));
         axe.run({runOnly: {type: 'tag', values}, rules: {'target-size': {enabled: true}}})
            .then(found => done({passes: found.passes.length, violations: list(found.violations),
                                 incomplete: list(found.incomplete)}))
            .catch(error => done({violations: ['axe: ' + error]}))",
    );
    let list = |name: &str| result[name].as_array().cloned().unwrap_or_default();
    let mut text = format!("{} rules passed", result["passes"]);
    for violation in list("violations") {
        write!(text, "; VIOLATION {violation}").unwrap();
    }
    for incomplete in list("incomplete") {
        write!(text, "; undecided {incomplete}").unwrap();
    }
    text
}

/// The elements that reach beyond the window's right edge, or the page itself.
fn overflowing(driver: &Driver) -> Value {
    driver.run(
        "const width = document.documentElement.clientWidth;
         return [document.documentElement, ...document.body.querySelectorAll('*')]
           .filter(e => e.getBoundingClientRect().right > width + 0.5 || (e.scrollWidth > width && e.clientWidth > 0))
           .map(e => e.tagName + '#' + e.id + '.' + e.className)",
    )
}

/// The same with the spacing that readers may set (WCAG 2.2, 1.4.12).
fn with_wide_text(driver: &Driver, look: impl Fn(&Driver) -> Value) -> Value {
    const SPACING: [(&str, &str); 3] = [
        ("line-height", "1.5"),
        ("letter-spacing", "0.12em"),
        ("word-spacing", "0.16em"),
    ];
    let set = "for (const e of document.body.querySelectorAll('*'))
                 for (const [name, value] of arguments[0]) e.style.setProperty(name, value)";
    driver.run_with(set, &json!([SPACING]));
    let seen = look(driver);
    driver.run_with(set, &json!([SPACING.map(|(name, _)| (name, ""))]));
    seen
}

fn compressed_bytes(driver: &Driver) -> u64 {
    let bytes = driver.run_async(
        "const done = arguments[arguments.length - 1];
         const html = new Blob([document.documentElement.outerHTML]);
         const gzip = html.stream().pipeThrough(new CompressionStream('gzip'));
         new Response(gzip).arrayBuffer().then(bytes => done(bytes.byteLength))",
    );
    bytes.as_u64().expect("a number")
}

/// A script, a style and what an element does when it is clicked.
const FOREIGN_PARTS: usize = 3;

/// The policy is enforced: neither a script nor a style that was put into the page has an effect, and nothing is
/// loaded.
fn assert_nothing_foreign_runs(driver: &Driver, page: &str) {
    driver.run(
        "const put = (tag, text) => { const e = document.createElement(tag); e.textContent = text; document.body.append(e) };
         put('script', 'window.ran = true');
         put('style', 'h1 { display: none !important }');
         document.body.insertAdjacentHTML('beforeend', '<p id=by-attribute onclick=\"window.ran = true\">x</p>');
         document.getElementById('by-attribute').click();",
    );
    let effects = driver.run(
        "return [window.ran === true, getComputedStyle(document.querySelector('h1')).display === 'none']",
    );
    assert_eq!(effects, json!([false, false]), "{page}");
    let mut said = Vec::new();
    let are_blocked = wait_until(|| {
        said.extend(driver.console());
        let is_of_policy = |text: &&String| text.contains("Content Security Policy");
        let count = said.iter().filter(is_of_policy).count();
        (count >= FOREIGN_PARTS).then_some(())
    });
    assert!(are_blocked.is_some(), "{page}: {said:?}");
}

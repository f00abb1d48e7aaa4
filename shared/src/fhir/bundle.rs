//! Bundles of type searchset: paging, links and entries.

use jiff::Timestamp;
use url::form_urlencoded::Serializer;

use super::json::Writer;
use super::outcome::Refusal;
use super::search::PageRequest;

/// The most bytes of entries in one answer. Lambda stops at 6 MB with the envelope's escaping around the body,
/// so an answer stays under 4 MB as sent; the rest is left for head and links.
pub const ENTRIES_BYTES_MAX: usize = 4_000_000 - 64_000;

/// The room that is made for an entry beforehand: an ExplanationOfBenefit of usual size.
pub const ENTRY_BYTES_USUAL: usize = 16 * 1024;
/// The room for what stands in front of the entries.
const HEAD_BYTES_USUAL: usize = 4 * 1024;

/// One page of the results of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// How many results there are in all.
    pub total: usize,
    /// The page asked for.
    pub request: PageRequest,
    /// The results of this page.
    pub items: Vec<T>,
}

/// Cuts the page out of all results. This is the only place that pages.
///
/// # Errors
/// When the page starts behind the last result.
pub fn page<T>(
    matches: impl IntoIterator<Item = T>,
    request: PageRequest,
) -> Result<Page<T>, Refusal> {
    let mut items: Vec<T> = matches.into_iter().collect();
    let total = items.len();
    if total > 0 && request.start_index >= total {
        return Err(Refusal::StartBehindEnd {
            start_index: request.start_index,
            total,
        });
    }
    items.drain(..request.start_index.min(total));
    items.truncate(request.count);
    Ok(Page {
        total,
        request,
        items,
    })
}

/// A resource that can stand in a bundle.
pub trait Entry {
    /// Why a resource cannot be written.
    type Error;
    /// Its logical id.
    fn id(&self) -> String;
    /// When a load last changed it.
    fn last_updated(&self) -> Timestamp;
    /// Writes it as one JSON object.
    ///
    /// # Errors
    /// When what is stored cannot be read, or is not the token's own.
    fn write(&self, w: &mut Writer) -> Result<(), Self::Error>;
}

/// What a bundle says about the search itself.
pub struct Searchset<'a> {
    /// The bundle's id, if the request has one that FHIR allows.
    pub id: &'a str,
    /// The newest load among the results.
    pub last_updated: Timestamp,
    /// The public URL of the resource type: `https://.../v2/fhir/Coverage`.
    pub url: &'a str,
    /// The parameters, besides the page's, that the search was answered with.
    pub filters: Vec<(&'static str, &'a str)>,
}

impl Searchset<'_> {
    /// Writes the bundle. A page that would be larger than an answer may be is cut, and its `next` link carries on.
    /// Also says how many entries it has then.
    ///
    /// # Errors
    /// Those of the entries.
    pub fn write<E: Entry>(&self, page: &Page<E>) -> Result<(Vec<u8>, usize), E::Error> {
        self.write_within(page, ENTRIES_BYTES_MAX)
    }

    fn write_within<E: Entry>(
        &self,
        page: &Page<E>,
        bytes_max: usize,
    ) -> Result<(Vec<u8>, usize), E::Error> {
        let (entries, written) = self.entries(&page.items, bytes_max)?;
        let mut w = Writer::with_capacity(entries.len() + HEAD_BYTES_USUAL);
        w.object(|w| {
            w.text("resourceType", "Bundle");
            if is_id(self.id) {
                w.text("id", self.id);
            }
            w.key("meta");
            w.object(|w| {
                w.key("lastUpdated");
                w.instant(self.last_updated);
            });
            w.text("type", "searchset");
            w.key("total");
            w.unsigned(page.total as u64);
            w.key("link");
            w.array(|w| self.links(w, page, written));
            if !entries.is_empty() {
                w.key("entry");
                w.array(|w| w.all_of(&entries));
            }
        });
        Ok((w.into_bytes(), written))
    }

    /// The entries, separated by commas, and how many they are.
    fn entries<E: Entry>(
        &self,
        items: &[E],
        bytes_max: usize,
    ) -> Result<(Writer, usize), E::Error> {
        let mut w = Writer::with_capacity(items.len() * ENTRY_BYTES_USUAL);
        for (written, item) in items.iter().enumerate() {
            let before = w.len();
            w.begin_object();
            w.key("fullUrl");
            w.string_of(&[self.url, "/", &item.id()]);
            w.key("resource");
            item.write(&mut w)?;
            w.end_object();
            // One entry is always answered, or the search would not come to an end.
            if w.len() > bytes_max && written > 0 {
                w.truncate(before);
                return Ok((w, written));
            }
        }
        Ok((w, items.len()))
    }

    fn links<E>(&self, w: &mut Writer, page: &Page<E>, written: usize) {
        let PageRequest { count, start_index } = page.request;
        self.link(w, "self", page.request);
        if count == 0 {
            return;
        }
        let mut to = |relation: &str, start_index| {
            self.link(w, relation, PageRequest { count, start_index });
        };
        to("first", 0);
        if start_index + written < page.total {
            to("next", start_index + written);
        }
        if start_index > 0 {
            to("previous", start_index.saturating_sub(count));
        }
        to("last", page.total.saturating_sub(1) / count * count);
    }

    fn link(&self, w: &mut Writer, relation: &str, request: PageRequest) {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&self.filters);
        query.append_pair("startIndex", &request.start_index.to_string());
        query.append_pair("_count", &request.count.to_string());
        w.object(|w| {
            w.text("relation", relation);
            w.key("url");
            w.string_of(&[self.url, "?", &query.finish()]);
        });
    }
}

/// <https://hl7.org/fhir/R4/datatypes.html#id>
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    struct Number(usize);

    impl Entry for Number {
        type Error = Infallible;
        fn id(&self) -> String {
            self.0.to_string()
        }
        fn last_updated(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
        fn write(&self, w: &mut Writer) -> Result<(), Infallible> {
            w.object(|w| w.text("id", &self.id()));
            Ok(())
        }
    }

    fn bundle(total: usize, request: PageRequest, bytes_max: usize) -> Value {
        let page = page((0..total).map(Number), request).unwrap();
        let searchset = Searchset {
            id: "4b7e-1",
            last_updated: Timestamp::UNIX_EPOCH,
            url: "https://api.example/v2/fhir/X",
            filters: vec![("type", "a|b,c")],
        };
        let Ok((bytes, written)) = searchset.write_within(&page, bytes_max);
        let bundle: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bundle["entry"].as_array().map_or(0, Vec::len), written);
        bundle
    }

    fn link(bundle: &Value, relation: &str) -> Option<PageRequest> {
        let links = bundle["link"].as_array().unwrap();
        let link = links.iter().find(|link| link["relation"] == relation)?;
        let url = url::Url::parse(link["url"].as_str().unwrap()).unwrap();
        let number = |name: &str| {
            let (_, value) = url.query_pairs().find(|(key, _)| key == name).unwrap();
            value.parse().unwrap()
        };
        Some(PageRequest {
            count: number("_count"),
            start_index: number("startIndex"),
        })
    }

    fn check(total: usize, count: usize, start_index: usize, expected: &str) {
        let bundle = bundle(total, PageRequest { count, start_index }, usize::MAX);
        let entries = bundle["entry"].as_array().map_or(0, Vec::len);
        let mut seen = format!("{entries} of {}", bundle["total"]);
        for relation in ["self", "first", "next", "previous", "last"] {
            if let Some(page) = link(&bundle, relation) {
                seen += &format!(" {relation}@{}", page.start_index);
            }
        }
        assert_eq!(seen, expected, "{total} {count} {start_index}");
    }

    #[test]
    fn links_the_pages_around_it() {
        check(0, 10, 0, "0 of 0 self@0 first@0 last@0");
        check(0, 10, 7, "0 of 0 self@7 first@0 previous@0 last@0");
        check(10, 10, 0, "10 of 10 self@0 first@0 last@0");
        check(11, 10, 0, "10 of 11 self@0 first@0 next@10 last@10");
        check(
            30,
            10,
            10,
            "10 of 30 self@10 first@0 next@20 previous@0 last@20",
        );
        check(30, 10, 25, "5 of 30 self@25 first@0 previous@15 last@20");
        check(3, 0, 0, "0 of 3 self@0");
        check(3, 1, 2, "1 of 3 self@2 first@0 previous@1 last@2");
    }

    #[test]
    fn refuses_a_page_behind_the_last_result() {
        for start_index in [3, 4, usize::MAX] {
            let request = PageRequest {
                count: 10,
                start_index,
            };
            let refused = page(0..3, request);
            assert_eq!(
                refused,
                Err(Refusal::StartBehindEnd {
                    start_index,
                    total: 3
                })
            );
        }
    }

    #[test]
    fn writes_links_and_entries_on_the_public_url() {
        let request = PageRequest {
            count: 1,
            start_index: 0,
        };
        let bundle = bundle(1, request, usize::MAX);
        assert_eq!(
            bundle["link"][0]["url"],
            "https://api.example/v2/fhir/X?type=a%7Cb%2Cc&startIndex=0&_count=1"
        );
        assert_eq!(
            bundle["entry"][0]["fullUrl"],
            "https://api.example/v2/fhir/X/0"
        );
        assert_eq!(
            bundle["meta"]["lastUpdated"],
            "1970-01-01T00:00:00.000+00:00"
        );
    }

    proptest! {
        #[test]
        fn reaches_every_result_exactly_once(total in 0_usize..120, count in 1_usize..60, bytes_max in 1_usize..3_000) {
            let mut seen = Vec::new();
            let mut request = Some(PageRequest { count, start_index: 0 });
            while let Some(page) = request {
                let bundle = bundle(total, page, bytes_max);
                for entry in bundle["entry"].as_array().into_iter().flatten() {
                    seen.push(entry["resource"]["id"].as_str().unwrap().parse::<usize>().unwrap());
                }
                request = link(&bundle, "next");
            }
            prop_assert_eq!(seen, (0..total).collect::<Vec<_>>());
        }
    }
}

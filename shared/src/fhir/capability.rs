//! The CapabilityStatement: exactly what is served, made from the tables that serve it.

use super::json::Writer;
use super::search::{COVERAGE, EXPLANATION_OF_BENEFIT, PATIENT, Parameter};

/// When the statement last changed.
const DATE: &str = "2026-11-22";
const NAME: &str = "BlueButton";
const PUBLISHER: &str = "The operator of this server";
const SOFTWARE: &str = "Open Blue Button API";

const OAUTH_URIS: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";
const SECURITY_SERVICE: &str = "http://terminology.hl7.org/CodeSystem/restful-security-service";
const CARIN: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-";

/// A resource type that is served: its profiles and search parameters.
struct Resource {
    name: &'static str,
    profiles: &'static [&'static str],
    parameters: &'static [Parameter],
}

#[rustfmt::skip]
const RESOURCES: &[Resource] = &[
    Resource { name: "Patient", profiles: &["Patient"], parameters: PATIENT },
    Resource { name: "Coverage", profiles: &["Coverage"], parameters: COVERAGE },
    Resource {
        name: "ExplanationOfBenefit",
        profiles: &[
            "ExplanationOfBenefit-Professional-NonClinician",
            "ExplanationOfBenefit-Inpatient-Institutional",
            "ExplanationOfBenefit-Outpatient-Institutional",
            "ExplanationOfBenefit-Pharmacy",
        ],
        parameters: EXPLANATION_OF_BENEFIT,
    },
];

/// The OAuth endpoints, by their names in the SMART extension and their paths after the version.
const OAUTH_ENDPOINTS: [(&str, &str); 4] = [
    ("token", "/o/token"),
    ("authorize", "/o/authorize"),
    ("revoke", "/o/revoke_token"),
    ("introspect", "/o/introspect"),
];

/// Which resources a statement lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// All of them.
    Resources,
    /// None: a version that has its OAuth endpoints only.
    Nothing,
}

/// The statement of a version in R4 at that public URL, `https://.../v2`.
#[must_use]
pub fn statement(url: &str, served: Served) -> Vec<u8> {
    let mut w = Writer::new();
    w.object(|w| {
        w.text("resourceType", "CapabilityStatement");
        w.text("name", NAME);
        w.text("status", "active");
        w.text("date", DATE);
        w.text("publisher", PUBLISHER);
        w.text("kind", "instance");
        w.object_unless_empty("software", |w| {
            w.text("name", SOFTWARE);
            w.text("version", env!("CARGO_PKG_VERSION"));
        });
        w.object_unless_empty("implementation", |w| {
            w.text(
                "description",
                "Medicare claims for the beneficiary's own applications",
            );
            w.key("url");
            w.string_of(&[url, "/fhir"]);
        });
        w.text("fhirVersion", "4.0.1");
        w.array_unless_empty("format", |w| {
            w.string("application/json");
            w.string("application/fhir+json");
        });
        w.array_unless_empty("rest", |w| w.object(|w| rest(w, url, served)));
    });
    w.into_bytes()
}

fn rest(w: &mut Writer, url: &str, served: Served) {
    w.text("mode", "server");
    w.object_unless_empty("security", |w| security(w, url));
    w.array_unless_empty("resource", |w| {
        if served == Served::Resources {
            RESOURCES.iter().for_each(|resource| resource.write(w));
        }
    });
}

fn security(w: &mut Writer, url: &str) {
    w.array_unless_empty("extension", |w| {
        w.object(|w| {
            w.text("url", OAUTH_URIS);
            w.array_unless_empty("extension", |w| {
                for (name, path) in OAUTH_ENDPOINTS {
                    w.object(|w| {
                        w.text("url", name);
                        w.key("valueUri");
                        w.string_of(&[url, path]);
                    });
                }
            });
        });
    });
    w.key("cors");
    w.boolean(true);
    w.array_unless_empty("service", |w| {
        for code in ["OAuth", "SMART-on-FHIR"] {
            w.object(|w| {
                w.array_unless_empty("coding", |w| {
                    w.object(|w| {
                        w.text("system", SECURITY_SERVICE);
                        w.text("code", code);
                        w.text("display", code);
                    });
                });
                w.text("text", code);
            });
        }
    });
}

impl Resource {
    fn write(&self, w: &mut Writer) {
        w.object(|w| {
            w.text("type", self.name);
            w.array_unless_empty("supportedProfile", |w| {
                for profile in self.profiles {
                    w.string_of(&[CARIN, profile]);
                }
            });
            w.array_unless_empty("interaction", |w| {
                for code in ["read", "search-type"] {
                    w.object(|w| w.text("code", code));
                }
            });
            w.array_unless_empty("searchParam", |w| {
                for parameter in self.parameters {
                    parameter.write(w);
                }
            });
        });
    }
}

impl Parameter {
    fn write(&self, w: &mut Writer) {
        if let Some(kind) = self.kind {
            w.object(|w| {
                w.text("name", self.name);
                w.text("type", kind);
                w.text("documentation", self.documentation);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(served: Served) -> Value {
        serde_json::from_slice(&statement("https://api.example/v2", served)).unwrap()
    }

    #[test]
    fn lists_the_resources_with_their_parameters() {
        let statement = read(Served::Resources);
        let resources = statement["rest"][0]["resource"].as_array().unwrap();
        let listed: Vec<String> = resources
            .iter()
            .map(|resource| {
                let parameters = resource["searchParam"].as_array().unwrap();
                let names: Vec<_> = parameters
                    .iter()
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                format!("{} {}", resource["type"].as_str().unwrap(), names.join(" "))
            })
            .collect();
        assert_eq!(
            listed,
            [
                "Patient _id _lastUpdated _count startIndex",
                "Coverage beneficiary patient _lastUpdated _count startIndex",
                "ExplanationOfBenefit patient _id type service-date _lastUpdated _count startIndex",
            ]
        );
    }

    #[test]
    fn says_where_a_smart_client_gets_its_token() {
        let statement = read(Served::Nothing);
        let uris = &statement["rest"][0]["security"]["extension"][0];
        assert_eq!(uris["url"], OAUTH_URIS);
        assert_eq!(
            uris["extension"][0]["valueUri"],
            "https://api.example/v2/o/token"
        );
        assert_eq!(statement["rest"][0].get("resource"), None);
    }
}

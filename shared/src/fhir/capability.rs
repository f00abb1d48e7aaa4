//! The CapabilityStatement: exactly what is served, made from the tables that serve it.

use super::json::Writer;
use super::search::{COVERAGE, EXPLANATION_OF_BENEFIT, PATIENT, Parameter};
use crate::mapping::Version;

/// When the statement last changed.
const DATE: &str = "2026-11-22";
const NAME: &str = "BlueButton";
const PUBLISHER: &str = "The operator of this server";
const SOFTWARE: &str = "Open Blue Button API";

const OAUTH_URIS: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";
const DEFINITION: &str = "http://hl7.org/fhir/StructureDefinition/";
const CARIN: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-";

/// A resource type that is served: its profiles and search parameters.
struct Resource {
    name: &'static str,
    /// CARIN's profiles, which R4 answers follow.
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

/// The API that a statement is about.
#[derive(Clone, Copy, Debug)]
pub struct Api<'a> {
    /// The FHIR it answers in.
    pub version: Version,
    /// Which resources it serves.
    pub served: Served,
    /// The public URL of the version whose FHIR it is: `https://.../v1`.
    pub fhir_url: &'a str,
    /// The public URL of the version whose OAuth endpoints give its tokens: `https://.../v2`.
    pub oauth_url: &'a str,
}

/// Which resources a statement lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// All of them.
    Resources,
    /// None: a version that has its OAuth endpoints only.
    Nothing,
}

/// The statement of an API.
#[must_use]
pub fn statement(api: &Api) -> Vec<u8> {
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
            w.string_of(&[api.fhir_url, "/fhir"]);
        });
        match api.version {
            Version::Stu3 => {
                w.text("fhirVersion", "3.0.2");
                // STU3 requires it; nothing can be sent, so that nothing unknown is refused.
                w.text("acceptUnknown", "extensions");
            }
            Version::R4 => w.text("fhirVersion", "4.0.1"),
        }
        w.array_unless_empty("format", |w| {
            w.string("application/json");
            w.string("application/fhir+json");
        });
        w.array_unless_empty("rest", |w| w.object(|w| rest(w, api)));
    });
    w.into_bytes()
}

fn rest(w: &mut Writer, api: &Api) {
    w.text("mode", "server");
    if api.served == Served::Resources {
        w.text(
            "documentation",
            "A search is also answered by POST to _search below the resource type.",
        );
    }
    w.object_unless_empty("security", |w| security(w, api));
    w.array_unless_empty("resource", |w| {
        if api.served == Served::Resources {
            for resource in RESOURCES {
                w.object(|w| resource.write(w, api.version));
            }
        }
    });
}

fn security(w: &mut Writer, api: &Api) {
    w.array_unless_empty("extension", |w| {
        w.object(|w| {
            w.text("url", OAUTH_URIS);
            w.array_unless_empty("extension", |w| {
                for (name, path) in OAUTH_ENDPOINTS {
                    w.object(|w| {
                        w.text("url", name);
                        w.key("valueUri");
                        w.string_of(&[api.oauth_url, path]);
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
                        w.text("system", security_service(api.version));
                        w.text("code", code);
                        w.text("display", code);
                    });
                });
                w.text("text", code);
            });
        }
    });
}

fn security_service(version: Version) -> &'static str {
    match version {
        Version::Stu3 => "http://hl7.org/fhir/restful-security-service",
        Version::R4 => "http://terminology.hl7.org/CodeSystem/restful-security-service",
    }
}

impl Resource {
    fn write(&self, w: &mut Writer, version: Version) {
        w.text("type", self.name);
        w.key("profile");
        match version {
            Version::Stu3 => w.object(|w| {
                w.key("reference");
                w.string_of(&[DEFINITION, self.name]);
            }),
            Version::R4 => {
                w.string_of(&[DEFINITION, self.name]);
                w.array_unless_empty("supportedProfile", |w| {
                    for profile in self.profiles {
                        w.string_of(&[CARIN, profile]);
                    }
                });
            }
        }
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

    fn read(version: Version, served: Served) -> Value {
        let api = Api {
            version,
            served,
            fhir_url: "https://api.example/v1",
            oauth_url: "https://api.example/v2",
        };
        serde_json::from_slice(&statement(&api)).unwrap()
    }

    #[test]
    fn lists_the_resources_with_their_parameters_in_both_versions() {
        for version in [Version::Stu3, Version::R4] {
            let statement = read(version, Served::Resources);
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
                    "Patient _id identifier _lastUpdated _count startIndex",
                    "Coverage beneficiary patient _lastUpdated _count startIndex",
                    "ExplanationOfBenefit patient _id type _tag service-date _lastUpdated _count startIndex",
                ]
            );
        }
    }

    #[test]
    fn is_written_as_its_version_writes_it() {
        let stu3 = read(Version::Stu3, Served::Resources);
        let r4 = read(Version::R4, Served::Resources);
        assert_eq!(stu3["fhirVersion"], "3.0.2");
        assert_eq!(r4["fhirVersion"], "4.0.1");
        assert_eq!(stu3["acceptUnknown"], "extensions");
        assert_eq!(r4.get("acceptUnknown"), None);
        let patient = "http://hl7.org/fhir/StructureDefinition/Patient";
        let profile = |statement: &Value| statement["rest"][0]["resource"][0]["profile"].clone();
        assert_eq!(profile(&stu3)["reference"], patient);
        assert_eq!(profile(&r4), patient);
        let carin = |statement: &Value, resource: usize| {
            let profiles = &statement["rest"][0]["resource"][resource]["supportedProfile"];
            profiles.as_array().map_or(0, Vec::len)
        };
        assert_eq!([carin(&stu3, 0), carin(&stu3, 2)], [0, 0]);
        assert_eq!([carin(&r4, 0), carin(&r4, 2)], [1, 4]);
    }

    #[test]
    fn says_where_a_smart_client_gets_its_token() {
        let statement = read(Version::R4, Served::Nothing);
        let uris = &statement["rest"][0]["security"]["extension"][0];
        assert_eq!(uris["url"], OAUTH_URIS);
        assert_eq!(
            uris["extension"][0]["valueUri"],
            "https://api.example/v2/o/token"
        );
        assert_eq!(statement["rest"][0].get("resource"), None);
    }
}

//! The one table of routes, and what is written from it: the API Gateway's definition, the router of
//! `cargo lambda watch`, the README's table and the templates that logs name routes by. `cargo xtask routes` writes the
//! four; a test keeps them equal.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::failure::{Failure, Outcome};

/// A function and the paths that it answers.
struct Route {
    function: &'static str,
    /// `vN` stands for `v1`, `v2` and `v3`. No path ends with a slash: see [`both_spellings`].
    paths: &'static [&'static str],
}

/// Older spellings are listed with the function that answers them; the last row is for whatever no row names.
const ROUTES: &[Route] = &[
    Route {
        function: "authorize",
        paths: &[
            "/vN/o/authorize",
            "/vN/o/authorize/{approval}",
            "/login",
            "/callback",
        ],
    },
    Route {
        function: "token",
        paths: &[
            "/vN/o/token",
            "/vN/o/revoke_token",
            "/vN/o/revoke",
            "/vN/o/introspect",
            "/vN/o/expire_authenticated_user/{patient}",
            "/vN/o/tokens",
            "/vN/o/tokens/{grant}",
        ],
    },
    Route {
        function: "userinfo",
        paths: &["/vN/connect/userinfo", "/connect/userinfo"],
    },
    Route {
        function: "patient",
        paths: &[
            "/vN/fhir/Patient",
            "/vN/fhir/Patient/_search",
            "/vN/fhir/Patient/{id}",
            "/v1/protected/bluebutton/fhir/v1/Patient",
            "/v1/protected/bluebutton/fhir/v1/Patient/_search",
            "/v1/protected/bluebutton/fhir/v1/Patient/{id}",
        ],
    },
    Route {
        function: "coverage",
        paths: &[
            "/vN/fhir/Coverage",
            "/vN/fhir/Coverage/_search",
            "/vN/fhir/Coverage/{id}",
            "/v1/protected/bluebutton/fhir/v1/Coverage",
            "/v1/protected/bluebutton/fhir/v1/Coverage/_search",
            "/v1/protected/bluebutton/fhir/v1/Coverage/{id}",
        ],
    },
    Route {
        function: "eob",
        paths: &[
            "/vN/fhir/ExplanationOfBenefit",
            "/vN/fhir/ExplanationOfBenefit/_search",
            "/vN/fhir/ExplanationOfBenefit/{id}",
            "/v1/protected/bluebutton/fhir/v1/ExplanationOfBenefit",
            "/v1/protected/bluebutton/fhir/v1/ExplanationOfBenefit/_search",
            "/v1/protected/bluebutton/fhir/v1/ExplanationOfBenefit/{id}",
        ],
    },
    Route {
        function: "portal",
        paths: &[
            "/portal",
            "/portal/{page}",
            "/testclient",
            "/testclient/{page}",
        ],
    },
    Route {
        function: "discovery",
        paths: &[
            "/.well-known/{document}",
            "/vN/connect/.well-known/openid-configuration",
            "/vN/fhir/.well-known/smart-configuration",
            "/vN/fhir/metadata",
            "/v1/protected/bluebutton/fhir/v1/metadata",
            "/health",
            "/health/{check}",
            "/docs",
            "/docs/{page}",
            "/",
            CATCH_ALL,
        ],
    },
];

/// In front of `discovery`, so that an unknown path gets our 404 and not the gateway's 403.
const CATCH_ALL: &str = "/{rest+}";

const VERSIONS: [&str; 3] = ["v1", "v2", "v3"];

/// Listed one by one: an `ANY` method would do on AWS, but local AWS does not import it.
const VERBS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// Path and function, versions spelled out, without the trailing slash.
fn paths() -> impl Iterator<Item = (String, &'static str)> {
    ROUTES.iter().flat_map(|route| {
        route.paths.iter().flat_map(move |path| {
            let versions = if path.contains("vN") {
                &VERSIONS[..]
            } else {
                &[""]
            };
            versions
                .iter()
                .map(move |version| (path.replace("vN", version), route.function))
        })
    })
}

/// The paths that stand for themselves in both spellings. The root and the catch-all have one.
fn both_spellings(path: &str) -> Vec<String> {
    if path.ends_with('/') || path == CATCH_ALL {
        vec![path.to_owned()]
    } else {
        vec![path.to_owned(), format!("{path}/")]
    }
}

const API_HEAD: &str = r#"# Written by `cargo xtask routes` from the table in infra/xtask/src/routes.rs; do not edit.
#
# The definition of the REST API, included by template.yaml (AWS::Include takes no short forms such as !Sub).
# Every verb of a path goes to the alias `live` of its function, which a canary deployment shifts; the function answers
# 405 and OPTIONS in its protocol's form. API Gateway serves /x/ from the resource /x, and a resource cannot have an empty
# name, so each path stands here once.

openapi: 3.0.1
info: { title: { "Fn::Sub": "${AWS::StackName}" }, version: "1" }

# What the gateway answers itself carries the request id, as everything else does.
x-amazon-apigateway-gateway-responses:
  DEFAULT_4XX:
    responseParameters: { gatewayresponse.header.X-Request-Id: context.requestId }
    responseTemplates: { application/json: '{"error":"invalid_request","error_description":$context.error.messageString}' }
  DEFAULT_5XX:
    responseParameters: { gatewayresponse.header.X-Request-Id: context.requestId }
    responseTemplates: { application/json: '{"error":"server_error","error_description":$context.error.messageString}' }
  THROTTLED:
    responseParameters:
      gatewayresponse.header.X-Request-Id: context.requestId
      gatewayresponse.header.Retry-After: "'1'"
    responseTemplates: { application/json: '{"error":"temporarily_unavailable","error_description":$context.error.messageString}' }

paths:
"#;

/// `infra/routes.yaml`.
fn api_definition() -> String {
    let mut out = API_HEAD.to_owned();
    for (path, function) in paths() {
        let _ = writeln!(out, "  {path}:");
        if let Some(name) = path.split(['{', '}']).nth(1) {
            let name = name.trim_end_matches('+');
            let _ = writeln!(
                out,
                "    parameters: [{{ name: {name}, in: path, required: true, schema: {{ type: string }} }}]"
            );
        }
        for verb in VERBS {
            let _ = writeln!(
                out,
                "    {verb}: {{ responses: {{}}, x-amazon-apigateway-integration: {{ type: aws_proxy, httpMethod: POST, \
                 uri: {{ \"Fn::Sub\": \"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31\
                 /functions/${{{}.Arn}}:live/invocations\" }} }} }}",
                logical_id(function)
            );
        }
    }
    out
}

/// The function's name in template.yaml.
fn logical_id(function: &str) -> String {
    let (first, rest) = function.split_at(1);
    format!("{}{rest}Function", first.to_uppercase())
}

/// The router of `cargo lambda watch`, which serves `/x` and `/x/` as two routes.
fn watch_router() -> String {
    let mut out = String::from("[workspace.metadata.lambda.watch.router]\n");
    for (path, function) in paths() {
        for spelling in both_spellings(&path) {
            let spelling = if spelling == CATCH_ALL {
                "/{*rest}"
            } else {
                &spelling
            };
            let _ = writeln!(out, "{spelling:?} = {function:?}");
        }
    }
    out
}

/// The README's table.
fn readme_table() -> String {
    let mut out = String::from(
        "| function | paths (N = 1, 2, 3; with and without trailing slash) |\n|---|---|\n",
    );
    for Route { function, paths } in ROUTES {
        let paths: Vec<_> = paths
            .iter()
            .map(|&path| {
                if path == CATCH_ALL {
                    "whatever no row names".to_owned()
                } else {
                    format!("`{path}`")
                }
            })
            .collect();
        let _ = writeln!(out, "| `{function}` | {} |", paths.join(", "));
    }
    out
}

/// The templates as the functions see paths: older spellings are the present ones, and the versions are one.
fn templates() -> String {
    let mut out = String::from("const TEMPLATES: &[&str] = &[\n");
    let paths = ROUTES.iter().flat_map(|route| route.paths);
    let is_template = |path: &&&str| !path.starts_with(OLDER) && **path != CATCH_ALL;
    for path in paths.filter(is_template) {
        let _ = writeln!(out, "    {path:?},");
    }
    out.push_str("];\n");
    out
}

/// How CMS's first documents spelled FHIR paths.
const OLDER: &str = "/v1/protected/";

/// A file and how it reads when it agrees with the table.
type Rendering = (&'static str, fn(&str) -> Option<String>);

const RENDERINGS: [Rendering; 4] = [
    ("infra/routes.yaml", |_| Some(api_definition())),
    ("Cargo.toml", |text| {
        between(
            text,
            "# routes: written by `cargo xtask routes`\n",
            "# end of routes\n",
            &watch_router(),
        )
    }),
    ("README.md", |text| {
        between(
            text,
            "<!-- routes: written by `cargo xtask routes` -->\n",
            "<!-- end of routes -->\n",
            &readme_table(),
        )
    }),
    ("shared/src/http/routes.rs", |text| {
        between(
            text,
            "// routes: written by `cargo xtask routes`\n",
            "// end of routes\n",
            &templates(),
        )
    }),
];

/// `text` with what stands between two marks replaced; None without the marks.
fn between(text: &str, from: &str, to: &str, inner: &str) -> Option<String> {
    let (head, rest) = text.split_once(from)?;
    let (_, tail) = rest.split_once(to)?;
    Some([head, from, inner, to, tail].concat())
}

/// Writes the four files.
pub(crate) fn write(root: &Path) -> Outcome {
    for (file, render) in RENDERINGS {
        let path = root.join(file);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let rendered = render(&text)
            .ok_or_else(|| Failure::new(format!("{file} has lost the marks around its routes.")))?;
        fs::write(path, rendered).map_err(|error| Failure::new(format!("{file}: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_equal_in_the_template_the_watch_router_and_the_readme() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (file, render) in RENDERINGS {
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert_eq!(
                Some(&text),
                render(&text).as_ref(),
                "{file} differs: run `cargo xtask routes`"
            );
        }
    }

    #[test]
    fn every_function_that_apps_call_has_routes() {
        let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
        let mut named: Vec<_> = fs::read_dir(functions)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        named.sort();
        let mut routed: Vec<_> = ROUTES
            .iter()
            .map(|r| r.function)
            .chain(["check", "ingest", "metrics", "rotate"])
            .collect();
        routed.sort_unstable();
        assert_eq!(named, routed);
    }

    #[test]
    fn no_path_is_listed_twice() {
        let mut all: Vec<_> = paths().map(|(path, _)| path).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(count, all.len());
    }

    /// API Gateway's default quota is 300 resources (path segments) in an API.
    #[test]
    fn the_api_stays_below_the_quota_of_resources() {
        let mut nodes = std::collections::BTreeSet::new();
        for (path, _) in paths() {
            let mut node = String::new();
            for segment in path.split('/').skip(1) {
                node = format!("{node}/{segment}");
                nodes.insert(node.clone());
            }
        }
        assert!(nodes.len() < 250, "{} resources", nodes.len());
    }
}

//! The bill of materials of a release in CycloneDX's form: every crate that a function links, with version, licence and
//! checksum, and who depends on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::workspace::Workspace;

/// CycloneDX's version.
const SPECIFICATION: &str = "1.6";
/// The release as a whole.
const RELEASE: &str = "blue-button-claims-api";
/// What every Rust program links, beside the crates.
const STANDARD_LIBRARY: &str = "rust-std";
/// How crates.io wrote alternatives before licences became expressions.
const OLD_ALTERNATIVES: &str = "/";

/// A crate as `cargo tree` names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    /// Whether its sources are in this workspace.
    is_ours: bool,
    licence: String,
    repository: String,
}

/// The crates that functions link, and which of them each needs, by reference.
#[derive(Default)]
struct Materials {
    crates: BTreeMap<String, Crate>,
    needs: BTreeMap<String, BTreeSet<String>>,
}

/// The bill of materials of these functions for that target.
///
/// It has no serial number and no time: from the same sources comes the same bill.
pub(crate) fn bill(workspace: &Workspace, functions: &[String], target: &str) -> Outcome<Value> {
    let materials = Materials::parse(&tree(workspace, functions, target)?)?;
    let read = |name: &str| {
        let path = workspace.root.join(name);
        fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    };
    let checksums = checksums(&read("Cargo.lock")?);
    let toolchain = read("rust-toolchain.toml")?;
    let toolchain = quoted(&toolchain, "channel").unwrap_or_default();
    Ok(materials.render(functions, &checksums, &toolchain))
}

/// Which crate links which, one line for each, with its depth in front. Compile-time crates are not linked.
fn tree(workspace: &Workspace, functions: &[String], target: &str) -> Outcome<String> {
    let mut cargo = workspace.cargo();
    cargo.args(["tree", "--locked", "--quiet", "--target", target]);
    cargo.args(["--edges", "normal,no-proc-macro", "--prefix", "depth"]);
    cargo.args(["--format", "{p}\t{l}\t{r}"]);
    cargo.args(functions.iter().flat_map(|name| ["--package", name]));
    let lines = std::cell::RefCell::new(String::new());
    processes::run_and_read("cargo tree", &mut cargo, |line| {
        lines.borrow_mut().push_str(line);
        lines.borrow_mut().push('\n');
    })?;
    Ok(lines.into_inner())
}

impl Materials {
    fn parse(tree: &str) -> Outcome<Self> {
        let (mut materials, mut path) = (Self::default(), Vec::<String>::new());
        for line in tree.lines().filter(|line| !line.is_empty()) {
            let (depth, found) = Crate::parse(line)
                .ok_or_else(|| Failure::new(format!("cargo tree says: {line}")))?;
            if found.licence.is_empty() {
                let (name, version) = (&found.name, &found.version);
                return Err(Failure::new(format!(
                    "{name} {version} does not say its licence."
                )));
            }
            let reference = found.reference();
            path.truncate(depth);
            if let Some(parent) = path.last() {
                let needs = materials.needs.entry(parent.clone()).or_default();
                needs.insert(reference.clone());
            }
            path.push(reference.clone());
            materials.needs.entry(reference.clone()).or_default();
            materials.crates.insert(reference, found);
        }
        Ok(materials)
    }

    fn render(
        &self,
        functions: &[String],
        checksums: &BTreeMap<(String, String), String>,
        toolchain: &str,
    ) -> Value {
        let is_function = |found: &Crate| found.is_ours && functions.contains(&found.name);
        let crates = self.crates.iter().map(|(reference, found)| {
            let kind = if is_function(found) {
                "application"
            } else {
                "library"
            };
            let key = (found.name.clone(), found.version.clone());
            found.component(reference, kind, checksums.get(&key))
        });
        let standard_library = json!({
            "type": "library", "bom-ref": STANDARD_LIBRARY, "name": STANDARD_LIBRARY, "version": toolchain,
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        });
        let release = json!({
            "type": "application", "bom-ref": RELEASE, "name": RELEASE, "version": env!("CARGO_PKG_VERSION"),
            "licenses": [{"expression": "Apache-2.0"}],
        });
        let roots = self
            .crates
            .iter()
            .filter(|(_, found)| is_function(found))
            .map(|(reference, _)| reference.as_str());
        let of_release = json!({"ref": RELEASE, "dependsOn": roots.clone().collect::<Vec<&str>>()});
        let roots: BTreeSet<&str> = roots.collect();
        let dependencies = self.needs.iter().map(|(reference, needs)| {
            let std = roots
                .contains(reference.as_str())
                .then_some(STANDARD_LIBRARY);
            let needs: Vec<&str> = needs.iter().map(String::as_str).chain(std).collect();
            json!({"ref": reference, "dependsOn": needs})
        });
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": SPECIFICATION,
            "version": 1,
            "metadata": {"component": release},
            "components": crates.chain([standard_library]).collect::<Vec<_>>(),
            "dependencies": dependencies.chain([of_release]).collect::<Vec<_>>(),
        })
    }
}

impl Crate {
    /// Depth and crate of a line like `2itoa v1.0.18`, licence and repository, with tabs between.
    fn parse(line: &str) -> Option<(usize, Self)> {
        let line = line.trim_end_matches(" (*)");
        let mut fields = line.split('\t');
        let package = fields.next()?;
        let digits = package.find(|c: char| !c.is_ascii_digit())?;
        let (depth, package) = package.split_at(digits);
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let found = Self {
            name: name.to_owned(),
            version: version.to_owned(),
            // Behind the version of a crate of a registry stands nothing.
            is_ours: words.next().is_some(),
            licence: fields.next()?.replace(OLD_ALTERNATIVES, " OR "),
            repository: fields.next()?.to_owned(),
        };
        Some((depth.parse().ok()?, found))
    }

    /// The package URL (purl's type `cargo`), or for what no registry has its name.
    fn reference(&self) -> String {
        let (name, version) = (&self.name, &self.version);
        if self.is_ours {
            return format!("{name}@{version}");
        }
        format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
    }

    fn component(&self, reference: &str, kind: &str, checksum: Option<&String>) -> Value {
        let mut component = json!({
            "type": kind, "bom-ref": reference, "name": self.name, "version": self.version,
            "licenses": [{"expression": self.licence}],
        });
        if !self.is_ours {
            component["purl"] = reference.into();
        }
        if let Some(checksum) = checksum {
            component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        if !self.repository.is_empty() {
            component["externalReferences"] = json!([{"type": "vcs", "url": self.repository}]);
        }
        component
    }
}

/// The checksums of the lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            let field = |name: &str| quoted(package, name);
            Some(((field("name")?, field("version")?), field("checksum")?))
        })
        .collect()
}

/// The text of `name = "text"`.
fn quoted(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    let (_, value) = lines.into_iter().find(|(found, _)| *found == name)?;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package;

    const TREE: &str = "0token v0.1.0 (/project/functions/token)\tApache-2.0\t\n\
        1bluebutton v0.1.0 (/project/shared)\tApache-2.0\t\n\
        2itoa v1.0.18\tMIT/Apache-2.0\thttps://github.com/dtolnay/itoa\n\
        1itoa v1.0.18\tMIT/Apache-2.0\thttps://github.com/dtolnay/itoa\n\
        \n\
        0eob v0.1.0 (/project/functions/eob)\tApache-2.0\t\n\
        1bluebutton v0.1.0 (/project/shared)\tApache-2.0\t (*)\n";

    #[test]
    fn reads_who_links_whom() {
        let materials = Materials::parse(TREE).unwrap();
        let check = |reference: &str, expected: &[&str]| {
            let needs: Vec<_> = materials.needs[reference].iter().collect();
            assert_eq!(needs, expected, "{reference}");
        };
        check(
            "token@0.1.0",
            &["bluebutton@0.1.0", "pkg:cargo/itoa@1.0.18"],
        );
        check("bluebutton@0.1.0", &["pkg:cargo/itoa@1.0.18"]);
        check("eob@0.1.0", &["bluebutton@0.1.0"]);
        check("pkg:cargo/itoa@1.0.18", &[]);
        let licence = &materials.crates["pkg:cargo/itoa@1.0.18"].licence;
        assert_eq!(licence, "MIT OR Apache-2.0");
    }

    #[test]
    fn refuses_a_crate_without_a_licence_and_lines_that_it_does_not_know() {
        for tree in ["0token v0.1.0\t\t\n", "token v0.1.0\tMIT\t\n", "0token\n"] {
            assert!(Materials::parse(tree).is_err(), "{tree}");
        }
    }

    #[test]
    fn every_crate_of_the_lock_file_that_a_function_links_is_there_once() {
        let workspace = Workspace::find();
        let functions = package::functions(&workspace).unwrap();
        let bill = bill(&workspace, &functions, package::TARGET).unwrap();
        let lock = fs::read_to_string(workspace.root.join("Cargo.lock")).unwrap();
        let checksums = checksums(&lock);
        let components = bill["components"].as_array().unwrap();
        let mut references = BTreeSet::new();
        for component in components {
            let text = |name: &str| component[name].as_str().unwrap().to_owned();
            let reference = text("bom-ref");
            assert!(
                references.insert(reference.clone()),
                "{reference} is twice there"
            );
            assert!(!text("version").is_empty(), "{reference}");
            assert_ne!(
                component["licenses"][0]["expression"],
                Value::Null,
                "{reference}"
            );
            // What a registry has is locked by its checksum.
            if component["purl"].is_string() {
                let locked = &checksums[&(text("name"), text("version"))];
                assert_eq!(
                    component["hashes"][0]["content"],
                    locked.as_str(),
                    "{reference}"
                );
            }
        }
        for dependency in bill["dependencies"].as_array().unwrap() {
            let named = dependency["dependsOn"].as_array().unwrap();
            for reference in named.iter().filter_map(Value::as_str) {
                assert!(references.contains(reference), "{reference}");
            }
        }
        let is_there = |name: &str| components.iter().any(|component| component["name"] == name);
        for linked in [
            "aws-sdk-dynamodb",
            "lambda_http",
            "aws-lc-sys",
            "bluebutton",
            "eob",
        ] {
            assert!(is_there(linked), "{linked}");
        }
        // What only tests, commands and compile time need.
        for unlinked in ["proptest", "clap", "ureq", "syn", "cc", "stand", "xtask"] {
            assert!(!is_there(unlinked), "{unlinked}");
        }
    }
}

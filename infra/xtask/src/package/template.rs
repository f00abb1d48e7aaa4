//! The template of a release: the project's own, with each function's zip in place of its sources.

use crate::failure::{Failure, Outcome};

/// Where the sources of all functions are, which a release does not need.
const SOURCES: &str = "CodeUri: .";
/// How `sam build` makes a function, and the name of its program.
const BUILD: &str = "BuildMethod: rust-cargolambda, BuildProperties: { Binary: ";

/// The template with the zips of these functions, each of which it has to have.
pub(crate) fn with_zips(template: &str, functions: &[String]) -> Outcome<String> {
    let (mut lines, mut expected) = (Vec::new(), Vec::new());
    let mut program = None;
    for line in template.lines() {
        if let Some((_, rest)) = line.split_once(BUILD) {
            program = rest.split_once(' ').map(|(name, _)| name);
            expected.extend(program);
            continue;
        }
        if line.trim() == SOURCES {
            continue;
        }
        lines.push(line.to_owned());
        if line.trim() == "Properties:"
            && let Some(name) = program.take()
        {
            lines.push(format!("      CodeUri: {name}.zip"));
        }
    }
    expected.sort_unstable();
    if program.is_some() || expected != *functions {
        return Err(Failure::new(format!(
            "template.yaml builds {}, and the functions are {}.",
            expected.join(", "),
            functions.join(", ")
        )));
    }
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package;
    use crate::workspace::Workspace;
    use std::fs;

    #[test]
    fn every_function_of_the_template_has_its_zip_and_nothing_is_left_to_build() {
        let workspace = Workspace::find();
        let functions = package::functions(&workspace).unwrap();
        let template = fs::read_to_string(workspace.root.join("template.yaml")).unwrap();
        let packaged = with_zips(&template, &functions).unwrap();
        for function in &functions {
            let line = format!("      CodeUri: {function}.zip\n");
            assert_eq!(packaged.matches(&line).count(), 1, "{function}");
        }
        assert!(!packaged.contains("rust-cargolambda"));
        assert!(!packaged.contains("CodeUri: .\n"));
        assert_eq!(
            packaged.matches("AWS::Serverless::Function").count(),
            template.matches("AWS::Serverless::Function").count()
        );
    }

    #[test]
    fn refuses_a_template_that_misses_a_function_or_has_one_too_many() {
        let template = |program: &str| {
            format!(
                "  A:\n    Metadata: {{ {BUILD}{program} }} }}\n    Properties:\n      Role: r\n"
            )
        };
        let check = |functions: &[&str], expected: bool| {
            let functions: Vec<_> = functions.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(
                with_zips(&template("token"), &functions).is_ok(),
                expected,
                "{functions:?}"
            );
        };
        check(&["token"], true);
        check(&[], false);
        check(&["eob"], false);
        check(&["eob", "token"], false);
    }
}

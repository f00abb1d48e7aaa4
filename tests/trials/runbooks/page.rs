//! A runbook as a list of what stands in it: what the reader has to set first, and the blocks for a shell.

use std::fs;
use std::path::PathBuf;

/// A page of `infra/docs/runbooks`.
pub(super) struct Page {
    pub(super) name: String,
    pub(super) text: String,
}

/// A part of a page, in the order of the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Variables that only the reader can know.
    SetFirst(Vec<&'a str>),
    /// Commands for any AWS.
    Shell(&'a str),
    /// Commands for what a local AWS does not have.
    AwsOnly(&'a str),
}

const SHELL: &str = "```sh";
const AWS_ONLY: &str = "```sh aws-only";
const END: &str = "\n```";

/// Where the pages are.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../infra/docs/runbooks"
    ))
}

/// All pages, by name.
pub(super) fn pages() -> Vec<Page> {
    let mut pages: Vec<Page> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| Page {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect();
    pages.sort_by(|one, other| one.name.cmp(&other.name));
    pages
}

/// The part of another document that is worked through as the pages are.
pub(super) fn first_steps() -> Page {
    const HEADING: &str = "\n## First steps\n";
    let document = fs::read_to_string(folder().join("../deploy.md")).unwrap();
    let (_, text) = document.split_once(HEADING).unwrap();
    let (text, _) = text.split_once("\n## ").unwrap();
    Page {
        name: "first-steps".to_owned(),
        text: text.to_owned(),
    }
}

impl Page {
    pub(super) fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let mut rest = self.text.as_str();
        while let Some(start) = rest.find("```") {
            parts.extend(set_first(&rest[..start]));
            let (fence, block) = rest[start..].split_once('\n').unwrap();
            let (block, after) = block.split_once(END).unwrap_or_else(|| {
                panic!("{}: a block has no end", self.name);
            });
            parts.push(match fence {
                SHELL => Part::Shell(block),
                AWS_ONLY => Part::AwsOnly(block),
                other => panic!("{}: a block of another kind: {other}", self.name),
            });
            rest = after;
        }
        parts
    }
}

/// The names in every paragraph that says "Set first" or, within a sentence, "set first".
fn set_first(prose: &str) -> Option<Part<'_>> {
    let names: Vec<&str> = prose
        .split("\n\n")
        .filter_map(|paragraph| Some(paragraph.split_once("et first:")?.1))
        .flat_map(|names| names.split('`').skip(1).step_by(2))
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    (!names.is_empty()).then_some(Part::SetFirst(names))
}

#[test]
fn a_page_is_read_in_its_order() {
    let page = Page {
        name: "page".to_owned(),
        text: "# a\n\nSet first: `ID`, such as `x-1`, and `B_C`.\n\n```sh\necho \"$ID\"\n```\n\n1. b\n\n\
               ```sh aws-only\naws x\n```\n"
            .to_owned(),
    };
    let expected = [
        Part::SetFirst(vec!["ID", "B_C"]),
        Part::Shell("echo \"$ID\""),
        Part::AwsOnly("aws x"),
    ];
    assert_eq!(page.parts(), expected);
}

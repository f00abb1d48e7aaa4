//! Somebody who works through a page: block by block, and nothing is set that the page did not ask to set.

use std::collections::BTreeMap;

use super::page::{Page, Part};
use super::shell::{ELSEWHERE, Shell};

/// A reader in the middle of a page.
pub(super) struct Reader<'a> {
    name: &'a str,
    parts: std::vec::IntoIter<Part<'a>>,
    shell: Shell<'a>,
    known: BTreeMap<&'static str, String>,
    said: String,
}

impl<'a> Reader<'a> {
    /// At the top of a page, after the index.
    pub(super) fn open(page: &'a Page, index: &'a Page, shell: Shell<'a>) -> Self {
        let mut reader = Self {
            name: &index.name,
            parts: index.parts().into_iter(),
            shell,
            known: BTreeMap::new(),
            said: String::new(),
        };
        if page.name != index.name {
            reader.before_the_first_aws_only_block();
            reader.name = &page.name;
            reader.parts = page.parts().into_iter();
        }
        reader
    }

    /// What the reader knows, should the page ask.
    pub(super) fn knows(&mut self, name: &'static str, value: impl Into<String>) {
        self.known.insert(name, value.into());
    }

    /// Works on until after the block that has this text.
    pub(super) fn through(&mut self, text: &str) {
        while let Some(part) = self.parts.next() {
            if self.take(&part).is_some_and(|block| block.contains(text)) {
                return;
            }
        }
        panic!("{}: no block has {text}", self.name);
    }

    /// Works to the end of the page.
    pub(super) fn finish(mut self) {
        while let Some(part) = self.parts.next() {
            self.take(&part);
        }
    }

    /// What the last block printed.
    pub(super) fn said(&self) -> &str {
        self.said.trim()
    }

    /// What a file of the reader's holds.
    pub(super) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.shell.folder().join(name)).unwrap()
    }

    /// A command of the test's own, in the reader's place.
    pub(super) fn aside(&self, command: &str) -> String {
        self.shell.run(command).unwrap_or_else(|said| {
            panic!("{command}\n{said}");
        })
    }

    fn before_the_first_aws_only_block(&mut self) {
        let index = std::mem::take(&mut self.parts);
        let local = index.take_while(|part| matches!(part, Part::Shell(_)));
        for part in local.collect::<Vec<_>>() {
            self.take(&part);
        }
    }

    /// Carries a part out, and gives the block.
    fn take(&mut self, part: &Part<'a>) -> Option<&'a str> {
        let (block, outcome) = match *part {
            Part::SetFirst(ref names) => {
                self.set(names);
                return None;
            }
            Part::Shell(block) => (block, self.shell.run(block)),
            Part::AwsOnly(block) => (block, self.shell.check(block)),
        };
        self.said = outcome.unwrap_or_else(|said| {
            panic!("{}:\n{block}\n\n{said}", self.name);
        });
        Some(block)
    }

    fn set(&mut self, names: &[&'a str]) {
        for name in names {
            let value = self.known.get(name).map_or(ELSEWHERE, String::as_str);
            self.shell.set(name, value).unwrap();
        }
    }
}

//! The workspace: where it is, how it is built, the programs that come out of it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Outcome;
use crate::processes;

/// The folders of the workspace.
pub(crate) struct Workspace {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// The folder of what is built.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// The workspace that this command belongs to.
    pub(crate) fn find() -> Self {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .ancestors()
            .nth(2)
            .expect("xtask is two folders deep")
            .to_owned();
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |folder| root.join(folder));
        Self { root, target }
    }

    /// Cargo in the workspace's folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        command
    }

    /// Builds every program once: `cargo lambda watch` and the commands then find them built.
    ///
    /// Always the whole workspace: a part of it would choose other features of the dependencies, and build them again.
    pub(crate) fn build(&self) -> Outcome {
        eprintln!("… Building (the first time takes minutes)");
        let mut build = self.cargo();
        processes::run_in_view("cargo build", build.args(["build", "--workspace"]))
    }

    /// `bluebutton-admin`, as built.
    pub(crate) fn admin(&self) -> Command {
        let mut command = Command::new(self.program("bluebutton-admin"));
        command.current_dir(&self.root);
        command
    }

    /// A program of the workspace, as built.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// The free space of the disk that the target folder is on, where `df` can tell.
    pub(crate) fn free_megabytes(&self) -> Option<u64> {
        let folder = self.target.ancestors().find(|folder| folder.exists());
        let output = Command::new("df")
            .arg("-Pk")
            .arg(folder.unwrap_or(Path::new(".")))
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let kilobytes = text.lines().nth(1)?.split_whitespace().nth(3)?;
        kilobytes
            .parse::<u64>()
            .ok()
            .map(|kilobytes| kilobytes / 1024)
    }
}

//! The tools that are not Rust's, at pinned versions, in virtual environments of Python and folders of Node packages
//! under `target/tools`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::step::Step;

/// A virtual environment of Python, or a folder of Node packages.
pub(crate) struct Tool {
    name: &'static str,
    installer: Installer,
    /// The first package names the folder, so that another version is another folder.
    packages: &'static [&'static str],
    size: &'static str,
}

/// Who installs a tool's packages.
enum Installer {
    Pip,
    Npm,
}

/// Runs the functions locally and packages them.
pub(crate) const CARGO_LAMBDA: Tool = Tool {
    name: "cargo-lambda",
    installer: Installer::Pip,
    packages: &["cargo-lambda==1.9.2", "ziglang==0.17.1"],
    size: "470 MB",
};

/// A local AWS. Without cryptography it has no asymmetric keys, without the translator no SAM templates.
pub(crate) const MINISTACK: Tool = Tool {
    name: "MiniStack",
    installer: Installer::Pip,
    packages: &[
        "ministack==1.5.33",
        "cryptography==50.0.2",
        "aws-sam-translator==1.115.0",
    ],
    size: "130 MB",
};

/// Builds, checks and deploys the application.
pub(crate) const SAM: Tool = Tool {
    name: "SAM CLI and cfn-lint",
    installer: Installer::Pip,
    packages: &["aws-sam-cli==1.170.0", "cfn-lint==1.58.0"],
    size: "340 MB",
};

/// What operators and LocalStack's hooks call AWS with.
pub(crate) const AWS_CLI: Tool = Tool {
    name: "the AWS CLI",
    installer: Installer::Pip,
    packages: &["awscli==1.46.3"],
    size: "190 MB",
};

/// Finds what is unsafe in templates.
pub(crate) const CHECKOV: Tool = Tool {
    name: "checkov",
    installer: Installer::Pip,
    packages: &["checkov==3.3.30"],
    size: "290 MB",
};

/// CMS's own SDK, a client that has to work unchanged.
pub(crate) const CMS_PYTHON_SDK: Tool = Tool {
    name: "CMS's Python SDK",
    installer: Installer::Pip,
    packages: &["cms-bluebutton-sdk==1.1.0"],
    size: "30 MB",
};

/// Validates FHIR resources of both versions with models made from FHIR's own definitions.
pub(crate) const FHIR_RESOURCES: Tool = Tool {
    name: "fhir.resources",
    installer: Installer::Pip,
    packages: &["fhir.resources==8.3.0"],
    size: "60 MB",
};

/// Clients of general use that have to work unchanged: SMART's and Authlib's.
pub(crate) const PYTHON_CLIENTS: Tool = Tool {
    name: "SMART's and Authlib's clients",
    installer: Installer::Pip,
    packages: &["fhirclient==4.4.0", "authlib==1.9.9"],
    size: "60 MB",
};

/// Finds credentials in files.
pub(crate) const DETECT_SECRETS: Tool = Tool {
    name: "detect-secrets",
    installer: Installer::Pip,
    packages: &["detect-secrets==1.5.0"],
    size: "30 MB",
};

/// Knows the schema of bills of materials.
pub(crate) const CYCLONEDX: Tool = Tool {
    name: "CycloneDX's library",
    installer: Installer::Pip,
    packages: &[
        "cyclonedx-python-lib==11.12.0",
        "cyclonedx-python-lib[json-validation]==11.12.0",
    ],
    size: "40 MB",
};

/// What tests need of Node: a second validator of FHIR R4, an independent OpenID Connect provider, the accessibility
/// rules of axe, and two clients that have to work unchanged.
pub(crate) const NODE_PACKAGES: Tool = Tool {
    name: "Node packages",
    installer: Installer::Npm,
    packages: &[
        "fhir@4.12.0",
        "oidc-provider@9.13.3",
        "axe-core@4.14.1",
        "fhirclient@2.6.3",
        "openid-client@6.8.9",
    ],
    size: "320 MB",
};

/// CMS's own SDK for Node, another client that has to work unchanged.
pub(crate) const CMS_NODE_SDK: Tool = Tool {
    name: "CMS's Node SDK",
    installer: Installer::Npm,
    packages: &["cms-bluebutton-sdk@1.0.13"],
    size: "120 MB",
};

/// The certificates that a machine with Debian trusts.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where the tools are in the target folder.
const TOOLS: &str = "tools";
/// Says in a tool's folder that it is whole, of what it was made and where.
const MARKER: &str = "made-of";
/// How often an installation is tried.
const INSTALLS_MAX: u32 = 3;

/// What the Python tools need.
const PYTHON_VERSION_MIN: (u32, u32) = (3, 10);

impl Tool {
    /// The folder of the tool's programs (Python) or packages (Node), made on first use.
    pub(crate) fn prepare(&self, target: &Path) -> Outcome<PathBuf> {
        make_folder(&target.join(TOOLS))?;
        let home = self.home(target);
        let prepared = home.join(match self.installer {
            Installer::Pip => "bin",
            Installer::Npm => "node_modules",
        });
        if self.is_prepared(target) {
            return Ok(prepared);
        }
        let step = Step::start(format!("Preparing {} ({}, once)", self.name, self.size));
        let _ = fs::remove_dir_all(&home);
        make_folder(&home)?;
        let install = || match self.installer {
            Installer::Pip => self.install_with_pip(&home, &step),
            Installer::Npm => self.install_with_npm(&home, &step),
        };
        // A connection may break off, and both go on with what they have.
        let mut installed = install();
        for _ in 1..INSTALLS_MAX {
            installed = installed.or_else(|_| install());
        }
        installed?;
        let marker = home.join(MARKER);
        fs::write(&marker, self.made_of(&home))
            .map_err(|error| Failure::machine(format!("{}: {error}", marker.display())))?;
        step.done();
        Ok(prepared)
    }

    /// What the tool was made of and where. The programs of a virtual environment name the folder that they were made
    /// in, and start from no other.
    fn made_of(&self, home: &Path) -> String {
        format!("{}\n{}\n", home.display(), self.packages.join("\n"))
    }

    fn home(&self, target: &Path) -> PathBuf {
        let first = self.packages[0].replace("==", "-").replace('@', "-");
        let tools = target.join(TOOLS);
        tools.canonicalize().unwrap_or(tools).join(first)
    }

    fn install_with_pip(&self, home: &Path, step: &Step) -> Outcome {
        let (python, log) = (python()?, home.with_extension("log"));
        step.note("making a virtual environment");
        let mut venv = Command::new(python);
        processes::run(
            "python3 -m venv",
            venv.args(["-m", "venv"]).arg(home),
            &log,
            |_| (),
        )?;
        let mut pip = Command::new(home.join("bin").join("python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--progress-bar=off",
        ])
        .args(self.packages);
        processes::run("pip install", &mut pip, &log, |line| step.note(line.trim()))
    }

    /// Without the packages' own scripts: none of them has to compile or fetch anything.
    fn install_with_npm(&self, home: &Path, step: &Step) -> Outcome {
        let mut npm = Command::new("npm");
        // Node brings certificates of its own and does not look at the machine's, as everything else here does.
        if env::var_os("NODE_EXTRA_CA_CERTS").is_none() && Path::new(CERTIFICATES).exists() {
            npm.env("NODE_EXTRA_CA_CERTS", CERTIFICATES);
        }
        npm.args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefix",
        ])
        .arg(home)
        .args(self.packages);
        let log = home.with_extension("log");
        processes::run("npm install", &mut npm, &log, |line| step.note(line.trim()))
    }

    /// Whether the tool is there already.
    pub(crate) fn is_prepared(&self, target: &Path) -> bool {
        let home = self.home(target);
        let made_of = fs::read_to_string(home.join(MARKER));
        made_of.is_ok_and(|made_of| made_of == self.made_of(&home))
    }

    /// The tool's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

/// The names that Python has, in the order in which they are tried.
pub(crate) const PYTHONS: [&str; 2] = ["python3", "python"];

/// A Python that can make virtual environments.
pub(crate) fn python() -> Outcome<&'static str> {
    python_that_answers(ask)
}

/// Asks a Python for its version, as two numbers; it has nothing to say if it cannot make virtual environments.
pub(crate) fn ask(python: &str) -> Option<String> {
    const QUESTION: &str = "import sys, venv, ensurepip; print(*sys.version_info[:2])";
    let output = Command::new(python).args(["-c", QUESTION]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The Python to use, by what each of them answers.
pub(crate) fn python_that_answers(ask: impl Fn(&str) -> Option<String>) -> Outcome<&'static str> {
    let (major, minor) = PYTHON_VERSION_MIN;
    for python in PYTHONS {
        let Some(answer) = ask(python) else {
            continue;
        };
        let mut numbers = answer
            .split_whitespace()
            .filter_map(|number| number.parse().ok());
        match (numbers.next(), numbers.next()) {
            (Some(found_major), Some(found_minor))
                if (found_major, found_minor) >= PYTHON_VERSION_MIN =>
            {
                return Ok(python);
            }
            (Some(_), Some(_)) => {
                return Err(Failure::machine(format!(
                    "Python {} is too old: install Python {major}.{minor} or later.",
                    answer.trim().replace(' ', ".")
                )));
            }
            _ if python == PYTHONS[0] => {
                return Err(Failure::machine(
                    "Python cannot make virtual environments: install its venv module (Debian: python3-venv).",
                ));
            }
            _ => (),
        }
    }
    Err(Failure::machine(format!(
        "Python is missing: install Python {major}.{minor} or later (Debian: python3 and python3-venv)."
    )))
}

/// PATH with these folders in front.
pub(crate) fn path_with<'a>(folders: impl IntoIterator<Item = &'a Path>) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = folders.into_iter().map(Path::to_owned);
    env::join_paths(folders.chain(env::split_paths(&path)))
        .expect("folders of PATH hold no separator")
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Outcome {
    fs::create_dir_all(folder)
        .map_err(|error| Failure::machine(format!("{} cannot be made: {error}", folder.display())))
}

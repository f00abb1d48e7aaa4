//! `cargo xtask package`: a release. Zips of all functions for arm64, small enough and the same from the same sources;
//! the templates that deploy them; a bill of materials; checksums.

mod materials;
mod template;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::step::Step;
use crate::tools::{self, CARGO_LAMBDA, CYCLONEDX, make_folder, python};
use crate::workspace::Workspace;

/// What the functions run on: Lambda's own processors.
const TARGET: &str = "aarch64-unknown-linux-gnu";
/// What a function's zip may weigh. Lambda fetches and unpacks it before a cold start begins.
const ZIP_BYTES_MAX: u64 = 3_000_000;

const PACK: &str = include_str!("package/pack.py");
const CHECKSUMS: &str = include_str!("package/checksums.py");
const VALIDATE: &str = include_str!("package/validate.py");

const TEMPLATE: &str = "template.yaml";
const BILL: &str = "bom.json";
const CHECKSUM_FILE: &str = "SHA256SUMS";

/// Builds, packs, and writes what goes with it; fails when a zip is too large.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let functions = functions(workspace)?;
    let release = Release {
        folder: workspace.target.join("package"),
        workspace,
    };
    let _ = fs::remove_dir_all(&release.folder);
    make_folder(&release.folder)?;
    // What fails in seconds goes before what takes minutes.
    release.write_templates(&functions)?;
    release.write_bill(&functions)?;
    let programs = release.build(&functions)?;
    release.pack(&programs, &functions)?;
    release.write_checksums()?;
    let sizes = release.sizes(&functions)?;
    println!("{}", table(&sizes));
    println!("The release is in {}.", release.folder.display());
    check_sizes(&sizes)
}

/// The names of the functions, which are those of their folders, crates and programs, in order.
fn functions(workspace: &Workspace) -> Outcome<Vec<String>> {
    let folder = workspace.root.join("functions");
    let entries = fs::read_dir(&folder).map_err(|error| cannot_use(&folder, &error))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    Ok(names)
}

struct Release<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
}

impl Release<'_> {
    /// One build of all functions, for what they link only once; the folder of their programs.
    fn build(&self, functions: &[String]) -> Outcome<PathBuf> {
        let bin = CARGO_LAMBDA.prepare(&self.workspace.target)?;
        let programs = self.workspace.target.join("package-build");
        eprintln!(
            "… Building {} functions for {TARGET} (the first time takes long)",
            functions.len()
        );
        let mut build = self.workspace.cargo();
        build
            .args([
                "lambda",
                "build",
                "--release",
                "--locked",
                "--target",
                TARGET,
            ])
            .args(
                functions
                    .iter()
                    .flat_map(|name| ["--package", name, "--bin", name]),
            )
            .arg("--lambda-dir")
            .arg(&programs)
            .env("PATH", tools::path_with([bin.as_path()]))
            .env("RUSTFLAGS", self.flags());
        processes::run_in_view("cargo lambda build", &mut build)?;
        Ok(programs)
    }

    /// Programs name the files that they panic in: by paths that are the same on every machine.
    fn flags(&self) -> String {
        let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let cargo = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        format!(
            "--remap-path-prefix={}=/cargo --remap-path-prefix={}=/project",
            cargo.display(),
            self.workspace.root.display()
        )
    }

    fn pack(&self, programs: &Path, functions: &[String]) -> Outcome {
        let step = Step::start("Packing");
        for name in functions {
            let zip = self.folder.join(zip_name(name));
            pack(&programs.join(name).join("bootstrap"), &zip)?;
        }
        step.done();
        Ok(())
    }

    /// The templates, and SAM's configuration beside them, so that `sam deploy` needs nothing else.
    fn write_templates(&self, functions: &[String]) -> Outcome {
        let root = &self.workspace.root;
        let read = |path: &Path| fs::read_to_string(path).map_err(|error| cannot_use(path, &error));
        let template = template::with_zips(&read(&root.join(TEMPLATE))?, functions)?;
        self.write(TEMPLATE, &template)?;
        self.write("samconfig.toml", &read(&root.join("samconfig.toml"))?)?;
        make_folder(&self.folder.join("infra"))?;
        for name in nested_templates(root)? {
            self.write(&name, &read(&root.join(&name))?)?;
        }
        Ok(())
    }

    fn write_bill(&self, functions: &[String]) -> Outcome {
        let bill = materials::bill(self.workspace, functions, TARGET)?;
        self.write(BILL, &format!("{bill:#}\n"))?;
        let bin = CYCLONEDX.prepare(&self.workspace.target)?;
        let step = Step::start("Validating the bill of materials");
        let mut validate = Command::new(bin.join("python"));
        validate.args(["-c", VALIDATE]).arg(self.folder.join(BILL));
        let log = self.workspace.target.join("package.log");
        processes::run("the validation", &mut validate, &log, |_| ())?;
        step.done();
        Ok(())
    }

    /// The checksums of everything that is in the folder.
    fn write_checksums(&self) -> Outcome {
        let mut names = nested_templates(&self.folder)?;
        let entries =
            fs::read_dir(&self.folder).map_err(|error| cannot_use(&self.folder, &error))?;
        let files = entries.flatten().filter(|entry| entry.path().is_file());
        names.extend(files.filter_map(|entry| entry.file_name().into_string().ok()));
        names.sort_unstable();
        write_checksums(&self.folder, &names)
    }

    fn sizes(&self, functions: &[String]) -> Outcome<Vec<(String, u64)>> {
        let size = |name: &String| {
            let zip = self.folder.join(zip_name(name));
            let metadata = fs::metadata(&zip).map_err(|error| cannot_use(&zip, &error))?;
            Ok((name.clone(), metadata.len()))
        };
        functions.iter().map(size).collect()
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|error| cannot_use(&path, &error))
    }
}

fn zip_name(function: &str) -> String {
    format!("{function}.zip")
}

/// What `template.yaml` nests and includes, by its name from there.
fn nested_templates(folder: &Path) -> Outcome<Vec<String>> {
    let infra = folder.join("infra");
    let entries = fs::read_dir(&infra).map_err(|error| cannot_use(&infra, &error))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let templates = names.filter(|name| name.ends_with(".yaml"));
    Ok(templates.map(|name| format!("infra/{name}")).collect())
}

fn pack(program: &Path, zip: &Path) -> Outcome {
    let mut pack = Command::new(python()?);
    processes::run_in_view("packing", pack.args(["-c", PACK]).args([program, zip]))
}

fn write_checksums(folder: &Path, names: &[String]) -> Outcome {
    let mut checksums = Command::new(python()?);
    checksums
        .args(["-c", CHECKSUMS])
        .arg(folder)
        .arg(CHECKSUM_FILE)
        .args(names);
    processes::run_in_view("the checksums", &mut checksums)
}

/// One line for each function, with its size in megabytes.
fn table(sizes: &[(String, u64)]) -> String {
    let line = |(name, bytes): &(String, u64)| {
        format!(
            "{name:<12}{:>3}.{:02} MB\n",
            bytes / 1_000_000,
            bytes / 10_000 % 100
        )
    };
    sizes.iter().map(line).collect()
}

/// Fails with the names of those that are too large, and by how much.
fn check_sizes(sizes: &[(String, u64)]) -> Outcome {
    let too_large: Vec<_> = sizes
        .iter()
        .filter(|(_, bytes)| *bytes > ZIP_BYTES_MAX)
        .map(|(name, bytes)| format!("{name} by {} bytes", bytes - ZIP_BYTES_MAX))
        .collect();
    if too_large.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "Above the limit of {ZIP_BYTES_MAX} bytes: {}.",
        too_large.join(", ")
    )))
}

fn cannot_use(path: &Path, error: &std::io::Error) -> Failure {
    Failure::machine(format!("{} cannot be used: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                env::temp_dir().join(format!("xtask-package-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_zip_above_the_limit_fails_by_name_and_excess() {
        let check = |bytes: u64, expected: Option<&str>| {
            let sizes = [("eob".to_owned(), 1), ("token".to_owned(), bytes)];
            let sentence = check_sizes(&sizes).err().map(|failure| failure.sentence);
            assert_eq!(sentence.as_deref(), expected);
        };
        check(ZIP_BYTES_MAX, None);
        check(
            ZIP_BYTES_MAX + 1,
            Some("Above the limit of 3000000 bytes: token by 1 bytes."),
        );
    }

    #[test]
    fn sizes_are_printed_in_megabytes() {
        let sizes = [
            ("authorize".to_owned(), 2_345_678),
            ("eob".to_owned(), 90_000),
        ];
        assert_eq!(
            table(&sizes),
            "authorize     2.34 MB\neob           0.09 MB\n"
        );
    }

    #[test]
    fn the_same_program_becomes_the_same_zip_on_any_day() {
        let folder = Folder::new("zip");
        let (program, first, second) = (
            folder.0.join("program"),
            folder.0.join("1.zip"),
            folder.0.join("2.zip"),
        );
        fs::write(&program, "a program").unwrap();
        pack(&program, &first).unwrap();
        // Later, and in another file.
        let touched = folder.0.join("moved");
        fs::copy(&program, &touched).unwrap();
        pack(&touched, &second).unwrap();
        let zip = fs::read(&first).unwrap();
        assert_eq!(zip, fs::read(&second).unwrap());
        let holds = |bytes: &[u8]| zip.windows(bytes.len()).any(|window| window == bytes);
        assert!(holds(b"bootstrap"));
        // Date and time of the entry in MS-DOS form: 1980-01-01, midnight.
        assert!(holds(&[0, 0, 0x21, 0]));
        // Its mode, where the central directory has it: -rwxr-xr-x.
        assert!(holds(&[0, 0, 0xed, 0x81]));
    }

    #[test]
    fn checksums_are_those_that_sha256sum_checks() {
        let folder = Folder::new("checksums");
        fs::write(folder.0.join("abc"), "abc").unwrap();
        fs::write(folder.0.join("nothing"), "").unwrap();
        write_checksums(&folder.0, &["abc".to_owned(), "nothing".to_owned()]).unwrap();
        // FIPS 180-4's own example, and the hash of nothing.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n\
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  nothing\n";
        assert_eq!(
            fs::read_to_string(folder.0.join(CHECKSUM_FILE)).unwrap(),
            expected
        );
    }
}

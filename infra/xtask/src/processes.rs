//! The programs that a command starts, each in a process group of its own, so that nothing outlives the command:
//! neither when it ends nor when it fails nor when it is interrupted.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio, exit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

const STOP_SECONDS_MAX: u64 = 8;
const POLL_MILLISECONDS: u64 = 50;
const INTERRUPTED_EXIT_CODE: i32 = 130;
const LOG_LINES_SHOWN: usize = 15;

static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A program that runs until this value is dropped.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the program with its output in a log file.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Outcome<Self> {
        let open = || File::create(log).map_err(|error| cannot_write(log, &error));
        let file = open()?;
        let errors = file
            .try_clone()
            .map_err(|error| cannot_write(log, &error))?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        Ok(Self {
            name,
            child: spawn(name, command)?,
            log: log.to_owned(),
        })
    }

    /// An error if the program has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(self.failure(&format!("{} ended ({status})", self.name))),
            _ => Ok(()),
        }
    }

    /// What went wrong, with the end of the log.
    pub(crate) fn failure(&self, sentence: &str) -> Failure {
        failure_with_log(sentence, &self.log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        stop(&[self.child.id()]);
        let _ = self.child.wait();
        forget(self.child.id());
    }
}

/// Runs a program to its end with its output in a log file; each line of it also goes to `watch`.
pub(crate) fn run(
    name: &'static str,
    command: &mut Command,
    log: &Path,
    watch: impl Fn(&str),
) -> Outcome {
    let failed = |error: &std::io::Error| cannot_write(log, error);
    let file = File::create(log).map_err(|error| failed(&error))?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file);
    let lines = RefCell::new(String::new());
    let status = spawn_and_read(name, command, |line| {
        watch(line);
        let mut lines = lines.borrow_mut();
        lines.push_str(line);
        lines.push('\n');
    })?;
    let errors = fs::read_to_string(log).unwrap_or_default();
    fs::write(log, lines.into_inner() + &errors).map_err(|error| failed(&error))?;
    if status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    Err(failure_with_log(&format!("{name} failed"), log))
}

/// Runs a program to its end and reads its output; its errors go where ours go.
pub(crate) fn run_and_read(
    name: &'static str,
    command: &mut Command,
    watch: impl Fn(&str),
) -> Outcome {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    succeeded(name, spawn_and_read(name, command, watch)?)
}

/// The same, and the errors go into a log besides.
pub(crate) fn run_and_read_with_log(
    name: &'static str,
    command: &mut Command,
    watch: impl Fn(&str),
    log: File,
) -> Outcome {
    let (reader, writer) = io::pipe()
        .map_err(|error| Failure::machine(format!("no pipe can be made for {name}: {error}")))?;
    command.stderr(writer);
    let errors = thread::spawn(move || copy_errors(reader, log));
    let outcome = run_and_read(name, command, watch);
    // The pipe ends with its last writer, of which the command holds one.
    command.stderr(Stdio::null());
    let _ = errors.join();
    outcome
}

/// Neither a line that cannot be shown nor one that cannot be kept may fail the program.
fn copy_errors(errors: impl Read, mut log: File) {
    for line in BufReader::new(errors).split(b'\n').map_while(Result::ok) {
        let line = [line.as_slice(), b"\n"].concat();
        let _ = io::stderr().write_all(&line);
        let _ = log.write_all(&line);
    }
}

/// Runs a program to its end with its output where ours goes.
pub(crate) fn run_in_view(name: &'static str, command: &mut Command) -> Outcome {
    let mut child = spawn(name, command.stdin(Stdio::null()))?;
    succeeded(name, wait(&mut child))
}

fn succeeded(name: &str, status: Option<ExitStatus>) -> Outcome {
    match status {
        Some(status) if status.success() => Ok(()),
        status => Err(Failure::exit_code(
            format!("{name} failed"),
            status.and_then(|status| status.code()),
        )),
    }
}

/// Ends everything that was started, and the command, on Ctrl-C, SIGTERM and SIGHUP.
pub(crate) fn stop_all_when_interrupted() {
    let set = ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        eprintln!("\nStopping.");
        // The lock is never given back, so that nothing is started from here on.
        let groups = RUNNING.lock().expect("no holder of the lock panics");
        stop(&groups);
        remove_files();
        exit(INTERRUPTED_EXIT_CODE);
    });
    set.expect("no other handler is set");
}

/// Notes a file that describes what runs, and would mislead when nothing runs any more.
pub(crate) fn remove_at_the_end(file: PathBuf) {
    FILES
        .lock()
        .expect("no holder of the lock panics")
        .push(file);
}

/// Removes the files that were noted.
pub(crate) fn remove_files() {
    let files = FILES.lock().map(|mut files| std::mem::take(&mut *files));
    for file in files.unwrap_or_default() {
        let _ = fs::remove_file(file);
    }
}

/// Waits for the end if the command was interrupted: what fails then fails because it was stopped.
pub(crate) fn wait_if_interrupted() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
    }
}

fn spawn(name: &str, command: &mut Command) -> Outcome<Child> {
    let mut running = RUNNING.lock().expect("no holder of the lock panics");
    let child = command
        .process_group(0)
        .spawn()
        .map_err(|error| Failure::machine(format!("{name} cannot be started: {error}")))?;
    running.push(child.id());
    Ok(child)
}

fn spawn_and_read(
    name: &str,
    command: &mut Command,
    watch: impl Fn(&str),
) -> Outcome<Option<ExitStatus>> {
    let mut child = spawn(name, command)?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            watch(&line);
        }
    }
    Ok(wait(&mut child))
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let status = child.wait().ok();
    forget(child.id());
    status
}

fn forget(group: u32) {
    if let Ok(mut running) = RUNNING.lock() {
        running.retain(|&running| running != group);
    }
}

/// Ends the groups and all their descendants, which may have made groups of their own: first politely, then not.
fn stop(groups: &[u32]) {
    let doomed = family(groups);
    signal("TERM", &doomed);
    let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS_MAX);
    while Instant::now() < deadline && alive(&doomed).next().is_some() {
        thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
    }
    signal("KILL", &alive(&doomed).collect::<Vec<_>>());
}

fn signal(name: &str, processes: &[u32]) {
    if processes.is_empty() {
        return;
    }
    let list: Vec<_> = processes.iter().map(u32::to_string).collect();
    // The shell's own kill, because slim images lack the program.
    let _ = Command::new("sh")
        .args([
            "-c",
            &format!("kill -{name} {} 2>/dev/null", list.join(" ")),
        ])
        .process_group(0)
        .status();
}

/// A line of the process table.
struct Entry {
    process: u32,
    parent: u32,
    group: u32,
}

fn family(groups: &[u32]) -> Vec<u32> {
    let table = process_table();
    let mut members: Vec<u32> = Vec::new();
    loop {
        let found: Vec<u32> = table
            .iter()
            .filter(|entry| !members.contains(&entry.process))
            .filter(|entry| groups.contains(&entry.group) || members.contains(&entry.parent))
            .map(|entry| entry.process)
            .collect();
        if found.is_empty() {
            return members;
        }
        members.extend(found);
    }
}

fn alive(processes: &[u32]) -> impl Iterator<Item = u32> {
    let table = process_table();
    processes
        .iter()
        .copied()
        .filter(move |process| table.iter().any(|entry| entry.process == *process))
}

/// All processes that have not ended.
fn process_table() -> Vec<Entry> {
    if let Ok(entries) = fs::read_dir("/proc") {
        let stat = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
        let table: Vec<_> = entries
            .flatten()
            .filter_map(stat)
            .filter_map(|text| stat_entry(&text))
            .collect();
        if !table.is_empty() {
            return table;
        }
    }
    let output = Command::new("ps")
        .args([
            "-A", "-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "stat=",
        ])
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(ps_entry)
        .collect()
}

/// A `/proc/<pid>/stat`: the name in parentheses may hold anything, so what follows is read from its end.
fn stat_entry(text: &str) -> Option<Entry> {
    let process = text.split(' ').next()?.parse().ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    entry(process, fields.next()?, fields.next()?, state)
}

fn ps_entry(line: &str) -> Option<Entry> {
    let mut fields = line.split_whitespace();
    let process = fields.next()?.parse().ok()?;
    let (parent, group) = (fields.next()?, fields.next()?);
    entry(process, parent, group, fields.next()?)
}

fn entry(process: u32, parent: &str, group: &str, state: &str) -> Option<Entry> {
    let ended = state.starts_with(['Z', 'X']);
    (!ended).then_some(())?;
    Some(Entry {
        process,
        parent: parent.parse().ok()?,
        group: group.parse().ok()?,
    })
}

fn failure_with_log(sentence: &str, log: &Path) -> Failure {
    let text = fs::read_to_string(log).unwrap_or_default();
    if text.contains("No space left on device") {
        return Failure::machine("The disk is full: make room and run the command again.");
    }
    let lines: Vec<_> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
    Failure::new(format!(
        "{sentence}. The end of {}:\n{}",
        log.display(),
        tail.join("\n")
    ))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::machine(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_the_process_table() {
        let check = |entry: Option<Entry>, expected: Option<(u32, u32, u32)>| {
            assert_eq!(entry.map(|e| (e.process, e.parent, e.group)), expected);
        };
        check(stat_entry("12 (cargo) S 3 4 5 0 -1"), Some((12, 3, 4)));
        check(stat_entry("12 (a) b) R 3 4 5 0 -1"), Some((12, 3, 4)));
        check(stat_entry("12 (cargo) Z 3 4 5 0 -1"), None);
        check(ps_entry("  12     3    4 Ss"), Some((12, 3, 4)));
        check(ps_entry("  12     3    4 Z"), None);
        check(ps_entry(""), None);
    }

    #[test]
    fn what_a_program_complains_of_is_kept_beside_what_it_says() {
        let log = std::env::temp_dir().join(format!("xtask-errors-{}", std::process::id()));
        let said = RefCell::new(Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; printf four >&2"]);
        let say = |line: &str| said.borrow_mut().push(line.to_owned());
        run_and_read_with_log("sh", &mut command, say, File::create(&log).unwrap()).unwrap();
        assert_eq!(said.into_inner(), ["one", "three"]);
        assert_eq!(fs::read_to_string(&log).unwrap(), "two\nfour\n");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_dropped_program_takes_its_children_with_it() {
        let folder = std::env::temp_dir().join(format!("xtask-processes-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // The grandchild leaves the group, as functions under `cargo lambda watch` do.
        let script = "set -m; sleep 1000 & echo $!; wait";
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        let log = folder.join("log");
        let process = Process::start("bash", &mut command, &log).unwrap();
        let mut grandchild = None;
        while grandchild.is_none() {
            thread::yield_now();
            grandchild = fs::read_to_string(&log).unwrap().trim().parse::<u32>().ok();
        }
        assert_eq!(alive(&[grandchild.unwrap()]).count(), 1);
        drop(process);
        assert_eq!(alive(&[grandchild.unwrap()]).count(), 0);
        fs::remove_dir_all(folder).unwrap();
    }
}

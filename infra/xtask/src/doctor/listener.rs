//! Who listens on a port, for a sentence that says what to end.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The program that listens on the port, with its process id; `None` if it is not ours to see.
pub(super) fn of(port: u16) -> Option<String> {
    by_proc(port).or_else(|| by_lsof(port))
}

fn by_proc(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|table| listening_inodes(table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    // Beside the processes there are `self` and other names of theirs.
    let id = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let mut holders = processes.filter_map(|entry| Some((id(&entry)?, entry.path())));
    let (id, process) = holders.find(|(_, process)| holds_one(process, &sockets))?;
    let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    Some(format!("{} (process {id})", program(&line)))
}

/// The inodes of the sockets that listen on the port, of a table such as `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> impl Iterator<Item = &str> {
    let port = format!(":{port:04X}");
    table.lines().filter_map(move |line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_it = fields.get(1)?.ends_with(&port) && fields.get(3) == Some(&LISTENING);
        is_it.then(|| fields.get(9).copied())?
    })
}

fn holds_one(process: &Path, sockets: &[String]) -> bool {
    let files = fs::read_dir(process.join("fd"));
    let mut files = files.into_iter().flatten().flatten();
    files.any(|file| {
        let target = fs::read_link(file.path()).unwrap_or_default();
        sockets.iter().any(|socket| target == Path::new(socket))
    })
}

/// The program of a command line and what it was told first, which of an interpreter is the script.
fn program(command_line: &str) -> String {
    let words = command_line.split('\0').filter(|word| !word.is_empty());
    let name = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    words.take(2).map(name).collect::<Vec<_>>().join(" ")
}

/// Where there is no `/proc`: process id and name from `lsof`'s fields `p` and `c`.
fn by_lsof(port: u16) -> Option<String> {
    let mut lsof = Command::new("lsof");
    lsof.args(["-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN", "-Fpc"]);
    let output = lsof.output().ok()?;
    lsof_holder(&String::from_utf8_lossy(&output.stdout))
}

fn lsof_holder(fields: &str) -> Option<String> {
    let field = |letter: char| fields.lines().find_map(|line| line.strip_prefix(letter));
    Some(format!("{} (process {})", field('c')?, field('p')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_of_sockets() {
        const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0
   1: 0100007F:1F40 0100007F:9C4A 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0
   2: 00000000:11D6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0
";
        let check = |port: u16, expected: &[&str]| {
            assert_eq!(listening_inodes(TABLE, port).collect::<Vec<_>>(), expected);
        };
        check(8000, &["4711"]);
        check(4566, &["4713"]);
        check(9000, &[]);
    }

    #[test]
    fn names_a_program_by_what_it_was_told_first() {
        let check = |line: &str, expected: &str| assert_eq!(program(line), expected);
        check(
            "/usr/bin/python3\0/opt/bin/ministack\0-v\0",
            "python3 ministack",
        );
        check("cargo-lambda\0", "cargo-lambda");
        check("", "");
    }

    #[test]
    fn reads_what_lsof_says() {
        let check = |fields: &str, expected: Option<&str>| {
            assert_eq!(lsof_holder(fields).as_deref(), expected);
        };
        check("p4711\ncControlCe\nf9\n", Some("ControlCe (process 4711)"));
        check("", None);
    }
}

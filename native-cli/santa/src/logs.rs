//! Log files that a server may request: only the files that the administrator has listed (spec §6).

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use selvedge_santa::LogFile;

/// Reads the files that exist, up to a total of `max_bytes`. Other files are skipped.
pub(super) fn read(paths: &[PathBuf], max_bytes: usize) -> Vec<LogFile> {
    let mut room = max_bytes as u64;
    let mut files = Vec::new();
    for path in paths {
        let mut content = Vec::new();
        let read = File::open(path).and_then(|file| file.take(room + 1).read_to_end(&mut content));
        let (Ok(bytes), Some(name)) = (read, path.file_name()) else {
            continue;
        };
        if let Some(left) = room.checked_sub(bytes as u64) {
            room = left;
            let name = name.to_string_lossy().into_owned();
            files.push(LogFile { name, content });
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_exist_and_fit_the_limit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str, bytes: usize| {
            let path = dir.path().join(name);
            std::fs::write(&path, vec![b'a'; bytes]).unwrap();
            path
        };
        let paths = [
            path("a.log", 6),
            path("too-large.log", 5),
            dir.path().join("absent.log"),
            path("b.log", 4),
        ];
        let names: Vec<String> = read(&paths, 10).into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a.log", "b.log"]);
    }
}

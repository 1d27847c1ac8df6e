use super::*;

fn rule(identifier: char) -> String {
    let identifier = identifier.to_string().repeat(64);
    format!("[[rules]]\nidentifier = \"{identifier}\"\n")
}

fn version(library: &Library, machine: &str) -> String {
    library.current().of(machine).about.version.clone()
}

#[test]
fn a_change_is_seen_at_once_and_an_earlier_version_stays_for_walks() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.toml");
    fs::write(&file, rule('a')).unwrap();
    let library = Library::open(Source::Path(file.clone()), 10).unwrap();
    let first = version(&library, "M");
    assert_eq!(version(&library, "M"), first);
    // The length is the same, and so may be the time.
    fs::write(&file, rule('b')).unwrap();
    let second = version(&library, "M");
    assert_ne!(first, second);
    assert!(library.version("M", &first).is_some());
    assert!(library.version("M", "none").is_none());
    for letter in ['c', 'd', 'e', 'f', '0', '1', '2', '3', '4'] {
        fs::write(&file, rule(letter)).unwrap();
        version(&library, "M");
    }
    assert!(library.version("M", &first).is_none());
}

#[test]
fn a_configuration_that_cannot_be_used_leaves_the_last_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.toml");
    fs::write(&file, rule('a')).unwrap();
    let library = Library::open(Source::Path(file.clone()), 10).unwrap();
    let good = version(&library, "M");
    fs::write(&file, "client_mode = 1").unwrap();
    assert_eq!(version(&library, "M"), good);
    assert!(library.trouble().unwrap().contains("rules.toml:1:"));
    fs::remove_file(&file).unwrap();
    assert_eq!(version(&library, "M"), good);
    fs::write(&file, rule('b')).unwrap();
    assert_ne!(version(&library, "M"), good);
    assert_eq!(library.trouble(), None);
}

#[test]
fn a_machine_with_a_file_of_its_own_gets_that_and_no_other_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("cfg");
    fs::create_dir(&config).unwrap();
    fs::write(dir.path().join("secret.toml"), rule('c')).unwrap();
    assert!(Library::open(Source::Path(config.clone()), 10).is_err());
    fs::write(config.join("global.toml"), rule('a')).unwrap();
    fs::write(config.join("M.toml"), rule('b')).unwrap();
    let library = Library::open(Source::Path(config.clone()), 10).unwrap();
    let everyone = version(&library, "other");
    assert_ne!(version(&library, "M"), everyone);
    assert_eq!(version(&library, "../secret"), everyone);
    assert_eq!(version(&library, "m"), everyone);
    fs::remove_file(config.join("M.toml")).unwrap();
    assert_eq!(version(&library, "M"), everyone);
}

#[test]
fn what_is_wrong_is_said_of_every_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("M.toml"), "batchsize = 1").unwrap();
    fs::write(dir.path().join("N.toml"), [0xff]).unwrap();
    let said: Vec<String> = check(dir.path())
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("M.toml:1: warning: the key batchsize is unknown"));
    assert!(said[1].contains("N.toml: error: it is not in UTF-8"));
    assert!(said[2].contains("error: there is no global.toml"));
}

use super::*;

fn rule(identifier: char) -> String {
    let identifier = identifier.to_string().repeat(64);
    format!("[[rules]]\nidentifier = \"{identifier}\"\n")
}

fn version(store: &ConfigStore, machine: &str) -> String {
    store.current().of(machine).about.version.clone()
}

#[test]
fn a_change_is_loaded_immediately_and_earlier_versions_stay_available() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.toml");
    fs::write(&file, rule('a')).unwrap();
    let store = ConfigStore::open(Source::Path(file.clone()), 10).unwrap();
    let first = version(&store, "M");
    assert_eq!(version(&store, "M"), first);
    // The length is the same, and the modification time may be the same.
    fs::write(&file, rule('b')).unwrap();
    let second = version(&store, "M");
    assert_ne!(first, second);
    assert!(store.version("M", &first).is_some());
    assert!(store.version("M", "none").is_none());
    for letter in ['c', 'd', 'e', 'f', '0', '1', '2', '3', '4'] {
        fs::write(&file, rule(letter)).unwrap();
        version(&store, "M");
    }
    assert!(store.version("M", &first).is_none());
}

#[test]
fn an_invalid_configuration_leaves_the_last_valid_one_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.toml");
    fs::write(&file, rule('a')).unwrap();
    let store = ConfigStore::open(Source::Path(file.clone()), 10).unwrap();
    let good = version(&store, "M");
    fs::write(&file, "client_mode = 1").unwrap();
    assert_eq!(version(&store, "M"), good);
    assert!(store.load_error().unwrap().contains("rules.toml:1:"));
    fs::remove_file(&file).unwrap();
    assert_eq!(version(&store, "M"), good);
    fs::write(&file, rule('b')).unwrap();
    assert_ne!(version(&store, "M"), good);
    assert_eq!(store.load_error(), None);
}

#[test]
fn a_machine_gets_its_own_file_and_no_other_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("cfg");
    fs::create_dir(&config).unwrap();
    fs::write(dir.path().join("secret.toml"), rule('c')).unwrap();
    assert!(ConfigStore::open(Source::Path(config.clone()), 10).is_err());
    fs::write(config.join("global.toml"), rule('a')).unwrap();
    fs::write(config.join("M.toml"), rule('b')).unwrap();
    let store = ConfigStore::open(Source::Path(config.clone()), 10).unwrap();
    let global = version(&store, "other");
    assert_ne!(version(&store, "M"), global);
    assert_eq!(version(&store, "../secret"), global);
    assert_eq!(version(&store, "m"), global);
    fs::remove_file(config.join("M.toml")).unwrap();
    assert_eq!(version(&store, "M"), global);
}

#[test]
fn check_reports_the_problems_of_all_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("M.toml"), "batchsize = 1").unwrap();
    fs::write(dir.path().join("N.toml"), [0xff]).unwrap();
    let problems: Vec<String> = check(dir.path())
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("M.toml:1: warning: the key batchsize is unknown"));
    assert!(problems[1].contains("N.toml: error: it is not valid UTF-8"));
    assert!(problems[2].contains("error: global.toml is missing"));
}

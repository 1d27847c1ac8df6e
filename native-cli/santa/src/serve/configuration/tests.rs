use super::*;

const SHA: &str = "2dc104631939b4bdf5d6bccab76e166e37fe5e1605340cf68dab919df58b8eda";

#[test]
fn a_moroz_configuration_is_parsed() {
    let text = format!(
        "client_mode = \"LOCKDOWN\"\nbatch_size = 100\nfull_sync_interval = 0\nclean_sync = true\n\
         blocked_path_regex = \"^/tmp/.*\"\n\n[[rules]]\nidentifier = \"{SHA}\"\ncustom_msg = \"not here\"\n\n\
         [[rules]]\nrule_type = \"TEAMID\"\npolicy = \"ALLOWLIST\"\nidentifier = \"EQHXZ8M8AV\"\n"
    );
    let (found, problems) = Configuration::read(&text);
    assert_eq!(problems, []);
    assert_eq!(found.preflight.client_mode, Some(ClientMode::Lockdown));
    assert_eq!(found.preflight.batch_size, Some(100));
    assert_eq!(found.preflight.full_sync_interval_seconds, None);
    assert_eq!(found.preflight.sync_type, Some(SyncType::Clean));
    assert_eq!(found.preflight.allowed_path_regex.as_deref(), Some(""));
    assert_eq!(found.preflight.enable_bundles, Some(false));
    let [first, second] = &found.rules[..] else {
        panic!("{:?}", found.rules);
    };
    assert_eq!(first.rule_type, Some(RuleType::Binary));
    assert_eq!(first.policy, Some(Policy::Blocklist));
    assert_eq!(first.custom_msg, "not here");
    assert_eq!(second.policy, Some(Policy::Allowlist));
}

/// A text; then the line, the severity and a part of each problem.
type Row<'a> = (&'a str, &'a [(usize, Severity, &'a str)]);

#[test]
fn every_problem_has_its_line_and_severity() {
    use Severity::{Error, Note, Warning};
    let rows: &[Row<'_>] = &[
        ("", &[]),
        (
            "batch_size = 1\nbatch_sise = 2\n",
            &[(2, Warning, "did you mean batch_size?")],
        ),
        (
            "\nallowlist_regex = \"\"",
            &[(2, Warning, "did you mean allowed_path_regex?")],
        ),
        (
            "zzzzzzzzzzzzzzzzz = 1",
            &[(1, Warning, "is unknown and ignored")],
        ),
        (
            "client_mode = \"lockdown\"",
            &[(1, Error, "one of MONITOR, LOCKDOWN, STANDALONE")],
        ),
        (
            "client_mode = \"STANDALONE\"",
            &[(1, Note, "moroz does not support")],
        ),
        ("batch_size = \"7\"", &[(1, Error, "must be an integer")]),
        ("batch_size = -7", &[(1, Error, "must be an integer")]),
        ("clean_sync = 1", &[(1, Error, "must be true or false")]),
        ("blocked_path_regex = []", &[(1, Error, "must be a string")]),
        (
            "sync_type = \"CLEAN_ALL\"",
            &[(1, Note, "moroz ignores sync_type")],
        ),
        ("rules = 1", &[(1, Error, "must be tables")]),
        ("rules = [1]", &[(1, Error, "must be a table")]),
        ("a = 1\n]", &[(2, Error, "invalid TOML")]),
        (
            "[[rules]]\nsha256 = \"ab\"",
            &[
                (2, Warning, "did you mean identifier?"),
                (1, Warning, "the rule has no identifier"),
            ],
        ),
        (
            "[[rules]]\nrule_type = \"PACKAGE\"\nidentifier = \"x\"",
            &[(2, Error, "one of BINARY"), (1, Warning, "type is unknown")],
        ),
        (
            "[[rules]]\nidentifier = \"EQHXZ8M8AV\"\npolicy = \"CEL\"\nrule_type = \"TEAMID\"\ncel_expr = \"true\"",
            &[
                (5, Note, "moroz ignores cel_expr"),
                (3, Note, "moroz does not support this policy"),
            ],
        ),
        (
            "batch_size = 1\n[[rules]]\nidentifier = \"EQHXZ8M8AV\"\npolicy = \"CEL\"\nrule_type = \"TEAMID\"\ncel_expr = \"a ==\"",
            &[
                (2, Warning, "its expression cannot be compiled: line 1"),
                (6, Note, "moroz ignores cel_expr"),
                (4, Note, "moroz does not support this policy"),
            ],
        ),
    ];
    for (text, expected) in rows {
        let (_, mut problems) = Configuration::read(text);
        let mut expected = expected.to_vec();
        problems.sort_by_key(|p| (p.line, p.problem.clone()));
        expected.sort();
        assert_eq!(problems.len(), expected.len(), "{text}: {problems:?}");
        for (found, (line, weight, part)) in problems.iter().zip(expected) {
            assert_eq!(
                (found.line, found.weight),
                (line, weight),
                "{text}: {found}"
            );
            assert!(found.problem.contains(part), "{text}: {found}");
        }
    }
}

#[test]
fn many_rules_are_parsed_in_chunks_with_the_right_lines() {
    let many = RULES_PER_CHUNK * 2 + 3;
    let mut text = String::from("batch_size = 3\n");
    for number in 0..many {
        text += &format!("[[rules]]\nidentifier = \"{number:064x}\"\n");
    }
    text += "policy = \"NONE\"\n";
    assert_eq!(chunks(&text).len(), 3);
    let (found, problems) = Configuration::read(&text);
    assert_eq!(found.rules.len(), many);
    let error = problems.iter().find(|p| p.weight == Severity::Error);
    assert_eq!(error.unwrap().line, many * 2 + 2);
    // A string that looks like rules is not parsed as rules.
    let quoted = format!(
        "[[rules]]\ncustom_msg = '''\n{}'''\n",
        "[[rules]]\n".repeat(many)
    );
    let (found, _) = Configuration::read(&quoted);
    assert_eq!(found.rules.len(), 1);
}

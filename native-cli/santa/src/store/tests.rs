use pollster::block_on;
use selvedge_santa::MemoryRuleStore;
use selvedge_santa::wire::RuleType;

use super::*;

fn rule(identifier: &str, state: RuleState) -> Rule {
    Rule::new(RuleKey::new(RuleType::TeamId, identifier).unwrap(), state)
}

fn binary(digit: char) -> RuleKey {
    RuleKey::new(RuleType::Binary, &digit.to_string().repeat(64)).unwrap()
}

fn event(sha256: &str) -> Occurrence {
    let text = format!(r#"{{"execution":{{"file_sha256":"{sha256}","decision":"BLOCK_BINARY"}}}}"#);
    serde_json::from_str(&text).unwrap()
}

/// Applies the same commits to the in-memory store and to this one, and compares all results.
#[test]
fn the_results_are_those_of_the_in_memory_store() {
    let memory = MemoryRuleStore::default();
    let sqlite = SantaStore::in_memory().unwrap();
    for sha256 in ["aa", "bb", "aa"] {
        let added = sqlite.add_events(&[event(sha256)]).unwrap();
        assert_eq!(added, [memory.add_event(event(sha256))]);
    }
    let mut compiler = Rule::new(binary('b'), RuleState::AllowCompiler);
    compiler.custom_msg = "a message".into();
    compiler.custom_url = "https://example.net/".into();
    compiler.event_detail_button_label = "More".into();
    let mut cel = rule("CELCELCEL1", RuleState::Cel);
    cel.cel_expr = "true".into();
    let commits = [
        Commit {
            changes: vec![
                Change::Put(compiler),
                Change::Put(cel),
                Change::Put(Rule::new(binary('a'), RuleState::AllowTransitive)),
                Change::Put(rule("EQHXZ8M8AV", RuleState::Allow)),
            ],
            state: Some("first".into()),
            ..Commit::default()
        },
        Commit {
            changes: vec![
                Change::Put(rule("EQHXZ8M8AV", RuleState::Block)),
                Change::Remove(binary('c')),
            ],
            remove_events: vec![EventId(1)],
            ..Commit::default()
        },
        Commit {
            wipe: Wipe::NonTransitive,
            changes: vec![Change::Put(rule("ABCDEFGHIJ", RuleState::SilentBlock))],
            state: Some("second".into()),
            ..Commit::default()
        },
        Commit {
            wipe: Wipe::All,
            ..Commit::default()
        },
    ];
    for (number, commit) in commits.into_iter().enumerate() {
        block_on(memory.commit(commit.clone())).unwrap();
        block_on(sqlite.commit(commit)).unwrap();
        let of = |counts: Result<RuleCounts, StoreError>| counts.unwrap();
        assert_eq!(
            of(block_on(sqlite.counts())),
            of(block_on(memory.counts())),
            "{number}"
        );
        let all = block_on(memory.rules(None, 100)).unwrap();
        assert_eq!(block_on(sqlite.rules(None, 100)).unwrap(), all, "{number}");
        for rule in &all {
            let after = Some(&rule.key);
            let expected = block_on(memory.rules(after, 1)).unwrap();
            assert_eq!(
                block_on(sqlite.rules(after, 1)).unwrap(),
                expected,
                "{number}"
            );
        }
        let expected = block_on(memory.events(None, 10)).unwrap();
        assert_eq!(
            block_on(sqlite.events(None, 10)).unwrap(),
            expected,
            "{number}"
        );
        assert_eq!(
            block_on(sqlite.state()),
            block_on(memory.state()),
            "{number}"
        );
    }
}

#[test]
fn a_rule_whose_expression_cannot_be_compiled_is_refused_and_the_rest_is_committed() {
    let store = SantaStore::in_memory().unwrap();
    let cel = |identifier: &str, expression: &str| {
        let mut rule = rule(identifier, RuleState::Cel);
        rule.cel_expr = expression.into();
        Change::Put(rule)
    };
    let before = Commit {
        changes: vec![cel("REFUSED001", "true")],
        ..Commit::default()
    };
    block_on(store.commit(before)).unwrap();
    let commit = Commit {
        changes: vec![
            cel("REFUSED001", "true &&"),
            cel("COMPILED01", "args.exists(a, a == '-x')"),
            cel("REFUSED002", &"(".repeat(5000)),
            Change::Put(rule("EQHXZ8M8AV", RuleState::Allow)),
        ],
        state: Some("after".into()),
        ..Commit::default()
    };
    let committed = block_on(store.commit(commit)).unwrap();
    let refused: Vec<&str> = committed.refused.iter().map(RuleKey::identifier).collect();
    assert_eq!(refused, ["REFUSED001", "REFUSED002"]);
    let rules = block_on(store.rules(None, 10)).unwrap();
    let kept: Vec<(&str, &str)> = rules
        .iter()
        .map(|rule| (rule.key.identifier(), rule.cel_expr.as_str()))
        .collect();
    // The existing rule of a refused change remains.
    assert_eq!(
        kept,
        [
            ("COMPILED01", "args.exists(a, a == '-x')"),
            ("EQHXZ8M8AV", ""),
            ("REFUSED001", "true"),
        ]
    );
    assert_eq!(block_on(store.state()).unwrap().as_deref(), Some("after"));
}

#[test]
fn event_ids_are_not_reused() {
    let store = SantaStore::in_memory().unwrap();
    let first = store.add_events(&[event("aa")]).unwrap();
    let commit = Commit {
        remove_events: vec![first[0].unwrap()],
        ..Commit::default()
    };
    block_on(store.commit(commit)).unwrap();
    let second = store.add_events(&[event("aa")]).unwrap();
    assert!(second[0] > first[0]);
    assert_eq!(store.pending_events(), Ok(1));
}

#[test]
fn rules_of_this_machine_are_counted_and_servers_do_not_change_them() {
    let configured = [rule("CONFIGURED", RuleState::Allow)];
    let store = SantaStore::in_memory()
        .unwrap()
        .with_configured(&configured);
    let added = rule("EQHXZ8M8AV", RuleState::Block);
    assert_eq!(store.change_local(&[Change::Put(added.clone())]), Ok(1));
    let clean = Commit {
        wipe: Wipe::All,
        changes: vec![Change::Put(rule("ABCDEFGHIJ", RuleState::Allow))],
        ..Commit::default()
    };
    block_on(store.commit(clean)).unwrap();
    assert_eq!(block_on(store.counts()).unwrap().teamid, 3);
    assert_eq!(block_on(store.rules(None, 10)).unwrap().len(), 1);
    assert_eq!(store.local_rules(None, 10), Ok(vec![added.clone()]));
    assert_eq!(store.change_local(&[Change::Remove(added.key)]), Ok(1));
    assert_eq!(store.local_rules(None, 10), Ok(vec![]));
}

#[test]
fn changes_before_an_invalid_expression_of_the_same_rule_are_applied() {
    let identifier = "EQHXZ8M8AV";
    let bad = || {
        let mut bad = rule(identifier, RuleState::Cel);
        bad.cel_expr = "target.signing_tme > timestamp(0)".into();
        Change::Put(bad)
    };
    let block = || Change::Put(rule(identifier, RuleState::Block));
    let allow = || Change::Put(rule(identifier, RuleState::Allow));
    let remove = || Change::Remove(rule(identifier, RuleState::Allow).key);
    for (existing, changes, expected) in [
        (None, vec![block(), bad()], Some(RuleState::Block)),
        (None, vec![bad(), block()], Some(RuleState::Block)),
        (Some(allow()), vec![remove(), bad()], None),
        (Some(allow()), vec![bad()], Some(RuleState::Allow)),
        (
            Some(allow()),
            vec![block(), bad(), bad()],
            Some(RuleState::Block),
        ),
    ] {
        let store = SantaStore::in_memory().unwrap();
        let commit = |changes| {
            let commit = Commit {
                changes,
                ..Commit::default()
            };
            block_on(store.commit(commit)).unwrap().refused.len()
        };
        commit(existing.into_iter().collect());
        assert!(commit(changes) > 0);
        let left = block_on(store.rules(None, 10)).unwrap();
        let states: Vec<RuleState> = left.iter().map(|rule| rule.state).collect();
        assert_eq!(states, Vec::from_iter(expected));
    }
}

#[test]
fn an_expression_is_stored_with_any_policy_and_checked_only_with_cel() {
    let store = SantaStore::in_memory().unwrap();
    let mut kept = rule("EQHXZ8M8AV", RuleState::Block);
    kept.cel_expr = "not ( checked".into();
    let commit = Commit {
        changes: vec![Change::Put(kept.clone())],
        ..Commit::default()
    };
    assert!(block_on(store.commit(commit)).unwrap().refused.is_empty());
    assert_eq!(block_on(store.rules(None, 10)).unwrap(), [kept]);
}

#[test]
fn commits_persist_and_a_file_of_another_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("santa.sqlite");
    let store = SantaStore::open(&path).unwrap();
    store.add_events(&[event("aa")]).unwrap();
    store.keep_last_sync("{}").unwrap();
    drop(store);
    let store = SantaStore::open(&path).unwrap();
    assert_eq!(store.pending_events(), Ok(1));
    assert_eq!(store.last_sync(), Ok(Some("{}".into())));
    assert!(selvedge_host::SqliteStore::open(&path).is_err());
}

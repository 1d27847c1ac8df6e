use super::*;

fn check(text: &str) -> Result<Option<String>, String> {
    Check::new().check(text)
}

#[test]
fn expressions_that_santa_compiles_are_accepted() {
    for text in [
        "true",
        "ALLOWLIST",
        "target.signing_time >= timestamp('2025-05-31T00:00:00Z')",
        "target.secure_signing_time > timestamp(0) && target.team_id == 'ABCDEFGHIJ'",
        "has(target.signing_time) ? target.is_platform_binary : false",
        "target.is_platform_binary ? ALLOWLIST : SILENT_TTY_BLOCKLIST",
        "args.exists(a, a == '--inspect' || a.startsWith('-x=')) ? BLOCKLIST : ALLOWLIST",
        "args.all(a, a.size() < 100) && size(args) > 1 && args.exists_one(a, a == 'x')",
        "args.map(a, a.lowerAscii()).filter(a, a.endsWith('.py')).join(',') != ''",
        "args.map(a, a != '', size(a)).exists(n, n > 3)",
        "'PATH' in envs && envs['PATH'].contains('/tmp') || envs.PATH == ''",
        "envs.exists(name, name.matches('^DYLD_') && envs[name] != '')",
        "euid in [0, 501] || -euid < 2 && !(cwd + '/x' == path)",
        "path.split('/')[1].substring(0, 1).upperAscii().replace('A', 'B') == 'B'",
        "path.matches(cwd)",
        "target.signing_time - timestamp(5) > duration('24h')",
        "target.signing_time + duration('1h') < timestamp('2025-01-01T00:00:00Z')",
        "target.signing_time.getFullYear('UTC') == 2025",
        "duration('1h').getMinutes() == 60",
        "type(euid) == int && type(args) == list && type(null) == null_type",
        "dyn(euid) == 'x' || dyn(1) + 2 == 3 || dyn(path).anything",
        "[1, 'a', 2.0].size() == 3 && [1, dyn('a')][0] == 1 && {'a': 1, 'b': 'c'}['a'] == 1",
        "[] == [1] && {} == {'a': 1} && [[]] == [[1]]",
        "[1, 2].exists(x, [x].exists(y, y == x))",
        "strings.quote(path) == '\"' && 'a%d'.format([1]) == '' && path.reverse().trim() == ''",
        "path.indexOf('x') + path.lastIndexOf('x', 3) > path.charAt(0).size()",
        "target.signing_time == null || target != null",
        "bytes(path) == b'x' && string(1u) == '1' && double('1') < 2.0 && uint(3) == 3u",
        "has(envs.HOME) && has({'a': {'b': 1}}.a.b)",
        "santa.cel.v1.ReturnValue.BLOCKLIST",
        "google.protobuf.Timestamp{seconds: 5} < target.signing_time",
        "[target].exists(t, t.team_id == '')",
        "true ? true : dyn(1)",
        "euid == 0 // a comment\n",
        "r'\\d' != '\\\\d' && '''a\n''' == \"\"\"a\"\"\"",
        ".path == '' && [1].exists(path, .path == '' && path == 1)",
    ] {
        assert_eq!(check(text), Ok(None), "{text}");
    }
}

#[test]
fn expressions_that_santa_refuses_are_refused_with_the_position() {
    for (text, problem) in [
        ("unknown_var", "line 1, column 1: unknown_var is unknown"),
        ("foo(1)", "line 1, column 4: foo is unknown"),
        ("path.foo(1)", "foo is unknown"),
        ("UNSPECIFIED", "UNSPECIFIED is unknown"),
        ("ALLOWED", "ALLOWED is unknown"),
        ("true ||\n  ALLOWED", "line 2, column 3: ALLOWED is unknown"),
        (
            "target.nosuch == 1",
            "line 1, column 7: santa.cel.v1.ExecutableFile has no field nosuch",
        ),
        ("has(target.signing_tme)", "has no field signing_tme"),
        (
            "target.signing_tme > timestamp(0)",
            "has no field signing_tme",
        ),
        (
            "euid == 'root'",
            "line 1, column 6: == does not accept values of the types int, string",
        ),
        ("euid == \"0\"", "== does not accept"),
        (
            "target.signing_time > 5",
            "> does not accept values of the types timestamp, int",
        ),
        (
            "args.startsWith('x')",
            "startsWith does not accept values of the types list(string), string",
        ),
        (
            "startsWith(path, 'x')",
            "does not support this form of call",
        ),
        ("path.startsWith()", "does not support this form of call"),
        ("1 + 'a'", "+ does not accept"),
        ("1 + 2.0", "+ does not accept"),
        ("1 < 2.0", "< does not accept"),
        ("1u == 1", "== does not accept"),
        ("args.size() > '1'", "> does not accept"),
        ("true ? 1 : false", "? : does not accept"),
        ("target.team_id ? true : false", "? : does not accept"),
        ("true ? ALLOWLIST : false", "? : does not accept"),
        (
            "target.is_platform_binary ? ALLOWLIST : BLOKLIST",
            "BLOKLIST is unknown",
        ),
        ("!path", "! does not accept values of the types string"),
        ("-path", "- does not accept values of the types string"),
        ("path && true", "&& does not accept"),
        ("euid in args", "in does not accept"),
        ("envs[0] == ''", "[ ] does not accept"),
        ("args['a'] == ''", "[ ] does not accept"),
        ("args[0u] == ''", "[ ] does not accept"),
        ("path[0] == ''", "[ ] does not accept"),
        (
            "envs.exists(e, e.foo)",
            "a value of type string has no fields",
        ),
        (
            "args.foo == ''",
            "a value of type list(string) has no fields",
        ),
        ("euid.foo", "a value of type int has no fields"),
        (
            "path.exists(c, c == '')",
            "a macro iterates over a list or a map, not over string",
        ),
        ("args.exists(a, size(a))", "|| does not accept"),
        ("args.filter(a, a)", "? : does not accept"),
        ("args.map(a, euid, a)", "? : does not accept"),
        ("args.exists(a, b == a)", "b is unknown"),
        ("args.exists(a, true) && a == ''", "a is unknown"),
        ("args.exists(1, true)", "simple name"),
        ("args.exists(__result__, true)", "__result__"),
        ("args.exists(a)", "exists is unknown"),
        ("args.map(a, size(a)).join() == ''", "join does not accept"),
        ("[1].map(x, [x]) == ['a']", "== does not accept"),
        ("path == null", "== does not accept"),
        ("timestamp(path) == duration(path)", "== does not accept"),
        (
            "timestamp(1.0) == timestamp(1)",
            "timestamp does not accept",
        ),
        ("target == 1", "== does not accept"),
        (
            "target.team_id.size",
            "a value of type string has no fields",
        ),
        ("REQUIRE_TOUCHID", "requires version 2"),
        ("ancestors.exists(a, a.path == '')", "requires version 2"),
        ("fds.size() == 0", "requires version 2"),
        ("target.entitlements == {}", "has no field entitlements"),
        (
            "target.secure_signing_time > today() - days(90)",
            "today requires version 2",
        ),
        (
            "require_touchid_with_cooldown_minutes(10)",
            "requires version 2",
        ),
        ("path.matches('(')", "its pattern is invalid"),
        ("matches(path, r'(?=x)')", "its pattern is invalid"),
        (
            "args.exists(a, a.matches('[z-a]'))",
            "its pattern is invalid",
        ),
        ("Pair{left: 1}.left", "Pair is unknown"),
        (
            "santa.cel.v1.ExecutableFile{team_id: 5} == target",
            "the field team_id has type string, and the value has type int",
        ),
        ("math.greatest(1, 2) == 2", "math is unknown"),
        ("[1, 2].sort() == [1]", "sort is unknown"),
        ("base64.encode(b'') == ''", "base64 is unknown"),
        ("optional.of(1).hasValue()", "optional is unknown"),
        ("envs.?HOME", "unsupported syntax"),
        ("envs[?'HOME'] == ''", "unsupported syntax"),
        ("[?1] == []", "unsupported syntax"),
        ("envs.`HOME` == ''", "unsupported syntax"),
        ("cel.bind(x, 1, x == 1)", "cel is unknown"),
        ("if", ""),
        ("", ""),
        ("true &&", ""),
        ("'open", ""),
        ("99999999999999999999 == 1", ""),
    ] {
        let found = check(text).expect_err(text);
        assert!(found.contains(problem), "{text}: {found}");
    }
}

#[test]
fn an_expression_that_never_decides_causes_a_warning() {
    for (text, is_useful) in [
        ("target.team_id", false),
        ("args", false),
        ("euid == 0 ? path : cwd", false),
        ("timestamp(0)", false),
        ("null", false),
        ("1.0", false),
        ("1u", false),
        ("target", false),
        ("5", false),
        ("0", false),
        ("-1", false),
        ("2 + 3", false),
        ("1 + 1", true),
        ("1", true),
        ("10", true),
        ("true ? 5 : 6", false),
        ("true ? 5 : BLOCKLIST", true),
        ("euid", true),
        ("dyn(path)", true),
        ("euid == 0", true),
        ("[][0]", true),
    ] {
        let warning = check(text).expect(text);
        assert_eq!(warning.is_none(), is_useful, "{text}: {warning:?}");
    }
    let warning = check("target.team_id").unwrap().unwrap();
    assert_eq!(
        warning,
        "its result is of type string, which is never a decision: the result must be true, false, ALLOWLIST, ALLOWLIST_COMPILER, \
         BLOCKLIST, SILENT_BLOCKLIST, SILENT_GUI_BLOCKLIST or SILENT_TTY_BLOCKLIST"
    );
}

#[test]
fn at_most_thirty_two_levels_are_accepted() {
    let chain = |count: usize, operator: &str, operand: &str| {
        let operands = vec![operand; count];
        operands.join(operator)
    };
    let nested = |open: &str, middle: &str, close: &str, count: usize| {
        format!("{}{middle}{}", open.repeat(count), close.repeat(count))
    };
    for (name, count, of) in [
        (
            "sums",
            32,
            &(|n| chain(n, "+", "1") + " == 1") as &dyn Fn(usize) -> String,
        ),
        ("sums below a comparison", 31, &|n| {
            format!("1 == {}", chain(n, "+", "1"))
        }),
        ("selections", 30, &|n| format!("dyn(1){}", ".a".repeat(n))),
        ("indices", 30, &|n| format!("dyn(1){}", "[0]".repeat(n))),
        ("lists", 31, &|n| nested("[", "1", "]", n)),
        ("maps", 31, &|n| nested("{1:", "1", "}", n)),
        ("calls", 31, &|n| nested("dyn(", "1", ")", n)),
        ("conditions", 31, &|n| {
            format!("{}true", "true?true:".repeat(n))
        }),
        ("macros", 15, &|n| {
            nested("[1].exists(x, [x].all(y, ", "true", "))", n)
        }),
    ] {
        let count = if name == "sums" { count - 1 } else { count };
        assert!(check(&of(count)).is_ok(), "{name}: {:?}", check(&of(count)));
        let refused = check(&of(count + 1)).expect_err(name);
        assert!(
            refused.contains("nested deeper than the 32 levels"),
            "{name}: {refused}"
        );
    }
    for flat in [
        chain(2000, " || ", "euid == 1"),
        chain(2000, " && ", "path == ''"),
        format!("euid in [{}]", chain(5000, ",", "1")),
        format!("{}true", "!".repeat(100)),
        nested("(", "true", ")", 32),
        format!("({}) || euid == 3", chain(300, " && ", "true")),
    ] {
        assert_eq!(check(&flat), Ok(None));
    }
    assert!(check(&nested("(", "true", ")", 40)).is_err());
}

#[test]
fn types_of_nested_macros_have_a_maximum_size() {
    let text = format!(
        "[1]{}.size() == 1",
        ".map(x, {'a': x, 'b': [x]})".repeat(26)
    );
    assert_eq!(check(&text), Ok(None));
    let text = format!("[1]{}.size() == 1", ".map(x, {x: x})".repeat(26));
    assert_eq!(check(&text), Ok(None));
}

#[test]
fn a_list_of_many_ids_is_accepted() {
    let ids: Vec<String> = (0..600)
        .map(|number| format!("'ABCDEFGHIJ:com.example.app{number:04}'"))
        .collect();
    let text = format!("target.signing_id in [{}]", ids.join(","));
    assert!(text.len() > 19_000);
    assert_eq!(check(&text), Ok(None));
}

use super::*;

/// ICU 72 compiles each of these patterns.
#[test]
fn patterns_that_icu_compiles_are_accepted() {
    for pattern in [
        "(?!)",
        r"^/opt/(?!tmp/)\p{L}+$",
        "^/(Applications|opt)/[^/]+\\.app/",
        "a]",
        "[]a]",
        "[^]a]",
        "[[:alpha:]]",
        "[:alpha:]",
        r"[\d-a]",
        "[a-z&&[^b]]",
        r"[\p{L}--x]",
        "[a-b-c]",
        "[-a]",
        "[a-]",
        "[a&&&b]",
        "^*",
        "a++",
        "a{2,}?",
        "a{ 2}",
        "(?i)a",
        "(?i-x:a)",
        "(?-)",
        "(?x)a #)(",
        r"\Qa*(",
        r"(?<x1>a)\k<x1>\1",
        r"(a)\11",
        r"\2(a)(b)",
        "(?<=a{1,5})b",
        r"\x{10FFFF}\x4\u0041\U00000041\07\cA\e",
        r"\h\R\v\X\y\_",
        r"\N{DIGIT ONE}",
        "a(?#comment)*",
        "||()",
    ] {
        assert_eq!(check(pattern), Ok(()), "{pattern}");
    }
}

/// ICU 72 refuses each of these patterns.
#[test]
fn patterns_that_icu_refuses_are_refused_with_the_position() {
    for (pattern, at) in [
        ("[unclosed", 1),
        ("(?P<x>", 1),
        ("(?P<x>a)", 1),
        ("^/a(b", 4),
        ("a)", 2),
        ("(?:", 1),
        ("(?|a)", 1),
        ("(?'x'a)", 1),
        ("(?q)a", 1),
        ("(?(1)a)", 1),
        ("(?#x", 1),
        ("*.app", 1),
        ("a**", 3),
        ("a+++", 4),
        ("|+", 2),
        (r"\b*", 3),
        ("(?=a)*", 6),
        ("{1}", 1),
        ("a}", 2),
        ("a{", 2),
        ("a{,3}", 2),
        ("a{1", 2),
        ("a{2,1}", 2),
        ("a{99999999999}", 11),
        ("[[a]", 1),
        ("[]", 1),
        (r"[\]", 1),
        ("[z-a]", 4),
        (r"[a-\d]", 5),
        ("[a&&]", 5),
        ("[&&a]", 3),
        ("[--]", 3),
        (r"\1", 2),
        (r"(a)\2", 5),
        (r"\k<y>", 5),
        ("(?<a_b>x)", 5),
        ("(?<a>x)(?<a>y)", 12),
        ("(?<=a*)b", 6),
        ("(?<=a{2,})b", 9),
        (r"(a)(?<=\1)", 9),
        (r"\p", 2),
        (r"\pL", 2),
        (r"\p{L", 4),
        (r"\N", 2),
        (r"\x", 2),
        (r"\x{110000}", 9),
        (r"\u12", 4),
        (r"\0", 2),
        ("a\\", 2),
    ] {
        let found = check(pattern).map_err(|error| error.at);
        assert_eq!(found, Err(at), "{pattern}: {:?}", check(pattern));
    }
}

#[test]
fn the_maximum_nesting_depth_is_that_of_icu() {
    let deep = |groups, sets| {
        "(".repeat(groups) + &"[".repeat(sets) + "a" + &"]".repeat(sets) + &")".repeat(groups)
    };
    for (groups, sets, is_good) in [
        (99, 0, true),
        (100, 0, false),
        (0, 99, true),
        (0, 100, false),
        (90, 9, true),
        (90, 10, false),
        (100_000, 100_000, false),
    ] {
        assert_eq!(
            check(&deep(groups, sets)).is_ok(),
            is_good,
            "{groups} {sets}"
        );
    }
}

//! Expressions of rules: which of them an agent of version 1 can compile, and which of those never decide (spec §2.5).

use std::panic::catch_unwind;
use std::{io, thread};

use selvedge_santa::{Change, Rule, RuleState};

use super::cel_check::Check;

/// The parser's stack in bytes. Its deepest recursion, over a chain of operators as long as an expression may be, takes
/// less than half of it; memory is only used as far as the recursion goes.
const STACK_BYTES: usize = 512 << 20;

/// Why an agent cannot compile an expression.
///
/// ```
/// use selvedge_santa_host::expression;
///
/// let judged = expression::judge(&["target.signing_time >= timestamp('2025-05-31T00:00:00Z')", "target.signing_tme"])?;
/// assert_eq!(judged[0], Ok(None));
/// assert!(judged[1].as_ref().unwrap_err().to_string().starts_with("its expression cannot be compiled: line 1, "));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its expression cannot be compiled: {0}")]
pub struct BadExpression(String);

/// Why an expression, which an agent can compile, never leads to a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its expression is stored, but {0}")]
pub struct UselessExpression(String);

/// What is said of one expression.
pub type Judged = Result<Option<UselessExpression>, BadExpression>;

/// Judges expressions, each for itself.
///
/// # Errors
/// When the system lends no thread for it; nothing is known of any expression then.
pub fn judge(expressions: &[&str]) -> io::Result<Vec<Judged>> {
    if expressions.is_empty() {
        return Ok(Vec::new());
    }
    let all = || {
        let check = Check::new();
        expressions
            .iter()
            .map(|text| compile(&check, text))
            .collect()
    };
    // The parser recurses, and has a stack of its own for it.
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(STACK_BYTES);
        let judged = parser.spawn_scoped(scope, all)?.join();
        judged.map_err(|_| io::Error::other("the expressions' parser ended early"))
    })
}

/// Changes of rules whose expressions have been judged.
#[derive(Debug, Default)]
pub struct Sifted {
    /// What can be made, in its order.
    pub good: Vec<Change>,
    /// The others: the place of each among all changes, and why.
    pub bad: Vec<(usize, Change, BadExpression)>,
    /// Of the good ones, those that never decide: the place of each among all changes, and why.
    pub useless: Vec<(usize, UselessExpression)>,
}

/// Takes those changes out that would add a rule with a bad expression.
///
/// # Errors
/// As [`judge`].
pub fn sift(changes: Vec<Change>) -> io::Result<Sifted> {
    let texts: Vec<&str> = changes.iter().filter_map(of).collect();
    let mut judged = judge(&texts)?.into_iter();
    let mut sifted = Sifted::default();
    for (paths, change) in changes.into_iter().enumerate() {
        let judgement = of(&change).and_then(|_| judged.next());
        match judgement {
            Some(Err(error)) => sifted.bad.push((paths, change, error)),
            Some(Ok(warning)) => {
                sifted
                    .useless
                    .extend(warning.map(|warning| (paths, warning)));
                sifted.good.push(change);
            }
            None => sifted.good.push(change),
        }
    }
    Ok(sifted)
}

/// The expression that an agent compiles when a change is made.
fn of(change: &Change) -> Option<&str> {
    match change {
        Change::Put(Rule {
            state: RuleState::Cel,
            cel_expr,
            ..
        }) => Some(cel_expr),
        Change::Put(_) | Change::Remove(_) => None,
    }
}

fn compile(check: &Check, text: &str) -> Judged {
    match catch_unwind(|| check.check(text)) {
        Ok(Ok(warning)) => Ok(warning.map(UselessExpression)),
        Ok(Err(problem)) => Err(BadExpression(problem)),
        Err(_panic) => Err(BadExpression("its parser cannot handle it".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cel_check::MAX_CHARACTERS;

    fn is_good(text: &str) -> bool {
        judge(&[text]).unwrap()[0].is_ok()
    }

    #[test]
    fn expressions_of_every_form_compile() {
        for text in [
            "target.signing_time >= timestamp('2025-05-31T00:00:00Z')",
            "args.exists(a, a == '--inspect') && euid == 0 ? BLOCKLIST : ALLOWLIST",
            "has(target.team_id) || !(path in ['/opt/a', r'/opt/\\d'])",
            "{'a': [dyn(1), 2u, 0x1F, 1.5e3, null, true]}['a'][0] == -1 % 2",
            "santa.cel.v1.ExecutableFile{team_id: 'ä\\u00e9\\n'}.team_id == ''",
        ] {
            assert_eq!(judge(&[text]).unwrap(), [Ok(None)], "{text}");
        }
    }

    #[test]
    fn a_bad_expression_says_where_it_is_wrong() {
        let reason = |text| judge(&[text]).unwrap().remove(0).unwrap_err().to_string();
        for (text, paths) in [
            ("", "line 1, column 1: "),
            ("target.", "line 1, column 8: "),
            ("a ==\n== b", "line 2, column 1: "),
            ("99999999999999999999", "line 1, column 1: "),
            ("has(1)", "line 1, column 5: "),
        ] {
            let reason = reason(text);
            let found = reason.strip_prefix("its expression cannot be compiled: ");
            assert!(
                found.is_some_and(|found| found.starts_with(paths)),
                "{reason}"
            );
            assert!(!reason.contains('{'), "{reason}");
        }
        assert!(!is_good("'never closed"));
        let long = |count| format!("path == '{}'", "ä".repeat(count));
        assert!(is_good(&long(MAX_CHARACTERS - 10)));
        assert!(!is_good(&long(MAX_CHARACTERS - 9)));
        assert_eq!(
            reason(&long(MAX_CHARACTERS - 9)),
            "its expression cannot be compiled: it has 100001 characters; Santa accepts at most 100000"
        );
    }

    #[test]
    fn no_nesting_ends_the_program() {
        for (open, middle, close) in [
            ("(", "a", ")"),
            ("[", "", "]"),
            ("{1:", "1", "}"),
            ("!", "a", ""),
            ("- ", "a", ""),
            ("1+", "1", ""),
            ("a?b:", "c", ""),
            ("a?", "b", ":c"),
            ("", "a", ".b()"),
            ("", "a", "[0]"),
            ("a[", "0", "]"),
            ("a.map(x,", "x", ")"),
        ] {
            let count = (MAX_CHARACTERS - 8) / (open.len() + close.len());
            let deep = open.repeat(count) + middle + &close.repeat(count);
            let unclosed = open.repeat(count);
            let judged = judge(&[&deep, &unclosed, "true"]).unwrap();
            assert_eq!(judged[2], Ok(None), "{open}{close}");
        }
    }

    #[test]
    fn only_expressions_that_decide_are_judged_and_by_their_places() {
        let rule = |state, text: &str| {
            let key =
                selvedge_santa::RuleKey::new(selvedge_santa::wire::RuleType::TeamId, "EQHXZ8M8AV");
            let mut rule = Rule::new(key.unwrap(), state);
            rule.cel_expr = text.into();
            Change::Put(rule)
        };
        let changes = [
            rule(RuleState::Allow, "not ( looked at"),
            rule(RuleState::Cel, "true"),
            rule(RuleState::Cel, "true ||"),
        ];
        let sifted = sift(changes.to_vec()).unwrap();
        assert_eq!(sifted.good, changes[..2]);
        assert_eq!(sifted.bad.len(), 1);
        assert_eq!((sifted.bad[0].0, &sifted.bad[0].1), (2, &changes[2]));
        assert!(sift(Vec::new()).unwrap().good.is_empty());
    }
}

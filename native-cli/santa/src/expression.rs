//! CEL expressions of rules: whether an agent with CEL version 1 can compile them, and whether they can have an effect
//! (spec §2.5).

use std::panic::catch_unwind;
use std::{io, thread};

use selvedge_santa::{Change, Rule, RuleState};

use super::cel_check::Check;

/// The parser's stack size in bytes. The deepest recursion, a chain of operators of the maximum length, takes less than
/// half of it. The system allocates only the pages that the recursion touches.
const STACK_BYTES: usize = 512 << 20;

/// Why an agent cannot compile an expression.
///
/// ```
/// use selvedge_santa_host::expression;
///
/// let expressions = ["target.signing_time >= timestamp('2025-05-31T00:00:00Z')", "target.signing_tme"];
/// let checked = expression::check_expressions(&expressions)?;
/// assert_eq!(checked[0], Ok(None));
/// assert!(checked[1].as_ref().unwrap_err().to_string().starts_with("its expression cannot be compiled: line 1, "));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its expression cannot be compiled: {0}")]
pub struct BadExpression(String);

/// Why an expression that an agent can compile never leads to a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its expression is stored, but {0}")]
pub struct UselessExpression(String);

/// The result of checking one expression.
pub type CheckResult = Result<Option<UselessExpression>, BadExpression>;

/// Checks each expression independently.
///
/// # Errors
/// When the system cannot start a thread. No expression is checked then.
pub fn check_expressions(expressions: &[&str]) -> io::Result<Vec<CheckResult>> {
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
    // The parser is recursive, so it runs on a thread with a large stack.
    thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(STACK_BYTES);
        let checked = parser.spawn_scoped(scope, all)?.join();
        checked.map_err(|_| io::Error::other("the parser of expressions ended early"))
    })
}

/// Rule changes after the check of their expressions.
#[derive(Debug, Default)]
pub struct CheckedChanges {
    /// The changes that can be applied, in their original order.
    pub good: Vec<Change>,
    /// The rejected changes: the index among all changes, the change, and the reason.
    pub bad: Vec<(usize, Change, BadExpression)>,
    /// Changes in `good` whose expression never leads to a decision: the index among all changes, and the reason.
    pub useless: Vec<(usize, UselessExpression)>,
}

/// Separates the changes that would add a rule with an invalid expression.
///
/// # Errors
/// Like [`check_expressions`].
pub fn check_changes(changes: Vec<Change>) -> io::Result<CheckedChanges> {
    let texts: Vec<&str> = changes.iter().filter_map(expression_of).collect();
    let mut results = check_expressions(&texts)?.into_iter();
    let mut checked = CheckedChanges::default();
    for (index, change) in changes.into_iter().enumerate() {
        let result = expression_of(&change).and_then(|_| results.next());
        match result {
            Some(Err(error)) => checked.bad.push((index, change, error)),
            Some(Ok(warning)) => {
                checked
                    .useless
                    .extend(warning.map(|warning| (index, warning)));
                checked.good.push(change);
            }
            None => checked.good.push(change),
        }
    }
    Ok(checked)
}

/// The expression that an agent compiles when it applies a change.
fn expression_of(change: &Change) -> Option<&str> {
    match change {
        Change::Put(Rule {
            state: RuleState::Cel,
            cel_expr,
            ..
        }) => Some(cel_expr),
        Change::Put(_) | Change::Remove(_) => None,
    }
}

fn compile(check: &Check, text: &str) -> CheckResult {
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
        check_expressions(&[text]).unwrap()[0].is_ok()
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
            assert_eq!(check_expressions(&[text]).unwrap(), [Ok(None)], "{text}");
        }
    }

    #[test]
    fn the_error_of_an_expression_has_line_and_column() {
        let reason = |text| {
            check_expressions(&[text])
                .unwrap()
                .remove(0)
                .unwrap_err()
                .to_string()
        };
        for (text, position) in [
            ("", "line 1, column 1: "),
            ("target.", "line 1, column 8: "),
            ("a ==\n== b", "line 2, column 1: "),
            ("99999999999999999999", "line 1, column 1: "),
            ("has(1)", "line 1, column 5: "),
        ] {
            let reason = reason(text);
            let found = reason.strip_prefix("its expression cannot be compiled: ");
            assert!(
                found.is_some_and(|found| found.starts_with(position)),
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
    fn deep_nesting_does_not_crash_the_program() {
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
            let checked = check_expressions(&[&deep, &unclosed, "true"]).unwrap();
            assert_eq!(checked[2], Ok(None), "{open}{close}");
        }
    }

    #[test]
    fn only_expressions_of_cel_rules_are_checked_and_errors_have_the_right_index() {
        let rule = |state, text: &str| {
            let key =
                selvedge_santa::RuleKey::new(selvedge_santa::wire::RuleType::TeamId, "EQHXZ8M8AV");
            let mut rule = Rule::new(key.unwrap(), state);
            rule.cel_expr = text.into();
            Change::Put(rule)
        };
        let changes = [
            rule(RuleState::Allow, "not ( checked"),
            rule(RuleState::Cel, "true"),
            rule(RuleState::Cel, "true ||"),
        ];
        let checked = check_changes(changes.to_vec()).unwrap();
        assert_eq!(checked.good, changes[..2]);
        assert_eq!(checked.bad.len(), 1);
        assert_eq!((checked.bad[0].0, &checked.bad[0].1), (2, &changes[2]));
        assert!(check_changes(Vec::new()).unwrap().good.is_empty());
    }
}

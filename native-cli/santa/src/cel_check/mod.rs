//! Static checks of a rule's expression, as Santa performs them before it stores the rule (spec §2.5): names, fields,
//! types, size and nesting of the expression, and literal patterns.
//!
//! ```text
//! declarations  the available names
//! types         the types of CEL
//! inference     assignability and type variables
//! checker       the type checker
//! nesting       the nesting depth of an expression
//! pattern       whether RE2 accepts a pattern
//! ```
//!
//! The crate `cel` parses expressions, but has no type checker. This one works on its syntax tree.

mod checker;
mod declarations;
mod inference;
mod nesting;
mod pattern;
#[cfg(test)]
mod tests;
mod types;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo};
use cel::parser::{ParseErrors, Parser};

use checker::{Checker, Fault};
use declarations::{DECISIONS, Declarations};
use types::Type;

/// Maximum number of characters of an expression.
pub(super) const MAX_CHARACTERS: usize = 100_000;

/// Checks expressions.
pub(super) struct Check {
    declarations: Declarations,
}

impl Check {
    pub(super) fn new() -> Self {
        Self {
            declarations: Declarations::new(),
        }
    }

    /// Checks one expression. The result is a warning if the expression can never lead to a decision.
    ///
    /// # Errors
    /// Why Santa refuses the expression.
    pub(super) fn check(&self, text: &str) -> Result<Option<String>, String> {
        let count = text.chars().count();
        if count > MAX_CHARACTERS {
            return Err(format!(
                "it has {count} characters; Santa accepts at most {MAX_CHARACTERS}"
            ));
        }
        let parser = Parser::new().max_recursion_depth(nesting::MAX_LEVELS as u16);
        let parsed = parser.parse_with_source_info(text);
        let (expression, source) = parsed.map_err(|errors| syntax(&errors))?;
        if !nesting::is_within(&expression, nesting::MAX_LEVELS) {
            return Err(too_deep());
        }
        let checker = Checker::new(&self.declarations);
        let result = checker
            .result(&expression)
            .map_err(|fault| with_position(&fault, &source))?;
        Ok(warning(&expression, &result))
    }
}

fn too_deep() -> String {
    format!(
        "it is nested deeper than the {} levels that Santa accepts",
        nesting::MAX_LEVELS
    )
}

/// The first syntax error, without the list of expected tokens.
fn syntax(errors: &ParseErrors) -> String {
    let Some(first) = errors.errors.first() else {
        return "it is not a CEL expression".into();
    };
    let cause = first.source.as_ref().map(ToString::to_string);
    if cause.is_some_and(|cause| cause.contains("Recursion limit")) {
        return too_deep();
    }
    let (line, column) = first.pos;
    let message = first.msg.trim_start_matches("Syntax error: ");
    let message = message.split(" expecting {").next().unwrap_or_default();
    format!("line {line}, column {column}: {message}")
}

fn with_position(fault: &Fault, source: &SourceInfo) -> String {
    let Some((start, _)) = source.offset_for(fault.id) else {
        return fault.problem.clone();
    };
    let before: String = source.source.chars().take(start as usize).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default();
    let column = column.chars().count() + 1;
    format!("line {line}, column {column}: {}", fault.problem)
}

/// The warning for an expression whose result can never be a decision.
fn warning(expression: &IdedExpr, result: &Type) -> Option<String> {
    let decisions = decisions();
    match result {
        Type::Bool | Type::Dyn | Type::Variable(_) => None,
        Type::Int if can_decide(expression) => None,
        Type::Int => Some(format!(
            "its result is a number that is not a decision: the result must be true, false, {decisions}"
        )),
        other => Some(format!(
            "its result is of type {other}, which is never a decision: the result must be true, false, {decisions}"
        )),
    }
}

/// The names of all decisions, joined with "or".
fn decisions() -> String {
    let names: Vec<&str> = DECISIONS.iter().map(|(name, _)| *name).collect();
    match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Whether an integer result of an expression can be a decision.
fn can_decide(expression: &IdedExpr) -> bool {
    if let Some(number) = constant(expression) {
        return DECISIONS.iter().any(|(_, decision)| *decision == number);
    }
    match &expression.expr {
        Expr::Call(call) if call.func_name == "_?_:_" => call.args.iter().skip(1).any(can_decide),
        _ => true,
    }
}

/// The value of a constant integer expression.
fn constant(expression: &IdedExpr) -> Option<i64> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Int(number)) => Some(*number.inner()),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            ("-_", [number]) => constant(number)?.checked_neg(),
            ("_+_", [left, right]) => constant(left)?.checked_add(constant(right)?),
            ("_-_", [left, right]) => constant(left)?.checked_sub(constant(right)?),
            ("_*_", [left, right]) => constant(left)?.checked_mul(constant(right)?),
            _ => None,
        },
        _ => None,
    }
}

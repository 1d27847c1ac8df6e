//! The nesting depth of an expression. Santa's parser accepts at most 32 levels: each operator, call, selection, list
//! and map adds a level. Chains of `&&` and `||`, and parentheses, add none.

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr};

/// Maximum number of levels.
pub(super) const MAX_LEVELS: usize = 32;

/// Whether an expression has at most `levels` levels.
pub(super) fn is_within(expression: &IdedExpr, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else {
        return false;
    };
    let fits = |part: &IdedExpr| is_within(part, below);
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => true,
        Expr::Select(select) => fits(&select.operand),
        Expr::Call(call) => match call.func_name.as_str() {
            // The parser balances such a chain as a tree.
            "_&&_" | "_||_" => call
                .args
                .iter()
                .all(|part| in_chain(part, &call.func_name, below)),
            _ => call.target.iter().all(|part| fits(part)) && call.args.iter().all(fits),
        },
        Expr::List(list) => list.elements.iter().all(fits),
        Expr::Map(map) => map
            .entries
            .iter()
            .all(|entry| entry_is_within(&entry.expr, below)),
        Expr::Struct(message) => {
            let mut entries = message.entries.iter();
            entries.all(|entry| entry_is_within(&entry.expr, below))
        }
        Expr::Comprehension(comprehension) => {
            fits(&comprehension.iter_range)
                && source_parts(comprehension).iter().all(|part| fits(part))
        }
    }
}

fn in_chain(part: &IdedExpr, operator: &str, levels: usize) -> bool {
    match &part.expr {
        Expr::Call(call) if call.func_name == operator => call
            .args
            .iter()
            .all(|part| in_chain(part, operator, levels)),
        _ => is_within(part, levels),
    }
}

fn entry_is_within(entry: &EntryExpr, levels: usize) -> bool {
    match entry {
        EntryExpr::MapEntry(entry) => {
            is_within(&entry.key, levels) && is_within(&entry.value, levels)
        }
        EntryExpr::StructField(field) => is_within(&field.value, levels),
    }
}

/// The parts of an expanded macro that are in the source text: the conditions and the results.
fn source_parts(comprehension: &ComprehensionExpr) -> Vec<&IdedExpr> {
    let Expr::Call(step) = &comprehension.loop_step.expr else {
        return vec![&comprehension.loop_step];
    };
    match (step.func_name.as_str(), step.args.as_slice()) {
        // all and exists: the accumulator, then the condition.
        ("_&&_" | "_||_", [_, condition]) => vec![condition],
        // map: a list of one element is appended to the accumulator.
        ("_+_", [_, element]) => elements(element),
        // filter, exists_one and map with a condition.
        ("_?_:_", [condition, then, _]) => {
            let mut parts = vec![condition];
            if let Expr::Call(call) = &then.expr {
                parts.extend(call.args.iter().skip(1).flat_map(elements));
            }
            parts
        }
        _ => vec![&comprehension.loop_step],
    }
}

fn elements(list: &IdedExpr) -> Vec<&IdedExpr> {
    match &list.expr {
        Expr::List(list) => list.elements.iter().collect(),
        _ => Vec::new(),
    }
}

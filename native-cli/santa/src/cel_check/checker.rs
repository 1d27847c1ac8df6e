//! The type checker. It follows the checker of cel-cpp, which Santa uses, but stops at the first error.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, ListExpr, LiteralValue,
    MapExpr, SelectExpr, StructExpr,
};

use super::declarations::Declarations;
use super::inference::Inference;
use super::pattern;
use super::types::Type;

/// A type error: the id of the part of the expression, and the message.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) id: u64,
    pub(super) problem: String,
}

type Checked<T = Type> = Result<T, Fault>;

fn fault<T>(id: u64, problem: impl Into<String>) -> Checked<T> {
    Err(Fault {
        id,
        problem: problem.into(),
    })
}

/// The variables of macros, from outer to inner.
type Scope = Vec<(String, Type)>;

/// Checks one expression.
#[derive(Debug)]
pub(super) struct Checker<'a> {
    declarations: &'a Declarations,
    inference: Inference,
    scope: Scope,
}

impl<'a> Checker<'a> {
    pub(super) fn new(declarations: &'a Declarations) -> Self {
        Self {
            declarations,
            inference: Inference::default(),
            scope: Scope::new(),
        }
    }

    /// The type of an expression's result.
    pub(super) fn result(mut self, expression: &IdedExpr) -> Checked {
        let of = self.expression(expression)?;
        Ok(self.inference.resolved(&of))
    }

    fn expression(&mut self, expression: &IdedExpr) -> Checked {
        let id = expression.id;
        match &expression.expr {
            Expr::Literal(literal) => Ok(literal_type(literal)),
            Expr::Ident(name) => match self.named(name) {
                Some(of) => Ok(of),
                None => unknown(id, name),
            },
            Expr::Select(select) => self.selection(id, select),
            Expr::Call(call) => self.call(id, call),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => self.map(map),
            Expr::Struct(message) => self.message(id, message),
            Expr::Comprehension(comprehension) => self.comprehension(id, comprehension),
            Expr::Unspecified => fault(id, "a part of it is missing"),
        }
    }

    /// The type of a name: a macro variable or a declared name.
    fn named(&mut self, name: &str) -> Option<Type> {
        let local = self.scope.iter().rev().find(|(local, _)| local == name);
        if let Some((_, of)) = local {
            return Some(of.clone());
        }
        let declared = self
            .declarations
            .value(name.strip_prefix('.').unwrap_or(name))?;
        Some(self.inference.instance(declared))
    }

    fn selection(&mut self, id: u64, select: &SelectExpr) -> Checked {
        // A chain of names may be the qualified name of a constant.
        if !select.test
            && let Some(mut name) = qualified_name(&select.operand.expr)
        {
            let root = name.split('.').find(|part| !part.is_empty());
            let is_local = self
                .scope
                .iter()
                .any(|(local, _)| Some(local.as_str()) == root);
            name = format!("{name}.{}", select.field);
            if (!is_local || name.starts_with('.'))
                && let Some(of) = self.named(&name)
            {
                return Ok(of);
            }
        }
        let operand = self.expression(&select.operand)?;
        let of = self.field(id, &operand, &select.field)?;
        Ok(if select.test { Type::Bool } else { of })
    }

    fn field(&mut self, id: u64, operand: &Type, field: &str) -> Checked {
        match operand {
            Type::Dyn => Ok(Type::Dyn),
            Type::Message(name) => {
                let fields = self.declarations.fields(name);
                match fields.and_then(|fields| fields.get(field)) {
                    Some(of) => Ok(of.clone()),
                    None => fault(id, format!("{name} has no field {field}")),
                }
            }
            Type::Map(both) => Ok(both.1.clone()),
            Type::Variable(_) if self.inference.is_assignable(&Type::Dyn, operand) => Ok(Type::Dyn),
            other => fault(id, format!("a value of type {other} has no fields")),
        }
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Checked {
        let function = call.func_name.as_str();
        if matches!(function, "_?._" | "_[?_]") {
            return fault(id, "optional values are not enabled");
        }
        // What looks like a method call may be a function with a qualified name.
        if let Some(target) = &call.target
            && let Some(prefix) = qualified_name(&target.expr)
        {
            let name = format!("{prefix}.{function}");
            if self.has_overload(&name, call.args.len(), false) {
                return self.overload(id, &name, None, &call.args);
            }
        }
        let count = call.args.len() + usize::from(call.target.is_some());
        let name = match &call.target {
            Some(_) => function,
            None => function.strip_prefix('.').unwrap_or(function),
        };
        if !self.has_overload(name, count, call.target.is_some()) {
            // Check the operands first, because their errors are earlier in the text.
            if let Some(target) = &call.target {
                self.expression(target)?;
            }
            return match self.declarations.function(name) {
                None => unknown(id, name),
                Some(_) => fault(
                    id,
                    format!("the function {name} does not support this form of call"),
                ),
            };
        }
        self.overload(id, name, call.target.as_deref(), &call.args)
    }

    fn has_overload(&self, name: &str, count: usize, is_method: bool) -> bool {
        let overloads = self.declarations.function(name).unwrap_or_default();
        overloads
            .iter()
            .any(|overload| overload.is_method == is_method && overload.parameters.len() == count)
    }

    fn overload(
        &mut self,
        id: u64,
        name: &str,
        target: Option<&IdedExpr>,
        args: &[IdedExpr],
    ) -> Checked {
        let mut types = Vec::with_capacity(args.len() + 1);
        for argument in target.into_iter().chain(args) {
            types.push(self.expression(argument)?);
        }
        let overloads = self.declarations.function(name).unwrap_or_default();
        let Some(result) = self.inference.call(overloads, &types, target.is_some()) else {
            let types = types
                .iter()
                .map(|of| self.inference.resolved(of).to_string());
            let types: Vec<String> = types.collect();
            let name = operator(name);
            return fault(
                id,
                format!(
                    "{name} does not accept values of the types {}",
                    types.join(", ")
                ),
            );
        };
        if name == "matches"
            && let Some(Expr::Literal(LiteralValue::String(text))) = args.last().map(|of| &of.expr)
            && let Err(problem) = pattern::check(text.inner())
        {
            return fault(id, format!("its pattern is invalid: {problem}"));
        }
        Ok(result)
    }

    fn list(&mut self, list: &ListExpr) -> Checked {
        let mut types = Vec::with_capacity(list.elements.len());
        for element in &list.elements {
            types.push(self.expression(element)?);
        }
        let element = self.inference.common(&types);
        Ok(self.inference.resolved(&Type::list(element)))
    }

    fn map(&mut self, map: &MapExpr) -> Checked {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for IdedEntryExpr { id, expr } in &map.entries {
            match expr {
                EntryExpr::MapEntry(entry) => {
                    keys.push(self.expression(&entry.key)?);
                    values.push(self.expression(&entry.value)?);
                }
                EntryExpr::StructField(_) => return fault(*id, "an entry of a map needs a key"),
            }
        }
        let key = self.inference.common(&keys);
        let value = self.inference.common(&values);
        Ok(self.inference.resolved(&Type::map(key, value)))
    }

    fn message(&mut self, id: u64, message: &StructExpr) -> Checked {
        let name = message.type_name.strip_prefix('.');
        let name = name.unwrap_or(&message.type_name);
        let Some(Type::Metatype(Some(of))) = self.declarations.value(name) else {
            return unknown(id, name);
        };
        let Some(fields) = self.declarations.fields(name) else {
            return fault(id, format!("{name} is not a message"));
        };
        for IdedEntryExpr { id, expr } in &message.entries {
            let EntryExpr::StructField(entry) = expr else {
                return fault(*id, "a field of a message needs a name");
            };
            let value = self.expression(&entry.value)?;
            let Some(expected) = fields.get(entry.field.as_str()) else {
                return fault(*id, format!("{name} has no field {}", entry.field));
            };
            if !self.inference.is_assignable(&value, expected) {
                let value = self.inference.resolved(&value);
                let field = &entry.field;
                return fault(
                    *id,
                    format!(
                        "the field {field} has type {expected}, and the value has type {value}"
                    ),
                );
            }
        }
        Ok((**of).clone())
    }

    fn comprehension(&mut self, id: u64, macro_: &ComprehensionExpr) -> Checked {
        if macro_.iter_var == "__result__" {
            return fault(
                id,
                "the variable of a macro cannot have the name __result__",
            );
        }
        let range = self.expression(&macro_.iter_range)?;
        let element = match range {
            Type::List(element) => (*element).clone(),
            Type::Map(both) => both.0.clone(),
            Type::Dyn => Type::Dyn,
            other => {
                let problem = format!("a macro iterates over a list or a map, not over {other}");
                return fault(macro_.iter_range.id, problem);
            }
        };
        let start = self.expression(&macro_.accu_init)?;
        let outer = self.scope.len();
        self.scope.push((macro_.accu_var.clone(), start));
        self.expression(&macro_.loop_cond)?;
        self.scope.push((macro_.iter_var.clone(), element));
        self.expression(&macro_.loop_step)?;
        self.scope.truncate(outer + 1);
        let result = self.expression(&macro_.result)?;
        self.scope.truncate(outer);
        Ok(self.inference.resolved(&result))
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::String,
        LiteralValue::UInt(_) => Type::Uint,
    }
}

/// Names of version 2 of the protocol that version 1 does not have.
const VERSION_2_NAMES: &[&str] = &[
    "ancestors",
    "fds",
    "today",
    "days",
    "REQUIRE_TOUCHID",
    "REQUIRE_TOUCHID_ONLY",
    "SEATBELT",
    "AUDIT",
];

fn unknown<T>(id: u64, name: &str) -> Checked<T> {
    let is_newer = VERSION_2_NAMES.contains(&name)
        || name.starts_with("FD_TYPE_")
        || name.starts_with("require_touchid");
    if is_newer {
        fault(
            id,
            format!("{name} requires version 2 of Santa's protocol; version 1 refuses it"),
        )
    } else {
        fault(id, format!("{name} is unknown"))
    }
}

/// The qualified name, with dots, if the expression is a chain of names.
fn qualified_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            let operand = qualified_name(&select.operand.expr)?;
            Some(format!("{operand}.{}", select.field))
        }
        _ => None,
    }
}

/// The name of a function for messages: an operator as it is written in expressions.
fn operator(name: &str) -> String {
    match name {
        "_?_:_" => "? :".into(),
        "@in" => "in".into(),
        "_[_]" => "[ ]".into(),
        other => other.trim_matches('_').to_owned(),
    }
}

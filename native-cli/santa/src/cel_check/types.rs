//! The types of CEL, and their names in messages.

use std::fmt;
use std::rc::Rc;

/// Maximum number of parts of a type. A larger type becomes `dyn`, so that nested macros cannot create types of
/// unlimited size.
const MAX_PARTS: usize = 256;

/// A type of CEL.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Any type, which is determined at run time.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    /// A message with this full name.
    Message(&'static str),
    List(Rc<Type>),
    Map(Rc<(Type, Type)>),
    /// The type of a type, with the type if it is known.
    Metatype(Option<Rc<Type>>),
    /// A parameter of a declaration.
    Parameter(char),
    /// A type variable.
    Variable(usize),
}

impl Type {
    pub(super) fn list(element: Self) -> Self {
        if element.parts(MAX_PARTS) >= MAX_PARTS {
            return Self::Dyn;
        }
        Self::List(Rc::new(element))
    }

    pub(super) fn map(key: Self, value: Self) -> Self {
        if key.parts(MAX_PARTS) + value.parts(MAX_PARTS) >= MAX_PARTS {
            return Self::Dyn;
        }
        Self::Map(Rc::new((key, value)))
    }

    pub(super) fn of_type(of: Self) -> Self {
        if of.parts(MAX_PARTS) >= MAX_PARTS {
            return Self::Metatype(None);
        }
        Self::Metatype(Some(Rc::new(of)))
    }

    /// The number of its parts, counted up to a limit.
    fn parts(&self, limit: usize) -> usize {
        let inner = |of: &Self, used: usize| match limit.checked_sub(used) {
            None | Some(0) => 0,
            Some(left) => of.parts(left),
        };
        1 + match self {
            Self::List(element) => inner(element, 1),
            Self::Map(both) => {
                let key = inner(&both.0, 1);
                key + inner(&both.1, 1 + key)
            }
            Self::Metatype(Some(of)) => inner(of, 1),
            _ => 0,
        }
    }

    /// Replaces each part for which `replace` returns another type.
    pub(super) fn replaced(&self, replace: &mut impl FnMut(&Self) -> Option<Self>) -> Self {
        if let Some(other) = replace(self) {
            return other;
        }
        match self {
            Self::List(element) => Self::list(element.replaced(replace)),
            Self::Map(both) => Self::map(both.0.replaced(replace), both.1.replaced(replace)),
            Self::Metatype(Some(of)) => Self::of_type(of.replaced(replace)),
            other => other.clone(),
        }
    }

    /// Whether it contains a variable.
    pub(super) fn contains(&self, variable: usize) -> bool {
        match self {
            Self::Variable(own) => *own == variable,
            Self::List(element) => element.contains(variable),
            Self::Map(both) => both.0.contains(variable) || both.1.contains(variable),
            Self::Metatype(Some(of)) => of.contains(variable),
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn | Self::Parameter(_) | Self::Variable(_) => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Message(name) => name,
            Self::List(element) => return write!(f, "list({element})"),
            Self::Map(both) => return write!(f, "map({}, {})", both.0, both.1),
            Self::Metatype(None) => "type",
            Self::Metatype(Some(of)) => return write!(f, "type({of})"),
        })
    }
}

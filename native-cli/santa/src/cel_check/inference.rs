//! Assignability of types, and inference of type variables. It follows the rules of cel-cpp, which Santa uses.

use super::declarations::Overload;
use super::types::Type;

/// Tentative bindings of variables, which become effective if the whole comparison succeeds.
type Tentative = Vec<(usize, Type)>;

/// The bindings of type variables.
#[derive(Debug, Default)]
pub(super) struct Inference {
    bindings: Vec<Option<Type>>,
}

impl Inference {
    pub(super) fn variable(&mut self) -> Type {
        self.bindings.push(None);
        Type::Variable(self.bindings.len() - 1)
    }

    /// A declared type with fresh variables instead of its parameters.
    pub(super) fn instance(&mut self, declared: &Type) -> Type {
        let mut parameters = Vec::new();
        self.instance_with(declared, &mut parameters)
    }

    fn instance_with(&mut self, declared: &Type, parameters: &mut Vec<(char, Type)>) -> Type {
        declared.replaced(&mut |part| match part {
            Type::Parameter(letter) => {
                let known = parameters.iter().find(|(known, _)| known == letter);
                if let Some((_, variable)) = known {
                    return Some(variable.clone());
                }
                let variable = self.variable();
                parameters.push((*letter, variable.clone()));
                Some(variable)
            }
            _ => None,
        })
    }

    /// Whether a value of type `from` is assignable to `to`. If so, variables are bound accordingly.
    pub(super) fn is_assignable(&mut self, from: &Type, to: &Type) -> bool {
        let mut tentative = Tentative::new();
        let is_assignable = self.can_assign(from, to, &mut tentative);
        if is_assignable {
            self.bind(tentative);
        }
        is_assignable
    }

    fn bind(&mut self, tentative: Tentative) {
        for (variable, of) in tentative {
            if let Some(binding) = self.bindings.get_mut(variable) {
                *binding = Some(of);
            }
        }
    }

    /// The common type of several values, or `dyn`.
    pub(super) fn common(&mut self, types: &[Type]) -> Type {
        let mut common = self.variable();
        let mut tentative = Tentative::new();
        for of in types {
            if !self.can_assign(of, &common, &mut tentative) {
                common = Type::Dyn;
            }
        }
        if common != Type::Dyn {
            self.bind(tentative);
        }
        common
    }

    /// The result type of a call, if an overload accepts its arguments.
    pub(super) fn call(
        &mut self,
        overloads: &[Overload],
        arguments: &[Type],
        is_method: bool,
    ) -> Option<Type> {
        let mut result: Option<Type> = None;
        for overload in overloads {
            if overload.is_method != is_method || overload.parameters.len() != arguments.len() {
                continue;
            }
            let mut parameters = Vec::new();
            let returned = self.instance_with(&overload.result, &mut parameters);
            let mut tentative = Tentative::new();
            let is_match = arguments
                .iter()
                .zip(&overload.parameters)
                .all(|(from, to)| {
                    let to = self.instance_with(to, &mut parameters);
                    self.can_assign(from, &to, &mut tentative)
                });
            if !is_match {
                continue;
            }
            self.bind(tentative);
            result = Some(match result {
                Some(other) if other != returned => Type::Dyn,
                _ => returned,
            });
        }
        result.map(|result| self.resolved(&result))
    }

    /// A type with all bound variables replaced.
    pub(super) fn resolved(&self, of: &Type) -> Type {
        of.replaced(&mut |part| match part {
            Type::Variable(_) => match self.lookup(part, &[]) {
                free @ Type::Variable(_) => Some(free),
                known => Some(self.resolved(&known)),
            },
            _ => None,
        })
    }

    /// The binding of a type variable, or the type itself.
    fn lookup(&self, of: &Type, tentative: &[(usize, Type)]) -> Type {
        let mut known = of.clone();
        while let Type::Variable(variable) = known {
            let candidate = tentative.iter().find(|(own, _)| *own == variable);
            let bound = self.bindings.get(variable).and_then(Option::as_ref);
            match candidate.map(|(_, of)| of).or(bound) {
                Some(of) => known = of.clone(),
                None => break,
            }
        }
        known
    }

    fn can_assign(&self, from: &Type, to: &Type, tentative: &mut Tentative) -> bool {
        let (known_from, known_to) = (self.lookup(from, tentative), self.lookup(to, tentative));
        match (&known_from, &known_to) {
            (same, other) if same == other => true,
            (Type::Variable(variable), Type::Variable(_)) => {
                set(tentative, *variable, known_to);
                true
            }
            (from, Type::Variable(variable)) => {
                let is_possible = !from.contains(*variable);
                if is_possible {
                    set(tentative, *variable, known_from);
                }
                is_possible
            }
            (Type::Variable(variable), to) => {
                let is_possible = !to.contains(*variable);
                if is_possible {
                    set(tentative, *variable, known_to);
                }
                is_possible
            }
            (Type::Dyn, _) => {
                // Widen the tentative binding of the variable.
                if let Type::Variable(variable) = to
                    && tentative.iter().any(|(own, _)| own == variable)
                {
                    set(tentative, *variable, Type::Dyn);
                }
                true
            }
            (_, Type::Dyn) | (Type::Metatype(_), Type::Metatype(_)) => true,
            (Type::Null, other) | (other, Type::Null) => is_nullable(other),
            (Type::List(from), Type::List(to)) => self.can_assign(from, to, tentative),
            (Type::Map(from), Type::Map(to)) => {
                self.can_assign(&from.0, &to.0, tentative)
                    && self.can_assign(&from.1, &to.1, tentative)
            }
            _ => false,
        }
    }
}

/// Whether `null` is assignable to a type, by a rule that cel-cpp keeps for compatibility.
const fn is_nullable(of: &Type) -> bool {
    matches!(of, Type::Message(_) | Type::Timestamp | Type::Duration)
}

fn set(tentative: &mut Tentative, variable: usize, of: Type) {
    match tentative.iter_mut().find(|(own, _)| *own == variable) {
        Some((_, candidate)) => *candidate = of,
        None => tentative.push((variable, of)),
    }
}

//! Which types fit where, and what the variables among them stand for. It follows cel-cpp's rules, which Santa uses.

use super::declarations::Overload;
use super::types::Type;

/// Types that variables would stand for if everything that is being compared fits.
type Prospects = Vec<(usize, Type)>;

/// What is known of the variables.
#[derive(Debug, Default)]
pub(super) struct Inference {
    bindings: Vec<Option<Type>>,
}

impl Inference {
    pub(super) fn variable(&mut self) -> Type {
        self.bindings.push(None);
        Type::Variable(self.bindings.len() - 1)
    }

    /// A declared type with fresh variables in the place of its parameters.
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

    /// Whether a value of type `from` fits where `to` is expected. If so, variables are bound by it.
    pub(super) fn fits(&mut self, from: &Type, to: &Type) -> bool {
        let mut prospects = Prospects::new();
        let fits = self.would_fit(from, to, &mut prospects);
        if fits {
            self.bind(prospects);
        }
        fits
    }

    fn bind(&mut self, prospects: Prospects) {
        for (variable, of) in prospects {
            if let Some(binding) = self.bindings.get_mut(variable) {
                *binding = Some(of);
            }
        }
    }

    /// The type that several values have in common, or `dyn`.
    pub(super) fn common(&mut self, types: &[Type]) -> Type {
        let mut common = self.variable();
        let mut prospects = Prospects::new();
        for of in types {
            if !self.would_fit(of, &common, &mut prospects) {
                common = Type::Dyn;
            }
        }
        if common != Type::Dyn {
            self.bind(prospects);
        }
        common
    }

    /// The result of a call, if any overload takes its arguments.
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
            let mut prospects = Prospects::new();
            let is_match = arguments
                .iter()
                .zip(&overload.parameters)
                .all(|(from, to)| {
                    let to = self.instance_with(to, &mut parameters);
                    self.would_fit(from, &to, &mut prospects)
                });
            if !is_match {
                continue;
            }
            self.bind(prospects);
            result = Some(match result {
                Some(other) if other != returned => Type::Dyn,
                _ => returned,
            });
        }
        result.map(|result| self.resolved(&result))
    }

    /// A type with everything in it that is known of its variables.
    pub(super) fn resolved(&self, of: &Type) -> Type {
        of.replaced(&mut |part| match part {
            Type::Variable(_) => match self.looked_up(part, &[]) {
                free @ Type::Variable(_) => Some(free),
                known => Some(self.resolved(&known)),
            },
            _ => None,
        })
    }

    /// What a type is, as far as its variable is known.
    fn looked_up(&self, of: &Type, prospects: &[(usize, Type)]) -> Type {
        let mut known = of.clone();
        while let Type::Variable(variable) = known {
            let prospect = prospects.iter().find(|(own, _)| *own == variable);
            let bound = self.bindings.get(variable).and_then(Option::as_ref);
            match prospect.map(|(_, of)| of).or(bound) {
                Some(of) => known = of.clone(),
                None => break,
            }
        }
        known
    }

    fn would_fit(&self, from: &Type, to: &Type, prospects: &mut Prospects) -> bool {
        let (known_from, known_to) = (
            self.looked_up(from, prospects),
            self.looked_up(to, prospects),
        );
        match (&known_from, &known_to) {
            (same, other) if same == other => true,
            (Type::Variable(variable), Type::Variable(_)) => {
                set(prospects, *variable, known_to);
                true
            }
            (from, Type::Variable(variable)) => {
                let is_possible = !from.contains(*variable);
                if is_possible {
                    set(prospects, *variable, known_from);
                }
                is_possible
            }
            (Type::Variable(variable), to) => {
                let is_possible = !to.contains(*variable);
                if is_possible {
                    set(prospects, *variable, known_to);
                }
                is_possible
            }
            (Type::Dyn, _) => {
                // What a variable would stand for is widened.
                if let Type::Variable(variable) = to
                    && prospects.iter().any(|(own, _)| own == variable)
                {
                    set(prospects, *variable, Type::Dyn);
                }
                true
            }
            (_, Type::Dyn) | (Type::Metatype(_), Type::Metatype(_)) => true,
            (Type::Null, other) | (other, Type::Null) => is_nullable(other),
            (Type::List(from), Type::List(to)) => self.would_fit(from, to, prospects),
            (Type::Map(from), Type::Map(to)) => {
                self.would_fit(&from.0, &to.0, prospects)
                    && self.would_fit(&from.1, &to.1, prospects)
            }
            _ => false,
        }
    }
}

/// Whether `null` fits for a type, by a rule that cel-cpp keeps for older expressions.
const fn is_nullable(of: &Type) -> bool {
    matches!(of, Type::Message(_) | Type::Timestamp | Type::Duration)
}

fn set(prospects: &mut Prospects, variable: usize, of: Type) {
    match prospects.iter_mut().find(|(own, _)| *own == variable) {
        Some((_, prospect)) => *prospect = of,
        None => prospects.push((variable, of)),
    }
}

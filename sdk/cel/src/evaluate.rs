//! Evaluates a tree for one record. It must not run without an end: every node, every element and every 64 bytes of text
//! made or searched cost a step, and the steps of one evaluation are bounded.
use std::borrow::Cow;
use std::rc::Rc;

use crate::arithmetic;
use crate::compare::{equal, order};
use crate::tree::{Macro, MacroKind, Node, Operation};
use crate::value::Value;

/// Most steps of one evaluation: about a millisecond. Stops macros inside macros over a record's long lists.
pub const MOST_STEPS: u32 = 50_000;

/// Bytes of text that cost a step.
const STEP_BYTES: usize = 64;

/// Longest text, bytes, and longest list, that an expression makes.
pub(crate) const MOST_LENGTH: usize = 1 << 20;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A variable that is needed is not there. Unknown, not wrong: `false && x` is false whatever x is.
    Missing,
    /// An operator or function met a type that it does not work on: `"a" < 1`.
    Type,
    /// An integer beyond 64 bits, a division by zero, or a time beyond the years 1 to 9999.
    Range,
    /// An index or a key that is not there.
    NoSuch,
    /// Text that does not read as what it should become: `int("a")`.
    Conversion,
    /// More steps than [`MOST_STEPS`], or text of more than 1 MiB.
    Budget,
}

/// What a value or its lack is.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// The value of `root` for these variables.
pub(crate) fn evaluate<'a>(root: &'a Node, variables: &'a [Option<Value<'a>>]) -> Result<Value<'a>> {
    Evaluation { variables, locals: Vec::new(), budget: Budget(MOST_STEPS) }.value(root)
}

/// Steps that are left.
pub(crate) struct Budget(u32);

impl Budget {
    pub(crate) fn spend(&mut self, steps: usize) -> Result<()> {
        let steps = u32::try_from(steps).map_err(|_| Failure::Budget)?;
        self.0 = self.0.checked_sub(steps).ok_or(Failure::Budget)?;
        Ok(())
    }

    /// A value once more: its bytes are paid for where they are its own.
    pub(crate) fn copied<'a>(&mut self, value: &Value<'a>) -> Result<Value<'a>> {
        let bytes = match value {
            Value::Text(Cow::Owned(text)) => text.len(),
            Value::Bytes(Cow::Owned(bytes)) => bytes.len(),
            _ => 0,
        };
        self.spend(bytes / STEP_BYTES)?;
        Ok(value.clone())
    }

    /// For text that is made or searched.
    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<()> {
        if bytes > MOST_LENGTH { Err(Failure::Budget) } else { self.spend(bytes / STEP_BYTES) }
    }
}

struct Evaluation<'a> {
    variables: &'a [Option<Value<'a>>],
    /// Of the macros that are open.
    locals: Vec<Value<'a>>,
    budget: Budget,
}

impl<'a> Evaluation<'a> {
    fn value(&mut self, node: &'a Node) -> Result<Value<'a>> {
        self.budget.spend(1)?;
        match node {
            Node::Constant(value) => Ok(value.borrowed()),
            Node::Variable(variable) => match self.variables.get(*variable) {
                Some(Some(value)) => Ok(value.borrowed()),
                _ => Err(Failure::Missing),
            },
            Node::HasVariable(variable) => Ok(Value::Bool(matches!(self.variables.get(*variable), Some(Some(_))))),
            Node::Local(local) => self.budget.copied(self.locals.get(*local).ok_or(Failure::Missing)?),
            Node::List(items) => Ok(Value::List(items.iter().map(|item| self.value(item)).collect::<Result<Rc<[_]>>>()?)),
            Node::Map(entries) => self.map(entries),
            Node::And(operands) => self.joined(operands, false),
            Node::Or(operands) => self.joined(operands, true),
            Node::Not(operand) => Ok(Value::Bool(!self.boolean(operand)?)),
            Node::Negate(operand) => arithmetic::negate(&self.value(operand)?),
            Node::If(parts) => {
                let [condition, then, other] = &**parts;
                if self.boolean(condition)? { self.value(then) } else { self.value(other) }
            }
            Node::Binary(operation, operands) => self.binary(*operation, operands),
            Node::Index(parts) => {
                let [from, index] = &**parts;
                let (from, index) = (self.value(from)?, self.value(index)?);
                self.budget.copied(element(&from, &index)?)
            }
            Node::Has(map, key) => match self.value(map)? {
                Value::Map(entries) => {
                    self.budget.spend(entries.len())?;
                    Ok(Value::Bool(entries.iter().any(|(own, _)| matches!(own, Value::Text(own) if own == key))))
                }
                _ => Err(Failure::Type),
            },
            Node::Call(function, arguments) => {
                let mut values = [const { Value::Null }; 4];
                for (place, argument) in values.iter_mut().zip(arguments) {
                    *place = self.value(argument)?;
                }
                let [first, second, third, fourth] = &values;
                function.call([first, second, third, fourth], arguments.len(), &mut self.budget)
            }
            Node::Matches(text, pattern) => match self.value(text)? {
                Value::Text(text) => {
                    self.budget.spend_bytes(text.len())?;
                    Ok(Value::Bool(pattern.is_match(&text)))
                }
                _ => Err(Failure::Type),
            },
            Node::Macro(macros) => self.over(macros),
        }
    }

    fn boolean(&mut self, node: &'a Node) -> Result<bool> {
        match self.value(node)? {
            Value::Bool(value) => Ok(value),
            _ => Err(Failure::Type),
        }
    }

    /// `&&` and `||`: one operand that decides does so whatever the others are, in any order. What is wrong counts for
    /// more than what is missing, so that a caller who keeps what is unknown keeps no mistake.
    fn joined(&mut self, operands: &'a [Node], decides: bool) -> Result<Value<'a>> {
        let mut sum = Sum::default();
        for operand in operands {
            match self.boolean(operand) {
                Ok(value) if value == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(failure) => sum.add(failure)?,
            }
        }
        sum.or(Value::Bool(!decides))
    }

    fn binary(&mut self, operation: Operation, operands: &'a [Node; 2]) -> Result<Value<'a>> {
        let (left, right) = (self.value(&operands[0])?, self.value(&operands[1])?);
        let ordered = |test: fn(std::cmp::Ordering) -> bool| Ok(Value::Bool(order(&left, &right)?.is_some_and(test)));
        match operation {
            Operation::Equal => Ok(Value::Bool(equal(&left, &right, &mut self.budget)?)),
            Operation::NotEqual => Ok(Value::Bool(!equal(&left, &right, &mut self.budget)?)),
            Operation::Less => ordered(std::cmp::Ordering::is_lt),
            Operation::LessOrEqual => ordered(std::cmp::Ordering::is_le),
            Operation::Greater => ordered(std::cmp::Ordering::is_gt),
            Operation::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge),
            Operation::In => self.contains(&left, &right),
            _ => arithmetic::calculate(operation, &left, &right, &mut self.budget),
        }
    }

    fn contains(&mut self, wanted: &Value<'a>, within: &Value<'a>) -> Result<Value<'a>> {
        let mut found = |own: &Value<'a>| {
            self.budget.spend(1)?;
            equal(own, wanted, &mut self.budget)
        };
        match within {
            Value::List(items) => {
                for item in items.iter() {
                    if found(item)? {
                        return Ok(Value::Bool(true));
                    }
                }
            }
            Value::Map(entries) => {
                for (key, _) in entries.iter() {
                    if found(key)? {
                        return Ok(Value::Bool(true));
                    }
                }
            }
            _ => return Err(Failure::Type),
        }
        Ok(Value::Bool(false))
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Result<Value<'a>> {
        let mut made: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.value(key)?;
            if !matches!(key, Value::Int(_) | Value::Text(_) | Value::Bool(_)) {
                return Err(Failure::Type);
            }
            for (own, _) in &made {
                self.budget.spend(1)?;
                if equal(own, &key, &mut self.budget)? {
                    return Err(Failure::Type);
                }
            }
            made.push((key, self.value(value)?));
        }
        Ok(Value::Map(made.into()))
    }

    fn over(&mut self, macros: &'a Macro) -> Result<Value<'a>> {
        let over = self.value(&macros.over)?;
        let budget = &mut self.budget;
        let elements: Vec<Value<'a>> = match &over {
            Value::List(items) => {
                budget.spend(items.len())?;
                items.iter().map(|item| budget.copied(item)).collect::<Result<_>>()?
            }
            Value::Map(entries) => {
                budget.spend(entries.len())?;
                entries.iter().map(|(key, _)| budget.copied(key)).collect::<Result<_>>()?
            }
            _ => return Err(Failure::Type),
        };
        self.locals.truncate(macros.local);
        let (mut sum, mut held, mut collected) = (Sum::default(), 0usize, Vec::new());
        for element in elements {
            self.locals.push(element);
            let outcome = macros.test.as_ref().map_or(Ok(true), |test| self.boolean(test));
            match (macros.kind, outcome) {
                (MacroKind::All, Ok(false)) => return self.closed(macros, Ok(Value::Bool(false))),
                (MacroKind::Exists, Ok(true)) => return self.closed(macros, Ok(Value::Bool(true))),
                (MacroKind::ExistsOne, Ok(true)) => held += 1,
                (MacroKind::Collect, Ok(true)) => {
                    let value = match &macros.then {
                        Some(then) => self.value(then)?,
                        None => self.budget.copied(self.locals.last().ok_or(Failure::Missing)?)?,
                    };
                    collected.push(value);
                }
                (_, Ok(_)) => {}
                (MacroKind::All | MacroKind::Exists, Err(failure)) => sum.add(failure)?,
                (_, Err(failure)) => return self.closed(macros, Err(failure)),
            }
            self.locals.truncate(macros.local);
        }
        match macros.kind {
            MacroKind::All => sum.or(Value::Bool(true)),
            MacroKind::Exists => sum.or(Value::Bool(false)),
            MacroKind::ExistsOne => Ok(Value::Bool(held == 1)),
            MacroKind::Collect => Ok(Value::List(collected.into())),
        }
    }

    /// The macro is over before its list is.
    fn closed(&mut self, macros: &Macro, value: Result<Value<'a>>) -> Result<Value<'a>> {
        self.locals.truncate(macros.local);
        value
    }
}

/// What went wrong in operands of which none decided.
#[derive(Default)]
struct Sum(Option<Failure>);

impl Sum {
    /// A budget that is spent is spent for all.
    fn add(&mut self, failure: Failure) -> Result<()> {
        match failure {
            Failure::Budget => return Err(failure),
            _ if matches!(self.0, None | Some(Failure::Missing)) => self.0 = Some(failure),
            _ => {}
        }
        Ok(())
    }

    fn or(self, value: Value<'_>) -> Result<Value<'_>> {
        self.0.map_or(Ok(value), Err)
    }
}

/// A list's element by its number, a map's value by its key.
fn element<'v, 'a>(from: &'v Value<'a>, index: &Value<'a>) -> Result<&'v Value<'a>> {
    match (from, index) {
        (Value::List(items), Value::Int(number)) => {
            usize::try_from(*number).ok().and_then(|number| items.get(number)).ok_or(Failure::NoSuch)
        }
        (Value::Map(entries), key) => {
            for (own, value) in entries.iter() {
                let same = match (own, key) {
                    (Value::Text(own), Value::Text(key)) => own == key,
                    (own, key) => order(own, key).is_ok_and(|order| order.is_some_and(std::cmp::Ordering::is_eq)),
                };
                if same {
                    return Ok(value);
                }
            }
            Err(Failure::NoSuch)
        }
        _ => Err(Failure::Type),
    }
}

/// Text that owns itself.
pub(crate) fn owned<'a>(text: String) -> Value<'a> {
    Value::Text(Cow::Owned(text))
}

#[cfg(test)]
mod tests;

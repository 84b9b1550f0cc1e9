//! Makes the tree of an expression and resolves its names. It must not leave a mistake for the first record: what can be
//! known to be wrong is said here.
use regex_lite::Regex;

use crate::Problem;
use crate::function::Function;
use crate::lex::{Lexer, Word};
use crate::tree::{Macro, MacroKind, Node, Operation};
use crate::value::{Kind, Value};

/// Longest expression, bytes. Stops one that takes longer to compile than an instance takes to start.
pub const MOST_BYTES: usize = 4096;

/// Most nodes one above the other. Stops an expression that uses up the stack, when it is read or evaluated.
pub const MOST_HEIGHT: u16 = 40;

/// Words that the language keeps for itself.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Macros over a list, which look like functions.
const MACROS: [&str; 6] = ["all", "exists", "exists_one", "existsOne", "map", "filter"];

/// Whether a variable can have that name: `[A-Za-z_][A-Za-z0-9_]*`, and no word that the language keeps for itself.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        && !RESERVED.contains(&name)
        && !["true", "false", "null"].contains(&name)
}

/// Reads `source` over the variables of `names`.
pub(crate) fn parse(source: &str, names: &[&str]) -> Result<Node, Problem> {
    let mut parser = Parser { lexer: Lexer::new(source), at: 0, word: Word::End, names, locals: Vec::new(), depth: 0 };
    if source.len() > MOST_BYTES {
        return Err(parser.lexer.problem(MOST_BYTES, format!("is longer than {MOST_BYTES} bytes")));
    }
    parser.advance()?;
    let (root, _) = parser.expression()?;
    match parser.word {
        Word::End => Ok(root),
        _ => Err(parser.unexpected("the end")),
    }
}

/// A node and how many are below it, one under the other, itself included.
type Grown = (Node, u16);

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// Byte at which the current word starts.
    at: usize,
    word: Word,
    names: &'a [&'a str],
    /// Variables of the macros that are open.
    locals: Vec<String>,
    /// Expressions open around this one.
    depth: u16,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Word, Problem> {
        let (at, word) = self.lexer.word()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.word, word))
    }

    fn problem<T>(&self, at: usize, message: impl Into<String>) -> Result<T, Problem> {
        Err(self.lexer.problem(at, message))
    }

    fn unexpected(&self, wanted: &str) -> Problem {
        let found = match &self.word {
            Word::End => "the expression ends".to_owned(),
            Word::Sign(sign) => format!("there is `{sign}`"),
            Word::Name(name) => format!("there is `{name}`"),
            _ => "there is a literal".to_owned(),
        };
        self.lexer.problem(self.at, format!("{found} where {wanted} should be"))
    }

    fn is(&self, sign: &str) -> bool {
        matches!(&self.word, Word::Sign(found) if *found == sign)
    }

    /// Past that sign, if it is there.
    fn skips(&mut self, sign: &str) -> Result<bool, Problem> {
        if self.is(sign) { self.advance().map(|_| true) } else { Ok(false) }
    }

    fn expect(&mut self, sign: &str) -> Result<(), Problem> {
        if self.skips(sign)? { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    /// A node above these.
    fn above(&self, node: Node, below: impl IntoIterator<Item = u16>) -> Result<Grown, Problem> {
        let height = below.into_iter().max().unwrap_or(0) + 1;
        if height > MOST_HEIGHT { self.problem(self.at, "is nested too deeply") } else { Ok((node, height)) }
    }

    /// `condition ? then : else`, or less.
    fn expression(&mut self) -> Result<Grown, Problem> {
        self.depth += 1;
        if self.depth > MOST_HEIGHT {
            return self.problem(self.at, "is nested too deeply");
        }
        let (condition, height) = self.joined("||")?;
        let grown = if self.skips("?")? {
            let (then, left) = self.joined("||")?;
            self.expect(":")?;
            let (other, right) = self.expression()?;
            self.above(Node::If(Box::new([condition, then, other])), [height, left, right])?
        } else {
            (condition, height)
        };
        self.depth -= 1;
        Ok(grown)
    }

    /// Operands joined by `||`, or by `&&`: one node however many, so that a long list is not a tall tree.
    fn joined(&mut self, sign: &str) -> Result<Grown, Problem> {
        let operand = |parser: &mut Self| if sign == "||" { parser.joined("&&") } else { parser.binary(1) };
        let (first, mut height) = operand(self)?;
        if !self.is(sign) {
            return Ok((first, height));
        }
        let mut operands = vec![first];
        while self.skips(sign)? {
            let (next, more) = operand(self)?;
            operands.push(next);
            height = height.max(more);
        }
        self.above(if sign == "||" { Node::Or(operands) } else { Node::And(operands) }, [height])
    }

    /// Operators that bind at least this tightly, from the left.
    fn binary(&mut self, least: u8) -> Result<Grown, Problem> {
        let (mut left, mut height) = self.unary()?;
        loop {
            let sign = match &self.word {
                Word::Sign(sign) => sign,
                Word::Name(name) if name == "in" => "in",
                _ => return Ok((left, height)),
            };
            let Some((operation, binding)) = Operation::of(sign).filter(|(_, binding)| *binding >= least) else {
                return Ok((left, height));
            };
            self.advance()?;
            let (right, more) = self.binary(binding + 1)?;
            (left, height) = self.above(Node::Binary(operation, Box::new([left, right])), [height, more])?;
        }
    }

    fn unary(&mut self) -> Result<Grown, Problem> {
        for sign in ["!", "-"] {
            let mut times = 0usize;
            while self.is(sign) {
                // The one integer whose digits need their sign.
                if sign == "-" && times == 0 && matches!(self.lexer.clone().word(), Ok((_, Word::Int(_) | Word::Double(_)))) {
                    break;
                }
                self.advance()?;
                times += 1;
            }
            if times > 0 {
                let (operand, height) = self.member()?;
                // Twice is not at all, but the kind is still looked at.
                let node = |operand| if sign == "!" { Node::Not(Box::new(operand)) } else { Node::Negate(Box::new(operand)) };
                let (once, height) = self.above(node(operand), [height])?;
                return if times % 2 == 1 { Ok((once, height)) } else { self.above(node(once), [height]) };
            }
        }
        self.member()
    }

    /// A value with what is asked of it: `.name`, `.call(…)`, `[index]`.
    fn member(&mut self) -> Result<Grown, Problem> {
        let (mut node, mut height) = self.primary()?;
        loop {
            let at = self.at;
            if self.skips(".")? {
                let Word::Name(name) = self.advance()? else { return self.problem(at, "a name should follow `.`") };
                (node, height) = if self.is("(") {
                    self.called(at, &name, (node, height))?
                } else {
                    let key = Node::Constant(Value::Text(name.into()));
                    self.above(Node::Index(Box::new([node, key])), [height])?
                };
            } else if self.skips("[")? {
                let (index, more) = self.expression()?;
                self.expect("]")?;
                (node, height) = self.above(Node::Index(Box::new([node, index])), [height, more])?;
            } else {
                return Ok((node, height));
            }
        }
    }

    fn primary(&mut self) -> Result<Grown, Problem> {
        let at = self.at;
        if self.skips("(")? {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.skips("[")? {
            let items = self.items("]")?;
            return self.list(items);
        }
        if self.skips("{")? {
            return self.map();
        }
        let negative = self.skips("-")?;
        let constant = |value| Ok((Node::Constant(value), 1));
        match self.word {
            Word::Sign(_) | Word::End => return Err(self.unexpected("a value")),
            // Here a sign is part of a number: `!-x` would else be `!x`.
            Word::Int(_) | Word::Double(_) => {}
            _ if negative => return Err(self.unexpected("a number")),
            _ => {}
        }
        match self.advance()? {
            Word::Int(digits) => {
                let number = if negative { 0i64.checked_sub_unsigned(digits) } else { i64::try_from(digits).ok() };
                match number {
                    Some(number) => constant(Value::Int(number)),
                    None => self.problem(at, "is a number that is too large"),
                }
            }
            Word::Double(number) => constant(Value::Double(if negative { -number } else { number })),
            Word::Text(text) => constant(Value::Text(text.into())),
            Word::Bytes(bytes) => constant(Value::Bytes(bytes.into())),
            Word::Name(name) => self.named(at, name),
            Word::Sign(_) | Word::End => Err(self.unexpected("a value")),
        }
    }

    fn named(&mut self, at: usize, name: String) -> Result<Grown, Problem> {
        match name.as_str() {
            "true" | "false" => return Ok((Node::Constant(Value::Bool(name == "true")), 1)),
            "null" => return Ok((Node::Constant(Value::Null), 1)),
            "has" if self.is("(") => return self.has(),
            reserved if RESERVED.contains(&reserved) => return self.problem(at, format!("`{name}` is a word of the language")),
            _ => {}
        }
        if self.skips("(")? {
            let arguments = self.items(")")?;
            return self.function(at, &name, arguments, false);
        }
        if let Some(local) = self.locals.iter().rposition(|local| *local == name) {
            return Ok((Node::Local(local), 1));
        }
        if let Some(variable) = self.names.iter().position(|known| *known == name) {
            return Ok((Node::Variable(variable), 1));
        }
        match Kind::NAMED.iter().find(|(known, _)| *known == name) {
            Some((_, kind)) => Ok((Node::Constant(Value::Kind(*kind)), 1)),
            None if self.names.is_empty() => self.problem(at, format!("there is no variable `{name}`: none is given")),
            None => self.problem(at, format!("there is no variable `{name}`; there are {}", self.names.join(", "))),
        }
    }

    /// `has(map.key)`, and `has(variable)` for a variable of the record.
    fn has(&mut self) -> Result<Grown, Problem> {
        self.expect("(")?;
        let at = self.at;
        let (asked, height) = self.expression()?;
        self.expect(")")?;
        match asked {
            Node::Variable(variable) => Ok((Node::HasVariable(variable), 1)),
            Node::Index(parts) => match *parts {
                [map, Node::Constant(Value::Text(key))] => self.above(Node::Has(Box::new(map), key.into_owned()), [height]),
                _ => self.problem(at, "has(…) asks for a variable or for the member of a map"),
            },
            _ => self.problem(at, "has(…) asks for a variable or for the member of a map"),
        }
    }

    /// Expressions up to that bracket.
    fn items(&mut self, close: &str) -> Result<Vec<Grown>, Problem> {
        let mut items = Vec::new();
        while !self.is(close) {
            items.push(self.expression()?);
            if !self.skips(",")? {
                break;
            }
        }
        self.expect(close)?;
        Ok(items)
    }

    /// A list; of constants alone it is one itself, and costs nothing to evaluate.
    fn list(&self, items: Vec<Grown>) -> Result<Grown, Problem> {
        if items.iter().all(|(item, _)| matches!(item, Node::Constant(_))) {
            let values = items.into_iter().filter_map(|(item, _)| if let Node::Constant(value) = item { Some(value) } else { None });
            return Ok((Node::Constant(Value::List(values.collect())), 1));
        }
        let (items, heights): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        self.above(Node::List(items), heights)
    }

    fn map(&mut self) -> Result<Grown, Problem> {
        let (mut entries, mut height) = (Vec::new(), 0);
        while !self.is("}") {
            let (key, left) = self.expression()?;
            self.expect(":")?;
            let (value, right) = self.expression()?;
            height = height.max(left).max(right);
            entries.push((key, value));
            if !self.skips(",")? {
                break;
            }
        }
        self.expect("}")?;
        self.above(Node::Map(entries), [height])
    }

    /// A method, or a macro over what stands before it.
    fn called(&mut self, at: usize, name: &str, on: Grown) -> Result<Grown, Problem> {
        self.expect("(")?;
        if MACROS.contains(&name) {
            return self.comprehension(at, name, on);
        }
        let mut arguments = vec![on];
        arguments.extend(self.items(")")?);
        self.function(at, name, arguments, true)
    }

    fn function(&mut self, at: usize, name: &str, arguments: Vec<Grown>, method: bool) -> Result<Grown, Problem> {
        let (mut arguments, heights): (Vec<_>, Vec<_>) = arguments.into_iter().unzip();
        if name == "matches" {
            return self.matches(at, arguments, heights);
        }
        if name == "dyn" && !method && arguments.len() == 1 {
            return match (arguments.pop(), heights.first()) {
                (Some(node), Some(height)) => Ok((node, *height)),
                _ => self.problem(at, "dyn(…) has one argument"),
            };
        }
        match Function::find(name, arguments.len(), method) {
            Ok(function) => self.above(Node::Call(function, arguments), heights),
            Err(why) => self.problem(at, why),
        }
    }

    /// The pattern is compiled now, so it has to be known now.
    fn matches(&self, at: usize, mut arguments: Vec<Node>, heights: Vec<u16>) -> Result<Grown, Problem> {
        let (Some(Node::Constant(Value::Text(pattern))), Some(text), true) = (arguments.pop(), arguments.pop(), arguments.is_empty())
        else {
            return self.problem(at, "matches has the pattern as its one argument, written out as text");
        };
        match Regex::new(&pattern) {
            Ok(pattern) => self.above(Node::Matches(Box::new(text), Box::new(pattern)), heights),
            Err(error) => self.problem(at, format!("matches: is not a regular expression: {error}")),
        }
    }

    /// `.all(x, test)` and its like.
    fn comprehension(&mut self, at: usize, name: &str, (over, height): Grown) -> Result<Grown, Problem> {
        let Word::Name(variable) = self.advance()? else {
            return self.problem(at, format!("{name} has a variable and what is asked of it: list.{name}(x, …)"));
        };
        if !is_name(&variable) {
            return self.problem(at, format!("`{variable}` is a word of the language"));
        }
        self.expect(",")?;
        let local = self.locals.len();
        self.locals.push(variable);
        let mut parts = self.items(")")?;
        self.locals.pop();
        let heights: Vec<u16> = parts.iter().map(|(_, height)| *height).chain([height]).collect();
        let last = parts.pop().map(|(node, _)| node);
        let first = parts.pop().map(|(node, _)| node);
        let (kind, test, then) = match (name, first, last, parts.is_empty()) {
            ("all", None, test @ Some(_), true) => (MacroKind::All, test, None),
            ("exists", None, test @ Some(_), true) => (MacroKind::Exists, test, None),
            ("exists_one" | "existsOne", None, test @ Some(_), true) => (MacroKind::ExistsOne, test, None),
            ("filter", None, test @ Some(_), true) => (MacroKind::Collect, test, None),
            ("map", test, then @ Some(_), true) => (MacroKind::Collect, test, then),
            _ => return self.problem(at, format!("{name} has another number of arguments")),
        };
        self.above(Node::Macro(Box::new(Macro { kind, over, local, test, then })), heights)
    }
}

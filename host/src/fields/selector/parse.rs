//! Reads a selector's text into segments, exactly as the grammar of RFC 9535 writes them. Every refusal carries the
//! byte it stands at and what to write instead; nothing is guessed.

use super::super::scan::MAX_DEPTH;
use super::{Segment, SelectorError, Step};

/// The largest index of RFC 9535 (that of I-JSON, RFC 7493): 2^53 - 1.
const MAX_INDEX: i64 = (1 << 53) - 1;

/// How many times a selector may go on inside a text. Stops documents inside documents from multiplying the work.
const MAX_TEXTS: usize = 4;

/// One selector, which ends with the text.
pub(super) fn segments(text: &str) -> Result<Vec<Segment>, SelectorError> {
    let mut parser = Parser { text, at: 0 };
    let segments = parser.selector()?;
    parser.space();
    if parser.peek().is_none() { Ok(segments) } else { parser.fail("`>>` goes on inside a text, and here is none to go into") }
}

/// Selectors with `>>` between them, each with its own part of the text.
pub(super) fn joined(text: &str) -> Result<Vec<(&str, Vec<Segment>)>, SelectorError> {
    let mut parser = Parser { text, at: 0 };
    let mut selectors = Vec::new();
    loop {
        let start = parser.at;
        let segments = parser.selector()?;
        selectors.push((text.get(start..parser.at).unwrap_or_default(), segments));
        parser.space();
        if parser.peek().is_none() {
            return Ok(selectors);
        }
        if selectors.len() > MAX_TEXTS {
            return parser.fail(format!("more than {MAX_TEXTS} texts inside each other"));
        }
        parser.at += JOIN.len();
        parser.space();
    }
}

/// What stands between selectors of which the next one goes on inside the text that the one before it names.
const JOIN: &str = ">>";

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, SelectorError> {
        fail_at(self.at, message)
    }

    /// One selector, up to the end of the text or to the space before `>>`.
    fn selector(&mut self) -> Result<Vec<Segment>, SelectorError> {
        if !self.eat('$') {
            return self.fail("a selector begins with `$`, as in `$.customer.email`");
        }
        let mut segments = Vec::new();
        loop {
            let before_space = self.at;
            self.space();
            let rest = self.text.get(self.at..).unwrap_or_default();
            if rest.is_empty() || rest.starts_with(JOIN) {
                let space = std::mem::replace(&mut self.at, before_space) > before_space;
                return if space && rest.is_empty() { self.fail("white space at the end; take it away") } else { Ok(segments) };
            }
            if segments.len() == MAX_DEPTH {
                return self.fail(format!("more than {MAX_DEPTH} segments, deeper than a document may be"));
            }
            segments.push(self.segment()?);
        }
    }

    fn segment(&mut self) -> Result<Segment, SelectorError> {
        if self.eat('[') {
            return Ok(Segment { descendant: false, step: self.bracket()? });
        }
        if !self.eat('.') {
            return self.hint_after_name();
        }
        let descendant = self.eat('.');
        let step = if descendant && self.eat('[') {
            self.bracket()?
        } else if self.eat('*') {
            Step::Wildcard
        } else if self.peek().is_some_and(is_name_first) {
            self.shorthand()
        } else if descendant {
            return self.fail("after `..` stands a name, `*` or `[`");
        } else {
            return self.fail("after `.` stands a name or `*`; other names go in brackets: `['1st name']`");
        };
        Ok(Segment { descendant, step })
    }

    /// Something that begins no segment: mostly a name with a character that the shorthand does not take.
    fn hint_after_name<T>(&self) -> Result<T, SelectorError> {
        let before = self.text.get(..self.at).unwrap_or_default();
        let rest = self.text.get(self.at..).unwrap_or_default();
        if let Some((_, start)) = before.rsplit_once('.')
            && !start.is_empty()
            && start.chars().all(is_name_char)
        {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = format!("{start}{}", rest.get(..end).unwrap_or_default());
            if !name.contains(['\'', '\\']) {
                return self.fail(format!("this character needs brackets and quotes: `['{name}']`"));
            }
        }
        self.fail("a segment begins with `.` or `[`")
    }

    fn shorthand(&mut self) -> Step {
        let start = self.at;
        while self.peek().is_some_and(is_name_char) {
            self.next();
        }
        Step::Name(self.text.get(start..self.at).unwrap_or_default().into())
    }

    /// What stands in brackets; the opening one is already taken.
    fn bracket(&mut self) -> Result<Step, SelectorError> {
        self.space();
        let step = match self.peek() {
            Some(quote @ ('\'' | '"')) => Step::Name(self.quoted(quote)?.into()),
            Some('*') => {
                self.at += 1;
                Step::Wildcard
            }
            Some('-' | '0'..='9') => Step::Index(self.index()?),
            Some('?') => return self.fail("filters are not supported; name the place, and filter with the filter plugin"),
            Some(':') => return self.slice(),
            Some(']') => return self.fail("the bracket is empty; write a quoted name, an index or `*`"),
            Some(_) => return self.fail("in brackets stands a name in quotes, an index or `*`"),
            None => return self.fail("the bracket is not closed; write a quoted name, an index or `*`, then `]`"),
        };
        self.space();
        match self.peek() {
            Some(']') => {
                self.at += 1;
                Ok(step)
            }
            Some(',') => self.fail("several selectors in one bracket are not supported; write one selector for each"),
            Some(':') => self.slice(),
            _ => self.fail("the bracket is not closed; write `]`"),
        }
    }

    fn slice<T>(&self) -> Result<T, SelectorError> {
        self.fail("slices are not supported; write one index, or `[*]` for every element")
    }

    fn index(&mut self) -> Result<i64, SelectorError> {
        let start = self.at;
        self.eat('-');
        let digits_at = self.at;
        while self.peek().is_some_and(|char| char.is_ascii_digit()) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match self.text.get(digits_at..self.at).unwrap_or_default() {
            "" => return fail_at(start, "an index has digits: `[0]`, or `[-1]` for the last element"),
            "0" if digits_at > start => return fail_at(start, "-0 is no index; the last element is `[-1]`"),
            digits if digits.len() > 1 && digits.starts_with('0') => {
                return fail_at(start, "an index has no leading zero");
            }
            _ => {}
        }
        match text.parse::<i64>() {
            Ok(index) if index.abs() <= MAX_INDEX => Ok(index),
            _ => fail_at(start, "an index lies within 2^53 - 1 of 0"),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, SelectorError> {
        self.at += 1;
        let mut name = String::new();
        loop {
            let start = self.at;
            match self.next() {
                Some(char) if char == quote => return Ok(name),
                Some('\\') => name.push(self.escape(start, quote)?),
                Some(char) if char < ' ' => {
                    return fail_at(start, "a control character; write it as an escape, as in `\\n`");
                }
                Some(char) => name.push(char),
                None => return self.fail("the name has no closing quote"),
            }
        }
    }

    /// What follows a backslash at `start`.
    fn escape(&mut self, start: usize, quote: char) -> Result<char, SelectorError> {
        Ok(match self.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('/') => '/',
            Some('\\') => '\\',
            Some(char) if char == quote => quote,
            Some('u') => return self.unicode(start),
            _ => return fail_at(start, format!("no such escape; there are \\b \\f \\n \\r \\t \\/ \\\\ \\uXXXX \\{quote}")),
        })
    }

    fn unicode(&mut self, start: usize) -> Result<char, SelectorError> {
        let first = self.hex(start)?;
        let scalar = match first {
            0xd800..=0xdbff if self.eat('\\') && self.eat('u') => {
                let second = self.hex(start)?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return fail_at(start, "a surrogate without its other half");
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(scalar).map_or_else(|| fail_at(start, "a surrogate without its other half"), Ok)
    }

    fn hex(&mut self, start: usize) -> Result<u32, SelectorError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => fail_at(start, "after \\u stand four hexadecimal digits"),
        }
    }
}

fn fail_at<T>(at: usize, message: impl Into<String>) -> Result<T, SelectorError> {
    Err(SelectorError { at, message: message.into() })
}

/// `name-first` of RFC 9535.
fn is_name_first(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_' || !char.is_ascii()
}

/// `name-char` of RFC 9535.
fn is_name_char(char: char) -> bool {
    is_name_first(char) || char.is_ascii_digit()
}

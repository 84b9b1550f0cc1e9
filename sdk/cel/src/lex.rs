//! Cuts the text of an expression into words. It must not accept what the language does not: a character too many is a
//! mistake of the author.
use crate::Problem;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    /// Digits; up to 2^63, which is one only with a sign.
    Int(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Longer signs first.
const SIGNS: [&str; 24] =
    ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}"];

/// Cuts words off the front of the text.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    source: &'a str,
    /// In bytes.
    next: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, next: 0 }
    }

    /// A problem at that byte.
    pub(crate) fn problem(&self, at: usize, message: impl Into<String>) -> Problem {
        let before = self.source.get(..at).unwrap_or(self.source);
        Problem { at: before.chars().count(), message: message.into() }
    }

    /// The next word and the byte where it starts.
    pub(crate) fn word(&mut self) -> Result<(usize, Word), Problem> {
        self.skip();
        let start = self.next;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((start, Word::End)) };
        if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit())) {
            return Ok((start, self.number()?));
        }
        if first == '_' || first.is_ascii_alphabetic() {
            let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            let name = &rest[..length];
            if rest[length..].starts_with(['"', '\''])
                && let Some(prefix) = Prefix::of(name)
            {
                self.next += length;
                return Ok((start, self.quoted(start, prefix)?));
            }
            self.next += length;
            return Ok((start, Word::Name(name.to_owned())));
        }
        if first == '"' || first == '\'' {
            return Ok((start, self.quoted(start, Prefix::default())?));
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.next += sign.len();
                Ok((start, Word::Sign(sign)))
            }
            None => Err(self.problem(start, format!("{first:?} means nothing here"))),
        }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.next..).unwrap_or_default()
    }

    /// Past white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let text = rest.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
            self.next += rest.len() - text.len();
            if !text.starts_with("//") {
                return;
            }
            self.next += text.find('\n').unwrap_or(text.len());
        }
    }

    fn number(&mut self) -> Result<Word, Problem> {
        let start = self.next;
        let rest = self.rest();
        if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            let length = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
            self.next += 2 + length;
            self.no_letter_follows()?;
            let number = u64::from_str_radix(&hex[..length], 16);
            return number.map(Word::Int).map_err(|_| self.problem(start, "is not an integer of 64 bits"));
        }
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut length = digits(rest);
        let mut whole = true;
        if rest[length..].starts_with('.') && digits(&rest[length + 1..]) > 0 {
            whole = false;
            length += 1 + digits(&rest[length + 1..]);
        }
        if rest[length..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
            let exponent = digits(&rest[length + 1 + sign..]);
            if exponent > 0 {
                whole = false;
                length += 1 + sign + exponent;
            }
        }
        self.next += length;
        self.no_letter_follows()?;
        let text = &rest[..length];
        let word = if whole {
            text.parse().ok().map(Word::Int)
        } else {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Word::Double)
        };
        word.ok_or_else(|| self.problem(start, "is a number that is too large"))
    }

    fn no_letter_follows(&self) -> Result<(), Problem> {
        match self.rest().chars().next() {
            Some('u' | 'U') => Err(self.problem(self.next, "unsigned integers are not supported; leave the `u` out")),
            Some(letter) if letter == '_' || letter.is_alphanumeric() => Err(self.problem(self.next, "a number ends in a letter")),
            _ => Ok(()),
        }
    }

    /// Text or bytes, from the quote on.
    fn quoted(&mut self, start: usize, prefix: Prefix) -> Result<Word, Problem> {
        let rest = self.rest();
        let quote = &rest[..1];
        let triple = quote.repeat(3);
        let end = if rest.starts_with(&triple) { triple.as_str() } else { quote };
        let long = end.len() == 3;
        self.next += end.len();
        let mut out = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(end) {
                self.next += end.len();
                break;
            }
            let Some(letter) = rest.chars().next() else { return Err(self.problem(start, "text that has no end")) };
            if !long && matches!(letter, '\n' | '\r') {
                return Err(self.problem(start, "text that has no end on its line"));
            }
            self.next += letter.len_utf8();
            if letter == '\\' && !prefix.raw {
                self.escape(prefix.bytes, &mut out)?;
            } else {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if prefix.bytes {
            return Ok(Word::Bytes(out));
        }
        String::from_utf8(out).map(Word::Text).map_err(|_| self.problem(start, "text that is not Unicode"))
    }

    /// What follows a backslash.
    fn escape(&mut self, bytes: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
        let at = self.next - 1;
        let rest = self.rest();
        let letter = rest.chars().next().unwrap_or(' ');
        let simple = match letter {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '?' | '"' | '\'' | '`' => letter as u8,
            'x' | 'X' => return self.scalar(at, 1, 2, 16, bytes, out),
            'u' if !bytes => return self.scalar(at, 1, 4, 16, false, out),
            'U' if !bytes => return self.scalar(at, 1, 8, 16, false, out),
            '0'..='3' => return self.scalar(at, 0, 3, 8, bytes, out),
            _ => return Err(self.problem(at, "is not an escape; write \\\\ for a backslash, or r'…' for text as it is")),
        };
        self.next += 1;
        out.push(simple);
        Ok(())
    }

    /// `digits` digits after `skip` letters, as a byte or as a Unicode scalar.
    fn scalar(&mut self, at: usize, skip: usize, digits: usize, radix: u32, byte: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
        let text = self.rest().get(skip..skip + digits).filter(|text| text.chars().all(|digit| digit.is_digit(radix)));
        let code = text.and_then(|text| u32::from_str_radix(text, radix).ok());
        let scalar = code.and_then(char::from_u32).ok_or_else(|| self.problem(at, "is not an escape of a Unicode scalar"))?;
        self.next += skip + digits;
        match u8::try_from(scalar) {
            Ok(one) if byte => out.push(one),
            _ => out.extend_from_slice(scalar.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Ok(())
    }
}

/// What stands before a quote.
#[derive(Debug, Clone, Copy, Default)]
struct Prefix {
    raw: bool,
    bytes: bool,
}

impl Prefix {
    fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "r" => Some(Self { raw: true, bytes: false }),
            "b" => Some(Self { raw: false, bytes: true }),
            "rb" | "br" => Some(Self { raw: true, bytes: true }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Result<Vec<Word>, String> {
        let mut lexer = Lexer::new(source);
        let mut words = Vec::new();
        loop {
            match lexer.word() {
                Ok((_, Word::End)) => return Ok(words),
                Ok((_, word)) => words.push(word),
                Err(problem) => return Err(problem.to_string()),
            }
        }
    }

    #[test]
    fn words_are_cut() {
        let text = |text: &str| Word::Text(text.to_owned());
        for (source, expected) in [
            ("a1_b<=2 // rest\n&&", vec![Word::Name("a1_b".to_owned()), Word::Sign("<="), Word::Int(2), Word::Sign("&&")]),
            (
                "0x1F 1.50 .5 1e3 2.x",
                vec![
                    Word::Int(31),
                    Word::Double(1.5),
                    Word::Double(0.5),
                    Word::Double(1000.0),
                    Word::Int(2),
                    Word::Sign("."),
                    Word::Name("x".to_owned()),
                ],
            ),
            (r#" 'it\'s' "é\n\u00e9\x41\101" r'\d' "#, vec![text("it's"), text("é\né\u{41}A"), text(r"\d")]),
            ("'''a'b\nc''' \"\"", vec![text("a'b\nc"), text("")]),
            (r"b'\xff\377é' rB'\n'", vec![Word::Bytes(vec![255, 255, 0xc3, 0xa9]), Word::Bytes(b"\\n".to_vec())]),
            ("9223372036854775808", vec![Word::Int(1 << 63)]),
        ] {
            assert_eq!(words(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_is_no_word_is_said_with_its_place() {
        for (source, expected) in [
            ("é = 1", "'é' means nothing here (at character 1)"),
            ("a = 1", "'=' means nothing here (at character 3)"),
            ("  'abc", "text that has no end (at character 3)"),
            ("'a\nb'", "text that has no end on its line (at character 1)"),
            (r"'é\d'", r"is not an escape; write \\ for a backslash, or r'…' for text as it is (at character 3)"),
            (r"'\ud800'", "is not an escape of a Unicode scalar (at character 2)"),
            (r"'\x4", "is not an escape of a Unicode scalar (at character 2)"),
            ("1u", "unsigned integers are not supported; leave the `u` out (at character 2)"),
            ("12ab", "a number ends in a letter (at character 3)"),
            ("99999999999999999999", "is a number that is too large (at character 1)"),
            ("1e999", "is a number that is too large (at character 1)"),
            ("0x", "is not an integer of 64 bits (at character 1)"),
        ] {
            assert_eq!(words(source), Err(expected.to_owned()), "{source}");
        }
    }
}

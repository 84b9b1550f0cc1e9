//! Comma-separated values as RFC 4180 has them: quotes, doubled quotes, line breaks inside of quotes. It must not guess
//! separators or types.

/// Splits a text into records; each comes with the line that it begins on, counted from 1.
pub(super) struct Csv<'a> {
    rest: &'a str,
    line: usize,
}

/// A text that is not CSV, with the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotCsv(pub(super) usize);

impl<'a> Csv<'a> {
    /// From the first line on; a byte order mark is not part of it.
    pub(super) fn new(text: &'a str) -> Self {
        Csv { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
    }

    /// One field, and whether another one follows in the record.
    fn field(&mut self) -> Result<(String, bool), NotCsv> {
        let mut field = String::new();
        match self.rest.strip_prefix('"') {
            None => {
                let end = self.rest.find([',', '\n', '"']).unwrap_or(self.rest.len());
                field.push_str(&self.rest[..end]);
                self.rest = &self.rest[end..];
                if self.rest.starts_with('\n') && field.ends_with('\r') {
                    field.pop();
                }
            }
            Some(quoted) => {
                let began = self.line;
                self.rest = quoted;
                loop {
                    let end = self.rest.find('"').ok_or(NotCsv(began))?;
                    field.push_str(&self.rest[..end]);
                    self.line += self.rest[..end].matches('\n').count();
                    self.rest = &self.rest[end + 1..];
                    let Some(more) = self.rest.strip_prefix('"') else { break };
                    field.push('"');
                    self.rest = more;
                }
                self.rest = if self.rest.starts_with("\r\n") { &self.rest[1..] } else { self.rest };
            }
        }
        match self.rest.as_bytes().first() {
            Some(b',') => {
                self.rest = &self.rest[1..];
                Ok((field, true))
            }
            Some(b'\n') => {
                self.rest = &self.rest[1..];
                self.line += 1;
                Ok((field, false))
            }
            None => Ok((field, false)),
            // A quote within a field, or text behind a closing one.
            Some(_) => Err(NotCsv(self.line)),
        }
    }
}

impl Iterator for Csv<'_> {
    type Item = Result<(usize, Vec<String>), NotCsv>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (line, mut fields) = (self.line, Vec::new());
            loop {
                match self.field() {
                    Ok((field, more)) => {
                        fields.push(field);
                        if !more {
                            break;
                        }
                    }
                    Err(error) => {
                        self.rest = "";
                        return Some(Err(error));
                    }
                }
            }
            // A blank line is no record.
            if fields.len() > 1 || !fields[0].is_empty() {
                return Some(Ok((line, fields)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_with_their_lines() {
        type Want = Result<Vec<(usize, Vec<&'static str>)>, NotCsv>;
        let cases: [(&str, Want); 14] = [
            ("", Ok(vec![])),
            ("\n\r\n", Ok(vec![])),
            ("a,b\n1,2\n", Ok(vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])])),
            ("a,b\r\n1,2", Ok(vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])])),
            ("\u{feff}a\n\nb", Ok(vec![(1, vec!["a"]), (3, vec!["b"])])),
            ("a,\n,b\n", Ok(vec![(1, vec!["a", ""]), (2, vec!["", "b"])])),
            ("\"a,b\",\"c\"\"d\"\r\n", Ok(vec![(1, vec!["a,b", "c\"d"])])),
            ("\"a\nb\"\nc\n", Ok(vec![(1, vec!["a\nb"]), (3, vec!["c"])])),
            ("\"\"\"\",\"\"\nx,y\n", Ok(vec![(1, vec!["\"", ""]), (2, vec!["x", "y"])])),
            ("é,ü", Ok(vec![(1, vec!["é", "ü"])])),
            ("a\n\"b", Err(NotCsv(2))),
            ("a\nb\"c", Err(NotCsv(2))),
            ("\"a\"b", Err(NotCsv(1))),
            ("\"a\n\"x\n", Err(NotCsv(2))),
        ];
        for (text, want) in cases {
            let got: Result<Vec<_>, _> = Csv::new(text).collect();
            let got = got
                .as_ref()
                .map(|records| records.iter().map(|(line, fields)| (*line, fields.iter().map(String::as_str).collect())).collect());
            assert_eq!(got, want.as_ref().map(Clone::clone), "{text:?}");
        }
    }
}

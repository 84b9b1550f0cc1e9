//! The head of an input: which selectors, and what becomes of the values. Every sequence of bytes is one, so that no
//! input is wasted, and most can be read. Knows no format.
//!
//! It ends with the first line break; without one there is none. `a` to `h` is a name, a digit an index, `-` before it
//! counts from the end, `*` is a wildcard, `.` makes the next one a descendant, `,` begins the next selector, `|` begins
//! what the allow list keeps, and `!`, `=`, `~` say what becomes of the values; all else is passed over:
//! `a.b,*0|c!` is the fields `$.a..b` and `$.*[0]`, the allow list with `$.c`, and the values removed.

use std::fmt::Write as _;

use crate::host::fields::{Containers, Selection, Selector};

/// Most selectors, and most steps of one: what more of them would find, these find too.
const MOST: usize = 6;

/// One step of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    Name(char),
    Index(i64),
    Any,
}

/// A step, and whether it also looks further down.
pub type Step = (bool, Pick);

/// What becomes of every selected value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Clear,
    Remove,
    /// It is set to a text.
    Text,
    /// It is set to what it is.
    Same,
}

/// What stands before the document.
#[derive(Debug)]
pub struct Head {
    pub fields: Vec<Vec<Step>>,
    pub keep: Option<Vec<Vec<Step>>>,
    pub how: How,
}

impl Head {
    /// The head of an input, and what is behind it.
    pub fn split(input: &[u8]) -> (Self, &[u8]) {
        let (head, rest) = input.iter().position(|&byte| byte == b'\n').map_or((&b""[..], input), |end| (&input[..end], &input[end + 1..]));
        let mut read = Self { fields: Vec::new(), keep: None, how: How::Clear };
        let (mut open, mut descendant, mut sign) = (false, false, 1);
        for &byte in head {
            let pick = match byte {
                b'a'..=b'h' => Pick::Name(char::from(byte)),
                // From the end the first is -1.
                b'0'..=b'9' if sign < 0 => Pick::Index(-i64::from(byte - b'0') - 1),
                b'0'..=b'9' => Pick::Index(i64::from(byte - b'0')),
                b'*' => Pick::Any,
                b'$' => {
                    read.selector(&mut open);
                    continue;
                }
                b'.' => {
                    descendant = true;
                    continue;
                }
                b'-' => {
                    sign = -1;
                    continue;
                }
                _ => {
                    match byte {
                        b',' => open = false,
                        b'|' => (read.keep, open) = (Some(read.keep.take().unwrap_or_default()), false),
                        b'!' => read.how = How::Remove,
                        b'=' => read.how = How::Same,
                        b'~' => read.how = How::Text,
                        _ => {}
                    }
                    continue;
                }
            };
            if let Some(steps) = read.selector(&mut open).filter(|steps| steps.len() < MOST) {
                steps.push((descendant, pick));
            }
            (descendant, sign) = (false, 1);
        }
        (read, rest)
    }

    /// The selector that steps go to.
    fn selector(&mut self, open: &mut bool) -> Option<&mut Vec<Step>> {
        let list = self.keep.as_mut().unwrap_or(&mut self.fields);
        if !*open {
            if list.len() == MOST {
                return None;
            }
            list.push(Vec::new());
            *open = true;
        }
        list.last_mut()
    }

    /// What the host makes of the selectors; none where they contradict each other.
    pub fn selection(&self, containers: Containers) -> Option<Selection> {
        let parsed = |list: &Vec<Vec<Step>>| -> Vec<Selector> { list.iter().map(|steps| selector(steps)).collect() };
        let keep = self.keep.as_ref().map(parsed);
        Selection::compile(&parsed(&self.fields), keep.as_deref(), containers).ok()
    }

    /// Whether elements are counted: others have their places once some are gone.
    pub fn counts(&self) -> bool {
        self.fields.iter().chain(self.keep.iter().flatten()).flatten().any(|(_, pick)| matches!(pick, Pick::Index(_)))
    }
}

fn selector(steps: &[Step]) -> Selector {
    let mut text = String::from("$");
    for (descendant, pick) in steps {
        text.push_str(if *descendant { ".." } else { "" });
        // Writing to a String cannot fail.
        match pick {
            Pick::Name(name) => write!(text, "['{name}']"),
            Pick::Index(index) => write!(text, "[{index}]"),
            Pick::Any => write!(text, "[*]"),
        }
        .unwrap_or_default();
    }
    Selector::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

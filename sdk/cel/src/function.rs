//! Which functions there are, and what each takes. It must not compute: `convert`, `text` and `time` do.
use crate::convert;
use crate::evaluate::{Budget, Failure, Result};
use crate::text;
use crate::time::{Duration, Parts, Time};
use crate::value::Value;

/// A function that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Bool,
    Bytes,
    Double,
    Int,
    Text,
    Timestamp,
    Duration,
    Type,
    CharAt,
    IndexOf,
    Join,
    LastIndexOf,
    LowerAscii,
    Replace,
    Split,
    Substring,
    Trim,
    UpperAscii,
    Year,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `f(x)`
    Plain,
    /// `x.f()`
    Method,
    Both,
}

/// Name, form, fewest and most arguments (what a method is called on counts as one).
const FUNCTIONS: [(&str, Form, usize, usize, Function); 32] = [
    ("size", Form::Both, 1, 1, Function::Size),
    ("contains", Form::Method, 2, 2, Function::Contains),
    ("startsWith", Form::Method, 2, 2, Function::StartsWith),
    ("endsWith", Form::Method, 2, 2, Function::EndsWith),
    ("bool", Form::Plain, 1, 1, Function::Bool),
    ("bytes", Form::Plain, 1, 1, Function::Bytes),
    ("double", Form::Plain, 1, 1, Function::Double),
    ("int", Form::Plain, 1, 1, Function::Int),
    ("string", Form::Plain, 1, 1, Function::Text),
    ("timestamp", Form::Plain, 1, 1, Function::Timestamp),
    ("duration", Form::Plain, 1, 1, Function::Duration),
    ("type", Form::Plain, 1, 1, Function::Type),
    ("charAt", Form::Method, 2, 2, Function::CharAt),
    ("indexOf", Form::Method, 2, 2, Function::IndexOf),
    ("join", Form::Method, 1, 2, Function::Join),
    ("lastIndexOf", Form::Method, 2, 2, Function::LastIndexOf),
    ("lowerAscii", Form::Method, 1, 1, Function::LowerAscii),
    ("replace", Form::Method, 3, 4, Function::Replace),
    ("split", Form::Method, 2, 3, Function::Split),
    ("substring", Form::Method, 2, 3, Function::Substring),
    ("trim", Form::Method, 1, 1, Function::Trim),
    ("upperAscii", Form::Method, 1, 1, Function::UpperAscii),
    ("getFullYear", Form::Method, 1, 1, Function::Year),
    ("getMonth", Form::Method, 1, 1, Function::Month),
    ("getDate", Form::Method, 1, 1, Function::Date),
    ("getDayOfMonth", Form::Method, 1, 1, Function::DayOfMonth),
    ("getDayOfWeek", Form::Method, 1, 1, Function::DayOfWeek),
    ("getDayOfYear", Form::Method, 1, 1, Function::DayOfYear),
    ("getHours", Form::Method, 1, 1, Function::Hours),
    ("getMinutes", Form::Method, 1, 1, Function::Minutes),
    ("getSeconds", Form::Method, 1, 1, Function::Seconds),
    ("getMilliseconds", Form::Method, 1, 1, Function::Milliseconds),
];

impl Function {
    /// The function of that name for so many arguments, or a sentence.
    pub(crate) fn find(name: &str, arguments: usize, method: bool) -> std::result::Result<Self, String> {
        let Some((_, form, least, most, function)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            return Err(format!("there is no function `{name}`; there are {}", FUNCTIONS.map(|(known, ..)| known).join(", ")));
        };
        let written = usize::from(method);
        match form {
            Form::Method if !method => Err(format!("{name} is called on a value: x.{name}(…)")),
            Form::Plain if method => Err(format!("{name} is called with its argument: {name}(x)")),
            _ if (*least..=*most).contains(&arguments) => Ok(*function),
            _ if least == most => Err(format!("{name} has {} arguments, not {}", least - written, arguments - written)),
            _ => Err(format!("{name} has {} to {} arguments, not {}", least - written, most - written, arguments - written)),
        }
    }

    /// Calls it with the first `count` of `arguments`.
    pub(crate) fn call<'a>(self, arguments: [&Value<'a>; 4], count: usize, budget: &mut Budget) -> Result<Value<'a>> {
        let [on, first, second, third] = arguments;
        match self {
            Self::Size => size(on, budget),
            Self::Contains => text::holds(on, first, budget, |text, part| text.contains(part)),
            Self::StartsWith => text::holds(on, first, budget, |text, part| text.starts_with(part)),
            Self::EndsWith => text::holds(on, first, budget, |text, part| text.ends_with(part)),
            Self::Bool => convert::bool(on),
            Self::Bytes => convert::bytes(on),
            Self::Double => convert::double(on),
            Self::Int => convert::int(on),
            Self::Text => convert::text(on, budget),
            Self::Timestamp => convert::time(on),
            Self::Duration => convert::duration(on),
            Self::Type => on.kind().map(Value::Kind).ok_or(Failure::Type),
            Self::CharAt => text::char_at(on, first, budget),
            Self::IndexOf => text::index_of(on, first, budget, |text, part| text.find(part)),
            Self::LastIndexOf => text::index_of(on, first, budget, |text, part| text.rfind(part)),
            Self::Join => text::join(on, (count > 1).then_some(first), budget),
            Self::LowerAscii => text::made(on, budget, |text| text.to_ascii_lowercase()),
            Self::UpperAscii => text::made(on, budget, |text| text.to_ascii_uppercase()),
            Self::Trim => text::made(on, budget, |text| text.trim().to_owned()),
            Self::Replace => text::replace(on, first, second, (count > 3).then_some(third), budget),
            Self::Split => text::split(on, first, (count > 2).then_some(second), budget),
            Self::Substring => text::substring(on, first, (count > 2).then_some(second), budget),
            _ => self.part(on),
        }
    }

    /// A part of a time, or of a length of time.
    fn part<'a>(self, of: &Value<'a>) -> Result<Value<'a>> {
        let number = match of {
            Value::Time(time) => self.of_time(*time),
            Value::Duration(length) => self.of_duration(*length),
            _ => None,
        };
        number.map(Value::Int).ok_or(Failure::Type)
    }

    fn of_time(self, time: Time) -> Option<i64> {
        let Parts { year, month, day, day_of_year, day_of_week, hours, minutes, seconds, millis } = time.parts();
        Some(match self {
            Self::Year => year,
            Self::Month => month - 1,
            Self::Date => day,
            Self::DayOfMonth => day - 1,
            Self::DayOfWeek => day_of_week,
            Self::DayOfYear => day_of_year,
            Self::Hours => hours,
            Self::Minutes => minutes,
            Self::Seconds => seconds,
            Self::Milliseconds => millis,
            _ => return None,
        })
    }

    fn of_duration(self, length: Duration) -> Option<i64> {
        Some(match self {
            Self::Hours => length.whole_seconds() / 3600,
            Self::Minutes => length.whole_seconds() / 60,
            Self::Seconds => length.whole_seconds(),
            Self::Milliseconds => length.millis(),
            _ => return None,
        })
    }
}

/// Unicode scalars of text, bytes, elements or keys.
fn size<'a>(of: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    let size = match of {
        Value::Text(text) => {
            budget.spend_bytes(text.len())?;
            text.chars().count()
        }
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        _ => return Err(Failure::Type),
    };
    i64::try_from(size).map(Value::Int).map_err(|_| Failure::Range)
}

//! Functions on text, counted in Unicode scalars. They must not make text without paying for its length.
use crate::evaluate::{Budget, Failure, MOST_LENGTH, Result, owned};
use crate::value::Value;

fn of<'v>(value: &'v Value<'_>) -> Result<&'v str> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(Failure::Type),
    }
}

/// A count from 0; anything below is out of range.
fn count(value: &Value<'_>) -> Result<usize> {
    match value {
        Value::Int(number) => usize::try_from(*number).map_err(|_| Failure::NoSuch),
        _ => Err(Failure::Type),
    }
}

/// Whether something is true of a text and a part of it.
pub(crate) fn holds<'a>(on: &Value<'a>, part: &Value<'a>, budget: &mut Budget, test: fn(&str, &str) -> bool) -> Result<Value<'a>> {
    let (text, part) = (of(on)?, of(part)?);
    budget.spend_bytes(text.len())?;
    Ok(Value::Bool(test(text, part)))
}

/// Text made of text that is not longer.
pub(crate) fn made<'a>(on: &Value<'a>, budget: &mut Budget, make: fn(&str) -> String) -> Result<Value<'a>> {
    let text = of(on)?;
    budget.spend_bytes(text.len())?;
    Ok(owned(make(text)))
}

pub(crate) fn char_at<'a>(on: &Value<'a>, at: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    let (text, at) = (of(on)?, count(at)?);
    budget.spend_bytes(text.len())?;
    let mut rest = text.chars().skip(at);
    match rest.next() {
        Some(letter) => Ok(owned(letter.to_string())),
        // One past the end is no letter; beyond is a mistake.
        None if text.chars().count() == at => Ok(owned(String::new())),
        None => Err(Failure::NoSuch),
    }
}

/// Where a part is, or -1.
pub(crate) fn index_of<'a>(
    on: &Value<'a>,
    part: &Value<'a>,
    budget: &mut Budget,
    find: fn(&str, &str) -> Option<usize>,
) -> Result<Value<'a>> {
    let (text, part) = (of(on)?, of(part)?);
    budget.spend_bytes(text.len())?;
    let at = find(text, part).and_then(|at| text.get(..at)).map(|before| before.chars().count());
    Ok(Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)))
}

pub(crate) fn join<'a>(on: &Value<'a>, between: Option<&Value<'a>>, budget: &mut Budget) -> Result<Value<'a>> {
    let Value::List(items) = on else { return Err(Failure::Type) };
    let between = between.map_or(Ok(""), of)?;
    let mut joined = String::new();
    for (number, item) in items.iter().enumerate() {
        let item = of(item)?;
        let between = if number == 0 { "" } else { between };
        budget.spend(1)?;
        budget.spend_bytes(between.len() + item.len())?;
        if joined.len() + between.len() + item.len() > MOST_LENGTH {
            return Err(Failure::Budget);
        }
        joined.push_str(between);
        joined.push_str(item);
    }
    Ok(owned(joined))
}

/// Every part, or the first so many, becomes another.
pub(crate) fn replace<'a>(
    on: &Value<'a>,
    part: &Value<'a>,
    by: &Value<'a>,
    times: Option<&Value<'a>>,
    budget: &mut Budget,
) -> Result<Value<'a>> {
    let (text, part, by) = (of(on)?, of(part)?, of(by)?);
    let times = match times {
        None | Some(Value::Int(..0)) => usize::MAX,
        Some(times) => count(times)?,
    };
    budget.spend_bytes(text.len())?;
    let found = text.matches(part).take(times).count();
    budget.spend_bytes(found.saturating_mul(by.len()).saturating_add(text.len()))?;
    Ok(owned(text.replacen(part, by, times)))
}

/// The parts between the separators; at most so many, the last one with the rest.
pub(crate) fn split<'a>(on: &Value<'a>, by: &Value<'a>, most: Option<&Value<'a>>, budget: &mut Budget) -> Result<Value<'a>> {
    let (text, by) = (of(on)?, of(by)?);
    let most = match most {
        None | Some(Value::Int(..0)) => usize::MAX,
        Some(most) => count(most)?,
    };
    budget.spend_bytes(text.len())?;
    let parts: Vec<Value<'a>> = if most == 0 {
        Vec::new()
    } else if by.is_empty() {
        // Its letters, not the empty texts around them.
        let mut letters: Vec<String> = text.chars().take(most - 1).map(String::from).collect();
        let rest: String = text.chars().skip(letters.len()).collect();
        letters.extend((!rest.is_empty()).then_some(rest));
        letters.into_iter().map(owned).collect()
    } else {
        text.splitn(most, by).map(|part| owned(part.to_owned())).collect()
    };
    budget.spend(parts.len())?;
    Ok(Value::List(parts.into()))
}

/// From a letter on, up to another that is not part of it.
pub(crate) fn substring<'a>(on: &Value<'a>, from: &Value<'a>, to: Option<&Value<'a>>, budget: &mut Budget) -> Result<Value<'a>> {
    let (text, from) = (of(on)?, count(from)?);
    budget.spend_bytes(text.len())?;
    let length = text.chars().count();
    let to = to.map_or(Ok(length), count)?;
    if from > to || to > length {
        return Err(Failure::NoSuch);
    }
    Ok(owned(text.chars().skip(from).take(to - from).collect()))
}

//! A document that is edited by path. It must not half do an edit: one that fails leaves the document as it was.
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use crate::object::{Bytes, Container, Node, Part};
use crate::path::{Path, Segment};
use crate::read::{Duplicate, Json};
use crate::scan::{Malformed, check};
use crate::text::{quote, unquote};

/// A document, edited in place.
#[derive(Debug)]
pub struct Document<'a> {
    /// White space around it.
    around: (&'a [u8], &'a [u8]),
    root: Node<'a>,
    changed: bool,
}

/// Why an edit cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// A name on the path is there twice.
    Duplicate,
    /// Something on the path is there, but is no object for a name, or no array for an index.
    NotAContainer,
    /// The array ends before the index.
    NoSuchElement,
    /// There is a member of the new name already.
    NameTaken,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "a name on the path is there twice",
            Self::NotAContainer => "the path leads through something that is neither object nor array",
            Self::NoSuchElement => "the array ends before the index",
            Self::NameTaken => "there is a member of the new name already",
        })
    }
}

impl std::error::Error for EditError {}

impl From<Duplicate> for EditError {
    fn from(_: Duplicate) -> Self {
        Self::Duplicate
    }
}

impl<'a> Document<'a> {
    /// Checks a whole document.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(document: &'a [u8]) -> Result<Self, Malformed> {
        let (start, end) = check(document)?;
        let part = |from, to| document.get(from..to).unwrap_or_default();
        let root = Node::Written(Cow::Borrowed(part(start, end)));
        Ok(Self { around: (part(0, start), part(end, document.len())), root, changed: false })
    }

    /// Whether any edit changed a byte.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Appends the document as it is now.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.around.0);
        self.root.write(out);
        out.extend_from_slice(self.around.1);
    }

    /// The JSON text of what stands at `path`; none where nothing does.
    ///
    /// # Errors
    /// A name on the path is there twice.
    pub fn get(&self, path: &Path) -> Result<Option<Cow<'_, [u8]>>, Duplicate> {
        let mut node = &self.root;
        let mut segments = path.segments();
        loop {
            if let Node::Written(bytes) = node {
                return Ok(Json::known(bytes).below(segments)?.map(|json| Cow::Borrowed(json.bytes())));
            }
            let Some((segment, rest)) = segments.split_first() else {
                let mut out = Vec::new();
                node.write(&mut out);
                return Ok(Some(Cow::Owned(out)));
            };
            segments = rest;
            let part = match (node, segment) {
                (Node::Object(object), Segment::Name(name)) => sole(object, name)?.and_then(|at| object.parts.get(at)),
                (Node::Array(array), Segment::Index(index)) => array.parts.get(*index),
                _ => None,
            };
            match part {
                Some(part) => node = &part.value,
                None => return Ok(None),
            }
        }
    }

    /// Puts `json`, which must be one value, at `path`. Objects that are missing on the way are made; a new member comes
    /// last.
    ///
    /// # Errors
    /// Something on the way is no object or array, or is there twice.
    pub fn set(&mut self, path: &Path, json: Vec<u8>) -> Result<(), EditError> {
        // What fails must fail before an object is made for it.
        if self.get(path)?.is_some_and(|own| *own == *json) {
            return Ok(());
        }
        put(&mut self.root, path.segments(), json)?;
        self.changed = true;
        Ok(())
    }

    /// Takes what stands at `path` out; whether there was anything. The whole document cannot be taken out.
    ///
    /// # Errors
    /// A name on the path is there twice.
    pub fn remove(&mut self, path: &Path) -> Result<bool, EditError> {
        let Some((container, at)) = self.find(path)? else { return Ok(false) };
        container.remove(at);
        self.changed = true;
        Ok(true)
    }

    /// Gives the member at `path` another name, at its place; whether there was one.
    ///
    /// # Errors
    /// There is a member of that name beside it, or a name on the path is there twice.
    pub fn rename(&mut self, path: &Path, name: &str) -> Result<bool, EditError> {
        let Some((object, at)) = self.find(path)? else { return Ok(false) };
        if object.named(name).any(|other| other != at) {
            return Err(EditError::NameTaken);
        }
        let Some(part) = object.parts.get_mut(at).filter(|part| !part.name.is_empty()) else { return Ok(false) };
        let mut written = Vec::with_capacity(name.len() + 2);
        quote(name, &mut written);
        if *part.name != *written {
            part.name = Cow::Owned(written);
            self.changed = true;
        }
        Ok(true)
    }

    /// Puts the members of the object at `path` into the place where it stood, `prefix` before their names; whether
    /// there was one. With a delimiter objects below are flattened too, the names on the way joined by it. For the whole
    /// document, objects below are flattened into it.
    ///
    /// # Errors
    /// What stands there is no object; two members would have one name; a name on the path is there twice.
    pub fn flatten(&mut self, path: &Path, prefix: &str, delimiter: Option<&str>) -> Result<bool, EditError> {
        let mut written = Vec::new();
        quote(prefix, &mut written);
        let prefix = written.get(1..written.len() - 1).unwrap_or_default().to_vec();
        let mut joint = Vec::new();
        quote(delimiter.unwrap_or_default(), &mut joint);
        let joint = delimiter.map(|_| joint.get(1..joint.len() - 1).unwrap_or_default().to_vec());
        if path.is_root() {
            return self.flatten_root(&prefix, joint.as_deref());
        }
        let Some((parent, at)) = self.find(path)? else { return Ok(false) };
        let Some(part) = parent.parts.get_mut(at).filter(|part| !part.name.is_empty()) else { return Err(EditError::NotAContainer) };
        let space = (part.lead.clone(), part.colon.clone());
        let tail = part.tail.clone();
        let object = part.value.object().ok_or(EditError::NotAContainer)?;
        let mut lifted = Vec::new();
        lift(object, &prefix, joint.as_deref(), &mut lifted);
        let others = parent.parts.iter().enumerate().filter(|(own, _)| *own != at).map(|(_, part)| &*part.name);
        distinct(others, lifted.iter().map(|(name, _)| &**name))?;
        if lifted.is_empty() {
            parent.remove(at);
        } else {
            let mut parts: Vec<Part<'a>> = lifted.into_iter().map(|(name, value)| own(name, value, &space)).collect();
            if let Some(last) = parts.last_mut() {
                last.tail = tail;
            }
            parent.parts.splice(at..=at, parts);
        }
        self.changed = true;
        Ok(true)
    }

    fn flatten_root(&mut self, prefix: &[u8], joint: Option<&[u8]>) -> Result<bool, EditError> {
        let object = self.root.object().ok_or(EditError::NotAContainer)?;
        let Some(joint) = joint else { return Ok(true) };
        let nested = object.parts.iter_mut().any(|part| part.value.object().is_some_and(|object| !object.parts.is_empty()));
        if !nested && prefix.is_empty() {
            return Ok(true);
        }
        let first = object.parts.first().map(|part| (part.lead.clone(), part.colon.clone()));
        let space = first.unwrap_or((Cow::Borrowed(b""), Cow::Borrowed(b":")));
        let tail = object.parts.last().map(|part| part.tail.clone());
        let mut lifted = Vec::new();
        lift(object, prefix, Some(joint), &mut lifted);
        distinct(std::iter::empty(), lifted.iter().map(|(name, _)| &**name))?;
        object.parts = lifted.into_iter().map(|(name, value)| own(name, value, &space)).collect();
        if let (Some(last), Some(tail)) = (object.parts.last_mut(), tail) {
            last.tail = tail;
        }
        self.changed = true;
        Ok(true)
    }

    /// The container of what stands at `path`, and where in it; none where nothing does.
    fn find(&mut self, path: &Path) -> Result<Option<(&mut Container<'a>, usize)>, EditError> {
        let Some((last, way)) = path.segments().split_last() else { return Ok(None) };
        let mut node = &mut self.root;
        for segment in way {
            let Some((container, at)) = step(node, segment)? else { return Ok(None) };
            match container.parts.get_mut(at) {
                Some(part) => node = &mut part.value,
                None => return Ok(None),
            }
        }
        step(node, last)
    }
}

/// The one member of that name.
fn sole(object: &Container<'_>, name: &str) -> Result<Option<usize>, Duplicate> {
    let mut found = object.named(name);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Duplicate),
        (at, None) => Ok(at),
    }
}

/// One segment down, in a node taken apart for it.
fn step<'n, 'a>(node: &'n mut Node<'a>, segment: &Segment) -> Result<Option<(&'n mut Container<'a>, usize)>, EditError> {
    match segment {
        Segment::Name(name) => {
            let Some(object) = node.object() else { return Ok(None) };
            let at = sole(object, name)?;
            Ok(at.map(|at| (object, at)))
        }
        Segment::Index(index) => {
            let array = node.array().filter(|array| *index < array.parts.len());
            Ok(array.map(|array| (array, *index)))
        }
    }
}

/// Puts a value below `node`.
fn put<'a>(node: &mut Node<'a>, segments: &[Segment], json: Vec<u8>) -> Result<(), EditError> {
    let Some((segment, rest)) = segments.split_first() else {
        *node = Node::Written(Cow::Owned(json));
        return Ok(());
    };
    let part = match segment {
        Segment::Name(name) => {
            let object = node.object().ok_or(EditError::NotAContainer)?;
            match sole(object, name)? {
                Some(at) => object.parts.get_mut(at),
                None => {
                    let mut value = Node::Written(Cow::Borrowed(b"{}"));
                    put(&mut value, rest, json)?;
                    object.push(name, value);
                    return Ok(());
                }
            }
        }
        Segment::Index(index) => node.array().ok_or(EditError::NotAContainer)?.parts.get_mut(*index),
    };
    put(&mut part.ok_or(EditError::NoSuchElement)?.value, rest, json)
}

/// White space before a member, and from its name to its value.
type Space<'a> = (Bytes<'a>, Bytes<'a>);

/// The members of an object with their new names, and with a joint those of objects below. Values stay where they are
/// until all names are known to be free.
fn lift<'a>(object: &mut Container<'a>, prefix: &[u8], joint: Option<&[u8]>, lifted: &mut Vec<(Vec<u8>, Bytes<'a>)>) {
    for part in &mut object.parts {
        let inner = part.name.get(1..part.name.len().saturating_sub(1)).unwrap_or_default();
        let name = [prefix, inner].concat();
        if let (Some(joint), Some(below)) = (joint, part.value.object())
            && !below.parts.is_empty()
        {
            // As deep as the document at most.
            lift(below, &[&name, joint].concat(), Some(joint), lifted);
            continue;
        }
        let value = match &part.value {
            Node::Written(bytes) => bytes.clone(),
            taken_apart => {
                let mut out = Vec::new();
                taken_apart.write(&mut out);
                Cow::Owned(out)
            }
        };
        lifted.push(([b"\"", &name[..], b"\""].concat(), value));
    }
}

fn own<'a>(name: Vec<u8>, value: Bytes<'a>, (lead, colon): &Space<'a>) -> Part<'a> {
    Part { lead: lead.clone(), name: Cow::Owned(name), colon: colon.clone(), value: Node::Written(value), tail: Cow::Borrowed(b"") }
}

/// Whether no new name is that of another member, new or old.
fn distinct<'n>(old: impl Iterator<Item = &'n [u8]>, new: impl Iterator<Item = &'n [u8]>) -> Result<(), EditError> {
    let plain = |name: &'n [u8]| unquote(name).unwrap_or_default();
    let mut names: BTreeSet<Cow<'n, str>> = old.map(plain).collect();
    for name in new {
        if !names.insert(plain(name)) {
            return Err(EditError::NameTaken);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

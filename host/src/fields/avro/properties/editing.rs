//! What selecting and patching mean, done to trees: the plain reading for the properties to compare with.

use serde_json::Value;

use super::super::super::reference::Reference;
use super::super::super::{Edit, Kind, PatchError};
use super::super::oracle::{Tree, Ty};
use super::super::plan::Parent;

/// The value as the reference sees it: only names and nesting count.
pub(super) fn shape(of: &Ty, tree: &Tree, root: &Ty) -> Value {
    match (of, tree) {
        (Ty::Root, _) => shape(root, tree, root),
        (Ty::Union(branches), Tree::Branch(branch, value)) => shape(&branches[*branch], value, root),
        (Ty::Record(fields), Tree::Record(values)) => {
            fields.iter().zip(values).map(|((name, of), value)| (name.clone(), shape(of, value, root))).collect()
        }
        (Ty::Array(item), _) => tree.items().into_iter().map(|(_, value)| shape(item, value, root)).collect(),
        (Ty::Map(of), _) => tree.items().into_iter().map(|(key, value)| (key.unwrap().to_owned(), shape(of, value, root))).collect(),
        _ => Value::Null,
    }
}

/// What the tests do to a field's values.
pub(super) fn edit(field: usize) -> Edit<'static> {
    match field {
        0 => Edit::Set { kind: Kind::Text as u8, data: b"masked" },
        1 => Edit::Clear { text: b"[gone]" },
        2 => Edit::Remove,
        3 => Edit::Set { kind: Kind::Integer as u8, data: b"7" },
        _ => Edit::Keep,
    }
}

/// Edits the tree as the plan should edit the bytes.
pub(super) struct Editing<'a> {
    pub(super) root: &'a Ty,
    pub(super) reference: &'a Reference<'a>,
    /// The scalars that fields get, in order.
    pub(super) hits: Vec<(usize, Tree)>,
    /// Of the value: the number of the child at each level.
    pub(super) path: Vec<usize>,
}

/// What a value becomes: none if it goes; an error refuses the whole datum.
pub(super) type Edited = Result<Option<Tree>, PatchError>;

impl Editing<'_> {
    /// None: it goes.
    pub(super) fn value(&mut self, of: &Ty, tree: &Tree, parent: Parent) -> Edited {
        if let (Ty::Root, root) = (of, self.root) {
            return self.value(root, tree, parent);
        }
        let (union, of, value) = match (of, tree) {
            (Ty::Union(branches), Tree::Branch(at, value)) if branches[*at] == Ty::Root => (Some((&**branches, *at)), self.root, &**value),
            (Ty::Union(branches), Tree::Branch(at, value)) => (Some((&**branches, *at)), &branches[*at], &**value),
            _ => (None, of, tree),
        };
        let wrap = |value: Tree| union.map_or_else(|| value.clone(), |(_, at)| Tree::Branch(at, Box::new(value.clone())));
        if !self.reference.stays(&self.path) {
            return Ok((parent == Parent::Field || parent == Parent::Root).then(|| self.clear(union, of, "")));
        }
        if of.is_container() {
            return Ok(Some(wrap(self.container(of, value)?)));
        }
        let Some(field) = self.reference.owner(&self.path) else { return Ok(Some(tree.clone())) };
        self.hits.push((field, value.clone()));
        let null = union.and_then(|(branches, _)| branches.iter().position(|branch| *branch == Ty::Null));
        match edit(field) {
            Edit::Clear { text } if *of == Ty::String => Ok(Some(wrap(Tree::Text(String::from_utf8(text.to_vec()).unwrap())))),
            Edit::Clear { .. } => Ok(Some(self.clear(union, of, ""))),
            Edit::Remove => match (parent, null) {
                (Parent::Root, _) => Err(PatchError::RemovesRoot),
                (Parent::Element | Parent::Entry, _) => Ok(None),
                (Parent::Field, Some(null)) => Ok(Some(Tree::Branch(null, Box::new(Tree::Null)))),
                (Parent::Field, None) if *of == Ty::Null => Ok(Some(Tree::Null)),
                (Parent::Field, None) => Err(PatchError::DoesNotFit),
            },
            Edit::Set { kind, .. } => {
                if let Some(new) = as_new(of, kind) {
                    return Ok(Some(wrap(new)));
                }
                let branches = union.map_or(&[][..], |(branches, _)| branches);
                let new = branches.iter().enumerate().find_map(|(at, branch)| Some(Tree::Branch(at, Box::new(as_new(branch, kind)?))));
                new.map(Some).ok_or(PatchError::DoesNotFit)
            }
            Edit::Keep | Edit::Splice { .. } => Ok(Some(tree.clone())),
        }
    }

    fn clear(&self, union: Option<(&[Ty], usize)>, of: &Ty, text: &str) -> Tree {
        let null = union.and_then(|(branches, _)| branches.iter().position(|branch| *branch == Ty::Null));
        match (union, null) {
            (Some((_, at)), _) if *of == Ty::String => Tree::Branch(at, Box::new(Tree::Text(text.to_owned()))),
            (_, Some(null)) => Tree::Branch(null, Box::new(Tree::Null)),
            (Some((_, at)), None) => Tree::Branch(at, Box::new(of.zero(self.root))),
            (None, None) => of.zero(self.root),
        }
    }

    fn child(&mut self, at: usize, of: &Ty, tree: &Tree, parent: Parent) -> Edited {
        self.path.push(at);
        let edited = self.value(of, tree, parent);
        self.path.pop();
        edited
    }

    fn container(&mut self, of: &Ty, value: &Tree) -> Result<Tree, PatchError> {
        let mut at = 0..;
        Ok(match (of, value) {
            (Ty::Record(fields), Tree::Record(values)) => {
                let pairs = fields.iter().zip(values).zip(at);
                let edited = pairs.map(|(((_, of), value), at)| Ok(self.child(at, of, value, Parent::Field)?.unwrap()));
                Tree::Record(edited.collect::<Result<_, PatchError>>()?)
            }
            (Ty::Array(item), Tree::Array(blocks)) => {
                Tree::Array(kept(blocks, |value| self.child(at.next().unwrap(), item, value, Parent::Element))?)
            }
            (Ty::Map(of), Tree::Map(blocks)) => Tree::Map(kept(blocks, |(key, value)| {
                Ok(self.child(at.next().unwrap(), of, value, Parent::Entry)?.map(|value| (key.clone(), value)))
            })?),
            _ => unreachable!(),
        })
    }
}

/// The blocks with what stays of them; a block that loses everything goes.
fn kept<T>(
    blocks: &[(bool, Vec<T>)],
    mut edit: impl FnMut(&T) -> Result<Option<T>, PatchError>,
) -> Result<Vec<(bool, Vec<T>)>, PatchError> {
    let mut kept = Vec::new();
    for (sized, items) in blocks {
        let items: Vec<T> = items.iter().filter_map(|item| edit(item).transpose()).collect::<Result<_, _>>()?;
        if !items.is_empty() {
            kept.push((*sized, items));
        }
    }
    Ok(kept)
}

/// The text `masked`, or the integer 7, as a value of the type.
fn as_new(of: &Ty, kind: u8) -> Option<Tree> {
    match (of, kind == Kind::Text as u8) {
        (Ty::String, true) => Some(Tree::Text("masked".to_owned())),
        (Ty::Int | Ty::Long | Ty::Date | Ty::Millis, false) => Some(Tree::Long(7)),
        (Ty::Float, false) => Some(Tree::Float(7_f32.to_bits())),
        (Ty::Double, false) => Some(Tree::Double(7_f64.to_bits())),
        (Ty::Decimal, false) => Some(Tree::Bytes(vec![0x02, 0xbc])),
        _ => None,
    }
}

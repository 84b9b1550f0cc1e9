//! The slow and plain reading of what selecting and patching mean, over trees of `serde_json`, for tests to compare
//! with. Shares nothing with the walk but parsed selectors, and with the ranks only their definition.

use std::cmp::Reverse;

use serde_json::Value;

use super::selector::{Segment, Selector, Step};

/// The way to a value: the number of the member or element at each level.
type Path = Vec<usize>;

/// The children of a value, with the names of members.
fn children(value: &Value) -> Vec<(Option<&str>, &Value)> {
    match value {
        Value::Array(elements) => elements.iter().map(|element| (None, element)).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (Some(name.as_str()), member)).collect(),
        _ => Vec::new(),
    }
}

fn at<'a>(root: &'a Value, path: &[usize]) -> &'a Value {
    path.iter().fold(root, |value, &step| children(value)[step].1)
}

fn child_paths(root: &Value, path: &Path, step: &Step) -> Vec<Path> {
    let value = at(root, path);
    let children = children(value);
    let picked = |index: usize, name: Option<&str>| match step {
        Step::Wildcard => true,
        Step::Name(wanted) => name == Some(wanted),
        Step::Index(wanted) => value.is_array() && (*wanted == index as i64 || *wanted == index as i64 - children.len() as i64),
    };
    let paths = children.iter().enumerate().filter(|(index, (name, _))| picked(*index, *name));
    paths.map(|(index, _)| [path.as_slice(), &[index]].concat()).collect()
}

fn with_descendants(root: &Value, path: &Path) -> Vec<Path> {
    let mut all = vec![path.clone()];
    for child in child_paths(root, path, &Step::Wildcard) {
        all.extend(with_descendants(root, &child));
    }
    all
}

/// Section 2 of RFC 9535: each segment applied to every value the ones before it gave.
pub(super) fn evaluate(root: &Value, selector: &Selector) -> Vec<Path> {
    evaluate_segments(root, selector.segments())
}

fn evaluate_segments(root: &Value, segments: &[Segment]) -> Vec<Path> {
    let mut paths = vec![Path::new()];
    for Segment { descendant, step } in segments {
        if *descendant {
            paths = paths.iter().flat_map(|path| with_descendants(root, path)).collect();
        }
        paths = paths.iter().flat_map(|path| child_paths(root, path, step)).collect();
    }
    paths.sort();
    paths.dedup();
    paths
}

/// Higher wins: class, depth of the named value, then the counts.
fn rank(selector: &Selector, depth: usize) -> impl Ord + use<> {
    let segments = selector.segments();
    let descendants = segments.iter().filter(|segment| segment.descendant).count();
    let wildcards = segments.iter().filter(|segment| segment.step == Step::Wildcard).count();
    let from_end = segments.iter().filter(|segment| matches!(segment.step, Step::Index(index) if index < 0)).count();
    let class = match (segments.len(), descendants, wildcards) {
        (0, _, _) => 0,
        (_, 1.., _) => 1,
        (_, _, 1..) => 2,
        _ => 3,
    };
    (class, depth, Reverse(descendants), Reverse(wildcards), Reverse(from_end), segments.len())
}

/// What the step does to the value at `path`: none if it goes.
pub(super) struct Reference<'a> {
    pub(super) root: &'a Value,
    fields: Vec<(&'a Selector, Vec<Path>)>,
    keep: Option<Vec<(&'a Selector, Vec<Path>)>>,
    typed: bool,
}

impl<'a> Reference<'a> {
    /// Evaluates all selectors over the document; no `keep` means no allow list.
    pub(super) fn new(root: &'a Value, fields: &'a [Selector], keep: Option<&'a [Selector]>) -> Self {
        let evaluate_all = |selectors: &'a [Selector]| selectors.iter().map(|s| (s, evaluate(root, s))).collect();
        Self { root, fields: evaluate_all(fields), keep: keep.map(evaluate_all), typed: false }
    }

    /// The document has a schema: its names are no data, and a container on the way stays under any.
    pub(super) fn typed(self) -> Self {
        Self { typed: true, ..self }
    }

    /// The field that gets the scalar at `path`.
    pub(super) fn owner(&self, path: &[usize]) -> Option<usize> {
        let mut best = None;
        for (field, (selector, paths)) in self.fields.iter().enumerate() {
            for named in paths.iter().filter(|named| path.starts_with(named)) {
                let rank = rank(selector, named.len());
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    best = Some((rank, field));
                }
            }
        }
        best.map(|(_, field)| field)
    }

    /// Whether the field's selector names anything in the document.
    pub(super) fn matched(&self, field: usize) -> bool {
        !self.fields[field].1.is_empty()
    }

    /// Whether the value at `path` is kept: it or a container around it is listed, or it is a container on the way to
    /// what is, as the root always is; without a schema under a name that no selector writes there only if something
    /// listed is in it. Always so without an allow list.
    pub(super) fn stays(&self, path: &[usize]) -> bool {
        let Some(keep) = &self.keep else { return true };
        let listed = || keep.iter().chain(&self.fields);
        let covered = |path: &[usize]| listed().any(|(_, paths)| paths.iter().any(|named| path.starts_with(named)));
        if covered(path) {
            return true;
        }
        let value = at(self.root, path);
        let on_the_way = || listed().any(|(selector, _)| self.could_reach_below(selector.segments(), path));
        let written = || self.typed || listed().any(|(selector, _)| self.writes(selector.segments(), path));
        let holds = || with_descendants(self.root, &path.to_vec()).iter().any(|below| covered(below));
        (value.is_array() || value.is_object()) && (path.is_empty() || (on_the_way() && (written() || holds())))
    }

    /// Whether the value at `path` is an element, or the selector, as far as it has come at the object around it, goes on
    /// with the member's name.
    fn writes(&self, segments: &[Segment], path: &[usize]) -> bool {
        let Some((&last, parent)) = path.split_last() else { return true };
        let Some(name) = children(at(self.root, parent))[last].0 else { return true };
        segments.iter().enumerate().any(|(passed, Segment { descendant, step })| {
            let here = |named: &Path| if *descendant { parent.starts_with(named) } else { parent == named.as_slice() };
            matches!(step, Step::Name(wanted) if **wanted == *name) && evaluate_segments(self.root, &segments[..passed]).iter().any(here)
        })
    }

    /// Whether some first segments of the selector, but not all of them, name the value at `path`, or it lies in the
    /// reach of a descendant segment.
    fn could_reach_below(&self, segments: &[Segment], path: &[usize]) -> bool {
        fn passed(root: &Value, segments: &[Segment], path: &[usize], from: usize) -> bool {
            let Some((segment, rest)) = segments.split_first() else { return false };
            if from == path.len() {
                return true;
            }
            let here = path[..from].to_vec();
            let picked = child_paths(root, &here, &segment.step).iter().any(|child| child.last() == path.get(from));
            (picked && passed(root, rest, path, from + 1)) || (segment.descendant && passed(root, segments, path, from + 1))
        }
        passed(self.root, segments, path, 0)
    }

    /// The tree after the step: `edit` says what becomes of a field's scalar (none: it is removed).
    pub(super) fn apply(&self, edit: &dyn Fn(usize, &Value) -> Option<Value>) -> Option<Value> {
        self.apply_at(&mut Vec::new(), edit)
    }

    fn apply_at(&self, path: &mut Path, edit: &dyn Fn(usize, &Value) -> Option<Value>) -> Option<Value> {
        if !self.stays(path) {
            return None;
        }
        let value = at(self.root, path);
        let mut below = Vec::new();
        for (index, (name, _)) in children(value).into_iter().enumerate() {
            path.push(index);
            below.extend(self.apply_at(path, edit).map(|child| (name, child)));
            path.pop();
        }
        match value {
            Value::Array(_) => Some(Value::Array(below.into_iter().map(|(_, child)| child).collect())),
            Value::Object(_) => {
                Some(Value::Object(below.into_iter().filter_map(|(name, child)| Some((name?.to_owned(), child))).collect()))
            }
            scalar => self.owner(path).map_or_else(|| Some(scalar.clone()), |field| edit(field, scalar)),
        }
    }

    /// The scalars that fields get, in document order.
    pub(super) fn hits(&self) -> Vec<(usize, Value)> {
        let paths = with_descendants(self.root, &Path::new());
        let scalars = paths.iter().filter(|path| !at(self.root, path).is_array() && !at(self.root, path).is_object());
        scalars.filter_map(|path| Some((self.owner(path)?, at(self.root, path).clone()))).collect()
    }
}

//! Avro: a line that says the schema, the head, then a datum. The plain decoder of the host's tests says what is valid and
//! what is in it.
//!
//! The schema, every sequence of bytes one: `n o i l f d b s D M C U` the scalars (null, boolean, …, date,
//! timestamp-millis, decimal, uuid), `F3` a fixed and `E3` an enum of so many bytes and symbols, `A` an array and `P` a
//! map of what follows, `?` a union of null and what follows, `(…)` a union, `{…}` a record with the fields `a` to `h`,
//! `@` the record that is the root.

use crate::check::{self, Decoded, Format, Walker};
use crate::head::Head;
use crate::host::fields::avro::json::{from_json, to_json};
use crate::host::fields::avro::{Plan, Schema};
use crate::host::fields::{DecodeError, Edit, Hit, Hits, MAX_DEPTH, PatchError, Patched, Selection};
use crate::oracle::{Tree, Ty};
use crate::tree::{Leaf, NULL, Node};

/// Most types of a schema, and how deep they may stand in each other.
const MOST: usize = 40;
const DEEPEST: usize = 8;

/// Most items without bytes. The walker's own limit is a million, which the plain decoder takes seconds for.
const MANY: u64 = 1_000;

struct Avro {
    root: Ty,
    schema: Schema,
}

pub fn run(input: &[u8]) {
    let line = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (said, rest) = (&input[..line], input.get(line + 1..).unwrap_or_default());
    let mut saying = Saying { bytes: said.iter(), left: MOST };
    let mut root = saying.ty(DEEPEST).unwrap_or(Ty::Null);
    if !matches!(root, Ty::Record(_)) {
        without_root(&mut root);
    }
    // Not every union may be.
    let Ok(schema) = Schema::parse(&root.schema(), &[]) else { return };
    let (head, body) = Head::split(rest);
    if (has_empty_items(&root, &root) && says_many(body)) || is_endless(&root) {
        return;
    }
    let format = Avro { root, schema };
    check::body(&format, &head, body);
    view(&format, body);
}

/// A datum as JSON and back is the same datum, and no JSON makes anything that is none.
fn view(format: &Avro, body: &[u8]) {
    let (mut json, mut back, mut again) = (Vec::new(), Vec::new(), Vec::new());
    match to_json(&format.schema, body, &mut json) {
        Ok(()) => {
            from_json(&format.schema, &json, &mut back).unwrap_or_else(|error| panic!("{error}: its own JSON is refused"));
            assert!(!format.decode(&back).refused(), "made of its own JSON, and no datum");
            to_json(&format.schema, &back, &mut again).unwrap_or_else(|error| panic!("{error}: what came back is refused"));
            assert_eq!(json, again, "another datum came back");
        }
        Err(error) => assert!(format.agrees(error, || format.decode(body)), "no JSON of it: {error:?}"),
    }
    back.clear();
    if from_json(&format.schema, body, &mut back).is_ok() {
        assert!(!format.decode(&back).refused(), "made of JSON, and no datum");
    }
}

impl Format for Avro {
    type Walker = Plan;

    fn walker(&self, selection: Selection) -> Option<Plan> {
        Plan::compile(&selection, &self.schema).ok()
    }

    fn decode(&self, body: &[u8]) -> Decoded {
        let mut rest = body;
        let tree = self.root.decode(&self.root, &mut rest, MAX_DEPTH).filter(|_| rest.is_empty());
        tree.map_or(Decoded::Refused, |tree| Decoded::Tree(node(&self.root, &tree, false, &self.root)))
    }

    fn agrees(&self, error: DecodeError, decode: impl Fn() -> Decoded) -> bool {
        match error {
            // Found before the end: the rest may be anything.
            DecodeError::DuplicateName | DecodeError::TooManyItems | DecodeError::RootNotListed => true,
            _ => decode().refused(),
        }
    }

    fn sees_all(&self) -> bool {
        true
    }
}

impl Walker for Plan {
    fn select(&self, body: &[u8], hits: &mut Hits) -> Result<(), DecodeError> {
        Plan::select(self, body, hits)
    }

    fn append_value(&self, body: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        Plan::append_value(self, body, hit, out)
    }

    fn patch<'a>(
        &self,
        body: &[u8],
        hits: &Hits,
        edit: impl FnMut(usize, &Hit) -> Edit<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Patched, PatchError> {
        Plan::patch(self, body, hits, edit, out)
    }
}

/// `nullable`: the value stands in a union that has a null.
fn node(of: &Ty, tree: &Tree, nullable: bool, root: &Ty) -> Node {
    match (of, tree) {
        (Ty::Root, tree) => node(root, tree, nullable, root),
        (Ty::Union(branches), Tree::Branch(at, value)) => node(&branches[*at], value, branches.contains(&Ty::Null), root),
        (Ty::Record(fields), Tree::Record(values)) => {
            let members = fields.iter().zip(values).map(|((name, of), value)| (name.clone(), node(of, value, false, root)));
            Node::Names(members.collect())
        }
        (Ty::Array(of), tree) => Node::List(tree.items().into_iter().map(|(_, item)| node(of, item, false, root)).collect()),
        (Ty::Map(of), tree) => {
            let members = tree.items().into_iter().map(|(name, value)| (name.unwrap_or_default().to_owned(), node(of, value, false, root)));
            Node::Names(members.collect())
        }
        (of, tree) => {
            let zero = if nullable && *of != Ty::String { NULL.to_owned() } else { shown(of, &of.zero(root)) };
            Node::Leaf(Leaf { now: shown(of, tree), zero, text: *of == Ty::String })
        }
    }
}

fn shown(of: &Ty, tree: &Tree) -> String {
    match (of, tree) {
        (_, Tree::Null) => NULL.to_owned(),
        (_, Tree::Text(text)) => format!("{text:?}"),
        // Of all that is not a number one is written.
        (_, Tree::Float(bits)) => format!("{:?}", f32::from_bits(*bits)),
        (_, Tree::Double(bits)) => format!("{:?}", f64::from_bits(*bits)),
        // Leading bytes that only repeat the sign say nothing.
        (Ty::Decimal, Tree::Bytes(bytes)) => {
            let mut bytes = &bytes[..];
            while let [first, second, ..] = bytes
                && *first == if *second < 0x80 { 0 } else { 0xff }
            {
                bytes = &bytes[1..];
            }
            format!("decimal {:?}", if bytes == [0] { &[] } else { bytes })
        }
        (_, tree) => format!("{tree:?}"),
    }
}

/// Reads the line that says the schema.
struct Saying<'a> {
    bytes: std::slice::Iter<'a, u8>,
    left: usize,
}

impl Saying<'_> {
    /// The next type; none where a container ends, or all does.
    fn ty(&mut self, depth: usize) -> Option<Ty> {
        self.left = self.left.checked_sub(1)?;
        let deeper = depth.checked_sub(1);
        loop {
            return Some(match self.bytes.next()? {
                b'n' => Ty::Null,
                b'o' => Ty::Boolean,
                b'i' => Ty::Int,
                b'l' => Ty::Long,
                b'f' => Ty::Float,
                b'd' => Ty::Double,
                b'b' => Ty::Bytes,
                b's' => Ty::String,
                b'D' => Ty::Date,
                b'M' => Ty::Millis,
                b'C' => Ty::Decimal,
                b'U' => Ty::Uuid,
                b'F' => Ty::Fixed(self.number()),
                b'E' => Ty::Enum(self.number()),
                b'A' => Ty::Array(Box::new(self.ty(deeper?)?)),
                b'P' => Ty::Map(Box::new(self.ty(deeper?)?)),
                b'?' => Ty::Union(vec![Ty::Null, self.ty(deeper?)?]),
                b'(' => Ty::Union(self.list(deeper?)),
                b'{' => Ty::Record(('a'..='h').map(String::from).zip(self.list(deeper?)).collect()),
                b'@' => Ty::Root,
                b')' | b'}' => return None,
                _ => continue,
            });
        }
    }

    fn list(&mut self, depth: usize) -> Vec<Ty> {
        std::iter::from_fn(|| self.ty(depth)).collect()
    }

    fn number(&mut self) -> usize {
        self.bytes.next().map_or(0, |&byte| usize::from(byte % 16))
    }
}

fn without_root(of: &mut Ty) {
    match of {
        Ty::Root => *of = Ty::Boolean,
        Ty::Array(inner) | Ty::Map(inner) => without_root(inner),
        Ty::Union(list) => list.iter_mut().for_each(without_root),
        Ty::Record(fields) => fields.iter_mut().for_each(|(_, of)| without_root(of)),
        _ => {}
    }
}

/// Whether there is an array whose items may take no bytes.
fn has_empty_items(of: &Ty, root: &Ty) -> bool {
    match of {
        Ty::Array(item) => is_empty(item, root) || has_empty_items(item, root),
        Ty::Map(inner) => has_empty_items(inner, root),
        Ty::Union(list) => list.iter().any(|of| has_empty_items(of, root)),
        Ty::Record(fields) => fields.iter().any(|(_, of)| has_empty_items(of, root)),
        _ => false,
    }
}

fn is_empty(of: &Ty, root: &Ty) -> bool {
    match of {
        Ty::Null | Ty::Fixed(0) => true,
        Ty::Record(fields) => fields.iter().all(|(_, of)| is_empty(of, root)),
        // A record that is in itself has bytes somewhere.
        Ty::Root => matches!(root, Ty::Record(fields) if fields.iter().all(|(_, of)| matches!(of, Ty::Null | Ty::Fixed(0)))),
        _ => false,
    }
}

/// Whether it is always in itself: no value can be, and whether the walker notices depends on what it looks for.
fn is_endless(of: &Ty) -> bool {
    match of {
        Ty::Record(fields) => fields.iter().any(|(_, of)| *of == Ty::Root || is_endless(of)),
        _ => false,
    }
}

/// Whether a large count may stand anywhere in the body.
fn says_many(body: &[u8]) -> bool {
    let number = |bytes: &[u8]| {
        let (mut number, mut shift) = (0_u64, 0);
        for byte in bytes.iter().take(10) {
            number |= u64::from(byte & 127) << shift;
            shift += 7;
            if *byte < 128 {
                break;
            }
        }
        number
    };
    (0..body.len()).any(|at| number(&body[at..]) > 2 * MANY)
}

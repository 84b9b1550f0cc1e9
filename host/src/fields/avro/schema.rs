//! A schema as the walker uses it: numbered types in flat tables, names resolved. Reads no text (`parse` does) and no
//! datum.

use std::collections::HashMap;
use std::sync::Arc;

use super::logical::Logical;

/// A compiled writer's schema, with everything that it refers to. Cheap to clone: plans share it.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(super) tables: Arc<Tables>,
}

/// The types of a schema and their names.
#[derive(Debug)]
pub(super) struct Tables {
    /// By number. The first ones are the primitive types, for all who name them plainly.
    pub(super) types: Vec<Type>,
    /// Children of records, in the order of their fields, and of unions, each a run.
    pub(super) children: Vec<u32>,
    /// Of records, by their number in `Type::Record`.
    pub(super) records: Vec<Record>,
    /// By their number in `Type::Enum`.
    pub(super) enums: Vec<Enum>,
    /// Fullnames of fixed types, by type.
    pub(super) fixed_names: HashMap<u32, Box<str>>,
    pub(super) root: u32,
    /// Whether a value of the type can have no bytes, by type.
    pub(super) empty: Vec<bool>,
    /// In which order it was seen that the type has a zero, by type; none for one that no finite datum has.
    pub(super) zero_rank: Vec<Option<u32>>,
}

/// A run of `Tables::children`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// What the bytes of a value look like, and what they mean where that is more than the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    Null,
    Boolean,
    Int(Logical),
    Long(Logical),
    Float,
    Double,
    Bytes(Logical),
    String(Logical),
    Fixed { size: u32, logical: Logical },
    Enum { number: u32, symbols: u32 },
    Array(u32),
    Map(u32),
    Union(Run),
    Record { number: u32, fields: Run },
}

impl Type {
    /// Values of it are records, arrays or maps: no single value crosses.
    pub(super) fn is_container(self) -> bool {
        matches!(self, Self::Array(_) | Self::Map(_) | Self::Record { .. })
    }
}

/// The names of a record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) fullname: Box<str>,
    /// By field.
    pub(super) fields: Vec<Field>,
}

/// A field's names; its type is in `Tables::children`.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    /// Those that no other field of the record has as its name or alias: an ambiguous one names nothing, so that a
    /// selector that writes it matches nothing, which is noticed.
    pub(super) aliases: Vec<Box<str>>,
}

/// The names of an enum.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) fullname: Box<str>,
    pub(super) symbols: Vec<Box<str>>,
    /// The symbol that stands for none.
    pub(super) default: u32,
}

impl Tables {
    /// The type of that number; numbers come from these tables alone.
    #[inline(always)]
    pub(super) fn get(&self, number: u32) -> Type {
        self.types[number as usize]
    }

    /// The types of a record's fields or a union's branches.
    #[inline(always)]
    pub(super) fn children(&self, run: Run) -> &[u32] {
        &self.children[run.first as usize..(run.first + run.count) as usize]
    }

    /// The branches of a union; of any other type none.
    pub(super) fn branches(&self, number: u32) -> &[u32] {
        match self.get(number) {
            Type::Union(run) => self.children(run),
            _ => &[],
        }
    }

    /// Which branch of the union is null.
    pub(super) fn null_branch(&self, union: u32) -> Option<u32> {
        self.branches(union).iter().position(|&branch| matches!(self.get(branch), Type::Null)).map(|at| at as u32)
    }

    /// What a union calls the type, and Avro's own JSON: the fullname of a named one, else the word for the type.
    pub(super) fn branch_name(&self, number: u32) -> &str {
        match self.get(number) {
            Type::Null => "null",
            Type::Boolean => "boolean",
            Type::Int(_) => "int",
            Type::Long(_) => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::Bytes(_) => "bytes",
            Type::String(_) => "string",
            Type::Array(_) => "array",
            Type::Map(_) => "map",
            Type::Union(_) => "union",
            Type::Fixed { .. } => self.fixed_names.get(&number).map_or("fixed", |name| name),
            Type::Enum { number, .. } => &self.enums[number as usize].fullname,
            Type::Record { number, .. } => &self.records[number as usize].fullname,
        }
    }

    /// Fills in what is derived from all types together: `empty` and `zero_rank`. Both flow from the types without
    /// children up, each type once, so that a long chain of names costs no more than a short one.
    pub(super) fn derive(&mut self) {
        let mut parents: Vec<Vec<u32>> = vec![Vec::new(); self.types.len()];
        let mut missing: Vec<usize> = vec![0; self.types.len()];
        let (mut filled, mut zeros) = (Vec::new(), Vec::new());
        for number in 0..self.types.len() as u32 {
            match self.get(number) {
                Type::Record { fields, .. } => {
                    missing[number as usize] = self.children(fields).len();
                    self.children(fields).iter().for_each(|&child| parents[child as usize].push(number));
                    if fields.count == 0 {
                        zeros.push(number);
                    }
                }
                Type::Union(branches) => {
                    filled.push(number);
                    missing[number as usize] = 1;
                    self.children(branches).iter().for_each(|&child| parents[child as usize].push(number));
                }
                Type::Null | Type::Fixed { size: 0, .. } => zeros.push(number),
                _ => {
                    filled.push(number);
                    zeros.push(number);
                }
            }
        }
        self.empty = vec![true; self.types.len()];
        while let Some(number) = filled.pop() {
            if std::mem::take(&mut self.empty[number as usize]) {
                let records = parents[number as usize].iter().filter(|&&parent| matches!(self.types[parent as usize], Type::Record { .. }));
                filled.extend(records);
            }
        }
        self.zero_rank = vec![None; self.types.len()];
        let mut next = 0;
        while let Some(&number) = zeros.get(next) {
            if self.zero_rank[number as usize].is_none() {
                self.zero_rank[number as usize] = Some(next as u32);
                for &parent in &parents[number as usize] {
                    let missing = &mut missing[parent as usize];
                    *missing = missing.saturating_sub(1);
                    if *missing == 0 {
                        zeros.push(parent);
                    }
                }
            }
            next += 1;
        }
    }
}

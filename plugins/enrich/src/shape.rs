//! The steps that give a document another shape, in their order: cast, drop, flatten, rename. It must not mind what is
//! not there: a field that is missing needs no shape.
use sluice_json::{Document, Json, Path};

use crate::Fault;
use crate::cast::{Cast, cast};

/// What a document's shape is to be.
#[derive(Debug, Default)]
pub struct Shape {
    /// Values that become another type.
    pub cast: Vec<(Path, Cast)>,
    /// Members and elements that go.
    pub drop: Vec<Path>,
    /// Objects whose members move up.
    pub flatten: Vec<Flatten>,
    /// Members that get another name.
    pub rename: Vec<(Path, String)>,
}

/// An object whose members move up into its place.
#[derive(Debug)]
pub struct Flatten {
    /// Where it is.
    pub path: Path,
    /// What stands before their names.
    pub prefix: String,
    /// With one, objects below move up too, the names on the way joined by it.
    pub delimiter: Option<String>,
}

impl Shape {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.cast.is_empty() && self.drop.is_empty() && self.flatten.is_empty() && self.rename.is_empty()
    }

    /// Gives the document its shape.
    pub fn apply(&self, document: &mut Document<'_>) -> Result<(), Fault> {
        for (path, to) in &self.cast {
            let Some(json) = document.get(path)? else { continue };
            let json = Json::parse(&json).map_err(|_| Fault::NotJson)?;
            if let Some(new) = cast(json, *to)? {
                document.set(path, new)?;
            }
        }
        for path in &self.drop {
            document.remove(path)?;
        }
        for Flatten { path, prefix, delimiter } in &self.flatten {
            document.flatten(path, prefix, delimiter.as_deref())?;
        }
        for (path, name) in &self.rename {
            document.rename(path, name)?;
        }
        Ok(())
    }
}

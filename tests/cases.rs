//! The cases, from the judge's own test to whole stories. A case is one idea; its name says what must hold.

mod checker;

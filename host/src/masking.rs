//! Masking outside of a pipeline: one value through the real component, and the way back for those who have the key. It
//! must not mask by itself: what the plugin does is done in the sandbox or not at all.

mod integer;
mod opening;
mod token;
mod trial;

pub use opening::{Form, NotOpened, Opening, audit};
pub use trial::{Scalar, Trial, TrialError, Tried};

//! The glue between the exports of a component and a plugin type. It must not change what a plugin answers: tests of
//! the host need guests that answer wrongly.
use std::cell::RefCell;

use crate::bindings::exports::sluice::plugin::plugin::Grants as GrantsIn;
use crate::{Batch, Changes, Field, Grants, Plugin, Problem, settings};

/// A code that no plugin can declare: the host refuses it, and the call fails.
const NO_SUCH_CODE: u32 = u32::MAX;

/// The one instance of a component.
#[derive(Debug)]
pub struct Instance<P>(RefCell<Option<P>>);

impl<P: Plugin> Instance<P> {
    /// Not yet made.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Reads the settings and makes the instance.
    pub fn init(&self, settings: &str, grants: GrantsIn) -> Result<(), Vec<Problem>> {
        let plugin = make::<P>(settings, grants)?;
        *self.0.borrow_mut() = Some(plugin);
        Ok(())
    }

    /// Answers a batch.
    pub fn transform(&self, batch: &Batch) -> Result<Changes, u32> {
        let mut plugin = self.0.borrow_mut();
        let plugin = plugin.as_mut().ok_or(NO_SUCH_CODE)?;
        let mut changes = Changes::none();
        match plugin.transform(batch, &mut changes) {
            Ok(()) => Ok(changes),
            Err(rejected) => Err(rejected.0),
        }
    }
}

impl<P: Plugin> Default for Instance<P> {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the settings of the step and of every field, and reports all that is wrong before the plugin sees any.
pub(crate) fn make<P: Plugin>(settings: &str, grants: GrantsIn) -> Result<P, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut fields = Vec::with_capacity(grants.fields.len());
    for (n, field) in grants.fields.into_iter().enumerate() {
        match settings::read(&format!("/fields/{n}"), &field.settings) {
            Ok(settings) => fields.push(Field { selector: field.selector, settings }),
            Err(problem) => problems.push(problem),
        }
    }
    match settings::read("/settings", settings) {
        Err(problem) => problems.insert(0, problem),
        Ok(settings) if problems.is_empty() => {
            let GrantsIn { sees, effects, pipeline, source, target, .. } = grants;
            return P::new(settings, fields, Grants { sees, effects, pipeline, source, target });
        }
        Ok(_) => {}
    }
    Err(problems)
}

/// Makes the component's exports from a type that implements [`Plugin`]. Once in a crate of type `cdylib`; native
/// builds only see that the type is a plugin.
#[macro_export]
macro_rules! register {
    ($plugin:ty) => {
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Description = <$plugin as $crate::Plugin>::describe;

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::exports::sluice::plugin::plugin as contract;

            ::std::thread_local! {
                static INSTANCE: $crate::register::Instance<$plugin> = const { $crate::register::Instance::new() };
            }

            struct Component;

            impl contract::Guest for Component {
                fn describe() -> contract::Description {
                    <$plugin as $crate::Plugin>::describe()
                }

                fn init(
                    settings: ::std::string::String,
                    grants: contract::Grants,
                ) -> ::std::result::Result<(), ::std::vec::Vec<contract::Problem>> {
                    INSTANCE.with(|instance| instance.init(&settings, grants))
                }

                fn transform(batch: contract::Batch) -> ::std::result::Result<contract::Changes, u32> {
                    INSTANCE.with(|instance| instance.transform(&batch))
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}

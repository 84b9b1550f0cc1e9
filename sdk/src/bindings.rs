//! The generated bindings of `wit/v0.1.0`, and the one place of unsafe code in a plugin. Nothing is written by hand
//! here, and no plugin names this module: `register!` does.
#![allow(unsafe_code, clippy::all, missing_docs)]

wit_bindgen::generate!({
    path: "../wit/v0.1.0",
    world: "transform",
    pub_export_macro: true,
    default_bindings_module: "sluice_plugin::bindings",
    generate_unused_types: true,
});

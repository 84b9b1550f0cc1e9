//! Compiles the text of a schema, with those that it imports, into descriptors. The compiler is `protox`; this bounds it.
//! Nothing here reads a message, a file or the network.
//!
//! A schema comes from whoever may write to the registry. So its size, the number of its imports and the depth of its
//! brackets are limited before the compiler sees it, it runs on a thread of its own whose stack is sized for that, and a
//! panic in it is an error like another. Services are dropped, and so are options but for those that change the bytes on
//! the wire: custom ones would only make a schema fail whose imports the registry does not have.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::uninterpreted_option::NamePart;
use prost_reflect::prost_types::{DescriptorProto, EnumDescriptorProto, EnumOptions, FieldDescriptorProto, FieldOptions};
use prost_reflect::prost_types::{FileDescriptorProto, MessageOptions, UninterpretedOption};
use protox::Compiler;
use protox::file::{File, FileResolver, GoogleFileResolver};

use super::known;
use super::schema::SchemaError;

#[cfg(test)]
mod tests;

/// Bytes of a schema's text and all its imports. Stops a registry from taking the memory: descriptors take some fifty
/// times as much.
const MAX_TEXT: usize = 4 << 20;

/// Files that a schema may import, directly or not. The compiler recurses once a file in a chain of imports.
const MAX_IMPORTS: usize = 1000;

/// Brackets of any kind open at once. The compiler recurses once a bracket.
const MAX_NESTING: usize = 64;

/// Bytes; far above what the two limits above need in a build without optimization.
const STACK: usize = 32 << 20;

/// The name that the schema itself gets: it has none in a registry.
pub(super) const MAIN: &str = "<schema>";

/// The descriptors of `text` and of all that it imports. A text is source, or a `FileDescriptorProto` in base64, which a
/// registry returns for `format=serialized`.
pub(super) fn compile(text: &str, references: &[(String, String)]) -> Result<DescriptorPool, SchemaError> {
    if references.len() > MAX_IMPORTS {
        return Err(SchemaError::TooManyImports);
    }
    let bytes = references.iter().fold(text.len(), |sum, (_, text)| sum.saturating_add(text.len()));
    if bytes > MAX_TEXT {
        return Err(SchemaError::TooLarge);
    }
    let mut texts = HashMap::from([(MAIN.to_owned(), text.to_owned())]);
    for (name, text) in references {
        // The same file can come by two ways.
        if texts.insert(name.clone(), text.clone()).is_some_and(|other| other != *text) {
            return Err(SchemaError::ImportTwice { name: name.clone() });
        }
    }
    for text in texts.values().filter(|text| !is_serialized(text)) {
        check_nesting(text)?;
    }
    let compiling = std::thread::Builder::new().name("schema".to_owned()).stack_size(STACK).spawn(move || {
        let mut compiler = Compiler::with_file_resolver(Texts(texts));
        compiler.open_file(MAIN).map(|compiler| compiler.descriptor_pool())
    });
    let result = compiling.map_err(SchemaError::Thread)?.join().map_err(|_| SchemaError::CompilerFailed)?;
    result.map_err(|error| {
        let place = error.file().filter(|file| *file != MAIN).map_or(String::new(), |file| format!("{file}: "));
        SchemaError::Invalid { message: format!("{place}{error}").chars().take(300).collect() }
    })
}

/// The schema and its references, by name; then what every registry knows.
struct Texts(HashMap<String, String>);

impl FileResolver for Texts {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let given = self.0.get(name).map(String::as_str);
        let descriptor = match given.or_else(|| known::source(name)) {
            Some(text) if is_serialized(text) => deserialize(text).map_err(protox::Error::new)?,
            Some(text) => File::from_source(name, text)?.into(),
            None => GoogleFileResolver::new().open_file(name)?.into(),
        };
        Ok(bare(descriptor, name).into())
    }
}

/// Base64 has none of the characters without which no source can say anything.
fn is_serialized(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

fn deserialize(text: &str) -> Result<FileDescriptorProto, SchemaError> {
    let bytes = STANDARD.decode(text.trim()).map_err(|_| SchemaError::NotDescriptor)?;
    let descriptor = FileDescriptorProto::decode(bytes.as_slice()).map_err(|_| SchemaError::NotDescriptor)?;
    if descriptor.syntax() == "editions" {
        return Err(SchemaError::Editions);
    }
    // In source a name is an identifier, in a descriptor it is any text, or none: what has no such name no selector names.
    let package = descriptor.package().is_empty() || descriptor.package().split('.').all(is_identifier);
    let messages = descriptor.message_type.iter().all(is_named);
    let named = package && messages && are_named(&descriptor.enum_type, &descriptor.extension);
    if named { Ok(descriptor) } else { Err(SchemaError::NotDescriptor) }
}

/// Whether a message has a name, and everything in it.
fn is_named(message: &DescriptorProto) -> bool {
    let oneofs = message.oneof_decl.iter().all(|oneof| is_identifier(oneof.name()));
    let inside = are_named(&message.enum_type, &message.field) && are_named(&[], &message.extension);
    is_identifier(message.name()) && oneofs && inside && message.nested_type.iter().all(is_named)
}

fn are_named(enums: &[EnumDescriptorProto], fields: &[FieldDescriptorProto]) -> bool {
    let values = |found: &EnumDescriptorProto| found.value.iter().all(|value| is_identifier(value.name()));
    enums.iter().all(|found| is_identifier(found.name()) && values(found)) && fields.iter().all(|field| is_identifier(field.name()))
}

fn is_identifier(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && name.starts_with(|first: char| !first.is_ascii_digit())
}

/// The file under another name and without what the walk does not need.
fn bare(file: FileDescriptorProto, name: &str) -> FileDescriptorProto {
    let FileDescriptorProto { package, dependency, public_dependency, mut message_type, mut enum_type, mut extension, syntax, .. } = file;
    message_type.iter_mut().for_each(bare_message);
    enum_type.iter_mut().for_each(bare_enum);
    extension.iter_mut().for_each(bare_field);
    let name = Some(name.to_owned());
    let files = FileDescriptorProto { name, package, dependency, public_dependency, syntax, ..FileDescriptorProto::default() };
    FileDescriptorProto { message_type, enum_type, extension, ..files }
}

fn bare_message(message: &mut DescriptorProto) {
    message.nested_type.iter_mut().for_each(bare_message);
    message.enum_type.iter_mut().for_each(bare_enum);
    message.field.iter_mut().chain(&mut message.extension).for_each(bare_field);
    message.oneof_decl.iter_mut().for_each(|oneof| oneof.options = None);
    message.extension_range.iter_mut().for_each(|range| range.options = None);
    message.options = message.options.take().map(|options| MessageOptions {
        map_entry: options.map_entry,
        message_set_wire_format: options.message_set_wire_format.or(flag(&options.uninterpreted_option, "message_set_wire_format")),
        ..MessageOptions::default()
    });
}

fn bare_field(field: &mut FieldDescriptorProto) {
    field.options = field.options.take().map(|options| FieldOptions {
        packed: options.packed.or(flag(&options.uninterpreted_option, "packed")),
        ..FieldOptions::default()
    });
}

fn bare_enum(found: &mut EnumDescriptorProto) {
    found.value.iter_mut().for_each(|value| value.options = None);
    found.options = found.options.take().map(|options| EnumOptions {
        allow_alias: options.allow_alias.or(flag(&options.uninterpreted_option, "allow_alias")),
        ..EnumOptions::default()
    });
}

/// An option as source has it: not yet looked up.
fn flag(options: &[UninterpretedOption], wanted: &str) -> Option<bool> {
    let is = |option: &&UninterpretedOption| matches!(option.name.as_slice(), [NamePart { name_part, is_extension: false }] if name_part == wanted);
    options.iter().find(is).and_then(|option| option.identifier_value.as_deref()).map(|value| value == "true")
}

/// Looks at brackets outside comments and strings, and at the first word.
fn check_nesting(text: &str) -> Result<(), SchemaError> {
    let mut rest = text.as_bytes();
    let mut open = 0_usize;
    let mut begun = false;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'/' if after.starts_with(b"/") => rest = behind(after, b"\n"),
            b'/' if after.starts_with(b"*") => rest = behind(after, b"*/"),
            b'"' | b'\'' => rest = behind_string(after, *first),
            b'{' | b'[' | b'(' | b'<' => open += 1,
            b'}' | b']' | b')' | b'>' => open = open.saturating_sub(1),
            b'e' if !begun && after.strip_prefix(b"dition").is_some_and(|after| !after.first().is_some_and(u8::is_ascii_alphanumeric)) => {
                return Err(SchemaError::Editions);
            }
            _ => {}
        }
        if open > MAX_NESTING {
            return Err(SchemaError::TooNested);
        }
        begun |= first.is_ascii_alphanumeric();
    }
    Ok(())
}

fn behind<'a>(text: &'a [u8], end: &[u8]) -> &'a [u8] {
    memchr::memmem::find(text, end).and_then(|at| text.get(at + end.len()..)).unwrap_or_default()
}

/// A string ends at its quote or, if it is none, with the line.
fn behind_string(mut text: &[u8], quote: u8) -> &[u8] {
    while let [first, after @ ..] = text {
        text = match first {
            b'\\' => after.get(1..).unwrap_or_default(),
            b'\n' => return after,
            first if *first == quote => return after,
            _ => after,
        };
    }
    text
}

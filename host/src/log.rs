//! Logs on stderr: compact for people at a terminal, one JSON object a line for machines.
//! It decides form and level only; that no byte of a record gets in is up to whoever writes a line.

use std::env::{self, VarError};
use std::io::{IsTerminal, stderr};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::{MakeWriter, fmt};
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that says what is logged: a level, or `target=level` pairs with commas between.
pub const VARIABLE: &str = "SLUICE_LOG";

/// What is logged unless [`VARIABLE`] says otherwise. The client library repeats every lost connection at `info`.
const DEFAULT: &str = "info,librdkafka=warn,rdkafka=warn";

/// Who opened masked values is told whatever the variable says.
const ALWAYS: &str = "audit=info";

/// The same for the tools of a plugin's author: what the plugin itself writes, and what goes wrong.
const FOR_AUTHORS: &str = "warn,plugin=debug";

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The variable is not a filter.
    #[error("cannot read {VARIABLE}={given:?}; write a level (error, warn, info, debug, trace) or pairs like sluice=debug,librdkafka=info")]
    Filter {
        /// What it is.
        given: String,
        source: ParseError,
    },
    /// The variable is not text.
    #[error("cannot read {VARIABLE}: it is not UTF-8")]
    NotText,
    /// Something else has set up logging in this process.
    #[error("cannot start logging: it has been started before")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Compact { colour: bool },
    Json,
}

impl Form {
    /// `NO_COLOR` (no-color.org) counts when it is not empty.
    fn choose(terminal: bool, no_color: Option<&str>) -> Self {
        match terminal {
            true => Form::Compact { colour: no_color.is_none_or(str::is_empty) },
            false => Form::Json,
        }
    }
}

/// Starts logging to stderr, for the whole process and for the client library's lines too. Call it once, first.
pub fn init() -> Result<(), LogError> {
    init_with(DEFAULT)
}

/// The same for the tools of a plugin's author: what the plugin itself writes is shown, life events are not.
pub fn init_for_authors() -> Result<(), LogError> {
    init_with(FOR_AUTHORS)
}

fn init_with(default: &str) -> Result<(), LogError> {
    let given = match env::var(VARIABLE) {
        Ok(given) => given,
        Err(VarError::NotPresent) => String::new(),
        Err(VarError::NotUnicode(_)) => return Err(LogError::NotText),
    };
    let no_color = env::var_os("NO_COLOR").map(|value| value.to_string_lossy().into_owned());
    let form = Form::choose(stderr().is_terminal(), no_color.as_deref());
    subscriber(form, filter(default, &given)?, stderr).try_init().map_err(LogError::Twice)
}

/// The given directives on top of the defaults: the same target again replaces, so that `debug` does not also turn
/// the client library's lines on.
fn filter(default: &str, given: &str) -> Result<EnvFilter, LogError> {
    let failed = |source| LogError::Filter { given: given.to_owned(), source };
    EnvFilter::builder().parse(format!("{default},{given},{ALWAYS}")).map_err(failed)
}

fn subscriber<W>(form: Form, filter: EnvFilter, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A line that cannot be written (a full disk, a reader that left) is lost. Told on stderr, where it failed already,
    // it would panic in whatever thread wrote it: a lane's.
    let lines = fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    match form {
        Form::Compact { colour } => Box::new(lines.compact().with_ansi(colour).finish()),
        Form::Json => Box::new(lines.json().flatten_event(true).with_span_list(false).finish()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing::{debug, info, warn};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What five lines become.
    fn logged(form: Form, given: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(form, filter(DEFAULT, given).unwrap(), move || writer.clone()), || {
            info!(target: "sluice::lane", pipeline = "p", offset = 7, "started");
            debug!(target: "sluice::lane", "detail");
            info!(target: "librdkafka", "chatter");
            info!(target: "audit", "opened");
            warn!(target: "librdkafka", "broken");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn levels() {
        for (given, words) in [
            ("", &["started", "opened", "broken"][..]),
            ("warn", &["opened", "broken"]),
            ("debug", &["started", "detail", "opened", "broken"]),
            ("sluice=debug", &["started", "detail", "opened", "broken"]),
            ("librdkafka=info", &["started", "chatter", "opened", "broken"]),
            ("error,librdkafka=off", &["opened"]),
            ("off,audit=off,librdkafka=off", &["opened"]),
        ] {
            let text = logged(Form::Json, given);
            let found: Vec<&str> =
                ["started", "detail", "chatter", "opened", "broken"].into_iter().filter(|word| text.contains(word)).collect();
            assert_eq!(found, words, "{given}");
        }
        let error = filter(DEFAULT, "sluice=loud").unwrap_err().to_string();
        assert!(error.starts_with("cannot read SLUICE_LOG=\"sluice=loud\"; write a level"), "{error}");
    }

    #[test]
    fn machines_get_an_object_a_line() {
        let text = logged(Form::Json, "");
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        for (key, value) in [("level", "INFO"), ("message", "started"), ("pipeline", "p"), ("target", "sluice::lane")] {
            assert_eq!(line[key], value);
        }
        assert_eq!(line["offset"], 7);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn people_get_colour_unless_they_say_no() {
        assert!(logged(Form::Compact { colour: true }, "").contains("\u{1b}["));
        let plain = logged(Form::Compact { colour: false }, "");
        assert!(plain.contains("started pipeline=\"p\" offset=7") && !plain.contains('\u{1b}'), "{plain}");
        for (terminal, no_color, form) in [
            (true, None, Form::Compact { colour: true }),
            (true, Some(""), Form::Compact { colour: true }),
            (true, Some("1"), Form::Compact { colour: false }),
            (false, None, Form::Json),
        ] {
            assert_eq!(Form::choose(terminal, no_color), form);
        }
    }
}

//! A guest that floods the log. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes, host};

struct Floods;

impl Guest for Floods {
    const NAME: &'static str = "guest-flood";
    const TRIES: &'static str = "Logs 100,000 lines and answers in good order.";

    fn misbehave(_: u32, _: &Batch, _: &mut Changes) {
        for line in 0..100_000 {
            host::log(host::Level::Error, &format!("canary {line}"));
        }
    }
}

sluice_plugin::register!(Poisoned<Floods>);

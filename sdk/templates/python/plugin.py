"""Keeps the last characters of a field; every other one becomes *. It must not pass what it does not understand."""

import sluice

NOT_TEXT = 0  # the rejection codes, by their index below


class Plugin(sluice.Plugin):
    name = "my-plugin"
    version = "0.1.0"
    summary = "Keeps the last characters of a field."
    settings = {
        "n": {"description": "Characters that stay.", "type": "integer", "minimum": 0, "maximum": 1000, "default": 4}
    }
    rejections = ["not_text"]

    def mask(self, settings, value, answer):
        if value.kind == sluice.NULL:
            answer.keep()
        elif value.kind == sluice.TEXT or value.is_number:
            text, n = value.text, settings["n"]
            if not 0 < n < len(text):  # none to spare: masked whole
                n = 0
            stars = len(text) - n
            answer.text("*" * stars + text[stars:])
        else:
            answer.reject(NOT_TEXT)

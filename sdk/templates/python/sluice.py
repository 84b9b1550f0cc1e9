"""What a masking plugin is written with: a function from a value to an answer, and settings with their schema. It must
not decide what becomes of a value: one that is not answered fails the call in the host, which is the point.

What is not here is in wit_world.imports, the contract as Python has it: keyed hashes, tables, windows, counters, the log.
"""

import json

from componentize_py_types import Err
from wit_world.imports.types import Answers, Changes, Description, Effects, FieldAnswers, Problem, Rejection, Sees

# What a value is, and so how its bytes read.
NULL = 0  # no bytes
BOOLEAN = 1  # true or false
INTEGER = 2  # the exact text of an integer of any length
DECIMAL = 3  # the exact text of a number that is not an integer
TEXT = 4  # UTF-8
BYTES = 5  # as they are

_KEEP, _SET, _REMOVE, _REJECT, _CLEAR = range(5)


class Value:
    """One value of a batch."""

    __slots__ = ("kind", "data")

    def __init__(self, kind, data):
        self.kind = kind
        self.data = data

    @property
    def is_number(self):
        """Whether it is a number, integer or not."""
        return self.kind in (INTEGER, DECIMAL)

    @property
    def text(self):
        """The bytes as text: of a text, a number or a boolean."""
        return self.data.decode()


class Answer:
    """The answers to one column: one method call for each value, in order."""

    def __init__(self):
        self.row = 0
        self.rejected = []
        self._actions, self._kinds, self._ends, self._data = bytearray(), bytearray(), [], bytearray()

    def keep(self):
        """It stays, byte for byte."""
        self._push(_KEEP, NULL)

    def set(self, kind, data):
        """It becomes this value; the bytes must read as the kind says."""
        self._push(_SET, kind, data)

    def text(self, text):
        """It becomes this text."""
        self._push(_SET, TEXT, text.encode())

    def null(self):
        """It becomes null."""
        self._push(_SET, NULL)

    def remove(self):
        """The field or array element goes."""
        self._push(_REMOVE, NULL)

    def clear(self, text):
        """Text becomes this one, anything else null or its type's zero."""
        self._push(_CLEAR, TEXT, text.encode())

    def reject(self, code):
        """The record cannot be transformed: the index of a code in Plugin.rejections."""
        self._push(_REJECT, NULL)
        self.rejected.append((self.row, code))

    def _push(self, action, kind, data=b""):
        self._actions.append(action)
        self._kinds.append(kind)
        self._data += data
        self._ends.append(len(self._data))

    def _answers(self):
        return Answers(bytes(self._actions), bytes(self._kinds), self._ends, bytes(self._data))


class Plugin:
    """What a plugin is. Derive one, named Plugin, in plugin.py."""

    name = ""  # [a-z][a-z0-9-]*; steps name the plugin by it
    version = ""  # semantic
    summary = ""  # one sentence
    settings = {}  # of a field, each with its JSON Schema; without a default it must be given
    rejections = []  # codes, [a-z][a-z0-9_]*

    def mask(self, settings, value, answer):
        """Answers one value; settings has a value for every name in Plugin.settings."""
        raise NotImplementedError

    def check(self, settings):
        """What else is wrong with the settings of a field, as a sentence; nothing unless written."""

    # The host calls what follows.

    _fields = []

    def describe(self):
        required = [name for name, schema in self.settings.items() if "default" not in schema]
        schema = {"type": "object", "additionalProperties": False, "properties": self.settings, "required": required}
        return Description(
            name=self.name,
            version=self.version,
            summary=self.summary,
            settings_schema='{"type":"object","additionalProperties":false}',
            field_settings_schema=json.dumps(schema),
            sees=Sees(0),
            effects=Effects.EDIT_FIELDS | Effects.REJECT if self.rejections else Effects.EDIT_FIELDS,
            counters=[],
            rejections=self.rejections,
        )

    def init(self, settings, grants):
        fields = []
        problems = _problems({}, json.loads(settings), "/settings")
        for n, field in enumerate(grants.fields):
            given, at = json.loads(field.settings), f"/fields/{n}"
            found = _problems(self.settings, given, at)
            defaults = {name: schema["default"] for name, schema in self.settings.items() if "default" in schema}
            fields.append(defaults | given)
            message = None if found else self.check(fields[-1])
            problems += found + ([Problem(at, message)] if message else [])
        if problems:
            raise Err(problems)
        Plugin._fields = fields

    def transform(self, batch):
        answered, rejected = [], {}
        for n, column in enumerate(batch.fields):
            answer, start, data, settings = Answer(), 0, column.data, Plugin._fields[n]
            for row, kind, end in zip(column.rows, column.kinds, column.ends):
                answer.row = row
                self.mask(settings, Value(kind, data[start:end]), answer)
                start = end
            answered.append(FieldAnswers(n, answer._answers()))
            for row, code in answer.rejected:
                rejected.setdefault(row, code)  # the first reason of a record counts
        rejections = [Rejection(row, rejected[row]) for row in sorted(rejected)]
        return Changes(answered, None, None, [], [], [], [], [], rejections, [])


_TYPES = {"integer": (int, "an integer"), "string": (str, "text"), "boolean": (bool, "true or false")}


def _problems(schemas, given, at):
    """What is wrong with settings: names that are not known, values that are not allowed, names that are missing."""
    found = []
    for name, value in given.items():
        message = _refusal(schemas[name], value) if name in schemas else "unknown setting"
        if message:
            found.append(Problem(f"{at}/{name.replace('~', '~0').replace('/', '~1')}", message))
    missing = [name for name, schema in schemas.items() if "default" not in schema and name not in given]
    return found + [Problem(f"{at}/{name}", "must be given") for name in missing]


def _refusal(schema, value):
    kind, words = _TYPES.get(schema.get("type"), (object, ""))
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return f"must be {words}"
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {schema['enum']}"
    if "minimum" in schema and value < schema["minimum"]:
        return f"must be at least {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        return f"must be at most {schema['maximum']}"
    return None

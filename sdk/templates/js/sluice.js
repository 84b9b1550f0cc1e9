// What a masking plugin is written with: a function from a value to an answer, and settings with their schema. It must not
// decide what becomes of a value: one that is not answered fails the call in the host, which is the point.
//
// What is not here is to be imported from the contract itself: "sluice:plugin/keys@0.1.0" for keyed hashes, and so
// "…/tables", "…/windows", "…/metrics" and "…/log".

// What a value is, and so how its bytes read.
export const NULL = 0; // no bytes
export const BOOLEAN = 1; // true or false
export const INTEGER = 2; // the exact text of an integer of any length
export const DECIMAL = 3; // the exact text of a number that is not an integer
export const TEXT = 4; // UTF-8
export const BYTES = 5; // as they are

const KEEP = 0, SET = 1, REMOVE = 2, REJECT = 3, CLEAR = 4;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Whether a value is a number, integer or not. */
export const isNumber = (value) => value.kind === INTEGER || value.kind === DECIMAL;

/** One value of a batch. */
class Value {
  constructor(kind, data) {
    this.kind = kind;
    this.data = data;
  }

  /** The bytes as text: of a text, a number or a boolean. */
  get text() {
    return decoder.decode(this.data);
  }
}

/** The answers to one column: one method call for each value, in order. */
class Answer {
  constructor(column) {
    this.row = 0;
    this.rejected = [];
    this.actions = [];
    this.kinds = [];
    this.ends = [];
    this.data = new Uint8Array(column.data.length * 2 + 64);
    this.length = 0;
  }

  /** It stays, byte for byte. */
  keep() {
    this.push(KEEP, NULL);
  }

  /** It becomes this value; the bytes must read as the kind says. */
  set(kind, data) {
    this.room(data.length);
    this.data.set(data, this.length);
    this.length += data.length;
    this.push(SET, kind);
  }

  /** It becomes this text. */
  text(text) {
    this.write(text);
    this.push(SET, TEXT);
  }

  /** It becomes null. */
  null() {
    this.push(SET, NULL);
  }

  /** The field or array element goes. */
  remove() {
    this.push(REMOVE, NULL);
  }

  /** Text becomes this one, anything else null or its type's zero. */
  clear(text) {
    this.write(text);
    this.push(CLEAR, TEXT);
  }

  /** The record cannot be transformed: the index of a code in `rejections`. */
  reject(code) {
    this.push(REJECT, NULL);
    this.rejected.push({ row: this.row, code });
  }

  write(text) {
    this.room(text.length * 3);
    this.length += encoder.encodeInto(text, this.data.subarray(this.length)).written;
  }

  room(more) {
    if (this.data.length - this.length < more) {
      const larger = new Uint8Array((this.length + more) * 2);
      larger.set(this.data.subarray(0, this.length));
      this.data = larger;
    }
  }

  push(action, kind) {
    this.actions.push(action);
    this.kinds.push(kind);
    this.ends.push(this.length);
  }

  answers() {
    return {
      actions: Uint8Array.from(this.actions),
      kinds: Uint8Array.from(this.kinds),
      ends: Uint32Array.from(this.ends),
      data: this.data.subarray(0, this.length),
    };
  }
}

/**
 * Makes the exports of a component. A plugin has `name` ([a-z][a-z0-9-]*), `version` (semantic), `summary` (one
 * sentence), `settings` of a field (each with its JSON Schema; without a default it must be given), `rejections` (codes,
 * [a-z][a-z0-9_]*) and `mask(settings, value, answer)`, which answers one value.
 */
export function masking(plugin) {
  const schemas = plugin.settings ?? {};
  const rejections = plugin.rejections ?? [];
  let fields = [];
  return {
    describe() {
      const required = Object.keys(schemas).filter((name) => !("default" in schemas[name]));
      return {
        name: plugin.name,
        version: plugin.version,
        summary: plugin.summary,
        settingsSchema: '{"type":"object","additionalProperties":false}',
        fieldSettingsSchema: JSON.stringify({ type: "object", additionalProperties: false, properties: schemas, required }),
        sees: {},
        effects: { editFields: true, reject: rejections.length > 0 },
        counters: [],
        rejections,
      };
    },

    init(settings, grants) {
      const problems = problemsOf({}, JSON.parse(settings), "/settings");
      const defaults = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, schema.default]));
      fields = grants.fields.map((field, n) => {
        const given = JSON.parse(field.settings);
        problems.push(...problemsOf(schemas, given, `/fields/${n}`));
        return { ...defaults, ...given };
      });
      if (problems.length > 0) throw problems;
    },

    transform(batch) {
      const rejected = new Map();
      const answered = batch.fields.map((column, field) => {
        const answer = new Answer(column);
        let start = 0;
        for (let i = 0; i < column.ends.length; i++) {
          answer.row = column.rows[i];
          plugin.mask(fields[field], new Value(column.kinds[i], column.data.subarray(start, column.ends[i])), answer);
          start = column.ends[i];
        }
        for (const { row, code } of answer.rejected) {
          if (!rejected.has(row)) rejected.set(row, code); // the first reason of a record counts
        }
        return { field, answers: answer.answers() };
      });
      return {
        fields: answered,
        headerRows: new Uint32Array(),
        headers: [],
        timestamps: [],
        routes: [],
        dropped: new Uint32Array(),
        rejected: [...rejected].map(([row, code]) => ({ row, code })).sort((a, b) => a.row - b.row),
        emitted: [],
      };
    },
  };
}

const TYPES = {
  integer: [Number.isSafeInteger, "an integer"],
  string: [(value) => typeof value === "string", "text"],
  boolean: [(value) => typeof value === "boolean", "true or false"],
};

/** What is wrong with settings: names that are not known, values that are not allowed, names that are missing. */
function problemsOf(schemas, given, at) {
  const problems = [];
  for (const [name, value] of Object.entries(given)) {
    const message = Object.hasOwn(schemas, name) ? refusal(schemas[name], value) : "unknown setting";
    if (message) problems.push({ at: `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, message });
  }
  for (const [name, schema] of Object.entries(schemas)) {
    if (!("default" in schema) && !Object.hasOwn(given, name)) problems.push({ at: `${at}/${name}`, message: "must be given" });
  }
  return problems;
}

function refusal(schema, value) {
  const [fits, words] = TYPES[schema.type] ?? [() => true, ""];
  if (!fits(value)) return `must be ${words}`;
  if (schema.enum && !schema.enum.includes(value)) return `must be one of ${schema.enum.join(", ")}`;
  if (value < schema.minimum) return `must be at least ${schema.minimum}`;
  if (value > schema.maximum) return `must be at most ${schema.maximum}`;
  return undefined;
}

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

// A character beyond the first 65536 takes two units of a text; taking texts apart one by one is slow, and rarely needed.
const hasPairs = (text) => /[\ud800-\udfff]/.test(text);

/** How many characters a text has. */
export const length = (text) => (hasPairs(text) ? [...text].length : text.length);

/** The last n characters of a text. */
export const last = (text, n) => (hasPairs(text) ? [...text].slice(-n || Infinity).join("") : text.slice(text.length - n));

/** One value of a batch. */
class Value {
  constructor(column, kind, start, end) {
    this.kind = kind;
    this.column = column;
    this.start = start;
    this.end = end;
  }

  /** Its bytes. */
  get data() {
    return this.column.data.subarray(this.start, this.end);
  }

  /** The bytes as text: of a text, a number or a boolean. */
  get text() {
    return this.column.ascii === null ? decoder.decode(this.data) : this.column.ascii.slice(this.start, this.end);
  }
}

/** All of a column as text where each byte of it is a character: one call of the decoder instead of one a value. */
function asciiOf(data) {
  const text = decoder.decode(data);
  return text.length === data.length && !/[^\0-\x7f]/.test(text) ? text : null;
}

/** The answers to one column: one method call for each value, in order. */
class Answer {
  constructor() {
    this.row = 0;
    this.rejected = [];
    this.actions = [];
    this.kinds = [];
    this.pieces = []; // texts and bytes, one a value
  }

  /** It stays, byte for byte. */
  keep() {
    this.push(KEEP, NULL, "");
  }

  /** It becomes this value; the bytes must read as the kind says. */
  set(kind, data) {
    this.push(SET, kind, Uint8Array.from(data));
  }

  /** It becomes this text. */
  text(text) {
    this.push(SET, TEXT, text);
  }

  /** It becomes null. */
  null() {
    this.push(SET, NULL, "");
  }

  /** The field or array element goes. */
  remove() {
    this.push(REMOVE, NULL, "");
  }

  /** Text becomes this one, anything else null or its type's zero. */
  clear(text) {
    this.push(CLEAR, TEXT, text);
  }

  /** The record cannot be transformed: the index of a code in `rejections`. */
  reject(code) {
    this.push(REJECT, NULL, "");
    this.rejected.push({ row: this.row, code });
  }

  push(action, kind, piece) {
    this.actions.push(action);
    this.kinds.push(kind);
    this.pieces.push(piece);
  }

  answers() {
    const { ends, data } = joined(this.pieces);
    return { actions: Uint8Array.from(this.actions), kinds: Uint8Array.from(this.kinds), ends, data };
  }
}

/** Pieces back to back, and where each of them ends. */
function joined(pieces) {
  const ends = new Uint32Array(pieces.length);
  let end = 0;
  if (pieces.every((piece) => typeof piece === "string")) {
    const data = encoder.encode(pieces.join(""));
    pieces.forEach((piece, i) => (ends[i] = end += piece.length));
    if (data.length === end) return { ends, data }; // a byte for each character
  }
  const encoded = pieces.map((piece) => (typeof piece === "string" ? encoder.encode(piece) : piece));
  end = 0;
  encoded.forEach((piece, i) => (ends[i] = end += piece.length));
  const data = new Uint8Array(end);
  encoded.forEach((piece, i) => data.set(piece, ends[i] - piece.length));
  return { ends, data };
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
        const answer = new Answer();
        const { rows, kinds, ends, data } = column;
        const whole = { data, ascii: asciiOf(data) };
        for (let i = 0, start = 0; i < ends.length; start = ends[i++]) {
          answer.row = rows[i];
          plugin.mask(fields[field], new Value(whole, kinds[i], start, ends[i]), answer);
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

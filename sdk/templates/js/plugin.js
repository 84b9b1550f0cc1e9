// Keeps the last characters of a field; every other one becomes *. It must not pass what it does not understand.
import { NULL, TEXT, isNumber, masking } from "./sluice.js";

const NOT_TEXT = 0; // the rejection codes, by their index below

export const plugin = masking({
  name: "my-plugin",
  version: "0.1.0",
  summary: "Keeps the last characters of a field.",
  settings: {
    n: { description: "Characters that stay.", type: "integer", minimum: 0, maximum: 1000, default: 4 },
  },
  rejections: ["not_text"],

  mask({ n }, value, answer) {
    if (value.kind === NULL) {
      answer.keep();
    } else if (value.kind === TEXT || isNumber(value)) {
      const characters = [...value.text];
      const kept = n < characters.length ? n : 0; // none to spare: masked whole
      const stars = characters.length - kept;
      answer.text("*".repeat(stars) + characters.slice(stars).join(""));
    } else {
      answer.reject(NOT_TEXT);
    }
  },
});

// Errors, for those that come of JavaScript and those that come of the module alike.
// @ts-check

/** Every error of this package. */
export class SelvedgeError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = "SelvedgeError";
    this.code = code;
  }

  /** Those of the module are made in there; they are of this class all the same. */
  static [Symbol.hasInstance](value) {
    return value instanceof Error && value.name === "SelvedgeError";
  }
}

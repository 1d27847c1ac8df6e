// The class of all errors of this package, whether JavaScript or the module creates them.
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

  /** The module creates plain `Error` objects with this name; `instanceof` accepts them too. */
  static [Symbol.hasInstance](value) {
    return value instanceof Error && value.name === "SelvedgeError";
  }
}

// The one kind of error that a reader throws.

/** A structure that cannot become a string. code: as in "Codes" of the documentation; hint: how to mend it, possibly empty. */
export class StructureError extends Error {
  constructor(code, message, hint = "") {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

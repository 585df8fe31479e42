/** A JSON number whose exact decimal value a double does not keep (a 19-digit epoch, a long decimal, 1e400), as its text. */
export class ExactNumber {
  constructor(
    /** The number as it was written, in JSON's grammar. Its length is bounded only by the body's. */
    readonly text: string,
  ) {}
}

/** A JSON value as strict reading returns it: nothing in it was rounded. */
export type ExactJson = null | boolean | number | string | ExactNumber | ExactJson[] | { [key: string]: ExactJson };

/** An answer that is no success, as problem+json. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly { readonly path: string; readonly message: string }[] | undefined;

  constructor(status: number, detail: string, errors?: Refusal["errors"]) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

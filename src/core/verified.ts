// Evidence that has been verified has another type than evidence that was only parsed, so that handing on
// the unverified does not compile. Only files named verify*.ts may call `markVerified` (tools/tidy checks).

declare const verified: unique symbol;

export type Verified<T> = T & { readonly [verified]: true };

/** Asserts that every check on `value` has been made. For verify*.ts files alone. */
export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}

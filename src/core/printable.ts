// Text of others on a terminal. Names and messages come from files that anybody wrote.

/** A line as it can be shown: what could steer a terminal or reorder the line is shown as `?`. */
export function printable(line: string): string {
  return line.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "?");
}

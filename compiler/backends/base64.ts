/** Bytes as text, for artifacts: base64 without line breaks. In plain JavaScript, as the compiler runs in browsers too. */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const word = (a << 16) | (b << 8) | c;
    for (let at = 0; at < 4; at++) text += i + at > bytes.length ? "=" : (alphabet[(word >> (18 - 6 * at)) & 63] ?? "");
  }
  return text;
}

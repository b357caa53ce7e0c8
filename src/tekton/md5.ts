// MD5 (RFC 1321), which Kubernetes' child names are made with; for names alone, it protects nothing.

const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const sines = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);

function padded(data: Uint8Array): DataView {
  const length = ((data.length + 8) >> 6) * 64 + 64;
  const bytes = new Uint8Array(length);
  bytes.set(data);
  bytes[data.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(length - 8, data.length << 3, true);
  view.setUint32(length - 4, Math.floor(data.length / 2 ** 29), true);
  return view;
}

/** RFC 1321 §3.4: the round's function and the index of the word it reads. */
function round(i: number, b: number, c: number, d: number): readonly [number, number] {
  if (i < 16) return [(b & c) | (~b & d), i];
  if (i < 32) return [(d & b) | (~d & c), (5 * i + 1) % 16];
  if (i < 48) return [b ^ c ^ d, (3 * i + 5) % 16];
  return [c ^ (b | ~d), (7 * i) % 16];
}

export function md5Hex(data: Uint8Array): string {
  const view = padded(data);
  const state = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];
  for (let block = 0; block < view.byteLength; block += 64) {
    let [a, b, c, d] = state as [number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const [mixed, word] = round(i, b, c, d);
      const sum = (a + mixed + sines[i]! + view.getInt32(block + 4 * word, true)) | 0;
      const shift = shifts[(i >> 4) * 4 + (i % 4)]!;
      [a, d, c, b] = [d, c, b, (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0];
    }
    [a, b, c, d].forEach((each, index) => (state[index] = (state[index]! + each) | 0));
  }
  const out = new DataView(new ArrayBuffer(16));
  state.forEach((each, index) => out.setInt32(4 * index, each, true));
  return Array.from({ length: 16 }, (_, i) => out.getUint8(i).toString(16).padStart(2, "0")).join("");
}

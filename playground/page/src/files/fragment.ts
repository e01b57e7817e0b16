import type { Inquiry, Source } from "../protocol";

/** What a link carries. It stands behind the `#`, which browsers send to nobody. */
export interface Shared {
  files: Source[];
  inquiry: Inquiry;
}

/** Longer links are cut or refused by programs on their way, in characters. */
export const LONGEST = 60_000;
/** What a link may unpack to, in bytes; a small one can be made to unpack to anything. */
const LARGEST = 2_000_000;
const MARK = "#v1.";

/** The fragment that carries this, or `null` where it is too long. */
export async function toFragment(shared: Shared): Promise<string | null> {
  const packed = new Blob([JSON.stringify(shared)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  if (bytes.length > LONGEST) return null;
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const fragment = MARK + text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return fragment.length > LONGEST ? null : fragment;
}

/** What a fragment carries; `null` where it is none of ours. Throws where it is broken or too large. */
export async function fromFragment(fragment: string): Promise<Shared | null> {
  if (!fragment.startsWith(MARK)) return null;
  if (fragment.length > LONGEST) throw new Error("the link is longer than any that the playground makes");
  const text = atob(fragment.slice(MARK.length).replaceAll("-", "+").replaceAll("_", "/"));
  const packed = new Blob([Uint8Array.from(text, (char) => char.charCodeAt(0))]).stream();
  const reader = packed.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts: BlobPart[] = [];
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > LARGEST) {
      void reader.cancel();
      throw new Error("the link unpacks to more than the playground takes");
    }
    parts.push(part.value as BlobPart);
  }
  const shared = JSON.parse(await new Blob(parts).text()) as Partial<Shared> | null;
  const named = (file: Partial<Source> | null) => typeof file?.name === "string" && typeof file.text === "string";
  const { files, inquiry } = shared ?? {};
  const whole = Array.isArray(files) && files.length > 0 && files.every(named);
  if (!whole || typeof inquiry?.from !== "string" || typeof inquiry.to !== "string")
    throw new Error("the link is incomplete");
  return { files: files.map(({ name, text: content }) => ({ name, text: content })), inquiry };
}

import type { File } from "../workspace";

/** Files as they are on disk now, with what was typed here and not saved; and which of these changed in both places. */
export function merge(here: readonly File[], disk: readonly File[]): { files: File[]; kept: string[] } {
  const kept: string[] = [];
  const files = disk.map((file) => {
    const mine = here.find(({ name }) => name === file.name);
    if (!mine || mine.text === mine.saved || mine.text === file.text) return file;
    if (mine.saved !== file.saved) kept.push(file.name);
    // With the old hash, so that saving says that somebody else changed it.
    return mine;
  });
  return { files, kept };
}

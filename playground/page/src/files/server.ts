import type { File } from "../workspace";

interface Listing {
  revision: string;
  files: { name: string; text: string | null; hash: string; writable: boolean; error?: string }[];
  error: string | null;
}

/** The files that `bookend playground` was given. */
export class Server {
  private revision = "";

  private constructor(private readonly address: string) {}

  /** The server behind this page, if there is one: it says so in the page itself. */
  static behind(page: Document): Server | null {
    const address = page.querySelector('meta[name="bookend-files"]')?.getAttribute("content");
    return address ? new Server(address) : null;
  }

  /** The files as they are now. */
  async files(): Promise<File[]> {
    const response = await fetch(this.address);
    if (!response.ok) throw new Error(`the files cannot be read: ${response.status}`);
    return this.read((await response.json()) as Listing);
  }

  /** Waits until files change, and gives them; ends only with an error. */
  async follow(changed: (files: File[]) => void, lost: (why: string | null) => void): Promise<never> {
    for (;;) {
      try {
        const response = await fetch(`${this.address}?after=${encodeURIComponent(this.revision)}`);
        if (response.status === 200) changed(this.read((await response.json()) as Listing));
        else if (response.status !== 204) throw new Error(`status ${response.status}`);
        lost(null);
      } catch {
        lost("`bookend playground` does not answer any more; start it again to go on with your files");
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
    }
  }

  /** Writes one file, if nobody else has changed it meanwhile. */
  async save(file: File): Promise<string> {
    const response = await fetch(this.address.replace(/files$/, "file"), {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: file.name, text: file.text, hash: file.hash }),
    });
    const answer = (await response.json()) as { hash?: string; error?: string };
    if (!response.ok || !answer.hash) throw new Error(answer.error ?? `status ${response.status}`);
    return answer.hash;
  }

  private read({ revision, files }: Listing): File[] {
    this.revision = revision;
    return files.map(({ name, text, hash, writable }) => ({
      name,
      text: text ?? "",
      saved: text ?? "",
      hash,
      writable: writable && text !== null,
    }));
  }
}

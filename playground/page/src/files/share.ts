import type { Workspace } from "../workspace";
import { LONGEST, toFragment } from "./fragment";

/** Puts everything into a link, and tells where it is. */
export async function share(workspace: Workspace): Promise<string> {
  const fragment = await toFragment({ files: workspace.sources(), inquiry: workspace.inquiry });
  if (!fragment) return `This is too much for a link, which carries ${LONGEST / 1000} kB at most. Export it as a file.`;
  history.replaceState(null, "", fragment);
  const carries = "It carries the text itself, behind the #, so nothing was sent to anybody.";
  try {
    await navigator.clipboard.writeText(location.href);
    return `The link is copied. ${carries}`;
  } catch {
    return `The link is in the address bar. ${carries}`;
  }
}

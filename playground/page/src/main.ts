import "./styles/colours.css";
import "./styles/documents.css";
import "./styles/page.css";
import "./styles/answer.css";
import "./styles/graph.css";
import { EXAMPLES } from "./examples";
import { fromFragment } from "./files/fragment";
import { Server } from "./files/server";
import { Page } from "./page";
import { Workspace } from "./workspace";

const root = document.getElementById("page") as HTMLElement;
const stored = localStorage.getItem("theme");
if (stored) document.documentElement.dataset["theme"] = stored;

async function begin(): Promise<void> {
  const [example] = EXAMPLES;
  const server = Server.behind(document);
  let files = example.files.map((file) => ({ ...file }));
  let inquiry = example.questions[0]?.inquiry ?? { from: "", to: "" };
  let problem: string | null = null;
  let own: "server" | "link" | null = null;
  if (server) {
    try {
      files = await server.files();
      inquiry = { from: "", to: "" };
      own = "server";
    } catch (error) {
      problem = String(error);
    }
  } else {
    try {
      const shared = await fromFragment(location.hash);
      if (shared) {
        ({ files, inquiry } = shared);
        own = "link";
      }
    } catch (error) {
      problem = `This link cannot be read (${error instanceof Error ? error.message : String(error)}), so here is an example.`;
    }
  }
  const before = files.map(({ name, text }) => ({ name, text }));
  const workspace = new Workspace({
    files,
    active: 0,
    before,
    beforeName: "as it was opened",
    inquiry,
    view: "explain",
  });
  const page = new Page(root, workspace, own ? null : example, server);
  if (problem) page.say(problem);
}

void begin();

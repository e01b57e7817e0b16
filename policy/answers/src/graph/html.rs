//! A page in one file: the drawing, and a table of all edges.

use std::fmt::Write;

use super::model::{Edge, Graph};
use super::svg::{self, escape};

const STYLE: &str = "\
body{font:14px/1.5 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;margin:0;color:#0f172a;background:#fff}\
:root{color-scheme:light dark}main{padding:0 24px 48px}.drawing{overflow:auto;border-bottom:1px solid #cbd5e1;max-height:80vh}\
.drawing svg{display:block;max-width:max(100%,900px);height:auto}\
h2{font-size:16px;margin:28px 0 8px}input{font:inherit;padding:6px 10px;width:22em;max-width:100%;border:1px solid #94a3b8;border-radius:6px}\
table{border-collapse:collapse;width:100%;margin-top:12px}th,td{text-align:left;vertical-align:top;padding:6px 14px 6px 0;\
border-bottom:1px solid #e2e8f0}th{position:sticky;top:0;background:#fff}code{font:12px ui-monospace,Menlo,Consolas,monospace}\
td:nth-child(3){min-width:5.5em}td.allowed{color:#1d4ed8}td.requests{color:#92400e}td.denied{color:#b91c1c}ul{margin:0;padding-left:1.1em}\
@media(prefers-color-scheme:dark){body,th{background:#0f172a;color:#e2e8f0}th,td,.drawing{border-color:#334155}\
td.allowed{color:#93c5fd}td.requests{color:#fbbf24}td.denied{color:#fca5a5}}";

const FILTER: &str = "\
const rows=[...document.querySelectorAll('tbody tr')];\
document.querySelector('input').addEventListener('input',e=>{const t=e.target.value.toLowerCase();\
for(const r of rows)r.hidden=!r.textContent.toLowerCase().includes(t)});";

/// Writes the page.
pub(super) fn render(graph: &Graph) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Who can talk to whom</title>\n\
         <style>{STYLE}</style>\n<div class=\"drawing\">\n{}</div>\n<main>\n<h2>Every edge</h2>\n\
         <input type=\"search\" placeholder=\"a name, a port, a rule\" aria-label=\"Filter\">\n<table>\n\
         <thead><tr><th>From<th>To<th>Ports<th>Passes<th>Rules</thead>\n<tbody>\n",
        svg::render(graph)
    );
    for edge in &graph.edges {
        row(&mut page, graph, edge);
    }
    let _ = write!(page, "</tbody>\n</table>\n</main>\n<script>{FILTER}</script>\n</html>\n");
    page
}

fn row(page: &mut String, graph: &Graph, edge: &Edge) {
    let name = |number: usize| {
        graph.nodes.get(number).map_or_else(String::new, |node| {
            let group = graph.groups.get(node.group).map_or("", String::as_str);
            format!(
                "<span title=\"{}\">{}</span>",
                escape(&svg::described(node)),
                escape(&format!("{group}: {}", node.label))
            )
        })
    };
    let requests: String = edge.requests.iter().map(|request| format!("<li>{}", escape(request))).collect();
    let requests = if requests.is_empty() { requests } else { format!("<ul>{requests}</ul>") };
    let rules: Vec<String> = edge.by.iter().map(|id| format!("<code>{}</code>", escape(id))).collect();
    let _ = writeln!(
        page,
        "<tr><td>{}<td>{}<td>{}<td class=\"{}\">{}{requests}<td>{}",
        name(edge.from),
        name(edge.to),
        escape(&edge.ports),
        edge.line.name(),
        edge.line.meaning(),
        rules.join("<br>")
    );
}

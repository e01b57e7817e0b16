//! `bookend graph`

use bookend_answers::graph::Graph;

use crate::exit::Exit;
use crate::output;
use crate::sources::Files;

/// Draw who can talk to whom
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Draw who can talk to whom.

Workloads between which no rule makes a difference are one box, with their number. An edge is traffic that a rule allows: a \
solid line where everything on the connection passes, a dashed one where it depends on the request. What no rule says and no \
isolation denies is allowed too, between every two ends that are not isolated; to draw that would hide everything else, so \
boxes with a dashed border are the ones that are not isolated.",
    after_long_help = "\
Examples:
  A page to look at, or to send to somebody:
    bookend graph -f examples/bookinfo --format html > bookinfo.html

  A drawing for a README:
    bookend graph -f examples/bookinfo --format mermaid

  What is denied between the workloads of one namespace, too:
    bookend graph -f policy.yaml -i inventory.yaml --namespace shop --denied"
)]
pub(crate) struct GraphCommand {
    #[command(flatten)]
    files: Files,

    /// What to print
    #[arg(long, short = 'o', visible_alias = "output", value_enum, default_value_t)]
    format: Form,

    /// Draw only workloads of these namespaces, and whom they talk to
    #[arg(long, value_name = "NAMESPACE", num_args = 1..)]
    namespace: Vec<String>,

    /// Draw what rules deny, too
    #[arg(long)]
    denied: bool,
}

/// How a graph is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// A drawing in one file.
    #[default]
    Svg,
    /// A page in one file, with a table of all edges.
    Html,
    /// For Graphviz.
    Dot,
    /// For Markdown that draws.
    Mermaid,
    /// For programs.
    Json,
}

impl GraphCommand {
    /// Runs the command.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let format = if self.format == Form::Json { output::Format::Json } else { output::Format::Text };
        let documents = self.files.compile(format)?;
        let graph = Graph::new(&documents, &self.namespace, self.denied)?;
        match self.format {
            Form::Svg => output::print(&graph.svg())?,
            Form::Html => output::print(&graph.html())?,
            Form::Dot => output::print(&graph.dot())?,
            Form::Mermaid => output::print(&graph.mermaid())?,
            Form::Json => output::print_json(&graph.answer())?,
        }
        Ok(Exit::Fine)
    }
}

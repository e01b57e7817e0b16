//! Who can talk to whom, as a graph: for programs, and drawn.

mod dot;
mod html;
mod json;
mod layout;
mod mermaid;
mod model;
mod svg;

use bookend_analysis::{Side, reach};

pub use json::{Answer, Placed};
pub use model::Graph;

use crate::documents::Documents;

impl Graph {
    /// The graph of what rules allow, and, if asked for, of what they deny; of some namespaces, or all if none is named.
    ///
    /// # Errors
    /// When a namespace has no workload, and when there are too many edges to look at.
    pub fn new(documents: &Documents, namespaces: &[String], denied: bool) -> anyhow::Result<Self> {
        let compiled = &documents.compiled;
        let found = reach(Side { program: &compiled.program, inventory: &compiled.inventory });
        Self::of(&found, documents, namespaces, denied)
    }

    /// For programs.
    #[must_use]
    pub fn answer(&self) -> Answer<'_> {
        Answer::new(self)
    }

    /// A drawing in one file.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::render(self)
    }

    /// A page in one file: the drawing, and a table of all edges.
    #[must_use]
    pub fn html(&self) -> String {
        html::render(self)
    }

    /// For Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        dot::render(self)
    }

    /// For Markdown that draws.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::render(self)
    }

    /// The graph, and where its drawing has everything.
    #[must_use]
    pub fn placed(&self) -> Placed<'_> {
        Placed::new(self)
    }
}

//! Asks both sites the same, and pairs what they say.

use std::thread;

use bookend_lang::{Options, Source, compile_with};

use crate::client::{self, Verdict};
use crate::generate::Set;
use crate::pilot::Mistake;
use crate::policy::{self, AuthorizationPolicy};
use crate::site::{Judge, Site, Trust};
use crate::world::{authentication, inventory};

/// How many sets one Envoy takes at once.
pub(crate) const MOST: usize = 250;

/// Two sites, and who signs for both.
pub(crate) struct Arena {
    native: Site,
    bookend: Site,
    trust: Trust,
}

/// What both say to one question: Envoy's own filters, and Bookend's.
pub(crate) type Pair = (Verdict, Verdict);

/// What Bookend makes of a set.
pub(crate) struct Compiled {
    pub(crate) configuration: String,
    /// Why it cannot be said exactly.
    pub(crate) inexact: Option<String>,
}

impl Arena {
    pub(crate) fn new() -> Self {
        let (native, bookend) = (Site::new("native"), Site::new("filter"));
        let trust = Trust::new(&native.stand);
        Self { native, bookend, trust }
    }

    /// Starts both, asks both everything, and ends both. `mistakes` are those in the translation of each set.
    pub(crate) fn ask(
        &self,
        sets: &[Set],
        compiled: &[Compiled],
        mistakes: &[Option<Mistake>],
    ) -> anyhow::Result<Vec<Vec<Pair>>> {
        let configurations: Vec<String> = compiled.iter().map(|one| one.configuration.clone()).collect();
        let side = |site: &Site, judge: Judge<'_>| -> anyhow::Result<Vec<Vec<Verdict>>> {
            let envoy = site.start(&self.trust, sets, judge);
            let verdicts = site.stand.namespace().run(|| client::ask(sets, &self.trust.credentials))?;
            envoy.alive()?;
            verdicts
        };
        let (native, bookend) = thread::scope(|scope| {
            let native = scope.spawn(|| side(&self.native, Judge::Native(mistakes)));
            let bookend = side(&self.bookend, Judge::Bookend(&configurations));
            (native.join().expect("the other side does not panic"), bookend)
        });
        let pairs = native?.into_iter().zip(bookend?).map(|(a, b)| a.into_iter().zip(b).collect());
        Ok(pairs.collect())
    }
}

/// Compiles what a set says, as well as may be where it cannot be said exactly.
pub(crate) fn compiled(number: usize, policies: &[AuthorizationPolicy]) -> anyhow::Result<Compiled> {
    let (inventory, authentication, document) =
        (inventory(number), authentication(), policy::document(policies));
    let mut sources = vec![
        Source::new("inventory.yaml", inventory.as_bytes()),
        Source::new("authentication.yaml", authentication.as_bytes()),
    ];
    if !policies.is_empty() {
        sources.push(Source::new("policies.yaml", document.as_bytes()));
    }
    let compile = |best_effort| {
        compile_with(&sources, Options { best_effort }).map_err(|refused| {
            let lines = refused.diagnostics.iter().map(|one| one.line(&sources).to_string());
            lines.collect::<Vec<_>>().join("\n")
        })
    };
    let (compiled, inexact) = match compile(false) {
        Ok(compiled) => (compiled, None),
        Err(why) => match compile(true) {
            Ok(compiled) => (compiled, Some(why)),
            Err(_) => anyhow::bail!("refused:\n{why}\n{document}"),
        },
    };
    let configuration = String::from_utf8(compiled.configuration().to_json()?)?;
    Ok(Compiled { configuration, inexact })
}

//! Envoy's access log, in which the filter names the rule behind every verdict, allowed or denied.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Doing, Result};
use crate::journal::ATTEMPT_HEADER;
use crate::world::topology::PROXY_UID;

/// How often Envoy writes its log out, in milliseconds.
pub(super) const FLUSH: &str = "20";

/// One request, as Envoy saw it end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Access {
    /// The mark of the attempt; `None` if the request had none.
    pub mark: Option<String>,
    /// The status of the answer.
    pub code: u16,
    /// Why it was that: `%RESPONSE_CODE_DETAILS%`.
    pub details: Option<String>,
    /// The id of the rule that decided; `None` without a filter.
    pub rule: Option<String>,
    /// The verdict and the rule of what is only audited, where that differs.
    pub audit: Option<String>,
}

pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join("access.jsonl")
}

/// Makes an empty log that the proxy may append to.
pub(super) fn create(directory: &Path) -> Result<()> {
    let path = file(directory);
    File::create(&path).doing(format!("create `{}`", path.display()))?;
    nix::unistd::chown(&path, Some(PROXY_UID.into()), None).doing("give the proxy its access log")
}

/// The access log of an HTTP connection manager.
pub(super) fn configuration(directory: &Path) -> Value {
    json!([{
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file(directory),
            "log_format": { "json_format": {
                "mark": format!("%REQ({ATTEMPT_HEADER})%"),
                "code": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "rule": "%FILTER_STATE(wasm.bookend.rule:PLAIN)%",
                "audit": "%FILTER_STATE(wasm.bookend.audit:PLAIN)%",
            } },
        },
    }])
}

/// The request with this mark; waits for it, but not longer than `limit`.
pub(super) fn find(directory: &Path, mark: &str, limit: Duration) -> Result<Option<Access>> {
    let end = Instant::now() + limit;
    let path = file(directory);
    loop {
        let text = std::fs::read_to_string(&path).doing(format!("read `{}`", path.display()))?;
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        for line in whole.lines().filter(|line| line.contains(mark)) {
            let access: Access =
                serde_json::from_str(line).doing(format!("read the access log line {line}"))?;
            if access.mark.as_deref() == Some(mark) {
                return Ok(Some(access));
            }
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

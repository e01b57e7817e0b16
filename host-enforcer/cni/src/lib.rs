//! The CNI plugin: the last of a node's chain, which holds a pod's start until its interface is policed.
//!
//! A runtime calls it with variables and a configuration (CNI specification 1.0.0); it asks the enforcer of the node over a
//! Unix socket, and passes on what the plugins before it said. It changes nothing itself.
//!
//! This crate must not know: policies, Kubernetes' API, or how an interface is policed.

mod call;
mod configuration;
mod enforcer;
mod failure;
pub mod wire;

use call::{Call, Verb};
use configuration::Configuration;
use failure::{Code, Failure};

/// The versions of the specification that it speaks, oldest first.
pub const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/// The one it speaks to whoever names none.
const USUAL: &str = "1.0.0";

/// What is written to the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The result, which may be empty.
    Done(String),
    /// The error object.
    Failed(String),
}

/// Does what a runtime asks for with these variables and this input.
pub fn answer(variable: impl Fn(&str) -> Option<String>, input: std::io::Result<&[u8]>) -> Outcome {
    let verb = Verb::of(variable("CNI_COMMAND").as_deref());
    let configuration = match input {
        Ok(input) => Configuration::read(input),
        Err(error) => Err(Failure::new(
            Code::Io,
            format!("the configuration cannot be read from standard input: {error}"),
            "this is the runtime's to repair: it must write the configuration before it waits",
        )),
    };
    let version = match &configuration {
        Ok(configuration) => configuration.version().to_owned(),
        Err(_) => USUAL.to_owned(),
    };
    let done = verb.and_then(|verb| match verb {
        Verb::Version => Ok(versions(&version)),
        // Whatever is wrong: what is to go must not be kept.
        Verb::Delete => {
            if let (Ok(configuration), Ok(call)) = (&configuration, Call::read(&variable, Verb::Delete)) {
                enforcer::forget(configuration.socket(), &call);
            }
            Ok(String::new())
        }
        // The enforcer forgets what is gone by itself.
        Verb::Collect => Ok(String::new()),
        Verb::Status => {
            let configuration = configuration?.checked()?;
            enforcer::status(configuration.socket()).map(|()| String::new())
        }
        Verb::Add => {
            let configuration = configuration?.checked()?;
            let call = Call::read(&variable, Verb::Add)?;
            enforcer::attach(&configuration, &call)?;
            configuration.result().map(str::to_owned)
        }
        Verb::Check => {
            let configuration = configuration?.checked()?;
            let call = Call::read(&variable, Verb::Check)?;
            enforcer::attach(&configuration, &call).map(|()| String::new())
        }
    });
    match done {
        Ok(text) => Outcome::Done(text),
        Err(failure) => Outcome::Failed(failure.text(&version)),
    }
}

/// What it speaks.
fn versions(asked: &str) -> String {
    serde_json::json!({ "cniVersion": asked, "supportedVersions": VERSIONS }).to_string()
}

#[cfg(test)]
mod tests;

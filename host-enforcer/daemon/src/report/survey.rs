//! Asking the proxies of this node's pods which policies they have.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Result};

use super::answer::{self, ADMIN};
use super::namespace::Namespace;

/// What they said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// How many have each revision; empty where a filter has none.
    pub(super) revisions: BTreeMap<String, u32>,
    /// How many did not say.
    pub(super) unreadable: u32,
    /// Whether this enforcer may not enter pods' network namespaces.
    pub(super) forbidden: bool,
}

/// What to do about proxies that may not be asked.
pub(super) const FORBIDDEN: &str = "proxies cannot be asked which policies they have: entering the network namespaces of pods \
     takes CAP_SYS_ADMIN and CAP_SYS_PTRACE; add them to the container, or leave out --ask-proxies";

impl Survey {
    /// Of so many pods, none of which is asked.
    pub(super) fn unasked(pods: usize) -> Self {
        Self { unreadable: u32::try_from(pods).unwrap_or(u32::MAX), ..Self::default() }
    }

    fn take(&mut self, answer: &Result<String>) {
        match answer {
            Ok(revision) => *self.revisions.entry(revision.clone()).or_default() += 1,
            Err(error) => {
                self.unreadable += 1;
                self.forbidden |= error.kind() == ErrorKind::PermissionDenied;
            }
        }
    }
}

/// Asks the proxies of `pods`, which are UIDs and processes, one after the other, elsewhere than on this thread.
pub(super) async fn survey(pods: Vec<(String, Option<u32>)>) -> Survey {
    if pods.is_empty() {
        return Survey::default();
    }
    let asked = tokio::task::spawn_blocking(move || {
        let mut survey = Survey::default();
        for (uid, process) in pods {
            let answer = process.ok_or_else(|| ErrorKind::NotFound.into());
            survey.take(&answer.and_then(|process| ask(&Namespace::of(process, &uid)?)));
        }
        survey
    });
    asked.await.unwrap_or_default()
}

fn ask(namespace: &Namespace) -> Result<String> {
    namespace.inside(|| answer::revision(ADMIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::process::Command;

    /// A network namespace of this test.
    struct Stage(String);

    impl Stage {
        fn new() -> Self {
            let name = format!("bkrep{}", std::process::id());
            run(&["netns", "add", &name]);
            run(&["-n", &name, "link", "set", "lo", "up"]);
            Self(name)
        }
    }

    impl Drop for Stage {
        fn drop(&mut self) {
            let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
        }
    }

    fn run(arguments: &[&str]) {
        let output = Command::new("ip").args(arguments).output().unwrap();
        assert!(output.status.success(), "this test needs root: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    #[ignore = "needs root: it makes a network namespace"]
    fn a_proxy_is_asked_inside_of_its_pods_network_namespace() {
        let stage = Stage::new();
        let namespace = Namespace::at(&format!("/run/netns/{}", stage.0)).unwrap();
        assert_eq!(ask(&namespace).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let listener = namespace.inside(|| TcpListener::bind(ADMIN)).unwrap();
        let admin = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 512];
            let length = stream.read(&mut asked).unwrap();
            let body = "wasmcustom.bookend.policy.revision: 189\n";
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        assert_eq!(ask(&namespace).unwrap(), "0000000000bd");
        assert!(admin.join().unwrap().starts_with("GET /stats?filter=bookend.policy.revision HTTP/1.1\r\n"));
        // Nobody outside was asked, and this thread is where it was.
        assert!(Namespace::at("/proc/self/ns/net").is_err());
    }

    #[test]
    fn what_nobody_may_ask_is_unreadable() {
        let mut survey = Survey::default();
        survey.take(&Ok("a".to_owned()));
        survey.take(&Ok("a".to_owned()));
        survey.take(&Ok(String::new()));
        survey.take(&Err(ErrorKind::ConnectionRefused.into()));
        assert!(!survey.forbidden);
        survey.take(&Err(ErrorKind::PermissionDenied.into()));
        assert_eq!(survey.unreadable, 2);
        assert_eq!(survey.revisions, BTreeMap::from([("a".to_owned(), 2), (String::new(), 1)]));
        assert!(survey.forbidden);
        assert_eq!(Survey::unasked(3), Survey { unreadable: 3, ..Survey::default() });
    }

    #[tokio::test]
    async fn a_process_that_is_no_pods_is_not_asked() {
        let survey =
            survey(vec![("uid".to_owned(), Some(std::process::id())), ("gone".to_owned(), None)]).await;
        assert_eq!((survey.unreadable, survey.revisions.len()), (2, 0));
    }
}
